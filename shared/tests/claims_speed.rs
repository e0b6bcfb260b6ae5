//! Judging 24 claims on 10 seeds with 5,000 rows each takes a moment: it happens in the page while somebody waits.

use shared::Condition;
use shared::claims::{ClaimsFile, Outcome, Run, judge};
use shared::evaluation::Prediction;
use shared::evidence::Results;
use shared::record::{RunRecord, Seeds};
use shared::statistics::Method;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const N_PLANS: usize = 24;
const N_SEEDS: u64 = 10;
const N_ROWS: usize = 5_000;

/// What is asked for on two cores of a usual machine; it takes a small part of it.
const MOST_SECS: f64 = if cfg!(target_arch = "wasm32") { 3.0 } else { 1.0 };

/// A record as the program writes it, for everything that judging does not look at.
fn template() -> RunRecord {
    Results::read(include_bytes!("../../web/assets/results.jsonl")).records.remove(0)
}

/// One model's answers, of which about `share` are right.
fn predictions(share: f64, stream: u64) -> Vec<Prediction> {
    // Weyl's sequence: even, and another one for each stream.
    let is_right = |row: usize| ((row as f64 + stream as f64 * 0.37) * 0.618_033_988_749_895).fract() < share;
    let logits = |row| if is_right(row) { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
    (0..N_ROWS)
        .map(|row| Prediction { row_hash: row.to_string(), label: 0, logits: logits(row), is_saturated: false })
        .collect()
}

/// A run of which every model's rows are known; its healed model lacks `lacking` of the rows.
fn run(template: &RunRecord, plan: &str, seed: u64, lacking: f64) -> Run {
    let mut record = template.clone();
    record.spec.corruption = Some(plan.to_owned());
    record.spec.seeds = Seeds::all(seed);
    record.run_id = record.spec.id();
    let shares = [0.90, 0.92, 0.3, 0.92 - lacking].map(|share| share + 0.002 * seed as f64);
    let predicted: Vec<_> = shares.iter().zip(0..).map(|(share, i)| predictions(*share, 4 * seed + i)).collect();
    let results = [&mut record.healthy, &mut record.control, &mut record.corrupted, &mut record.healed];
    for (result, predictions) in results.into_iter().zip(&predicted) {
        let result = result.as_mut().unwrap();
        let n_right = predictions.iter().filter(|prediction| prediction.is_correct()).count();
        (result.metrics.n, result.metrics.accuracy) = (N_ROWS, n_right as f64 / N_ROWS as f64);
    }
    let run = Run::from_record(&record).unwrap();
    Condition::ALL.into_iter().zip(&predicted).fold(run, |run, (of, rows)| run.with_predictions(of, rows).unwrap())
}

#[test]
fn two_dozen_claims_are_judged_in_a_moment() {
    let template = template();
    let runs: Vec<Run> = (1..=N_PLANS)
        .flat_map(|i| (0..N_SEEDS).map(move |seed| (format!("zero:{}@all", 0.01 * i as f64), 0.002 * i as f64, seed)))
        .map(|(plan, lacking, seed)| run(&template, &plan, seed, lacking))
        .collect();
    let start = clock::now_secs();
    let judgements = judge(&ClaimsFile::default(), &runs).unwrap();
    let secs = clock::now_secs() - start;
    clock::say(&format!("{N_PLANS} claims × {N_SEEDS} seeds × {N_ROWS} rows: {secs:.3} s"));

    assert_eq!(judgements.len(), N_PLANS);
    assert!(judgements.iter().all(|judgement| judgement.interval_method == Some(Method::Crossed)));
    // The last plans lack nearly five points in every seed.
    assert!(judgements.iter().any(|judgement| judgement.outcome == Outcome::Worse));
    assert!(secs <= MOST_SECS, "{secs:.3} s");
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::disallowed_types, reason = "a test of speed has a clock")]
mod clock {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn now_secs() -> f64 {
        START.elapsed().as_secs_f64()
    }

    pub(super) fn say(line: &str) {
        eprintln!("{line}");
    }
}

#[cfg(target_arch = "wasm32")]
mod clock {
    pub(super) fn now_secs() -> f64 {
        js_sys::Date::now() / 1_000.0
    }

    pub(super) fn say(line: &str) {
        wasm_bindgen_test::console_log!("{line}");
    }
}
