//! Why a Parquet file cannot be read.

use std::io;

use ::parquet::errors::ParquetError;
use shared::dataset::DatasetError;

/// Why a file cannot be read.
pub(super) enum Broken {
    /// What is there instead of a whole Parquet file.
    Syntax(String),
    Dataset(DatasetError),
}

impl From<String> for Broken {
    fn from(found: String) -> Self {
        Self::Syntax(found)
    }
}

impl From<&str> for Broken {
    fn from(found: &str) -> Self {
        Self::Syntax(found.to_owned())
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Syntax(error.to_string())
    }
}

impl From<ParquetError> for Broken {
    fn from(error: ParquetError) -> Self {
        Self::Syntax(error.to_string())
    }
}

impl From<DatasetError> for Broken {
    fn from(error: DatasetError) -> Self {
        Self::Dataset(error)
    }
}
