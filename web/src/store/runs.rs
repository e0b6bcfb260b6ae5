//! The healings of this page as runs: noted when they end, judged, kept, and handed to the visitor.

use super::handle::Store;
use super::kept::{Kept, keep};
use super::known_healing::Heal;
use crate::download;
use crate::failure::Failure;
use crate::protocol::{Accuracy, ExportHealed, Exported, HealSummary, Progress, RecordRun, Recorded, Response, Stage};
use crate::runs::{End, Record, Right, Run, Runs, RunsNote, curves};
use crate::state::Word as _;
use leptos::prelude::*;

impl Kept for Runs {
    const KEY: &'static str = "bert-heal runs 1";

    fn merged(before: &Self, ours: &Self, theirs: &Self) -> Self {
        Self::merged(before, ours, theirs)
    }
}

impl Store {
    /// Keeps the runs, and takes over what another tab makes of them.
    pub(super) fn keep_runs(&self) {
        let note = self.runs_note;
        keep(self.runs, move || note.set(Some(RunsNote::NotKept)));
    }

    /// Notes a healing that another model ends, whose own end is not heard any more.
    pub(super) fn note_replaced_run(&self) {
        if self.is_healing.get_untracked() {
            let step = self.heal.with_untracked(Heal::step);
            self.add_run(self.run(step, End::Stopped, None));
        }
    }

    /// Notes the healing that has ended, and has its models judged if it came to its end or diverged.
    pub(super) fn note_run(&self, outcome: Result<&HealSummary, &Failure>) {
        let run = match outcome {
            Ok(summary) => {
                let end = if summary.step == summary.n_steps { End::Whole } else { End::Stopped };
                self.run(summary.step, end, summary.held_out)
            }
            Err(failure) => {
                let step = self.heal.with_untracked(Heal::step);
                self.run(step, End::Failed(failure.to_string()), None)
            }
        };
        let is_whole = run.as_ref().is_some_and(|run| run.end == End::Whole);
        let is_judged = is_whole || matches!(outcome, Err(Failure::Diverged { .. }));
        if let Some(id) = self.add_run(run).filter(|_| is_judged) {
            self.record_run(id);
        }
    }

    /// Adds a run, if it is one; what names it.
    fn add_run(&self, run: Option<Run>) -> Option<f64> {
        let run = run?;
        let id = run.ended_at_ms;
        let mut n_over = 0;
        self.runs.update(|runs| n_over = runs.add(run));
        self.runs_note.set((n_over > 0).then_some(RunsNote::MadeRoom(n_over)));
        Some(id)
    }

    /// Has the models of the last healing judged, and its record written.
    fn record_run(&self, id: f64) {
        let store = *self;
        self.recording.set(Some(Progress { stage: Stage::Rows, done: 0, total: 0 }));
        self.bridge.with_value(|bridge| {
            bridge.ask(RecordRun, &[], move |response| match response {
                Response::Progress(now) => store.recording.set(Some(now)),
                Response::Answer(Recorded { run_id, line }) => {
                    store.recording.set(None);
                    store.runs.update(|runs| runs.set_record(id, Record { run_id, line }));
                }
                // Its model was replaced before it came to this: its row says that it was not evaluated.
                Response::Failed(Failure::NoHealing) | Response::Cancelled => store.recording.set(None),
                Response::Failed(failure) => {
                    store.recording.set(None);
                    store.fail(failure);
                }
            });
        });
    }

    /// The present healing as a run; none before it has begun.
    fn run(&self, step: usize, end: End, held_out: Option<Accuracy>) -> Option<Run> {
        let heal = self.heal.get_untracked();
        let ((plan, seed), settings) = (heal.damage.clone()?, heal.settings?);
        heal.last()?;
        let right = |of: Accuracy| Right { n_right: (of.value * of.n as f64).round() as u64, n: of.n as u64 };
        Some(Run {
            number: 0,
            ended_at_ms: js_sys::Date::now(),
            model: self.loaded.with_untracked(|loaded| loaded.as_ref().map(|loaded| loaded.model.name.clone()))?,
            plan,
            seed,
            n_steps: heal.n_steps,
            step,
            learning_rate: settings.learning_rate,
            batch_size: settings.batch_size,
            trained: settings.trained.word().to_owned(),
            end,
            held_out: held_out.map(right),
            curves: curves(&heal.steps, heal.n_steps),
            record: None,
        })
    }

    /// Takes runs away but for those that stay; they can be put back until others are.
    pub fn remove_runs(&self, stays: impl Fn(&Run) -> bool) {
        let mut removed = Vec::new();
        self.runs.update(|runs| {
            let (kept, gone) = std::mem::take(&mut runs.runs).into_iter().partition(|run| stays(run));
            (runs.runs, removed) = (kept, gone);
        });
        self.runs_note.set(Some(RunsNote::Removed(removed.len())));
        self.removed_runs.set(removed);
    }

    /// Puts back what was taken away last.
    pub fn put_runs_back(&self) {
        let removed = self.removed_runs.with_untracked(Clone::clone);
        self.removed_runs.set(Vec::new());
        self.runs_note.set(None);
        self.runs.update(|runs| runs.put_back(removed));
    }

    /// Saves the records as a `results.jsonl`.
    pub fn export_runs(&self) {
        let file = self.runs.with_untracked(Runs::results);
        if file.n_lines > 0 {
            download::save_text("results.jsonl", "application/jsonl", &file.text);
        }
        self.runs_note.set(Some(RunsNote::Exported(file.in_words())));
    }

    /// Saves the healed model as a folder in Hugging Face's layout.
    pub fn export_healed(&self) {
        let store = *self;
        self.failure.set(None);
        self.is_exporting.set(true);
        self.bridge.with_value(|bridge| {
            bridge.ask(ExportHealed, &[], move |response| {
                store.is_exporting.set(false);
                match response {
                    Response::Answer(Exported { url, name, .. }) => {
                        download::save_url(&name, &url);
                        store.announcement.set(format!("{name} is being saved."));
                    }
                    Response::Failed(failure) => store.fail(failure),
                    Response::Progress(_) | Response::Cancelled => {}
                }
            });
        });
    }
}
