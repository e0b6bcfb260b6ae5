//! Progress on stderr: a bar for people, one plain line every ten seconds for logs.

use crate::say;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How often a log gets a line: often enough to see that it moves, seldom enough to read.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The share of a new step in the loss and accuracy that are shown; single batches jump too much to read.
const SMOOTHING: f64 = 0.1;

/// How far a phase is, for whoever watches this process.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PhaseProgress {
    /// What the phase is called.
    pub name: String,
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub n_steps: usize,
    /// The smoothed loss, in phases that have one.
    pub loss: Option<f64>,
}

type Watch = Box<dyn Fn(PhaseProgress) + Send + Sync>;

static WATCH: OnceLock<Watch> = OnceLock::new();

/// How often a watcher is told.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Has `watch` told how far each phase of this process is, now and then; to be called once.
pub fn watch(watch: impl Fn(PhaseProgress) + Send + Sync + 'static) {
    // Who came first stays.
    let _ = WATCH.set(Box::new(watch));
}

/// Progress through one phase of a job, such as one fine-tuning.
pub struct Progress {
    name: String,
    total_steps: usize,
    first_step: usize,
    step: usize,
    samples: usize,
    tokens: usize,
    loss: Option<f64>,
    accuracy: Option<f64>,
    started: Instant,
    last_line: Instant,
    last_watched: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts a phase that has `total_steps` steps.
    #[must_use]
    pub fn phase(name: &str, total_steps: usize) -> Self {
        Self::resumed(name, total_steps, 0)
    }

    /// Starts a phase of which `first_step` steps were done by an earlier process.
    #[must_use]
    pub fn resumed(name: &str, total_steps: usize, first_step: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(name, total_steps, first_step));
        if bar.is_none() {
            let resumed = if first_step > 0 { format!(", resuming from step {first_step}") } else { String::new() };
            say!("{name}: {total_steps} steps{resumed}");
        }
        let now = Instant::now();
        Self {
            name: name.to_owned(),
            total_steps,
            first_step,
            step: first_step,
            samples: 0,
            tokens: 0,
            loss: None,
            accuracy: None,
            started: now,
            last_line: now,
            last_watched: None,
            bar,
        }
    }

    /// One step of `samples` rows and `tokens` real tokens is done; `accuracy` is a fraction of its rows.
    pub fn step(&mut self, loss: f64, accuracy: f64, samples: usize, tokens: usize) {
        self.step += 1;
        self.samples += samples;
        self.tokens += tokens;
        self.loss = Some(smooth(self.loss, loss));
        self.accuracy = Some(smooth(self.accuracy, accuracy));
        self.show();
    }

    /// One step without a loss is done, such as a batch of an evaluation.
    pub fn advance(&mut self, samples: usize, tokens: usize) {
        self.step += 1;
        self.samples += samples;
        self.tokens += tokens;
        self.show();
    }

    /// Puts `text` on a line of its own, above the bar.
    pub fn note(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| say!("{text}"));
        } else {
            say!("{text}");
        }
    }

    /// Ends the phase with a line that stays.
    pub fn finish(self, summary: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say!("{}: {summary}", self.name);
    }

    fn show(&mut self) {
        let elapsed = self.started.elapsed();
        if let Some(watch) = WATCH.get()
            && self.last_watched.is_none_or(|last| last.elapsed() >= WATCH_INTERVAL)
        {
            self.last_watched = Some(Instant::now());
            watch(PhaseProgress {
                name: self.name.clone(),
                step: self.step,
                n_steps: self.total_steps,
                loss: self.loss.filter(|loss| loss.is_finite()),
            });
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.step as u64);
            bar.set_message(self.describe(elapsed));
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            say!("{}: step {}/{} {}", self.name, self.step, self.total_steps, self.describe(elapsed));
        }
    }

    /// Loss, accuracy, speed and time left, after `elapsed` in this process.
    fn describe(&self, elapsed: Duration) -> String {
        let secs = elapsed.as_secs_f64();
        let done = self.step - self.first_step;
        let mut parts = Vec::new();
        parts.extend(self.loss.map(|loss| format!("loss {loss:.4}")));
        parts.extend(self.accuracy.map(|accuracy| format!("accuracy {:.1} %", 100.0 * accuracy)));
        if secs > 0.0 && done > 0 {
            parts.push(format!("{:.1} samples/s", self.samples as f64 / secs));
            if self.tokens > 0 {
                parts.push(format!("{:.0} tokens/s", self.tokens as f64 / secs));
            }
            let secs_left = secs / done as f64 * self.total_steps.saturating_sub(self.step) as f64;
            parts.push(format!("{} left", duration(secs_left)));
        }
        parts.join("  ")
    }
}

