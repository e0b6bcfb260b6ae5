//! Training states, from which an interrupted run goes on.
//!
//! A state is a folder of opaque files with a manifest of their sizes and hashes. It appears by one rename, so it is
//! complete or absent; a state that was damaged later is recognised by its manifest and the one before it is used. The
//! last two states of a phase are kept.

use crate::atomic;
use crate::exit_code::bad_input;
use anyhow::{Context, anyhow, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";

/// One to go on from, and one before it in case that is damaged.
const KEPT: usize = 2;

/// The states of one run.
#[derive(Debug)]
pub struct StateStore {
    path: PathBuf,
}

/// A state that was read and is what was saved.
#[derive(Debug, PartialEq, Eq)]
pub struct SavedState {
    /// Optimiser steps that were done.
    pub step: usize,
    /// Names and contents, in the order in which they were saved.
    pub files: Vec<(String, Vec<u8>)>,
    /// Newer states that could not be used, each with the reason; worth telling the user.
    pub passed_over: Vec<String>,
}

impl SavedState {
    /// The content of the file called `name`.
    ///
    /// # Errors
    /// When the state has no such file.
    pub fn file(&self, name: &str) -> anyhow::Result<&[u8]> {
        let file = self.files.iter().find(|(file, _)| file == name);
        file.map(|(_, bytes)| bytes.as_slice()).ok_or_else(|| anyhow!("the state of step {} has no {name}", self.step))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    files: Vec<ManifestFile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    name: String,
    size_bytes: usize,
    sha256: String,
}

impl StateStore {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Saves the state of `phase` after `step` steps, and removes all but it and the one before.
    ///
    /// `content` gives the bytes of each of the files `names`; one is written before the next is asked for, since the
    /// state of a large model would not fit into memory beside the model.
    pub fn save(
        &self,
        phase: &str,
        step: usize,
        names: &[&str],
        mut content: impl FnMut(&str) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let folder = self.path.join(phase);
        atomic::write_dir_with(&folder.join(format!("step-{step}")), |write| {
            let mut files = Vec::new();
            for name in names {
                let bytes = content(name)?;
                write(name, &bytes)?;
                files.push(ManifestFile {
                    name: (*name).to_owned(),
                    size_bytes: bytes.len(),
                    sha256: hex::encode(Sha256::digest(&bytes)),
                });
            }
            write(MANIFEST, &serde_json::to_vec_pretty(&Manifest { files })?)
        })?;
        // States of later steps exist only where they were damaged and passed over.
        let (older, later): (Vec<usize>, Vec<usize>) = steps(&folder)?.into_iter().partition(|other| *other <= step);
        for stale in later.into_iter().chain(older.into_iter().rev().skip(KEPT)) {
            remove(&folder.join(format!("step-{stale}")))?;
        }
        Ok(())
    }

    /// The last state of `phase` that is what was saved; none when the phase has to start from its beginning.
    pub fn latest(&self, phase: &str) -> anyhow::Result<Option<SavedState>> {
        let folder = self.path.join(phase);
        if !folder.exists() {
            return Ok(None);
        }
        atomic::remove_leftovers(&folder)?;
        let mut passed_over = Vec::new();
        for step in steps(&folder)?.into_iter().rev() {
            match read(&folder.join(format!("step-{step}"))) {
                Ok(files) => return Ok(Some(SavedState { step, files, passed_over })),
                Err(error) => passed_over.push(format!("the state of step {step} is damaged ({error:#})")),
            }
        }
        // Starting over silently would look like a fresh run.
        if !passed_over.is_empty() {
            let (folder, reasons) = (folder.display(), passed_over.join(", "));
            return Err(bad_input(anyhow!("{folder}: {reasons}; remove that folder to train from the start")));
        }
        Ok(None)
    }

    /// Removes the states of `phase`, once its result is durable.
    pub fn clear(&self, phase: &str) -> anyhow::Result<()> {
        let folder = self.path.join(phase);
        if folder.exists() { remove(&folder) } else { Ok(()) }
    }
}

/// The steps with a state, in ascending order.
fn steps(folder: &Path) -> anyhow::Result<Vec<usize>> {
    let mut steps = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name();
        steps.extend(name.to_str().and_then(|name| name.strip_prefix("step-")?.parse::<usize>().ok()));
    }
    steps.sort_unstable();
    Ok(steps)
}

fn read(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join(MANIFEST)).context(MANIFEST)?)?;
    let read_file = |file: ManifestFile| {
        let bytes = fs::read(folder.join(&file.name)).with_context(|| file.name.clone())?;
        ensure!(
            bytes.len() == file.size_bytes,
            "{}: expected {} bytes, got {}",
            file.name,
            file.size_bytes,
            bytes.len()
        );
        ensure!(
            hex::encode(Sha256::digest(&bytes)) == file.sha256,
            "{}: its hash does not match the saved one",
            file.name
        );
        Ok((file.name, bytes))
    };
    manifest.files.into_iter().map(read_file).collect()
}

