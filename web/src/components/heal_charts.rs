//! What is seen of a healing while it goes on: its curves, and the sentences that are watched.

use super::figure_card::{Drawing, drawing_width};
use super::model_card::{confidence, percent};
use super::scrolling_table::{ScrollingTable, named, unseen};
use crate::protocol::{Classification, HealProgress};
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::figure::{Axis, Chart, LineChart, Mark, Point, Series, Unit};
use shared::statistics::Interval;

/// Points of a curve: more would not be seen.
const MAX_POINTS: usize = 120;

/// Loss of the training batches, and accuracy on held-out sentences.
#[component]
pub(super) fn HealCharts() -> impl IntoView {
    let store = Store::get();
    let has_steps = Memo::new(move |_| store.heal.with(|heal| heal.steps.iter().any(|step| step.step > 0)));
    // Drawn anew after a step, which takes longer than drawing does.
    let loss = move || store.heal.with(|heal| loss_chart(&heal.steps, heal.n_steps));
    let n_held_out =
        move || store.loaded.with(|loaded| loaded.as_ref().and_then(|loaded| loaded.rows)).map(|rows| rows.n_held_out);
    let accuracy = move || store.heal.with(|heal| accuracy_chart(&heal.steps, heal.n_steps, n_held_out()));
    let width = drawing_width().min(420.0);
    view! {
        <Show when=move || has_steps.get()>
            <div class="two">
                {move || {
                    let (chart, description) = loss();
                    view! { <Drawing chart=chart description=description width=width /> }
                }}
                {move || {
                    let (chart, description) = accuracy();
                    view! { <Drawing chart=chart description=description width=width /> }
                }}
            </div>
        </Show>
    }
}

/// The current sentence and the pinned ones, as the model answers them now.
#[component]
pub(super) fn Watched() -> impl IntoView {
    let store = Store::get();
    let watched = Memo::new(move |_| store.heal.with(|heal| heal.watched.clone()));
    let row = move |said: Classification| {
        let now = said.models.last().cloned();
        let labels = store.labels.get();
        let label = now.as_ref().and_then(|now| now.label).and_then(|label| labels.get(label as usize).cloned());
        let sure = now.as_ref().and_then(confidence);
        let share = sure.unwrap_or(0.0).to_string();
        view! {
            <tr>
                <td title=said.text.clone()>{said.text.clone()}</td>
                <td>{label.unwrap_or_else(|| "not finite".to_owned())}</td>
                <td>
                    <span class="track" aria-hidden="true"><span class="bar" style=("--share", share)></span></span>
                </td>
                <td class="numbers">{sure.map_or("–".to_owned(), percent)}</td>
            </tr>
        }
    };
    let columns = || {
        let mut columns = named(["Watched sentence", "Answer", "Confidence"]);
        columns.insert(2, unseen("Confidence as a bar"));
        columns
    };
    view! {
        <Show when=move || !watched.with(Vec::is_empty)>
            <ScrollingTable
                label="How the healing model answers the watched sentences"
                columns=columns()
                class="watched"
            >
                {move || watched.get().into_iter().map(row).collect_view()}
            </ScrollingTable>
        </Show>
    }
}

fn loss_chart(steps: &[HealProgress], n_steps: usize) -> (Chart, String) {
    let losses: Vec<(usize, f64)> = steps.iter().filter_map(|step| Some((step.step, step.loss?))).collect();
    let points = means(&losses, n_steps);
    let highest = points.iter().map(|point| point.y).fold(0.1, f64::max);
    let y = Axis::linear("training loss", 0.0, 1.05 * highest, Unit::Number);
    let series = Series { label: "loss".to_owned(), role: Some(Condition::Healed), mark: Mark::Line, points };
    let description = ends("Training loss", &series, &y);
    (Chart::Lines(LineChart { x: step_axis(n_steps), y, series: vec![series], diagonal: false }), description)
}

