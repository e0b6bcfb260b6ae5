//! What tells one family of encoders from another: one entry each, which everything that has to tell them apart reads.

use serde::{Deserialize, Serialize};

/// The families of encoders; they differ in names, in token types and in the head, not in the encoder layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// `BertForSequenceClassification` (Devlin et al. 2018).
    Bert,
    /// `DistilBertForSequenceClassification` (Sanh et al. 2019).
    DistilBert,
}

/// The modules of one encoder layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerModule {
    /// `[hidden, hidden]`
    Query,
    /// `[hidden, hidden]`
    Key,
    /// `[hidden, hidden]`
    Value,
    /// `[hidden, hidden]`: the dense layer after the heads.
    AttentionOutput,
    /// `[hidden]`: after attention.
    AttentionLayerNorm,
    /// `[intermediate, hidden]`
    FfnIn,
    /// `[hidden, intermediate]`
    FfnOut,
    /// `[hidden]`: after the feed-forward network.
    FfnLayerNorm,
}

impl LayerModule {
    /// All of them, in the order of a forward pass.
    pub const ALL: [Self; 8] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::AttentionOutput,
        Self::AttentionLayerNorm,
        Self::FfnIn,
        Self::FfnOut,
        Self::FfnLayerNorm,
    ];
}

/// A family of encoders. Names are Hugging Face's.
#[derive(Debug)]
pub struct Family {
    /// What sentences call it.
    pub name: &'static str,
    /// `model_type` in `config.json`.
    pub model_type: &'static str,
    /// The class with a head for classification, as `architectures` in `config.json` names it.
    pub class: &'static str,
    /// What the encoder's parameters begin with in a checkpoint with a head.
    pub prefix: &'static str,
    /// The list of layers.
    pub stack: &'static str,
    /// The modules of a layer.
    pub layer: LayerNames,
    /// The head's dense layer over the first token, from the checkpoint's root.
    pub pooler: &'static str,
    /// The layer that gives the logits.
    pub classifier: &'static str,
    /// What the parameters of heads for pre-training begin with; a classifier does not use them.
    pub pretraining_heads: &'static [&'static str],
    /// What comes after the head's dense layer.
    pub head_activation: HeadActivation,
    /// Whether there is dropout behind the attention's dense layer.
    pub drops_attention_output: bool,
    /// The position of the first token.
    pub position_offset: usize,
    /// The fields of `config.json`.
    pub keys: ConfigKeys,
}

/// What the modules of a layer are called.
#[derive(Debug)]
pub struct LayerNames {
    /// [`LayerModule::Query`]
    pub query: &'static str,
    /// [`LayerModule::Key`]
    pub key: &'static str,
    /// [`LayerModule::Value`]
    pub value: &'static str,
    /// [`LayerModule::AttentionOutput`]
    pub attention_output: &'static str,
    /// [`LayerModule::AttentionLayerNorm`]
    pub attention_layer_norm: &'static str,
    /// [`LayerModule::FfnIn`]
    pub ffn_in: &'static str,
    /// [`LayerModule::FfnOut`]
    pub ffn_out: &'static str,
    /// [`LayerModule::FfnLayerNorm`]
    pub ffn_layer_norm: &'static str,
}

/// A function between the two layers of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadActivation {
    /// tanh(x)
    Tanh,
    /// max(x, 0)
    Relu,
}

