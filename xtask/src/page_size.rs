//! What a first visit to the page transfers, and the budget for it.

use crate::class_zip::NAME;
use crate::files::files;
use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Bytes of the page without models, each file packed by gzip as servers do; a school's network carries it once a pupil.
const BUDGET: usize = 2_100_000;

/// The two builds of the worker, of which a browser takes one.
const WORKERS: [&str; 2] = ["worker_relaxed", "worker"];

/// Adds up the page in `dist` without its models, with the larger of its two workers, and says what each part takes.
///
/// # Errors
/// When a file cannot be read, there is no worker, or the page is larger than the budget.
pub fn check(dist: &Path) -> Result<()> {
    let (mut app, mut rest) = (0, 0);
    let mut workers = [0; WORKERS.len()];
    for path in files(dist)? {
        let name = path.strip_prefix(dist)?.to_string_lossy().into_owned();
        if name.starts_with("bundles") || name == NAME {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let size = gzip_size(&bytes)?;
        match WORKERS.iter().position(|worker| name.starts_with(worker)) {
            Some(i) => workers[i] += size,
            None if name.starts_with("app-") => app += size,
            None => rest += size,
        }
    }
    let worker = workers.into_iter().max().unwrap_or(0);
    if workers.contains(&0) || app == 0 {
        bail!("{}: expected the page's app and both its workers, found app {app}, workers {workers:?}", dist.display());
    }
    let sum = app + worker + rest;
    eprintln!("page without models, gzipped: {sum} bytes (app {app}, worker {worker}, rest {rest}); budget {BUDGET}");
    if sum > BUDGET {
        bail!("the page without models has {sum} bytes gzipped, {} over the budget of {BUDGET}", sum - BUDGET);
    }
    Ok(())
}

fn gzip_size(bytes: &[u8]) -> Result<usize> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes)?;
    Ok(packed.finish()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_worker_counts_once_and_models_do_not() -> Result<()> {
        let dist = std::env::temp_dir().join(format!("bert-heal-page-size-{}", std::process::id()));
        fs::create_dir_all(dist.join("bundles"))?;
        // What gzip cannot make smaller.
        let noise = |n: u32| (0..n).flat_map(|i| i.wrapping_mul(2_654_435_761).rotate_left(i % 31).to_le_bytes());
        let write = |name: &str, n: u32| fs::write(dist.join(name), noise(n).collect::<Vec<u8>>());
        write("bundles/weights.bin", 3_000_000)?;
        write(NAME, 3_000_000)?;
        write("app-0.wasm", 100_000)?;
        write("worker_bg.wasm", 150_000)?;
        assert!(check(&dist).is_err(), "one worker is missing");
        write("worker_relaxed_bg.wasm", 150_000)?;
        check(&dist)?;
        write("worker_relaxed_bg.wasm", 600_000)?;
        assert!(check(&dist).is_err(), "too large");
        fs::remove_dir_all(&dist)?;
        Ok(())
    }
}
