//! What can go wrong with the files, plans and models that this crate is handed.
//!
//! [`Error`] is what a function returns that reads, builds, damages or trains a model. A step of that work which can only
//! fail in its own way returns one of the errors below, each re-exported by the module that it is about, and `?` makes an
//! [`Error`] of it.
//!
//! Three modules work on numbers or rows that are there already and have a small error each, beside the code and no part of
//! [`Error`]: [`DatasetError`](crate::dataset::DatasetError), [`EvaluationError`](crate::evaluation::EvaluationError) and
//! [`StatisticsError`](crate::statistics::StatisticsError). Operations of [`crate::nn`] return candle's own error, which is
//! [`Error::Tensor`] one level up: a custom operation cannot return another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Anything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A bundle is damaged or of another kind.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A model's files do not fit together.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A plan or selection is mistyped or does not fit the model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plan does not fit the tensors it is applied to.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A tokenizer file cannot be used.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A tensor operation failed.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// `BERT_HEAL_ISA` names no instruction set, or one that this processor lacks.
    #[error(
        "BERT_HEAL_ISA is {value:?}; expected avx512, avx2, neon, gemm or scalar, of which this machine supports {available}"
    )]
    InstructionSet {
        /// What the variable holds.
        value: String,
        /// The values that would do here, separated by commas.
        available: String,
    },
    /// bf16 is asked of a processor that has no instructions for it, or of an instruction set without them.
    #[error(
        "bf16 needs a CUDA device, or a processor with AVX512-BF16 and BERT_HEAL_ISA unset or avx512; expected f32 here"
    )]
    Bf16Unavailable,
    /// Training data or arguments make a step impossible.
    #[error("training: {0}")]
    Training(String),
    /// The loss or the gradient of a step, or its square, is NaN or infinite.
    #[error("the {what} became {value} at step {step} (learning rate {learning_rate:e})")]
    Diverged {
        /// Optimiser step, from 1.
        step: usize,
        /// Learning rate of that step.
        learning_rate: f64,
        /// `loss`, `gradient norm` or, for the largest value of a clipped gradient, `gradient`.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A mistake in a plan or a selection, at the character where it was noticed.
///
/// Its `Display` shows the input with a caret:
///
/// ```
/// let error = shared::corruption::Plan::parse("kaiming@bottom:1.5").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a fraction of the layers is at most 1, got 1.5\n  kaiming@bottom:1.5\n                 ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct PlanError {
    /// What is wrong, and what was expected.
    pub message: String,
    /// Byte offset into `input`; its length when the input ended too early.
    pub position: usize,
    /// The plan or selection as it was typed.
    pub input: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line break or a tab inside the plan would move the caret away from its character.
        let line: String = self.input.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let column = self.input.char_indices().take_while(|(offset, _)| *offset < self.position).count();
        write!(f, "{}\n  {line}\n  {:column$}^", self.message, "")
    }
}

/// Why a plan could not be applied. Nothing has been changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The plan does not fit the model.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A selected parameter was not among the tensors.
    #[error("the plan selects {name}, which was not given")]
    Missing {
        /// Hugging Face's name.
        name: String,
    },
    /// The same parameter was given twice.
    #[error("{name} was given twice")]
    Duplicate {
        /// Hugging Face's name.
        name: String,
    },
    /// A tensor's shape does not fit its values, the number of heads, or its counterpart in another layer.
    #[error("{name} of shape {shape:?}: expected {expected}")]
    Shape {
        /// Hugging Face's name.
        name: String,
        /// The shape that was given.
        shape: Vec<usize>,
        /// What would have fitted.
        expected: String,
    },
}

