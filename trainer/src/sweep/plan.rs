//! What a sweep is to do: its cells with their numbers, and the tasks that make them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::claims::ClaimsFile;

use super::experiment::Experiment;
use super::folder::SweepFolder;
use super::settings::{Settings, SettingsId};
use crate::atomic;
use crate::environment::VERSION_AND_COMMIT;
use crate::exit_code::bad_input;

/// The version of the layout of a sweep's folder.
const LAYOUT_VERSION: u32 = 1;

/// `sweep.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    layout: u32,
    /// A hash of the first plan: two folders with one id were planned alike.
    id: String,
    name: String,
    description: String,
    planned_by: String,
    /// Where relative paths of models and datasets begin.
    working_directory: PathBuf,
    keep_checkpoints: bool,
    claims: ClaimsFile,
}

/// A cell with its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCell {
    /// From 0; it never changes, and is never given to another cell.
    pub number: usize,
    /// Of its settings.
    pub id: SettingsId,
    /// Whether the experiment no longer has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_dropped: bool,
    /// What it does.
    pub settings: Settings,
}

/// Something that one process does from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Makes the healthy model or the control that cells share.
    Undamaged(SettingsId, Condition),
    /// Corrupts, heals and judges.
    Cell(SettingsId),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undamaged(id, condition) => write!(f, "{id}-{condition}"),
            Self::Cell(id) => write!(f, "{id}"),
        }
    }
}

/// A planned sweep.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it is.
    pub folder: SweepFolder,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Tells sweeps apart.
    pub id: String,
    /// What is asked of its runs.
    pub claims: ClaimsFile,
    /// Where relative paths begin.
    pub working_directory: PathBuf,
    /// Whether each cell keeps its two models.
    pub keep_checkpoints: bool,
    /// All that there ever were, by number.
    cells: Vec<PlannedCell>,
    by_id: BTreeMap<SettingsId, usize>,
    undamaged: BTreeMap<SettingsId, Settings>,
}

/// How the cells of an experiment file differ from those that were planned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Cells that were not planned.
    pub added: Vec<Settings>,
    /// Planned cells that the file no longer has.
    pub dropped: Vec<Settings>,
    /// How many are in both.
    pub n_unchanged: usize,
    /// Whether the file states other claims.
    pub has_other_claims: bool,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty() && !self.has_other_claims
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (sign, cells) in [('+', &self.added), ('-', &self.dropped)] {
            for cell in cells.iter().take(SHOWN) {
                writeln!(f, "{sign} {}", cell.in_words())?;
            }
            if cells.len() > SHOWN {
                writeln!(f, "{sign} … and {} more", cells.len() - SHOWN)?;
            }
        }
        if self.has_other_claims {
            writeln!(f, "the claims, or alpha, are others than those that were planned")?;
        }
        let (added, dropped) = (self.added.len(), self.dropped.len());
        write!(f, "{added} added, {dropped} dropped, {} unchanged", self.n_unchanged)
    }
}

impl Plan {
    /// The plan of an experiment in a folder that has none yet, or of the planned one with the experiment's changes; it is
    /// not written.
    ///
    /// # Errors
    /// As for [`Experiment::cells`] and [`Plan::open`].
    pub fn of(experiment: &Experiment, folder: &Path, keep_checkpoints: bool) -> anyhow::Result<(Self, Difference)> {
        let cells = experiment.cells()?;
        let folder = SweepFolder::at(folder);
        let mut plan = if SweepFolder::is_one(folder.path()) {
            Self::open(folder.path())?
        } else {
            // What a process that was killed while it planned has left is no obstacle.
            let is_of_a_plan = |name: &String| {
                name.starts_with(".tmp-")
                    || [folder.cells(), folder.experiment()].iter().any(|path| path.ends_with(name))
            };
            if folder.path().exists() && !super::folder::names(folder.path())?.iter().all(is_of_a_plan) {
                return Err(bad_input(anyhow!(
                    "{}: the folder is not empty and is not the folder of a sweep (choose another --out)",
                    folder.path().display()
                )));
            }
            let mut hash = Sha256::new();
            for cell in &cells {
                hash.update(cell.id().as_str());
            }
            let mut id = hex::encode(hash.finalize());
            id.truncate(12);
            Self {
                folder,
                name: experiment.name.clone(),
                description: String::new(),
                id,
                claims: experiment.claims.clone(),
                working_directory: std::env::current_dir().context("the working directory")?,
                keep_checkpoints,
                cells: Vec::new(),
                by_id: BTreeMap::new(),
                undamaged: BTreeMap::new(),
            }
        };
        let is_new = plan.cells.is_empty();
        let has_other_claims = plan.claims != experiment.claims;
        let difference = Difference { has_other_claims, ..plan.change_to(cells) };
        plan.name.clone_from(&experiment.name);
        plan.description.clone_from(&experiment.description);
        plan.claims = experiment.claims.clone();
        plan.keep_checkpoints |= keep_checkpoints;
        Ok((plan, if is_new { Difference::default() } else { difference }))
    }

