use super::*;
use shared::figure::Chart;
use shared::model::Architecture;
use shared::record::{
    DatasetSpec, Environment, Hashes, ModelResult, ModelSpec, Protocol, Provenance, ReportSplit, ResultHashes, RunSpec,
    Seeds, SplitRows, TrainSummary,
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
        rows: SplitRows { train: 10, validation: 0, test: 1000 },
        n_bad_rows_skipped: 0,
    };
    let corruption = Some((Protocol::Finetuned, plan.to_owned()));
    let spec = RunSpec::new(model, dataset, corruption, TrainingArgs::default(), Seeds::all(seed), ReportSplit::Test);
    let result = |percent: u32| {
        let accuracy = f64::from(percent) / 100.0;
        Some(ModelResult { accuracy, macro_f1: accuracy, loss: 0.5, n: 1000, n_non_finite: 0, predictions: "p".into() })
    };
    let (version, commit, device) = ("0.1.0".into(), "unknown".into(), "cpu".into());
    RunRecord {
        run_id: spec.id(),
        spec,
        status: RunStatus::Ok,
        healthy: result(healthy),
        corrupted: result(corrupted),
        healed: result(healed),
        recovery: None,
        deficit: None,
        train: TrainSummary::from_phases(Vec::new()),
        corruption: None,
        hashes: Hashes { weights: None, data: "d4".into(), checkpoints: ResultHashes::default() },
        peak_rss_mib: None,
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
fn fewer_than_six_seeds_are_undecided_and_six_may_decide() {
    let verdicts =
        |n_seeds| -> Vec<&'static str> { experiments(&records(n_seeds))[0].cells.iter().map(table::verdict).collect() };
    assert_eq!(verdicts(5), ["undecided"; 3]);
    // In the order of the plans: bitflip, bottom, top. The last one's deficits are 1 and 0 points in turn: too wide.
    assert_eq!(verdicts(6), ["does not fully recover", "does not fully recover", "undecided"]);
    let said = |n_seeds| statements(&experiments(&records(n_seeds))[0]).join(" ");
    assert!(said(5).contains("9.0 points more behind than at the top over 5 pairs of seeds: undecided"), "{}", said(5));
    assert!(said(6).ends_with("over 6 pairs of seeds (exact sign-flip test, p = 0.031)."), "{}", said(6));
}

#[wasm_bindgen_test]
fn charts_hold_the_records_means_and_their_numbers_of_seeds() {
    let experiments = experiments(&records(4));
    assert_eq!((experiments.len(), experiments[0].cells.len()), (1, 3));
    let figures = figures(&experiments[0]);
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(ids, ["level-bottom-tiny-toy-kaiming", "level-top-tiny-toy-kaiming", "deficit-tiny-toy"]);
    let Chart::Lines(bottom) = &figures[0].chart else { panic!("a line chart") };
    let healed = &bottom.series[2].points[0];
    assert_eq!((bottom.series[2].label.as_str(), healed.x, healed.n), ("healed", 0.5, Some(4)));
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
