//! Blame as a table with bars, and as a figure.

use shared::figure::draw::{draw, svg};
use shared::figure::{Chart, Figure, HeatCell, HeatChart, HeatRow};
use shared::surgery::{Blame, Design, MAX_EXACT_LAYERS, Mixture, PartBlame, Rest};

use super::value::{Asked, Found};

/// Characters of the longest bar.
const MAX_BAR: usize = 28;

/// The tables with their bars, and how the values were come by.
pub(super) fn text(asked: &Asked<'_>, found: &Found<'_>) -> String {
    let Asked { held_out, design, .. } = asked;
    let percent = |fraction: f64| format!("{:.1} %", 100.0 * fraction);
    let n_passes = found.mixture.n_passes(&design.mixes());
    let mut lines = vec![
        format!(
            "accuracy on {} rows of {} ({}): healthy {}, damaged {}",
            found.counts.n_rows,
            held_out.dataset.dataset.name,
            held_out.split,
            percent(found.accuracy.healthy),
            percent(found.accuracy.damaged)
        ),
        "what each part costs, in points of accuracy:".to_owned(),
    ];
    lines.extend(bars(found.mixture, found.accuracy, 100.0, 2));
    if let Some((sentence, of_sentence, blame)) = &found.sentence {
        let class = asked.models.config().label_names.get(of_sentence.class).map_or("", String::as_str);
        lines.push(String::new());
        lines.push(format!("“{sentence}”"));
        if let Some(blame) = blame {
            lines.push(format!(
                "margin of “{class}” over the next class: healthy {:.3}, damaged {:.3}",
                blame.healthy, blame.damaged
            ));
            lines.push("what each part costs, in units of a logit:".to_owned());
            lines.extend(bars(found.mixture, blame, 1.0, 3));
        } else {
            let n = of_sentence.margins.iter().filter(|(_, margin)| !margin.is_finite()).count();
            lines.push(format!(
                "the margin of “{class}” cannot be shared out: {n} of {} mixes have logits that are not finite",
                of_sentence.margins.len()
            ));
        }
    }
    lines.push(String::new());
    lines.push(format!("{}; {}", method_in_words(design, n_passes), rest_in_words(design.players().rest)));
    lines.push(format!("{:.1} s", found.wall_secs));
    lines.join("\n")
}

/// Whether embeddings, pooler and classifier are among the parts.
fn rest_in_words(rest: Rest) -> &'static str {
    match rest {
        Rest::Player => "“rest” is embeddings, pooler and classifier together",
        Rest::FixedHealthy => "embeddings, pooler and classifier are the healthy model's in every mix",
        Rest::FixedDamaged => "embeddings, pooler and classifier are the damaged model's in every mix",
    }
}

/// A line for each part and the sum with what it must be. Costs go to the right, gains to the left.
fn bars(mixture: &Mixture<'_>, blame: &Blame, scale: f64, decimals: usize) -> Vec<String> {
    let largest = blame.parts.iter().map(|part| part.value.abs()).fold(0.0, f64::max);
    let length = |value: f64| if largest > 0.0 { (MAX_BAR as f64 * value.abs() / largest).round() as usize } else { 0 };
    let width = blame.parts.iter().map(|part| part.part.len()).fold("sum".len(), usize::max);
    let left = blame.parts.iter().filter(|part| part.value < 0.0).map(|part| length(part.value)).max().unwrap_or(0);
    let number = |value: f64| format!("{:>+9.decimals$}", scale * value);
    let line = |(i, part): (usize, &PartBlame)| {
        let bar = "█".repeat(length(part.value));
        let (gain, cost) = if part.value < 0.0 { (bar, String::new()) } else { (String::new(), bar) };
        let interval = part.interval.map_or(String::new(), |interval| {
            format!("  ({:+.decimals$} to {:+.decimals$})", scale * interval.low, scale * interval.high)
        });
        let same = if mixture.is_same(i) { "  same weights in both" } else { "" };
        let line = format!("{:<width$} {}{interval}  {gain:>left$}│{cost}{same}", part.part, number(part.value));
        line.trim_end().to_owned()
    };
    // From the top of the network down, as its drawings have it.
    let mut lines: Vec<String> = blame.parts.iter().enumerate().rev().map(line).collect();
    lines.push(format!(
        "{:<width$} {}  = healthy − damaged {} within {:.0e}",
        "sum",
        number(blame.sum),
        number(blame.healthy - blame.damaged).trim_start(),
        (blame.sum - (blame.healthy - blame.damaged)).abs().max(1e-16)
    ));
    lines
}

/// The same as a figure: parts from top to bottom, and a column for each thing that was measured.
pub(super) fn svg(asked: &Asked<'_>, found: &Found<'_>) -> String {
    let margin = found.sentence.and_then(|(_, _, blame)| blame);
    let cell = |part: &PartBlame, scale: f64, unit: &str| {
        let note = part
            .interval
            .map_or(unit.to_owned(), |interval| format!("{:.1} to {:.1}", scale * interval.low, scale * interval.high));
        Some(HeatCell { value: scale * part.value, note })
    };
    let rows = found.accuracy.parts.iter().enumerate().rev().map(|(i, part)| {
        let mut cells = vec![cell(part, 100.0, "points")];
        cells.extend(margin.map(|blame| cell(&blame.parts[i], 1.0, "logit")));
        HeatRow { label: part.part.clone(), cells }
    });
    let mut columns = vec!["accuracy".to_owned()];
    columns.extend(margin.map(|_| "the sentence".to_owned()));
    let worst = found.accuracy.parts.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let figure = Figure {
        id: "blame".into(),
        title: "Which part is to blame".into(),
        caption: format!(
            "What the damage of each part costs, {}; {}.",
            method_in_words(asked.design, found.mixture.n_passes(&asked.design.mixes())),
            rest_in_words(asked.design.players().rest)
        ),
        description: worst.map_or(String::new(), |part| {
            format!(
                "Of {:.1} points of accuracy {} costs most: {:.1}.",
                100.0 * found.accuracy.sum,
                part.part,
                100.0 * part.value
            )
        }),
        chart: Chart::Heat(HeatChart {
            row_label: "part".into(),
            column_label: "what its damage costs".into(),
            columns,
            rows: rows.collect(),
        }),
    };
    svg::file(&figure, &draw(&figure.chart, 480.0), "")
}

/// How the values were come by, for people.
fn method_in_words(design: &Design, n_passes: usize) -> String {
    let n_layers = design.players().n_layers;
    match design {
        Design::Exact(_) => format!(
            "exact, over all {} mixes of the two models in {n_passes} passes through a layer for each batch",
            design.mixes().len()
        ),
        Design::Sampled(_, pairs) => format!(
            "sampled, since {n_layers} layers are more than {MAX_EXACT_LAYERS}: means over {} random orders ({} pairs of an \
             order and its reverse) with 95 % intervals over orders",
            2 * pairs.len(),
            pairs.len()
        ),
    }
}
