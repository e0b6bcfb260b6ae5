use super::*;
use crate::Condition;
use crate::claims::{self, ClaimsFile, Judgement, Run, judge};
use crate::figure::Chart;
use crate::record::{Numerics, Protocol, ReportSplit, RunSpec, RunStatus};
use crate::training::Precision;

mod predicted;
mod topics;

/// A finished run, its control as good as the healthy model; accuracies in whole percent of 1,000 rows.
fn record(plan: &str, seed: u64, [healthy, corrupted, healed]: [usize; 3]) -> RunRecord {
    let right = [healthy, healthy, corrupted, healed].map(|percent| 10 * percent);
    claims::tests::record(Protocol::Finetuned, plan, seed, right)
}

/// The experiments of records, judged by the usual claims.
fn experiments(records: &[RunRecord]) -> Vec<Experiment> {
    let runs: Vec<Run> = records.iter().filter_map(Run::from_record).collect();
    super::experiments(&runs, &judge(&ClaimsFile::default(), &runs).unwrap())
}

fn statements(experiment: &Experiment) -> Vec<String> {
    experiment.judgements.iter().map(Judgement::to_string).collect()
}

fn records(n_seeds: u64) -> Vec<RunRecord> {
    (0..n_seeds)
        .flat_map(|seed| {
            let jitter = (seed % 2) as usize;
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

#[test]
fn results_are_read_once_each_and_what_is_wrong_is_named_by_its_line() {
    let records = records(2);
    let text = format!("{}{{\"some\":\"thing\"}}\n{}{{\"run_id\":", lines(&records), lines(&records[..1]));
    let results = Results::read(text.as_bytes());
    assert_eq!(results.records, records);
    let [Problem::NoRecord { line: 7, reason }, twice, torn] = results.problems.as_slice() else {
        panic!("{:?}", results.problems)
    };
    assert!(reason.contains("unknown field `some`"), "{reason}");
    assert_eq!(*twice, Problem::Twice { line: 8, run_id: records[0].run_id.clone() });
    assert_eq!(*torn, Problem::Torn { line: 9 });
    assert_eq!(Results::read(b""), Results::default());
    // One that was written whole, to its line feed, is not torn but wrong.
    assert!(matches!(Results::read(b"{\"run_id\":\n").problems.as_slice(), [Problem::NoRecord { line: 1, .. }]));
}

#[test]
fn what_may_be_said_is_the_rule_of_the_library_and_counts_the_claims() {
    let experiment = |n_seeds| experiments(&records(n_seeds)).remove(0);
    let verdicts = |n_seeds| -> Vec<String> {
        let experiment = experiment(n_seeds);
        experiment.cells.iter().map(|cell| tables::verdict(&experiment, &cell.plan)).collect()
    };
    // Six pairs carry one claim, and there are three plans; eight carry six. The last one's deficits are 1 and 0 points in
    // turn: too few signs.
    assert_eq!(verdicts(6), ["undecided"; 3]);
    assert_eq!(verdicts(8), ["worse", "worse", "undecided"]);
    let sentences = statements(&experiment(8));
    assert!(sentences.iter().any(|said| said.contains("bottom") && said.contains("worse")), "{sentences:?}");
}

#[test]
fn charts_hold_the_records_means_and_their_numbers_of_seeds() {
    let experiments = experiments(&records(4));
    assert_eq!((experiments.len(), experiments[0].cells.len()), (1, 3));
    let figures = figures(&experiments[0]);
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    let id = &experiments[0].common.id()[..6];
    let expected = ["level-bottom-tiny-toy-kaiming", "level-top-tiny-toy-kaiming", "deficit-tiny-toy"];
    assert_eq!(ids, expected.map(|name| format!("{name}-{id}")));
    let Chart::Lines(bottom) = &figures[0].chart else { panic!("a line chart") };
    let labels: Vec<&str> = bottom.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["healthy", "control", "corrupted", "healed"]);
    let healed = &bottom.series[3].points[0];
    assert_eq!((bottom.series[3].label.as_str(), healed.x, healed.n), ("healed", 0.5, Some(4)));
    assert!((healed.y - 0.805).abs() < 1e-12);
    assert_eq!(runs_table(&experiments[0]).rows.len(), 12);
    let plans = plans_table(&experiments[0]).rows;
    assert_eq!(plans.len(), 3);
    let expected = ["kaiming@bottom:0.5", "4", "0", "90.0 %", "90.0 %", "50.0 %", "80.5 %", "9.5 (8.6 to 10.4)"];
    let expected = expected.into_iter().chain(["76.2 %", "89.4 %", "undecided"]);
    assert_eq!(plans[1], expected.collect::<Vec<_>>());
}

#[test]
fn runs_that_differ_in_their_recipe_are_not_pooled_and_failed_ones_are_counted() {
    let mut records = records(1);
    records[1].spec.training.learning_rate = 1e-4;
    records[2].healed = None;
    let experiments = experiments(&records);
    assert_eq!(experiments.len(), 2);
    assert_eq!(experiments.iter().flat_map(|experiment| &experiment.cells).map(|cell| cell.n_failed).sum::<usize>(), 1);
}

#[test]
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
        assert!(experiments.iter().all(|one| tables::verdict(one, &one.cells[0].plan) == "undecided"));
        assert!(!differences_from_first(&experiments)[1].is_empty(), "and the field is named");
    }
    // A name is what somebody calls a dataset, and a seed is no setting.
    let mut records: Vec<RunRecord> = (0..2).map(|seed| record("kaiming@all", seed, [90, 50, 80])).collect();
    records[1].spec.dataset.name = "a copy of it".into();
    records[1].spec.seeds.split = crate::random::Seed(7);
    assert_eq!(experiments(&records).len(), 1);
}

