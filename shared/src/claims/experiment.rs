//! Which runs may be put together.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Condition;
use crate::record::{NUMERICS_VERSION, Numerics, Protocol, RunRecord, RunSpec, Seeds, canonical_json};
use crate::training::TrainingArgs;

/// What runs must share to be seeds of one set: all of their spec but seeds and damage (hence also training rows, the rows'
/// hash, report split, budget, tokenizer, class names and versions), the [`Numerics`] that computed them, and the
/// undamaged model that they are compared with.
///
/// A `--train-limit` draws other rows for each data seed, so such runs stand by themselves, each with its seed. Names of
/// model and dataset do not count: their hashes do.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Model's short name.
    pub model: String,
    /// Dataset's short name.
    pub dataset: String,
    /// When the damage is done.
    pub protocol: Protocol,
    /// The recipe of each fine-tuning.
    pub training: TrainingArgs,
    /// Training rows.
    pub n_train_rows: usize,
    /// The undamaged model that healed ones are compared with.
    pub reference: Condition,
    /// What computed the runs; records of schema 1 do not tell.
    pub numerics: Option<Numerics>,
    /// Why it stands apart, such as `superseded (numerics 4)`; none for runs of this version.
    pub superseded: Option<String>,
    id: String,
    /// Shared, since ten thousand runs may have a handful of experiments.
    common: Arc<Value>,
}

/// A field in which two experiments differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// Its path, such as `dataset.rows.train`.
    pub path: String,
    /// Its value in the first.
    pub first: String,
    /// Its value in the other.
    pub other: String,
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} and {})", self.path, self.first, self.other)
    }
}

impl Experiment {
    /// The experiment that a run belongs to.
    ///
    /// # Panics
    /// Never: a spec has only string keys.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let spec = &record.spec;
        // The plan is set, since without one the protocol would not count.
        let common = RunSpec { corruption: Some(String::new()), seeds: Seeds::all(0), ..spec.clone() };
        let mut common = serde_json::to_value(&common).expect("a spec has string keys only");
        let reference = reference(record);
        let numerics = serde_json::to_value(&record.numerics).expect("numerics have string keys only");
        common["numerics"] = numerics;
        common["reference"] = Value::String(reference.to_string());
        let id = short_hash(&common);
        let superseded = record.is_superseded().then(|| {
            let is_of_schema = spec.numerics_version == NUMERICS_VERSION;
            let (what, version) =
                if is_of_schema { ("schema", spec.schema) } else { ("numerics", spec.numerics_version) };
            format!("superseded ({what} {version})")
        });
        Self {
            model: spec.model.name.clone(),
            dataset: spec.dataset.name.clone(),
            protocol: spec.protocol,
            training: spec.training.clone(),
            n_train_rows: spec.dataset.rows.train,
            reference,
            numerics: record.numerics.clone(),
            superseded,
            id,
            common: Arc::new(common),
        }
    }

    /// Twelve hexadecimal digits, equal exactly for runs that may be put together.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Twelve hexadecimal digits, equal exactly for experiments that differ in nothing but these fields, such as
    /// `training.epochs`.
    #[must_use]
    pub fn id_but_for(&self, paths: &[&str]) -> String {
        let mut common = Value::clone(&self.common);
        for path in paths {
            let (parents, field) = path.rsplit_once('.').unwrap_or(("", *path));
            let mut parents = parents.split('.').filter(|key| !key.is_empty());
            let parent = parents.try_fold(&mut common, |value, key| value.get_mut(key));
            if let Some(object) = parent.and_then(Value::as_object_mut) {
                object.shift_remove(field);
            }
        }
        short_hash(&common)
    }

    /// The fields in which the two differ, in the order of their names; none when runs of both may be put together.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<FieldDifference> {
        let mut differences = Vec::new();
        differ(String::new(), Some(&self.common), Some(&other.common), &mut differences);
        differences.sort_by(|a, b| a.path.cmp(&b.path));
        differences
    }

    /// How long a fine-tuning was: `3 epochs` or `500 steps`.
    #[must_use]
    pub fn length(&self) -> String {
        match self.training.max_steps {
            Some(steps) => format!("{steps} steps"),
            None => format!("{} epochs", self.training.epochs),
        }
    }

    /// What a fine-tuning had: `5452 training rows, 3 epochs, learning rate 5e-5, batch 32, up to 128 tokens`.
    #[must_use]
    pub fn budget(&self) -> String {
        let training = &self.training;
        let length = self.length();
        // The page's runs begin with a model whose own fine-tuning they do not know.
        let is_once = self.superseded.is_none() && self.reference == Condition::Healthy;
        let twice = if self.protocol == Protocol::Finetuned && !is_once { " twice" } else { "" };
        format!(
            "{} training rows, {length}{twice}, learning rate {:e}, batch {}, up to {} tokens",
            self.n_train_rows,
            training.learning_rate,
            training.batch_size * training.gradient_accumulation_steps,
            training.max_length
        )
    }
}

/// Model, dataset and protocol.
impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}, protocol {}", self.model, self.dataset, self.protocol.as_str())?;
        self.superseded.as_ref().map_or(Ok(()), |why| write!(f, ", {why}"))
    }
}

/// The undamaged model with the healing's budget: under `finetuned` the control, unless the record is of before there was
/// one, or of the page, whose runs have none.
fn reference(record: &RunRecord) -> Condition {
    let is_of_page = record.numerics.as_ref().is_some_and(|numerics| numerics.instruction_set.starts_with("wasm"));
    let has_control = record.control.is_some() || !(is_of_page || record.is_superseded());
    if record.spec.protocol == Protocol::Finetuned && has_control { Condition::Control } else { Condition::Healthy }
}

fn short_hash(common: &Value) -> String {
    let mut hash = hex::encode(Sha256::digest(canonical_json(common)));
    hash.truncate(12);
    hash
}

/// Names that hashes stand for; they do not decide anything.
const NAMES: [&str; 2] = ["model.name", "dataset.name"];

fn differ(path: String, first: Option<&Value>, other: Option<&Value>, differences: &mut Vec<FieldDifference>) {
    if first == other || NAMES.contains(&path.as_str()) {
        return;
    }
    if let (Some(Value::Object(one)), Some(Value::Object(two))) = (first, other) {
        let only_two = two.keys().filter(|key| !one.contains_key(*key));
        for key in one.keys().chain(only_two) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            differ(path, one.get(key), two.get(key), differences);
        }
        return;
    }
    let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    differences.push(FieldDifference { path, first: show(first), other: show(other) });
}
