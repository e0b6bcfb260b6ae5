use super::*;
use shared::Condition;
use shared::figure::Chart;
use shared::model::Architecture;
use shared::record::{
    DatasetSpec, Environment, Hashes, ModelResult, ModelSpec, Numerics, Protocol, Provenance, ReportSplit,
    ResultHashes, RunSpec, Seeds, SplitRows, TrainSummary,
};
use shared::training::{Precision, TrainingArgs};
use wasm_bindgen_test::wasm_bindgen_test;

/// A finished run; accuracies in whole percent of 1,000 rows.
fn record(plan: &str, seed: u64, [healthy, corrupted, healed]: [u32; 3]) -> RunRecord {
    let model = ModelSpec {
        name: "tiny".into(),
        architecture: Architecture::Bert,
        config_sha256: "c0".into(),
        tokenizer_sha256: "70".into(),
        weights_sha256: None,
        random: true,
    };
    let dataset = DatasetSpec {
        name: "toy".into(),
        content_sha256: "d4".into(),
        n_labels: 2,
        label_names: vec!["bad".into(), "good".into()],
        rows: SplitRows { train: 10, validation: 0, test: 1000 },
        n_bad_rows_skipped: 0,
    };
    let corruption = Some((Protocol::Finetuned, plan.to_owned()));
    let spec = RunSpec::new(model, dataset, corruption, TrainingArgs::default(), Seeds::all(seed), ReportSplit::Test);
    let result = |percent: u32| {
        let accuracy = f64::from(percent) / 100.0;
        Some(ModelResult {
            accuracy,
            macro_f1: accuracy,
            loss: 0.5,
            n: 1000,
            n_non_finite: 0,
            n_saturated: 0,
            largest_class_share: None,
            predictions: "p".into(),
        })
    };
    let (version, commit, device) = ("0.1.0".into(), "unknown".into(), "cpu".into());
    RunRecord {
        run_id: spec.id(),
        spec,
        status: RunStatus::Ok,
        healthy: result(healthy),
        // As good as the healthy one, unless a test says otherwise.
        control: result(healthy),
        corrupted: result(corrupted),
        healed: result(healed),
        recovery: None,
        deficit: None,
        against_healthy: None,
        train: TrainSummary::from_phases(Vec::new()),
        corruption: None,
        hashes: Hashes { weights: None, data: "d4".into(), checkpoints: ResultHashes::default() },
        peak_rss_mib: None,
        numerics: None,
        environment: Environment { version, commit, device, dtype: Precision::F32, threads: 2 },
        notes: Vec::new(),
        provenance: Provenance::default(),
    }
}

fn records(n_seeds: u64) -> Vec<RunRecord> {
    (0..n_seeds)
        .flat_map(|seed| {
            let jitter = (seed % 2) as u32;
            [
                record("kaiming@bottom:0.5", seed, [90, 50, 80 + jitter]),
                record("kaiming@top:0.5", seed, [90, 50, 89 + jitter]),
                record("bitflip:0.001@all", seed, [90, 40, 85]),
            ]
        })
        .collect()
}