/// What the fields of `config.json` are called. Those that all families call the same are not here.
#[derive(Debug)]
pub struct ConfigKeys {
    /// Width of hidden states.
    pub hidden_size: &'static str,
    /// Encoder layers.
    pub n_layers: &'static str,
    /// Attention heads of a layer.
    pub n_heads: &'static str,
    /// Width inside the feed-forward network.
    pub intermediate_size: &'static str,
    /// Rows of the token-type embeddings, and how many there are without the field; none without such embeddings.
    pub type_vocab_size: Option<(&'static str, usize)>,
    /// What LayerNorm adds to the variance; none where it is no setting.
    pub layer_norm_eps: Option<&'static str>,
    /// Dropout of hidden states.
    pub hidden_dropout: &'static str,
    /// Dropout of attention probabilities.
    pub attention_dropout: &'static str,
    /// Dropout before the classifier.
    pub classifier_dropout: &'static str,
    /// What it is without the field; none is that of hidden states.
    pub default_classifier_dropout: Option<f64>,
    /// The function inside the feed-forward network.
    pub activation: &'static str,
}

/// `modeling_bert.py` and `configuration_bert.py` of `transformers`.
static BERT: Family = Family {
    name: "BERT",
    model_type: "bert",
    class: "BertForSequenceClassification",
    prefix: "bert",
    stack: "encoder",
    layer: LayerNames {
        query: "attention.self.query",
        key: "attention.self.key",
        value: "attention.self.value",
        attention_output: "attention.output.dense",
        attention_layer_norm: "attention.output.LayerNorm",
        ffn_in: "intermediate.dense",
        ffn_out: "output.dense",
        ffn_layer_norm: "output.LayerNorm",
    },
    pooler: "bert.pooler.dense",
    classifier: "classifier",
    pretraining_heads: &["cls.predictions.", "cls.seq_relationship."],
    head_activation: HeadActivation::Tanh,
    drops_attention_output: true,
    position_offset: 0,
    keys: ConfigKeys {
        hidden_size: "hidden_size",
        n_layers: "num_hidden_layers",
        n_heads: "num_attention_heads",
        intermediate_size: "intermediate_size",
        type_vocab_size: Some(("type_vocab_size", 2)),
        layer_norm_eps: Some("layer_norm_eps"),
        hidden_dropout: "hidden_dropout_prob",
        attention_dropout: "attention_probs_dropout_prob",
        classifier_dropout: "classifier_dropout",
        default_classifier_dropout: None,
        activation: "hidden_act",
    },
};

/// `modeling_distilbert.py` and `configuration_distilbert.py` of `transformers`.
static DISTILBERT: Family = Family {
    name: "DistilBERT",
    model_type: "distilbert",
    class: "DistilBertForSequenceClassification",
    prefix: "distilbert",
    stack: "transformer",
    layer: LayerNames {
        query: "attention.q_lin",
        key: "attention.k_lin",
        value: "attention.v_lin",
        attention_output: "attention.out_lin",
        attention_layer_norm: "sa_layer_norm",
        ffn_in: "ffn.lin1",
        ffn_out: "ffn.lin2",
        ffn_layer_norm: "output_layer_norm",
    },
    pooler: "pre_classifier",
    classifier: "classifier",
    pretraining_heads: &["vocab_transform.", "vocab_layer_norm.", "vocab_projector."],
    head_activation: HeadActivation::Relu,
    drops_attention_output: false,
    position_offset: 0,
    keys: ConfigKeys {
        hidden_size: "dim",
        n_layers: "n_layers",
        n_heads: "n_heads",
        intermediate_size: "hidden_dim",
        type_vocab_size: None,
        layer_norm_eps: None, // a constant in `modeling_distilbert.py`
        hidden_dropout: "dropout",
        attention_dropout: "attention_dropout",
        classifier_dropout: "seq_classif_dropout",
        default_classifier_dropout: Some(0.2),
        activation: "activation",
    },
};

impl Architecture {
    /// Every family, in the order of lists.
    pub const ALL: [Self; 2] = [Self::Bert, Self::DistilBert];

    /// All that is particular to the family.
    #[must_use]
    pub fn family(self) -> &'static Family {
        match self {
            Self::Bert => &BERT,
            Self::DistilBert => &DISTILBERT,
        }
    }
}

impl Family {
    /// Whether there are token-type embeddings.
    #[must_use]
    pub fn has_token_types(&self) -> bool {
        self.keys.type_vocab_size.is_some()
    }
}

impl LayerNames {
    /// The name of one module.
    #[must_use]
    pub fn of(&self, module: LayerModule) -> &'static str {
        match module {
            LayerModule::Query => self.query,
            LayerModule::Key => self.key,
            LayerModule::Value => self.value,
            LayerModule::AttentionOutput => self.attention_output,
            LayerModule::AttentionLayerNorm => self.attention_layer_norm,
            LayerModule::FfnIn => self.ffn_in,
            LayerModule::FfnOut => self.ffn_out,
            LayerModule::FfnLayerNorm => self.ffn_layer_norm,
        }
    }
}
