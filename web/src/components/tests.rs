//! The page's parts as a visitor uses them: mounted in a document, operated, and read.
//!
//! The store is the page's own; its worker's script is not served here, so everything that needs an answer of it stays
//! as it is, and what a test needs of a model it puts into the store.

use super::damage_panel::DamagePanel;
use super::dialogue::Failures;
use super::evidence_view::EvidenceView;
use super::model_status::ModelStatus;
use super::time_lapse::TimeLapse;
use crate::failure::Failure;
use crate::protocol::{Moment, MomentId, Progress, RequestId, Stage};
use crate::store::{Preview, Store};
use gloo_timers::future::TimeoutFuture;
use leptos::mount::mount_to;
use leptos::prelude::*;
use shared::corruption::Anatomy;
use shared::evidence::Results;
use shared::model::Architecture;
use shared::random::Seed;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Event, HtmlElement};

/// A part of the page in a document, until it is dropped.
struct Mounted {
    store: Store,
    root: HtmlElement,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.root.remove();
    }
}

/// Mounts a part of the page beside a model of six layers whose weights are still on their way.
async fn mounted<V: IntoView + 'static>(part: fn() -> V) -> Mounted {
    let root: HtmlElement = document().create_element("div").unwrap().unchecked_into();
    document().body().unwrap().append_child(&root).unwrap();
    let provided = Rc::new(Cell::new(None));
    let of_root = Rc::clone(&provided);
    mount_to(root.clone(), move || {
        of_root.set(Some(Store::provide()));
        part().into_view()
    })
    .forget();
    let store = provided.get().unwrap();
    store.preview.set(Some(Arc::new(Preview {
        title: "A model".to_owned(),
        anatomy: Anatomy { architecture: Architecture::Bert, n_layers: 6, n_heads: 4 },
        labels: vec!["negative".to_owned(), "positive".to_owned()],
        damage: None,
        samples: Vec::new(),
        size_bytes: 1,
        dataset: String::new(),
        notice: String::new(),
    })));
    store.choose(|state| state.plan = "kaiming@bottom:0.5".to_owned());
    let mounted = Mounted { store, root };
    mounted.settled().await;
    mounted
}

impl Mounted {
    /// Lets effects run.
    async fn settled(&self) {
        TimeoutFuture::new(30).await;
    }

    fn find(&self, selector: &str) -> HtmlElement {
        let found = self.root.query_selector(selector).unwrap();
        found.unwrap_or_else(|| panic!("{selector} is not in {}", self.root.inner_html())).unchecked_into()
    }

    fn all(&self, selector: &str) -> Vec<HtmlElement> {
        let query = js_sys::Reflect::get(&self.root, &"querySelectorAll".into()).unwrap();
        let found = query.unchecked_into::<js_sys::Function>().call1(&self.root, &selector.into()).unwrap();
        js_sys::Array::from(&found).iter().map(wasm_bindgen::JsCast::unchecked_into).collect()
    }

    fn has(&self, selector: &str) -> bool {
        self.root.query_selector(selector).unwrap().is_some()
    }

    fn text(&self, selector: &str) -> String {
        self.find(selector).text_content().unwrap_or_default()
    }

    fn value(&self, selector: &str) -> String {
        let value = js_sys::Reflect::get(&self.find(selector), &"value".into()).unwrap();
        value.as_string().unwrap()
    }

    /// Gives a field a value, as a visitor does.
    async fn enter(&self, selector: &str, value: &str) {
        let field = self.find(selector);
        js_sys::Reflect::set(&field, &"value".into(), &value.into()).unwrap();
        for kind in ["input", "change"] {
            let event = Event::new(kind).unwrap();
            event.init_event_with_bubbles(kind, true);
            field.dispatch_event(&event).unwrap();
        }
        self.settled().await;
    }

    async fn click(&self, selector: &str) {
        self.find(selector).click();
        self.settled().await;
    }

