//! The canonical description of a run and the short hash that names it.

use crate::checkpoint::HeadChange;
use crate::condition::Condition;
use crate::model::{Architecture, History, RunId, Treatment};
use crate::random::Seed;
use crate::training::TrainingArgs;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The version of the layout of specs and records; raised when a field changes its name or meaning.
pub const SCHEMA_VERSION: u32 = 2;

/// The version of the arithmetic; raised when the same spec may give other results than before.
pub const NUMERICS_VERSION: u32 = 5;

/// When the damage is done, relative to fine-tuning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Pre-trained → corrupt → fine-tune: the one of the paper (arXiv:2406.14459).
    #[default]
    Pretrained,
    /// Pre-trained → fine-tune → corrupt → fine-tune again.
    Finetuned,
}

impl Protocol {
    /// Its name, as options and files have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pretrained => "pretrained",
            Self::Finetuned => "finetuned",
        }
    }
}

/// The split whose figures are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportSplit {
    /// The test split, wherever it has labels.
    Test,
    /// The validation split, where test is missing or unlabelled.
    Validation,
}

/// What a run starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// A short name to show: catalogue name, hub id or the folder's last component. Not part of the [`RunId`].
    pub name: String,
    /// The family of the encoder.
    pub architecture: Architecture,
    /// SHA-256 (hex) of the config's bytes.
    pub config_sha256: String,
    /// SHA-256 (hex) of the tokenizer as it is used: its files, `tokenizer_config.json` included, and what was made of
    /// them.
    pub tokenizer_sha256: String,
    /// SHA-256 (hex) over the weight files' bytes in the order of their names; none for a random initialisation.
    pub weights_sha256: Option<String>,
    /// Whether the weights are drawn from the head seed instead of read.
    pub random: bool,
    /// What became of a head of as many classes as the dataset has, whose names are in another order or are others; none
    /// where it fits as it is, or there was none of as many. Specs without it kept every such head by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadChange>,
}

/// What a run learns from and is judged on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// A short name to show: catalogue name, hub id or the last component of the path. Not part of the [`RunId`].
    pub name: String,
    /// Number of classes.
    pub n_labels: usize,
    /// Class names in the order of their ids, as resolved: two runs that name classes otherwise make other checkpoints.
    /// Specs of schema 1 lack them.
    #[serde(default)]
    pub label_names: Vec<String>,
    /// Rows used of each split, after limits, seeded splitting and skipping.
    pub rows: SplitRows,
    /// Rows left out because they could not be read and the user said to skip such rows.
    pub n_bad_rows_skipped: usize,
    /// SHA-256 (hex) of the rows used of all splits, in order.
    pub content_sha256: String,
}

/// A number of rows for each split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRows {
    /// Rows of the training split.
    pub train: usize,
    /// Rows of the validation split.
    pub validation: usize,
    /// Rows of the test split.
    pub test: usize,
}

/// The independent sources of randomness of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Which weights are damaged, and how.
    pub corruption: Seed,
    /// Initialisation of the classifier (and of random weights), and dropout.
    pub head: Seed,
    /// Order of training rows, and which of them a limit leaves.
    pub data: Seed,
    /// Which rows are held out of train where a split is missing, and which a limit on validation or test leaves: the same
    /// for all runs unless asked otherwise, so that all are judged on the same rows and none has trained on another's.
    /// Specs of schema 1 lack it; there the data seed chose them.
    #[serde(default)]
    pub split: Seed,
}

impl Seeds {
    /// The same number for corruption, head and data, whose streams are still independent, and the split that all runs
    /// share.
    #[must_use]
    pub fn all(seed: u64) -> Self {
        Self { corruption: Seed(seed), head: Seed(seed), data: Seed(seed), split: Seed::default() }
    }
}

/// Everything that decides the outcome of a run, and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema: u32,
    /// [`NUMERICS_VERSION`] of the program that wrote it.
    pub numerics_version: u32,
    /// What it starts from.
    pub model: ModelSpec,
    /// What it learns from and is judged on.
    pub dataset: DatasetSpec,
    /// When the damage is done; without effect when there is none.
    pub protocol: Protocol,
    /// The corruption plan in its canonical form; none for a run that only has a healthy model.
    pub corruption: Option<String>,
    /// The fine-tuning recipe.
    pub training: TrainingArgs,
    /// The seeds; that of corruption has no effect when there is none.
    pub seeds: Seeds,
    /// The split whose figures are reported.
    pub report_split: ReportSplit,
}

