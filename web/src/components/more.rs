//! What waits until it is wanted: the exact damage and the settings of healing.

use crate::store::Store;
use leptos::prelude::*;

/// A disclosure whose state is in the address, so that a teacher's link can open it. A plan that cannot be used opens it by
/// itself, since its field says what is wrong.
#[component]
pub(super) fn More(
    /// What waits in it, for its summary.
    contents: &'static str,
    children: Children,
) -> impl IntoView {
    let store = Store::get();
    let is_open = Memo::new(move |_| {
        store.state.with(|state| state.more) || store.plan.with(|plan| matches!(plan, Some(Err(_))))
    });
    let details = NodeRef::<leptos::html::Details>::new();
    // Told after every change, also of the page's own making.
    let follow = move |_| {
        let Some(details) = details.get_untracked() else { return };
        let is_shown = details.has_attribute("open");
        if is_shown != is_open.get_untracked() {
            store.choose(|state| state.more = is_shown);
        }
    };
    view! {
        <details class="more" data-testid="more" node_ref=details prop:open=move || is_open.get() on:toggle=follow>
            <summary>"More"<span class="quiet">{format!(": {contents}")}</span></summary>
            {children()}
        </details>
    }
}
