//! A small version of `examples/coverage`, which measures how well intervals and verdicts hold what they promise.

#[path = "../examples/coverage/law.rs"]
mod law;
#[expect(dead_code, reason = "the example prints more than is asserted here")]
#[path = "../examples/coverage/study.rs"]
mod study;

use law::{Law, Spread};
use study::{MIXES, comparison, coverage};

const N_EXPERIMENTS: u64 = 400;

/// Three standard errors of a coverage of 95 % over 400 experiments.
const TOLERANCE: f64 = 0.033;

#[test]
fn intervals_over_seeds_and_rows_hold_their_level() {
    for (mix, spread) in MIXES {
        for (accuracy, n_seeds, n_rows) in [(0.5, 3, 100), (0.97, 4, 100), (0.97, 10, 500)] {
            let law = Law::new(spread, accuracy);
            assert!((law.accuracy - accuracy).abs() < 1e-9);
            let measured = coverage(&law, mix, n_seeds, n_rows, N_EXPERIMENTS);
            let what = format!("{mix}, {accuracy}, {n_seeds} × {n_rows}: {} of {N_EXPERIMENTS}", measured.share);
            assert!(measured.share >= 0.95 - TOLERANCE, "{what}");
            if n_seeds >= 10 {
                assert!(measured.share <= 0.95 + TOLERANCE, "{what}");
                assert!(measured.width_known < 1.35, "{what}, width {}", measured.width_known);
            }
        }
    }
}

#[test]
fn verdicts_are_wrong_in_at_most_one_of_twenty() {
    let spread = Spread { seed: 0.3, row: 1.0, own_row: 0.0, cell: 0.5 };
    let same = [0.93, 0.93].map(|accuracy| Law::new(spread, accuracy));
    let measured = comparison(&same, "same", 6, 500, N_EXPERIMENTS);
    assert!(measured.different <= 0.05 + TOLERANCE, "{}", measured.different);
    assert!(measured.coverage >= 0.95 - TOLERANCE, "{}", measured.coverage);
    let apart = [0.935, 0.93].map(|accuracy| Law::new(spread, accuracy));
    let measured = comparison(&apart, "apart", 6, 500, N_EXPERIMENTS);
    assert!(measured.equivalent <= 0.05 + TOLERANCE, "{}", measured.equivalent);
}
