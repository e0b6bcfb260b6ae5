//! Statistics and metrics against `SciPy`, statsmodels and scikit-learn, and against numbers that were published before
//! this crate was written: in books, articles and the tests of other libraries.
//!
//! The figures of the libraries are in `golden/statistics.json`, which `tests/scripts/statistics_reference.py` makes. The
//! same check runs natively and, by wasm-bindgen-test, in a real browser.

use serde::Deserialize;
use shared::Condition;
use shared::evaluation::{Confusion, Prediction, confusion, evaluate};
use shared::statistics::{
    self, Bootstrap, Resampling, Scores, claims_within_reach, deficit, difference, holm, interquartile_mean,
    paired_tost, performance_profile, recovery, sign_flip_p_value, wilson,
};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

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
        assert_eq!(confusion(&predictions, case.confusion.len()).unwrap(), case.confusion, "{what}");
    }
}

/// Darwin's cross- and self-fertilised Zea mays, differences of heights in eighths of an inch (Fisher 1935, *The Design of
/// Experiments*, §21): 863 of 2^15 patterns reach the observed sum to one side.
#[test]
fn sign_flip_p_of_fishers_zea_mays() {
    let eighths = [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];
    assert_eq!(sign_flip_p_value(&eighths).unwrap(), 1_726.0 / 32_768.0);
}

/// The `clinic` data of R's equivalence package, first and second fifteen patients, as in statsmodels' tests of `ttost_paired`.
#[expect(clippy::approx_constant, reason = "3.14 is what was measured")]
#[test]
fn paired_tost_of_the_clinic_data() {
    let var1 = (
        [2.84, 2.51, 2.41, 2.95, 3.14, 3.79, 4.14, 3.85, 3.02, 3.45, 5.37, 3.81, 4.19, 3.16, 3.84],
        [2.60, 2.82, 2.18, 3.46, 4.01, 3.04, 3.47, 4.06, 2.91, 3.59, 4.51, 3.16, 3.86, 3.31, 3.02],
        0.003_166_881_489_265_175,
    );
    let var2 = (
        [4.00, 3.26, 4.14, 3.42, 3.25, 4.34, 4.97, 4.31, 3.11, 3.41, 5.02, 4.21, 4.59, 5.30, 4.32],
        [3.76, 3.66, 3.65, 3.60, 3.48, 2.87, 3.24, 3.92, 3.99, 4.21, 4.21, 3.31, 3.61, 2.97, 2.73],
        0.441_203_404_601_758_8,
    );
    for (first, second, expected) in [var1, var2] {
        let differences: Vec<f64> = first.iter().zip(&second).map(|(first, second)| first - second).collect();
        let p = paired_tost(&differences, [-0.6, 0.6], 0.0).unwrap().p();
        assert!((p - expected).abs() < 1e-12, "{p}, expected {expected}");
    }
}

/// The ten p-values of statsmodels' tests of `multipletests` against R's `p.adjust`.
#[test]
fn holms_adjustment_equals_rs() {
    let p = [
        0.838_541_367_553,
        0.642_193_923_795,
        0.680_845_947_633,
        0.967_833_824_309,
        0.716_269_382_38,
        0.177_096_952_723,
        5.236_567_772_08e-5,
        0.020_273_268_879_8,
        0.000_281_405_061_98,
        0.014_987_731_079_6,
    ];
    let adjusted = holm(&p).unwrap();
    for (i, expected) in
        [(6, 5.236_567_772_08e-4), (8, 2.532_645_557_82e-3), (9, 0.119_901_848_636_8), (7, 0.141_912_882_158_6)]
    {
        assert!((adjusted[i] - expected).abs() < 1e-12, "{i}: {}", adjusted[i]);
    }
    assert!(adjusted[..6].iter().all(|adjusted| *adjusted == 1.0), "{adjusted:?}");
}

#[test]
fn wilsons_interval_of_halves_and_of_all_and_none() {
    let of = |successes, n| wilson(successes, n, 0.95).unwrap().interval;
    let half = of(100, 200);
    assert!((half.low - 0.431_360_9).abs() < 5e-8 && (half.high - 0.568_639_1).abs() < 5e-8, "{half:?}");
    assert!(of(38, 38).high == 1.0 && of(38, 38).low > 0.9);
    assert!(of(0, 77).low == 0.0 && of(0, 77).high < 0.05);
}

/// R's `boot.ci(type = "perc")` from a million resamples, as in `SciPy`'s tests of `bootstrap`. Ours takes 200,000, whose 2.5 %
/// quantiles have a standard error of 0.09 and 0.11.
#[test]
fn percentile_interval_of_the_mean_equals_rs() {
    let x = [10.0, 12.0, 12.5, 12.5, 13.9, 15.0, 21.0, 22.0, 23.0, 34.0, 50.0, 81.0, 89.0, 121.0, 134.0, 213.0];
    let scores = Scores::new(&[x.to_vec()]).unwrap();
    let nothing = Scores::new(&[vec![0.0; x.len()]]).unwrap();
    let bootstrap = Bootstrap { n_resamples: 200_000, resampling: Resampling::Rows, ..Bootstrap::default() };
    let interval = difference(&scores, &nothing, &bootstrap).unwrap().interval;
    assert!((interval.low - 28.86).abs() < 0.35 && (interval.high - 84.21).abs() < 0.45, "{interval:?}");
}

/// n pairs carry ⌊0.05 · 2^(n−1)⌋ claims of one family if all signs agree.
#[test]
fn so_many_pairs_carry_so_many_claims() {
    assert_eq!([6, 7, 8, 9, 10].map(|n| claims_within_reach(n, 0.05)), [1, 3, 6, 12, 25]);
}

/// The score matrices of rliable's tests, runs × tasks.
#[test]
fn interquartile_means_and_profiles_of_rliables_cases() {
    assert_eq!(interquartile_mean(&[1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 2.0, 1.0]).unwrap(), 1.5);
    assert_eq!(interquartile_mean(&[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]).unwrap(), 2.0);
    assert!(interquartile_mean(&[]).is_err() && interquartile_mean(&[f64::NAN]).is_err());
    let scores: Vec<f64> = (0..80).map(f64::from).collect();
    // 0 is not above 0, and all but two of 80 are above 1.
    let profile = performance_profile(&scores, &[0.0, 0.25, 0.5, 1.0]).unwrap();
    assert_eq!(profile, [79.0 / 80.0, 79.0 / 80.0, 79.0 / 80.0, 78.0 / 80.0]);
}
