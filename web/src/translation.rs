//! What a browser's translation does to the page's words.
//!
//! Translators put a `<font>` element in the place of each text node. The page holds its text nodes and changes them later:
//! outside of the document they would change unseen, and the old words would stay. So such a node goes back, empty, beside
//! the translation, which is taken away as soon as the page changes the node or removes it; new words are new to the
//! translator as well. Values, plans and sentences that a model reads are not to be translated: their elements say
//! `translate="no"`.

use js_sys::{Array, Reflect};
use leptos::prelude::document;
use wasm_bindgen::prelude::*;
use web_sys::{Element, MutationObserver, MutationObserverInit, MutationRecord, Node};

/// The property by which a text node and its translation know each other.
const OTHER: &str = "bertHealTranslation";

/// Keeps the words of a translated page the page's own, for as long as the document is there.
pub fn follow_translation() {
    let on_change = Closure::<dyn FnMut(Array, MutationObserver)>::new(|records: Array, observer: MutationObserver| {
        let records: Vec<MutationRecord> = records.iter().map(JsCast::unchecked_into).collect();
        follow(&records);
        // What was just done is no change of the page's or the translator's.
        observer.take_records();
    });
    let observer = MutationObserver::new(on_change.as_ref().unchecked_ref());
    let options = MutationObserverInit::new();
    options.set_child_list(true);
    options.set_character_data(true);
    options.set_subtree(true);
    if let (Ok(observer), Some(body)) = (observer, document().body()) {
        // Refused only without anything to observe.
        let _ = observer.observe_with_options(&body, &options);
        on_change.forget();
    }
}

fn follow(records: &[MutationRecord]) {
    let is_changed = |node: &Node| {
        records.iter().any(|record| record.type_() == "characterData" && record.target().as_ref() == Some(node))
    };
    for record in records {
        if record.type_() == "characterData" {
            if let Some(text) = record.target()
                && let Some(translation) = other(&text)
            {
                part(&text, &translation);
            }
            continue;
        }
        let removed = record.removed_nodes();
        for text in (0..removed.length()).filter_map(|at| removed.item(at)) {
            if text.node_type() != Node::TEXT_NODE || text.is_connected() {
                continue;
            }
            if let Some(translation) = other(&text) {
                // The page took it away.
                part(&text, &translation);
            } else if let Some(translation) = replacement(record) {
                // It is in the document, so it has a place to go back to.
                let _ = translation.unchecked_ref::<Element>().before_with_node_1(&text);
                if is_changed(&text) {
                    // The page had new words for it before it was back.
                    translation.unchecked_ref::<Element>().remove();
                } else {
                    pair(&text, &translation);
                    text.set_node_value(Some(""));
                }
            }
        }
    }
}

/// The `<font>` that came in the place of what a record says was removed, and stands for no other text.
fn replacement(record: &MutationRecord) -> Option<Node> {
    let beside = [record.added_nodes().item(0), record.previous_sibling(), record.next_sibling()];
    let is_free = |node: &Node| node.node_name() == "FONT" && node.is_connected() && other(node).is_none();
    beside.into_iter().flatten().find(is_free)
}

/// The translation of a text node, or the text node of a translation.
fn other(node: &Node) -> Option<Node> {
    Reflect::get(node, &OTHER.into()).ok()?.dyn_into().ok()
}

fn pair(text: &Node, translation: &Node) {
    // Nodes take any property.
    let _ = Reflect::set(text, &OTHER.into(), translation);
    let _ = Reflect::set(translation, &OTHER.into(), text);
}

/// Takes away the translation of a text that the page changed or removed.
fn part(text: &Node, translation: &Node) {
    let _ = Reflect::set(text, &OTHER.into(), &JsValue::UNDEFINED);
    translation.unchecked_ref::<Element>().remove();
}
