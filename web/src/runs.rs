//! The healings of this page as runs: what each had, how it went, and the record of it for a `results.jsonl`.

use crate::protocol::HealProgress;
use serde::{Deserialize, Serialize};
use shared::random::Seed;
use shared::statistics::{Interval, wilson};
use std::collections::BTreeSet;

/// The most runs that are kept: about a megabyte of the five that browsers give a page. The oldest then goes.
pub const MAX_RUNS: usize = 100;

/// The most points of a curve that are kept: more would not be seen.
pub const MAX_POINTS: usize = 60;

/// Confidence of the intervals around accuracies.
const LEVEL: f64 = 0.95;

/// A healing of the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What visitors call it: counted from 1 in this browser.
    pub number: usize,
    /// When it ended, in milliseconds since 1970; names it.
    pub ended_at_ms: f64,
    /// The model that was damaged.
    pub model: String,
    /// The plan of the damage in canonical form.
    pub plan: String,
    /// The seed of the damage, of dropout and of the order of rows.
    pub seed: Seed,
    /// Steps that were asked for.
    pub n_steps: usize,
    /// Steps that were done.
    pub step: usize,
    /// The peak learning rate.
    pub learning_rate: f64,
    /// Rows of a step.
    pub batch_size: usize,
    /// What learnt, by its word in the address.
    pub trained: String,
    /// How it ended.
    pub end: End,
    /// Held-out sentences that the healed model gets right; none for a healing that did not come to its end.
    pub held_out: Option<Right>,
    /// How it went.
    pub curves: Curves,
    /// Its record, once the models were judged.
    pub record: Option<Record>,
}

/// How a healing went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The training loss by step, means over some steps where there were many.
    pub losses: Vec<(usize, f32)>,
    /// The held-out sentences that were looked at on the way, by step.
    pub looks: Vec<(usize, Right)>,
}

/// How a healing ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With its last step.
    Whole,
    /// By the visitor's hand.
    Stopped,
    /// It could not go on.
    Failed(String),
}

/// How many of some rows are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// Rows that are right.
    pub n_right: u64,
    /// Rows.
    pub n: u64,
}

/// The record of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The short hash of what was asked.
    pub run_id: String,
    /// The line of a `results.jsonl`.
    pub line: String,
}

/// The runs that are kept, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    /// Each once.
    pub runs: Vec<Run>,
}

/// What a `results.jsonl` has of some runs, and what it has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultsFile {
    /// Its text.
    pub text: String,
    /// Lines.
    pub n_lines: usize,
    /// Runs that were stopped by hand.
    pub n_stopped: usize,
    /// Runs whose models were not judged.
    pub n_unjudged: usize,
    /// Runs that repeat an earlier one, with the same result.
    pub n_repeated: usize,
}

/// What there is to say about the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunsNote {
    /// The browser does not keep them.
    NotKept,
    /// So many made room for the last one.
    MadeRoom(usize),
    /// What was exported.
    Exported(String),
    /// So many were taken away.
    Removed(usize),
}

impl RunsNote {
    /// As a sentence.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::NotKept => {
                "This browser does not keep these runs: they are lost with this tab. Export them to keep them."
                    .to_owned()
            }
            Self::MadeRoom(1) => format!("The oldest run made room for the new one: {MAX_RUNS} are kept."),
            Self::MadeRoom(n) => format!("The {n} oldest runs made room for new ones: {MAX_RUNS} are kept."),
            Self::Exported(words) => words.clone(),
            Self::Removed(1) => "1 run was removed.".to_owned(),
            Self::Removed(n) => format!("{n} runs were removed."),
        }
    }
}

impl Right {
    /// The share.
    #[must_use]
    pub fn share(self) -> f64 {
        self.n_right as f64 / self.n.max(1) as f64
    }

    /// Wilson's interval; none without any row.
    #[must_use]
    pub fn interval(self) -> Option<Interval> {
        wilson(self.n_right, self.n, LEVEL).ok().map(|estimate| estimate.interval)
    }
}

impl Runs {
    /// Adds a run under the next number; how many had to make room for it.
    pub fn add(&mut self, mut run: Run) -> usize {
        run.number = self.runs.iter().map(|run| run.number).max().unwrap_or(0) + 1;
        self.runs.push(run);
        self.trim()
    }

