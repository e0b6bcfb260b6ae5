//! What stands in event files, also after a kill.

use super::*;
use shared::Condition;
use shared::evaluation::Metrics;

fn line(step: usize) -> MetricsLine {
    MetricsLine {
        phase: Condition::Healed,
        step,
        epoch: 0.5,
        loss: 1.0 / step as f64,
        accuracy: 0.25,
        learning_rate: 1e-5,
        grad_norm: 2.5,
        samples: 32,
        tokens: 400,
    }
}

fn lines(n: usize) -> Vec<MetricsLine> {
    (1..=n).map(line).collect()
}

fn result(accuracy: f64) -> ModelResult {
    ModelResult {
        metrics: Metrics {
            accuracy,
            macro_f1: 0.5,
            loss: Some(0.25),
            expected_calibration_error: None,
            n: 10,
            n_non_finite: 0,
            n_saturated: 0,
            largest_class_share: None,
        },
        predictions: String::new(),
    }
}

fn path(run: &Path) -> PathBuf {
    log_path(run, Condition::Healed).unwrap().unwrap()
}

/// Steps and one of their numbers.
fn numbers(run: &Path, tag: &str) -> Vec<(i64, f32)> {
    read(&path(run)).unwrap().iter().filter_map(|event| Some((event.step, event.scalar(tag)?))).collect()
}

/// Written by tensorboard 2.21: `RecordWriter(file).write(Event(wall_time=1.5, step=7, summary=Summary(value=[
/// Summary.Value(tag="train/loss", simple_value=0.25)])).SerializeToString())`.
const WRITTEN_BY_TENSORBOARD: &str =
    "200000000000000029eda95009000000000000f83f10072a130a110a0a747261696e2f6c6f7373150000803ef4985d1a";

#[test]
fn a_record_has_the_bytes_that_tensorboard_writes() {
    let what = What::Summary(Summary { values: vec![Value::scalar(tags::LOSS, 0.25)] });
    let event = Event { wall_time: 1.5, step: 7, what: Some(what) };
    assert_eq!(hex::encode(event::encode(&event)), WRITTEN_BY_TENSORBOARD);
    let bytes = hex::decode(WRITTEN_BY_TENSORBOARD).unwrap();
    assert_eq!(event::decode_until_broken(&bytes), (vec![event], &[][..]));
}

#[test]
fn a_flipped_bit_or_a_missing_byte_is_noticed() {
    let bytes = hex::decode(WRITTEN_BY_TENSORBOARD).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert_eq!(event::decode_until_broken(&flipped), (vec![], &flipped[..]), "byte {at}");
        assert_eq!(event::decode_until_broken(&bytes[..at]), (vec![], &bytes[..at]), "{at} bytes");
    }
}

#[test]
fn a_resumed_log_has_each_step_once_with_its_first_time_and_speed() {
    let run = tempfile::tempdir().unwrap();
    let mut log = EventLog::start(run.path(), Condition::Healed, "{}", &[]).unwrap();
    for line in lines(5) {
        log.append_step(&line, 0.5).unwrap();
    }
    drop(log);
    let before = read(&path(run.path())).unwrap();
    // A killed process leaves half an entry.
    let mut torn = fs::read(path(run.path())).unwrap();
    torn.truncate(torn.len() - 3);
    fs::write(path(run.path()), &torn).unwrap();
    assert!(read(&path(run.path())).unwrap_err().to_string().contains("cut off or damaged"));

    let mut log = EventLog::start(run.path(), Condition::Healed, "{}", &lines(3)).unwrap();
    log.append_step(&line(4), 0.25).unwrap();
    let expected = [(1, 1.0), (2, 0.5), (3, 1.0 / 3.0), (4, 0.25)];
    assert_eq!(numbers(run.path(), tags::LOSS), expected);
    assert_eq!(numbers(run.path(), tags::SAMPLES_PER_SEC), [(1, 64.0), (2, 64.0), (3, 64.0), (4, 128.0)]);
    let after = read(&path(run.path())).unwrap();
    assert_eq!(after[..6], before[..6], "what was kept, with its times");
    assert_eq!(
        fs::read_dir(folder(run.path(), Condition::Healed)).unwrap().count(),
        1,
        "the file that is watched stays"
    );
    // Not a byte of a whole entry was taken back: whoever reads the file goes on where they were.
    let bytes = fs::read(path(run.path())).unwrap();
    let (events, rest) = event::decode_until_broken(&torn);
    assert_eq!(events.len(), 7, "the head and steps 1 to 4: the fifth was torn");
    assert!(bytes.starts_with(&torn[..torn.len() - rest.len()]));
}

#[test]
fn steps_that_the_log_lost_or_tells_otherwise_come_from_the_metrics() {
    let run = tempfile::tempdir().unwrap();
    let mut log = EventLog::start(run.path(), Condition::Healed, "{}", &[]).unwrap();
    log.append_step(&MetricsLine { loss: 9.0, ..line(1) }, 0.5).unwrap();
    drop(log);
    EventLog::start(run.path(), Condition::Healed, "{}", &lines(2)).unwrap();
    assert_eq!(numbers(run.path(), tags::LOSS), [(1, 1.0), (2, 0.5)]);
    assert_eq!(numbers(run.path(), tags::SAMPLES_PER_SEC), [], "a speed is not made up");
}

#[test]
fn the_judgement_is_written_once_even_after_a_torn_entry() {
    let run = tempfile::tempdir().unwrap();
    let mut log = EventLog::start(run.path(), Condition::Healed, "{}", &[]).unwrap();
    log.append_step(&line(1), 0.5).unwrap();
    log.file.write_all(&[1, 2, 3]).unwrap();
    drop(log);
    for _ in 0..2 {
        append_evaluation(run.path(), Condition::Healed, "{}", 1, &result(0.75)).unwrap();
    }
    assert_eq!(numbers(run.path(), tags::FINAL_ACCURACY), [(1, 0.75)]);
    assert_eq!(numbers(run.path(), tags::LOSS), [(1, 1.0)]);
}

#[test]
fn a_model_without_a_fine_tuning_has_a_log_too() {
    let run = tempfile::tempdir().unwrap();
    append_evaluation(run.path(), Condition::Corrupted, "{}", 0, &result(0.25)).unwrap();
    let path = log_path(run.path(), Condition::Corrupted).unwrap().unwrap();
    let events = read(&path).unwrap();
    assert_eq!(events[0].what, Some(What::FileVersion(FILE_VERSION.into())));
    assert_eq!(events.last().unwrap().scalar(tags::FINAL_MACRO_F1), Some(0.5));
    assert_eq!(log_path(run.path(), Condition::Healed).unwrap(), None);
}
