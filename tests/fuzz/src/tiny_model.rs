//! The smallest BERT there can be, so that all of its weights are a short input.

use std::path::PathBuf;

use candle_core::Device;
use shared::checkpoint::{Checkpoint, LoadOptions, save_weights, WeightsHash};
use shared::model::ModelConfig;
use shared::random::Seed;
use trainer::open_model::{ModelSource, Weights};

/// Its config.
pub const CONFIG: &str = r#"{"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 4,
    "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 2,
    "max_position_embeddings": 4, "type_vocab_size": 2, "id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}}"#;

/// A folder with its config, and the model as it is opened there; weights are read anew at every [`ModelSource::load`].
///
/// # Panics
/// When the temporary folder cannot be written.
#[must_use]
pub fn opened(name: &str) -> (PathBuf, ModelSource) {
    let folder = crate::folder(name);
    crate::write(&folder.join("config.json"), CONFIG.as_bytes());
    let path = folder.to_str().expect("the temporary folder's name is UTF-8");
    let model = ModelSource::open(path, None, Weights::Read).expect("the config is valid");
    (folder, model)
}

/// Its weights by chance.
///
/// # Panics
/// Never: the config is valid.
#[must_use]
pub fn random() -> Checkpoint {
    let config = ModelConfig::from_json(CONFIG.as_bytes()).expect("the config is valid");
    let options = LoadOptions { label_names: None, head_seed: Seed(0), device: Device::Cpu, hash: WeightsHash::Unused };
    Checkpoint::random(&config, &options).expect("there is room for a few numbers")
}

/// Its weights as a safetensors file.
///
/// # Panics
/// Never: so small a model can be written.
#[must_use]
pub fn weights() -> Vec<u8> {
    save_weights(&random().parameters).expect("the weights can be written")
}
