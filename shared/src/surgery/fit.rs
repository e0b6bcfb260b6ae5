//! Whether parts of one model can stand in another.

use crate::dataset::{DatasetError, class_places};
use crate::error::Result;
use crate::model::{ModelConfig, Module, ParameterPath, Parameters};

/// A model's config, with what messages call the model.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Such as `--to broken/`.
    pub name: &'a str,
    /// Its sizes and classes.
    pub config: &'a ModelConfig,
}

/// How the classes of two models that fit are matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Where each class of the second model stands in the first; only where it matters and they are not in one order.
    pub places: Option<Vec<usize>>,
    /// What was decided about classes that are called otherwise.
    pub note: Option<String>,
}

/// Why parts of one model cannot stand in another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// A size, or what a size stands for, differs.
    #[error(
        "{first} and {second} differ in {what}: {of_first} and {of_second}; expected two models of one shape, such as a \
         run's checkpoint/healthy and checkpoint/corrupted"
    )]
    Shape {
        /// What the first model is called.
        first: String,
        /// What the second model is called.
        second: String,
        /// What differs, such as `the number of layers`.
        what: &'static str,
        /// Of the first.
        of_first: String,
        /// Of the second.
        of_second: String,
    },
    /// They tell other classes apart.
    #[error(transparent)]
    Classes(#[from] DatasetError),
}

/// Checks that those parameters of `second` for which `is_moved` can stand in `first`, with the layers around them as they
/// are. Names of classes are compared where the classifier is moved, and sizes of tables where they are.
///
/// # Errors
/// [`FitError`] with what differs in both.
pub fn fit(first: Named<'_>, second: Named<'_>, is_moved: impl Fn(ParameterPath) -> bool) -> Result<Fit, FitError> {
    let (a, b) = (first.config, second.config);
    let moves = |module| is_moved(ParameterPath::weight(module)) || is_moved(ParameterPath::bias(module));
    let of = |what: &'static str, get: &dyn Fn(&ModelConfig) -> String| (what, get(a), get(b));
    let mut sizes = vec![
        of("their family", &|config| config.architecture.family().name.to_owned()),
        of("the number of layers", &|config| config.n_layers.to_string()),
        of("the hidden size", &|config| config.hidden_size.to_string()),
        of("the number of heads", &|config| config.n_heads.to_string()),
        of("the intermediate size", &|config| config.intermediate_size.to_string()),
        of("layer_norm_eps", &|config| format!("{:e}", config.layer_norm_eps)),
    ];
    if moves(Module::WordEmbeddings) || moves(Module::EmbeddingsLayerNorm) {
        sizes.extend([
            of("the size of the vocabulary", &|config| config.vocab_size.to_string()),
            of("the number of positions", &|config| config.max_positions.to_string()),
            of("the number of token types", &|config| config.type_vocab_size.to_string()),
        ]);
    }
    let moves_classifier = moves(Module::Classifier);
    if moves_classifier {
        sizes.push(of("what their heads answer", &|config| config.head_task.in_words().to_owned()));
    }
    if let Some((what, of_first, of_second)) = sizes.into_iter().find(|(_, a, b)| a != b) {
        let (first, second) = (first.name.to_owned(), second.name.to_owned());
        return Err(FitError::Shape { first, second, what, of_first, of_second });
    }
    if !moves_classifier {
        return Ok(Fit { places: None, note: None });
    }
    let (places, note) = class_places((second.name, &b.label_names), (first.name, &a.label_names))?;
    Ok(Fit { places: Some(places).filter(|places| !places.is_sorted()), note })
}

/// Puts the classifier's rows in another order: row `i` goes to `places[i]`.
///
/// # Errors
/// When the model has no classifier.
pub fn reorder_classes(parameters: &mut Parameters, places: &[usize]) -> Result<()> {
    for path in [ParameterPath::weight(Module::Classifier), ParameterPath::bias(Module::Classifier)] {
        let values = parameters.to_vec(path)?;
        let n_columns = values.len() / places.len().max(1);
        let mut moved = vec![0.0; values.len()];
        for (row, place) in values.chunks_exact(n_columns.max(1)).zip(places) {
            moved[place * n_columns..(place + 1) * n_columns].copy_from_slice(row);
        }
        parameters.set(path, moved)?;
    }
    Ok(())
}
