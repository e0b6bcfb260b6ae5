//! Topics that need nothing but records, with numbers that can be had by hand.

use super::*;
use crate::figure::Figure;
use crate::inspection::{Part, WeightDistance};
use crate::record::{RunStatus, WeightsReturned};

fn figures_of(topic: &Topic) -> Vec<&Figure> {
    let figures =
        topic.pieces.iter().filter_map(|piece| if let Piece::Figures(figures) = piece { Some(figures) } else { None });
    figures.flatten().collect()
}

fn tables(topic: &Topic) -> Vec<&crate::figure::DataTable> {
    topic
        .pieces
        .iter()
        .filter_map(|piece| if let Piece::Table { table, .. } = piece { Some(table) } else { None })
        .collect()
}

pub(super) fn words(topic: &Topic) -> String {
    let of = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Table { caption, .. } => caption.clone(),
        Piece::Figures(_) => String::new(),
    };
    topic.pieces.iter().map(of).collect::<Vec<_>>().join("\n")
}

fn points(figure: &Figure, series: usize) -> Vec<(f64, f64, Option<u64>)> {
    let Chart::Lines(chart) = &figure.chart else { panic!("a line chart") };
    chart.series[series].points.iter().map(|point| (point.x, point.y, point.n)).collect()
}

fn of_epochs(epochs: f64, healed: usize) -> Vec<RunRecord> {
    let record = |seed| {
        let mut record = record("kaiming@bottom:0.5", seed, [90, 50, healed]);
        record.spec.training.epochs = epochs;
        record.run_id = record.spec.id();
        record
    };
    (0..3).map(record).collect()
}

#[test]
fn budgets_stand_side_by_side_and_one_alone_is_no_curve() {
    let mut records = of_epochs(6.0, 88);
    assert_eq!(budget_topic(&experiments(&records)), None);
    records.extend(of_epochs(1.0, 70));
    let topic = budget_topic(&experiments(&records)).unwrap();
    let figures = figures_of(&topic);
    assert_eq!(
        figures.iter().map(|figure| figure.id.as_str()).collect::<Vec<_>>(),
        ["budget-deficit-1", "budget-recovery-1"]
    );
    let deficits = points(figures[0], 0);
    assert_eq!(
        deficits.iter().map(|(epochs, _, n)| (*epochs, *n)).collect::<Vec<_>>(),
        [(1.0, Some(3)), (6.0, Some(3))]
    );
    assert!((deficits[0].1 - 20.0).abs() < 1e-9 && (deficits[1].1 - 2.0).abs() < 1e-9, "{deficits:?}");
    // 20 of the 40 points that were lost came back, and 38 of them.
    let recoveries = points(figures[1], 0);
    assert!((recoveries[0].1 - 0.5).abs() < 1e-9 && (recoveries[1].1 - 0.95).abs() < 1e-9, "{recoveries:?}");
    let row = &tables(&topic)[0].rows[0];
    assert_eq!(row[..3], ["kaiming@bottom:0.5", "1", "3"]);
    // Steps are another unit than epochs, and another learning rate another experiment.
    for record in &mut records[..3] {
        record.spec.training.max_steps = Some(100);
    }
    assert_eq!(budget_topic(&experiments(&records)), None);
    for record in &mut records[..3] {
        (record.spec.training.max_steps, record.spec.training.learning_rate) = (None, 1e-4);
    }
    assert_eq!(budget_topic(&experiments(&records)), None);
}

/// Undamaged and healed accuracies in percent after training on `n_train` rows; a limit draws other rows for each seed.
fn of_rows(n_train: usize, undamaged: usize, healed: usize) -> Vec<RunRecord> {
    let record = |seed| {
        let mut record = record("kaiming@bottom:0.5", seed, [undamaged, 40, healed]);
        record.spec.dataset.rows.train = n_train;
        record.spec.dataset.content_sha256 = format!("{n_train} {seed}");
        record.run_id = record.spec.id();
        record
    };
    (0..4).map(record).collect()
}

#[test]
fn damage_is_worth_the_labels_that_an_undamaged_model_would_not_need() {
    let mut records = of_rows(100, 60, 50);
    assert_eq!(labels_topic(&experiments(&records)), None);
    records.extend(of_rows(1_000, 80, 65));
    records.extend(of_rows(10_000, 90, 70));
    // Twelve experiments of one seed each, for the rows differ; here they make up one curve.
    let experiments = experiments(&records);
    assert_eq!(experiments.len(), 12);
    let topic = labels_topic(&experiments).unwrap();
    // 70 % lies half-way between 60 % at 100 rows and 80 % at 1,000: √(100·1000) = 316 rows.
    let row = &tables(&topic)[0].rows[0];
    let expected = ["kaiming@bottom:0.5", "4", "10,000", "70.0 %", "316 rows", "316 rows", "9,684 of 10,000"];
    assert_eq!(row[..], expected);
    let figure = figures_of(&topic)[0];
    assert_eq!(points(figure, 0), [(100.0, 0.6, Some(4)), (1_000.0, 0.8, Some(4)), (10_000.0, 0.9, Some(4))]);
    assert_eq!(points(figure, 1).last(), Some(&(10_000.0, 0.7, Some(4))));
    // Better than all that was measured of undamaged models: no number is made up.
    let mut better = of_rows(100, 60, 50);
    better.extend(of_rows(1_000, 80, 95));
    let topic = labels_topic(&super::experiments(&better)).unwrap();
    assert!(tables(&topic)[0].rows[0][6].contains("outside the measured range"));
    // Other datasets' rows are no points of a curve.
    for record in &mut better[..4] {
        record.spec.dataset.name = "another".into();
    }
    assert_eq!(labels_topic(&super::experiments(&better)), None);
}

