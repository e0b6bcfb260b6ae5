//! One fine-tuning: steps, saved states, early stopping.

use shared::Condition;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use shared::record::{MetricsLine, PhaseSummary};
use shared::training::{FineTuning, StatePart, StepReport};
use shared::{Error, Parameters};

use super::judge;
use super::prepare::Prepared;
use crate::exit_code::interrupted;
use crate::failpoint;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run_dir::RunDir;
use crate::run_dir::metrics::MetricsLog;
use crate::say;

/// The longest time between two saved states.
const SAVE_INTERVAL: Duration = Duration::from_mins(1);

const JOURNAL: &str = "journal.json";
const BEST: &str = "best.safetensors";

/// How a fine-tuning ended.
pub enum Outcome {
    /// All steps are done, or early stopping ended it.
    Done {
        /// What it made.
        parameters: Parameters,
        /// What it took.
        summary: PhaseSummary,
    },
    /// The loss or a gradient is not finite.
    Failed {
        /// [`Error::Diverged`].
        error: Error,
        /// What it took until then.
        summary: PhaseSummary,
    },
}

/// What is counted along the way and saved with the state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Journal {
    secs: f64,
    samples: usize,
    tokens: usize,
    loss_first: Option<f64>,
    loss_last: Option<f64>,
    resumed_from: Vec<usize>,
    early_stopping: EarlyStopping,
}

/// The best epoch so far by accuracy on the part of train that was held out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct EarlyStopping {
    best_accuracy: Option<f64>,
    epochs_since_best: usize,
}

impl EarlyStopping {
    /// Whether it has decided to stop. A function of what is saved, so that a process that resumes decides alike.
    fn is_over(&self, patience: Option<usize>) -> bool {
        patience.is_some_and(|patience| self.epochs_since_best >= patience)
    }
}

