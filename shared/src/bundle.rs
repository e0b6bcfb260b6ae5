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
mod encoding;
mod manifest;
mod open;
mod quantise;
mod rows;
mod write;

pub use crate::error::BundleError;
pub use control::{Answers, ControlEntry, FineTuned};
pub use encoding::{Encoding, MAX_BITS, MAX_BLOCK, MIN_BITS};
pub use manifest::{
    BUNDLE_VERSION, BaseModel, BundleIndex, Comparison, FileEntry, Files, HEALED, HealedEntry, INDEX, IndexEntry,
    MANIFEST, Manifest, NOTICE, OLDEST_BUNDLE_VERSION, Outcome, Quality, ROWS, RowHashes, Sample, TOKENIZER, Task,
    TensorEntry, WEIGHTS,
};
pub use open::{Bundle, Delta};
pub use rows::{MIN_HELD_OUT_SHARE, ServedRows};
pub use write::{BitMix, EncodedTensors, encode_delta, encode_parameters};
