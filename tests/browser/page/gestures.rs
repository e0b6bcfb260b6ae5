//! What a visitor does with a mouse and keys, as the browser gets it from its devices.

use super::{Page, selector};
use fantoccini::Locator;
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use serde_json::json;
use std::time::Duration;

/// How long the mouse takes from one place to the next.
const MOVE: Duration = Duration::from_millis(150);

impl Page {
    /// Clicks an element with the mouse.
    pub async fn press(&self, id: &str) {
        self.element(id).await.click().await.expect("the element can be clicked");
    }

    /// Takes a slider at a share of its width and drags it to others, one after the other.
    pub async fn drag(&self, id: &str, from: f64, to: &[f64]) {
        let slider = self.element(id).await;
        // The mouse does not scroll.
        let into_view = "arguments[0].scrollIntoView({ block: 'center' })";
        let element = serde_json::to_value(&slider).expect("an element has a name");
        self.client.execute(into_view, vec![element]).await.expect("the slider can be scrolled to");
        let (_, _, width, _) = slider.rectangle().await.expect("the slider has a place");
        // From its centre, in whole pixels; the ends of the track are where the thumb's centre stops.
        let offset = |share: f64| ((share - 0.5) * (width - 16.0)).round();
        let move_to = |share: f64| PointerAction::MoveToElement {
            element: slider.clone(),
            duration: Some(MOVE),
            x: offset(share),
            y: 0.0,
        };
        let down = MouseActions::new("mouse".to_owned())
            .then(move_to(from))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        let moved = to.iter().fold(down, |actions, share| actions.then(move_to(*share)));
        let up = moved.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(up).await.expect("the mouse moves");
    }

    /// Presses a key on an element so many times, without a pause.
    pub async fn press_key(&self, id: &str, key: Key, n_times: usize) {
        let keys: String = std::iter::repeat_n(char::from(key), n_times).collect();
        self.element(id).await.send_keys(&keys).await.expect("the element takes keys");
    }

    /// What stands in a field, or where a slider is.
    pub async fn value(&self, id: &str) -> String {
        let script = "return document.querySelector(arguments[0]).value";
        let value = self.client.execute(script, vec![json!(selector(id))]).await.expect("the field is there");
        value.as_str().expect("a value is text").to_owned()
    }

    /// Waits until it is so.
    pub async fn value_becomes(&self, id: &str, value: &str) {
        let script = format!("return document.querySelector('{}')?.value === arguments[0]", selector(id));
        self.wait_until(&script, value).await;
    }

    async fn element(&self, id: &str) -> Element {
        let found = self.client.wait().for_element(Locator::Css(&selector(id))).await;
        found.unwrap_or_else(|error| panic!("{id} is not there: {error}"))
    }
}