    fn plan(&self) -> String {
        self.store.state.with_untracked(|state| state.plan.clone())
    }
}

fn test_id(id: &str) -> String {
    format!("[data-testid={id}]")
}

#[wasm_bindgen_test]
async fn sliders_the_drawing_and_the_text_show_one_plan_whichever_is_changed() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let (bottom, top, plan) = (test_id("bottom"), test_id("top"), test_id("plan"));
    let pressed = |layer: usize| page.find(&test_id(&format!("layer-{layer}"))).get_attribute("aria-pressed").unwrap();
    assert_eq!((page.value(&bottom), page.value(&top), page.value(&plan)), ("3".into(), "0".into(), page.plan()));
    assert_eq!([pressed(0), pressed(2), pressed(3)], ["true", "true", "false"]);

    page.enter(&bottom, "1").await;
    page.enter(&top, "2").await;
    assert_eq!(page.plan(), "kaiming@layers:0.4-5");
    assert_eq!(page.value(&plan), page.plan());
    assert_eq!([pressed(0), pressed(1), pressed(4), pressed(5)], ["true", "false", "true", "true"]);
    assert!(page.text("output[for=top]").starts_with("2 of 6 (33 %)"), "{}", page.text("output[for=top]"));

    page.click(&test_id("layer-3")).await;
    assert_eq!((page.plan().as_str(), page.value(&top)), ("kaiming@layers:0.3-5", "3".to_owned()));
    page.enter(&plan, "zero:0.5@top:1L").await;
    assert_eq!((page.value(&bottom), page.value(&top), pressed(0)), ("0".into(), "1".into(), "false".into()));
}

#[wasm_bindgen_test]
async fn a_wrong_plan_is_pointed_at_while_it_is_typed_and_one_that_is_right_again_is_not() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let (plan, problem) = (test_id("plan"), test_id("plan-error"));
    assert_eq!(page.text(&problem), "");
    page.enter(&plan, "kaiming@layers:0-9").await;
    let caret = page.text(&format!("{problem} pre"));
    let (text, place) = caret.split_once('\n').unwrap();
    assert_eq!((text.trim(), place.find('^')), ("kaiming@layers:0-9", text.find("0-9")));
    assert_eq!(page.find(&plan).get_attribute("aria-invalid").as_deref(), Some("true"));
    page.enter(&plan, "kaiming@layers:0-5").await;
    assert_eq!((page.text(&problem), page.find(&plan).get_attribute("aria-invalid")), (String::new(), None));
    assert_eq!(page.plan(), "kaiming@layers:0-5");
}

#[wasm_bindgen_test]
async fn a_scheme_is_chosen_for_what_is_damaged_and_its_number_stays_in_its_range() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let (scheme, strength) = (test_id("scheme"), test_id("strength"));
    assert_eq!((page.value(&scheme), page.has(&strength)), ("kaiming".into(), false));
    page.enter(&scheme, "zero").await;
    assert_eq!(page.plan(), format!("zero:{}@bottom:0.5", page.value(&strength)));
    page.enter(&strength, "7").await;
    assert_eq!(page.plan(), "zero:1@bottom:0.5");
    page.enter(&strength, "many").await;
    assert_eq!(page.plan(), "zero:1@bottom:0.5");
    page.enter(&scheme, "bitflip").await;
    page.enter("#bits", "sign").await;
    assert!(page.plan().ends_with(",sign@bottom:0.5"), "{}", page.plan());
    // The text decides as well.
    page.enter(&test_id("plan"), "quantize:3@all").await;
    assert_eq!((page.value(&scheme), page.value(&strength)), ("quantize".into(), "3".into()));
}

