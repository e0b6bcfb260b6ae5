//! BERT and `DistilBERT` for sequence classification, as Hugging Face's `BertForSequenceClassification` and
//! `DistilBertForSequenceClassification` compute them.
//!
//! The two share one encoder: embeddings, then post-norm layers of self-attention and a feed-forward network. They
//! differ in parameter names, token types, where dropout sits, and the activation of the head: in their [`Family`].

mod classifier;
mod config;
mod encoder;
mod family;
mod head_task;
mod history;
mod parameter_path;
mod parameters;

pub use classifier::{RowOutput, TextClassifier};
pub use config::{Anatomy, ModelConfig, shape_config};
pub use encoder::{Encoder, EncoderLayer, ForwardMode};
pub use family::{Architecture, ConfigKeys, Family, HeadActivation, LayerModule, LayerNames};
pub use head_task::HeadTask;
pub use history::{HISTORY_KEY, History, RunId, Treatment};
pub use parameter_path::{Kind, Module, ParameterPath};
pub use parameters::Parameters;
