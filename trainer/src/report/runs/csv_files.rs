//! Every run, plan and claim as CSV, with all digits: what a report has no room for.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::Condition;
use shared::claims::{End, Experiment};
use shared::record::RunRecord;

use super::judged::Runs;

/// Of a record what is no key and no metric of it: lists of phases, parts and files.
const LEFT_OUT: [&str; 6] =
    ["train.phases", "train.resumed_from", "weights", "provenance", "notes", "spec.dataset.label_names"];

/// A cell.
enum Cell {
    Empty,
    Number(String),
    Text(String),
}

/// Every file by its name.
///
/// # Errors
/// Never, but for a lack of memory.
pub(in crate::report) fn csv_files(runs: &Runs) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    Ok(vec![
        ("runs.csv".to_owned(), runs_csv(&runs.records)?),
        ("plans.csv".to_owned(), plans_csv(runs)?),
        ("claims.csv".to_owned(), claims_csv(runs)?),
    ])
}

impl Cell {
    fn text(text: &(impl ToString + ?Sized)) -> Self {
        Self::Text(text.to_string())
    }

    fn number(number: impl Into<f64>) -> Self {
        let number: f64 = number.into();
        if number.is_finite() { Self::Number(number.to_string()) } else { Self::Empty }
    }

    fn count(n: usize) -> Self {
        Self::Number(n.to_string())
    }

    fn maybe(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::number)
    }

    /// What is written: a text that a spreadsheet would run as a formula begins with an apostrophe (OWASP's advice on CSV
    /// injection); numbers are numbers.
    fn written(self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Number(number) => number,
            Self::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
            Self::Text(text) => text,
        }
    }
}

fn csv(header: &[String], rows: impl IntoIterator<Item = Vec<Cell>>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        debug_assert_eq!(row.len(), header.len(), "a cell for each column");
        writer.write_record(row.into_iter().map(Cell::written))?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// A row for each run: every field of its record that is one value, by its path.
fn runs_csv(records: &[RunRecord]) -> anyhow::Result<Vec<u8>> {
    let mut columns: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let leaves = |record: &RunRecord| -> anyhow::Result<Vec<(String, Cell)>> {
        let mut leaves = Vec::new();
        flatten("", &serde_json::to_value(record)?, &mut leaves);
        Ok(leaves)
    };
    for record in records {
        for (path, _) in leaves(record)? {
            places.entry(path).or_insert_with_key(|path| {
                columns.push(path.clone());
                columns.len() - 1
            });
        }
    }
    let rows = records.iter().map(|record| {
        let mut row: Vec<Cell> = std::iter::repeat_with(|| Cell::Empty).take(columns.len()).collect();
        for (path, cell) in leaves(record).unwrap_or_default() {
            row[places[&path]] = cell;
        }
        row
    });
    csv(&columns, rows)
}

fn flatten(path: &str, value: &Value, leaves: &mut Vec<(String, Cell)>) {
    if LEFT_OUT.contains(&path) {
        return;
    }
    let cell = match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, leaves);
            }
            return;
        }
        Value::Null => Cell::Empty,
        Value::Number(number) => Cell::Number(number.to_string()),
        Value::String(text) => Cell::text(text),
        Value::Bool(_) | Value::Array(_) => Cell::text(value),
    };
    leaves.push((path.to_owned(), cell));
}

/// What an experiment is, in columns.
const SETTING: [&str; 11] = [
    "experiment",
    "model",
    "dataset",
    "protocol",
    "reference",
    "train_rows",
    "epochs",
    "max_steps",
    "learning_rate",
    "batch_size",
    "superseded",
];

fn setting(experiment: &Experiment) -> [Cell; 11] {
    let training = &experiment.training;
    [
        Cell::text(experiment.id()),
        Cell::text(&experiment.model),
        Cell::text(&experiment.dataset),
        Cell::text(experiment.protocol.as_str()),
        Cell::text(&experiment.reference),
        Cell::count(experiment.n_train_rows),
        Cell::number(training.epochs),
        training.max_steps.map_or(Cell::Empty, Cell::count),
        Cell::number(training.learning_rate),
        Cell::count(training.batch_size * training.gradient_accumulation_steps),
        Cell::text(experiment.superseded.as_deref().unwrap_or_default()),
    ]
}

fn header<'a>(more: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    SETTING.into_iter().chain(more).map(str::to_owned).collect()
}

