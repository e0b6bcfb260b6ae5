//! What a sweep will take, before it starts: nothing runs, and nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use candle_core::Device;
use serde::Serialize;
use shared::model::{ModelConfig, shape_config};
use shared::nn::{Factors, Kernels};
use shared::record::Seeds;
use shared::training::TrainingArgs;

use super::plan::{Plan, Task};
use super::request::{CellRequest, Resolve};
use super::result::Cost;
use super::settings::{Settings, in_text};
use super::status::{State, states};
use crate::device::DeviceChoice;
use crate::estimate::{self, StepShape};
use crate::hub;
use crate::open_dataset::Purpose;
use crate::open_model::ModelSource;

/// What the record and the predictions of a cell take on disk, in bytes: measured on TREC-6 and Rotten Tomatoes.
const CELL_BYTES: u64 = 12_000;

/// What is left to do, in numbers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Forecast {
    /// Cells without a result.
    pub n_cells: usize,
    /// Shared models that have to be made for them.
    pub n_shared: usize,
    /// Optimiser steps.
    pub n_steps: u64,
    /// Tokens in these steps, were every text as long as the longest that is read.
    pub n_tokens: f64,
    /// Floating-point operations of training, for so many tokens.
    pub flop: f64,
    /// Seconds of one process; none where a step has neither been timed nor can be estimated.
    pub secs: Option<f64>,
    /// How these seconds are known.
    pub secs_by: String,
    /// The most memory that one process needs for training, in MiB.
    pub memory_mib: Option<f64>,
    /// Disk at most while it runs: shared models and states of those that train.
    pub peak_disk_mib: Option<f64>,
    /// Disk afterwards.
    pub disk_mib: f64,
    /// What could not be estimated, and why.
    pub unknown: Vec<String>,
}

/// What one fine-tuning takes.
#[derive(Clone, Copy, Debug)]
struct FineTuningSize {
    n_steps: u64,
    n_tokens: f64,
    flop: f64,
    memory: usize,
    model_bytes: u64,
    /// None on a GPU.
    secs: Option<f64>,
}

/// Estimates what is left of a plan.
///
/// # Errors
/// When the sweep's folder cannot be read.
pub fn forecast(plan: &Plan, resolve: Resolve, n_workers: usize) -> anyhow::Result<Forecast> {
    let mut forecaster = Forecaster {
        resolve,
        rate: estimate::matmul_flops_per_sec(Factors::F32),
        timed: secs_per_step(plan)?,
        sizes: BTreeMap::new(),
        is_timed: false,
        is_guessed: false,
        forecast: Forecast { secs: Some(0.0), ..Forecast::default() },
    };
    let mut needs = BTreeSet::new();
    for (cell, state) in states(plan)? {
        if state.is_done() || matches!(state, State::Failed(_)) {
            continue;
        }
        forecaster.forecast.n_cells += 1;
        if cell.settings.plan().is_some() {
            forecaster.add(&cell.settings);
        }
        needs.extend(plan.needs(&Task::Cell(cell.id.clone())));
    }
    let mut shared_bytes = 0;
    for need in needs.iter().filter(|need| !super::task::is_done(plan, need)) {
        forecaster.forecast.n_shared += 1;
        if let Some(settings) = plan.settings(need) {
            shared_bytes += forecaster.add(settings);
        }
    }
    Ok(forecaster.finish(plan.cells().count() as u64, n_workers as u64, shared_bytes))
}

struct Forecaster {
    resolve: Resolve,
    /// Floating-point operations a second of this machine's matrix products.
    rate: f64,
    /// Seconds of a step, by what decides them.
    timed: BTreeMap<String, f64>,
    sizes: BTreeMap<String, Result<FineTuningSize, String>>,
    is_timed: bool,
    is_guessed: bool,
    forecast: Forecast,
}

impl Forecaster {
    /// Counts one fine-tuning, and returns the bytes of its model.
    fn add(&mut self, settings: &Settings) -> u64 {
        let key = size_key(settings);
        let (resolve, rate) = (self.resolve, self.rate);
        let size = self.sizes.entry(key.clone()).or_insert_with(|| {
            let request = resolve(settings).map_err(|error| format!("{error:#}"))?;
            size(&request, rate)
        });
        let forecast = &mut self.forecast;
        let size = match size {
            Ok(size) => *size,
            Err(why) => {
                if !forecast.unknown.contains(why) {
                    forecast.unknown.push(why.clone());
                }
                forecast.secs = None;
                return 0;
            }
        };
        forecast.n_steps += size.n_steps;
        forecast.n_tokens += size.n_tokens;
        forecast.flop += size.flop;
        forecast.memory_mib = Some(forecast.memory_mib.unwrap_or(0.0).max(mib(size.memory as u64)));
        forecast.peak_disk_mib = Some(forecast.peak_disk_mib.unwrap_or(0.0).max(mib(size.model_bytes)));
        let timed = self.timed.get(&key).map(|secs| secs * size.n_steps as f64);
        self.is_timed |= timed.is_some();
        self.is_guessed |= timed.is_none();
        let secs = timed.or(size.secs);
        if secs.is_none() {
            let why = "time on a GPU is known once this sweep has timed steps there".to_owned();
            if !forecast.unknown.contains(&why) {
                forecast.unknown.push(why);
            }
        }
        forecast.secs = forecast.secs.zip(secs).map(|(sum, secs)| sum + secs);
        size.model_bytes
    }

