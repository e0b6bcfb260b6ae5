//! Sweeps that are killed: nothing finished is computed again, and the results are those of an undisturbed sweep.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Case, said};
use crate::bert_heal;
use crate::fixture::text;

const GRID: &str =
    "protocol = \"finetuned\"\nscheme = \"kaiming\"\nplace = [\"bottom\", \"top\"]\nlevel = [0.5, 1]\nseed = [1, 2]";

/// Every result's name and when it was put there.
fn published(sweep: &Path) -> BTreeMap<String, std::time::SystemTime> {
    let Ok(entries) = fs::read_dir(sweep.join("results")) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().ends_with(".json.zst"))
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().modified().unwrap()))
        .collect()
}

/// Workers are killed by SIGKILL inside a cell, a shared model and a rename; the driver gives their task to another.
#[test]
fn workers_killed_at_every_place_change_no_byte() {
    let case = Case::new(60, 20);
    let (experiment, whole) = (case.experiment(GRID, ""), case.path("whole"));
    bert_heal().args(Case::words(&experiment, &whole)).assert().success();
    let expected = fs::read(whole.join("results.jsonl")).unwrap();
    for (place, n) in [
        ("attempt.held", 1),
        ("attempt.taken-over", 1),
        ("training.step", 3),
        ("evaluation.done", 1),
        ("shared.before", 1),
        ("shared.after", 1),
        ("publish.before", 1),
        ("publish.after", 1),
    ] {
        let out = case.path(&format!("killed-{place}"));
        let words = Case::words(&experiment, &out);
        // Every worker dies at its first arrival there, so the sweep cannot come to its end.
        let output = bert_heal().args(&words).env("BERT_HEAL_KILL_AT", format!("{place}:{n}")).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(log.contains("killed by signal 9"), "{place}: {log}");
        let proof = fs::read_to_string(out.join("logs/worker-0.log")).unwrap();
        assert!(proof.contains(&format!("killed at {place}")), "{place}: {proof}");
        let before = published(&out);
        bert_heal().args(["sweep", "retry", text(&out), "--failed"]).assert().success();
        let after = published(&out);
        assert!(before.iter().all(|(name, time)| after[name] == *time), "{place}: a finished cell was computed again");
        assert!(fs::read(out.join("results.jsonl")).unwrap() == expected, "{place}: the results differ");
        let status = crate::fixture::json(&["sweep", "status", text(&out), "--json"]);
        assert_eq!(status["counts"]["completed"], 8, "{place}");
    }
}

/// The driver dies with its workers left behind: they see the end of their input, save and stop.
#[test]
fn a_killed_driver_takes_its_workers_along_and_loses_nothing() {
    let case = Case::new(400, 20);
    let (experiment, whole, out) = (case.experiment(GRID, ""), case.path("whole"), case.path("killed"));
    bert_heal().args(Case::words(&experiment, &whole)).assert().success();
    let expected = fs::read(whole.join("results.jsonl")).unwrap();
    let words: Vec<String> = Case::words(&experiment, &out).into_iter().map(str::to_owned).collect();
    let mut driver = crate::fixture::program(&words).spawn().unwrap();
    let started = std::time::Instant::now();
    while published(&out).is_empty() {
        assert!(driver.try_wait().unwrap().is_none(), "it was over before it could be killed");
        assert!(started.elapsed() < std::time::Duration::from_mins(2));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    driver.kill().unwrap();
    driver.wait().unwrap();
    let before = published(&out);
    let (code, log) = said(&Case::words(&experiment, &out));
    assert_eq!(code, 0, "{log}");
    let after = published(&out);
    assert!(before.iter().all(|(name, time)| after[name] == *time), "a finished cell was computed again");
    assert!(fs::read(out.join("results.jsonl")).unwrap() == expected);
}

/// A machine that sleeps, or a full file system: others take it for dead and go on from what it had. It must not publish
/// what is left of its folder, nor remove what they have.
#[cfg(target_os = "linux")]
#[test]
fn who_is_paused_and_taken_over_publishes_no_model_without_weights() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment("corrupt = \"zero:1@all\"\nseed = 1", ""), case.path("sweep"));
    bert_heal().args(["sweep", "plan", text(&experiment), "--out", text(&out)]).assert().success();
    let words = ["sweep", "cell", text(&out), "--stage", "healthy", "0"].map(str::to_owned);
    let mut paused = crate::fixture::program(&words).env("BERT_HEAL_STOP_AT", "shared.before:1").spawn().unwrap();
    let started = std::time::Instant::now();
    let state = || fs::read_to_string(format!("/proc/{}/stat", paused.id())).unwrap();
    while !state().contains(") T ") {
        assert!(started.elapsed() < std::time::Duration::from_mins(2), "{}", state());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // As another process does that has watched its lease for a minute.
    let tries = fs::read_dir(out.join("attempts")).unwrap().next().unwrap().unwrap().path();
    fs::create_dir(tries.join("2")).unwrap();
    fs::rename(tries.join("1/run"), tries.join("2/run")).unwrap();
    let weights = tries.join("2/run/checkpoint/healthy/model.safetensors");
    assert!(weights.is_file());
    std::process::Command::new("kill").args(["-CONT", &paused.id().to_string()]).status().unwrap();
    let status = paused.wait().unwrap();
    assert_eq!(status.code(), Some(4), "it stops, and says that it is to be tried again");
    assert!(weights.is_file(), "what the other one has is still there");
    assert!(!out.join("undamaged").exists(), "nothing was published");
    bert_heal().args(&words).assert().success();
    bert_heal().args(["sweep", "cell", text(&out), "0"]).assert().success();
}
