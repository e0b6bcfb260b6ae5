//! The link that rebuilds what the page shows: copied, or to be copied by hand, and what it cannot hold.

use crate::fetch::reason;
use crate::protocol::{Loaded, ModelSource};
use crate::state::State;
use crate::store::Store;
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// How long the button says that it has copied.
const COPIED: std::time::Duration = std::time::Duration::from_secs(4);

/// What became of a click.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    /// The click's, each of which draws its note anew.
    number: u32,
    link: String,
    /// Whether the model is one that no link holds.
    has_own_model: bool,
    /// Why the browser did not copy the link, if it did not.
    refusal: Option<String>,
}

/// A button, and below it what there is to say about the link.
#[component]
pub(super) fn CopyLink() -> impl IntoView {
    let store = Store::get();
    let outcome = RwSignal::new(None::<Outcome>);
    let is_copied = RwSignal::new(false);
    let n_clicks = StoredValue::new(0_u32);
    let copy = move |_| {
        let link = link(&store.state.get_untracked());
        let has_own_model = store.loaded.with_untracked(|loaded| loaded.as_ref().is_some_and(|loaded| is_own(loaded)));
        leptos::task::spawn_local(async move {
            let refusal = copied(&link).await.err();
            is_copied.set(refusal.is_none());
            if refusal.is_none() {
                store.announcement.set(format!("Link copied. {}", promise(has_own_model)));
                set_timeout(move || is_copied.set(false), COPIED);
            }
            n_clicks.update_value(|n| *n += 1);
            outcome.set(Some(Outcome { number: n_clicks.get_value(), link, has_own_model, refusal }));
        });
    };
    // A link that was copied and holds all that is shown needs no more words than the button's.
    let worth_a_note = move || outcome.get().filter(|outcome| outcome.has_own_model || outcome.refusal.is_some());
    let note = move |Outcome { link, has_own_model, refusal, .. }: Outcome| {
        let by_hand = refusal.map(|refusal| {
            view! {
                <p>
                    {format!(
                        "The browser did not copy the link ({}). It is selected below: copy it with Ctrl+C or ⌘C.",
                        refusal.trim_end_matches('.')
                    )}
                </p>
                <ByHand link=link />
            }
        });
        view! {
            <div class="notice stack link-note" role="status" data-testid="link-note">
                {by_hand}
                <p>{promise(has_own_model)}</p>
                <button type="button" class="compact" on:click=move |_| outcome.set(None)>"Close"</button>
            </div>
        }
    };
    view! {
        <button type="button" class="compact" data-testid="copy-link" on:click=copy>
            {move || if is_copied.get() { "Link copied" } else { "Copy link" }}
        </button>
        <For each=worth_a_note key=|outcome| outcome.number children=note />
    }
}

/// The link in a field, selected.
#[component]
fn ByHand(link: String) -> impl IntoView {
    let field = NodeRef::<leptos::html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            // With the next frame: a value that is set later than this runs would take the selection away.
            request_animation_frame(move || {
                // Refused only to a field that is gone.
                let _ = field.focus();
                field.select();
            });
        }
    });
    view! {
        <input
            type="text"
            class="mono"
            readonly
            data-testid="link"
            aria-label="Link to this page as it is"
            node_ref=field
            prop:value=link
            on:focus=move |_| {
                let _ = field.get_untracked().map(|field| field.select());
            }
        />
    }
}

/// What a link does on another machine.
fn promise(is_own: bool) -> &'static str {
    if is_own {
        "The link holds the damage and the sentence, but not your model: whoever opens it has to load the same files under \
         “Model” first."
    } else {
        "It recreates exactly this damage on any machine."
    }
}

/// Whether the model came from files of the visitor, which no link holds.
fn is_own(loaded: &Loaded) -> bool {
    !matches!(loaded.source, ModelSource::Bundle { .. })
}

/// The page's address with all that was chosen.
fn link(state: &State) -> String {
    let address = window().location().href().unwrap_or_default();
    format!("{}{}", address.split('#').next().unwrap_or_default(), state.to_hash())
}

/// Puts `text` on the clipboard.
///
/// # Errors
/// Why not. Over plain HTTP from another machine browsers give pages no clipboard at all.
async fn copied(text: &str) -> Result<(), String> {
    let clipboard = js_sys::Reflect::get(&window().navigator(), &JsValue::from_str("clipboard")).ok();
    let clipboard = clipboard.and_then(|clipboard| clipboard.dyn_into::<web_sys::Clipboard>().ok());
    let clipboard = clipboard.ok_or_else(|| "it lets no page copy that does not come by https".to_owned())?;
    JsFuture::from(clipboard.write_text(text)).await.map(drop).map_err(|error| reason(&error))
}
