//! Signals: what a terminal, a scheduler and a worker that is stopped send to a run, and how it goes on afterwards.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::experiment::assert_events_tell_what_the_metrics_do;
use crate::fixture::{dataset, hash, json, text, tiny_model};

/// Checkpoints of a run with a control.
const CHECKPOINTS: [&str; 4] = ["healthy", "control", "corrupted", "healed"];

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

    fn args(&self, out: &Path, save_steps: &str) -> Vec<String> {
        let fixed =
            ["--json", "--corrupt", "kaiming@bottom:0.5", "--protocol", "finetuned", "--seed", "3", "--epochs", "6"];
        let sized = ["--batch-size", "8", "--max-length", "32", "--learning-rate", "1e-3", "--save-steps", save_steps];
        let named = ["run", "--model", text(&self.model), "--dataset", text(&self.data), "--out", text(out)];
        [&named[..], &fixed, &sized].concat().into_iter().map(str::to_owned).collect()
    }

    fn json(&self, out: &Path, save_steps: &str) -> Value {
        let args = self.args(out, save_steps);
        json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn program(args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bert-heal-under-test"));
    command.args(args).env("NO_COLOR", "1").stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn steps(out: &Path) -> usize {
    fs::read(out.join("metrics.jsonl")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// Waits until the run has so many steps on record.
fn wait_for_steps(child: &mut Child, out: &Path, n: usize) {
    let started = Instant::now();
    while steps(out) < n {
        if child.try_wait().unwrap().is_some() {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("the run ended before step {n}: {stderr}");
        }
        assert!(started.elapsed() < Duration::from_mins(2), "no progress");
        std::thread::sleep(Duration::from_millis(1));
    }
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
    let (calm, disturbed) = (case.out("calm"), case.out("disturbed"));
    case.json(&calm, "100000");
    // In the healthy fine-tuning (150 steps), the control's and the healing; nothing is saved in between on its own.
    for (signal, at, words) in
        [("-TERM", 40, "SIGTERM"), ("-HUP", 190, "the terminal was closed"), ("-TERM", 340, "SIGTERM")]
    {
        let mut child = program(&case.args(&disturbed, "100000")).spawn().unwrap();
        wait_for_steps(&mut child, &disturbed, at);
        send(&child, signal);
        let (output, stderr) = end(child);
        assert_eq!(output.status.code(), Some(4), "{signal} at {at}: {stderr}");
        assert!(stderr.contains(&format!("{words}: finishing this step")), "{stderr}");
        assert!(stderr.contains("interrupted after step") && stderr.contains("goes on from there"), "{stderr}");
    }
    let record = case.json(&disturbed, "100000");
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
    let mut child = program(&case.args(&out, "100000")).spawn().unwrap();
    wait_for_steps(&mut child, &out, 5);
    for _ in 0..3 {
        send(&child, "-TERM");
    }
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("interrupted after step"), "{stderr}");

    let mut child = program(&case.args(&out, "100000")).spawn().unwrap();
    let before = steps(&out);
    wait_for_steps(&mut child, &out, before + 5);
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
    let (calm, killed) = (case.out("calm"), case.out("killed"));
    case.json(&calm, "7");
    for (at, patience) in [(10, 0), (30, 1), (50, 3), (170, 6), (330, 10)] {
        let mut child = program(&case.args(&killed, "7")).spawn().unwrap();
        wait_for_steps(&mut child, &killed, at);
        send(&child, "-INT");
        std::thread::sleep(Duration::from_millis(patience));
        send(&child, "-KILL");
        end(child);
    }
    let record = case.json(&killed, "7");
    let resumed_from = record["train"]["resumed_from"].as_array().unwrap().clone();
    assert!(!resumed_from.is_empty(), "{record:#}");
    assert_same_checkpoints(&calm, &killed);
    assert_events_tell_what_the_metrics_do(&killed, &record);
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let case = Case::new();
    let out = case.out("out");
    let args = case.args(&out, "100000");
    let mut nohup = Command::new("nohup");
    nohup.arg(env!("CARGO_BIN_EXE_bert-heal-under-test")).args(&args).process_group(0);
    let mut child = nohup.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_steps(&mut child, &out, 5);
    send(&child, "-HUP");
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}

/// Every write to a pipe without a reader fails, as one to a terminal that is gone does.
#[test]
fn a_run_goes_on_when_nobody_can_read_what_it_says() {
    let case = Case::new();
    let out = case.out("out");
    let mut child = program(&case.args(&out, "100000")).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(out.join("run.json").exists());
}
