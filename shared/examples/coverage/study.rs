//! How often intervals hold the truth and verdicts are wrong.

use rayon::prelude::*;
use shared::statistics::{
    Interval, MIN_SEEDS_FOR_A_CLAIM, crossed_accuracy, crossed_mean, paired_tost, sign_flip_p_value, student_quantile,
};

use super::law::{Law, Spread};

/// Seeds, rows or cells rule.
pub const MIXES: [(&str, Spread); 3] = [
    ("seeds", Spread { seed: 0.5, row: 0.2, own_row: 0.0, cell: 0.2 }),
    ("rows", Spread { seed: 0.1, row: 3.0, own_row: 0.0, cell: 0.5 }),
    ("cells", Spread { seed: 0.1, row: 0.5, own_row: 0.0, cell: 3.0 }),
];

/// What came of many experiments with one accuracy.
pub struct Coverage {
    /// Share of the 95 % intervals that hold the true accuracy.
    pub share: f64,
    /// Their mean length over that of `mean ± 1.96 true standard errors`.
    pub width_known: f64,
    /// Their mean length over that of the same with Student's quantile of the true degrees of freedom, the best that is to be
    /// had without knowing the variance.
    pub width_student: f64,
}

pub fn coverage(law: &Law, name: &str, n_seeds: usize, n_rows: usize, n_experiments: u64) -> Coverage {
    let one = |draw: u64| {
        let rows = law.rows(n_rows, name, draw);
        let Interval { low, high, .. } =
            crossed_accuracy(&law.scores(n_seeds, &rows, name, draw), 0.95).expect("binary scores").interval;
        (f64::from(u8::from(low <= law.accuracy && law.accuracy <= high)), high - low)
    };
    let results: Vec<(f64, f64)> = (0..n_experiments).into_par_iter().map(one).collect();
    let (n_held, width) = results.iter().fold((0.0, 0.0), |(held, width), one| (held + one.0, width + one.1));
    let (error, df) = law.error(n_seeds, n_rows);
    let mean_width = width / n_experiments as f64;
    let t = student_quantile(0.975, df).expect("degrees of freedom above 0");
    Coverage {
        share: n_held / n_experiments as f64,
        width_known: mean_width / (2.0 * 1.959_964 * error),
        width_student: mean_width / (2.0 * t * error),
    }
}

/// What came of many comparisons of two models on the same rows.
pub struct Comparison {
    /// Share of the 95 % intervals that hold the true difference.
    pub coverage: f64,
    /// Mean half-width in percentage points.
    pub half_width_points: f64,
    /// Share of verdicts `worse` or `better`.
    pub different: f64,
    /// The same, but only those that the interval bears out.
    pub different_borne_out: f64,
    /// Share of verdicts `equivalent`.
    pub equivalent: f64,
}

/// Two models; α and margin are those of a family of one claim by default.
pub fn comparison(laws: &[Law; 2], name: &str, n_seeds: usize, n_rows: usize, n_experiments: u64) -> Comparison {
    let truth = laws[0].accuracy - laws[1].accuracy;
    let names = [format!("{name}, first"), format!("{name}, second")];
    let one = |draw: u64| -> [f64; 5] {
        let rows = laws[0].rows(n_rows, name, draw);
        let [first, second] = [0, 1].map(|i| laws[i].scores(n_seeds, &rows, &names[i], draw));
        let differences = first.minus(&second).expect("paired scores");
        let Interval { low, high, .. } =
            crossed_mean(&differences, &[1.0, -1.0], 0.95).expect("paired scores").interval;
        let effects: Vec<f64> =
            first.seed_means().iter().zip(second.seed_means()).map(|(first, second)| first - second).collect();
        let is_different = sign_flip_p_value(&effects).expect("few pairs") <= 0.05;
        let tost = paired_tost(&effects, [-0.005, 0.005], 1.0 / n_rows as f64).expect("several pairs");
        let is_equivalent = !is_different && n_seeds >= MIN_SEEDS_FOR_A_CLAIM && tost.p() <= 0.05;
        let is_borne_out = is_different && (high < 0.0 || low > 0.0);
        let share = |is: bool| f64::from(u8::from(is));
        [
            share(low <= truth && truth <= high),
            50.0 * (high - low),
            share(is_different),
            share(is_borne_out),
            share(is_equivalent),
        ]
    };
    let results: Vec<[f64; 5]> = (0..n_experiments).into_par_iter().map(one).collect();
    let mean = |i: usize| results.iter().map(|result| result[i]).sum::<f64>() / n_experiments as f64;
    let [coverage, half_width_points, different, different_borne_out, equivalent] = [0, 1, 2, 3, 4].map(mean);
    Comparison { coverage, half_width_points, different, different_borne_out, equivalent }
}
