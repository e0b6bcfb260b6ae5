//! The head of a checkpoint: whether it answers the question that is asked, and what becomes of it if not.

use candle_core::Device;

use serde::{Deserialize, Serialize};

use super::tensors::Found;
use crate::dataset::{ClassMatch, default_label_names, match_classes, names_in_words};
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
    /// Whether the weights are hashed.
    pub hash: WeightsHash,
}

/// Whether the weights that are read are hashed, which takes longer than reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsHash {
    /// Something is to be named by it.
    Wanted,
    /// Nobody looks at it.
    Unused,
}

/// Where a classifier's head came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadOrigin {
    /// It was in the checkpoint.
    Loaded,
    /// It was drawn from the head seed.
    Created,
}

/// What to do with a head of as many classes as the task has, which are called otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherClasses {
    /// Put a new one in its place: it was trained to tell other things apart.
    #[default]
    DrawAnew,
    /// Keep it, the first class for the first, and so on.
    KeepByNumber,
}

/// What became of a checkpoint's head of as many classes as the task has, in another order or called otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadChange {
    /// Its rows were put into the order of the task's names, which are the same.
    ReorderedByName,
    /// It was drawn anew, since the task's classes are others.
    DrawnAnew,
    /// It was kept for other classes, since that was asked for.
    KeptByNumber,
}

/// What the checkpoint's own head is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To tell classes of texts apart.
    Classify(OtherClasses),
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

/// A head for the task.
pub(super) struct Head {
    pub(super) config: ModelConfig,
    pub(super) origin: HeadOrigin,
    pub(super) change: Option<HeadChange>,
}

/// Takes the checkpoint's head when it is for the task's classes, and makes room for a new one otherwise. The classes are
/// those of the task in any case, so that what is saved names what was trained on.
pub(super) fn choose_head(
    config: &ModelConfig,
    (task, evidence): (HeadTask, String),
    usage: Use,
    found: &mut Found,
    options: &LoadOptions,
    notes: &mut Vec<String>,
) -> Result<Head, CheckpointError> {
    let (weight, bias) = (ParameterPath::weight(Module::Classifier), ParameterPath::bias(Module::Classifier));
    let n_loaded = found.get(&weight).map(|(shape, _)| shape[0]);
    let bias_fits = found.get(&bias).map(|(shape, _)| shape[0]) == n_loaded;
    let is_usable = task == HeadTask::SingleLabel || (usage == Use::Handle && task.has_layers_of_a_classifier());
    let has_other_head = !is_usable && (n_loaded.is_some() || task == HeadTask::AnswerSpan);
    let created = format!("created from head seed {}", options.head_seed.0);
    match (n_loaded, &options.label_names, usage) {
        (_, None, _) | (_, _, Use::Handle) if has_other_head => {
            Err(CheckpointError::OtherTask { is: task.in_words(), evidence })
        }
        (Some(n), None, _) | (Some(n), _, Use::Handle) if bias_fits => {
            let config = config.with_labels(own_names(config, n, notes)).with_head_task(task);
            Ok(Head { config, origin: HeadOrigin::Loaded, change: None })
        }
        (Some(n), Some(names), Use::Classify(others)) if bias_fits && n == names.len() && !has_other_head => {
            let own = own_names(config, n, notes);
            Ok(for_classes(config, (&own, names), others, &created, found, notes))
        }
        (_, Some(names), _) => {
            let n_new = names.len();
            notes.push(match n_loaded {
                _ if has_other_head => format!(
                    "the checkpoint is {} ({evidence}): its head was dropped, and a new one for {n_new} classes was {created}",
                    task.in_words()
                ),
                Some(n) => {
                    format!("the checkpoint's head has {n} classes, the dataset {n_new}: a new head was {created}")
                }
                None => format!("the checkpoint has no classifier: {created}"),
            });
            Ok(drawn_anew(config, names, None, found))
        }
        (_, None, _) => Err(CheckpointError::Missing {
            n: 2,
            n_expected: 2,
            first: format!("{} (it is not a fine-tuned classifier)", weight.name(config.architecture)),
        }),
    }
}

/// A head of as many classes as the task has, as far as it is for the same.
fn for_classes(
    config: &ModelConfig,
    (own, names): (&[String], &[String]),
    other_classes: OtherClasses,
    created: &str,
    found: &mut Found,
    notes: &mut Vec<String>,
) -> Head {
    let kept = |change| Head { config: config.with_labels(names.to_vec()), origin: HeadOrigin::Loaded, change };
    let both =
        format!("the checkpoint calls its classes {}, the dataset {}", names_in_words(own), names_in_words(names));
    match (match_classes(own, names), other_classes) {
        (ClassMatch::Same, _) => kept(None),
        (ClassMatch::Named { places }, _) if places.iter().is_sorted() => kept(None),
        (ClassMatch::Named { places }, _) => {
            for path in [ParameterPath::weight(Module::Classifier), ParameterPath::bias(Module::Classifier)] {
                if let Some((_, values)) = found.get_mut(&path) {
                    *values = in_places(values, &places);
                }
            }
            notes.push(format!("{both}: its head was put into the dataset's order, by name"));
            kept(Some(HeadChange::ReorderedByName))
        }
        (ClassMatch::Numbered, _) => {
            notes.push(format!("{both}: its head is kept, matched by number, since one of them has no names"));
            kept(None)
        }
        (ClassMatch::Different, OtherClasses::KeepByNumber) => {
            notes.push(format!("{both}: its head is kept all the same, matched by number"));
            kept(Some(HeadChange::KeptByNumber))
        }
        (ClassMatch::Different, OtherClasses::DrawAnew) => {
            notes.push(format!("{both}: these are other classes, so a new head was {created} (--keep-head keeps it)"));
            drawn_anew(config, names, Some(HeadChange::DrawnAnew), found)
        }
    }
}

fn drawn_anew(config: &ModelConfig, names: &[String], change: Option<HeadChange>, found: &mut Found) -> Head {
    found.remove(&ParameterPath::weight(Module::Classifier));
    found.remove(&ParameterPath::bias(Module::Classifier));
    Head { config: config.with_new_head(names.to_vec()), origin: HeadOrigin::Created, change }
}

/// Rows in another order: the first goes to the first of the places, and so on.
fn in_places(values: &[f32], places: &[usize]) -> Vec<f32> {
    let n_columns = values.len() / places.len();
    let mut moved = vec![0.0; values.len()];
    for (row, place) in values.chunks_exact(n_columns).zip(places) {
        moved[place * n_columns..(place + 1) * n_columns].copy_from_slice(row);
    }
    moved
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
    default_label_names(n)
}
