//! The JSON that others rely on has a JSON Schema each, and what the program writes is valid by it.

use jsonschema::Validator;
use serde_json::{Value, json};
use shared::Condition;
use shared::evaluation::Metrics;
use shared::inspection::{Part, WeightDistance};
use shared::model::Architecture;
use shared::record::{
    CorruptionSummary, DatasetSpec, Environment, Hashes, ModelResult, ModelSpec, Numerics, PhaseSummary, Protocol,
    Provenance, ReportSplit, ResultHashes, RunRecord, RunSpec, RunStatus, Seeds, Source, SourceFile, SourceKind,
    SplitRows, TextPrediction, TrainSummary, WeightsReturned,
};
use shared::statistics::{Deficit, Interval, Recovery};
use shared::training::{Precision, TrainingArgs};

fn validator(name: &str) -> Validator {
    let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the schema is committed");
    let schema: Value = serde_json::from_slice(&bytes).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every way in which `value` is not what the schema called `name` says.
pub(crate) fn violations(name: &str, value: &Value) -> Vec<String> {
    let validator = validator(name);
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn environment() -> Environment {
    let (version, commit, device) = ("0.1.0".into(), "68afa02b5b92".into(), "cpu".into());
    Environment { version, commit, device, dtype: Precision::F32, threads: Some(2) }
}

fn result(which: &str, accuracy: f64) -> ModelResult {
    let predictions = format!("predictions/{which}.jsonl.zst");
    ModelResult {
        metrics: Metrics {
            accuracy,
            macro_f1: accuracy - 0.02,
            loss: Some(0.31),
            expected_calibration_error: None,
            n: 500,
            n_non_finite: 0,
            n_saturated: 0,
            largest_class_share: Some(0.25),
        },
        predictions,
    }
}

fn phase(phase: Condition) -> PhaseSummary {
    PhaseSummary {
        phase,
        steps: 513,
        steps_this_process: 213,
        epochs: 3.0,
        secs: Some(260.5),
        samples: 16_356,
        tokens: 220_000,
        loss_first: Some(1.8),
        loss_last: Some(0.1),
        resumed_from: vec![150, 300],
        reused_from: None,
    }
}

pub(crate) fn record() -> RunRecord {
    let model = ModelSpec {
        name: "all-MiniLM-L6-v2".into(),
        architecture: Architecture::Bert,
        config_sha256: "c0".repeat(32),
        tokenizer_sha256: "70".repeat(32),
        weights_sha256: Some("a1".repeat(32)),
        random: false,
        head: None,
    };
    let dataset = DatasetSpec {
        name: "trec6".into(),
        content_sha256: "d4".repeat(32),
        n_labels: 6,
        label_names: ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"].map(str::to_owned).to_vec(),
        rows: SplitRows { train: 5452, validation: 0, test: 500 },
        n_bad_rows_skipped: 0,
    };
    let corruption = Some((Protocol::Pretrained, "kaiming@bottom:0.5".into()));
    let spec = RunSpec::new(model, dataset, corruption, TrainingArgs::default(), Seeds::all(0), ReportSplit::Test);
    let interval = |low, high| Interval { low, high, level: 0.95 };
    RunRecord {
        run_id: spec.id(),
        status: RunStatus::Ok,
        healthy: Some(result("healthy", 0.968)),
        control: None,
        corrupted: Some(result("corrupted", 0.17)),
        healed: Some(result("healed", 0.95)),
        recovery: Some(Recovery {
            value: Some(0.977),
            interval: Some(interval(0.95, 1.0)),
            reference: Condition::Healthy,
            note: Some("the corrupted model has an untrained head".into()),
        }),
        deficit: Some(Deficit { points: 1.8, interval: interval(0.2, 3.4), reference: Condition::Healthy }),
        against_healthy: None,
        train: TrainSummary::from_phases(vec![phase(Condition::Healthy), phase(Condition::Healed)]),
        corruption: Some(CorruptionSummary {
            n_tensors: 48,
            n_elements_changed: 5_000_000,
            n_non_finite: 0,
            norm_before: 80.0,
            norm_after: 110.0,
        }),
        hashes: Hashes {
            weights: Some("a1".repeat(32)),
            data: "d4".repeat(32),
            checkpoints: ResultHashes { healthy: Some("11".repeat(32)), ..ResultHashes::default() },
        },
        provenance: Provenance {
            model: Some(Source {
                kind: SourceKind::Hub,
                id: "sentence-transformers/all-MiniLM-L6-v2".into(),
                revision: Some("1a".repeat(20)),
                files: vec![SourceFile { name: "config.json".into(), size_bytes: 612, sha256: "c0".repeat(32) }],
            }),
            dataset: None,
        },
        weights: Some(WeightsReturned {
            corrupted: vec![WeightDistance { part: Part::Layer(0), relative: Some(1.4), cosine: Some(0.01) }],
            healed: Some(vec![WeightDistance { part: Part::Head, relative: None, cosine: None }]),
        }),
        peak_rss_mib: Some(912.5),
        numerics: Some(Numerics {
            device_kind: "cpu".into(),
            instruction_set: "avx512".into(),
            kernels: "fused".into(),
            dtype: Precision::F32,
        }),
        environment: environment(),
        notes: vec!["The classifier is new.".into()],
        spec,
    }
}

/// The first of the runs that the page brought before there was a control: it opens, and is not one of today's.
#[test]
fn a_record_of_schema_1_opens_and_is_superseded() {
    let mut old = serde_json::to_value(record()).unwrap();
    for (section, fields) in [
        ("", &["control", "numerics", "against_healthy"][..]),
        ("/healthy", &["n_saturated", "largest_class_share"]),
        ("/deficit", &["reference"]),
        ("/recovery", &["reference"]),
        ("/spec/dataset", &["label_names"]),
        ("/spec/seeds", &["split"]),
    ] {
        let object = old.pointer_mut(section).unwrap().as_object_mut().unwrap();
        for field in fields {
            object.shift_remove(*field);
        }
    }
    old["spec"]["schema"] = json!(1);
    old["spec"]["numerics_version"] = json!(4);
    let opened: RunRecord = serde_json::from_value(old).unwrap();
    assert!(opened.is_superseded() && !record().is_superseded());
    assert_eq!(opened.deficit.unwrap().reference, Condition::Healthy);
    assert_eq!(opened.healthy.unwrap().metrics.largest_class_share, None);
}

#[test]
fn the_schema_of_a_run_refuses_what_is_missing_unknown_or_out_of_range() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 5] = [
        ("deficit", |run| {
            run.as_object_mut().unwrap().shift_remove("deficit");
        }),
        ("extra", |run| run["train"]["extra"] = json!(1)),
        ("/healthy", |run| run["healthy"]["accuracy"] = json!(96.8)),
        ("/train/resumed_from", |run| run["train"]["resumed_from"] = json!("150")),
        ("/run_id", |run| run["run_id"] = json!("short")),
    ];
    for (named, change) in changes {
        let mut value = serde_json::to_value(record()).unwrap();
        change(&mut value);
        let violations = violations("run", &value);
        assert!(violations.iter().any(|violation| violation.contains(named)), "{named}: {violations:?}");
    }
}

/// What models say is checked where commands print it; a model that is not finite is rare.
#[test]
fn a_prediction_that_is_not_finite_is_valid_and_one_without_a_label_is_not() {
    let not_finite = TextPrediction {
        model: None,
        text: "Who wrote Hamlet?".into(),
        text_pair: Some("Shakespeare did.".into()),
        label: None,
        label_id: None,
        probabilities: vec![f32::NAN; 4],
        logits: vec![f32::NAN, 0.5, 0.5, 0.5],
    };
    assert_eq!(violations("predict", &serde_json::to_value([not_finite]).unwrap()), Vec::<String>::new());
    assert!(!violations("predict", &json!([{ "text": "no label" }])).is_empty());
    assert!(!violations("bench-train", &json!({ "train": {} })).is_empty());
}
