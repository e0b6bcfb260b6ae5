//! Values that are kept beyond this visit and are the same in every tab of this browser.
//!
//! The store is the browser's own and not gloo-storage, which throws where a visitor forbids a page to keep anything:
//! here the page then works all the same.

use leptos::{ev, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

/// A value that can be kept.
pub(super) trait Kept:
    Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name under which it is kept.
    const KEY: &'static str;

    /// What two tabs made of the value that was there `before`.
    fn merged(before: &Self, ours: &Self, theirs: &Self) -> Self;
}

/// What was kept; nothing where the browser keeps nothing.
pub(super) fn kept<T: Kept>() -> T {
    text::<T>().as_deref().map(read).unwrap_or_default()
}

fn text<T: Kept>() -> Option<String> {
    storage()?.get_item(T::KEY).ok().flatten()
}

/// What an older version kept and this one cannot read is given up.
fn read<T: Kept>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// Keeps a value, and takes over what another tab makes of it. `on_refusal` hears when a full or forbidden store does not
/// keep it: it is lost with the tab then.
pub(super) fn keep<T: Kept>(value: RwSignal<T>, on_refusal: impl Fn() + 'static) {
    // What this tab and the browser's store last had in common, as a value and as the text that is kept.
    let common = StoredValue::new((value.get_untracked(), text::<T>()));
    let listener = window_event_listener(ev::storage, move |event| {
        // This tab keeps each of its changes at once: there are none that the other one's would undo.
        let theirs = text::<T>().filter(|_| event.key().as_deref() == Some(T::KEY));
        if let Some(text) = theirs.filter(|text| common.with_value(|(_, known)| known.as_ref() != Some(text))) {
            let theirs: T = read(&text);
            common.set_value((theirs.clone(), Some(text)));
            value.set(theirs);
        }
    });
    on_cleanup(move || listener.remove());
    Effect::new(move |_| {
        let ours = value.get();
        let (before, known) = common.get_value();
        if ours == before {
            return;
        }
        let now = text::<T>();
        let merged = match &now {
            // A tab that sleeps does not hear of the others' changes before it wakes.
            Some(theirs) if now != known => T::merged(&before, &ours, &read(theirs)),
            _ => ours.clone(),
        };
        let new = serde_json::to_string(&merged).unwrap_or_default();
        if storage().is_none_or(|storage| storage.set_item(T::KEY, &new).is_err()) {
            on_refusal();
        }
        common.set_value((merged.clone(), text::<T>()));
        if merged != ours {
            value.set(merged);
        }
    });
}
