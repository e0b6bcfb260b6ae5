//! The sentences that the page heals and judges its bundles with.
//!
//! They belong to their dataset's authors, so the repository has only their hashes. `bert-heal fetch --rows-of` brings
//! them, checks them, and puts them beside each bundle, where git leaves them out and Trunk takes them along.

use crate::shell::{Shell, run};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the bundles, below the workspace's root.
const BUNDLES: &str = "web/assets/bundles";

/// Brings what is missing. Without it the page works but cannot heal, so a failure is a sentence and no error.
///
/// # Errors
/// When the folder of the bundles cannot be read.
pub fn fetch(shell: &Shell) -> Result<()> {
    for bundle in without_rows(&shell.root().join(BUNDLES))? {
        let rows = bundle.join("rows.json");
        let (bundle_text, rows_text) = (bundle.display().to_string(), rows.display().to_string());
        let args = ["run", "--locked", "--quiet", "-p", "trainer", "--bin", "bert-heal", "--"];
        let fetch = ["fetch", "--rows-of", &bundle_text, "--out", &rows_text];
        let mut command = shell.command("cargo", [&args[..], &fetch].concat())?;
        // Only the page's address goes to stdout.
        command.stdout(std::io::stderr());
        if let Err(error) = run(&mut command) {
            // Those of an earlier bundle would be refused by the page.
            let _ = fs::remove_file(&rows);
            let name = bundle.file_name().unwrap_or_default().to_string_lossy();
            eprintln!(
                "note: {error:#}\nnote: the page opens {name} without sentences to heal with; run `cargo xtask demo` \
                 again when the network is back to fetch them"
            );
        }
    }
    Ok(())
}

/// The bundles beside which there are no rows, or rows that are older than the bundle.
fn without_rows(bundles: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("cannot read {}", bundles.display());
    if !bundles.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(bundles).with_context(context)? {
        let folder = entry.with_context(context)?.path();
        let modified = |name: &str| fs::metadata(folder.join(name)).and_then(|metadata| metadata.modified()).ok();
        let (manifest, rows) = (modified("manifest.json"), modified("rows.json"));
        if manifest.is_some() && rows < manifest {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    #[test]
    fn only_bundles_with_no_rows_or_old_ones_are_fetched_for() {
        let root = std::env::temp_dir().join(format!("bert-heal-sentences-{}", std::process::id()));
        let now = SystemTime::now();
        let write = |path: &str, secs_ago: u64| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(&path).unwrap().set_modified(now - Duration::from_secs(secs_ago)).unwrap();
        };
        write("index.json", 5);
        write("new/manifest.json", 5);
        write("old/manifest.json", 5);
        write("old/rows.json", 50);
        write("whole/manifest.json", 5);
        write("whole/rows.json", 1);
        write("no-bundle/notes.txt", 5);
        let found = without_rows(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.unwrap(), [root.join("new"), root.join("old")]);
        assert!(without_rows(&root).unwrap().is_empty(), "no folder, no bundles");
    }
}