/// Removes a folder; killed in between, what is left of it does not look like a state.
fn remove(folder: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot remove {}", folder.display());
    let doomed = folder.with_file_name(format!(".tmp-{}", folder.file_name().unwrap_or_default().display()));
    if doomed.exists() {
        fs::remove_dir_all(&doomed).with_context(context)?;
    }
    atomic::rename(folder, &doomed).with_context(context)?;
    fs::remove_dir_all(&doomed).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> StateStore {
        StateStore::new(folder.path().join("state"))
    }

    fn save(store: &StateStore, step: usize) {
        let weights = format!("weights of step {step}");
        let content = |name: &str| Ok(if name == "weights" { weights.clone().into_bytes() } else { b"m, v".to_vec() });
        store.save("healthy", step, &["weights", "optimiser"], content).unwrap();
    }

    #[test]
    fn the_last_state_comes_back_as_it_was_saved_and_two_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(store.latest("healthy").unwrap(), None);
        for step in [50, 100, 150] {
            save(&store, step);
        }
        let state = store.latest("healthy").unwrap().unwrap();
        assert_eq!((state.step, state.passed_over.len()), (150, 0));
        assert_eq!(state.file("weights").unwrap(), b"weights of step 150");
        assert_eq!(state.file("optimiser").unwrap(), b"m, v");
        assert!(state.file("schedule").is_err());
        assert_eq!(steps(&folder.path().join("state/healthy")).unwrap(), [100, 150]);
        assert_eq!(store.latest("healed").unwrap(), None);
    }

    #[test]
    fn a_damaged_state_is_passed_over_with_its_reason_and_gone_after_the_next_save() {
        type Damage = fn(&Path);
        let damages: [(&str, Damage); 4] = [
            ("expected 19", |state| fs::write(state.join("weights"), "short").unwrap()),
            ("hash", |state| fs::write(state.join("weights"), "weights of step 101").unwrap()),
            ("optimiser", |state| fs::remove_file(state.join("optimiser")).unwrap()),
            (MANIFEST, |state| fs::remove_file(state.join(MANIFEST)).unwrap()),
        ];
        for (reason, damage) in damages {
            let folder = tempfile::tempdir().unwrap();
            let store = store(&folder);
            save(&store, 50);
            save(&store, 100);
            damage(&folder.path().join("state/healthy/step-100"));
            let state = store.latest("healthy").unwrap().unwrap();
            assert_eq!(state.step, 50);
            assert!(state.passed_over[0].contains(reason), "{:?}", state.passed_over);
            save(&store, 75);
            assert_eq!(steps(&folder.path().join("state/healthy")).unwrap(), [50, 75]);
        }
    }

    #[test]
    fn a_state_that_was_being_written_when_the_process_died_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        save(&store, 50);
        let torn = folder.path().join("state/healthy/.tmp-Xy12");
        fs::create_dir(&torn).unwrap();
        fs::write(torn.join("weights"), "half").unwrap();
        assert_eq!(store.latest("healthy").unwrap().unwrap().step, 50);
        assert!(!torn.exists());
    }

    #[test]
    fn with_every_state_damaged_the_user_decides() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        save(&store, 50);
        fs::write(folder.path().join("state/healthy/step-50/weights"), "").unwrap();
        let message = format!("{:#}", store.latest("healthy").unwrap_err());
        assert!(message.contains("step 50 is damaged") && message.contains("remove that folder"), "{message}");
        store.clear("healthy").unwrap();
        assert_eq!(store.latest("healthy").unwrap(), None);
    }
}