/// A model's files are damaged, incomplete or of another kind.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// `config.json` cannot be used.
    #[error("{0}")]
    Config(String),
    /// A weight file is not readable safetensors.
    #[error("{file}: not a readable safetensors file: {reason}")]
    Safetensors {
        /// Its name.
        file: String,
        /// What the parser found.
        reason: String,
    },
    /// A file is only git-lfs' pointer to it.
    #[error("{file}: {reason}")]
    Pointer {
        /// Its name.
        file: String,
        /// What to say of it.
        reason: String,
    },
    /// An adapter beside the weights cannot be applied.
    #[error("{file}: {reason}")]
    Adapter {
        /// Its config or its weights.
        file: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// The checkpoint's own head was asked for and is for something else.
    #[error(
        "the checkpoint is {is} ({evidence}), so it has no probabilities of classes to give: use it in transformers, or let \
         `bert-heal run` start from its encoder with a new head"
    )]
    OtherTask {
        /// What the model is.
        is: &'static str,
        /// How that is known.
        evidence: String,
    },
    /// A tensor has another shape than the config says.
    #[error("{file}: tensor {tensor} has shape {got:?}, expected {expected:?} from config.json")]
    Shape {
        /// The weight file.
        file: String,
        /// The tensor's name in it.
        tensor: String,
        /// From the config.
        expected: Vec<usize>,
        /// In the file.
        got: Vec<usize>,
    },
    /// A tensor has a number format that is not a float.
    #[error("{file}: tensor {tensor} is {got}, expected F32, F16, BF16 or F64")]
    NumberFormat {
        /// The weight file.
        file: String,
        /// The tensor's name in it.
        tensor: String,
        /// In the file.
        got: String,
    },
    /// A tensor that this architecture does not have.
    #[error("{file}: unexpected tensor {tensor} (shape {shape:?}): {architecture} has no such parameter")]
    Unexpected {
        /// The weight file.
        file: String,
        /// The tensor's name in it.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// `bert` or `distilbert` with its number of layers.
        architecture: String,
    },
    /// Two tensors claim to be the same parameter.
    #[error("{file}: tensor {tensor} is there twice (also under another spelling or in another shard)")]
    Duplicate {
        /// The weight file.
        file: String,
        /// The second tensor's name.
        tensor: String,
    },
    /// Encoder parameters are absent.
    #[error("the checkpoint lacks {n} of its encoder's {n_expected} parameters, the first of them {first}")]
    Missing {
        /// How many.
        n: usize,
        /// How many the config asks for.
        n_expected: usize,
        /// The first one's name.
        first: String,
    },
    /// Its head is for another number of classes.
    #[error("the checkpoint's head has {got} classes ({names}), the dataset has {expected}")]
    Labels {
        /// In the dataset.
        expected: usize,
        /// In the checkpoint.
        got: usize,
        /// The checkpoint's class names.
        names: String,
    },
}

/// A bundle is damaged, incomplete, of another version, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The manifest is not one.
    #[error("manifest.json cannot be read: {0}")]
    Manifest(String),
    /// The manifest is of another version of the format.
    #[error("manifest.json has version {got}, but this program reads versions {oldest} to {newest}")]
    Version {
        /// In the file.
        got: u32,
        /// The oldest version that is read.
        oldest: u32,
        /// The version that is written.
        newest: u32,
    },
    /// A file is longer or shorter than the manifest says.
    #[error("{file}: expected {expected} bytes, got {got}: the download is incomplete, or it is a different file")]
    Size {
        /// The file's name.
        file: String,
        /// From the manifest.
        expected: u64,
        /// Of the bytes at hand.
        got: u64,
    },
    /// A file's content is not what the manifest says.
    #[error("{file}: expected SHA-256 {expected}, got {got}: the file is damaged, or it is a different file")]
    Hash {
        /// The file's name.
        file: String,
        /// From the manifest.
        expected: String,
        /// Of the bytes at hand.
        got: String,
    },
    /// The manifest lists another tensor than the model has at this place.
    #[error("{file}: tensor {at}: expected {expected}, got {got}")]
    Tensor {
        /// The weight file.
        file: &'static str,
        /// Its place in the manifest's list, from 0.
        at: usize,
        /// The model's.
        expected: String,
        /// The manifest's.
        got: String,
    },
    /// A tensor's shape is not the one that the config gives it.
    #[error("{file}: tensor {tensor} has shape {got:?}, expected {expected:?} from the config")]
    Shape {
        /// The weight file.
        file: &'static str,
        /// The tensor's name.
        tensor: String,
        /// From the config.
        expected: Vec<usize>,
        /// In the manifest.
        got: Vec<usize>,
    },
    /// A tensor's place in the file or its size does not follow from its shape and encoding.
    #[error("{file}: tensor {tensor}: expected {what} {expected}, got {got}")]
    Layout {
        /// The weight file.
        file: &'static str,
        /// The tensor's name.
        tensor: String,
        /// `offset` or `size in bytes`.
        what: &'static str,
        /// What follows.
        expected: u64,
        /// In the manifest.
        got: u64,
    },
    /// An encoding with numbers that it cannot have.
    #[error("tensor {tensor}: {problem}")]
    Encoding {
        /// The tensor's name.
        tensor: String,
        /// Expected and got.
        problem: String,
    },
    /// A value that is infinite or no number.
    #[error("tensor {tensor}: value {at} is {value}, expected a finite number")]
    NotFinite {
        /// The tensor's name.
        tensor: String,
        /// Its place in row-major order.
        at: usize,
        /// The value.
        value: f32,
    },
    /// The rows next to a bundle are not its own.
    #[error("{0}")]
    Rows(String),
    /// There is no healed model in this bundle.
    #[error("bundle {name} has no healed model, only a healthy one")]
    NoHealed {
        /// The bundle.
        name: String,
    },
    /// The control's weights were asked for.
    #[error("bundle {name} contains its control's figures but not its weights")]
    ControlWeights {
        /// The bundle.
        name: String,
    },
}