    /// Adds the record of a run that is still there.
    pub fn set_record(&mut self, ended_at_ms: f64, record: Record) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.ended_at_ms == ended_at_ms) {
            run.record = Some(record);
        }
    }

    /// Puts runs back that were taken away.
    pub fn put_back(&mut self, runs: Vec<Run>) {
        self.runs.extend(runs);
        self.runs.sort_by(|a, b| a.ended_at_ms.total_cmp(&b.ended_at_ms));
        self.runs.dedup_by(|a, b| a.ended_at_ms == b.ended_at_ms);
        self.trim();
    }

    fn trim(&mut self) -> usize {
        let n_over = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..n_over);
        n_over
    }

    /// What two tabs made of the runs that were there `before`: what either added, without what either took away.
    #[must_use]
    pub fn merged(before: &Self, ours: &Self, theirs: &Self) -> Self {
        let has = |of: &Self, run: &Run| of.runs.iter().any(|other| other.ended_at_ms == run.ended_at_ms);
        let mut merged = Self::default();
        for run in ours.runs.iter().chain(&theirs.runs) {
            let is_gone = has(before, run) && !(has(ours, run) && has(theirs, run));
            let known = merged.runs.iter_mut().find(|known| known.ended_at_ms == run.ended_at_ms);
            match known {
                // Runs do not change but for their records.
                Some(known) => known.record = known.record.take().or_else(|| run.record.clone()),
                None if is_gone => {}
                None => merged.runs.push(run.clone()),
            }
        }
        merged.put_back(Vec::new());
        merged
    }

    /// The records as a `results.jsonl`. A run that was stopped by hand is left out: it was stopped for what was seen of it.
    #[must_use]
    pub fn results(&self) -> ResultsFile {
        let mut file = ResultsFile::default();
        let mut seen = BTreeSet::new();
        for run in &self.runs {
            match &run.record {
                _ if run.end == End::Stopped => file.n_stopped += 1,
                None => file.n_unjudged += 1,
                Some(record) if !seen.insert(&record.run_id) => file.n_repeated += 1,
                Some(record) => {
                    file.n_lines += 1;
                    file.text += &record.line;
                    file.text.push('\n');
                }
            }
        }
        file
    }
}

impl ResultsFile {
    /// What is in it and what is not.
    #[must_use]
    pub fn in_words(&self) -> String {
        let runs = |n: usize| if n == 1 { "1 run".to_owned() } else { format!("{n} runs") };
        let left_out = [
            (self.n_stopped, "stopped by hand"),
            (self.n_unjudged, "whose models were not evaluated"),
            (self.n_repeated, "repeating an earlier one"),
        ];
        let left_out: Vec<String> =
            left_out.into_iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}", runs(n))).collect();
        let exported = format!("{} exported.", runs(self.n_lines));
        if left_out.is_empty() { exported } else { format!("{exported} Left out: {}.", left_out.join(", ")) }
    }
}