fn with_weights(seed: u64, after: f64) -> RunRecord {
    let mut record = record("kaiming@bottom:0.5", seed, [90, 50, 86]);
    let parts = |damaged: f64| {
        let of = |part, relative: f64, cosine| WeightDistance { part, relative: Some(relative), cosine: Some(cosine) };
        vec![
            of(Part::Embeddings, 0.0, 1.0),
            of(Part::Layer(0), damaged, 0.0),
            of(Part::Layer(1), 0.25, 1.0),
            of(Part::Head, 0.125, 1.0),
        ]
    };
    record.weights = Some(WeightsReturned { corrupted: parts(2.0), healed: Some(parts(after)) });
    record
}

#[test]
fn weights_are_said_to_move_back_or_away_over_the_damaged_layers() {
    let topic_of = |after: [f64; 3]| {
        let records: Vec<RunRecord> = (0..3).zip(after).map(|(seed, after)| with_weights(seed, after)).collect();
        weights_topic(&records, &experiments(&records)).unwrap()
    };
    let back = topic_of([1.5, 1.5, 1.5]);
    let expected = "kaiming@bottom:0.5, in the damaged layer 0: healing moved the weights back, by 25.0 % of the way: the \
                    distance from the control was 2.000 (2.000 to 2.000) before healing and 1.500 (1.500 to 1.500) after \
                    it (3 seeds); of the lost accuracy 90.0 % came back.";
    assert!(words(&back).contains(expected), "{}", words(&back));
    assert!(words(&topic_of([2.5, 2.5, 2.5])).contains("even farther"));
    // As far, once nearer and once farther: nothing may be said.
    assert!(words(&topic_of([2.0, 1.0, 3.0])).contains("undecided"));
    // A right angle, and the second layer of the chart is the undamaged one.
    assert!(tables(&back)[0].rows[0][5].starts_with("90.0"), "{:?}", tables(&back)[0].rows);
    assert_eq!(points(figures_of(&back)[0], 1), [(0.0, 1.5, Some(3)), (1.0, 0.25, Some(3))]);
    assert_eq!(tables(&back)[1].rows.len(), 4, "every part is in the table");
    let without: Vec<RunRecord> = records(3);
    assert_eq!(weights_topic(&without, &experiments(&without)), None);
}

/// Six seeds on each of two datasets; on the second the damage at half of the layers is worse.
fn two_datasets() -> Vec<RunRecord> {
    let of = |dataset: &str, plan: &str, healed: usize| -> Vec<RunRecord> {
        let record = |seed| {
            let mut record = record(plan, seed, [90, 50, healed]);
            (record.spec.dataset.name, record.spec.dataset.content_sha256) = (dataset.into(), dataset.into());
            record.run_id = record.spec.id();
            record
        };
        (0..6).map(record).collect()
    };
    [of("a", "kaiming@bottom:0.5", 86), of("a", "kaiming@bottom:1", 82), of("b", "kaiming@bottom:0.5", 70)].concat()
}

#[test]
fn datasets_stand_side_by_side_by_level_with_seeds_and_verdicts() {
    let records = two_datasets();
    let topic = datasets_topic(&experiments(&records)).unwrap();
    let figures = figures_of(&topic);
    assert_eq!(figures[0].id, "heat-1");
    let table = figures[0].chart.table();
    assert_eq!(table.header[1..], ["50 %", "100 %"]);
    // Three claims on six pairs each: too few to decide any.
    assert_eq!(table.rows[0], ["a", "4.0 (6 seeds, undecided)", "8.0 (6 seeds, undecided)"]);
    assert_eq!(table.rows[1], ["b", "20.0 (6 seeds, undecided)", "–"]);
    // Fewer training rows of a dataset are another experiment, and no second row.
    let mut more = records.clone();
    for record in records.iter().filter(|record| record.spec.dataset.name == "a") {
        let mut record = record.clone();
        record.spec.dataset.rows.train = 100;
        more.push(record);
    }
    let topic = datasets_topic(&experiments(&more)).unwrap();
    assert!(
        words(&topic).contains("One experiment with fewer training rows or seeds is left out."),
        "{}",
        words(&topic)
    );
    assert_eq!(figures_of(&topic)[0].chart.table(), table);
}

