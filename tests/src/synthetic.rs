//! Records of runs that never were, by a simple law with noise: for pictures of reports, and for tests of their size.
//!
//! Undamaged models learn `0.5·n^(−0.25)` of error from n rows; damage of a level takes 60 points of accuracy times the level,
//! twice as many at the bottom as at the top; healing brings all but `level/(2 + epochs)` of it back, and weights a little.

use shared::Condition;
use shared::corruption::Plan;
use shared::evaluation::Metrics;
use shared::inspection::{Part, WeightDistance};
use shared::model::Architecture;
use shared::random::{Seed, Stream};
use shared::record::{
    DatasetSpec, Environment, Hashes, ModelResult, ModelSpec, Numerics, PhaseSummary, Protocol, Provenance,
    ReportSplit, ResultHashes, RunRecord, RunSpec, RunStatus, Seeds, Source, SourceKind, SplitRows, TrainSummary,
    WeightsReturned,
};
use shared::training::{Precision, TrainingArgs};

const N_LAYERS: usize = 6;
const N_TEST: usize = 1_000;

/// Which runs there are: each of these with each other.
#[derive(Clone, Debug)]
pub struct Design {
    /// Names of models.
    pub models: Vec<&'static str>,
    /// Names of datasets.
    pub datasets: Vec<&'static str>,
    /// When the damage is done.
    pub protocol: Protocol,
    /// Damages.
    pub plans: Vec<String>,
    /// Numbers of training rows; the last is all there are, others are drawn by seed.
    pub train_rows: Vec<usize>,
    /// Lengths of training.
    pub epochs: Vec<f64>,
    /// Seeds from 0 on.
    pub n_seeds: u64,
}

impl Default for Design {
    fn default() -> Self {
        Self {
            models: vec!["tiny"],
            datasets: vec!["sst2"],
            protocol: Protocol::Finetuned,
            plans: plans(&[0.25, 0.5, 0.75, 1.0]),
            train_rows: vec![5_000],
            epochs: vec![3.0],
            n_seeds: 6,
        }
    }
}

/// Kaiming damage of these levels from both ends.
#[must_use]
pub fn plans(levels: &[f64]) -> Vec<String> {
    ["bottom", "top"]
        .into_iter()
        .flat_map(|end| levels.iter().map(move |level| format!("kaiming@{end}:{level}")))
        .collect()
}

impl Design {
    /// The records, in the order of the lists.
    #[must_use]
    pub fn records(&self) -> Vec<RunRecord> {
        let mut records = Vec::new();
        for model in &self.models {
            for dataset in &self.datasets {
                for n_train in &self.train_rows {
                    for epochs in &self.epochs {
                        for plan in &self.plans {
                            let of = |seed| self.record(model, dataset, *n_train, *epochs, plan, seed);
                            records.extend((0..self.n_seeds).map(of));
                        }
                    }
                }
            }
        }
        records
    }

    fn record(&self, model: &str, dataset: &str, n_train: usize, epochs: f64, plan: &str, seed: u64) -> RunRecord {
        let is_whole = Some(&n_train) == self.train_rows.last();
        let rows_name = if is_whole { dataset.to_owned() } else { format!("{dataset} {n_train} {seed}") };
        let (model_spec, dataset_spec) = (model_spec(model), dataset_spec(dataset, &rows_name, n_train));
        let training = TrainingArgs { epochs, ..TrainingArgs::default() };
        let corruption = Plan::parse(plan).unwrap().to_string();
        let damage = Some((self.protocol, corruption.clone()));
        let spec = RunSpec::new(model_spec, dataset_spec, damage, training, Seeds::all(seed), ReportSplit::Test);
        // What runs of a seed share, and what is each one's own.
        let name = format!("{model} {rows_name} {epochs}");
        let (common, own) = (noise(seed, &name), noise(seed, &format!("{name} {corruption}")));
        let level: f64 = plan.rsplit(':').next().and_then(|level| level.parse().ok()).unwrap_or(1.0);
        let weight = if plan.contains("bottom") { 2.0 } else { 1.0 };
        let hardness = 0.04 * (dataset.len() % 5) as f64;
        let undamaged = 0.98 - hardness - 0.5 * (n_train as f64).powf(-0.25) + 0.006 * common.normal_at(0);
        let corrupted = (undamaged - 0.3 * weight * level + 0.02 * own.normal_at(0)).max(0.34);
        let healed = undamaged - 0.12 * weight * level / (2.0 + epochs) + 0.005 * own.normal_at(1);
        let is_failed = own.below_at(9, 100) == 0;
        let result = |accuracy: f64, error: f64| Some(result(accuracy, error.abs()));
        let status = if is_failed {
            let reason = "loss is NaN".to_owned();
            RunStatus::Failed { phase: Condition::Healed, step: 17, learning_rate: 5e-5, reason }
        } else {
            RunStatus::Ok
        };
        let healed = result(healed, 0.03 + 0.02 * level + 0.004 * own.normal_at(2)).filter(|_| !is_failed);
        RunRecord {
            run_id: spec.id(),
            status,
            healthy: result(undamaged - 0.004, 0.02 + 0.003 * common.normal_at(1)),
            control: result(undamaged, 0.03 + 0.003 * common.normal_at(2))
                .filter(|_| self.protocol == Protocol::Finetuned),
            corrupted: result(corrupted, 0.2 + 0.1 * level + 0.02 * own.normal_at(3)),
            weights: Some(weights(plan, level, &own, healed.is_some())),
            healed,
            recovery: None,
            deficit: None,
            against_healthy: None,
            train: TrainSummary::from_phases(Condition::FINE_TUNED.map(phase).into()),
            corruption: None,
            hashes: Hashes {
                weights: Some(hash(model)),
                data: spec.dataset.content_sha256.clone(),
                checkpoints: ResultHashes { healed: Some(hash(&name)), ..ResultHashes::default() },
            },
            provenance: Provenance { model: Some(source(model)), dataset: Some(source(dataset)) },
            peak_rss_mib: None,
            numerics: Some(Numerics {
                device_kind: "cpu".into(),
                instruction_set: "avx512".into(),
                kernels: "fused".into(),
                dtype: Precision::F32,
            }),
            environment: Environment {
                version: "0.1.0".into(),
                commit: "302c46971ad7".into(),
                device: "cpu".into(),
                dtype: Precision::F32,
                threads: None,
            },
            notes: Vec::new(),
            spec,
        }
    }
}

