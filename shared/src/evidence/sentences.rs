//! Sentences that only one of the two models gets right, counted over seeds.

use std::collections::BTreeMap;

use super::rows::{EvaluatedRow, RowPredictions};
use super::topic::{Piece, Topic};
use super::{Cell, Experiment};
use crate::Condition;
use crate::figure::DataTable;
use crate::record::{RunId, RunRecord};

/// Sentences of each kind; a table of a plan has twice as many rows.
const MAX_SENTENCES: usize = 10;

/// Plans whose sentences are shown.
const MAX_PLANS: usize = 12;

/// Characters shown of a sentence.
const MAX_CHARS: usize = 240;

/// In how many seeds a row is right.
struct Counted<'a> {
    row: &'a EvaluatedRow,
    undamaged: usize,
    healed: usize,
    /// How often the healed model said each class.
    said: BTreeMap<Option<u32>, usize>,
}

/// Rows that most seeds of the undamaged model get right and most seeds of the healed one get wrong, and the reverse; none
/// where no predictions were kept.
#[must_use]
pub fn sentences_topic(
    records: &[RunRecord],
    predictions: &[RowPredictions],
    experiments: &[Experiment],
) -> Option<Topic> {
    let by_id: BTreeMap<&RunId, &RowPredictions> = predictions.iter().map(|of| (&of.run_id, of)).collect();
    let names: BTreeMap<&RunId, &[String]> =
        records.iter().map(|record| (&record.run_id, record.spec.dataset.label_names.as_slice())).collect();
    let mut pieces = Vec::new();
    let mut n_more = 0;
    for experiment in experiments.iter().filter(|experiment| experiment.common.superseded.is_none()) {
        for cell in &experiment.cells {
            let Some((table, n_seeds, totals)) = of_cell(experiment, cell, &by_id, &names) else { continue };
            if pieces.len() == MAX_PLANS {
                n_more += 1;
                continue;
            }
            let caption = format!(
                "{}, {}: {} rows are right in most of {n_seeds} seeds of the {} alone, {} in most seeds of the healed model \
                 alone; at most {MAX_SENTENCES} of each, those with the most seeds first.",
                experiment.common, cell.plan, totals[0], experiment.common.reference, totals[1]
            );
            pieces.push(Piece::Table { caption, table });
        }
    }
    if n_more > 0 {
        pieces.push(Piece::Text(format!("The first {MAX_PLANS} plans are shown, {n_more} more are left out.")));
    }
    let introduction = "A sentence counts as right or wrong by the majority of seeds, so one seed's luck decides nothing \
                        when there are several.";
    Topic::new("sentences", "Sentences that only one model gets right", introduction.to_owned(), pieces)
}

/// The table, the number of seeds, and how many rows there are of each kind.
fn of_cell(
    experiment: &Experiment,
    cell: &Cell,
    by_id: &BTreeMap<&RunId, &RowPredictions>,
    names: &BTreeMap<&RunId, &[String]>,
) -> Option<(DataTable, usize, [usize; 2])> {
    let reference = experiment.common.reference;
    let runs: Vec<&RowPredictions> = cell
        .runs
        .iter()
        .filter_map(|run| by_id.get(&run.run_id).copied())
        .filter(|of| of.of(reference).is_some() && of.of(Condition::Healed).is_some())
        .collect();
    let first = *runs.first()?;
    // Rows in another order, or others, cannot be counted together.
    let is_same = |of: &&RowPredictions| {
        of.rows.len() == first.rows.len()
            && of.rows.iter().zip(first.rows.iter()).all(|(a, b)| a.row_hash == b.row_hash)
    };
    let runs: Vec<&RowPredictions> = runs.into_iter().filter(is_same).collect();
    let names = names.get(&first.run_id).copied().unwrap_or_default();
    let counted: Vec<Counted> = first.rows.iter().enumerate().map(|(i, row)| count(&runs, i, row, reference)).collect();
    let n_seeds = runs.len();
    let is_most = |n: usize| 2 * n > n_seeds;
    let is_least = |n: usize| 2 * n < n_seeds;
    let mut table = DataTable::new(["only right", "sentence", "class", reference.as_str(), "healed", "healed said"]);
    let mut totals = [0; 2];
    for (kind, name) in [(0, reference.as_str()), (1, "healed")] {
        let sides = |row: &Counted| if kind == 0 { (row.undamaged, row.healed) } else { (row.healed, row.undamaged) };
        let mut rows: Vec<&Counted> = counted
            .iter()
            .filter(|row| {
                let (right, wrong) = sides(row);
                is_most(right) && is_least(wrong)
            })
            .collect();
        totals[kind] = rows.len();
        // A stable sort: rows of the same margin stay in the dataset's order.
        rows.sort_by_key(|row| {
            let (right, wrong) = sides(row);
            std::cmp::Reverse(right - wrong)
        });
        for row in rows.into_iter().take(MAX_SENTENCES) {
            let of = |n: usize| format!("{n} of {n_seeds}");
            table.push([
                name.to_owned(),
                row.row.text.as_deref().map_or_else(|| format!("row {}", row.row.row_hash), excerpt),
                class(names, Some(row.row.label)),
                of(row.undamaged),
                of(row.healed),
                commonest(&row.said, names, n_seeds),
            ]);
        }
    }
    (!table.rows.is_empty()).then_some((table, n_seeds, totals))
}

fn count<'a>(runs: &[&RowPredictions], i: usize, row: &'a EvaluatedRow, reference: Condition) -> Counted<'a> {
    let mut counted = Counted { row, undamaged: 0, healed: 0, said: BTreeMap::new() };
    for run in runs {
        let class = |condition| run.of(condition).and_then(|of| of.classes[i]);
        counted.undamaged += usize::from(class(reference) == Some(row.label));
        let said = class(Condition::Healed);
        counted.healed += usize::from(said == Some(row.label));
        *counted.said.entry(said).or_default() += 1;
    }
    counted
}

/// The class that most seeds said, the lowest of equals, with the number of seeds where they are not all.
fn commonest(said: &BTreeMap<Option<u32>, usize>, names: &[String], n_seeds: usize) -> String {
    let best = said.iter().max_by_key(|(class, n)| (**n, std::cmp::Reverse(**class)));
    let Some((label, n)) = best else { return "–".to_owned() };
    let name = class(names, *label);
    if *n == n_seeds { name } else { format!("{name} ({n} of {n_seeds})") }
}

fn class(names: &[String], label: Option<u32>) -> String {
    match label {
        None => "not finite".to_owned(),
        Some(label) => names.get(label as usize).cloned().unwrap_or_else(|| format!("LABEL_{label}")),
    }
}

fn excerpt(text: &str) -> String {
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}