impl RunSpec {
    /// A spec with the versions of this program.
    #[must_use]
    pub fn new(
        model: ModelSpec,
        dataset: DatasetSpec,
        corruption: Option<(Protocol, String)>,
        training: TrainingArgs,
        seeds: Seeds,
        report_split: ReportSplit,
    ) -> Self {
        let (protocol, corruption) = corruption.map_or((Protocol::default(), None), |(p, plan)| (p, Some(plan)));
        Self {
            schema: SCHEMA_VERSION,
            numerics_version: NUMERICS_VERSION,
            model,
            dataset,
            protocol,
            corruption,
            training,
            seeds,
            report_split,
        }
    }

    /// The same fine-tuning without corruption, which every run is compared with.
    #[must_use]
    pub fn healthy(&self) -> Self {
        Self { corruption: None, protocol: Protocol::default(), ..self.clone() }
    }

    /// Whether another version of this program's arithmetic or layout wrote it.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        (self.schema, self.numerics_version) != (SCHEMA_VERSION, NUMERICS_VERSION)
    }

    /// The short name of this spec: equal for two specs exactly when nothing that decides the outcome differs.
    ///
    /// # Panics
    /// Never: a spec has only string keys, and its numbers that are not finite become `null`.
    #[must_use]
    pub fn id(&self) -> RunId {
        let value = serde_json::to_value(self).expect("a spec has string keys only");
        RunId::of_digest(hex::encode(Sha256::digest(canonical_json(&value))))
    }
}

/// The canonical text of a spec's JSON: what does not decide the outcome left out, keys sorted, no white space.
///
/// Left out are the names of model and dataset (their hashes are in), and, without corruption, the protocol and the
/// seed of corruption; so the healthy part of a corrupted run has the id of the run that was asked without `--corrupt`.
#[must_use]
pub fn canonical_json(spec: &Value) -> String {
    sorted(canonical(spec)).to_string()
}

/// As [`canonical_json`], before it is sorted and printed.
pub(super) fn canonical(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let without_corruption = spec.get("corruption").is_none_or(Value::is_null);
    let mut leave_out = |section: Option<&str>, field: &str| {
        let object = match section {
            Some(section) => spec.get_mut(section),
            None => Some(&mut spec),
        };
        object.and_then(Value::as_object_mut).and_then(|object| object.shift_remove(field));
    };
    leave_out(Some("model"), "name");
    leave_out(Some("dataset"), "name");
    if without_corruption {
        leave_out(None, "protocol");
        leave_out(Some("seeds"), "corruption");
    }
    spec
}

/// The keys of every object in ascending order, and floating-point numbers as Rust's shortest text, such as `5e-5`.
///
/// `serde_json` keeps whatever order it is given, and prints such numbers differently from version to version.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> =
                object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Number(number) if number.is_f64() => {
            Value::String(number.as_f64().map_or_else(|| number.to_string(), |x| format!("{x:e}")))
        }
        leaf => leaf,
    }
}

