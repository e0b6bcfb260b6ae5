//! Looking inside: predictions, attention, drift, attribution.

use serde::{Deserialize, Serialize};
use shared::Condition;

/// What the models say of one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The text as it was asked.
    pub text: String,
    /// Its word pieces as the models read them, `[CLS]` and `[SEP]` included.
    pub tokens: Vec<String>,
    /// Whether the text was longer than the models read.
    pub is_cut: bool,
    /// One for each model.
    pub models: Vec<ModelPrediction>,
}

/// What one model says of one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPrediction {
    /// The model.
    pub model: Condition,
    /// The class, an index into the labels; `None` when the model gives no finite score.
    pub label: Option<u32>,
    /// Probabilities in label-id order.
    pub probabilities: Vec<Option<f64>>,
}

/// Where a head looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttentionView {
    /// The encoder layer, from the bottom.
    pub layer_idx: usize,
    /// The head; `None` is the mean over all heads.
    pub head_idx: Option<usize>,
    /// Word pieces, which are both axes.
    pub tokens: Vec<String>,
    /// One for each model.
    pub models: Vec<ModelAttention>,
}

/// One model's attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelAttention {
    /// The model.
    pub model: Condition,
    /// `[tokens, tokens]` row by row: how much the token of the row looks at the token of the column; rows sum to 1.
    pub probabilities: Vec<Option<f32>>,
}

/// What models read when their hidden states are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftSource {
    /// One text.
    Text(String),
    /// The first so many held-out rows.
    HeldOut {
        /// Rows.
        n_rows: usize,
    },
}

/// How far hidden states moved from the healthy model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftView {
    /// Tokens over which both measures are taken. Below a few hundred, linear CKA is biased towards 1.
    pub n_tokens: usize,
    /// One for each model and hidden state, model by model: the embeddings' output, then every layer's.
    pub layers: Vec<LayerDrift>,
}

/// How far one hidden state of one model moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDrift {
    /// The model.
    pub model: Condition,
    /// The encoder layer whose output it is; `None` is the embeddings' output.
    pub layer_idx: Option<usize>,
    /// Mean cosine similarity to the healthy model's hidden state of the same token: 1 is unmoved.
    pub cosine: Option<f64>,
    /// Linear centred kernel alignment (Kornblith et al. 2019) with the healthy model's: 1 is the same up to rotation
    /// and scale.
    pub linear_cka: Option<f64>,
}

/// What each token contributed to a class's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// The method, such as `integrated gradients`; for the legend.
    pub method: String,
    /// The class that is explained, an index into the labels.
    pub target: u32,
    /// Word pieces.
    pub tokens: Vec<String>,
    /// One for each model.
    pub models: Vec<ModelAttribution>,
}

/// One model's attribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelAttribution {
    /// The model.
    pub model: Condition,
    /// Per token, in logits: positive speaks for the class, negative against it.
    pub scores: Vec<Option<f32>>,
    /// The class's margin on the text: its logit less the mean of the others.
    pub margin: Option<f32>,
    /// The margin on the baseline, the same text with every word padded.
    pub baseline_margin: Option<f32>,
    /// How far the scores' sum is from the difference of the two margins, which it equals but for the quadrature.
    pub completeness_gap: Option<f32>,
}