fn lines(records: &[RunRecord]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

#[wasm_bindgen_test]
fn results_are_read_once_each_and_what_is_wrong_is_named_by_its_line() {
    let records = records(2);
    let text = format!("{}{{\"some\":\"thing\"}}\n{}{{\"run_id\":", lines(&records), lines(&records[..1]));
    let evidence = Evidence::read("results.jsonl", text.as_bytes());
    assert_eq!(evidence.records, records);
    let starts = ["Line 7 of results.jsonl is no record", "Line 8: run ", "Line 9, the last one, is torn"];
    assert_eq!(evidence.problems.len(), 3, "{:?}", evidence.problems);
    for (problem, start) in evidence.problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
    assert_eq!(Evidence::read("empty", b""), Evidence::default());
}

#[wasm_bindgen_test]
fn what_may_be_said_is_the_rule_of_the_library_and_counts_the_claims() {
    let experiment = |n_seeds| experiments(&records(n_seeds)).remove(0);
    let verdicts = |n_seeds| -> Vec<String> {
        let experiment = experiment(n_seeds);
        experiment.cells.iter().map(|cell| table::verdict(&experiment, &cell.plan)).collect()
    };
    // Six pairs carry one claim, and there are three plans; eight carry six. The last one's deficits are 1 and 0 points in
    // turn: too few signs.
    assert_eq!(verdicts(6), ["undecided"; 3]);
    assert_eq!(verdicts(8), ["worse", "worse", "undecided"]);
    let records = records(8);
    let runs: Vec<_> = records.iter().filter_map(shared::statistics::claims::Run::from_record).collect();
    let judged = shared::statistics::claims::judge(&shared::statistics::claims::ClaimsFile::default(), &runs).unwrap();
    let sentences: Vec<String> = judged.iter().map(ToString::to_string).collect();
    assert_eq!(statements(&experiment(8)), sentences, "the sentences of `bert-heal report`");
    assert!(sentences.iter().any(|said| said.contains("bottom") && said.contains("worse")), "{sentences:?}");
}

#[wasm_bindgen_test]
fn charts_hold_the_records_means_and_their_numbers_of_seeds() {
    let experiments = experiments(&records(4));
    assert_eq!((experiments.len(), experiments[0].cells.len()), (1, 3));
    let figures = figures(&experiments[0]);
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(ids, ["level-bottom-tiny-toy-kaiming", "level-top-tiny-toy-kaiming", "deficit-tiny-toy"]);
    let Chart::Lines(bottom) = &figures[0].chart else { panic!("a line chart") };
    let labels: Vec<&str> = bottom.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["healthy", "control", "corrupted", "healed"]);
    let healed = &bottom.series[3].points[0];
    assert_eq!((bottom.series[3].label.as_str(), healed.x, healed.n), ("healed", 0.5, Some(4)));
    assert!((healed.y - 0.805).abs() < 1e-12);
    assert_eq!(runs_table(&experiments[0]).rows.len(), 12);
}

#[wasm_bindgen_test]
fn runs_that_differ_in_their_recipe_are_not_pooled_and_failed_ones_are_counted() {
    let mut records = records(1);
    records[1].spec.training.learning_rate = 1e-4;
    records[2].healed = None;
    let experiments = experiments(&records);
    assert_eq!(experiments.len(), 2);
    assert_eq!(experiments.iter().flat_map(|experiment| &experiment.cells).map(|cell| cell.n_failed).sum::<usize>(), 1);
}

#[wasm_bindgen_test]
fn runs_of_other_rows_or_another_reading_of_them_are_not_pooled() {
    let changes: [fn(&mut RunSpec); 7] = [
        |spec| spec.dataset.rows.train = 100,
        |spec| spec.dataset.content_sha256 = "d5".into(),
        |spec| spec.dataset.label_names.reverse(),
        |spec| spec.report_split = ReportSplit::Validation,
        |spec| spec.model.tokenizer_sha256 = "71".into(),
        |spec| spec.model.config_sha256 = "c1".into(),
        |spec| spec.training.max_length = 32,
    ];
    for change in changes {
        // Three seeds of one setting and three of another: never six of one.
        let mut records: Vec<RunRecord> = (0..6).map(|seed| record("kaiming@all", seed, [90, 50, 80])).collect();
        assert_eq!(experiments(&records)[0].cells[0].seeds.len(), 6);
        for record in &mut records[3..] {
            change(&mut record.spec);
        }
        let experiments = experiments(&records);
        let sizes: Vec<usize> = experiments.iter().map(|experiment| experiment.cells[0].seeds.len()).collect();
        assert_eq!(sizes, [3, 3]);
        assert!(experiments.iter().all(|one| table::verdict(one, &one.cells[0].plan) == "undecided"));
        assert!(!experiments[1].differences(&experiments[0]).is_empty(), "and the field is named");
    }
    // A name is what somebody calls a dataset, and a seed is no setting.
    let mut records: Vec<RunRecord> = (0..2).map(|seed| record("kaiming@all", seed, [90, 50, 80])).collect();
    records[1].spec.dataset.name = "a copy of it".into();
    records[1].spec.seeds.split = shared::seed::Seed(7);
    assert_eq!(experiments(&records).len(), 1);
}

