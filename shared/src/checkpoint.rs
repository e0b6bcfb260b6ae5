//! Hugging Face checkpoints as bytes ↔ config, weights and tokenizer files.
//!
//! Files are given and returned as bytes by name, so the same code serves a folder, a download and files dropped into a
//! browser. Reading accepts what `transformers` has written over the years (with or without the `bert.` prefix,
//! `gamma`/`beta`, buffers and pre-training heads, f32, f16, bf16, shards); writing produces one current form.

mod adapter;
mod head;
mod load;
mod names;
mod overlay;
mod save;
mod tensors;
mod weight_file;

pub use crate::error::CheckpointError;
pub use crate::model::{HISTORY_KEY, History, Treatment};
pub use adapter::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, Adapter, PICKLED_ADAPTER};
pub use head::{HeadChange, HeadOrigin, LoadOptions, OtherClasses, WeightsHash};
pub use load::{Checkpoint, WeightFiles};
pub use names::NameMatch;
pub use overlay::overlay_weights;
pub(crate) use save::{LazyTensor, Values, safetensors_file};
pub use save::{save_weights, save_weights_with_history, write_weights};
pub use weight_file::{ReadAt, WeightFile};

/// Tokenizer files that travel with a checkpoint, where they exist.
pub const TOKENIZER_FILES: [&str; 5] =
    ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "added_tokens.json"];

/// Where sentence-transformers lists the parts of a model.
pub const MODULES: &str = "modules.json";

/// Where its older versions keep the transformer among them.
pub const TRANSFORMER_FOLDER: &str = "0_Transformer";
