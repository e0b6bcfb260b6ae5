//! How the chosen parts are damaged: every scheme of the grammar with its parameter.

use super::damage_panel::Editor;
use leptos::prelude::*;
use shared::corruption::{BitField, Scheme};

/// Every scheme with what to call it, at a strength that shows something.
const SCHEMES: [(Scheme, &str); 10] = [
    (Scheme::Kaiming, "Draw anew (Kaiming, as in the paper)"),
    (Scheme::KaimingLinear, "Draw anew (Kaiming, as PyTorch's Linear)"),
    (Scheme::Normal { std: 0.02 }, "Draw anew (normal, as BERT starts)"),
    (Scheme::Gaussian { relative_std: 0.5 }, "Add Gaussian noise"),
    (Scheme::Zero { fraction: 0.5 }, "Set values to zero"),
    (Scheme::Shuffle { fraction: 1.0 }, "Shuffle values within each matrix"),
    (Scheme::SignFlip { fraction: 0.5 }, "Flip signs"),
    (Scheme::BitFlip { rate: 1e-3, field: BitField::All }, "Flip bits"),
    (Scheme::Quantize { bits: 2 }, "Round to few bits"),
    (Scheme::Permute, "Swap whole layers"),
];

/// The part of a float that bits are flipped in; single bits can be typed in the plan.
const FIELDS: [(BitField, &str, &str); 4] = [
    (BitField::All, "all", "all 32 bits"),
    (BitField::Sign, "sign", "the sign"),
    (BitField::Exponent, "exponent", "the exponent"),
    (BitField::Mantissa, "mantissa", "the mantissa"),
];

/// The choice of the scheme and, where it has one, its parameter.
#[component]
pub(super) fn SchemeChoice() -> impl IntoView {
    let editor = Editor::get();
    let scheme = editor.scheme;
    let set = move |to: Scheme| {
        scheme.set(to);
        editor.edit(|damage| damage.set_scheme(to));
    };
    let options = SCHEMES.map(|(of, name)| {
        let is_chosen = move || scheme.get().keyword() == of.keyword();
        view! { <option value=of.keyword() prop:selected=is_chosen>{name}</option> }
    });
    let choose = move |event| {
        let keyword = event_target_value(&event);
        if let Some((to, _)) = SCHEMES.iter().find(|(of, _)| of.keyword() == keyword) {
            set(*to);
        }
    };
    let parameter = move || {
        let (name, low, high, step, value) = parameter(scheme.get())?;
        let change = move |event| {
            if let Ok(value) = event_target_value(&event).parse::<f64>()
                && value.is_finite()
            {
                set(with_parameter(scheme.get_untracked(), value.clamp(low, high)));
            }
        };
        Some(view! {
            <div class="field grow">
                <label for="strength">{name}</label>
                <input
                    type="number"
                    id="strength"
                    data-testid="strength"
                    min=low.to_string()
                    max=high.to_string()
                    step=step
                    prop:value=value.to_string()
                    on:change=change
                />
            </div>
        })
    };
    let field = move || {
        let Scheme::BitFlip { rate, field } = scheme.get() else { return None };
        let choose = move |event| {
            let word = event_target_value(&event);
            if let Some((field, ..)) = FIELDS.iter().find(|(_, known, _)| *known == word) {
                set(Scheme::BitFlip { rate, field: *field });
            }
        };
        let options =
            FIELDS.map(|(of, word, name)| view! { <option value=word prop:selected={of == field}>{name}</option> });
        let single = match field {
            BitField::Bit(bit) => Some(view! { <option value="" prop:selected=true>{format!("bit {bit}")}</option> }),
            _ => None,
        };
        Some(view! {
            <div class="field grow">
                <label for="bits">"Which bits"</label>
                <select id="bits" on:change=choose>{options.collect_view()}{single}</select>
            </div>
        })
    };
    view! {
        <div class="row">
            <div class="field grow">
                <label for="scheme">"How"</label>
                <select id="scheme" data-testid="scheme" on:change=choose>{options.collect_view()}</select>
            </div>
            {parameter}
            {field}
        </div>
    }
}

/// What the scheme's number is called, its ends, its step and its value.
fn parameter(scheme: Scheme) -> Option<(&'static str, f64, f64, &'static str, f64)> {
    match scheme {
        Scheme::Kaiming | Scheme::KaimingLinear | Scheme::Permute => None,
        Scheme::Normal { std } => Some(("Standard deviation", 0.0, 10.0, "any", std)),
        Scheme::Gaussian { relative_std } => Some(("Times each matrix's spread", 0.0, 100.0, "0.1", relative_std)),
        Scheme::Zero { fraction } | Scheme::Shuffle { fraction } | Scheme::SignFlip { fraction } => {
            Some(("Share of values", 0.0, 1.0, "0.05", fraction))
        }
        Scheme::BitFlip { rate, .. } => Some(("Rate for each bit", 0.0, 1.0, "any", rate)),
        Scheme::Quantize { bits } => Some(("Bits", 1.0, 16.0, "1", f64::from(bits))),
    }
}

fn with_parameter(scheme: Scheme, value: f64) -> Scheme {
    match scheme {
        Scheme::Kaiming | Scheme::KaimingLinear | Scheme::Permute => scheme,
        Scheme::Normal { .. } => Scheme::Normal { std: value },
        Scheme::Gaussian { .. } => Scheme::Gaussian { relative_std: value },
        Scheme::Zero { .. } => Scheme::Zero { fraction: value },
        Scheme::Shuffle { .. } => Scheme::Shuffle { fraction: value },
        Scheme::SignFlip { .. } => Scheme::SignFlip { fraction: value },
        Scheme::BitFlip { field, .. } => Scheme::BitFlip { rate: value, field },
        Scheme::Quantize { .. } => Scheme::Quantize { bits: value.round() as u32 },
    }
}
