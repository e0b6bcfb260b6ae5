//! The page's parts as a visitor uses them: mounted in a document, operated, and read.
//!
//! The store is the page's own. In its worker's place stands an object that only keeps what is posted to it: a test reads
//! there what the page asks, and answers what it likes.

mod damage;
mod files;
mod healing;
mod lesson;
mod main_line;
mod measure;
mod runs;
mod sentence;
mod words;

use crate::protocol::{
    AnyRequest, Call, Classification, Corrupted, HealedOrigin, Loaded, ModelPrediction, ModelSource, ModelSummary,
    Reply, ReplyKind, Request, RequestId, RowCounts, TensorChange, decode,
};
use crate::store::{Preview, Store};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Reflect};
use leptos::mount::mount_to;
use leptos::prelude::*;
use shared::Condition;
use shared::corruption::{Anatomy, Totals};
use shared::model::Architecture;
use shared::random::Seed;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{DataTransfer, Event, File, HtmlElement, HtmlInputElement};

/// The layers and heads of the model in these tests.
const ANATOMY: Anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 6, n_heads: 4 };

/// Puts a class in the place of the browser's `Worker`, until it is put back.
const STAND_IN: &str = r#"(() => {
    const real = globalThis.Worker;
    const standIn = { posted: [], putBack() { globalThis.Worker = real; } };
    globalThis.Worker = class extends EventTarget {
        constructor() {
            super();
            standIn.say = (header, body) =>
                this.dispatchEvent(new MessageEvent("message", { data: [header, body] }));
        }
        postMessage(message) { standIn.posted.push(message); }
        terminate() {}
    };
    return standIn;
})()"#;

/// A part of the page in a document, until it is dropped.
struct Mounted {
    store: Store,
    root: HtmlElement,
    /// What stands in the worker's place.
    worker: JsValue,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.root.remove();
        call(&self.worker, "putBack", &Array::new());
    }
}

/// Mounts a part of the page, as a visitor opens it for the first time, beside a model of six layers whose weights are
/// still on their way.
async fn mounted<V: IntoView + 'static>(part: fn() -> V) -> Mounted {
    // What an earlier test left behind.
    let path = window().location().pathname().unwrap();
    window().history().unwrap().replace_state_with_url(&JsValue::NULL, "", Some(&path)).unwrap();
    window().local_storage().unwrap().unwrap().clear().unwrap();

    let root: HtmlElement = document().create_element("div").unwrap().unchecked_into();
    document().body().unwrap().append_child(&root).unwrap();
    let worker = js_sys::eval(STAND_IN).unwrap();
    let provided = Rc::new(Cell::new(None));
    let of_root = Rc::clone(&provided);
    mount_to(root.clone(), move || {
        of_root.set(Some(Store::provide()));
        part().into_view()
    })
    .forget();
    let store = provided.get().unwrap();
    store.preview.set(Some(Arc::new(Preview {
        name: "a".to_owned(),
        title: "A model".to_owned(),
        anatomy: ANATOMY,
        labels: vec!["negative".to_owned(), "positive".to_owned()],
        damage: None,
        samples: Vec::new(),
        size_bytes: 1,
        dataset: String::new(),
        notice: String::new(),
    })));
    store.choose(|state| state.plan = "kaiming@bottom:0.5".to_owned());
    let mounted = Mounted { store, root, worker };
    mounted.say(&Reply::bare(None, ReplyKind::Ready));
    mounted.settled().await;
    mounted
}

impl Mounted {
    /// Lets effects run.
    async fn settled(&self) {
        TimeoutFuture::new(30).await;
    }

    /// Lets the weights arrive, with labelled rows, and the damage of the plan be made.
    async fn model_arrives(&self) {
        self.store.loaded.set(Some(Arc::new(loaded())));
        self.settled().await;
        let asked = asked!(self, Corrupt);
        let asked = asked.last().expect("the plan of the address is applied to a model that arrived");
        let made = corrupted(&asked.1.plan, asked.1.seed.0);
        self.answer(asked, &made).await;
    }

