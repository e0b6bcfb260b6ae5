//! Running another program in turn with a benchmark.

use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};
use serde_json::Value;

use crate::exit_code::bad_input;

/// How often each side runs: A B A B.
const ROUNDS: usize = 2;

/// Runs `ours` and `command` in turn and returns every result of each.
///
/// # Errors
/// When the command fails or the last line of its output is not JSON.
pub(super) fn in_turn<T>(
    command: Option<&str>,
    mut ours: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<(Vec<T>, Vec<Value>)> {
    let Some(command) = command else { return Ok((vec![ours()?], Vec::new())) };
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        a.push(ours()?);
        eprintln!("round {round}/{ROUNDS}: {command}");
        b.push(other(command).with_context(|| format!("--compare {command}"))?);
    }
    Ok((a, b))
}

fn other(command: &str) -> anyhow::Result<Value> {
    let output = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(bad_input(anyhow!("it ended with {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    serde_json::from_str(last).map_err(|e| bad_input(anyhow!("the last line of its output is not JSON: {e}")))
}

/// The number called `flat` (as in `train_tokens_per_sec`) or `section.field`.
pub(super) fn number(value: &Value, section: &str, field: &str) -> Option<f64> {
    value.get(format!("{section}_{field}")).or_else(|| value.get(section)?.get(field)).and_then(Value::as_f64)
}
