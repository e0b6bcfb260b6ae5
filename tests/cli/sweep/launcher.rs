//! The scripts for schedulers, with a stand-in for `sbatch` that does the tasks at once. What Slurm and `HyperQueue` do with
//! them is tested by `tests/clusters/`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{Case, TWO_PLANS, said};
use crate::bert_heal;
use crate::fixture::{json, text};

/// Does the tasks of an array one after the other, and writes down what it was asked.
const SBATCH: &str = r#"#!/usr/bin/env bash
echo "$@" >> "$(dirname "$0")/asked"
while [[ $1 == --* ]]; do
    case $1 in --array=*) array=${1#*=} ;; esac
    shift
done
for range in ${array//,/ }; do
    for i in $(seq "${range%-*}" "${range#*-}"); do
        SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_JOB_ID=7 bash "$@" >&2
    done
done
echo "7;cluster"
"#;

/// Launches what is left of a sweep; returns what `sbatch` was asked, a line for each array.
fn launch(case: &Case, sweep: &Path, more: &[&str]) -> Vec<String> {
    let (bin, script) = (case.path("bin"), case.path("launch.sh"));
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("sbatch"), SBATCH).unwrap();
    fs::set_permissions(bin.join("sbatch"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(bin.join("asked"), "").unwrap();
    let words = ["sweep", "launcher", text(sweep), "--for", "slurm"];
    let printed = bert_heal().args([&words[..], more].concat()).assert().success();
    fs::write(&script, &printed.get_output().stdout).unwrap();
    let path = format!("{}:{}", text(&bin), std::env::var("PATH").unwrap());
    let launched =
        Command::new("bash").arg(&script).arg("--time=5").env("PATH", path).env("PAUSE", "0").output().unwrap();
    assert!(launched.status.success(), "{}", String::from_utf8_lossy(&launched.stderr));
    fs::read_to_string(bin.join("asked")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_launched_sweep_is_that_of_one_machine_and_is_launched_again_for_what_is_left() {
    let case = Case::new(60, 20);
    let (experiment, whole, out) = (case.experiment(TWO_PLANS, ""), case.path("whole"), case.path("it's one"));
    bert_heal().args(Case::words(&experiment, &whole)).assert().success();
    bert_heal().args(["sweep", "plan", text(&experiment), "--out", text(&out)]).assert().success();

    let asked = launch(&case, &out, &["--array-size", "3"]);
    // Two healthy models, two controls, and four cells in arrays of three.
    assert_eq!(asked.len(), 4, "{asked:#?}");
    for (asked, (array, end)) in asked.iter().zip([
        ("0-1", "task healthy 0"),
        ("0-1", "task control 0"),
        ("0-2", "task cells 0"),
        ("0", "task cells 3"),
    ]) {
        assert!(asked.contains(&format!("--array={array} ")) && asked.ends_with(end), "{asked}");
        assert!(asked.contains("--requeue") && asked.contains("--time=5"), "{asked}");
    }
    assert!(!asked[0].contains("--dependency") && asked[3].contains("--dependency=afterany:7:7 "), "{asked:#?}");
    bert_heal().args(["sweep", "collect", text(&out)]).assert().success();
    assert!(fs::read(out.join("results.jsonl")).unwrap() == fs::read(whole.join("results.jsonl")).unwrap());

    let results: Vec<_> = fs::read_dir(out.join("results")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (code, words) = said(&["sweep", "launcher", text(&out), "--for", "kubernetes"]);
    assert!(code == 0 && words == "nothing is left to be launched\n", "{words}");
    fs::remove_file(&results[0]).unwrap();
    let asked = launch(&case, &out, &[]);
    assert!(asked.len() == 1 && asked[0].ends_with("task cells 0"), "{asked:#?}");
    assert_eq!(json(&["sweep", "status", text(&out), "--json"])["counts"]["completed"], 4);
}

#[test]
fn what_failed_is_launched_when_it_is_marked() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment(TWO_PLANS, ""), case.path("sweep"));
    bert_heal().args(["sweep", "plan", text(&experiment), "--out", text(&out)]).assert().success();
    let data = case.path("data");
    fs::rename(&data, case.path("away")).unwrap();
    let (code, words) = said(&["sweep", "cell", text(&out), "1", "--stage", "healthy"]);
    assert_eq!(code, 3, "{words}");
    fs::rename(case.path("away"), &data).unwrap();
    // With the healthy model of seed 2 its control and its two cells wait.
    let (code, words) = said(&["sweep", "launcher", text(&out), "--for", "hyperqueue"]);
    assert!(code == 0 && words.contains("4 tasks failed") && words.contains("sweep retry"), "{words}");
    assert!(words.contains("submit healthy 0 0\n") && words.contains("submit cells 0 0-1\n"), "{words}");
    bert_heal().args(["sweep", "retry", text(&out), "--failed", "--mark"]).assert().success();
    assert_eq!(launch(&case, &out, &[]).len(), 3);
    assert_eq!(json(&["sweep", "status", text(&out), "--json"])["counts"]["completed"], 4);
}