    fn finish(self, n_cells: u64, n_workers: u64, shared_bytes: u64) -> Forecast {
        let mut forecast = self.forecast;
        // The two last states of a fine-tuning hold weights and two moments each.
        let peak = |largest: f64| mib(shared_bytes) + 6.0 * n_workers as f64 * largest;
        forecast.peak_disk_mib = forecast.peak_disk_mib.map(peak);
        forecast.disk_mib = mib(n_cells * CELL_BYTES);
        forecast.secs_by = match (self.is_timed, self.is_guessed) {
            (true, false) => "from steps that this sweep has timed".to_owned(),
            (true, true) => {
                "from steps that this sweep has timed, and where there are none from matrix products".to_owned()
            }
            (false, _) => format!("roughly, from this machine's matrix products at {:.0} GFLOP/s", self.rate / 1e9),
        };
        forecast
    }
}

/// What decides how much one fine-tuning takes: everything but damage and seeds.
fn size_key(settings: &Settings) -> String {
    let undamaged = settings.undamaged();
    let parts = undamaged.iter().filter(|(key, _)| !key.starts_with("seed"));
    parts.map(|(key, value)| format!("{key}={}", in_text(value))).collect::<Vec<_>>().join(" ")
}

fn size(request: &CellRequest, rate: f64) -> Result<FineTuningSize, String> {
    let config = config(request)?;
    let n_rows = n_train_rows(request)?;
    let TrainingArgs { batch_size, gradient_accumulation_steps, epochs, max_steps, .. } = request.training;
    let rows_per_step = batch_size * gradient_accumulation_steps;
    let n_steps = max_steps.unwrap_or_else(|| (n_rows.div_ceil(rows_per_step) as f64 * epochs).ceil() as usize);
    let usual = request.dataset.usual_length().map(|(_, length)| length);
    let length = request.max_length.or(usual).unwrap_or(crate::runner::DEFAULT_MAX_LENGTH).min(config.max_positions);
    let shape = StepShape { batch_size, n_tokens: length };
    let is_cpu = matches!(request.device, DeviceChoice::Cpu | DeviceChoice::Auto);
    // What this machine cannot multiply another one may.
    let kernels = request.training.dtype.kernels(&Device::Cpu).unwrap_or_else(|_| Kernels::for_device(&Device::Cpu));
    let kernels = Kernels { activations: request.activations, ..kernels };
    let memory = estimate::memory(&config, shape, &kernels, |_| false);
    let flop = estimate::step_flops(&config, &kernels, rows_per_step, length) * n_steps as f64;
    let step = StepShape { batch_size: rows_per_step, n_tokens: length };
    let step_secs = estimate::step_secs(&config, step, &kernels, rate);
    Ok(FineTuningSize {
        n_steps: n_steps as u64,
        n_tokens: (n_steps * rows_per_step * length) as f64,
        flop,
        memory: memory.total,
        model_bytes: memory.parameters as u64,
        secs: is_cpu.then_some(step_secs * n_steps as f64),
    })
}

/// The shape of the model: of a folder, or of what the catalogue calls so.
fn config(request: &CellRequest) -> Result<ModelConfig, String> {
    if Path::new(&request.model).exists() {
        let source = ModelSource::open(&request.model, None, request.weights);
        return source.map(|source| source.config).map_err(|error| format!("{error:#}"));
    }
    shape_config(&request.model)
        .ok_or_else(|| format!("model {}: is not on this machine, so its size is not known", request.model))
}

/// Rows to train on: counted where the dataset is on this machine, else as the catalogue has it.
fn n_train_rows(request: &CellRequest) -> Result<usize, String> {
    let limit = request.dataset.limits.train.unwrap_or(usize::MAX);
    let n_rows = if Path::new(&request.dataset.name).exists() {
        let opened = request.dataset.open(Purpose::Train, Seeds::all(0).into(), None);
        opened.map_err(|error| format!("{error:#}"))?.0.dataset.train.len()
    } else {
        let entry = hub::dataset_entry(&request.dataset.name);
        let entry = entry.ok_or_else(|| {
            format!("dataset {}: is not on this machine, so its rows are not known", request.dataset.name)
        })?;
        entry.rows.train
    };
    Ok(n_rows.min(limit))
}

/// Seconds of a step in this sweep so far, by what decides them.
fn secs_per_step(plan: &Plan) -> anyhow::Result<BTreeMap<String, f64>> {
    /// More say no more.
    const MAX_FILES: usize = 500;
    let folder = plan.folder.path().join("costs");
    let by_name: BTreeMap<String, Task> = plan
        .cells()
        .flat_map(|cell| {
            let task = Task::Cell(cell.id.clone());
            plan.needs(&task).into_iter().chain([task])
        })
        .map(|task| (task.to_string(), task))
        .collect();
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for name in super::folder::names(&folder)?.iter().take(MAX_FILES) {
        let task = name.strip_suffix(".json").and_then(|name| by_name.get(name));
        let Some(settings) = task.and_then(|task| plan.settings(task)) else { continue };
        let Ok(cost) = serde_json::from_slice::<Cost>(&fs::read(folder.join(name))?) else { continue };
        if cost.steps > 0 {
            let (secs, steps) = sums.entry(size_key(settings)).or_default();
            *secs += cost.training_secs;
            *steps += cost.steps as f64;
        }
    }
    Ok(sums.into_iter().map(|(key, (secs, steps))| (key, secs / steps)).collect())
}

fn mib(n_bytes: u64) -> f64 {
    n_bytes as f64 / f64::from(1 << 20)
}