#[test]
fn deficits_are_against_the_control_and_tables_and_charts_say_so() {
    let mut records = records(6);
    for record in &mut records {
        // Fine-tuned once more without damage, the healthy model gets 95 % right.
        record.control.as_mut().unwrap().metrics.accuracy = 0.95;
    }
    let experiment = &experiments(&records)[0];
    assert_eq!(experiment.common.reference, Condition::Control);
    let bitflip = &experiment.cells[0].seeds[0];
    assert!((bitflip.deficit() - 10.0).abs() < 1e-9, "{bitflip:?}");
    assert_eq!(runs_table(experiment).header[4], "control");
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

#[test]
fn a_run_that_broke_off_before_its_control_counts_beside_its_siblings() {
    let mut records: Vec<RunRecord> = (0..3).map(|seed| record("kaiming@all", seed, [90, 50, 80])).collect();
    (records[2].control, records[2].healed) = (None, None);
    let experiments = experiments(&records);
    assert_eq!((experiments.len(), experiments[0].cells[0].seeds.len(), experiments[0].cells[0].n_failed), (1, 2, 1));
}

#[test]
fn runs_of_the_page_have_no_control_are_held_against_the_healthy_model_and_never_pooled_with_others() {
    let mut records: Vec<RunRecord> = (0..5).map(|seed| record("kaiming@all", seed, [90, 50, 80])).collect();
    for record in &mut records[2..] {
        record.control = None;
        if let Some(numerics) = &mut record.numerics {
            "wasm-simd128".clone_into(&mut numerics.instruction_set);
        }
    }
    let reason = "the loss is NaN".to_owned();
    records[4].status = RunStatus::Failed { phase: Condition::Healed, step: 3, learning_rate: 0.1, reason };
    records[4].healed = None;
    let experiments = experiments(&records);
    let mut found: Vec<(Condition, usize, usize)> =
        experiments.iter().map(|one| (one.common.reference, one.cells[0].seeds.len(), one.cells[0].n_failed)).collect();
    found.sort();
    assert_eq!(found, [(Condition::Healthy, 3, 1), (Condition::Control, 2, 0)]);
    let budgets: Vec<bool> = experiments.iter().map(|one| one.common.budget().contains(" twice")).collect();
    assert_eq!(budgets.iter().filter(|twice| **twice).count(), 1, "the page does not know the first fine-tuning");
}

#[test]
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

#[test]
fn the_records_that_come_with_the_page_open_and_are_whole() {
    let results = Results::read(include_bytes!("../../../web/assets/results.jsonl"));
    assert_eq!((results.problems.as_slice(), results.records.len()), ([].as_slice(), 36));
    let experiments = experiments(&results.records);
    assert_eq!(experiments.len(), 1);
    assert!(experiments[0].cells.iter().all(|cell| cell.seeds.len() == 6), "{experiments:?}");
    let common = &experiments[0].common;
    assert_eq!((common.superseded.as_deref(), common.reference), (None, Condition::Control));
    // Six pairs carry one claim; here are six plans, so nothing is decided, which is what the page says.
    assert!(statements(&experiments[0]).iter().all(|said| said.contains("undecided")));
}

#[test]
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
    let differences = &differences_from_first(&experiments)[1];
    assert!(differences.iter().any(|field| field.path == "numerics.instruction_set"), "{differences:?}");
    // Of the damage at the top five seeds are here and one is there; the others have all six.
    let of_top =
        experiments.iter().flat_map(|one| &one.judgements).filter(|judgement| judgement.subject.contains("top"));
    let n_pairs: Vec<usize> = of_top.map(|judgement| judgement.n_pairs).collect();
    assert!(!n_pairs.is_empty() && n_pairs.iter().all(|n| *n < 6), "{n_pairs:?}");
}