#[wasm_bindgen_test]
async fn a_seed_is_a_whole_number_or_a_sentence_at_its_field() {
    let page = mounted(|| view! { <DamagePanel /> }).await;
    let seed = test_id("seed");
    page.enter(&seed, &u64::MAX.to_string()).await;
    page.enter(&seed, "1.5").await;
    assert_eq!(page.store.state.with_untracked(|state| state.seed), Seed(u64::MAX));
    assert!(page.text("#seed-problem").contains("“1.5” is not a seed"));
    page.enter(&seed, "7").await;
    assert_eq!(
        (page.store.state.with_untracked(|state| state.seed), page.text("#seed-problem")),
        (Seed(7), String::new())
    );
}

const RUNS: &[u8] = include_bytes!("../../assets/results.jsonl");

/// The view of the page's own runs and a line that is none.
fn recorded_runs() -> impl IntoView {
    let results = Results::read(&[RUNS, b"{}\n"].concat());
    Store::get().results.set(Some((Arc::new(results), "mine.jsonl".to_owned())));
    view! { <EvidenceView /> }
}

#[wasm_bindgen_test]
async fn recorded_runs_are_charts_with_their_tables_and_a_bad_line_is_named() {
    let page = mounted(recorded_runs).await;
    let n = RUNS.iter().filter(|byte| **byte == b'\n').count();
    assert!(page.text(&test_id("evidence-summary")).starts_with(&format!("mine.jsonl: {n} runs")));
    assert!(page.text("ul.notice").starts_with("mine.jsonl line "), "{}", page.text("ul.notice"));
    let n_of = |selector: &str| page.all(selector).len();
    assert!(n_of("figure") > 0 && n_of("figure") == n_of("figure svg[role=img]"));
    assert_eq!(n_of("figure"), n_of("figure details table"));
    assert!(n_of("figure svg path") > n_of("figure"), "the drawings are in the document");
}

#[wasm_bindgen_test]
async fn what_is_under_way_shows_how_far_it_is_and_can_be_cancelled() {
    let page = mounted(|| view! { <ModelStatus /> }).await;
    assert!(!page.has("progress"));
    let progress = Progress { stage: Stage::Transfer, done: 5, total: 20 };
    page.store.loading.set(Some((RequestId(9), progress)));
    page.settled().await;
    let bar = page.find(&test_id("load-progress"));
    assert_eq!([bar.get_attribute("value").unwrap(), bar.get_attribute("max").unwrap()], ["5", "20"]);
    assert_eq!(page.find(&test_id("model")).get_attribute("data-state").as_deref(), Some("loading"));
    page.click(&test_id("cancel-load")).await;
}

#[wasm_bindgen_test]
async fn a_failure_is_told_until_it_is_dismissed() {
    let page = mounted(|| view! { <Failures /> }).await;
    page.store.fail(Failure::NoHealing);
    page.settled().await;
    assert_eq!(page.text("[role=alert]"), Failure::NoHealing.to_string());
    page.all("button").last().unwrap().click();
    page.settled().await;
    assert_eq!(page.text("[role=alert]"), "");
}

#[wasm_bindgen_test]
async fn the_time_lapse_shows_the_newest_healing_from_its_last_moment_on() {
    let page = mounted(|| view! { <TimeLapse /> }).await;
    assert!(!page.has(&test_id("moments")));
    let moment = |healing: &str, step| Moment {
        id: MomentId(format!("{healing}-{step}")),
        healing: healing.to_owned(),
        plan: "kaiming@all".to_owned(),
        seed: Seed(1),
        step,
        n_steps: 40,
        loss: None,
        held_out: None,
        kept_at_ms: 0.0,
        size_bytes: 1,
        is_saved: true,
    };
    page.store.moments.set(vec![moment("1", 20), moment("2", 20), moment("2", 30), moment("2", 40)]);
    page.settled().await;
    let moments = test_id("moments");
    let data = |name: &str| page.find(&moments).get_attribute(name).unwrap();
    assert_eq!([data("data-count"), data("data-step")], ["3", "40"]);
    page.enter(&moments, "1").await;
    assert_eq!(data("data-step"), "30");
    page.enter("select", "1").await;
    assert_eq!([data("data-count"), data("data-step")], ["1", "20"]);
}
