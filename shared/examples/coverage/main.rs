//! Measures what `docs/statistics.md` says of intervals and verdicts, and prints it.
//!
//! ```text
//! cargo run --package shared --example coverage > docs/statistics.md
//! ```

mod law;
mod study;

use law::{Law, Spread};
use study::{MIXES, comparison, coverage};

const N_EXPERIMENTS: u64 = 2_000;

fn main() {
    println!("{INTRODUCTION}");
    println!("| dominant | accuracy | seeds | rows | coverage, % | width / known variance | width / Student's |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let (mut least, mut most_of_many, mut widest) = (100.0_f64, 0.0_f64, 0.0_f64);
    for (mix, spread) in MIXES {
        for accuracy in [0.5, 0.97] {
            let law = Law::new(spread, accuracy);
            for n_seeds in [3, 4, 6, 10, 20] {
                for n_rows in [100, 500, 5_000] {
                    let name = format!("{mix} {accuracy} {n_seeds} {n_rows}");
                    let measured = coverage(&law, &name, n_seeds, n_rows, N_EXPERIMENTS);
                    let (share, known, student) =
                        (100.0 * measured.share, measured.width_known, measured.width_student);
                    println!("| {mix} | {accuracy} | {n_seeds} | {n_rows} | {share:.1} | {known:.2} | {student:.2} |");
                    least = least.min(share);
                    if n_seeds >= 10 && n_rows >= 500 {
                        most_of_many = most_of_many.max(share);
                    }
                    if n_seeds >= 6 {
                        widest = widest.max(known);
                    }
                }
            }
        }
    }
    println!(
        "\nThe least coverage is {least:.1} %; the most with 10 seeds and 500 rows or more is {most_of_many:.1} %; \
         with six or more seeds no interval is on average wider than {widest:.2} times that with a known variance."
    );
    println!("{COMPARISONS}");
    println!(
        "| dominant | own rows | true difference | seeds | rows | coverage, % | half-width, points | worse or better, % | of these \
         borne out, % | equivalent, % |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (mix, spread) in MIXES {
        for (own_row, difference) in [(0.0, 0.0), (0.0, 0.005), (1.0, 0.0)] {
            let laws = [0.93 + difference, 0.93].map(|accuracy| Law::new(Spread { own_row, ..spread }, accuracy));
            for n_seeds in [6, 10] {
                for n_rows in [100, 500, 5_000] {
                    let name = format!("{mix} {own_row} {difference} {n_seeds} {n_rows}");
                    let measured = comparison(&laws, &name, n_seeds, n_rows, N_EXPERIMENTS);
                    println!(
                        "| {mix} | {own_row} | {} | {n_seeds} | {n_rows} | {:.1} | {:.2} | {:.1} | {:.1} | {:.1} |",
                        100.0 * difference,
                        100.0 * measured.coverage,
                        measured.half_width_points,
                        100.0 * measured.different,
                        100.0 * measured.different_borne_out,
                        100.0 * measured.equivalent
                    );
                }
            }
        }
    }
    println!("{END}");
}

const INTRODUCTION: &str = "\
# Intervals and verdicts, measured
Made by `cargo run --package shared --example coverage > docs/statistics.md`, which takes a few minutes; a smaller version runs with the tests (`shared/tests/statistics_coverage.rs`).
The formulas and their sources are in `shared/src/statistics/crossed.rs`, the rule for verdicts in `shared/src/claims/judge.rs`.

## Intervals of an accuracy
An interval is about the mean accuracy over new seeds and new rows.
A row is right with probability logistic(location + seed + row + cell); the effects are normal with these standard deviations in logits for seed, row and cell: where *seeds* dominate 0.5, 0.2, 0.2; where *rows* dominate 0.1, 3, 0.5; where *cells* (a single seed on a single row) dominate 0.1, 0.5, 3.
The true accuracy is the integral of that distribution. Each line has 2,000 experiments, so a coverage of 95 % has a standard error of 0.5.
The last two columns divide the mean length of the 95 % intervals by that of the mean ± 1.96 true standard errors, which are unknown in practice, and by that with Student's quantile at the true degrees of freedom.
The requirement: at least 93 % everywhere, and at most 97.5 % with 10 or more seeds and 500 or more rows.
";

const COMPARISONS: &str = "
With three and four seeds an interval is more than 1.35 times as wide as that of a known variance, and this is unavoidable: with two degrees of freedom Student's own interval is on average 1.94 times as wide, with three 1.50 times.

## Differences of two models, and verdicts
Two models on the same rows, accuracies 0.93 (and 0.935 where the true difference is 0.5 points, which is the margin of equivalence), paired by seed and row, effects as above; *own rows* is the standard deviation in logits of a row effect that is specific to one model, whatever the seed.
Without it the verdicts are wrong in at most 5 %, apart from the simulation's own error of 0.5: *worse or better* where the true difference is 0 (exactly, at most 3.1 % with six pairs and 4.9 % with ten), *equivalent* where it is the margin.
With it, the mean over these rows differs from that over new rows. The sign-flip test is about other seeds on these rows and so finds differences that exist there; as a statement about new rows it would be wrong in up to 13 %. The interval is about new rows, and a verdict that it does not bear out is marked in its sentence; unmarked verdicts are wrong in at most 5 % here too. *Of these borne out* is the share of all experiments with an unmarked verdict of that kind.
";

const END: &str = "
## What this does not cover
Seeds whose accuracies are strongly skewed: with a standard deviation of 1 logit between seeds at an accuracy of 0.97, coverage was 89 to 92 % with four or more seeds and 500 or more rows, since the mean of a few such values is not yet normal.
";
