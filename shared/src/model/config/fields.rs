//! The fields of `config.json`: typed access with errors that name them, and what is made of those that are missing.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::CheckpointError;
use crate::model::family::{Architecture, ConfigKeys};
use crate::model::head_task::{Declared, HeadTask};
use crate::model::history::{HISTORY_KEY, History};
use crate::words::listed;

const MAX_LABELS: usize = 100_000;

/// Fields of encoders that share BERT's names but not its arithmetic.
const FIELDS_OF_OTHERS: [&str; 6] =
    ["embedding_size", "num_hidden_groups", "attention_window", "relative_attention", "rope_theta", "bottleneck"];

/// The object of the file.
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl Fields<'_> {
    pub(super) fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, CheckpointError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|e| CheckpointError::Config(format!("config.json: {name} is {value}: {e}"))),
        }
    }

    pub(super) fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, CheckpointError> {
        self.optional(name)?.ok_or_else(|| CheckpointError::Config(format!("config.json: field {name} is missing")))
    }

    pub(super) fn or<T: DeserializeOwned>(&self, name: &str, default: T) -> Result<T, CheckpointError> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    pub(super) fn history(&self) -> Result<History, CheckpointError> {
        match self.0.get(HISTORY_KEY) {
            None | Some(Value::Null) => Ok(History::default()),
            Some(value) => History::from_json(value)
                .map_err(|e| CheckpointError::Config(format!("config.json: {HISTORY_KEY} is {value}: {e}"))),
        }
    }

    /// `model_type`, or what the other fields tell where it is missing, as in the first BERTs; the names of the tensors
    /// decide later whether that was right.
    pub(super) fn family(&self, notes: &mut Vec<String>) -> Result<Architecture, CheckpointError> {
        let known = Architecture::ALL.map(|known| format!("\"{}\"", known.family().model_type));
        let known = listed(&known, "or");
        if let Some(model_type) = self.optional::<String>("model_type")? {
            return Architecture::ALL.into_iter().find(|known| known.family().model_type == model_type).ok_or_else(
                || CheckpointError::Config(format!("config.json: model_type is \"{model_type}\", expected {known}")),
            );
        }
        let (found, by) = match self.class() {
            Some(class) => (Architecture::ALL.into_iter().find(|known| is_of_family(class, *known)), "architectures"),
            None => (Architecture::ALL.into_iter().find(|known| self.has_fields_of(*known)), "its other fields"),
        };
        let architecture = found.ok_or_else(|| {
            CheckpointError::Config(format!(
                "config.json: field model_type is missing, and no other field says that it is a model that is read here: \
                 add \"model_type\" with {known}, whichever it is"
            ))
        })?;
        let family = architecture.family();
        notes.push(format!(
            "config.json has no model_type: the model is taken for a {} by {by}; \"model_type\": \"{}\" would say so",
            family.name, family.model_type
        ));
        Ok(architecture)
    }

    fn has_fields_of(&self, architecture: Architecture) -> bool {
        let ConfigKeys { hidden_size, n_layers, n_heads, intermediate_size, type_vocab_size, .. } =
            architecture.family().keys;
        let keys = [hidden_size, n_layers, n_heads, intermediate_size];
        let keys = keys.into_iter().chain(type_vocab_size.map(|(key, _)| key));
        let is_padded_by_another_token = self.0.get("pad_token_id").is_some_and(|id| !id.is_null() && *id != 0);
        keys.into_iter().all(|key| self.0.get(key).is_some_and(Value::is_u64))
            && !FIELDS_OF_OTHERS.iter().any(|key| self.0.contains_key(*key))
            && !is_padded_by_another_token
    }

    /// The class that wrote the file, without the framework that it wrote it in.
    fn class(&self) -> Option<&str> {
        let class = self.0.get("architectures")?.get(0)?.as_str()?;
        Some(class.strip_prefix("TF").or_else(|| class.strip_prefix("Flax")).unwrap_or(class))
    }

    /// # Errors
    /// When a field asks for another computation than that of the family.
    pub(super) fn refuse_other_arithmetic(&self) -> Result<(), CheckpointError> {
        if self.or("is_decoder", false)? {
            return Err(CheckpointError::Config(
                "config.json: is_decoder is true: its attention looks back only, which is not computed here; set it to \
                 false if the model was trained as an encoder"
                    .into(),
            ));
        }
        if self.0.get("quantization_config").is_some_and(|config| !config.is_null()) {
            return Err(CheckpointError::Config(
                "config.json: quantization_config: quantised weights are not read here: open the model in transformers, \
                 call dequantize() and save it"
                    .into(),
            ));
        }
        Ok(())
    }

    /// What the head answers, by `architectures` and `problem_type`.
    pub(super) fn head_task(
        &self,
        architecture: Architecture,
        n_labels: usize,
        notes: &mut Vec<String>,
    ) -> Result<HeadTask, CheckpointError> {
        let family = architecture.family();
        if self.0.get("auto_map").is_some_and(|map| !map.is_null()) {
            notes.push(format!(
                "config.json names code of the model's own (auto_map), which is not run: it is read as a plain {}",
                family.name
            ));
        }
        let class = self.class().unwrap_or(family.class);
        match HeadTask::of_class(class) {
            Declared::Task(HeadTask::SingleLabel) => {}
            Declared::Task(task) => return Ok(task),
            Declared::NoHead => return Ok(HeadTask::SingleLabel),
            Declared::Unknown => notes.push(format!(
                "config.json: architectures is {class}, which is not known here: what it has of a {} is read as such",
                family.class
            )),
        }
        HeadTask::of_problem(self.optional::<String>("problem_type")?.as_deref(), n_labels)
    }

    /// Class names in label-id order, as `transformers` 5.24 makes them: `num_labels` is right where `id2label` has another
    /// length, whose names are then dropped, and `label2id` alone names nothing (`configuration_utils.py`).
    pub(super) fn label_names(&self, notes: &mut Vec<String>) -> Result<Vec<String>, CheckpointError> {
        let n: Option<usize> = self.optional("num_labels")?;
        let generic = |n: usize| (0..n).map(|id| format!("LABEL_{id}")).collect::<Vec<_>>();
        let Some(by_id) = self.optional::<Map<String, Value>>("id2label")? else {
            if self.0.get("label2id").is_some_and(|names| !names.is_null()) {
                notes.push(
                    "config.json has label2id without id2label: its names are not used, nor does transformers 5 use them"
                        .into(),
                );
            }
            let n = n.unwrap_or_default();
            check_n_labels(n)?;
            return Ok(generic(n));
        };
        check_n_labels(by_id.len())?;
        if let Some(n) = n.filter(|n| *n != by_id.len()) {
            check_n_labels(n)?;
            notes.push(format!(
                "config.json: num_labels is {n}, id2label has {} names: these are dropped and the classes are called \
                 LABEL_0 to LABEL_{}, as transformers 5 does",
                by_id.len(),
                n.saturating_sub(1)
            ));
            return Ok(generic(n));
        }
        (0..by_id.len())
            .map(|id| {
                let named = by_id.iter().find(|(key, _)| key.trim().parse() == Ok(id));
                let Some((_, name)) = named else {
                    return Err(CheckpointError::Config(format!(
                        "config.json: id2label has {n} entries but no name for {id}: expected names for 0 to {}",
                        by_id.len() - 1,
                        n = by_id.len()
                    )));
                };
                name_of(name).ok_or_else(|| {
                    CheckpointError::Config(format!(
                        "config.json: id2label calls {id} {name}, expected a name in quotes"
                    ))
                })
            })
            .collect()
    }
}

/// A class's name; a number or a truth value is one as Python spells it.
fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".into()),
        Value::Bool(false) => Some("False".into()),
        _ => None,
    }
}

/// Whether a class of `transformers` is one of a family's: `BertForMaskedLM` is of BERT's.
fn is_of_family(class: &str, architecture: Architecture) -> bool {
    let name = architecture.family().class.strip_suffix("ForSequenceClassification");
    name.and_then(|name| class.strip_prefix(name)).is_some_and(|rest| HeadTask::of_class(rest) != Declared::Unknown)
}

fn check_n_labels(n: usize) -> Result<(), CheckpointError> {
    if n > MAX_LABELS {
        return Err(CheckpointError::Config(format!(
            "config.json: there are {n} labels, expected at most {MAX_LABELS}"
        )));
    }
    Ok(())
}
