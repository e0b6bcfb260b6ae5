//! BERT and `DistilBERT` for sequence classification, as Hugging Face's `BertForSequenceClassification` and
//! `DistilBertForSequenceClassification` compute them.
//!
//! The two share one encoder: embeddings, then post-norm layers of self-attention and a feed-forward network. They
//! differ in parameter names, token types, where dropout sits, and the activation of the head: in their [`Family`].

mod attribution;
mod classifier;
mod config;
mod encoder;
mod family;
mod parameter_path;
mod source;
mod trace;

pub use attribution::{Attribution, integrated_gradients};
pub use classifier::{RowOutput, TextClassifier};
pub use config::{ModelConfig, shape_config};
pub use encoder::{Encoder, EncoderLayer, ForwardMode};
pub use family::{Architecture, ConfigKeys, Family, HeadActivation, LayerNames};
pub use parameter_path::{Kind, LayerModule, Module, ParameterPath};
pub use trace::Trace;
