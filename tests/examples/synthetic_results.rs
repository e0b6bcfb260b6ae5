//! Writes a `results.jsonl` of runs that never were, to look at their report:
//! `cargo run --example synthetic_results > results.jsonl`.

use integration_tests::synthetic::{Design, lines, plans};
use shared::record::Protocol;

fn main() {
    let several = Design { datasets: vec!["sst2", "trec6", "ag-news", "emotion"], n_seeds: 8, ..Design::default() };
    let budgets =
        Design { datasets: vec!["sst2"], plans: plans(&[0.5]), epochs: vec![1.0, 6.0], n_seeds: 8, ..several.clone() };
    let labels = Design {
        datasets: vec!["sst2"],
        plans: plans(&[0.5, 1.0]),
        train_rows: vec![250, 500, 1_000, 2_500, 5_000],
        n_seeds: 8,
        ..several.clone()
    };
    let pretrained = Design {
        protocol: Protocol::Pretrained,
        datasets: vec!["sst2", "trec6"],
        plans: plans(&[0.25, 0.5]),
        ..several.clone()
    };
    let mut records: Vec<_> = [several, budgets, labels, pretrained].iter().flat_map(Design::records).collect();
    let mut seen = std::collections::BTreeSet::new();
    records.retain(|record| seen.insert(record.run_id.clone()));
    print!("{}", lines(&records));
}
