//! The head of a checkpoint: whether it answers the question that is asked, and what becomes of it if not.

use candle_core::Device;

use super::tensors::Found;
use crate::error::CheckpointError;
use crate::model::{HeadTask, ModelConfig, Module, ParameterPath};
use crate::random::Seed;

/// What the caller needs from a checkpoint.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Classes of the task; `None` takes the checkpoint's own head, which must then exist.
    pub label_names: Option<Vec<String>>,
    /// Seed of a head or pooler that has to be created.
    pub head_seed: Seed,
    /// Where the tensors go.
    pub device: Device,
}

/// Where a classifier's head came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadOrigin {
    /// It was in the checkpoint.
    Loaded,
    /// It was drawn from the head seed.
    Created,
}

/// What the checkpoint's own head is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To tell classes of texts apart.
    Classify,
    /// Its weights are changed or copied, whatever it answers.
    Handle,
}

/// What the head in `found` answers and how that is known, if there is one. `of_adapter` is what an adapter that brought
/// it says, `has_span_head` whether there were tensors of one for question answering.
pub(super) fn task_of(
    config: &ModelConfig,
    found: &Found,
    of_adapter: Option<HeadTask>,
    has_span_head: bool,
) -> (HeadTask, String) {
    let n_outputs = found.get(&ParameterPath::weight(Module::Classifier)).and_then(|(shape, _)| shape.first().copied());
    let pooler = ParameterPath::weight(Module::Pooler);
    match (of_adapter, n_outputs) {
        (Some(task), _) => (task, "adapter_config.json: task_type".into()),
        (None, _) if config.head_task != HeadTask::SingleLabel => {
            (config.head_task, format!("config.json: {}", config.head_evidence()))
        }
        (None, None) if has_span_head => (HeadTask::AnswerSpan, "its head is qa_outputs".into()),
        (None, Some(_)) if !found.contains_key(&pooler) => {
            let pooler = pooler.name(config.architecture);
            (HeadTask::TokenLabels, format!("it has a classifier and no {}", pooler.trim_end_matches(".weight")))
        }
        (None, Some(1)) => (HeadTask::Regression, "its head has one output".into()),
        _ => (HeadTask::SingleLabel, String::new()),
    }
}

/// Takes the checkpoint's head when it fits the task, and makes room for a new one otherwise.
pub(super) fn choose_head(
    config: &ModelConfig,
    (task, evidence): (HeadTask, String),
    usage: Use,
    found: &mut Found,
    options: &LoadOptions,
    notes: &mut Vec<String>,
) -> Result<(ModelConfig, HeadOrigin), CheckpointError> {
    let (weight, bias) = (ParameterPath::weight(Module::Classifier), ParameterPath::bias(Module::Classifier));
    let n_loaded = found.get(&weight).map(|(shape, _)| shape[0]);
    let bias_fits = found.get(&bias).map(|(shape, _)| shape[0]) == n_loaded;
    let is_usable = task == HeadTask::SingleLabel || (usage == Use::Handle && task.has_layers_of_a_classifier());
    let has_other_head = !is_usable && (n_loaded.is_some() || task == HeadTask::AnswerSpan);
    let seed = options.head_seed.0;
    match (n_loaded, &options.label_names) {
        (_, names) if has_other_head && (names.is_none() || usage == Use::Handle) => {
            Err(CheckpointError::OtherTask { is: task.in_words(), evidence })
        }
        (Some(n), names) if bias_fits && (names.is_none() || usage == Use::Handle) => {
            let names = own_names(config, n, notes);
            Ok((config.with_labels(names).with_head_task(task), HeadOrigin::Loaded))
        }
        (_, Some(names)) if has_other_head => {
            found.remove(&weight);
            found.remove(&bias);
            notes.push(format!(
                "the checkpoint is {} ({evidence}): its head was dropped, and a new one for {} classes was created from \
                 head seed {seed}",
                task.in_words(),
                names.len()
            ));
            Ok((config.with_new_head(names.clone()), HeadOrigin::Created))
        }
        (Some(n), Some(names)) if bias_fits && n == names.len() => {
            let config = config.with_labels(own_names(config, n, notes));
            // Generic names carry no meaning of their own; others are kept, so that a swapped order is seen.
            let generic = config.label_names.iter().enumerate().all(|(id, name)| *name == format!("LABEL_{id}"));
            let config = if generic { config.with_labels(names.clone()) } else { config };
            if config.label_names != *names {
                notes.push(format!(
                    "the checkpoint calls its classes {}, the dataset {}: they are matched by number",
                    config.label_names.join(", "),
                    names.join(", ")
                ));
            }
            Ok((config, HeadOrigin::Loaded))
        }
        (_, Some(names)) => {
            found.remove(&weight);
            found.remove(&bias);
            notes.push(match n_loaded {
                Some(n) => format!(
                    "the checkpoint's head has {n} classes, the dataset {}: a new head was created from head seed {seed}",
                    names.len(),
                ),
                None => format!("the checkpoint has no classifier: created from head seed {seed}"),
            });
            Ok((config.with_new_head(names.clone()), HeadOrigin::Created))
        }
        (_, None) => Err(CheckpointError::Missing {
            n: 2,
            n_expected: 2,
            first: format!("{} (it is not a fine-tuned classifier)", weight.name(config.architecture)),
        }),
    }
}

/// The config's names of `n` classes, or numbered ones where it names another number of them, which is said.
fn own_names(config: &ModelConfig, n: usize, notes: &mut Vec<String>) -> Vec<String> {
    if config.label_names.len() == n {
        return config.label_names.clone();
    }
    if !config.label_names.is_empty() {
        notes.push(format!(
            "config.json names {} classes ({}), the head has {n}: they are called LABEL_0 to LABEL_{}",
            config.label_names.len(),
            config.label_names.join(", "),
            n.saturating_sub(1)
        ));
    }
    (0..n).map(|id| format!("LABEL_{id}")).collect()
}
