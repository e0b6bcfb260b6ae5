//! What the targets share: how one starts, a bound on memory, the panics that count, and the files that readers open.

mod bound;
mod files;
mod panics;
pub mod parts;
pub mod pickle;
pub mod table;
pub mod tiny_model;

use std::path::Path;

pub use files::{folder, write};

/// The variable that names a folder for a target's seeds; with it a target writes them and ends.
const SEEDS: &str = "FUZZ_SEEDS";

/// Starts a target: at most `max_mib` may be allocated at a time, and `seeds` are inputs that its reader accepts or nearly
/// accepts. The first run of the reader, `warm_up`, takes what stays allocated and puts the reader's own panic hook in place.
///
/// # Panics
/// When the seeds cannot be written.
pub fn start(max_mib: usize, seeds: impl FnOnce() -> Vec<Vec<u8>>, warm_up: impl FnOnce()) {
    if let Some(folder) = std::env::var_os(SEEDS) {
        for (i, seed) in seeds().into_iter().enumerate() {
            std::fs::write(Path::new(&folder).join(format!("{i:03}")), seed).expect("the folder of seeds is there");
        }
        std::process::exit(0);
    }
    warm_up();
    panics::watch();
    bound::set(max_mib << 20);
}