    fn find(&self, selector: &str) -> HtmlElement {
        let found = self.root.query_selector(selector).unwrap();
        found.unwrap_or_else(|| panic!("{selector} is not in {}", self.root.inner_html())).unchecked_into()
    }

    fn all(&self, selector: &str) -> Vec<HtmlElement> {
        let found = call(&self.root, "querySelectorAll", &Array::of1(&selector.into()));
        Array::from(&found).iter().map(wasm_bindgen::JsCast::unchecked_into).collect()
    }

    /// The button with this name.
    fn button(&self, name: &str) -> HtmlElement {
        let found = self.all("button").into_iter().find(|button| button.text_content().unwrap().trim() == name);
        found.unwrap_or_else(|| panic!("no button “{name}” is in {}", self.root.inner_html()))
    }

    fn has(&self, selector: &str) -> bool {
        self.root.query_selector(selector).unwrap().is_some()
    }

    fn text(&self, selector: &str) -> String {
        self.find(selector).text_content().unwrap_or_default()
    }

    fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        self.find(selector).get_attribute(name)
    }

    fn value(&self, selector: &str) -> String {
        let value = Reflect::get(&self.find(selector), &"value".into()).unwrap();
        value.as_string().unwrap()
    }

    /// Gives a field a value, as a visitor does.
    async fn enter(&self, selector: &str, value: &str) {
        let field = self.find(selector);
        Reflect::set(&field, &"value".into(), &value.into()).unwrap();
        for kind in ["input", "change"] {
            happens(&field, kind);
        }
        self.settled().await;
    }

    async fn click(&self, selector: &str) {
        self.find(selector).click();
        self.settled().await;
    }

    async fn press_button(&self, name: &str) {
        self.button(name).click();
        self.settled().await;
    }

    /// Presses a key on an element.
    async fn press_key(&self, selector: &str, key: &str) {
        self.press_key_with_code(selector, key, 0).await;
    }

    /// Presses a key on an element, told with a code as older browsers know it.
    async fn press_key_with_code(&self, selector: &str, key: &str, code: u32) {
        let init = Object::new();
        let yes = JsValue::from(true);
        for (name, value) in
            [("key", key.into()), ("keyCode", code.into()), ("bubbles", yes.clone()), ("cancelable", yes)]
        {
            Reflect::set(&init, &name.into(), &value).unwrap();
        }
        let constructor: Function = Reflect::get(&js_sys::global(), &"KeyboardEvent".into()).unwrap().unchecked_into();
        let event = Reflect::construct(&constructor, &Array::of2(&"keydown".into(), &init)).unwrap();
        self.find(selector).dispatch_event(event.unchecked_ref()).unwrap();
        self.settled().await;
    }

    /// Chooses files in an `<input>`.
    async fn choose_files(&self, selector: &str, files: &[(&str, &str)]) {
        let chosen = DataTransfer::new().unwrap();
        for (name, text) in files {
            let file = File::new_with_str_sequence(&Array::of1(&(*text).into()), name).unwrap();
            chosen.items().add_with_file(&file).unwrap();
        }
        let input: HtmlInputElement = self.find(selector).unchecked_into();
        input.set_files(chosen.files().as_ref());
        happens(&input, "change");
        self.settled().await;
    }

    fn plan(&self) -> String {
        self.store.state.with_untracked(|state| state.plan.clone())
    }

    fn sentence(&self) -> String {
        self.store.state.with_untracked(|state| state.text.clone())
    }

    /// Everything that was posted to the worker, with the files beside it.
    fn calls(&self) -> Vec<(Call, Vec<File>)> {
        let posted = Array::from(&Reflect::get(&self.worker, &"posted".into()).unwrap());
        let call = |message: JsValue| {
            let message = Array::from(&message);
            let files = message.iter().skip(1).map(wasm_bindgen::JsCast::unchecked_into).collect();
            (decode(&message.get(0).as_string().unwrap()).unwrap(), files)
        };
        posted.iter().map(call).collect()
    }

    fn say(&self, reply: &Reply) {
        let [header, body] = reply.encode().unwrap();
        call(&self.worker, "say", &Array::of2(&header.into(), &body.into()));
    }

    /// Answers a request in the worker's place.
    async fn answer<R: Request>(&self, (id, _): &(RequestId, R), answer: &R::Answer) {
        self.say(&Reply::new(Some(*id), ReplyKind::Answer, answer));
        self.settled().await;
    }

    /// Tells how far a request is.
    async fn progress<R: Request>(&self, (id, _): &(RequestId, R), progress: &R::Progress) {
        self.say(&Reply::new(Some(*id), ReplyKind::Progress, progress));
        self.settled().await;
    }
}