#[test]
fn means_over_datasets_need_two_of_them_and_leave_out_a_quarter_at_either_end() {
    let records = two_datasets();
    let topic = datasets_topic(&experiments(&records)).unwrap();
    // Recovered: 36 of 40 points on a and 20 of 40 on b, six seeds each; the middle half has three of either.
    let rows = &tables(&topic)[0].rows;
    assert_eq!(rows.len(), 1, "only one plan is on both");
    assert_eq!(rows[0], ["kaiming@bottom:0.5", "2", "12", "70.0 %", "70.0 % to 70.0 %", "70.0 %"]);
    let profile = figures_of(&topic).into_iter().find(|figure| figure.id.starts_with("profile")).unwrap();
    let points = points(profile, 0);
    let at = |threshold: f64| points.iter().find(|point| point.0 > threshold).unwrap().1;
    assert_eq!((at(0.45), at(0.55), at(0.95)), (1.0, 0.5, 0.0));
    // One seed on each dataset says nothing about others.
    let single: Vec<RunRecord> = records.iter().filter(|record| record.spec.seeds.data.0 == 0).cloned().collect();
    let topic = datasets_topic(&experiments(&single)).unwrap();
    assert_eq!(tables(&topic)[0].rows[0][4], "–");
    let profile = figures_of(&topic).into_iter().find(|figure| figure.id.starts_with("profile")).unwrap();
    let Chart::Lines(chart) = &profile.chart else { panic!("a profile is a line chart") };
    assert!(chart.series[0].points.iter().all(|point| point.interval.is_none()));
    let one: Vec<RunRecord> = records.into_iter().filter(|record| record.spec.dataset.name == "a").collect();
    let topic = datasets_topic(&experiments(&one)).unwrap();
    assert!(tables(&topic).is_empty() && figures_of(&topic).len() == 1);
}

#[test]
fn fine_tunings_that_broke_off_are_listed_with_their_rate_and_a_shared_one_counts_once() {
    let mut records = records(3);
    // A healthy model, a control and three healings for each seed.
    assert!(words(&failed_topic(&records).unwrap()).contains("0 of 15 fine-tunings broke off"));
    let fails = |record: &mut RunRecord, phase| {
        record.status = RunStatus::Failed { phase, step: 7, learning_rate: 1e-3, reason: "loss is NaN".to_owned() };
    };
    fails(&mut records[1], Condition::Healed);
    let topic = failed_topic(&records).unwrap();
    // Wilson's interval of 1 of 15 by its closed formula: 1.2 % to 29.8 %.
    let expected = "1 of 15 fine-tunings broke off: 6.7 % (95 % Wilson interval 1.2 % to 29.8 %;";
    assert!(words(&topic).contains(expected), "{}", words(&topic));
    let row = &tables(&topic)[0].rows[0];
    assert_eq!(row[2..], ["kaiming@top:0.5", "0, 0, 0", "healed", "7", "1e-3", "loss is NaN"]);
    // All three runs of the second seed miss their control: one failure, and three healings that were not begun.
    records[3..6].iter_mut().for_each(|record| fails(record, Condition::Control));
    let topic = failed_topic(&records).unwrap();
    assert!(words(&topic).contains("2 of 12 fine-tunings broke off"), "{}", words(&topic));
    assert_eq!(tables(&topic)[0].rows.len(), 4);
    assert_eq!(failed_topic(&[]), None);
}

#[test]
fn provenance_counts_what_made_the_records_and_names_their_hash() {
    let mut records = records(2);
    records[0].environment.commit = "abc".into();
    let topic = provenance_topic(&records).unwrap();
    let facts = tables(&topic)[0];
    let of = |value: &str| facts.rows.iter().find(|row| row[1].contains(value)).unwrap()[2].clone();
    assert_eq!((of("commit abc"), of("commit unknown"), of("ok")), ("1".into(), "5".into(), "6".into()));
    let hash = |records: &[RunRecord]| {
        words(&provenance_topic(records).unwrap()).split("is ").nth(1).unwrap()[..64].to_owned()
    };
    let first = hash(&records);
    records.reverse();
    assert_eq!(hash(&records), first, "the order of lines does not matter");
    records[0].environment.commit = "def".into();
    assert_ne!(hash(&records), first);
    // Rows that a limit drew by seed are counted, not listed.
    records[1].hashes.data = "d5".into();
    let topic = provenance_topic(&records).unwrap();
    assert!(tables(&topic)[2].rows[0][1].starts_with("2 different"), "{:?}", tables(&topic)[2].rows);
    assert_eq!(provenance_topic(&[]), None);
}

#[test]
fn the_largest_experiments_are_named_in_their_order() {
    let mut records = of_epochs(1.0, 70);
    records.truncate(2);
    records.extend(of_epochs(2.0, 70));
    records.extend(of_epochs(3.0, 70).into_iter().take(1));
    let experiments = experiments(&records);
    let sizes = |most| -> Vec<usize> {
        largest(&experiments, most).into_iter().map(|experiment| experiment.cells[0].seeds.len()).collect()
    };
    assert_eq!(sizes(9).len(), 3);
    let mut two = sizes(2);
    two.sort_unstable();
    assert_eq!(two, [2, 3]);
}
