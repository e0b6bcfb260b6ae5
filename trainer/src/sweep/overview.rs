//! What a sweep shows while it runs: lines that stay for what is done, and on a terminal one that moves for each worker.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

use super::schedule::Left;
use crate::progress::PhaseProgress;
use crate::say;

/// The length of a bar that has nothing to show: one of length 0 would be drawn full.
const EMPTY: u64 = 1;

/// The overview of one sweep.
pub struct Overview {
    name: String,
    n_workers: usize,
    bars: Option<Bars>,
    started: Instant,
    /// Number and seconds of the shared models and of the cells that were made since it started.
    took: [(usize, f64); 2],
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    workers: Vec<ProgressBar>,
}

impl Overview {
    /// Of a sweep with so many workers and cells, of which so many are done.
    #[must_use]
    pub fn new(name: &str, n_workers: usize, n_cells: usize, n_done: usize) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| Bars::new(n_workers));
        if let Some(bars) = &bars {
            bars.total.set_length(n_cells as u64);
            bars.total.set_position(n_done as u64);
            bars.total.set_message(format!("{n_done} of {n_cells} cells done"));
            (0..n_workers).for_each(|worker| bars.set_idle(worker));
        }
        Self { name: name.to_owned(), n_workers, bars, started: Instant::now(), took: [(0, 0.0); 2] }
    }

    /// A worker begins something.
    pub fn began(&self, worker: usize, words: &str) {
        if let Some(bars) = &self.bars {
            let bar = &bars.workers[worker];
            bar.set_position(0);
            bar.set_length(EMPTY);
            bar.set_prefix(words.to_owned());
            bar.set_message("preparing");
        }
    }

    /// How far a worker is with it.
    pub fn progress(&self, worker: usize, progress: &PhaseProgress) {
        let Some(bars) = &self.bars else { return };
        let bar = &bars.workers[worker];
        bar.set_length(progress.n_steps as u64);
        bar.set_position(progress.step as u64);
        let loss = progress.loss.map_or(String::new(), |loss| format!(", loss {loss:.3}"));
        bar.set_message(format!("{} {}/{}{loss}", progress.name, progress.step, progress.n_steps));
    }

    /// A worker has ended something, after which so many cells are done and failed of all, and so much is left.
    pub fn ended(&self, worker: usize, words: &str, (n_cells, n_done, n_failed): (usize, usize, usize), left: Left) {
        let failed = if n_failed > 0 { format!(", {n_failed} failed") } else { String::new() };
        let time = self.secs_left(left).filter(|secs| *secs > 0.0);
        let time =
            time.map_or(String::new(), |secs| format!(", about {} left", HumanDuration(Duration::from_secs_f64(secs))));
        let all = format!("{n_done} of {n_cells} cells done{failed}{time}");
        match &self.bars {
            Some(bars) => {
                bars.set_idle(worker);
                bars.all.suspend(|| say!("{words}"));
                bars.total.set_length(n_cells as u64);
                bars.total.set_position(n_done as u64);
                bars.total.set_message(all);
            }
            None => say!("{}: {words}; {all}", self.name),
        }
    }

    /// A worker has nothing to do now.
    pub fn set_idle(&self, worker: usize) {
        if let Some(bars) = &self.bars {
            bars.set_idle(worker);
        }
    }

    /// A task took so long.
    pub fn took(&mut self, is_cell: bool, secs: f64) {
        let (n, sum) = &mut self.took[usize::from(is_cell)];
        *n += 1;
        *sum += secs;
    }

    /// Seconds that what is left will take at the pace so far; none before the first task is done.
    fn secs_left(&self, left: Left) -> Option<f64> {
        let mean = |(n, sum): (usize, f64)| (n > 0).then(|| sum / n as f64);
        let shared = mean(self.took[0]);
        // A cell is mostly one fine-tuning, as a shared model is.
        let cell = mean(self.took[1]).or(shared)?;
        let work = left.n_cells as f64 * cell + left.n_shared as f64 * shared.unwrap_or(cell);
        Some(work / self.n_workers as f64)
    }

    /// Takes the moving lines away.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.all.clear();
        }
        say!("{}: {}", self.name, HumanDuration(self.started.elapsed()));
    }
}

impl Bars {
    fn new(n_workers: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        let total = all.add(ProgressBar::new(0));
        let style = |template: &str| {
            let style = ProgressStyle::with_template(template);
            style.expect("the template is a constant and well-formed").progress_chars("=> ")
        };
        total.set_style(style("[{bar:24}] {wide_msg}"));
        let workers = (0..n_workers).map(|_| {
            let bar = all.add(ProgressBar::new(0));
            bar.set_style(style("  [{bar:12}] {wide_msg} · {prefix}"));
            bar
        });
        let workers = workers.collect();
        Self { all, total, workers }
    }

    fn set_idle(&self, worker: usize) {
        let bar = &self.workers[worker];
        bar.set_position(0);
        bar.set_length(EMPTY);
        bar.set_prefix("idle");
        bar.set_message("");
    }
}
