//! A census for people: tables, a sentence or two, and figures.

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use shared::census::{COSTLY_POINTS, Margin, Share, Summary};
use shared::figure::{Axis, Chart, Figure, IntervalChart, IntervalRow, Reference};

use super::file::{FlipLine, worst};

/// How many of the worst flips the screen shows.
const N_SHOWN: usize = 3;

/// The three margins and the whole, one under the other.
pub(super) fn tables(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let costly = format!("cost > {COSTLY_POINTS} points");
    table.set_header(["flip in", "of all bits", "flips", &costly, "not finite", "one class only", "mean points"]);
    let margins = [&summary.by_bit, &summary.by_component, &summary.by_layer];
    for margin in margins.into_iter().flatten().chain([&summary.all]) {
        table.add_row([
            margin.name.clone(),
            percent(margin.share_of_pairs),
            margin.n_flips.to_string(),
            share(margin.costly),
            share(margin.non_finite),
            share(margin.stuck),
            margin.mean_cost_points.map_or("none".to_owned(), |points| format!("{points:.2}")),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// What to take away, and where the rest is.
pub(super) fn findings(summary: &Summary, lines: &[FlipLine], out: &Path) -> String {
    let mut sentences = vec![format!(
        "Of all bits of all weights, {} cost more than {COSTLY_POINTS} points of accuracy when one flips.",
        share(summary.all.costly)
    )];
    for line in worst(lines).into_iter().take(N_SHOWN) {
        let value = |value: Option<f32>| value.map_or("not finite".to_owned(), |value| format!("{value:?}"));
        sentences.push(format!(
            "{}: {} became {}, which cost {:.1} points.",
            line.plan,
            value(line.before),
            value(line.after),
            line.cost_points
        ));
    }
    sentences.push(format!("kept in {}", out.display()));
    sentences.join("\n")
}

/// By class of bits and by component, the shares that cost more than 5 points.
pub(super) fn figures(summary: &Summary) -> Vec<Figure> {
    [
        ("bits", "By bit", "class of bits", &summary.by_bit),
        ("components", "By component", "component", &summary.by_component),
        ("layers", "By layer", "part of the stack", &summary.by_layer),
    ]
    .into_iter()
    .filter_map(|(id, title, of, margins)| figure(id, title, of, margins, summary))
    .collect()
}

fn figure(id: &str, title: &str, of: &str, margins: &[Margin], summary: &Summary) -> Option<Figure> {
    let row = |margin: &Margin| {
        let Share { value, interval } = margin.costly?;
        Some(IntervalRow { label: margin.name.clone(), role: None, value, interval })
    };
    let rows: Vec<IntervalRow> = margins.iter().filter_map(row).collect();
    let level = rows.first()?.interval.level;
    let values: Vec<String> =
        margins.iter().map(|margin| format!("{} {}", margin.name, share(margin.costly))).collect();
    let references = summary
        .all
        .costly
        .map(|all| Reference { label: "all bits".to_owned(), value: all.value })
        .into_iter()
        .collect();
    Some(Figure {
        id: format!("census-{id}"),
        title: title.to_owned(),
        caption: format!(
            "Share of single bit flips that cost more than {COSTLY_POINTS} points of accuracy, by {of}, with its 95 % \
             Wilson interval at the effective number of flips. The dashed line is the share over all bits."
        ),
        description: format!("Share of costly flips: {}.", values.join("; ")),
        chart: Chart::Intervals(IntervalChart { axis: Axis::percent("share of flips"), level, rows, references }),
    })
}

/// `3.1 % (1.4 to 6.8)`
fn share(share: Option<Share>) -> String {
    share.map_or("none".to_owned(), |Share { value, interval }| {
        format!("{} ({:.1} to {:.1})", percent(value), 100.0 * interval.low, 100.0 * interval.high)
    })
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 0.0 && percent < 0.1 => format!("{percent:.3} %"),
        percent => format!("{percent:.1} %"),
    }
}
