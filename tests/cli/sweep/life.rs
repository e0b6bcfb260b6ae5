//! The life of a sweep: what its users ask of Hydra (facebookresearch/hydra#3328) and of schedulers.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Case, TWO_PLANS, results, said, walk};
use crate::bert_heal;
use crate::fixture::{json, text, tiny_model};

fn status(sweep: &Path) -> Value {
    json(&["sweep", "status", text(sweep), "--json"])
}

fn list(experiment: &Path, out: &Path) -> Value {
    json(&["sweep", text(experiment), "--out", text(out), "--list", "--json"])
}

fn whys(list: &Value) -> Vec<&str> {
    list["cells"].as_array().unwrap().iter().map(|cell| cell["why"].as_str().unwrap()).collect()
}

#[test]
fn the_list_says_why_each_cell_would_run_and_what_it_takes_and_runs_nothing() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment(TWO_PLANS, ""), case.path("sweep"));
    let before = list(&experiment, &out);
    assert_eq!(whys(&before), ["new"; 4]);
    assert!(!out.exists());
    let forecast = &before["forecast"];
    // 60 rows in batches of 16 over two epochs, for four healings, two healthy models and two controls.
    assert_eq!(
        (&forecast["n_cells"], &forecast["n_shared"], &forecast["n_steps"]),
        (&4.into(), &4.into(), &(8 * 8).into())
    );
    assert!(forecast["secs"].as_f64().unwrap() > 0.0 && forecast["memory_mib"].as_f64().unwrap() > 1.0, "{forecast:#}");

    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    let after = list(&experiment, &out);
    assert_eq!(whys(&after), ["done"; 4]);
    assert_eq!(after["forecast"]["n_steps"], 0);
    let status = status(&out);
    assert_eq!(status["id"], before["sweep"], "it is the same sweep");
    assert_eq!((&status["n_cells"], &status["counts"]["completed"]), (&4.into(), &4.into()));
}

#[test]
fn a_changed_file_is_shown_as_a_difference_and_needs_to_be_accepted() {
    let case = Case::new(60, 20);
    let out = case.path("sweep");
    let experiment = case.experiment(TWO_PLANS, "");
    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    let before = list(&experiment, &out);
    let results_before = fs::read_to_string(out.join("results.jsonl")).unwrap();

    let experiment = case.experiment(&TWO_PLANS.replace("[1, 2]", "[2, 3]"), "");
    let (code, words) = said(&Case::words(&experiment, &out));
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("2 added, 2 dropped, 2 unchanged") && words.contains("--accept"), "{words}");
    assert!(
        words.contains("+ ") && words.contains("seed 3") && words.contains("- ") && words.contains("seed 1"),
        "{words}"
    );
    assert_eq!(whys(&list(&experiment, &out)), ["done", "done", "changed", "changed"]);

    let (code, words) = said(&[&Case::words(&experiment, &out)[..], &["--accept"]].concat());
    assert_eq!(code, 0, "{words}");
    let after = list(&experiment, &out);
    let of = |list: &Value, i: usize| (list["cells"][i]["number"].clone(), list["cells"][i]["id"].clone());
    assert_eq!([of(&after, 0), of(&after, 1)], [of(&before, 2), of(&before, 3)], "numbers stay with their cells");
    assert_eq!(after["cells"][2]["number"], 4, "and are not given again");
    let seeds: Vec<_> = results(&out).iter().map(|record| record["spec"]["seeds"]["data"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [2, 2, 3, 3]);

    // Back again: what was dropped is still there, under its number.
    let experiment = case.experiment(TWO_PLANS, "");
    let (code, words) = said(&[&Case::words(&experiment, &out)[..], &["--accept"]].concat());
    assert!(code == 0 && !words.contains("healed "), "{words}");
    assert_eq!(fs::read_to_string(out.join("results.jsonl")).unwrap(), results_before);
}

