//! One tensor close up: before, after and the difference, as pictures and as histograms.

use super::figure_card::FigureCard;
use super::heat_map::{HeatMap, Palette};
use crate::protocol::TensorView;
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::figure::{Axis, Chart, Figure, HistogramChart, HistogramSeries, Outside, Unit, mean_and_spread};
use shared::words::capitalised;
use std::sync::Arc;

/// Choose a tensor; the healthy model's stands beside the corrupted or the healed one's.
#[component]
pub(super) fn TensorPanel() -> impl IntoView {
    let store = Store::get();
    let shown = Memo::new(move |_| store.tensor.with(|tensor| tensor.as_ref().map(|tensor| tensor.name.clone())));
    let options = move || {
        let loaded = store.loaded.get()?;
        let changed: Vec<String> = store.damage.with(|damage| {
            damage.iter().flat_map(|damage| &damage.tensors).map(|tensor| tensor.name.clone()).collect()
        });
        let groups = loaded.model.parts.iter().map(|part| {
            let options = part.tensors.iter().map(|tensor| {
                let name = tensor.name.clone();
                let mark = if changed.contains(&name) { "● " } else { "" };
                let label = format!("{mark}{name}");
                let is_chosen = {
                    let name = name.clone();
                    move || shown.get().as_deref() == Some(name.as_str())
                };
                view! { <option value=name prop:selected=is_chosen>{label}</option> }
            });
            view! { <optgroup label=part.name.clone()>{options.collect_view()}</optgroup> }
        });
        Some(groups.collect_view())
    };
    let body = move || match store.tensor.get() {
        None => view! { <p class="waiting">{store.arrival().words()}</p> }.into_any(),
        Some(tensor) => close_up(&store, &tensor, store.compares_healed.get()).into_any(),
    };
    view! {
        <section class="panel stack" aria-labelledby="tensor-title" data-testid="tensor">
            <h2 id="tensor-title">"The weights themselves"</h2>
            <div class="row">
                <div class="field grow">
                    <label for="tensor">"Tensor (● = touched by the plan)"</label>
                    <select
                        id="tensor"
                        class="mono"
                        on:change=move |event| store.choose(|state| state.tensor = event_target_value(&event))
                    >{options}</select>
                </div>
                <div class="field">
                    <label for="against">"Compare healthy with"</label>
                    <select
                        id="against"
                        on:change=move |event| {
                            store.compares_healed.set(event_target_value(&event) == "healed");
                        }
                    >
                        <option value="corrupted">"corrupted"</option>
                        <option
                            value="healed"
                            disabled=move || store.healed.with(Option::is_none)
                            prop:selected=move || store.compares_healed.get()
                        >"healed"</option>
                    </select>
                </div>
            </div>
            {body}
        </section>
    }
}

fn close_up(store: &Store, tensor: &Arc<TensorView>, is_healed: bool) -> impl IntoView + use<> {
    // The weight in the middle of the tile that is clicked stands below with its bits.
    let (place, sizes) = (store.surgery.place, tensor.shape.clone());
    let pick = Callback::new(move |(down, across): (f64, f64)| {
        let index = |share: f64, n: usize| ((share * n as f64) as usize).min(n.saturating_sub(1));
        place.set(match sizes[..] {
            [n_rows, n_columns] => (index(down, n_rows), index(across, n_columns)),
            [n] => (index(across, n), 0),
            _ => (0, 0),
        });
    });
    let other = if is_healed { "healed" } else { "corrupted" };
    let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
    let largest = tensor.change.means.iter().flatten().copied().fold(0.0, f32::max);
    let n_non_finite = tensor.histogram.after.n_non_finite;
    let warning = (n_non_finite > 0).then(|| {
        view! { <p><span class="chip warn">{format!("{n_non_finite} values are not finite")}</span></p> }
    });
    let number = |x: f64| Unit::Number.format(x);
    view! {
        <p class="small quiet">
            {format!(
                "[{}]. Each tile is the mean of a block of weights; colours saturate at ±{}.",
                shape.join(" × "),
                number(f64::from(tensor.scale))
            )}
        </p>
        <p class="scale">
            <span>"negative"</span><span class="ramp" aria-hidden="true"></span><span>"positive"</span>
            <span><span class="swatch broken" aria-hidden="true"></span>" not finite"</span>
        </p>
        {warning}
        <div class="heats">
            <HeatMap name="Healthy".to_owned() tiles=tensor.before.clone() palette=Palette::Signed(tensor.scale) pick=pick />
            <HeatMap name=capitalised(other) tiles=tensor.after.clone() palette=Palette::Signed(tensor.scale) pick=pick />
            <HeatMap
                name=format!("Absolute difference, up to {}", number(f64::from(largest)))
                tiles=tensor.change.clone()
                palette=Palette::Magnitude(largest)
            />
        </div>
        <div class="two">
            <FigureCard figure=values(tensor, is_healed) />
            <FigureCard figure=differences(tensor, is_healed) />
        </div>
    }
}

fn values(tensor: &TensorView, is_healed: bool) -> Figure {
    let change = &tensor.histogram;
    let (other, role) =
        if is_healed { ("healed", Some(Condition::Healed)) } else { ("corrupted", Some(Condition::Corrupted)) };
    let said = format!("healthy {}; {other} {}", mean_and_spread(&change.before), mean_and_spread(&change.after));
    Figure {
        id: "tensor-values".to_owned(),
        title: "Values".to_owned(),
        caption: format!("Distribution of the values: {said}."),
        description: format!("Histogram of {}: {said}.", tensor.name),
        chart: Chart::Histogram(HistogramChart {
            x: Axis::linear("value", change.low, change.high, Unit::Number),
            series: vec![
                HistogramSeries::of("healthy", Some(Condition::Healthy), &change.before),
                HistogramSeries::of(other, role, &change.after),
            ],
        }),
    }
}

fn differences(tensor: &TensorView, is_healed: bool) -> Figure {
    let difference = &tensor.difference;
    let n: u64 = difference.counts.iter().sum::<u64>() + difference.n_outside + difference.n_non_finite;
    let (other, role) =
        if is_healed { ("healed", Some(Condition::Healed)) } else { ("corrupted", Some(Condition::Corrupted)) };
    let zero = 100.0 * difference.n_zero as f64 / n.max(1) as f64;
    let outside = Outside { n_below: 0, n_above: difference.n_outside, n_non_finite: difference.n_non_finite };
    let label = format!("{other} − healthy");
    let series = HistogramSeries { label: label.clone(), role, counts: difference.counts.clone(), outside };
    Figure {
        id: "tensor-difference".to_owned(),
        title: "Difference".to_owned(),
        caption: format!(
            "Distribution of {label}, value by value; {zero:.1} % are exactly 0. Values outside the axis are counted above it."
        ),
        description: format!("Histogram of {label} of {}: {zero:.1} % are exactly 0.", tensor.name),
        chart: Chart::Histogram(HistogramChart {
            x: Axis::linear("difference", difference.low, difference.high, Unit::Number),
            series: vec![series],
        }),
    }
}