/// Fine-tunes `parameters`, going on from the last saved state of this phase.
pub fn fine_tune(
    prepared: &Prepared,
    run_dir: &RunDir,
    phase: Condition,
    parameters: Parameters,
    interrupt: &Interrupt,
) -> anyhow::Result<Outcome> {
    let mut dump = match (&prepared.dump, phase) {
        (Some(dump), Condition::Healthy) => {
            Some(dump.start(&prepared.checkpoint_files(&parameters)?, &prepared.spec.training)?)
        }
        _ => None,
    };
    let mut fine_tuning = prepared.fine_tuning(parameters)?;
    let states = run_dir.states();
    let mut journal = Journal::default();
    let mut best: Option<Vec<u8>> = None;
    if let Some(saved) = states.latest(phase.as_str())? {
        for passed_over in &saved.passed_over {
            say!("note: {passed_over}; resuming from step {}", saved.step);
        }
        fine_tuning.restore(saved.step, |part| Ok::<_, anyhow::Error>(saved.file(part.file_name())?.to_vec()))?;
        journal = serde_json::from_slice(saved.file(JOURNAL)?)?;
        journal.resumed_from.push(saved.step);
        best = saved.file(BEST).ok().map(<[u8]>::to_vec);
    }
    let mut metrics = run_dir.metrics()?;
    let first_step = fine_tuning.steps_done();
    metrics.retain(|line: &MetricsLine| line.phase != phase || line.step <= first_step)?;
    let mut events = run_dir.event_log(phase, &prepared.spec)?;
    let n_steps = fine_tuning.n_steps();
    let mut bar = Progress::resumed(&format!("fine-tuning {}", phase.as_str()), n_steps, first_step);
    let mut last_save = Instant::now();
    let patience = prepared.spec.training.early_stopping;
    let summary = |fine_tuning: &FineTuning, journal: &Journal| PhaseSummary {
        phase,
        steps: fine_tuning.steps_done(),
        steps_this_process: fine_tuning.steps_done() - first_step,
        epochs: fine_tuning.steps_done() as f64 / fine_tuning.steps_per_epoch() as f64,
        secs: Some(journal.secs),
        samples: journal.samples,
        tokens: journal.tokens,
        loss_first: journal.loss_first,
        loss_last: journal.loss_last,
        resumed_from: journal.resumed_from.clone(),
        reused_from: None,
    };
    let save = |fine_tuning: &FineTuning, journal: &Journal, best: &Option<Vec<u8>>, metrics: &MetricsLog| {
        metrics.sync()?;
        let mut names = vec![JOURNAL];
        names.extend(StatePart::ALL.map(StatePart::file_name));
        names.extend(best.as_ref().map(|_| BEST));
        states.save(phase.as_str(), fine_tuning.steps_done(), &names, |name| {
            match (StatePart::ALL.into_iter().find(|part| part.file_name() == name), best) {
                (Some(part), _) => Ok(fine_tuning.save_part(part)?),
                (None, Some(best)) if name == BEST => Ok(best.clone()),
                _ => Ok(serde_json::to_vec(journal)?),
            }
        })
    };

    while fine_tuning.steps_done() < n_steps && !journal.early_stopping.is_over(patience) {
        let started = Instant::now();
        let report = match fine_tuning.step() {
            Ok(report) => report,
            Err(error @ Error::Diverged { .. }) => {
                save(&fine_tuning, &journal, &best, &metrics)?;
                bar.finish(&error.to_string());
                return Ok(Outcome::Failed { error, summary: summary(&fine_tuning, &journal) });
            }
            Err(error) => return Err(error.into()),
        };
        let secs = started.elapsed().as_secs_f64();
        journal.secs += secs;
        journal.samples += report.n_rows;
        journal.tokens += report.n_tokens;
        journal.loss_first.get_or_insert(report.loss);
        journal.loss_last = Some(report.loss);
        let line = metrics_line(phase, &fine_tuning, &report);
        metrics.append(&line)?;
        events.append_step(&line, secs)?;
        failpoint::reached("training.step");
        if let Some(dump) = &mut dump {
            dump.append(&report)?;
        }
        bar.step(report.loss, report.n_correct as f64 / report.n_rows.max(1) as f64, report.n_rows, report.n_tokens);

        let is_end_of_epoch = report.step.is_multiple_of(fine_tuning.steps_per_epoch()) || report.step == n_steps;
        if let (Some(_), Some(held_out), true) = (patience, &prepared.held_out, is_end_of_epoch) {
            let accuracy = judge::accuracy(prepared, &fine_tuning.evaluation_model()?, held_out)?;
            bar.note(&format!(
                "epoch {}: accuracy on the held-out training rows {:.1} %",
                report.epochs_done,
                100.0 * accuracy
            ));
            let stopping = &mut journal.early_stopping;
            if stopping.best_accuracy.is_none_or(|best| accuracy > best) {
                *stopping = EarlyStopping { best_accuracy: Some(accuracy), epochs_since_best: 0 };
                best = Some(prepared.weights_of(fine_tuning.parameters())?);
            } else {
                stopping.epochs_since_best += 1;
            }
        }
        let is_last = fine_tuning.steps_done() == n_steps || journal.early_stopping.is_over(patience);
        let is_due = report.step.is_multiple_of(prepared.save_steps) || last_save.elapsed() >= SAVE_INTERVAL;
        if interrupt.is_requested() || (is_due && !is_last) {
            save(&fine_tuning, &journal, &best, &metrics)?;
            last_save = Instant::now();
        }
        if interrupt.is_requested() {
            bar.finish(&format!("stopped and saved after step {}", report.step));
            return Err(interrupted(anyhow!(
                "interrupted after step {} of {n_steps} ({}); repeat the command with --out {} to resume from there",
                report.step,
                phase.as_str(),
                run_dir.path().display()
            )));
        }
    }
    metrics.sync()?;
    let summary = summary(&fine_tuning, &journal);
    bar.finish(&format!(
        "{} steps, last loss {:.4}, {:.0} s",
        summary.steps,
        summary.loss_last.unwrap_or(f64::NAN),
        summary.secs.unwrap_or(0.0)
    ));
    let parameters = match best {
        Some(weights) => prepared.parameters_from(phase, weights)?,
        None => fine_tuning.into_parameters(),
    };
    shared::nn::free_buffers();
    Ok(Outcome::Done { parameters, summary })
}

fn metrics_line(phase: Condition, fine_tuning: &FineTuning, report: &StepReport) -> MetricsLine {
    MetricsLine {
        phase,
        step: report.step,
        epoch: report.step as f64 / fine_tuning.steps_per_epoch() as f64,
        loss: report.loss,
        accuracy: report.n_correct as f64 / report.n_rows.max(1) as f64,
        learning_rate: report.learning_rate,
        grad_norm: report.gradient_norm,
        samples: report.n_rows,
        tokens: report.n_tokens,
    }
}