/// Progress of a download in bytes.
pub struct Transfer {
    name: String,
    total_bytes: u64,
    n_bytes: u64,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Transfer {
    /// Starts a download of `total_bytes` bytes.
    #[must_use]
    pub fn start(name: &str, total_bytes: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| transfer_bar(name, total_bytes));
        if bar.is_none() {
            say!("{name}: {}", HumanBytes(total_bytes));
        }
        Self { name: name.to_owned(), total_bytes, n_bytes: 0, last_line: Instant::now(), bar }
    }

    /// So many bytes more are here.
    pub fn advance(&mut self, n_bytes: u64) {
        self.n_bytes += n_bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(self.n_bytes);
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            say!("{}: {} of {}", self.name, HumanBytes(self.n_bytes), HumanBytes(self.total_bytes));
        }
    }

    /// So many bytes have to be fetched again.
    pub fn go_back(&mut self, n_bytes: u64) {
        self.n_bytes = self.n_bytes.saturating_sub(n_bytes);
        if let Some(bar) = &self.bar {
            bar.set_position(self.n_bytes);
        }
    }

    /// Puts `text` on a line of its own, above the bar.
    pub fn note(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| say!("{text}"));
        } else {
            say!("{text}");
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // Also on the way out of an error: its message then stands alone.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn transfer_bar(name: &str, total_bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{prefix} [{bar:24}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left");
    bar.set_style(style.expect("the template is a constant and well-formed").progress_chars("=> "));
    bar.set_prefix(name.to_owned());
    bar
}

fn bar(name: &str, total_steps: usize, first_step: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total_steps as u64), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len}  {wide_msg}");
    bar.set_style(style.expect("the template is a constant and well-formed").progress_chars("=> "));
    bar.set_prefix(name.to_owned());
    bar.set_position(first_step as u64);
    bar
}

/// An exponential mean that starts at the first value, and a loss that is not finite shows at once and stays.
fn smooth(mean: Option<f64>, value: f64) -> f64 {
    mean.map_or(value, |mean| mean + SMOOTHING * (value - mean))
}

/// A duration with the two units that matter.
fn duration(secs: f64) -> String {
    let secs = secs.round() as u64;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_time_left_count_only_the_steps_of_this_process() {
        let mut progress = Progress::resumed("fine-tuning healthy", 100, 60);
        for _ in 0..10 {
            progress.step(0.5, 0.75, 32, 640);
        }
        // Ten of the forty remaining steps in 20 s: thirty more take 60 s.
        let text = progress.describe(Duration::from_secs(20));
        assert_eq!(text, "loss 0.5000  accuracy 75.0 %  16.0 samples/s  320 tokens/s  1 min 0 s left");
    }

    #[test]
    fn nothing_is_said_about_speed_before_the_first_step() {
        assert_eq!(Progress::phase("evaluating", 3).describe(Duration::ZERO), "");
    }

    #[test]
    fn a_loss_that_is_not_finite_shows_at_once_and_stays() {
        assert!(smooth(Some(0.5), f64::NAN).is_nan());
        assert!(smooth(Some(f64::NAN), 0.5).is_nan());
    }

    #[test]
    fn durations_read_well() {
        assert_eq!([duration(59.4), duration(61.0), duration(7322.0)], ["59 s", "1 min 1 s", "2 h 2 min"]);
    }
}
