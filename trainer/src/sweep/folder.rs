//! The folder of a sweep.
//!
//! ```text
//! <sweep>/  sweep.json  experiment.toml  cells.jsonl          what is to be done
//!           results/<cell>.json.zst  costs/<task>.json        one file a cell that is done, and what each task took
//!           diverged/<cell>                                   a mark of each result whose fine-tuning broke off
//!           undamaged/<id>-{healthy,control}/                 models that cells share; `sweep clean` removes their weights
//!           rows/<hash>.jsonl.zst                             the texts of the reported rows
//!           attempts/<task>/<n>/                              work under way, and what became of tries that failed
//!           checkpoints/<cell>/{corrupted,healed}/            only with --keep-checkpoints
//!           results.jsonl  costs.jsonl                        made of all of it by `sweep collect`
//! ```
//!
//! Invariants: `sweep.json` is written last, so a folder that has it is planned whole; a result appears whole, once, and is
//! never changed; what is in `attempts` can be removed when nothing runs, at the price of computing it again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use shared::Condition;

use super::settings::SettingsId;
use crate::exit_code::bad_input;

/// The end of a result's name.
const RESULT_END: &str = ".json.zst";

/// The folder of a sweep.
#[derive(Clone, Debug)]
pub struct SweepFolder {
    path: PathBuf,
}

impl SweepFolder {
    /// The folder at `path`, whatever is there.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A folder that a sweep was planned in.
    ///
    /// # Errors
    /// Bad input when it is none.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = Self::at(path);
        if folder.manifest().is_file() {
            return Ok(folder);
        }
        Err(bad_input(anyhow!(
            "{}: is not the folder of a sweep: it has no sweep.json (start with bert-heal sweep EXPERIMENT.toml)",
            path.display()
        )))
    }

    /// Whether `path` is the folder of a sweep.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        Self::at(path).manifest().is_file()
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the sweep is.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.path.join("sweep.json")
    }

    /// The experiment file that it was planned by, with what was set on the command line.
    #[must_use]
    pub fn experiment(&self) -> PathBuf {
        self.path.join("experiment.toml")
    }

    /// Its cells, a line each.
    #[must_use]
    pub fn cells(&self) -> PathBuf {
        self.path.join("cells.jsonl")
    }

    /// The folder of results.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.path.join("results")
    }

    /// The result of a cell.
    #[must_use]
    pub fn result(&self, cell: &SettingsId) -> PathBuf {
        self.results().join(format!("{cell}{RESULT_END}"))
    }

    /// The folder of marks of results whose fine-tuning broke off, so that an overview need not open all results.
    #[must_use]
    pub fn diverged(&self) -> PathBuf {
        self.path.join("diverged")
    }

    /// What a cell took.
    #[must_use]
    pub fn cost(&self, name: &str) -> PathBuf {
        self.path.join("costs").join(format!("{name}.json"))
    }

    /// The shared model of that condition.
    #[must_use]
    pub fn undamaged(&self, of: &SettingsId, condition: Condition) -> PathBuf {
        self.path.join("undamaged").join(format!("{of}-{condition}"))
    }

    /// The tries at a task.
    #[must_use]
    pub fn attempts(&self, task: &str) -> PathBuf {
        self.path.join("attempts").join(task)
    }

    /// The texts of the rows with this hash.
    #[must_use]
    pub fn rows(&self, hash: &str) -> PathBuf {
        self.path.join("rows").join(format!("{hash}.jsonl.zst"))
    }

    /// The kept models of a cell.
    #[must_use]
    pub fn checkpoints(&self, cell: &SettingsId) -> PathBuf {
        self.path.join("checkpoints").join(cell.as_str())
    }

    /// The ids of all results, in no order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn finished(&self) -> anyhow::Result<BTreeSet<String>> {
        let names = names(&self.results())?;
        Ok(names.into_iter().filter_map(|name| Some(name.strip_suffix(RESULT_END)?.to_owned())).collect())
    }

    /// The names of the tasks that were tried, finished ones that left something behind included.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn attempted(&self) -> anyhow::Result<BTreeSet<String>> {
        names(&self.path.join("attempts"))
    }
}

/// The names in a folder; none when it does not exist.
pub(super) fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.with_context(|| folder.display().to_string())?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry.with_context(|| folder.display().to_string())?.file_name();
        names.insert(name.to_string_lossy().into_owned());
    }
    Ok(names)
}