impl History {
    /// What has been done to one of a run's models when this had been done to the model that the run started from.
    #[must_use]
    pub fn after_run(&self, spec: &RunSpec, condition: Condition) -> Self {
        let healthy = Treatment::FineTuned { run: spec.healthy().id() };
        match condition {
            Condition::Healthy => return self.then(healthy),
            Condition::Control => {
                return self.then(healthy).then(Treatment::FineTunedAgain { run: spec.healthy().id() });
            }
            Condition::Corrupted | Condition::Healed => {}
        }
        let before = match spec.protocol {
            Protocol::Pretrained => self.clone(),
            Protocol::Finetuned => self.then(healthy),
        };
        let corrupted = match &spec.corruption {
            Some(plan) => before.then(Treatment::Corrupted { plan: plan.clone(), seed: spec.seeds.corruption }),
            None => before,
        };
        if condition == Condition::Corrupted {
            corrupted
        } else {
            corrupted.then(Treatment::FineTuned { run: spec.id() })
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn spec() -> RunSpec {
        let model = ModelSpec {
            name: "all-MiniLM-L6-v2".into(),
            architecture: Architecture::Bert,
            config_sha256: "c0".repeat(32),
            tokenizer_sha256: "70".repeat(32),
            weights_sha256: Some("a1".repeat(32)),
            random: false,
            head: None,
        };
        let dataset = DatasetSpec {
            name: "trec6".into(),
            content_sha256: "d4".repeat(32),
            n_labels: 6,
            label_names: ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"].map(str::to_owned).to_vec(),
            rows: SplitRows { train: 5452, validation: 0, test: 500 },
            n_bad_rows_skipped: 0,
        };
        let corruption = Some((Protocol::Finetuned, "kaiming@bottom:0.5".into()));
        RunSpec::new(model, dataset, corruption, TrainingArgs::default(), Seeds::all(7), ReportSplit::Test)
    }

    #[test]
    fn the_id_of_a_spec_does_not_change_by_accident() {
        // A change here orphans every finished run: raise SCHEMA_VERSION or NUMERICS_VERSION on purpose instead.
        assert_eq!(spec().id().as_str(), "4ff2427874c1");
    }

    #[test]
    fn the_id_ignores_names_and_key_order() {
        let mut renamed = spec();
        renamed.model.name = "elsewhere".into();
        renamed.dataset.name = "copy-of-trec6".into();
        assert_eq!(renamed.id(), spec().id());

        let value = serde_json::to_value(spec()).unwrap();
        let reversed: serde_json::Map<_, _> = value.as_object().unwrap().clone().into_iter().rev().collect();
        assert_eq!(canonical_json(&Value::Object(reversed)), canonical_json(&value));
    }

    #[test]
    fn the_id_changes_with_everything_that_decides_a_result() {
        let mut changed = vec![spec(); 16];
        changed[0].numerics_version += 1;
        changed[1].model.weights_sha256 = None;
        changed[2].dataset.content_sha256 = "d5".repeat(32);
        changed[3].dataset.rows.train = 100;
        changed[4].protocol = Protocol::Pretrained;
        changed[5].corruption = Some("kaiming@top:0.5".into());
        changed[6].training.learning_rate = 1e-4;
        changed[7].seeds.corruption = Seed(8);
        changed[8].seeds.head = Seed(8);
        changed[9].seeds.data = Seed(8);
        changed[10].report_split = ReportSplit::Validation;
        changed[11].seeds.split = Seed(8);
        changed[12].dataset.label_names.swap(0, 1);
        changed[13].model.tokenizer_sha256 = "71".repeat(32);
        changed[14].model.head = Some(HeadChange::DrawnAnew);
        changed[15].model.head = Some(HeadChange::KeptByNumber);
        let mut ids: Vec<RunId> = changed.iter().chain([&spec()]).map(RunSpec::id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 17);
    }

    #[test]
    fn the_healthy_part_has_the_id_of_the_run_that_was_asked_without_corruption() {
        let mut asked = spec();
        asked.corruption = None;
        assert_eq!(spec().healthy().id(), asked.id());
        asked.seeds.corruption = Seed(99);
        assert_eq!(spec().healthy().id(), asked.id());
        assert_ne!(spec().id(), asked.id());
    }

    #[test]
    fn a_spec_survives_its_file() {
        let mut spec = spec();
        spec.training.learning_rate = 2e-5_f64.next_up();
        let text = serde_json::to_string_pretty(&spec).unwrap();
        assert_eq!(serde_json::from_str::<RunSpec>(&text).unwrap(), spec);
    }

    #[test]
    fn an_unknown_field_in_a_spec_is_refused_by_name() {
        let mut value = serde_json::to_value(spec()).unwrap();
        value["training"]["lerning_rate"] = 1.0.into();
        let error = serde_json::from_value::<RunSpec>(value).unwrap_err().to_string();
        assert!(error.contains("lerning_rate"), "{error}");
    }
}