    /// Reads the plan of a sweep's folder.
    ///
    /// # Errors
    /// Bad input when the folder is none of a sweep, or of another version.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = SweepFolder::open(path)?;
        let manifest_path = folder.manifest();
        let bytes = fs::read(&manifest_path).with_context(|| manifest_path.display().to_string())?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(bad_input)
            .with_context(|| format!("{} is not one that this version can read", manifest_path.display()))?;
        if manifest.layout != LAYOUT_VERSION {
            return Err(bad_input(anyhow!(
                "{}: has layout {}, and this version reads layout {LAYOUT_VERSION}",
                manifest_path.display(),
                manifest.layout
            )));
        }
        let cells_path = folder.cells();
        let text = fs::read_to_string(&cells_path).with_context(|| cells_path.display().to_string())?;
        let mut cells = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let cell: PlannedCell = serde_json::from_str(line)
                .map_err(bad_input)
                .with_context(|| format!("{} line {}", cells_path.display(), i + 1))?;
            cells.push(cell);
        }
        let mut plan = Self {
            folder,
            name: manifest.name,
            description: manifest.description,
            id: manifest.id,
            claims: manifest.claims,
            working_directory: manifest.working_directory,
            keep_checkpoints: manifest.keep_checkpoints,
            cells,
            by_id: BTreeMap::new(),
            undamaged: BTreeMap::new(),
        };
        plan.index();
        Ok(plan)
    }

    /// Writes it; a process that is killed in between leaves the old plan or the new one.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, experiment: &str) -> anyhow::Result<()> {
        atomic::write_with(&self.folder.cells(), |file| {
            let mut writer = std::io::BufWriter::new(file);
            for cell in &self.cells {
                serde_json::to_writer(&mut writer, cell)?;
                writer.write_all(b"\n")?;
            }
            Ok(writer.flush()?)
        })?;
        atomic::write_file(&self.folder.experiment(), experiment.as_bytes())?;
        let manifest = Manifest {
            layout: LAYOUT_VERSION,
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            planned_by: VERSION_AND_COMMIT.to_owned(),
            working_directory: self.working_directory.clone(),
            keep_checkpoints: self.keep_checkpoints,
            claims: self.claims.clone(),
        };
        atomic::write_json(&self.folder.manifest(), &manifest)
    }

    /// Makes the plan that of these cells: those that it has keep their numbers, others get new ones, and those that are
    /// not among them are dropped.
    fn change_to(&mut self, cells: Vec<Settings>) -> Difference {
        let mut difference = Difference::default();
        let mut wanted = BTreeSet::new();
        for settings in cells {
            let id = settings.id();
            wanted.insert(id.clone());
            match self.by_id.get(&id).map(|number| &mut self.cells[*number]) {
                Some(cell) if !cell.is_dropped => difference.n_unchanged += 1,
                Some(cell) => {
                    cell.is_dropped = false;
                    difference.added.push(settings);
                }
                None => {
                    difference.added.push(settings.clone());
                    self.cells.push(PlannedCell { number: self.cells.len(), id, is_dropped: false, settings });
                }
            }
        }
        for cell in self.cells.iter_mut().filter(|cell| !cell.is_dropped && !wanted.contains(&cell.id)) {
            cell.is_dropped = true;
            difference.dropped.push(cell.settings.clone());
        }
        self.index();
        difference
    }

    fn index(&mut self) {
        self.by_id = self.cells.iter().map(|cell| (cell.id.clone(), cell.number)).collect();
        self.undamaged =
            self.cells().map(|cell| cell.settings.undamaged()).map(|settings| (settings.id(), settings)).collect();
    }

    /// The cells that are to be done, by number.
    pub fn cells(&self) -> impl Iterator<Item = &PlannedCell> {
        self.cells.iter().filter(|cell| !cell.is_dropped)
    }

    /// All cells that there ever were, by number.
    #[must_use]
    pub fn ever(&self) -> &[PlannedCell] {
        &self.cells
    }

    /// A cell by its number or by the beginning of its id.
    ///
    /// # Errors
    /// Bad input when there is none, or more than one.
    pub fn find(&self, name: &str) -> anyhow::Result<&PlannedCell> {
        if let Some(cell) = name.parse().ok().and_then(|number: usize| self.cells.get(number)) {
            return Ok(cell);
        }
        let mut found = self.cells.iter().filter(|cell| cell.id.as_str().starts_with(name));
        match (found.next(), found.next()) {
            (Some(cell), None) => Ok(cell),
            (None, _) => Err(bad_input(anyhow!(
                "no cell {name}: expected a number from 0 to {} or the beginning of an id",
                self.cells.len().saturating_sub(1)
            ))),
            (Some(first), Some(second)) => {
                Err(bad_input(anyhow!("cell {name}: both {} and {} begin so", first.id, second.id)))
            }
        }
    }

    /// The cell of an id.
    #[must_use]
    pub fn cell(&self, id: &SettingsId) -> Option<&PlannedCell> {
        self.by_id.get(id).map(|number| &self.cells[*number])
    }

    /// The keys whose values differ among the cells.
    #[must_use]
    pub fn varying(&self) -> BTreeSet<String> {
        let mut varying = BTreeSet::new();
        let Some(first) = self.cells().next() else { return varying };
        for cell in self.cells() {
            let pairs = cell.settings.iter().chain(first.settings.iter());
            varying.extend(
                pairs
                    .filter(|(key, _)| cell.settings.text(key) != first.settings.text(key))
                    .map(|(key, _)| key.to_owned()),
            );
        }
        varying
    }

    /// The settings of a task.
    #[must_use]
    pub fn settings(&self, task: &Task) -> Option<&Settings> {
        match task {
            Task::Undamaged(id, _) => self.undamaged.get(id),
            Task::Cell(id) => self.cell(id).map(|cell| &cell.settings),
        }
    }

    /// The shared models that a task starts from or is compared with, those that need another first.
    #[must_use]
    pub fn needs(&self, task: &Task) -> Vec<Task> {
        match task {
            Task::Undamaged(_, Condition::Healthy) => Vec::new(),
            Task::Undamaged(id, _) => vec![Task::Undamaged(id.clone(), Condition::Healthy)],
            Task::Cell(id) => {
                let Some(cell) = self.cell(id) else { return Vec::new() };
                let of = cell.settings.undamaged().id();
                let healthy = Task::Undamaged(of.clone(), Condition::Healthy);
                if cell.settings.has_control() {
                    vec![healthy, Task::Undamaged(of, Condition::Control)]
                } else {
                    vec![healthy]
                }
            }
        }
    }

    /// The shared models of all cells, in the order in which cells first need them; with `Healthy` those that need no other,
    /// with `Control` those that are made of them.
    #[must_use]
    pub fn shared(&self, condition: Condition) -> Vec<Task> {
        let mut seen = BTreeSet::new();
        self.cells()
            .flat_map(|cell| self.needs(&Task::Cell(cell.id.clone())))
            .filter(|task| matches!(task, Task::Undamaged(_, of) if *of == condition))
            .filter(|task| seen.insert(task.clone()))
            .collect()
    }
}
