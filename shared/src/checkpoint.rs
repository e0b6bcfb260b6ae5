//! Hugging Face checkpoints as bytes ↔ config, weights and tokenizer files.
//!
//! Files are given and returned as bytes by name, so the same code serves a folder, a download and files dropped into a
//! browser. Reading accepts what `transformers` has written over the years (with or without the `bert.` prefix,
//! `gamma`/`beta`, buffers and pre-training heads, f32, f16, bf16, shards); writing produces one current form.

mod load;
mod names;
mod overlay;
mod save;

pub use crate::error::CheckpointError;
pub use crate::model::{HISTORY_KEY, History, Treatment};
pub use load::{Checkpoint, HeadChange, HeadOrigin, LoadOptions, OtherClasses, WeightFile};
pub use names::{NameMatch, match_name};
pub use overlay::overlay_weights;
pub(crate) use save::{LazyTensor, Values, safetensors_file};
pub use save::{save_weights, save_weights_with_history};

/// Tokenizer files that travel with a checkpoint, where they exist.
pub const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"];
