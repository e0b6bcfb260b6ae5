//! Running another program in turn with a benchmark.

use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::Value;

use crate::commands::flag_values;
use crate::exit_code::bad_input;
use crate::say;

/// What a benchmark prints.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct BenchOutputFlags {
    /// Run this shell command alternately with the benchmark (A B A B …) and print the ratios of the medians
    #[arg(long, value_name = "COMMAND")]
    pub compare: Option<String>,

    /// How many times each side of --compare runs
    #[arg(long, value_name = "N", default_value = "3", value_parser = flag_values::count)]
    pub rounds: usize,

    /// Run this shell command once; its last line must be JSON with `matmul_flops_per_sec`, the other program's rate of
    /// matrix products. The share is taken of the larger of the two rates
    #[arg(long, value_name = "COMMAND")]
    pub compare_matmul: Option<String>,

    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// Every result of both sides, in the order in which they ran; none of theirs without `--compare`.
pub(super) struct Rounds<T> {
    pub ours: Vec<T>,
    pub theirs: Vec<Value>,
}

/// Runs `ours` and the command of `--compare` in turn.
///
/// # Errors
/// When the command fails or the last line of its output is not JSON.
pub(super) fn in_turn<T>(
    flags: &BenchOutputFlags,
    mut ours: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Rounds<T>> {
    let Some(command) = &flags.compare else { return Ok(Rounds { ours: vec![ours()?], theirs: Vec::new() }) };
    let mut rounds = Rounds { ours: Vec::new(), theirs: Vec::new() };
    for round in 1..=flags.rounds {
        rounds.ours.push(ours()?);
        say!("round {round}/{}: {command}", flags.rounds);
        rounds.theirs.push(last_line(command).with_context(|| format!("--compare {command}"))?);
    }
    Ok(rounds)
}

impl<T> Rounds<T> {
    /// The median of one of our figures.
    pub(super) fn ours(&self, figure: impl Fn(&T) -> f64) -> f64 {
        median(self.ours.iter().map(figure).collect())
    }

    /// The median of the other program's figure called `<section>_<field>`, or `field` of the object `section`.
    ///
    /// # Errors
    /// When a round of it did not print the figure.
    pub(super) fn theirs(&self, section: &str, field: &str) -> anyhow::Result<f64> {
        let figures = self.theirs.iter().map(|value| number(value, section, field)).collect::<Option<Vec<f64>>>();
        figures.map(median).ok_or_else(|| {
            bad_input(anyhow!("--compare: expected {section}_{field} in the last line of the command's output"))
        })
    }
}

/// The other program's rate of matrix products, in floating-point operations a second.
///
/// # Errors
/// When the command fails or does not print it.
pub(super) fn matmul_flops_per_sec(flags: &BenchOutputFlags) -> anyhow::Result<Option<f64>> {
    let Some(command) = &flags.compare_matmul else { return Ok(None) };
    let value = last_line(command).with_context(|| format!("--compare-matmul {command}"))?;
    let rate = number(&value, "matmul", "flops_per_sec").ok_or_else(|| {
        bad_input(anyhow!("--compare-matmul: expected matmul_flops_per_sec in the last line of the command's output"))
    })?;
    Ok(Some(rate))
}

/// The JSON on the last line that a shell command prints.
fn last_line(command: &str) -> anyhow::Result<Value> {
    let output = shell(command).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(bad_input(anyhow!("it failed with {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    serde_json::from_str(last).map_err(|e| bad_input(anyhow!("the last line of its output is not JSON: {e}")))
}

/// The system's shell, about to run a command as it is typed there.
#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd");
    // Without quotes of our own, which cmd reads in its own way.
    shell.arg("/C").raw_arg(command);
    shell
}

fn number(value: &Value, section: &str, field: &str) -> Option<f64> {
    value.get(format!("{section}_{field}")).or_else(|| value.get(section)?.get(field)).and_then(Value::as_f64)
}

/// The middle of some figures; of an even number the mean of the middle two.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{ExitCode, exit_code_of};

    fn flags(command: &str) -> BenchOutputFlags {
        let command = Some(command.to_owned());
        BenchOutputFlags { compare: command.clone(), rounds: 3, compare_matmul: command, json: false }
    }

    // Its quotes are those of a Unix shell.
    #[cfg(unix)]
    #[test]
    fn both_sides_run_in_turn_and_the_medians_of_each_are_compared() {
        let mut figures = [10.0, 30.0, 20.0].into_iter();
        let command =
            r#"echo log; echo '{"train_tokens_per_sec": 8, "peak": {"rss_mib": 100}, "matmul_flops_per_sec": 2e11}'"#;
        let rounds = in_turn(&flags(command), || figures.next().ok_or_else(|| anyhow!("too many rounds"))).unwrap();
        assert_eq!((rounds.ours(|figure| *figure), rounds.theirs.len()), (20.0, 3));
        assert_eq!(rounds.theirs("train", "tokens_per_sec").unwrap(), 8.0);
        assert_eq!(rounds.theirs("peak", "rss_mib").unwrap(), 100.0);
        assert_eq!(matmul_flops_per_sec(&flags(command)).unwrap(), Some(2e11));
        assert!(rounds.theirs("eval", "samples_per_sec").is_err());
    }

    #[test]
    fn a_command_that_fails_or_prints_no_json_is_bad_input() {
        for command in ["exit 3", "echo done", "exit 0"] {
            let error = in_turn(&flags(command), || Ok(())).map(|_| ()).unwrap_err();
            assert_eq!(exit_code_of(&error), ExitCode::BadInput, "{command}");
        }
    }
}
