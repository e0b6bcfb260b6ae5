//! `bert-heal bench`: speed and memory on this machine.

mod compare;
mod corrupt;
mod evaluate;
mod train;

use crate::cli::bench::{BenchArgs, BenchWhat};
use crate::exit_code::ExitCode;

/// Runs the command.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        BenchWhat::Train(args) => train::run(args),
        BenchWhat::Evaluate(args) => evaluate::run(args),
        BenchWhat::Corrupt(args) => corrupt::run(args),
    }
}

/// The middle of some figures; of an even number the mean of the middle two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
