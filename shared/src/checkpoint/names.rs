//! Which parameter a tensor of a checkpoint is.

use std::collections::BTreeMap;

use crate::model::{Architecture, Family, ParameterPath};

/// What a tensor's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameMatch {
    /// A parameter of the classifier.
    Parameter(ParameterPath),
    /// Part of a checkpoint that a classifier does not use: a buffer, or the head of a pre-training task.
    Ignored(&'static str),
    /// None of these.
    Unknown,
}

/// What the tensors of a head for question answering are called in notes.
pub(super) const SPAN_HEAD: &str = "the head for question answering";

/// What wrappers of PyTorch put before every name: `DataParallel` and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A tensor's name without what wrappers put before it, and the first of them.
pub(super) fn unwrapped(name: &str) -> (&str, Option<&'static str>) {
    let (mut bare, mut first) = (name, None);
    while let Some((wrapper, rest)) = WRAPPERS.iter().find_map(|wrapper| Some((*wrapper, bare.strip_prefix(wrapper)?)))
    {
        (bare, first) = (rest, first.or(Some(wrapper)));
    }
    (bare, first)
}

/// Names of a config's parameters, for matching.
pub(super) struct Names {
    architecture: Architecture,
    by_name: BTreeMap<String, ParameterPath>,
}

impl Names {
    pub(super) fn new(architecture: Architecture, n_layers: usize) -> Self {
        let by_name = ParameterPath::all(architecture, n_layers)
            .into_iter()
            .map(|path| (path.name(architecture), path))
            .collect();
        Self { architecture, by_name }
    }

    pub(super) fn matches(&self, name: &str) -> NameMatch {
        // TensorFlow's names for a LayerNorm's gain and bias, in checkpoints converted from the original release.
        let name = match (name.strip_suffix(".gamma"), name.strip_suffix(".beta")) {
            (Some(stem), _) => format!("{stem}.weight"),
            (_, Some(stem)) => format!("{stem}.bias"),
            _ => name.to_owned(),
        };
        let Family { prefix, pretraining_heads, .. } = self.architecture.family();
        let prefixed = format!("{prefix}.{name}");
        if let Some(path) = self.by_name.get(&name).or_else(|| self.by_name.get(&prefixed)) {
            return NameMatch::Parameter(*path);
        }
        let bare = name.strip_prefix(*prefix).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&name);
        if bare == "embeddings.position_ids" {
            return NameMatch::Ignored("the position_ids buffer");
        }
        // `qa_outputs` of `BertForQuestionAnswering` and `DistilBertForQuestionAnswering`.
        if name.starts_with("qa_outputs.") {
            return NameMatch::Ignored(SPAN_HEAD);
        }
        if pretraining_heads.iter().any(|head| name.starts_with(head)) {
            return NameMatch::Ignored("the head of the pre-training task");
        }
        NameMatch::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LayerModule, Module};

    #[test]
    fn old_and_bare_spellings_name_the_same_parameter() {
        let norm = ParameterPath::weight(Module::Layer(1, LayerModule::FfnLayerNorm));
        for name in [
            "bert.encoder.layer.1.output.LayerNorm.weight",
            "encoder.layer.1.output.LayerNorm.weight",
            "bert.encoder.layer.1.output.LayerNorm.gamma",
            "encoder.layer.1.output.LayerNorm.gamma",
        ] {
            assert_eq!(Names::new(Architecture::Bert, 2).matches(name), NameMatch::Parameter(norm), "{name}");
        }
        let query = ParameterPath::bias(Module::Layer(0, LayerModule::Query));
        for name in ["distilbert.transformer.layer.0.attention.q_lin.bias", "transformer.layer.0.attention.q_lin.bias"]
        {
            assert_eq!(Names::new(Architecture::DistilBert, 2).matches(name), NameMatch::Parameter(query), "{name}");
        }
    }

    #[test]
    fn buffers_and_pretraining_heads_are_known_and_other_tensors_are_not() {
        let of = |name| Names::new(Architecture::Bert, 2).matches(name);
        assert!(matches!(of("bert.embeddings.position_ids"), NameMatch::Ignored(_)));
        assert!(matches!(of("cls.predictions.transform.dense.weight"), NameMatch::Ignored(_)));
        assert_eq!(of("bert.encoder.layer.2.output.dense.weight"), NameMatch::Unknown);
        assert_eq!(of("roberta.embeddings.word_embeddings.weight"), NameMatch::Unknown);
    }
}
