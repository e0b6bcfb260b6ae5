//! Whole runs on a tiny model: what they report, keep, repeat and resume.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use shared::Condition;
use shared::checkpoint::{OtherClasses, save_weights};
use shared::nn::Activations;
use shared::record::{MetricsLine, Seeds};
use shared::training::TrainingArgs;
use trainer::dataset_request::DatasetRequest;
use trainer::device::DeviceChoice;
use trainer::interrupt::Interrupt;
use trainer::open_model::Weights;
use trainer::run_dir::tensorboard::{self, tags};
use trainer::run_dir::{RunDir, metrics};
use trainer::runner::{Models, Outcome, Prepared, RunRequest, fine_tune};

use crate::bert_heal;
use crate::fixture::{
    command, dataset, hash, json, long_enough, program, refused, run_words, text, tiny_distilbert, tiny_model,
    wait_for_steps,
};
use crate::schemas::violations;

/// A run that learns something in a second or two.
fn run_args<'a>(model: &'a Path, data: &'a Path, out: &'a Path) -> Vec<&'a str> {
    run_words(model, data, out, "--json --learning-rate 3e-3 --epochs 10 --batch-size 16 --max-length 32 --seed 3")
}

fn accuracy(record: &Value, which: &str) -> f64 {
    record[which]["accuracy"].as_f64().unwrap_or_else(|| panic!("{which} has no accuracy: {record}"))
}

#[test]
fn a_run_fine_tunes_corrupts_heals_and_reports_under_both_protocols() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 300, 120);
    for (model, protocol) in [(tiny_model(), "finetuned"), (tiny_distilbert(), "pretrained")] {
        let out = folder.path().join(protocol);
        let mut args = run_args(&model, &data, &out);
        args.extend(["--corrupt", "kaiming@top:50%", "--protocol", protocol]);
        let record = json(&args);
        assert_eq!(violations("run", &record), Vec::<String>::new(), "{protocol}");
        assert_eq!(record["spec"]["corruption"], "kaiming@top:0.5");
        assert!(accuracy(&record, "healthy") > 0.9, "{protocol}: {record:#}");
        assert!(accuracy(&record, "healed") > accuracy(&record, "corrupted") + 0.1, "{protocol}: {record:#}");
        assert_eq!(record["healthy"]["n"], 120);
        assert_eq!(record["spec"]["dataset"]["rows"]["train"], 300);
        // Under finetuned there is the control's fine-tuning as well.
        let conditions: &[_] = if protocol == "finetuned" {
            &["healthy", "control", "corrupted", "healed"]
        } else {
            assert!(record["control"].is_null());
            &["healthy", "corrupted", "healed"]
        };
        let n_steps = (conditions.len() - 1) * 10 * 19;
        assert_eq!(record["train"]["steps"], n_steps);
        let note = record["recovery"]["note"].as_str();
        assert_eq!(note == Some("the corrupted model has an untrained head"), protocol == "pretrained", "{record:#}");
        for which in conditions {
            let predictions = out.join(record[*which]["predictions"].as_str().unwrap());
            let lines = zstd::decode_all(fs::File::open(predictions).unwrap()).unwrap();
            assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 120);
            // Every model is a checkpoint that evaluates to what the record says.
            let again = out.join(format!("again-{which}"));
            let paths: [(&str, &Path); 3] = [("--model", &out), ("--dataset", &data), ("--out", &again)];
            let more = format!("--which {which} --max-length 32 --json");
            let evaluation = json(&command("evaluate", &paths, &more));
            assert_eq!(evaluation["accuracy"], record[*which]["accuracy"], "{protocol}, {which}");
            assert_eq!(evaluation["largest_class_share"], record[*which]["largest_class_share"], "{protocol}, {which}");
        }
        let lines = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), n_steps);
        assert_events_tell_what_the_metrics_do(&out, &record);
        // The finished run is not computed again.
        let started = Instant::now();
        assert_eq!(json(&args), record);
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn without_corruption_there_is_only_a_healthy_model_and_no_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let out = folder.path().join("out");
    let record = json(&run_args(&tiny_model(), &data, &out));
    assert_eq!(violations("run", &record), Vec::<String>::new());
    for field in ["control", "corrupted", "healed", "recovery", "deficit"] {
        assert!(record[field].is_null(), "{field}: {record:#}");
    }
}

