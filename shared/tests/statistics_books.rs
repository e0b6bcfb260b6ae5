//! Numbers that were published before this crate was written: books, articles and the tests of other libraries.

#![cfg_attr(target_arch = "wasm32", expect(clippy::unwrap_used, reason = "a test may end in a panic"))]

use shared::statistics::{
    Bootstrap, Resampling, Scores, claims_within_reach, difference, holm, interquartile_mean, paired_tost,
    performance_profile, sign_flip_p_value, wilson,
};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

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

/// n pairs carry ⌊0.05 · 2^(n−1)⌋ claims of one family if all signs agree.
#[test]
fn so_many_pairs_carry_so_many_claims() {
    assert_eq!([6, 7, 8, 9, 10].map(|n| claims_within_reach(n, 0.05)), [1, 3, 6, 12, 25]);
}
