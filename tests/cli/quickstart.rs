//! The first command that a new user types, with and without what it needs.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;
use shared::bundle::Sample;

use crate::bert_heal;
use crate::bundle::run_and_bundle;
use crate::fixture::{dataset, read_json, text, tiny_model};
use crate::schemas::violations;

#[test]
fn quickstart_shows_healthy_corrupted_and_healed_on_one_screen_and_writes_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 200, 60);
    let (model, out) = (tiny_model(), folder.path().join("runs/demo"));
    let args = ["quickstart", "--model", text(&model), "--dataset", text(&data), "--out", text(&out), "--seed", "2"];
    let output = bert_heal().args(args).assert().success();
    let screen = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for said in ["a demonstration, not evidence", "95 % interval", "recovery", "deficit", "One seed", "fetching  0 s"] {
        assert!(screen.contains(said), "the screen does not say {said}:\n{screen}");
    }
    for model in ["healthy", "corrupted", "healed"] {
        assert!(screen.lines().any(|line| line.trim_start().starts_with(model)), "{model} has no line:\n{screen}");
    }
    let page = screen.lines().find_map(|line| line.strip_prefix("report    ")).unwrap();
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("undecided") && html.contains("at least 6 seeds are needed"), "{html}");

    // It is an ordinary run, and the same command finds it finished.
    let output = bert_heal().args(args).arg("--json").assert().success();
    let value: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(violations("run", &value["record"]), Vec::<String>::new());
    assert_eq!(value["record"]["spec"]["protocol"], "finetuned");
    assert_eq!(value["caveat"], "a demonstration, not evidence");
    assert_eq!(value["report"], page);
    assert_eq!(value["record"], read_json(&out.join("run.json")));
}

#[test]
fn without_any_network_and_bundle_quickstart_ends_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = bert_heal();
    command.arg("quickstart").current_dir(folder.path()).env("PATH", folder.path());
    command.env("BERT_HEAL_BUNDLES", folder.path());
    command.env("HOME", folder.path()).env("HF_ENDPOINT", format!("http://127.0.0.1:{port}"));
    for variable in ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "BERT_HEAL_CACHE", "XDG_CACHE_HOME"] {
        command.env_remove(variable);
    }
    let output = command.assert().code(2).stdout("");
    let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(errors[0].contains("minilm-l6"), "{stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("Caused by"), "{stderr}");
    assert!(!folder.path().join("runs").exists(), "a folder was left behind");
}

#[test]
fn without_any_network_quickstart_shows_the_bundle_and_says_what_needs_data() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bundle) = run_and_bundle(folder.path());
    // Where there is no folder called as the bundle's dataset.
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let quickstart = || {
        let mut command = bert_heal();
        command.arg("quickstart").current_dir(&elsewhere).env("BERT_HEAL_BUNDLES", folder.path().join("bundles"));
        command
    };
    let output = quickstart().assert().success();
    let screen = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(stderr.contains("minilm-l6") && stderr.contains("starting from the page's own bundle"), "{stderr}");
    for said in [
        "a demonstration, not evidence",
        "kaiming@bottom:0.5 with seed 3",
        "95 % interval",
        "the film is good",
        "measured when the bundle was made",
        "needs sentences to train on: give --dataset FILE",
    ] {
        assert!(screen.contains(said), "the screen does not say {said}:\n{screen}");
    }
    // The answers are computed, and they are those of the bundle.
    let output = quickstart().arg("--json").assert().success();
    let value: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let manifest = read_json(&bundle.join("manifest.json"));
    let samples = |value: &Value| serde_json::from_value::<Vec<Sample>>(value["samples"].clone()).unwrap();
    assert_eq!(samples(&value), samples(&manifest));
    assert_eq!(value["quality"], manifest["quality"]);
    assert!(!elsewhere.join("runs").exists(), "nothing was run");

    // Another model by name is an error as ever.
    quickstart().args(["--model", "minilm-l3"]).assert().code(2);

    // With the rows at hand that the page heals with, it is a run like any other.
    let (data, rows, out) = (folder.path().join("data"), bundle.join("rows.json"), folder.path().join("offline"));
    let args = ["fetch", "--rows-of", text(&bundle), "--dataset", text(&data), "--out", text(&rows)];
    bert_heal().args(args).assert().success();
    let output = quickstart().args(["--json", "--out", text(&out)]).assert().success();
    let value: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let record = &value["record"];
    assert_eq!(
        (&record["spec"]["model"]["name"], &record["spec"]["dataset"]["name"]),
        (&"tiny".into(), &"data".into())
    );
    assert_eq!((&record["spec"]["dataset"]["rows"]["train"], &record["healthy"]["n"]), (&120.into(), &40.into()));
    assert!(out.join("report").exists() || value["report"].as_str().is_some());
}
