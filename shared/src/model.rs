//! BERT and `DistilBERT` for sequence classification.

mod parameter_path;

pub use parameter_path::{Architecture, Kind, LayerModule, Module, ParameterPath};
