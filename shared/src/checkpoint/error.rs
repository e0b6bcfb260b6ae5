//! What can be wrong with a checkpoint.

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
