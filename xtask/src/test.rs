//! `cargo xtask test`: what continuous integration runs, the same on every machine.

mod steps;
mod summary;

use crate::shell::Shell;
use anyhow::Result;
use std::time::Instant;
use steps::{Outcome, Setting, Step};
use summary::{Line, Verdict};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct TestArgs {
    /// Run only these steps.
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "skip")]
    only: Vec<Step>,
    /// Leave these steps out.
    #[arg(long, value_enum, value_delimiter = ',')]
    skip: Vec<Step>,
}

/// Runs the chosen steps in their order up to the first failure, then prints what became of each.
///
/// # Errors
/// When a step failed.
pub fn run(shell: Shell, args: &TestArgs) -> Result<()> {
    let is_chosen = |step: &Step| {
        if args.only.is_empty() { step.is_default() && !args.skip.contains(step) } else { args.only.contains(step) }
    };
    let chosen: Vec<Step> = Step::ALL.into_iter().filter(is_chosen).collect();

    let mut setting = Setting::new(shell);
    let mut lines: Vec<Line> = Vec::new();
    let mut failure = None;
    for (i, step) in chosen.iter().enumerate() {
        if failure.is_some() {
            lines.push(Line { step: *step, wall_secs: 0.0, verdict: Verdict::NotRun });
            continue;
        }
        eprintln!("\n[{}/{}] {}: {}", i + 1, chosen.len(), step.name(), step.purpose());
        let started = Instant::now();
        let verdict = match setting.run(*step) {
            Ok(Outcome::Passed) => Verdict::Passed,
            Ok(Outcome::Skipped(reason)) => {
                eprintln!("skipped: {reason}");
                Verdict::Skipped(reason)
            }
            Err(error) => {
                failure = Some(error.context(format!("step `{}` failed", step.name())));
                Verdict::Failed
            }
        };
        lines.push(Line { step: *step, wall_secs: started.elapsed().as_secs_f64(), verdict });
    }
    summary::print(&lines);
    failure.map_or(Ok(()), Err)
}
