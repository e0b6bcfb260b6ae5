//! How many layers from either end.

use super::editor::Editor;
use crate::store::Store;
use leptos::prelude::*;

/// Two sliders over whole layers.
#[component]
pub(super) fn Sliders() -> impl IntoView {
    let store = Store::get();
    let editor = Editor::get();
    let ends = Memo::new(move |_| editor.read(crate::plan_edit::Damage::ends).unwrap_or((0, 0)));
    let n_layers = Memo::new(move |_| store.anatomy.get().map_or(0, |anatomy| anatomy.n_layers));
    let words = move |n: usize| {
        let of = n_layers.get().max(1);
        format!("{n} of {of} ({:.0} %)", 100.0 * n as f64 / of as f64)
    };
    let number = |event: &leptos::ev::Event| event_target_value(event).parse::<usize>().unwrap_or(0);
    view! {
        <div class="stack">
            <div class="slider">
                <label for="bottom">"From the bottom"</label>
                <input
                    type="range"
                    id="bottom"
                    data-testid="bottom"
                    min="0"
                    max=move || n_layers.get().to_string()
                    prop:value=move || ends.get().0.to_string()
                    on:pointerdown=move |_| editor.store.hold("bottom")
                    on:pointerup=move |_| editor.store.release()
                    on:pointercancel=move |_| editor.store.release()
                    on:input=move |event| {
                        let n = number(&event);
                        editor.slide("bottom", |damage| {
                            let (_, top) = damage.ends();
                            damage.set_ends(n, top);
                        });
                    }
                />
                <output for="bottom">{move || words(ends.get().0)}</output>
            </div>
            <div class="slider">
                <label for="top">"From the top"</label>
                <input
                    type="range"
                    id="top"
                    data-testid="top"
                    min="0"
                    max=move || n_layers.get().to_string()
                    prop:value=move || ends.get().1.to_string()
                    on:pointerdown=move |_| editor.store.hold("top")
                    on:pointerup=move |_| editor.store.release()
                    on:pointercancel=move |_| editor.store.release()
                    on:input=move |event| {
                        let n = number(&event);
                        editor.slide("top", |damage| {
                            let (bottom, _) = damage.ends();
                            damage.set_ends(bottom, n);
                        });
                    }
                />
                <output for="top">{move || words(ends.get().1)}</output>
            </div>
        </div>
    }
}
