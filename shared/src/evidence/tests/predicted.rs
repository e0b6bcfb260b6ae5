//! Topics that need what models said of each row.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::topics::words;
use super::*;
use crate::evaluation::CompactPredictions;
use crate::statistics::Method;

const N: usize = 1_000;

/// A run whose undamaged and healed models are wrong on the given rows alone.
fn run(
    seed: u64,
    undamaged_wrong: &[usize],
    healed_wrong: &[usize],
    rows: &Arc<[EvaluatedRow]>,
) -> (RunRecord, RowPredictions) {
    let right = [N - undamaged_wrong.len(), N - undamaged_wrong.len(), 500, N - healed_wrong.len()];
    let mut record = claims::tests::record(Protocol::Finetuned, "kaiming@bottom:0.5", seed, right);
    record.healed.as_mut().unwrap().metrics.expected_calibration_error = Some(0.01 * (1 + seed) as f64);
    let predictions = |wrong: &[usize]| {
        let classes = (0..N).map(|row| Some(u32::from(wrong.contains(&row)))).collect();
        Arc::new(CompactPredictions { classes, confidences: vec![255; N] })
    };
    let half: Vec<usize> = (500..N).collect();
    let by_condition = BTreeMap::from([
        (Condition::Healthy, predictions(undamaged_wrong)),
        (Condition::Control, predictions(undamaged_wrong)),
        (Condition::Corrupted, predictions(&half)),
        (Condition::Healed, predictions(healed_wrong)),
    ]);
    let run_id = record.run_id.clone();
    (record, RowPredictions { run_id, rows: Arc::clone(rows), by_condition })
}

fn rows() -> Arc<[EvaluatedRow]> {
    (0..N)
        .map(|row| EvaluatedRow { row_hash: row.to_string(), label: 0, text: Some(format!("sentence {row}")) })
        .collect()
}

/// Rows 0 and 1 are lost by two seeds of three and by all; row 2 is gained; row 3 is lost by one seed only.
fn three_seeds() -> (Vec<RunRecord>, Vec<RowPredictions>) {
    let rows = rows();
    [run(0, &[2], &[0, 1], &rows), run(1, &[2], &[0, 1, 3], &rows), run(2, &[2], &[1], &rows)].into_iter().unzip()
}

fn judged(records: &[RunRecord], predictions: &[RowPredictions]) -> Vec<Experiment> {
    let runs = Run::from_records(records).into_iter().zip(predictions);
    let runs: Vec<Run> = runs.map(|(run, rows)| rows.add_to(run).unwrap()).collect();
    super::super::experiments(&runs, &judge(&ClaimsFile::default(), &runs).unwrap())
}

#[test]
fn sentences_are_counted_by_the_majority_of_seeds() {
    let (records, predictions) = three_seeds();
    let topic = sentences_topic(&records, &predictions, &judged(&records, &predictions)).unwrap();
    let Piece::Table { caption, table } = &topic.pieces[1] else { panic!("a table") };
    let expected = [
        ["control", "sentence 1", "bad", "3 of 3", "0 of 3", "good"],
        ["control", "sentence 0", "bad", "3 of 3", "1 of 3", "good (2 of 3)"],
        ["healed", "sentence 2", "bad", "0 of 3", "3 of 3", "bad"],
    ];
    assert_eq!(table.rows, expected);
    assert!(
        caption.contains("2 rows are right in most of 3 seeds of the control alone, 1 in most seeds of the healed")
    );
    assert_eq!(sentences_topic(&records, &[], &experiments(&records)), None);
}

#[test]
fn compact_predictions_give_intervals_over_rows_and_contradictions_are_refused() {
    let (records, predictions) = three_seeds();
    let experiments = judged(&records, &predictions);
    assert!(experiments[0].judgements.iter().all(|judgement| judgement.interval_method == Some(Method::Crossed)));
    let mut wrong = predictions[0].clone();
    Arc::make_mut(wrong.by_condition.get_mut(&Condition::Healed).unwrap()).classes[7] = None;
    let run = Run::from_record(&records[0]).unwrap();
    let error = wrong.add_to(run).unwrap_err().to_string();
    assert!(error.contains("997 right of 1000 predictions"), "{error}");
}

#[test]
fn calibration_errors_are_means_over_seeds_and_diagrams_need_predictions() {
    let (records, predictions) = three_seeds();
    let topic = calibration_topic(&records, &predictions, &judged(&records, &predictions)).unwrap();
    let Piece::Table { table, .. } = &topic.pieces[1] else { panic!("a table") };
    // Errors of 1, 2 and 3 %: Student's interval is 2 ± 4.303·1/√3.
    assert_eq!(table.rows[0], ["kaiming@bottom:0.5", "3", "–", "–", "–", "2.0 % (0.0 % to 4.5 %)"]);
    let Piece::Figures(figures) = &topic.pieces[2] else { panic!("charts") };
    let Chart::Lines(chart) = &figures[0].chart else { panic!("a line chart") };
    let labels: Vec<&str> = chart.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["control", "corrupted", "healed"]);
    // All are quite sure: one bin, with the accuracy as its height.
    let point = chart.series[2].points[0];
    assert_eq!((chart.series[2].points.len(), point.x, point.n), (1, 1.0, Some(3_000)));
    assert!((point.y - (0.998 + 0.997 + 0.999) / 3.0).abs() < 1e-12);
    let alone = calibration_topic(&records, &[], &experiments(&records)).unwrap();
    assert!(alone.pieces.iter().all(|piece| !matches!(piece, Piece::Figures(_))), "{}", words(&alone));
}
