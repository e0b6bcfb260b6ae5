//! Where a parameter sits in the network, and what Hugging Face calls it.
//!
//! This is the only place that translates between the two: everything else speaks of a [`ParameterPath`].
//! The names of each family are in its [`Family`].

use std::fmt;

use super::family::{Architecture, Family, LayerModule};

/// A module that owns a weight and usually a bias. Encoder layers count from 0 at the bottom, next to the embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Module {
    /// `[vocabulary, hidden]`
    WordEmbeddings,
    /// `[positions, hidden]`
    PositionEmbeddings,
    /// `[types, hidden]`; not in every family.
    TokenTypeEmbeddings,
    /// `[hidden]`
    EmbeddingsLayerNorm,
    /// A part of encoder layer `.0`.
    Layer(usize, LayerModule),
    /// `[hidden, hidden]`: BERT's pooler, `DistilBERT`'s `pre_classifier`.
    Pooler,
    /// `[labels, hidden]`
    Classifier,
}

impl Module {
    /// Whether this is a LayerNorm, whose weight is a gain and not a matrix.
    #[must_use]
    pub fn is_layer_norm(self) -> bool {
        matches!(
            self,
            Self::EmbeddingsLayerNorm | Self::Layer(_, LayerModule::AttentionLayerNorm | LayerModule::FfnLayerNorm)
        )
    }

    /// Whether this is a look-up table, which has no bias.
    #[must_use]
    pub fn is_embedding(self) -> bool {
        matches!(self, Self::WordEmbeddings | Self::PositionEmbeddings | Self::TokenTypeEmbeddings)
    }

    fn name(self, architecture: Architecture) -> String {
        let Family { prefix, stack, layer, pooler, classifier, .. } = architecture.family();
        match self {
            Self::WordEmbeddings => format!("{prefix}.embeddings.word_embeddings"),
            Self::PositionEmbeddings => format!("{prefix}.embeddings.position_embeddings"),
            Self::TokenTypeEmbeddings => format!("{prefix}.embeddings.token_type_embeddings"),
            Self::EmbeddingsLayerNorm => format!("{prefix}.embeddings.LayerNorm"),
            Self::Layer(layer_idx, module) => format!("{prefix}.{stack}.layer.{layer_idx}.{}", layer.of(module)),
            Self::Pooler => (*pooler).to_owned(),
            Self::Classifier => (*classifier).to_owned(),
        }
    }
}

/// The weight or the bias of a module. A LayerNorm's gain is its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A matrix, a look-up table or a LayerNorm gain.
    Weight,
    /// A vector that is added.
    Bias,
}

/// One parameter tensor's place in the network. The order is that of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterPath {
    /// The module that owns it.
    pub module: Module,
    /// Which of the module's tensors it is.
    pub kind: Kind,
}

impl ParameterPath {
    /// A module's weight.
    #[must_use]
    pub fn weight(module: Module) -> Self {
        Self { module, kind: Kind::Weight }
    }

    /// A module's bias.
    #[must_use]
    pub fn bias(module: Module) -> Self {
        Self { module, kind: Kind::Bias }
    }

    /// The canonical Hugging Face name, such as `bert.encoder.layer.0.attention.self.query.weight`.
    #[must_use]
    pub fn name(self, architecture: Architecture) -> String {
        let kind = match self.kind {
            Kind::Weight => "weight",
            Kind::Bias => "bias",
        };
        format!("{}.{kind}", self.module.name(architecture))
    }

    /// Every parameter of a classifier with `n_layers` encoder layers, in the order of a forward pass.
    #[must_use]
    pub fn all(architecture: Architecture, n_layers: usize) -> Vec<Self> {
        let mut modules = vec![Module::WordEmbeddings, Module::PositionEmbeddings];
        if architecture.family().has_token_types() {
            modules.push(Module::TokenTypeEmbeddings);
        }
        modules.push(Module::EmbeddingsLayerNorm);
        for layer_idx in 0..n_layers {
            modules.extend(LayerModule::ALL.map(|module| Module::Layer(layer_idx, module)));
        }
        modules.extend([Module::Pooler, Module::Classifier]);
        modules
            .into_iter()
            .flat_map(|module| {
                let bias = (!module.is_embedding()).then(|| Self::bias(module));
                [Some(Self::weight(module)), bias]
            })
            .flatten()
            .collect()
    }

    /// Whether it is a vector: a bias, or a LayerNorm's weight. All others are matrices or look-up tables.
    #[must_use]
    pub fn is_vector(self) -> bool {
        self.kind == Kind::Bias || self.module.is_layer_norm()
    }

    /// The encoder layer it belongs to, if any.
    #[must_use]
    pub fn layer_idx(self) -> Option<usize> {
        match self.module {
            Module::Layer(layer_idx, _) => Some(layer_idx),
            _ => None,
        }
    }

    /// Whether AdamW's weight decay applies: not to biases and LayerNorms, as in Hugging Face's recipe.
    #[must_use]
    pub fn has_weight_decay(self) -> bool {
        self.kind == Kind::Weight && !self.module.is_layer_norm()
    }
}

impl fmt::Display for ParameterPath {
    /// BERT's name, for messages where the architecture is not at hand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name(Architecture::Bert))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_hugging_face() {
        let query = ParameterPath::weight(Module::Layer(3, LayerModule::Query));
        assert_eq!(query.name(Architecture::Bert), "bert.encoder.layer.3.attention.self.query.weight");
        assert_eq!(query.name(Architecture::DistilBert), "distilbert.transformer.layer.3.attention.q_lin.weight");
        let pooler = ParameterPath::bias(Module::Pooler);
        assert_eq!(pooler.name(Architecture::Bert), "bert.pooler.dense.bias");
        assert_eq!(pooler.name(Architecture::DistilBert), "pre_classifier.bias");
    }

    #[test]
    fn a_bert_of_two_layers_has_41_parameters() {
        assert_eq!(ParameterPath::all(Architecture::Bert, 2).len(), 3 + 2 + 2 * 16 + 2 + 2);
        assert_eq!(ParameterPath::all(Architecture::DistilBert, 2).len(), 2 + 2 + 2 * 16 + 2 + 2);
    }
}