#[test]
fn the_same_healthy_model_is_not_trained_twice_in_one_folder_of_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (first, second) = (folder.path().join("runs/a"), folder.path().join("runs/b"));
    let model = tiny_model();
    let mut args = run_args(&model, &data, &first);
    let healthy = json(&args);
    args = run_args(&model, &data, &second);
    args.extend(["--corrupt", "kaiming@bottom:0.5"]);
    let corrupted = json(&args);
    assert_eq!(corrupted["train"]["phases"][0]["reused_from"], healthy["run_id"]);
    assert_eq!(corrupted["hashes"]["checkpoints"]["healthy"], healthy["hashes"]["checkpoints"]["healthy"]);
    assert_eq!(corrupted["healthy"]["accuracy"], healthy["healthy"]["accuracy"]);
    assert_eq!(corrupted["train"]["steps"], 10 * 4, "only the healing was trained");
}

#[test]
fn another_spec_in_the_same_folder_is_refused_with_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let mut args = run_args(&model, &data, &out);
    json(&args);
    args.extend(["--weight-decay", "0.5"]);
    let stderr = refused(&args);
    assert!(stderr.contains("training.weight_decay is 0.01 there but 0.5 here"), "{stderr}");
}

/// A learning rate that no model survives.
#[test]
fn a_run_that_diverges_is_a_result_with_its_step_and_exit_code_3() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let mut args = run_args(&model, &data, &out);
    let rate = args.iter().position(|arg| *arg == "3e-3").unwrap();
    args[rate] = "1e38";
    let output = bert_heal().args(&args).assert().code(3);
    let record: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(violations("run", &record), Vec::<String>::new(), "{record:#}");
    assert_eq!(record["status"]["state"], "failed");
    assert!(record["status"]["step"].as_u64().unwrap() >= 2, "{record:#}");
    assert!(record["status"]["learning_rate"].as_f64().unwrap() > 0.0);
    assert!(record["healthy"].is_null());
    assert!(out.join("state/healthy").is_dir(), "the last good state is kept");
}

#[test]
fn early_stopping_ends_a_run_that_no_longer_improves_and_keeps_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 300, 60);
    let (model, out) = (tiny_model(), folder.path().join("out"));
    let mut args = run_args(&model, &data, &out);
    let epochs = args.iter().position(|arg| *arg == "--epochs").unwrap();
    args[epochs + 1] = "40";
    args.extend(["--early-stopping", "6"]);
    let record = json(&args);
    let phase = &record["train"]["phases"][0];
    assert!(phase["epochs"].as_f64().unwrap() < 40.0, "{record:#}");
    assert!(accuracy(&record, "healthy") > 0.9, "{record:#}");
}

/// An interrupt is noticed at the end of every step: each process takes one step, saves and ends. The step in which early
/// stopping decides is among them.
#[test]
fn a_fine_tuning_interrupted_after_every_step_ends_with_the_bits_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 64, 12);
    let training = TrainingArgs {
        learning_rate: 3e-3,
        batch_size: 16,
        epochs: 12.0,
        early_stopping: Some(1),
        ..TrainingArgs::default()
    };
    let prepared = Prepared::new(RunRequest {
        model: text(&tiny_model()),
        weights: Weights::Read,
        other_classes: OtherClasses::default(),
        dataset: &DatasetRequest::new(text(&data)),
        corruption: None,
        training,
        max_length: Some(32),
        seeds: Seeds::all(3),
        device: DeviceChoice::Cpu,
        activations: Activations::Kept,
        save_steps: 1000,
        dump: None,
        models: Models::Keep,
    })
    .unwrap();
    let fine_tuned = |name: &str, interrupt: &Interrupt| {
        let mut n_processes = 0;
        loop {
            n_processes += 1;
            let out = folder.path().join(name);
            let run_dir = RunDir::open(&out, &prepared.spec, &prepared.numerics).unwrap();
            let parameters = prepared.load().unwrap();
            match fine_tune(&prepared, &run_dir, Condition::Healthy, parameters, interrupt) {
                Ok(Outcome::Done { parameters, summary }) => {
                    return (save_weights(&parameters).unwrap(), summary.steps, n_processes);
                }
                Ok(Outcome::Failed { error, .. }) => panic!("{error}"),
                Err(_) => assert!(n_processes < 200, "it does not come to its end"),
            }
        }
    };
    let (weights, n_steps, n_processes) = fine_tuned("calm", &Interrupt::default());
    assert_eq!(n_processes, 1);
    assert!(n_steps < 12 * 4, "early stopping decides in this test: {n_steps} steps");
    let interrupt = Interrupt::default();
    interrupt.request();
    let (again, n_steps_again, n_processes) = fine_tuned("disturbed", &interrupt);
    assert!(n_processes > n_steps, "{n_processes} processes for {n_steps} steps");
    assert_eq!(n_steps_again, n_steps);
    assert!(again == weights, "the weights differ");
}

