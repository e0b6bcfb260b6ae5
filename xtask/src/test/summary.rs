//! The table at the end of `cargo xtask test`.

use super::steps::Step;

/// What became of a step.
pub enum Verdict {
    /// It ran and found nothing wrong.
    Passed,
    /// It ran and failed.
    Failed,
    /// It could not run here, for this reason, and that is allowed.
    Skipped(String),
    /// An earlier step failed.
    NotRun,
}

/// One row of the table.
pub struct Line {
    /// The step.
    pub step: Step,
    /// How long it took.
    pub wall_secs: f64,
    /// What became of it.
    pub verdict: Verdict,
}

/// Prints a row a step, and last the counts.
pub fn print(lines: &[Line]) {
    println!("\n{:<10} {:>9}  result", "step", "seconds");
    for Line { step, wall_secs, verdict } in lines {
        let result = match verdict {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Failed => "FAILED".to_owned(),
            Verdict::Skipped(reason) => format!("skipped: {reason}"),
            Verdict::NotRun => "not run".to_owned(),
        };
        println!("{:<10} {wall_secs:>9.1}  {result}", step.name());
    }
    println!("{}", counts(lines));
}

fn counts(lines: &[Line]) -> String {
    let n_passed = lines.iter().filter(|line| matches!(line.verdict, Verdict::Passed)).count();
    let n_failed = lines.iter().filter(|line| matches!(line.verdict, Verdict::Failed)).count();
    format!("{n_passed} passed, {n_failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_line_counts_neither_skipped_steps_nor_those_not_run() {
        let verdicts = [Verdict::Passed, Verdict::Skipped("why".to_owned()), Verdict::Failed, Verdict::NotRun];
        let lines: Vec<Line> =
            verdicts.into_iter().map(|verdict| Line { step: Step::Format, wall_secs: 0.0, verdict }).collect();
        assert_eq!(counts(&lines), "1 passed, 1 failed");
    }
}
