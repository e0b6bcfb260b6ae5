//! A model for the page: quantised weights, what healed it, its tokenizer, and a manifest that tells what it is.
//!
//! A bundle is four files, taken and given as bytes so that a folder, a download and files dropped into a browser are
//! all the same:
//!
//! | file | content |
//! | --- | --- |
//! | `manifest.json` | a [`Manifest`]: everything but the numbers; it names the other files with size and SHA-256 |
//! | `weights.bin` | the healthy model's tensors in forward order, one after the other, each in its [`Encoding`] |
//! | `healed.bin` | for each tensor that healing moved, healed − corrupted, in the same form; absent without a healed model |
//! | `tokenizer.json` | as in the checkpoint |
//!
//! The bundle's model **is** what it decodes to: corruption and healing start from those f32 values, in the page as in
//! the native program, and whatever is said about the f32 model it was made from stands in [`Quality`] beside it.
//! A healed model is `plan(healthy, seed) + healed.bin`: the damage is made again instead of being shipped, and the
//! difference that healing made to it is small, so it takes few bits. The control, which a healed model is compared with, is
//! figures and predictions alone ([`ControlEntry`]): its weights would cost as much as the healed model's and show nothing.
//!
//! Invariant: decoding uses one multiplication and, for a healed tensor, one addition of f32 for each value, so it gives
//! the same bits natively and on wasm32. Nothing is allocated for a tensor before its bytes have been seen, and what does
//! not fit is an error that names the file or tensor, the expected and the got.
//!
//! ```text
//! manifest ──► Manifest::parse ──► FileEntry::verify(bytes of each file)
//!                    │
//!                    ▼
//!        Bundle::open(manifest, weights, tokenizer) ──► parameters(device)  healthy
//!                    │                                  corrupted(device)   plan and seed of the manifest
//!                    └── delta(healed.bin) ──► Delta ─► healed(&delta, device)
//! ```

mod bits;
mod control;
mod delta;
mod encoding;
mod error;
mod index;
mod manifest;
mod open;
mod quantise;
mod rows;
mod write;

pub use control::{Answers, ControlEntry};
pub use delta::Delta;
pub use encoding::{Encoding, MAX_BITS, MAX_BLOCK, MIN_BITS};
pub use error::BundleError;
pub use index::{BundleIndex, IndexEntry};
pub use manifest::{
    BaseModel, Comparison, FileEntry, Files, FineTuned, HealedEntry, Manifest, Outcome, Quality, RowHashes, Sample,
    Task, TensorEntry,
};
pub use open::Bundle;
pub use rows::{MIN_HELD_OUT_SHARE, ServedRows};
pub use write::{BitMix, EncodedTensors, encode_delta, encode_parameters};

/// The version of the manifest and of the tensors' layout; raised whenever either changes its meaning.
pub const BUNDLE_VERSION: u32 = 2;
/// The oldest version that is still read. Version 1 has no control and does not count rows that are not finite.
pub const OLDEST_BUNDLE_VERSION: u32 = 1;

/// The manifest's name in a bundle's folder.
pub const MANIFEST: &str = "manifest.json";
/// The healthy weights' name.
pub const WEIGHTS: &str = "weights.bin";
/// The healed model's name.
pub const HEALED: &str = "healed.bin";
/// The tokenizer's name.
pub const TOKENIZER: &str = "tokenizer.json";
/// The licence notice's name.
pub const NOTICE: &str = "NOTICE.txt";
/// The rows to heal with and to judge on, next to a bundle that is served; see [`ServedRows`].
pub const ROWS: &str = "rows.json";
/// The list of bundles, next to their folders.
pub const INDEX: &str = "index.json";