#[wasm_bindgen_test]
fn deficits_are_against_the_control_and_tables_and_charts_say_so() {
    let mut records = records(6);
    for record in &mut records {
        // Fine-tuned once more without damage, the healthy model gets 95 % right.
        record.control.as_mut().unwrap().accuracy = 0.95;
    }
    let experiment = &experiments(&records)[0];
    assert_eq!(experiment.common.reference, Condition::Control);
    let bitflip = &experiment.cells[0].seeds[0];
    assert!((bitflip.deficit() - 10.0).abs() < 1e-9, "{bitflip:?}");
    assert_eq!(runs_table(experiment).header[3], "control");
    let Chart::Intervals(deficits) = &figures(experiment)[2].chart else { panic!("an interval chart") };
    assert_eq!(deficits.axis.label, "deficit against the control, percentage points");

    // Under `pretrained` healthy and healed have the same budget.
    for record in &mut records {
        (record.spec.protocol, record.control) = (Protocol::Pretrained, None);
    }
    let experiment = &experiments(&records)[0];
    assert_eq!(experiment.common.reference, Condition::Healthy);
    assert!((experiment.cells[0].seeds[0].deficit() - 5.0).abs() < 1e-9);
}

#[wasm_bindgen_test]
fn a_run_that_broke_off_before_its_control_counts_beside_its_siblings() {
    let mut records: Vec<RunRecord> = (0..3).map(|seed| record("kaiming@all", seed, [90, 50, 80])).collect();
    (records[2].control, records[2].healed) = (None, None);
    let experiments = experiments(&records);
    assert_eq!((experiments.len(), experiments[0].cells[0].seeds.len(), experiments[0].cells[0].n_failed), (1, 2, 1));
}

#[wasm_bindgen_test]
fn superseded_runs_stand_apart_from_those_of_today() {
    let mut records = records(6);
    for record in records.iter_mut().filter(|record| record.spec.seeds.data.0 < 3) {
        record.spec.numerics_version = 4;
    }
    let experiments = experiments(&records);
    let marks: Vec<Option<&str>> =
        experiments.iter().map(|experiment| experiment.common.superseded.as_deref()).collect();
    assert_eq!(marks, [None, Some("superseded (numerics 4)")]);
    assert!(experiments.iter().flat_map(|experiment| &experiment.cells).all(|cell| cell.seeds.len() == 3));
}

#[wasm_bindgen_test]
fn the_records_that_come_with_the_page_open_and_are_whole() {
    let evidence = Evidence::read("results.jsonl", include_bytes!("../../assets/results.jsonl"));
    assert_eq!((evidence.problems.as_slice(), evidence.records.len()), ([].as_slice(), 12));
    let experiments = experiments(&evidence.records);
    assert_eq!(experiments.len(), 1);
    assert!(experiments[0].cells.iter().all(|cell| cell.seeds.len() == 6), "{experiments:?}");
    let common = &experiments[0].common;
    assert_eq!((common.superseded.as_deref(), common.reference), (None, Condition::Control));
    // Six pairs carry one claim; here are two plans, so nothing is decided, which is what the page says.
    assert!(statements(&experiments[0]).iter().any(|said| said.contains("undecided")));
}

#[wasm_bindgen_test]
fn runs_that_another_arithmetic_computed_make_no_pair() {
    let numerics = |set: &str| Numerics {
        device_kind: "cpu".into(),
        instruction_set: set.into(),
        kernels: "fused".into(),
        dtype: Precision::F32,
    };
    let mut records = records(6);
    for record in &mut records {
        let is_top = record.spec.corruption.as_deref() == Some("kaiming@top:0.5");
        let is_other = is_top && record.spec.seeds.data.0 == 5;
        record.numerics = Some(numerics(if is_other { "gemm-avx2" } else { "avx512" }));
    }
    let experiments = experiments(&records);
    assert_eq!(experiments.len(), 2);
    let differences = experiments[1].differences(&experiments[0]);
    assert!(differences.iter().any(|field| field.contains("numerics.instruction_set")), "{differences:?}");
    // Of the damage at the top five seeds are here and one is there; the others have all six.
    let of_top =
        experiments.iter().flat_map(|one| &one.judgements).filter(|judgement| judgement.subject.contains("top"));
    let n_pairs: Vec<usize> = of_top.map(|judgement| judgement.n_pairs).collect();
    assert!(!n_pairs.is_empty() && n_pairs.iter().all(|n| *n < 6), "{n_pairs:?}");
}
