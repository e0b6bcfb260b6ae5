//! Statistics and metrics against `SciPy`, statsmodels and scikit-learn.
//!
//! The figures are in `golden/statistics.json`, which `tests/scripts/statistics_reference.py` makes. The same check
//! runs natively and, by wasm-bindgen-test, in a real browser.

#![cfg_attr(target_arch = "wasm32", expect(clippy::unwrap_used, reason = "a test may end in a panic"))]

use serde::Deserialize;
use shared::Condition;
use shared::evaluation::{Confusion, Prediction, evaluate};
use shared::statistics::{
    self, Bootstrap, Resampling, Scores, deficit, holm, macro_f1, macro_f1_difference, paired_tost, recovery,
    sign_flip_p_value, wilson,
};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Closed formulas: f64 in another order of operations.
const EXACT: f64 = 1e-12;

/// How far two ends of the same bootstrap interval may lie apart, in units of the bootstrap's own standard error (a
/// quarter of the interval's length). A 2.5 % quantile of n draws of a normal variable has the standard error
/// `√(0.025 · 0.975 / n) / φ(1.96)`: 0.027 for our 10,000 draws, 0.019 for the fewest of the script. Five times the root
/// of the sum of their squares is 0.16; means of few rows are lattice-like and add one step of the lattice.
const MONTE_CARLO: f64 = 0.16;

#[derive(Deserialize)]
struct Reference {
    wilson: Vec<Wilson>,
    holm: Vec<Holm>,
    sign_flip: Vec<SignFlip>,
    conditions: Vec<Conditions>,
    evaluation: Vec<Evaluation>,
    paired_predictions: Vec<PairedPredictions>,
}

#[derive(Deserialize)]
struct Wilson {
    successes: u64,
    n: u64,
    level: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct SignFlip {
    differences: Vec<f64>,
    p: f64,
}

#[derive(Clone, Copy, Deserialize)]
struct Interval {
    level: f64,
    value: f64,
    low: f64,
    high: f64,
}

/// Healthy, corrupted and healed on the same seeds and rows.
#[derive(Deserialize)]
struct Conditions {
    name: String,
    n_seeds: usize,
    n_rows: usize,
    /// By condition: a digit for each row of each seed, 1 where it is right.
    right: [String; 3],
    means: [f64; 3],
    deficit: Interval,
    recovery: Interval,
    sign_flip_p: Option<f64>,
    tost_margin: Option<f64>,
    tost_p: Option<f64>,
}

#[derive(Deserialize)]
struct Evaluation {
    n_labels: usize,
    labels: Vec<u32>,
    logits: Vec<Vec<f32>>,
    accuracy: f64,
    macro_f1: f64,
    loss: f64,
    ece: f64,
    confusion: Confusion,
}

#[derive(Deserialize)]
struct PairedPredictions {
    n_labels: usize,
    labels: Vec<u32>,
    predicted: [Vec<u32>; 2],
    macro_f1: Interval,
    difference: Interval,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("golden/statistics.json")).expect("the golden file is JSON")
}

fn assert_near(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{what}: {got}, expected {expected} within {tolerance}");
}

/// `lattice` is the smallest step that the figure can take, 0 for none to speak of.
fn assert_interval(what: &str, (value, got): (f64, statistics::Interval), expected: Interval, lattice: f64) {
    let tolerance = MONTE_CARLO * (expected.high - expected.low) / 4.0 + lattice;
    assert_near(&format!("{what}, value"), value, expected.value, EXACT);
    assert_near(&format!("{what}, level"), got.level, expected.level, EXACT);
    assert_near(&format!("{what}, low"), got.low, expected.low, tolerance);
    assert_near(&format!("{what}, high"), got.high, expected.high, tolerance);
}

impl Conditions {
    fn scores(&self) -> [Scores; 3] {
        self.right.each_ref().map(|digits| {
            let scores: Vec<f64> = digits.bytes().map(|digit| f64::from(digit - b'0')).collect();
            Scores::new(&scores.chunks(self.n_rows).map(<[f64]>::to_vec).collect::<Vec<_>>())
                .expect("scores of one shape")
        })
    }
}

#[test]
fn wilson_intervals_equal_scipys_and_statsmodels() {
    for case in reference().wilson {
        let interval = wilson(case.successes, case.n, case.level).unwrap().interval;
        let what = format!("{} of {}", case.successes, case.n);
        assert_near(&what, interval.low, case.low, EXACT);
        assert_near(&what, interval.high, case.high, EXACT);
    }
}

#[test]
fn holms_adjustment_equals_statsmodels() {
    for case in reference().holm {
        for (got, expected) in holm(&case.p).unwrap().into_iter().zip(&case.adjusted) {
            assert_near(&format!("{:?}", case.p), got, *expected, EXACT);
        }
    }
}