#[test]
fn a_failed_cell_leaves_the_others_alone_has_a_log_and_is_tried_again_only_when_asked() {
    let case = Case::new(60, 20);
    let (out, other) = (case.path("sweep"), case.path("other"));
    let experiment = case.experiment("corrupt = \"kaiming@top:0.5\"\nseed = [1, 2]", "");
    let file = fs::read_to_string(&experiment).unwrap();
    let data = text(&case.path("data")).to_owned();
    fs::write(
        &experiment,
        file.replace(&format!("dataset = '{data}'"), &format!("dataset = ['{data}', '{}']", text(&other))),
    )
    .unwrap();
    let (code, words) = said(&Case::words(&experiment, &out));
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("2 of 4 cells done, 2 failed"), "{words}");
    let state = status(&out);
    assert_eq!((&state["counts"]["completed"], &state["counts"]["failed"]), (&2.into(), &2.into()), "{state:#}");
    let shared = state["shared"].as_array().unwrap();
    assert_eq!(shared.len(), 2, "the healthy models of the two cells: {state:#}");
    let task = shared[0]["task"].as_str().unwrap();
    let (code, log) = said(&["sweep", "log", text(&out), task]);
    assert!(code == 0 && log.contains("error: ") && log.contains("other"), "{log}");
    assert_eq!(results(&out).len(), 2);

    // The same command does not try it again.
    let (code, words) = said(&Case::words(&experiment, &out));
    assert!(code == 3 && !words.contains("healed "), "{words}");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(crate::fixture::dataset(elsewhere.path(), 50, 10), &other).unwrap();
    let (code, words) = said(&["sweep", "retry", text(&out), "--failed"]);
    assert!(code == 0 && words.contains("4 of 4 cells done"), "{words}");
    assert_eq!(status(&out)["counts"]["completed"], 4);
}

#[test]
fn a_fine_tuning_that_diverges_is_a_result_and_fail_fast_ends_at_a_failure() {
    let case = Case::new(60, 20);
    let out = case.path("sweep");
    let experiment = case.experiment("corrupt = \"kaiming@all\"\nseed = 1\nlearning_rate_is_set = 1", "");
    let file = fs::read_to_string(&experiment).unwrap();
    let file =
        file.replace("learning_rate_is_set = 1\n", "").replace("learning_rate = 3e-3", "learning_rate = [3e-3, 1e30]");
    fs::write(&experiment, file).unwrap();
    let (code, words) = said(&Case::words(&experiment, &out));
    assert!(code == 0 && words.contains("broke off"), "{words}");
    assert_eq!(status(&out)["counts"]["diverged"], 1);
    let failed: Vec<_> = results(&out).iter().map(|record| record["status"]["state"].clone()).collect();
    assert_eq!(failed, ["ok", "failed"]);

    let missing = case.path("missing.toml");
    let text_of = fs::read_to_string(&experiment).unwrap().replace("seed = 1", "seed = \"1-30\"");
    fs::write(&missing, text_of.replace("data'", "nothing'").replace("name = \"levels\"", "name = \"missing\""))
        .unwrap();
    let (code, words) =
        said(&["sweep", text(&missing), "--out", text(&case.path("fast")), "--fail-fast", "--workers", "1"]);
    assert_eq!(code, 3, "{words}");
    assert_eq!(words.matches("FAILED").count(), 1, "{words}");
}

/// A scheduler's jobs and a local sweep give the same bytes; a task is done by one process at a time.
#[test]
fn tasks_one_by_one_give_the_bytes_of_a_local_sweep() {
    let case = Case::new(60, 20);
    let (experiment, local, cluster) = (case.experiment(TWO_PLANS, ""), case.path("local"), case.path("cluster"));
    bert_heal().args(Case::words(&experiment, &local)).assert().success();
    let planned = json(&["sweep", "plan", text(&experiment), "--out", text(&cluster), "--json"]);
    assert_eq!(planned["stages"], serde_json::json!({"healthy": 2, "control": 2, "cells": 4}));
    let (code, words) = said(&["sweep", "cell", text(&cluster), "0"]);
    assert!(code == 75 && words.contains("is not there yet"), "{words}");
    for (stage, n, variable) in
        [("healthy", 2, "SLURM_ARRAY_TASK_ID"), ("control", 2, "HQ_TASK_ID"), ("cells", 4, "JOB_COMPLETION_INDEX")]
    {
        for index in (0..n).rev() {
            let words = ["sweep", "cell", text(&cluster), "--stage", stage, "--threads", "1"];
            bert_heal().args(words).env(variable, index.to_string()).assert().success();
        }
    }
    let (code, words) = said(&["sweep", "cell", text(&cluster), "9"]);
    assert!(code == 2 && words.contains("4 tasks, numbered from 0"), "{words}");
    bert_heal().args(["sweep", "collect", text(&cluster)]).assert().success();
    assert!(fs::read(cluster.join("results.jsonl")).unwrap() == fs::read(local.join("results.jsonl")).unwrap());
}

