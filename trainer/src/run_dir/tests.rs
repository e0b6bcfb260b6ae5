//! What survives of a run's folder, and who may use it.

use super::*;
use crate::exit_code::{ExitCode, exit_code_of};
use shared::Condition;
use shared::model::Architecture;
use shared::record::{
    DatasetSpec, Environment, Hashes, ModelSpec, Provenance, ReportSplit, ResultHashes, RunStatus, Seeds, SplitRows,
    TrainSummary,
};
use shared::training::{Precision, TrainingArgs};

fn spec() -> RunSpec {
    let model = ModelSpec {
        name: "tiny".into(),
        architecture: Architecture::Bert,
        config_sha256: "c0".into(),
        tokenizer_sha256: "70".into(),
        weights_sha256: None,
        random: true,
        head: None,
    };
    let dataset = DatasetSpec {
        name: "toy".into(),
        content_sha256: "d4".into(),
        n_labels: 2,
        label_names: vec!["a".into(), "b".into()],
        rows: SplitRows { train: 10, validation: 0, test: 5 },
        n_bad_rows_skipped: 0,
    };
    RunSpec::new(model, dataset, None, TrainingArgs::default(), Seeds::all(0), ReportSplit::Test)
}

fn numerics() -> Numerics {
    let [device_kind, instruction_set, kernels] = ["cpu", "avx512", "fused"].map(str::to_owned);
    Numerics { device_kind, instruction_set, kernels, dtype: Precision::F32 }
}

/// A finished run of [`spec`] without figures.
pub(crate) fn record() -> RunRecord {
    let (version, commit, device) = ("0.1.0".into(), "unknown".into(), "cpu".into());
    RunRecord {
        run_id: spec().id(),
        spec: spec(),
        status: RunStatus::Ok,
        healthy: None,
        control: None,
        corrupted: None,
        healed: None,
        recovery: None,
        deficit: None,
        against_healthy: None,
        train: TrainSummary::from_phases(Vec::new()),
        corruption: None,
        hashes: Hashes { weights: None, data: "d4".into(), checkpoints: ResultHashes::default() },
        weights: None,
        peak_rss_mib: None,
        numerics: Some(numerics()),
        environment: Environment { version, commit, device, dtype: Precision::F32, threads: Some(2) },
        notes: Vec::new(),
        provenance: Provenance::default(),
    }
}

fn refusal(result: anyhow::Result<RunDir>) -> String {
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!(exit_code_of(&error), ExitCode::BadInput);
    format!("{error:#}")
}

#[test]
fn a_folder_of_another_spec_is_refused_with_the_field_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let run_dir = RunDir::open(&out, &spec(), &numerics()).unwrap();
    run_dir.write_json("resolved.json", &1).unwrap();
    drop(run_dir);

    let mut other = spec();
    other.training.learning_rate = 1e-4;
    let before = fs::read(out.join(SPEC)).unwrap();
    let message = refusal(RunDir::open(&out, &other, &numerics()));
    assert!(message.contains("training.learning_rate is 5e-5 there but 0.0001 here"), "{message}");
    assert!(message.starts_with(&out.display().to_string()), "{message}");
    assert_eq!(fs::read(out.join(SPEC)).unwrap(), before);
    assert!(out.join("resolved.json").exists());
    RunDir::open(&out, &spec(), &numerics()).unwrap();
}

#[test]
fn a_second_user_of_a_folder_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let first = RunDir::open(&out, &spec(), &numerics()).unwrap();
    let message = refusal(RunDir::open(&out, &spec(), &numerics()));
    assert!(message.contains(&format!("pid {}", std::process::id())), "{message}");
    drop(first);
    RunDir::open(&out, &spec(), &numerics()).unwrap();
}

#[test]
fn a_run_that_wrote_nothing_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunDir::open(&folder.path().join("runs/abc"), &spec(), &numerics()).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // A folder that was there before stays, empty.
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    drop(RunDir::open(&empty, &spec(), &numerics()).unwrap());
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

#[test]
fn a_run_that_wrote_something_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let run_dir = RunDir::open(&out, &spec(), &numerics()).unwrap();
    run_dir.states().save("healthy", 50, &["weights"], |_| Ok(b"w".to_vec())).unwrap();
    drop(run_dir);
    assert!(is_run_dir(&out));
    let run_dir = RunDir::open(&out, &spec(), &numerics()).unwrap();
    assert_eq!(run_dir.states().latest("healthy").unwrap().unwrap().step, 50);
}

#[test]
fn a_folder_with_other_files_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
    let message = refusal(RunDir::open(folder.path(), &spec(), &numerics()));
    assert!(message.contains("thesis.tex"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_checkpoint_is_where_the_layout_says() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = RunDir::open(&folder.path().join("run"), &spec(), &numerics()).unwrap();
    run_dir.write_checkpoint(Condition::Healed, &[("config.json", b"{}")]).unwrap();
    assert_eq!(fs::read(run_dir.path().join("checkpoint/healed/config.json")).unwrap(), b"{}");
    assert!(run_dir.predictions_path("healed").ends_with("run/predictions/healed.jsonl.zst"));
}

#[test]
fn a_run_without_a_record_is_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_record(folder.path()).unwrap().is_none());
    fs::write(folder.path().join(RECORD), "{}").unwrap();
    let error = format!("{:#}", read_record(folder.path()).unwrap_err());
    assert!(error.contains("run.json is not a record that this version can read"), "{error}");
}

#[test]
fn an_unfinished_run_goes_on_only_with_the_numerics_it_was_begun_with() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let run_dir = RunDir::open(&out, &spec(), &numerics()).unwrap();
    run_dir.write_json("resolved.json", &1).unwrap();
    drop(run_dir);
    let other = Numerics { instruction_set: "gemm-avx2".into(), ..numerics() };
    let message = refusal(RunDir::open(&out, &spec(), &other));
    assert!(message.contains("instruction set is avx512 there but gemm-avx2 here"), "{message}");
    // A finished one may be looked at anywhere.
    RunDir::open(&out, &spec(), &numerics()).unwrap().write_record(&record()).unwrap();
    RunDir::open(&out, &spec(), &other).unwrap();
}

#[test]
fn a_lock_whose_file_was_removed_while_another_process_opened_it_is_taken_anew() {
    let folder = tempfile::tempdir().unwrap();
    // As the first process does it in the end: it removes the file it holds, and lets go.
    let first = lock(folder.path()).unwrap();
    let path = folder.path().join(LOCK);
    let opened_before = File::options().read(true).write(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    drop(first);
    // A second one makes a new file and holds it; a third cannot get in by the file that has no name any more.
    let second = lock(folder.path()).unwrap();
    opened_before.try_lock().unwrap();
    assert!(lock(folder.path()).is_err());
    drop(second);
    lock(folder.path()).unwrap();
}