#[test]
fn sign_flip_p_values_equal_scipys() {
    for case in reference().sign_flip {
        let p = sign_flip_p_value(&case.differences).unwrap();
        assert_near(&format!("{:?}", case.differences), p, case.p, EXACT);
    }
    for case in reference().conditions {
        let [healthy, _, healed] = case.scores();
        let differences: Vec<f64> =
            healthy.seed_means().iter().zip(healed.seed_means()).map(|(healthy, healed)| healthy - healed).collect();
        if let Some(expected) = case.sign_flip_p {
            assert_near(&case.name, sign_flip_p_value(&differences).unwrap(), expected, EXACT);
        }
    }
}

#[test]
fn deficit_and_recovery_have_scipys_bootstrap_intervals() {
    for case in reference().conditions {
        let [healthy, corrupted, healed] = case.scores();
        assert_eq!((healthy.n_seeds(), healthy.n_rows()), (case.n_seeds, case.n_rows));
        for (scores, expected) in [&healthy, &corrupted, &healed].into_iter().zip(case.means) {
            assert_near(&case.name, scores.mean(), expected, EXACT);
        }
        let step = 1.0 / (case.n_rows * case.n_seeds) as f64;
        let bootstrap = Bootstrap::default();
        let reference = (Condition::Healthy, &healthy);
        let deficit = deficit(reference, &healed, &bootstrap).unwrap();
        let fraction = (deficit.points / 100.0, deficit.interval.scaled(0.01));
        assert_interval(&format!("{}, deficit", case.name), fraction, case.deficit, step);
        let recovery = recovery(reference, &corrupted, &healed, &bootstrap).unwrap();
        let damage = healthy.mean() - corrupted.mean();
        let recovered = recovery.value.zip(recovery.interval).unwrap_or_else(|| panic!("{}: undefined", case.name));
        assert_interval(&format!("{}, recovery", case.name), recovered, case.recovery, step / damage);
    }
}

#[test]
fn paired_tost_equals_statsmodels() {
    let mut n_checked = 0;
    for case in reference().conditions {
        let (Some(margin), Some(expected)) = (case.tost_margin, case.tost_p) else { continue };
        let [healthy, _, healed] =
            case.right.each_ref().map(|digits| digits.bytes().map(f64::from).collect::<Vec<_>>());
        let differences: Vec<f64> = healthy.iter().zip(&healed).map(|(healthy, healed)| healthy - healed).collect();
        let p = paired_tost(&differences, [-margin, margin], 0.0).unwrap().p();
        assert_near(&case.name, p, expected, EXACT);
        n_checked += 1;
    }
    assert!(n_checked >= 4, "{n_checked}");
}

#[test]
fn metrics_equal_scikit_learns() {
    for case in reference().evaluation {
        let predictions: Vec<Prediction> = case
            .labels
            .iter()
            .zip(&case.logits)
            .map(|(&label, logits)| Prediction {
                row_hash: String::new(),
                label,
                logits: logits.clone(),
                is_saturated: false,
            })
            .collect();
        let metrics = evaluate(&predictions, case.n_labels).unwrap();
        let what = format!("{} rows", case.labels.len());
        assert_near(&what, metrics.accuracy, case.accuracy, EXACT);
        assert_near(&what, metrics.macro_f1, case.macro_f1, EXACT);
        assert_near(&what, metrics.loss.unwrap(), case.loss, EXACT);
        assert_near(&what, metrics.expected_calibration_error.unwrap(), case.ece, EXACT);
        assert_eq!(metrics.confusion, case.confusion, "{what}");
    }
}

#[test]
fn macro_f1_has_scipys_bootstrap_intervals_of_scikit_learns_figure() {
    for case in reference().paired_predictions {
        let rows = |predicted: &[u32]| -> Vec<Prediction> {
            let row = |((i, &label), &predicted): ((usize, &u32), &u32)| {
                let logits = (0..case.n_labels as u32).map(|class| f32::from(u8::from(class == predicted))).collect();
                Prediction { row_hash: i.to_string(), label, logits, is_saturated: false }
            };
            case.labels.iter().enumerate().zip(predicted).map(row).collect()
        };
        let (first, second) = (rows(&case.predicted[0]), rows(&case.predicted[1]));
        let bootstrap = Bootstrap { resampling: Resampling::Rows, ..Bootstrap::default() };
        let what = format!("{} rows of {} classes", case.labels.len(), case.n_labels);
        let one = macro_f1(&[&first], case.n_labels, &bootstrap).unwrap();
        assert_interval(&what, (one.value, one.interval), case.macro_f1, 0.0);
        let difference = macro_f1_difference(&[&first], &[&second], case.n_labels, &bootstrap).unwrap();
        assert_interval(&format!("{what}, difference"), (difference.value, difference.interval), case.difference, 0.0);
    }
}
