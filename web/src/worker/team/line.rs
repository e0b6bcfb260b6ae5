//! The line to one helper.

use super::order::{Envelope, Order, Report};
use crate::fetch::reason;
use futures_channel::oneshot;
use gloo_events::EventListener;
use js_sys::{Array, Float32Array, Uint8Array};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{MessageEvent, Worker, WorkerOptions};

/// What a helper reported, and its values.
pub(super) type Answer = (Report, Float32Array);

/// What a helper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Its program is on the way.
    Starting,
    /// It answers.
    Ready,
    /// It could not be started, or something went wrong in it.
    Lost,
}

/// A helper, as seen from the worker that leads. It ends when this is dropped.
pub(super) struct Line {
    worker: Worker,
    ear: Rc<Ear>,
    _listeners: [EventListener; 2],
}

/// What hears the helper.
struct Ear {
    health: Cell<Health>,
    next_ticket: Cell<u32>,
    waiting: RefCell<BTreeMap<u32, oneshot::Sender<Answer>>>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

impl Line {
    /// Starts a helper whose script is at `url`.
    ///
    /// # Errors
    /// What the browser said.
    pub(super) fn start(url: &str, name: &str) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_name(name);
        let worker = Worker::new_with_options(url, &options).map_err(|error| reason(&error))?;
        let ear = Rc::new(Ear {
            health: Cell::new(Health::Starting),
            next_ticket: Cell::new(0),
            waiting: RefCell::default(),
        });
        let (on_message, on_error) = (Rc::clone(&ear), Rc::clone(&ear));
        let listeners = [
            EventListener::new(&worker, "message", move |event| on_message.hear(event.unchecked_ref())),
            EventListener::new(&worker, "error", move |event| {
                // The worker goes on without it; the page need not hear of it.
                event.prevent_default();
                on_error.lose();
            }),
        ];
        Ok(Self { worker, ear, _listeners: listeners })
    }

    pub(super) fn health(&self) -> Health {
        self.ear.health.get()
    }

    /// Whoever waits for it is told so, and nobody asks it again.
    pub(super) fn lose(&self) {
        self.ear.lose();
    }

    /// Tells it to do something that has no answer.
    pub(super) fn order(&self, order: Order, values: Option<Float32Array>, files: &[Uint8Array]) {
        self.post(None, order, values, files);
    }

    /// Tells it to do something; the answer is cancelled when the helper is lost.
    pub(super) fn ask(&self, order: Order) -> oneshot::Receiver<Answer> {
        let ticket = self.ear.next_ticket.replace(self.ear.next_ticket.get().wrapping_add(1));
        let (sender, receiver) = oneshot::channel();
        if self.health() != Health::Lost {
            self.ear.waiting.borrow_mut().insert(ticket, sender);
            self.post(Some(ticket), order, None, &[]);
        }
        receiver
    }

    fn post(&self, ticket: Option<u32>, order: Order, values: Option<Float32Array>, files: &[Uint8Array]) {
        let posted = message(&Envelope { ticket, body: order }, values, files)
            .and_then(|(message, buffers)| self.worker.post_message_with_transfer(&message, &buffers));
        if posted.is_err() {
            self.lose();
        }
    }
}

impl Ear {
    fn hear(&self, event: &MessageEvent) {
        match read::<Report>(&event.data()) {
            Ok((Envelope { body: Report::Ready, .. }, _, _)) => self.health.set(Health::Ready),
            Ok((Envelope { ticket: Some(ticket), body }, values, _)) => {
                let sender = self.waiting.borrow_mut().remove(&ticket);
                // Nobody may want it any more.
                let _ = sender.map(|sender| sender.send((body, values)));
            }
            Ok(_) | Err(_) => self.lose(),
        }
    }

    fn lose(&self) {
        self.health.set(Health::Lost);
        // Dropped, they tell whoever waits.
        self.waiting.take();
    }
}

/// The list that is posted, and what of it changes hands.
///
/// # Errors
/// When the body has no JSON form.
pub(super) fn message<T: serde::Serialize>(
    envelope: &Envelope<T>,
    values: Option<Float32Array>,
    files: &[Uint8Array],
) -> Result<(Array, Array), JsValue> {
    let text = serde_json::to_string(envelope).map_err(|error| JsValue::from(error.to_string()))?;
    let values = values.unwrap_or_else(|| Float32Array::new_with_length(0));
    let (message, buffers) = (Array::of2(&text.into(), &values), Array::of1(&values.buffer()));
    for file in files {
        message.push(file);
        buffers.push(&file.buffer());
    }
    Ok((message, buffers))
}

/// What a posted list says.
///
/// # Errors
/// When it is none of these.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    data: &JsValue,
) -> Result<(Envelope<T>, Float32Array, Vec<Uint8Array>), String> {
    let list = data.dyn_ref::<Array>().ok_or("the message is not a list")?;
    let text = list.get(0).as_string().ok_or("the message has no text")?;
    let envelope = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let values = list.get(1).dyn_into().map_err(|_| "the message has no values")?;
    Ok((envelope, values, list.iter().skip(2).filter_map(|file| file.dyn_into().ok()).collect()))
}
