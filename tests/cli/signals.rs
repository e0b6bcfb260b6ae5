//! Signals: what a terminal, a scheduler and a worker that is stopped send to a run, and how it goes on afterwards.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::experiment::assert_events_tell_what_the_metrics_do;
use crate::fixture::{dataset, hash, json, long_enough, program, run_words, steps, tiny_model, wait_for_steps};

/// Checkpoints of a run with a control.
const CHECKPOINTS: [&str; 4] = ["healthy", "control", "corrupted", "healed"];

/// More epochs than anybody waits for.
const ENDLESS: usize = 1_000_000;

/// Steps between saved states that no run here takes.
const NEVER: usize = 100_000_000;

/// A run that is interrupted, and its rows.
struct Case {
    folder: tempfile::TempDir,
    data: PathBuf,
    model: PathBuf,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = dataset(folder.path(), 200, 30);
        Self { folder, data, model: tiny_model() }
    }

    /// A folder of its own: runs beside one another share healthy models.
    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("run")
    }

    /// A run with three fine-tunings of 25 steps an epoch.
    fn args(&self, out: &Path, epochs: usize, save_steps: usize) -> Vec<String> {
        let fixed = "--json --corrupt kaiming@bottom:0.5 --protocol finetuned --seed 3 --batch-size 8 --max-length 32";
        let more = format!("{fixed} --learning-rate 1e-3 --epochs {epochs} --save-steps {save_steps}");
        run_words(&self.model, &self.data, out, &more).into_iter().map(str::to_owned).collect()
    }

    fn json(&self, out: &Path, epochs: usize, save_steps: usize) -> Value {
        let args = self.args(out, epochs, save_steps);
        json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn end(child: Child) -> (Output, String) {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, stderr)
}

fn assert_same_checkpoints(a: &Path, b: &Path) {
    for which in CHECKPOINTS {
        let weights = |out: &Path| hash(&out.join("checkpoint").join(which).join("model.safetensors"));
        assert_eq!(weights(a), weights(b), "{which}");
    }
}

#[test]
fn every_signal_that_asks_for_an_end_finishes_the_step_saves_and_is_gone_on_from() {
    let case = Case::new();
    let (disturbed, epochs) = long_enough(|epochs| {
        let out = case.out(&format!("disturbed-{epochs}"));
        let phase = 25 * epochs;
        // In the healthy fine-tuning, the control's and the healing; nothing is saved in between on its own.
        let signals = [
            ("-TERM", phase / 4, "SIGTERM"),
            ("-HUP", phase + phase / 4, "the terminal was closed"),
            ("-TERM", 2 * phase + phase / 4, "SIGTERM"),
        ];
        for (signal, at, words) in signals {
            let mut child = program(&case.args(&out, epochs, NEVER)).spawn().unwrap();
            if !wait_for_steps(&mut child, &out, at) {
                return None;
            }
            send(&child, signal);
            let (output, stderr) = end(child);
            if output.status.success() {
                return None;
            }
            assert_eq!(output.status.code(), Some(4), "{signal} at {at}: {stderr}");
            assert!(stderr.contains(&format!("{words}: finishing this step")), "{stderr}");
            assert!(stderr.contains("interrupted after step") && stderr.contains("to resume from there"), "{stderr}");
        }
        Some((out, epochs))
    });
    let record = case.json(&disturbed, epochs, NEVER);
    let calm = case.out("calm");
    case.json(&calm, epochs, NEVER);
    assert_eq!(
        record["train"]["resumed_from"].as_array().unwrap().len(),
        3,
        "each went on from where it was: {record:#}"
    );
    assert_same_checkpoints(&calm, &disturbed);
    assert_events_tell_what_the_metrics_do(&disturbed, &record);
}

#[test]
fn ctrl_c_twice_ends_at_once_and_a_second_sigterm_does_not() {
    let case = Case::new();
    let out = case.out("out");
    let mut child = program(&case.args(&out, ENDLESS, NEVER)).spawn().unwrap();
    assert!(wait_for_steps(&mut child, &out, 5));
    for _ in 0..3 {
        send(&child, "-TERM");
    }
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("interrupted after step"), "{stderr}");

    let mut child = program(&case.args(&out, ENDLESS, NEVER)).spawn().unwrap();
    let before = steps(&out);
    assert!(wait_for_steps(&mut child, &out, before + 5));
    // Stopped in between, so that it cannot reach the end of its step.
    send(&child, "-STOP");
    send(&child, "-INT");
    send(&child, "-CONT");
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        // Whichever comes first, the end of the step or the second Ctrl-C: the code is the same.
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        assert!(started.elapsed() < Duration::from_mins(1));
    }
    assert_eq!(end(child).0.status.code(), Some(4));
}

/// As `HyperQueue` cancels a task, only with less patience than its one second.
#[test]
fn a_save_that_is_killed_tears_nothing_and_the_last_whole_state_counts() {
    let case = Case::new();
    let (killed, epochs) = long_enough(|epochs| {
        let out = case.out(&format!("killed-{epochs}"));
        let phase = 25 * epochs;
        for (at, patience) in [(10, 0), (30, 1), (50, 3), (phase + 20, 6), (2 * phase + 30, 10)] {
            let mut child = program(&case.args(&out, epochs, 7)).spawn().unwrap();
            if !wait_for_steps(&mut child, &out, at) {
                return None;
            }
            send(&child, "-INT");
            std::thread::sleep(Duration::from_millis(patience));
            send(&child, "-KILL");
            end(child);
        }
        Some((out, epochs))
    });
    let record = case.json(&killed, epochs, 7);
    let calm = case.out("calm");
    case.json(&calm, epochs, 7);
    let resumed_from = record["train"]["resumed_from"].as_array().unwrap().clone();
    assert!(!resumed_from.is_empty(), "{record:#}");
    assert_same_checkpoints(&calm, &killed);
    assert_events_tell_what_the_metrics_do(&killed, &record);
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let case = Case::new();
    let out = case.out("out");
    let mut nohup = Command::new("nohup");
    nohup.arg(env!("CARGO_BIN_EXE_bert-heal-under-test")).args(case.args(&out, ENDLESS, NEVER)).process_group(0);
    let mut child = nohup.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(wait_for_steps(&mut child, &out, 5));
    send(&child, "-HUP");
    let at_hangup = steps(&out);
    assert!(wait_for_steps(&mut child, &out, at_hangup + 5), "it goes on");
    send(&child, "-TERM");
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("SIGTERM: finishing this step") && !stderr.contains("terminal"), "{stderr}");
}

/// Every write to a pipe without a reader fails, as one to a terminal that is gone does.
#[test]
fn a_run_goes_on_when_nobody_can_read_what_it_says() {
    let case = Case::new();
    let out = case.out("out");
    let mut child = program(&case.args(&out, 1, NEVER)).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(out.join("run.json").exists());
}
