//! One weight and its bits.

use super::long_measure::LongBar;
use crate::store::Store;
use leptos::prelude::*;
use shared::Condition;
use shared::corruption::WeightBit;

/// Held-out sentences on which a fatal bit is looked for.
const SEARCH_ROWS: usize = 100;

/// Choose a weight, see its bits, flip one.
#[component]
pub(super) fn BitPicker() -> impl IntoView {
    let store = Store::get();
    let (weight, place, fatal) = (store.surgery.weight, store.surgery.place, store.surgery.fatal_bit);
    let shape = Memo::new(move |_| {
        store.tensor.with(|tensor| tensor.as_ref().map_or(Vec::new(), |tensor| tensor.shape.clone()))
    });
    let number = move |id: &'static str, label: &'static str, axis: usize| {
        let value = move || if axis == 0 { place.get().0 } else { place.get().1 };
        let largest = move || shape.with(|shape| shape.get(axis).map_or(0, |n| n.saturating_sub(1)));
        let choose = move |event| {
            let Ok(n) = event_target_value(&event).parse::<usize>() else { return };
            let n = n.min(untrack(largest));
            place.update(|place| if axis == 0 { place.0 = n } else { place.1 = n });
        };
        view! {
            <div class="field">
                <label for=id>{move || format!("{label} (0 to {})", largest())}</label>
                <input id=id type="number" min="0" max=move || largest().to_string() prop:value=move || value().min(largest()).to_string() on:change=choose />
            </div>
        }
    };
    let bits = move || {
        weight.get().map(|view| {
            let of = |model: Condition| view.bits.iter().find(|(condition, _)| *condition == model).map(|(_, bits)| *bits);
            let healthy = of(Condition::Healthy).unwrap_or_default();
            let now = of(Condition::Corrupted).unwrap_or(healthy);
            let place = WeightBit { row: view.weight.row, column: view.weight.column, bit: 0 };
            let button = |bit: u32| {
                let (is_set, is_flipped) = (now >> bit & 1 == 1, (now ^ healthy) >> bit & 1 == 1);
                let becomes = number_in_words(f32::from_bits(now ^ (1 << bit)));
                let label = format!("bit {bit}, {}, is {}: a press makes the weight {becomes}", group(bit), u8::from(is_set));
                view! {
                    <button
                        type="button"
                        class=format!("bit {}", group(bit))
                        data-testid=format!("bit-{bit}")
                        title=label.clone()
                        aria-label=label
                        aria-pressed=is_flipped.to_string()
                        on:click=move |_| store.flip_bit(bit)
                    >{u8::from(is_set)}</button>
                }
            };
            let group_of = |name: &'static str, bits: std::ops::RangeInclusive<u32>| {
                view! {
                    <div role="group" aria-label=name>
                        <p class="small quiet">{name}</p>
                        <div class="bits">{bits.rev().map(button).collect_view()}</div>
                    </div>
                }
            };
            let healed = of(Condition::Healed).map(|bits| format!("; healed {}", number_in_words(f32::from_bits(bits))));
            view! {
                <p class="numbers" translate="no" data-testid="weight" data-bits=now.to_string() data-healthy=healthy.to_string()>
                    <span class="mono">{format!("{} {}", view.weight.name, place.place())}</span>
                    {format!(
                        ": healthy {}; broken {}{}",
                        number_in_words(f32::from_bits(healthy)),
                        number_in_words(f32::from_bits(now)),
                        healed.unwrap_or_default()
                    )}
                </p>
                <div class="row">{group_of("sign", 31..=31)}{group_of("exponent", 23..=30)}{group_of("mantissa", 0..=22)}</div>
            }
        })
    };
    let search_words = move || {
        fatal.get().map(|found| {
            let drop = format!(
                "{:.1} % to {:.1} % of {} sentences",
                100.0 * found.healthy,
                100.0 * found.flipped,
                found.n_rows
            );
            match &found.found {
                Some((plan, _)) => format!(
                    "Found after {} tried: {plan} alone takes the healthy model from {drop}.",
                    flips(found.n_tried)
                ),
                None => {
                    format!("None of {} tried costs more than 5 points; the last one: {drop}.", flips(found.n_tried))
                }
            }
        })
    };
    view! {
        <section class="panel stack" aria-labelledby="bits-title" data-testid="bits">
            <h2 id="bits-title">"One weight, 32 bits"</h2>
            <p class="small quiet">
                "A weight is a number in 32 bits: a sign, an exponent that says how large it is, and a mantissa that says the rest. Press a bit \
                 to flip it in the broken model; the answers change at once. The weight is one of the tensor above: click its picture or type."
            </p>
            <div class="row">
                {number("weight-row", "Row", 0)}
                <Show when=move || { shape.with(Vec::len) > 1 }>{number("weight-column", "Column", 1)}</Show>
            </div>
            {bits}
            <div class="row">
                <button
                    type="button"
                    data-testid="find-fatal-bit"
                    disabled=move || !store.has_rows() || store.is_healing.get() || store.surgery.searching.with(Option::is_some)
                    on:click=move |_| store.find_fatal_bit(SEARCH_ROWS)
                >"Find me a fatal bit"</button>
                <LongBar call=store.surgery.searching label="Flips tried" testid="cancel-fatal-bit" />
            </div>
            <p class="small" role="status" data-testid="fatal-bit">{search_words}</p>
        </section>
    }
}

fn group(bit: u32) -> &'static str {
    match bit {
        31 => "sign",
        23..=30 => "exponent",
        _ => "mantissa",
    }
}

fn flips(n: usize) -> String {
    if n == 1 { "1 flip was".to_owned() } else { format!("{n} flips were") }
}

/// A value as people read it, also one that is no number.
fn number_in_words(value: f32) -> String {
    if value.is_nan() {
        "not a number".to_owned()
    } else if value.is_infinite() {
        "infinite".to_owned()
    } else if value != 0.0 && (value.abs() < 1e-4 || value.abs() >= 1e6) {
        format!("{value:.3e}")
    } else {
        format!("{value:.6}")
    }
}