#[test]
fn a_task_that_another_machine_holds_is_left_to_it_and_done_once_that_is_done() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment("corrupt = \"kaiming@top:0.5\"\nseed = 1", ""), case.path("sweep"));
    json(&["sweep", "plan", text(&experiment), "--out", text(&out), "--json"]);
    bert_heal().args(["sweep", "cell", text(&out), "--stage", "healthy", "0"]).assert().success();
    let list = list(&experiment, &out);
    let id = list["cells"][0]["id"].as_str().unwrap();
    let attempt = out.join("attempts").join(id).join("1");
    fs::create_dir_all(&attempt).unwrap();
    fs::write(attempt.join("lease.json"), r#"{"host":"another","boot":"b","pid":1,"renewals":3}"#).unwrap();
    assert_eq!(status(&out)["counts"]["running"], 1);
    let (code, words) = said(&["sweep", "cell", text(&out), "0", "--wait", "1"]);
    assert!(code == 75 && words.contains("process 1 on another works on it"), "{words}");

    // It comes to its end after all while somebody else has taken it over: the result is there once.
    fs::write(attempt.join("end.json"), r#"{"is_interrupted":true,"reason":"a test"}"#).unwrap();
    bert_heal().args(["sweep", "cell", text(&out), "0"]).assert().success();
    let result = out.join("results").join(format!("{id}.json.zst"));
    let bytes = fs::read(&result).unwrap();
    fs::rename(&result, out.join("aside")).unwrap();
    let started = Instant::now();
    bert_heal().args(["sweep", "cell", text(&out), "0"]).assert().success();
    assert!(started.elapsed() < Duration::from_mins(1));
    assert!(fs::read(&result).unwrap() == bytes, "made again, it is the same byte for byte");
}

#[test]
fn what_a_process_left_that_was_killed_while_it_planned_is_no_obstacle() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment("seed = 1", ""), case.path("sweep"));
    fs::create_dir(&out).unwrap();
    fs::write(out.join("cells.jsonl"), "{\"number\"").unwrap();
    fs::write(out.join(".tmp-a1b2c3"), "").unwrap();
    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    assert_eq!(results(&out).len(), 1);
}

#[test]
fn claims_that_change_once_there_are_results_need_to_be_accepted() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment(TWO_PLANS, ""), case.path("sweep"));
    json(&["sweep", "plan", text(&experiment), "--out", text(&out), "--json"]);
    let claim = "[[claims]]\nname = \"after the fact\"\nfamily = \"primary\"\nquestion = \"full-recovery\"\n";
    let experiment = case.experiment(TWO_PLANS, claim);
    let (code, words) = said(&["sweep", "plan", text(&experiment), "--out", text(&out)]);
    assert!(code == 2 && words.contains("the claims, or alpha, are others than those that were planned"), "{words}");
    let (code, words) = said(&["sweep", "plan", text(&experiment), "--out", text(&out), "--accept"]);
    assert_eq!(code, 0, "{words}");
}

#[test]
fn the_number_of_a_cell_means_the_same_to_every_command_once_others_are_dropped() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment("corrupt = \"zero:1@all\"\nseed = [1, 2, 3]", ""), case.path("sweep"));
    json(&["sweep", "plan", text(&experiment), "--out", text(&out), "--json"]);
    let id = list(&experiment, &out)["cells"][2]["id"].clone();
    let experiment = case.experiment("corrupt = \"zero:1@all\"\nseed = [2, 3]", "");
    json(&["sweep", "plan", text(&experiment), "--out", text(&out), "--accept", "--json"]);
    let (code, words) = said(&["sweep", "cell", text(&out), "0"]);
    assert!(code == 0 && words.contains("no longer has this cell"), "{words}");
    bert_heal().args(["sweep", "cell", text(&out), "--stage", "healthy", "1"]).assert().success();
    bert_heal().args(["sweep", "cell", text(&out), "2"]).assert().success();
    assert!(out.join("results").join(format!("{}.json.zst", id.as_str().unwrap())).is_file());
}