/// The curves of a healing that has told of these steps.
#[must_use]
pub fn curves(steps: &[HealProgress], n_steps: usize) -> Curves {
    let losses: Vec<(usize, f64)> = steps.iter().filter_map(|step| Some((step.step, step.loss?))).collect();
    let per_point = n_steps.div_ceil(MAX_POINTS).max(1);
    let chunks = losses.chunk_by(|a, b| a.0.saturating_sub(1) / per_point == b.0.saturating_sub(1) / per_point);
    let means = chunks.map(|chunk| {
        let mean = chunk.iter().map(|(_, loss)| loss).sum::<f64>() / chunk.len() as f64;
        (chunk[chunk.len() - 1].0, mean as f32)
    });
    let look = |step: &HealProgress| {
        let held_out = step.held_out?;
        let n_right = (held_out.value * held_out.n as f64).round() as u64;
        Some((step.step, Right { n_right, n: held_out.n as u64 }))
    };
    let looks: Vec<(usize, Right)> = steps.iter().filter_map(look).collect();
    let every = looks.len().div_ceil(MAX_POINTS).max(1);
    let last = looks.len().saturating_sub(1);
    let kept = looks.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last).map(|(_, look)| *look);
    Curves { losses: means.collect(), looks: kept.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Accuracy, HealState};
    use wasm_bindgen_test::wasm_bindgen_test;

    fn run(ended_at_ms: f64, end: End, record: Option<&str>) -> Run {
        Run {
            number: 0,
            ended_at_ms,
            model: "tiny".into(),
            plan: "kaiming@all".into(),
            seed: Seed(1),
            n_steps: 40,
            step: 40,
            learning_rate: 2e-4,
            batch_size: 16,
            trained: "damaged".into(),
            end,
            held_out: Some(Right { n_right: 8, n: 10 }),
            curves: Curves { losses: vec![(1, 0.7)], looks: vec![(0, Right { n_right: 5, n: 10 })] },
            record: record.map(|id| Record { run_id: id.into(), line: format!("{{\"run_id\":\"{id}\"}}") }),
        }
    }

    fn runs(ids: &[f64]) -> Runs {
        Runs { runs: ids.iter().map(|id| run(*id, End::Whole, None)).collect() }
    }

    fn ids(runs: &Runs) -> Vec<f64> {
        runs.runs.iter().map(|run| run.ended_at_ms).collect()
    }

    #[wasm_bindgen_test]
    fn so_many_runs_are_kept_and_that_the_oldest_makes_room_is_told() {
        let mut kept = Runs::default();
        for i in 0..MAX_RUNS {
            assert_eq!(kept.add(run(i as f64, End::Whole, None)), 0);
        }
        assert_eq!(kept.add(run(1e6, End::Whole, None)), 1);
        assert_eq!((kept.runs.len(), kept.runs[0].number, kept.runs[MAX_RUNS - 1].number), (MAX_RUNS, 2, MAX_RUNS + 1));
    }

    #[wasm_bindgen_test]
    fn two_tabs_lose_no_run_of_each_other_and_bring_none_back() {
        let before = runs(&[1.0, 2.0, 3.0]);
        let ours = runs(&[2.0, 3.0, 5.0]);
        let mut theirs = runs(&[1.0, 2.0, 4.0]);
        theirs.set_record(2.0, Record { run_id: "a".into(), line: "{}".into() });
        let merged = Runs::merged(&before, &ours, &theirs);
        assert_eq!(ids(&merged), [2.0, 4.0, 5.0]);
        assert!(merged.runs[0].record.is_some());
        assert_eq!(Runs::merged(&before, &before, &before), before);
    }

    #[wasm_bindgen_test]
    fn what_is_taken_away_comes_back_in_its_place() {
        let mut kept = runs(&[1.0, 3.0]);
        kept.put_back(runs(&[2.0, 3.0]).runs);
        assert_eq!(ids(&kept), [1.0, 2.0, 3.0]);
    }

    #[wasm_bindgen_test]
    fn results_have_each_run_once_and_say_what_they_lack() {
        let failed = End::Failed("the loss is NaN".into());
        let kept = Runs {
            runs: vec![
                run(1.0, End::Whole, Some("a")),
                run(2.0, End::Stopped, None),
                run(3.0, End::Whole, Some("a")),
                run(4.0, End::Whole, None),
                run(5.0, failed, Some("b")),
            ],
        };
        let file = kept.results();
        assert_eq!(file.text, "{\"run_id\":\"a\"}\n{\"run_id\":\"b\"}\n");
        assert_eq!(
            file.in_words(),
            "2 runs exported. Left out: 1 run stopped by hand, 1 run whose models were not evaluated, 1 run repeating an \
             earlier one."
        );
        assert_eq!(runs(&[]).results().in_words(), "0 runs exported.");
    }

    #[wasm_bindgen_test]
    fn long_curves_are_bounded_and_keep_their_last_point() {
        let step = |step: usize| HealProgress {
            state: HealState::Running,
            step,
            n_steps: 10_000,
            loss: (step > 0).then_some(1.0 / step as f64),
            learning_rate: None,
            gradient_norm: None,
            train_accuracy: None,
            step_secs: None,
            n_workers: None,
            held_out: step.is_multiple_of(10).then_some(Accuracy {
                n: 8,
                n_non_finite: 0,
                value: 0.625,
                low: 0.0,
                high: 1.0,
            }),
            pinned: None,
            moment: None,
            n_trained: 1,
            size_bytes: 4,
        };
        let steps: Vec<HealProgress> = (0..=10_000).map(step).collect();
        let Curves { losses, looks } = curves(&steps, 10_000);
        assert!(losses.len() <= MAX_POINTS && looks.len() <= MAX_POINTS + 1, "{} {}", losses.len(), looks.len());
        assert_eq!(
            (losses[losses.len() - 1].0, looks[looks.len() - 1]),
            (10_000, (10_000, Right { n_right: 5, n: 8 }))
        );
        assert_eq!(curves(&steps[..3], 2).losses.len(), 2, "short ones are every step");
    }
}
