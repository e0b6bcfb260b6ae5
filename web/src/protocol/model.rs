//! Models: where they come from, what they are made of.

use super::{Control, Healing};
use serde::{Deserialize, Serialize};
use shared::Condition;
use shared::model::Architecture;
use shared::random::Seed;

/// A file that the visitor hands over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path within the folder that was dropped, or its name alone; with forward slashes.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
}

/// How far a long request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// The part of `total` that is done: bytes or rows, by the stage.
    pub done: u64,
    /// All there is to do; 0 when that is not known.
    pub total: u64,
}

/// What a long request is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Bytes arrive, from the network or the browser's cache; counted in bytes over all files of the model.
    Transfer,
    /// Weights are checked and brought into their place; counted in bytes.
    Unpack,
    /// Rows are classified; counted in rows over all models.
    Rows,
    /// A control is fine-tuned; counted in steps.
    Steps,
}

/// A loaded model and all that the page needs to draw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// Where it came from.
    pub source: ModelSource,
    /// Its sizes.
    pub model: ModelSummary,
    /// What only a bundle tells of itself.
    pub bundle: Option<BundleSummary>,
    /// The models that exist now; healthy is always among them.
    pub models: Vec<Condition>,
    /// The damage that the corrupted model has, when one came with the files.
    pub damage: Option<(String, Seed)>,
    /// The healed model, when one came along.
    pub healed: Option<HealedOrigin>,
    /// What it is to be compared with, when that came along as well.
    pub control: Option<Control>,
    /// Labelled texts for healing and for evaluation.
    pub rows: Option<RowCounts>,
    /// What the visitor should know: what was created, what was ignored, what could not be kept. Sentences.
    pub notes: Vec<String>,
}

/// Where a model came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// A bundle from the page's own server.
    Bundle {
        /// Its folder.
        url: String,
        /// Whether all weights came from the browser's cache.
        is_cached: bool,
    },
    /// Files of the visitor in Hugging Face layout, or a bundle's.
    Files {
        /// The folder or file that names them.
        name: String,
    },
    /// The folder of a run of the native program.
    Run {
        /// The folder's name.
        name: String,
    },
}

/// The healed model's past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealedOrigin {
    /// Healed by the native program; it came with the model.
    Native {
        /// The plan of its damage in canonical form.
        plan: String,
        /// The seed of its damage.
        seed: Seed,
    },
    /// Healed in this page.
    Live {
        /// The plan of its damage in canonical form.
        plan: String,
        /// The seed of its damage.
        seed: Seed,
        /// Names the healing, as [`Moment::healing`](super::Moment::healing).
        healing: String,
        /// Steps that were done.
        step: usize,
    },
}

impl HealedOrigin {
    /// The plan in canonical form and the seed of the damage that was healed.
    #[must_use]
    pub fn damage(&self) -> (&str, Seed) {
        match self {
            Self::Native { plan, seed } | Self::Live { plan, seed, .. } => (plan, *seed),
        }
    }

    /// The healing that it came from, as a control names it.
    #[must_use]
    pub fn healing(&self) -> Healing {
        match self {
            Self::Native { .. } => Healing::Native,
            Self::Live { healing, step, .. } => Healing::Live { name: healing.clone(), step: *step },
        }
    }
}

/// The shape of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// What to call it.
    pub name: String,
    /// BERT or `DistilBERT`.
    pub architecture: Architecture,
    /// Encoder layers.
    pub n_layers: usize,
    /// Attention heads of a layer.
    pub n_heads: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Word pieces it knows.
    pub vocab_size: usize,
    /// Tokens that a text is cut to here.
    pub max_length: usize,
    /// Class names in label-id order.
    pub labels: Vec<String>,
    /// Scalars in all parameters.
    pub n_parameters: usize,
    /// Memory that its weights take here, as f32.
    pub size_bytes: u64,
    /// Memory that healing all its layers would take on top, at 16 rows of 32 tokens: weights, gradients, moments and
    /// activations. An estimate.
    pub healing_bytes: u64,
    /// Its parts in the order of a forward pass: embeddings, layers from the bottom, pooler, classifier.
    pub parts: Vec<PartSummary>,
}

/// One part of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartSummary {
    /// Which one.
    pub kind: PartKind,
    /// What the visitor calls it, such as `Layer 0`.
    pub name: String,
    /// What selects it in the plan grammar, such as `layers:0`.
    pub selection: String,
    /// Scalars in all its tensors.
    pub n_values: usize,
    /// Its tensors in the order of a forward pass.
    pub tensors: Vec<TensorSummary>,
}

/// Which part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Look-up tables and their LayerNorm.
    Embeddings,
    /// An encoder layer, from the bottom.
    Layer(usize),
    /// BERT's pooler, `DistilBERT`'s `pre_classifier`.
    Pooler,
    /// The last linear layer.
    Classifier,
}

/// One parameter tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSummary {
    /// Its Hugging Face name.
    pub name: String,
    /// What selects it within its part in the plan grammar, such as `attention.query`; none where the grammar has no
    /// word for it alone.
    pub component: Option<String>,
    /// `[out, in]`, `[entries, hidden]` or `[n]`.
    pub shape: Vec<usize>,
}

/// What a bundle tells of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleSummary {
    /// Its title.
    pub title: String,
    /// The model it derives from, with the notice of its licence.
    pub notice: String,
    /// Bytes of all its files.
    pub transfer_bytes: u64,
    /// Accuracy of the model before its weights were made smaller; a fraction.
    pub accuracy_f32: Option<f64>,
    /// Accuracy of the model as it is here; a fraction.
    pub accuracy_quantized: Option<f64>,
    /// The plan and the seed of the damage whose healed model it brings.
    pub damage: Option<(String, Seed)>,
    /// The version of the arithmetic that made it, where that is another than this page's.
    pub superseded_numerics: Option<u64>,
}

/// How many labelled texts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// For healing.
    pub n_train: usize,
    /// For evaluation, none of them among those for healing.
    pub n_held_out: usize,
}

/// Labelled texts were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsLoaded {
    /// How many.
    pub rows: RowCounts,
    /// What was left out of the table, as a sentence.
    pub note: Option<String>,
}