/// `kill -9` at three moments, the same command each time: the weights are those of the undisturbed run, to the bit.
#[test]
fn a_run_killed_three_times_ends_with_the_bits_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 300, 60);
    let model = tiny_model();
    let args = |out: &Path, epochs: usize| -> Vec<String> {
        let mut args: Vec<String> = run_args(&model, &data, out).into_iter().map(str::to_owned).collect();
        let more = "--corrupt kaiming@bottom:0.5 --protocol finetuned --save-steps 5";
        args.extend(more.split(' ').map(str::to_owned));
        let given = args.iter().position(|arg| arg == "--epochs").unwrap();
        args[given + 1] = epochs.to_string();
        args
    };
    let run = |out: &Path, epochs: usize| json(&args(out, epochs).iter().map(String::as_str).collect::<Vec<_>>());
    let (disturbed, epochs) = long_enough(|epochs| {
        let out = folder.path().join(format!("disturbed-{epochs}/run"));
        let phase = epochs * 19;
        // In the healthy model's fine-tuning, the control's and the healing.
        let is_killed = [12, phase + phase / 3, 2 * phase + phase / 3].into_iter().all(|at| {
            let mut child = program(&args(&out, epochs)).stderr(Stdio::null()).spawn().unwrap();
            let is_there = wait_for_steps(&mut child, &out, at);
            child.kill().unwrap();
            !child.wait().unwrap().success() && is_there
        });
        is_killed.then_some((out, epochs))
    });
    let record = run(&disturbed, epochs);
    let calm = folder.path().join("calm/run");
    let expected = run(&calm, epochs);
    let n_steps = expected["train"]["steps"].as_u64().unwrap();
    for which in Condition::ALL.map(Condition::as_str) {
        let path = format!("checkpoint/{which}/model.safetensors");
        assert_eq!(hash(&disturbed.join(&path)), hash(&calm.join(&path)), "{which}");
        assert_eq!(record[which], expected[which]);
    }
    let resumed_from: Vec<u64> =
        record["train"]["resumed_from"].as_array().unwrap().iter().map(|step| step.as_u64().unwrap()).collect();
    assert!(!resumed_from.is_empty() && resumed_from.iter().all(|step| *step > 0), "{resumed_from:?}");
    assert_eq!(record["train"]["steps"], n_steps);
    assert!(record["train"]["steps_this_process"].as_u64().unwrap() < n_steps, "{record:#}");
    let lines = |out: &Path| fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    assert_eq!(lines(&disturbed), lines(&calm));
    assert_events_tell_what_the_metrics_do(&disturbed, &record);
}

/// TensorBoard's files, with every checksum right, hold each step of `metrics.jsonl` once and in order, its speed, and
/// the judgement of each model.
pub fn assert_events_tell_what_the_metrics_do(run: &Path, record: &Value) {
    let lines: Vec<MetricsLine> = metrics::read(&run.join("metrics.jsonl")).unwrap();
    for which in Condition::ALL {
        let name = which.as_str();
        if record[name].is_null() {
            assert!(tensorboard::log_path(run, which).unwrap().is_none(), "{name}");
            continue;
        }
        let path = tensorboard::log_path(run, which).unwrap().unwrap();
        let events = tensorboard::read(&path).unwrap();
        let logged = |tag: &str| -> Vec<(i64, f32)> {
            events.iter().filter_map(|event| Some((event.step, event.scalar(tag)?))).collect()
        };
        let lines: Vec<&MetricsLine> = lines.iter().filter(|line| line.phase.as_str() == name).collect();
        let expected = |of: fn(&MetricsLine) -> f64| -> Vec<(i64, f32)> {
            lines.iter().map(|line| (line.step as i64, of(line) as f32)).collect()
        };
        assert_eq!(logged(tags::LOSS), expected(|line| line.loss), "{name}");
        assert_eq!(logged(tags::ACCURACY), expected(|line| line.accuracy), "{name}");
        assert_eq!(logged(tags::LEARNING_RATE), expected(|line| line.learning_rate), "{name}");
        assert_eq!(logged(tags::GRAD_NORM), expected(|line| line.grad_norm), "{name}");
        let speeds = logged(tags::SAMPLES_PER_SEC);
        assert!(speeds.iter().all(|(_, speed)| *speed > 0.0) && speeds.len() <= lines.len(), "{name}");
        let accuracy = record[name]["accuracy"].as_f64().unwrap() as f32;
        let n_steps = lines.last().map_or(0, |line| line.step as i64);
        assert_eq!(logged(tags::FINAL_ACCURACY), [(n_steps, accuracy)], "{name}");
    }
}
