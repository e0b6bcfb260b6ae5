//! Several datasets side by side: deficits by dataset and level, and what holds over all of them.

use std::collections::BTreeMap;

use super::across::across;
use super::mean::one_decimal;
use super::topic::{MAX_FIGURES, Piece, Topic, alike, seeds_in_words};
use super::{Cell, Experiment};
use crate::claims::{Damage, End};
use crate::figure::{Chart, Figure, HeatCell, HeatChart, HeatRow};

/// What differs between datasets of one question. Lengths follow the texts, and names of classes the head.
const OF_A_DATASET: [&str; 5] = ["dataset", "report_split", "numerics", "model.head", "training.max_length"];

/// Deficits by dataset and level, and over all datasets; none with a single dataset and level.
#[must_use]
pub fn datasets_topic(experiments: &[Experiment]) -> Option<Topic> {
    let (mut heats, mut pieces, mut n_left_out) = (Vec::new(), Vec::new(), 0);
    for group in alike(experiments, |common| common.id_but_for(&OF_A_DATASET)) {
        let datasets = one_each(&group);
        n_left_out += group.len() - datasets.len();
        for (scheme, end) in damages(&datasets) {
            heats.extend(heat(&datasets, &scheme, end, heats.len() + 1));
        }
        if datasets.len() > 1 {
            pieces.extend(across(&datasets, pieces.len()));
        }
    }
    let left_out = match n_left_out {
        0 => String::new(),
        1 => " One experiment with fewer training rows or seeds is left out.".to_owned(),
        n => format!(" {n} experiments with fewer training rows or seeds are left out."),
    };
    let introduction = format!(
        "Each dataset is one row: of its experiments with this model, protocol and budget the one with the most training \
         rows, and of these the one with the most seeds.{left_out}"
    );
    // Each with the page's width, since its cells have words in them.
    let heats = heats.into_iter().map(|heat| Piece::Figures(vec![heat]));
    let n_more = heats.len().saturating_sub(MAX_FIGURES);
    let more = (n_more > 0).then(|| Piece::Text(format!("{n_more} more schemes, ends or models are left out.")));
    let pieces = heats.take(MAX_FIGURES).chain(more).chain(pieces).collect();
    Topic::new("datasets", "Dataset by dataset", introduction, pieces)
}

/// Of each dataset the experiment with the most training rows, and of these the one with the most seeds, by name.
fn one_each<'a>(group: &[&'a Experiment]) -> Vec<&'a Experiment> {
    let mut best: BTreeMap<&str, &Experiment> = BTreeMap::new();
    let n_seeds = |experiment: &Experiment| experiment.cells.iter().map(|cell| cell.seeds.len()).max();
    let size = |experiment: &Experiment| (experiment.common.n_train_rows, n_seeds(experiment));
    for experiment in group {
        let known = best.entry(&experiment.common.dataset).or_insert(experiment);
        if size(experiment) > size(known) {
            *known = experiment;
        }
    }
    best.into_values().collect()
}

/// Schemes and ends that any of them has, sorted.
fn damages(datasets: &[&Experiment]) -> Vec<(String, End)> {
    let cells = datasets.iter().flat_map(|experiment| &experiment.cells);
    let mut damages: Vec<(String, End)> =
        cells.filter_map(|cell| cell.damage.as_ref()).map(|damage| (damage.scheme.clone(), damage.end)).collect();
    damages.sort();
    damages.dedup();
    damages
}

/// By level in millionths, which no plan's level is finer than.
fn level_key(damage: &Damage) -> u64 {
    (1e6 * damage.level).round() as u64
}

fn heat(datasets: &[&Experiment], scheme: &str, end: End, number: usize) -> Option<Figure> {
    let is_of = |damage: &Damage| damage.scheme == scheme && damage.end == end;
    let cells_of = |experiment: &&'_ Experiment| -> BTreeMap<u64, HeatCell> {
        let of = |cell: &Cell| {
            let damage = cell.damage.as_ref().filter(|damage| is_of(damage))?;
            let mean = experiment.deficit(cell)?;
            let outcome =
                experiment.recovery_of(&cell.plan).map_or("undecided", |judgement| judgement.outcome.as_str());
            let note = format!("{}, {outcome}", seeds_in_words(cell.seeds.len()));
            // As it is written, so that colour and number agree.
            let value = (10.0 * mean.value).round() / 10.0 + 0.0;
            Some((level_key(damage), HeatCell { value, note }))
        };
        experiment.cells.iter().filter_map(of).collect()
    };
    let by_dataset: Vec<BTreeMap<u64, HeatCell>> = datasets.iter().map(cells_of).collect();
    let mut levels: Vec<u64> = by_dataset.iter().flat_map(BTreeMap::keys).copied().collect();
    levels.sort_unstable();
    levels.dedup();
    if by_dataset.iter().map(BTreeMap::len).sum::<usize>() < 2 {
        return None;
    }
    let common = &datasets[0].common;
    let rows: Vec<HeatRow> = datasets
        .iter()
        .zip(&by_dataset)
        .filter(|(_, cells)| !cells.is_empty())
        .map(|(experiment, cells)| HeatRow {
            label: experiment.common.dataset.clone(),
            cells: levels.iter().map(|level| cells.get(level).cloned()).collect(),
        })
        .collect();
    let place = match end {
        End::Bottom => "bottom",
        End::Top => "top",
    };
    let described: Vec<String> = rows
        .iter()
        .map(|row| {
            let cell =
                |cell: &Option<HeatCell>| cell.as_ref().map_or("none".to_owned(), |cell| one_decimal(cell.value));
            format!("{} {}", row.label, row.cells.iter().map(cell).collect::<Vec<_>>().join(", "))
        })
        .collect();
    let columns: Vec<String> = levels.iter().map(|level| format!("{} %", *level as f64 / 1e4)).collect();
    Some(Figure {
        id: format!("heat-{number}"),
        title: format!("Deficit by dataset: {scheme} from the {place}"),
        caption: format!(
            "Mean deficit against the {} in percentage points, with its number of seeds and the verdict on full recovery, by \
             dataset and share of encoder layers damaged; {}, protocol {}, {}. The darker, the larger: above 0 in orange, below 0 (better \
             than undamaged) in blue.",
            common.reference,
            common.model,
            common.protocol.as_str(),
            common.length()
        ),
        description: format!("Deficits in points at {}: {}.", columns.join(", "), described.join("; ")),
        chart: Chart::Heat(HeatChart {
            row_label: "dataset".to_owned(),
            column_label: "encoder layers damaged".to_owned(),
            columns,
            rows,
        }),
    })
}