#[test]
fn retrying_a_cell_retries_what_it_waits_for_and_leaves_a_running_one_alone() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment("corrupt = \"kaiming@top:0.5\"\nseed = [1, 2]", ""), case.path("sweep"));
    fs::rename(case.path("data"), case.path("aside")).unwrap();
    let (code, words) = said(&Case::words(&experiment, &out));
    assert!(code == 3 && words.contains("0 of 2 cells done, 2 failed"), "{words}");
    let (code, words) = said(&["sweep", "log", text(&out), "0"]);
    assert!(code == 2 && words.contains("which failed: bert-heal sweep log SWEEP "), "{words}");
    fs::rename(case.path("aside"), case.path("data")).unwrap();
    let (code, words) = said(&["sweep", "retry", text(&out), "0"]);
    assert!(code == 3 && words.contains("1 of 2 cells done, 1 failed"), "{words}");

    let id = status(&out)["cells"].as_array().unwrap()[0]["id"].as_str().unwrap().to_owned();
    let attempt = out.join("attempts").join(&id).join("1");
    fs::create_dir_all(&attempt).unwrap();
    fs::write(attempt.join("lease.json"), r#"{"host":"another","boot":"b","pid":1,"renewals":3}"#).unwrap();
    let (code, words) = said(&["sweep", "retry", text(&out), &id, "--mark"]);
    assert!(code == 2 && words.contains("is running"), "{words}");
    assert!(!attempt.join("end.json").exists());
}

#[test]
fn workers_that_cannot_start_fail_no_cell_and_say_where_the_reason_is() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment(TWO_PLANS, ""), case.path("sweep"));
    fs::create_dir(case.path("here")).unwrap();
    let plan = ["sweep", "plan", text(&experiment), "--out", text(&out)];
    bert_heal().current_dir(case.path("here")).args(plan).assert().success();
    fs::rename(case.path("here"), case.path("gone")).unwrap();
    let (code, words) = said(&["sweep", "retry", text(&out), "0", "--workers", "2", "--threads", "2"]);
    assert!(code == 1 && words.contains("all workers have ended") && words.contains("logs"), "{words}");
    let log = fs::read_to_string(out.join("logs/worker-0.log")).unwrap();
    assert!(log.contains("the sweep's working directory"), "{log}");
    assert_eq!(status(&out)["counts"]["failed"], 0);
}

#[test]
fn cells_of_one_dataset_that_read_different_rows_are_not_put_together() {
    let case = Case::new(60, 20);
    let (experiment, out) = (case.experiment("random_init = [false, true]\nseed = [1, 2]", ""), case.path("sweep"));
    bert_heal().args(Case::words(&experiment, &out)).assert().success();
    assert_eq!(results(&out).len(), 4, "random weights are another start of the same model");

    let experiment = case.experiment("seed = [1, 2]", "");
    let out = case.path("changed");
    json(&["sweep", "plan", text(&experiment), "--out", text(&out), "--json"]);
    for cell in ["0", "1"] {
        bert_heal().args(["sweep", "cell", text(&out), "--stage", "healthy", cell]).assert().success();
        bert_heal().args(["sweep", "cell", text(&out), cell]).assert().success();
        let train = case.path("data/train.tsv");
        fs::write(&train, fs::read_to_string(&train).unwrap() + "1\tone row more\n").unwrap();
    }
    let (code, words) = said(&["sweep", "collect", text(&out)]);
    assert!(code == 2 && words.contains("cells 0 and 1 name the same dataset"), "{words}");
}

#[test]
fn ten_thousand_cells_are_listed_and_looked_at_quickly() {
    let case = Case::new(60, 20);
    let grid = "protocol = \"finetuned\"\nscheme = \"kaiming\"\nplace = [\"bottom\", \"top\"]\nlevel = [0.5, 1]\nseed = \"0-2499\"";
    let (experiment, out) = (case.experiment(grid, ""), case.path("sweep"));
    let timed = |words: &[&str]| {
        let started = Instant::now();
        bert_heal().args(words).assert().success();
        started.elapsed()
    };
    let listed = timed(&["sweep", text(&experiment), "--out", text(&out), "--list"]);
    timed(&["sweep", "plan", text(&experiment), "--out", text(&out)]);
    let looked = timed(&["sweep", "status", text(&out)]);
    println!("--list {listed:?}, status {looked:?}");
    // The bars of 2 and 1 s are for a release build with the machine to itself.
    assert!(listed < Duration::from_secs(20) && looked < Duration::from_secs(10), "{listed:?} {looked:?}");
}

#[test]
fn the_folder_of_something_else_is_left_alone() {
    let case = Case::new(10, 5);
    let experiment = case.experiment("seed = 1", "");
    let before = walk(case.folder.path());
    let (code, words) = said(&Case::words(&experiment, case.folder.path()));
    assert!(code == 2 && words.contains("is not the folder of a sweep"), "{words}");
    let (code, words) = said(&["sweep", "status", text(&tiny_model())]);
    assert!(code == 2 && words.contains("sweep.json"), "{words}");
    assert_eq!(walk(case.folder.path()), before);
}