fn noise(seed: u64, name: &str) -> Stream {
    Seed(seed).stream("synthetic", name)
}

fn hash(name: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(name))
}

fn model_spec(name: &str) -> ModelSpec {
    ModelSpec {
        name: name.to_owned(),
        architecture: Architecture::Bert,
        config_sha256: hash(&format!("{name} config")),
        tokenizer_sha256: hash("tokenizer"),
        weights_sha256: Some(hash(name)),
        random: false,
        head: None,
    }
}

fn dataset_spec(name: &str, rows_name: &str, n_train: usize) -> DatasetSpec {
    DatasetSpec {
        name: name.to_owned(),
        content_sha256: hash(rows_name),
        n_labels: 2,
        label_names: vec!["negative".into(), "positive".into()],
        rows: SplitRows { train: n_train, validation: 0, test: N_TEST },
        n_bad_rows_skipped: 0,
    }
}

fn source(name: &str) -> Source {
    Source {
        kind: SourceKind::Hub,
        id: format!("example/{name}"),
        revision: Some(hash(name)[..40].to_owned()),
        files: Vec::new(),
    }
}

fn result(accuracy: f64, error: f64) -> ModelResult {
    let n_right = (accuracy.clamp(0.0, 1.0) * N_TEST as f64).round();
    let accuracy = n_right / N_TEST as f64;
    ModelResult {
        metrics: Metrics {
            accuracy,
            macro_f1: accuracy,
            loss: Some(1.0 - accuracy),
            expected_calibration_error: Some(error),
            n: N_TEST,
            n_non_finite: 0,
            n_saturated: 0,
            largest_class_share: Some(0.5),
        },
        predictions: "predictions".into(),
    }
}

fn phase(phase: Condition) -> PhaseSummary {
    PhaseSummary {
        phase,
        steps: 471,
        steps_this_process: 471,
        epochs: 3.0,
        secs: None,
        samples: 15_000,
        tokens: 300_000,
        loss_first: Some(0.7),
        loss_last: Some(0.2),
        resumed_from: Vec::new(),
        reused_from: None,
    }
}

/// Damaged layers stand at about a right angle, and healing moves them a little.
fn weights(plan: &str, level: f64, own: &Stream, has_healed: bool) -> WeightsReturned {
    let n_damaged = (level * N_LAYERS as f64 + 0.5).floor() as usize;
    let is_damaged = |layer_idx: usize| {
        if plan.contains("bottom") { layer_idx < n_damaged } else { layer_idx >= N_LAYERS - n_damaged }
    };
    let of = |is_healed: bool| {
        let part = |(i, part): (usize, Part)| {
            let is_damaged = matches!(part, Part::Layer(layer_idx) if is_damaged(layer_idx));
            let (distance, cosine) = if is_damaged { (1.2, 0.02) } else { (0.02, 0.9998) };
            let back = if is_damaged && is_healed { 0.04 } else { 0.0 };
            let jitter = 0.005 * own.normal_at(20 + i as u64);
            WeightDistance { part, relative: Some(distance - back + jitter), cosine: Some(cosine + back) }
        };
        let layers = (0..N_LAYERS).map(Part::Layer);
        std::iter::once(Part::Embeddings).chain(layers).chain([Part::Head]).enumerate().map(part).collect()
    };
    WeightsReturned { corrupted: of(false), healed: has_healed.then(|| of(true)) }
}

/// As the lines of a `results.jsonl`.
#[must_use]
pub fn lines(records: &[RunRecord]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}