/// The requests of one kind that the page made, in their order.
macro_rules! asked {
    ($page:expr, $kind:ident) => {
        $page
            .calls()
            .into_iter()
            .filter_map(|(call, _)| match call.request {
                AnyRequest::$kind(request) => Some((call.id, request)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
}
use asked;

fn test_id(id: &str) -> String {
    format!("[data-testid={id}]")
}

fn call(object: &JsValue, method: &str, arguments: &Array) -> JsValue {
    let method: Function = Reflect::get(object, &method.into()).unwrap().unchecked_into();
    method.apply(object, arguments).unwrap()
}

fn happens(element: &HtmlElement, kind: &str) {
    let event = Event::new(kind).unwrap();
    event.init_event_with_bubbles(kind, true);
    element.dispatch_event(&event).unwrap();
}

/// A model with rows, and a healed one that came with it.
fn loaded() -> Loaded {
    Loaded {
        source: ModelSource::Bundle { url: "bundles/a".to_owned(), is_cached: false },
        model: ModelSummary {
            name: "A model".to_owned(),
            architecture: ANATOMY.architecture,
            n_layers: ANATOMY.n_layers,
            n_heads: ANATOMY.n_heads,
            hidden_size: 8,
            intermediate_size: 16,
            vocab_size: 30,
            max_length: 32,
            labels: vec!["negative".to_owned(), "positive".to_owned()],
            n_parameters: 1_000,
            size_bytes: 4_000,
            healing_bytes: 16_000,
            parts: Vec::new(),
        },
        bundle: None,
        models: vec![Condition::Healthy],
        damage: None,
        healed: None,
        control: None,
        rows: Some(RowCounts { n_train: 72, n_held_out: 18 }),
        notes: Vec::new(),
    }
}

/// What the worker says of a damage: two steps changed eight values each of one tensor, ten in all.
fn corrupted(plan: &str, seed: u64) -> Corrupted {
    let step = |step_idx| TensorChange {
        name: "classifier.weight".to_owned(),
        part_idx: 0,
        step_idx,
        scheme: "kaiming".to_owned(),
        n_elements: 16,
        n_selected: 16,
        n_changed: 8,
        n_changed_in_all: 10,
        norm_before: Some(1.0),
        norm_after: None,
        n_non_finite: 0,
    };
    Corrupted {
        plan: plan.to_owned(),
        seed: Seed(seed),
        description: format!("What {plan} does."),
        tensors: vec![step(0), step(1)],
        totals: Totals { n_tensors: 1, n_selected: 32, n_changed: 16, n_non_finite: 0 },
        histograms: Vec::new(),
        differences: Vec::new(),
        size_bytes: 40,
        healed: None,
    }
}

/// A model's answer: sure of a class by nine to one, or none at all.
fn prediction(model: Condition, label: Option<u32>) -> ModelPrediction {
    let share = |class: u32| label.map(|label| if class == label { 0.9 } else { 0.1 });
    ModelPrediction { model, label, probabilities: vec![share(0), share(1)] }
}

/// What the healthy, the corrupted and the healed model say of a text.
fn classification(text: &str, labels: [Option<u32>; 3]) -> Classification {
    let models = [Condition::Healthy, Condition::Corrupted, Condition::Healed];
    Classification {
        text: text.to_owned(),
        tokens: vec!["[CLS]".to_owned(), "[SEP]".to_owned()],
        is_cut: false,
        models: models.into_iter().zip(labels).map(|(model, label)| prediction(model, label)).collect(),
    }
}