/// A row for each plan of each experiment: means over seeds.
fn plans_csv(runs: &Runs) -> anyhow::Result<Vec<u8>> {
    let header = header([
        "plan",
        "scheme",
        "end",
        "level",
        "seeds",
        "failed",
        "healthy",
        "control",
        "corrupted",
        "healed",
        "deficit_points",
        "deficit_low",
        "deficit_high",
        "recovery",
        "kept",
        "outcome",
        "adjusted_p",
    ]);
    let rows = runs.experiments.iter().flat_map(|experiment| {
        experiment.cells.iter().map(move |cell| {
            let (damage, judged) = (cell.damage.as_ref(), experiment.recovery_of(&cell.plan));
            let mean = |which: Condition| {
                let accuracies: Option<Vec<f64>> = cell.seeds.iter().map(|seed| seed.accuracy(which)).collect();
                let accuracies = accuracies.filter(|accuracies| !accuracies.is_empty());
                Cell::maybe(accuracies.map(|accuracies| accuracies.iter().sum::<f64>() / accuracies.len() as f64))
            };
            let (deficit, interval) = experiment.deficit_points(cell).unzip();
            let interval = interval.flatten();
            let end = |damage: &shared::claims::Damage| match damage.end {
                End::Bottom => "bottom",
                End::Top => "top",
            };
            let of_plan = [
                Cell::text(&cell.plan),
                damage.map_or(Cell::Empty, |damage| Cell::text(&damage.scheme)),
                damage.map_or(Cell::Empty, |damage| Cell::text(end(damage))),
                Cell::maybe(damage.map(|damage| damage.level)),
                Cell::count(cell.seeds.len()),
                Cell::count(cell.n_failed),
                mean(Condition::Healthy),
                mean(Condition::Control),
                mean(Condition::Corrupted),
                mean(Condition::Healed),
                Cell::maybe(deficit),
                Cell::maybe(interval.map(|interval| interval.low)),
                Cell::maybe(interval.map(|interval| interval.high)),
                Cell::maybe(judged.and_then(|judged| judged.recovery)),
                Cell::maybe(judged.and_then(|judged| judged.kept)),
                judged.map_or(Cell::Empty, |judged| Cell::text(judged.outcome.as_str())),
                Cell::maybe(judged.map(|judged| judged.adjusted_p)),
            ];
            setting(&experiment.common).into_iter().chain(of_plan).collect()
        })
    });
    csv(&header, rows)
}

/// A row for each claim.
fn claims_csv(runs: &Runs) -> anyhow::Result<Vec<u8>> {
    let header = header([
        "claim",
        "family",
        "subject",
        "plan",
        "outcome",
        "effect_points",
        "interval_low",
        "interval_high",
        "margin_points",
        "pairs",
        "p",
        "adjusted_p",
        "p_floor",
        "adjusted_equivalence_p",
        "family_size",
        "failed",
        "not_finite",
        "seeds_to_decide",
        "sentence",
    ]);
    let rows = runs.judgements.iter().map(|judgement| {
        let family = match judgement.family {
            shared::claims::Family::Primary => "primary",
            shared::claims::Family::Secondary => "secondary",
        };
        let of_claim = [
            Cell::text(&judgement.claim),
            Cell::text(family),
            Cell::text(&judgement.subject),
            judgement.plan.as_ref().map_or(Cell::Empty, Cell::text),
            Cell::text(judgement.outcome.as_str()),
            Cell::maybe(judgement.effect_points),
            Cell::maybe(judgement.interval_points.map(|interval| interval.low)),
            Cell::maybe(judgement.interval_points.map(|interval| interval.high)),
            Cell::number(judgement.margin_points),
            Cell::count(judgement.n_pairs),
            Cell::number(judgement.p),
            Cell::number(judgement.adjusted_p),
            Cell::number(judgement.p_floor),
            Cell::number(judgement.adjusted_equivalence_p),
            Cell::count(judgement.family_size),
            Cell::count(judgement.n_failed),
            Cell::count(judgement.n_non_finite),
            judgement.seeds_to_decide.map_or(Cell::Empty, Cell::count),
            Cell::text(judgement),
        ];
        setting(&judgement.experiment).into_iter().chain(of_claim).collect()
    });
    csv(&header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_a_spreadsheet_would_run_are_texts_and_numbers_are_numbers() {
        let cells = ["=1+1", "+1", "-1", "@a", "\ta", "a=1"].map(Cell::text).map(Cell::written);
        assert_eq!(cells, ["'=1+1", "'+1", "'-1", "'@a", "'\ta", "a=1"]);
        assert_eq!([-0.5, f64::NAN].map(|x| Cell::number(x).written()), ["-0.5", ""]);
        let file = csv(&["a".into(), "b".into()], [vec![Cell::text("x,\"y\""), Cell::Empty]]).unwrap();
        assert_eq!(String::from_utf8(file).unwrap(), "a,b\n\"x,\"\"y\"\"\",\n");
    }

    #[test]
    fn a_record_is_flattened_to_one_value_a_column() {
        let value = serde_json::json!({
            "run_id": "-1", "notes": ["a"], "spec": {"seeds": {"head": 3}}, "healed": {"accuracy": 0.5, "loss": null}
        });
        let mut leaves = Vec::new();
        flatten("", &value, &mut leaves);
        let leaves: Vec<(String, String)> = leaves.into_iter().map(|(path, cell)| (path, cell.written())).collect();
        let expected = [("run_id", "'-1"), ("spec.seeds.head", "3"), ("healed.accuracy", "0.5"), ("healed.loss", "")];
        assert_eq!(leaves, expected.map(|(path, cell)| (path.to_owned(), cell.to_owned())));
    }
}
