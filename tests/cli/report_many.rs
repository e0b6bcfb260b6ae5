//! The report of very many runs: that it stays small and quick, and says what it leaves out.

use std::fs;
use std::time::{Duration, Instant};

use integration_tests::synthetic::{Design, lines, plans};
use shared::record::RunRecord;

use crate::bert_heal;
use crate::fixture::{json, text};

/// 100 plans × 10 seeds on 8 datasets, and label budgets whose experiments hold one seed each.
fn ten_thousand() -> Vec<RunRecord> {
    let datasets = vec!["sst2", "imdb", "ag-news", "emotion", "dbpedia-14", "topics", "trec6", "rotten"];
    let levels: Vec<f64> = (1..=50).map(|i| 0.02 * f64::from(i)).map(|level| (100.0 * level).round() / 100.0).collect();
    let wide = Design { datasets, plans: plans(&levels), n_seeds: 10, ..Design::default() };
    let labels = Design {
        models: vec!["mini"],
        plans: plans(&[0.25, 0.5, 0.75, 1.0]),
        train_rows: vec![250, 500, 1_000, 2_500, 5_000],
        n_seeds: 50,
        ..Design::default()
    };
    let mut records = wide.records();
    records.extend(labels.records());
    records
}

/// Measured on 2026-11-29 with the dev profile on two cores under five times their load: 10,000 such records of 4.5 kB in 840
/// experiments took 8.7 s of processor time (30 s on the clock) and 231 MiB.
const MOST: Duration = Duration::from_mins(1);

#[test]
fn ten_thousand_records_are_reported_in_a_moment_and_what_is_left_out_is_said() {
    let records = ten_thousand();
    assert_eq!(records.len(), 10_000);
    let folder = tempfile::tempdir().unwrap();
    // A folder with the file at its top is read as the file is.
    let written = lines(&records);
    assert!(
        (2_000..5_000).contains(&(written.len() / records.len())),
        "{} bytes a record",
        written.len() / records.len()
    );
    fs::write(folder.path().join("results.jsonl"), written).unwrap();
    let start = Instant::now();
    bert_heal().args(["report", text(folder.path())]).assert().success();
    let took = start.elapsed();
    eprintln!("10,000 records: {took:.1?}");
    assert!(took < MOST, "{took:?}");

    let out = folder.path().join("report");
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.len() < 12 << 20, "{} bytes", page.len());
    assert!(page.contains("10000 runs in 209 experiments"), "{}", &page[..4_000.min(page.len())]);
    for said in [
        "claims.csv has these and",
        "Shown are the 12 experiments with the most runs",
        "more rows are in the CSV files",
    ] {
        assert!(page.contains(said), "the page does not say {said}");
    }
    let n_lines = |name: &str| fs::read_to_string(out.join(name)).unwrap().lines().count();
    assert_eq!(n_lines("runs.csv"), 10_001);
    assert!(n_lines("plans.csv") > 800 && n_lines("claims.csv") > 800);
}

#[test]
fn files_of_a_report_have_every_number_and_are_the_same_when_made_again() {
    let mut design = Design { datasets: vec!["sst2", "trec6"], plans: plans(&[0.5, 1.0]), ..Design::default() };
    design.epochs = vec![1.0, 3.0];
    let mut records = design.records();
    // A name that a spreadsheet would run.
    for record in &mut records {
        record.spec.dataset.name = format!("=cmd({})", record.spec.dataset.name);
    }
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results.jsonl");
    fs::write(&results, lines(&records)).unwrap();
    let report = |out: &str| {
        let out = folder.path().join(out);
        json(&["report", text(&results), "--json", "--out", text(&out)]);
        out
    };
    let (first, second) = (report("first"), report("second"));
    for name in
        ["index.html", "report.md", "runs.csv", "plans.csv", "claims.csv", "plots/heat-1.svg", "plots/iqm-1.svg"]
    {
        assert!(fs::read(first.join(name)).unwrap() == fs::read(second.join(name)).unwrap(), "{name} differs");
    }
    let mut reader = csv::Reader::from_path(first.join("runs.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
    for (row, record) in reader.records().map(Result::unwrap).zip(&records) {
        assert_eq!(row[at("run_id")], *record.run_id.as_str());
        assert_eq!(row[at("spec.dataset.name")], format!("'{}", record.spec.dataset.name));
        let accuracy = record.control.as_ref().unwrap().metrics.accuracy;
        assert_eq!(row[at("control.accuracy")].parse::<f64>().unwrap(), accuracy);
    }
    let mut reader = csv::Reader::from_path(first.join("plans.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
    let plans: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    // Two datasets, two budgets, two ends, two levels.
    assert_eq!(plans.len(), 16);
    for row in &plans {
        let number = |name: &str| row[at(name)].parse::<f64>().unwrap();
        let deficit = 100.0 * (number("control") - number("healed"));
        assert!(number("failed") > 0.0 || (number("deficit_points") - deficit).abs() < 1e-9, "{row:?}");
        assert!(row[at("dataset")].starts_with("'=cmd("));
    }
}