/// The accuracy on the same first held-out sentences all along: the last step's may be over all of them, which is another
/// number and stands in words.
fn accuracy_chart(steps: &[HealProgress], n_steps: usize, n_held_out: Option<usize>) -> (Chart, String) {
    let n = steps.iter().find_map(|step| step.held_out).map(|held_out| held_out.n);
    let rows = match (n, n_held_out) {
        (Some(n), Some(all)) if n < all => format!("first {n} of {all} held-out sentences"),
        (Some(n), _) => format!("{n} held-out sentences"),
        (None, _) => "held-out sentences".to_owned(),
    };
    let point = |step: &HealProgress| {
        let held_out = step.held_out.filter(|held_out| Some(held_out.n) == n)?;
        let interval = Some(Interval { low: held_out.low, high: held_out.high, level: 0.95 });
        Some(Point { x: step.step as f64, y: held_out.value, interval, n: Some(held_out.n as u64) })
    };
    let mut points: Vec<Point> = steps.iter().filter_map(point).collect();
    // Intervals on every point of a long curve would hide it.
    if points.len() > 12 {
        let last = points.len() - 1;
        points[..last].iter_mut().for_each(|point| point.interval = None);
    }
    let y = Axis::percent("accuracy");
    let series = Series { label: format!("on the {rows}"), role: Some(Condition::Healed), mark: Mark::Line, points };
    let description = ends(&format!("Accuracy on the {rows}"), &series, &y);
    (Chart::Lines(LineChart { x: step_axis(n_steps), y, series: vec![series], diagonal: false }), description)
}

fn step_axis(n_steps: usize) -> Axis {
    Axis::linear("step", 0.0, n_steps.max(1) as f64, Unit::Count)
}

/// Means over so many steps that the curve has at most [`MAX_POINTS`] points, each at its last step.
fn means(values: &[(usize, f64)], n_steps: usize) -> Vec<Point> {
    let per_point = n_steps.div_ceil(MAX_POINTS).max(1);
    let chunks = values.chunk_by(|a, b| a.0.saturating_sub(1) / per_point == b.0.saturating_sub(1) / per_point);
    chunks
        .map(|chunk| {
            let y = chunk.iter().map(|(_, value)| value).sum::<f64>() / chunk.len() as f64;
            Point { x: chunk[chunk.len() - 1].0 as f64, y, interval: None, n: None }
        })
        .collect()
}

fn ends(what: &str, series: &Series, y: &Axis) -> String {
    match (series.points.first(), series.points.last()) {
        (Some(first), Some(last)) => format!("{what} from {} to {}.", y.format(first.y), y.format(last.y)),
        _ => format!("{what}: nothing yet."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Accuracy, HealState};
    use wasm_bindgen_test::wasm_bindgen_test;

    fn probed(step: usize, n: usize) -> HealProgress {
        let held_out = Some(Accuracy { n, n_non_finite: 0, value: 0.5, low: 0.4, high: 0.6 });
        HealProgress {
            state: HealState::Running,
            step,
            n_steps: 40,
            loss: None,
            learning_rate: None,
            gradient_norm: None,
            train_accuracy: None,
            step_secs: None,
            n_workers: None,
            held_out,
            pinned: None,
            moment: None,
            n_trained: 1,
            size_bytes: 1,
        }
    }

    #[wasm_bindgen_test]
    fn an_accuracy_on_all_sentences_is_no_point_of_the_curve_over_the_first_ones() {
        let steps = [probed(0, 64), probed(10, 64), probed(40, 997)];
        let (chart, description) = accuracy_chart(&steps, 40, Some(997));
        let Chart::Lines(LineChart { series, .. }) = chart else { panic!("it is a curve") };
        assert_eq!(series[0].points.iter().map(|point| point.n).collect::<Vec<_>>(), [Some(64); 2]);
        assert_eq!(series[0].label, "on the first 64 of 997 held-out sentences");
        assert!(description.contains("the first 64 of 997"), "{description}");
        // Where all are few they are looked at each time.
        let (chart, _) = accuracy_chart(&[probed(0, 18), probed(40, 18)], 40, Some(18));
        let Chart::Lines(LineChart { series, .. }) = chart else { panic!("it is a curve") };
        assert_eq!(series[0].points.len(), 2);
    }

    #[wasm_bindgen_test]
    fn long_curves_are_means_and_keep_their_last_step() {
        let values: Vec<(usize, f64)> = (1..=1000).map(|step| (step, step as f64)).collect();
        let points = means(&values, 1000);
        assert!(points.len() <= MAX_POINTS);
        assert_eq!((points[0].x, points[0].y), (9.0, 5.0));
        assert_eq!(points[points.len() - 1].x, 1000.0);
        assert_eq!(means(&values[..3], 100).len(), 3, "short ones are every step");
    }
}
