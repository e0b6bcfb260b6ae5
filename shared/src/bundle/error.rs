//! What can be wrong with a bundle.

use super::{BUNDLE_VERSION, OLDEST_BUNDLE_VERSION};

/// A bundle is damaged, incomplete, of another version, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The manifest is not one.
    #[error("manifest.json cannot be read: {0}")]
    Manifest(String),
    /// The manifest is of another version of the format.
    #[error("manifest.json has version {got}, this program reads versions {OLDEST_BUNDLE_VERSION} to {BUNDLE_VERSION}")]
    Version {
        /// In the file.
        got: u32,
    },
    /// A file is longer or shorter than the manifest says.
    #[error("{file}: expected {expected} bytes, got {got}: the download is incomplete or the file is another one")]
    Size {
        /// The file's name.
        file: String,
        /// From the manifest.
        expected: u64,
        /// Of the bytes at hand.
        got: u64,
    },
    /// A file's content is not what the manifest says.
    #[error("{file}: expected SHA-256 {expected}, got {got}: the file is damaged or another one")]
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
    #[error("bundle {name} has its control's figures, not its weights")]
    ControlWeights {
        /// The bundle.
        name: String,
    },
}
