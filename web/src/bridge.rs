//! The page's end of the line to its worker, and the worker's end.
//!
//! Plain `postMessage`, no codec of its own, so nothing here can panic on what the other side sent: a message is an
//! array of strings, see [`protocol`], and the files that belong to them. The page's end keeps requests back until the
//! worker listens, brings each reply to whoever asked, and tells everyone who still waits when the worker has stopped.
//! gloo-worker does the same with a codec of its own, but knows no files beside a message, no progress before an answer,
//! and nothing of a worker that crashed.

use crate::failure::Failure;
use crate::fetch::reason;
use crate::protocol::{self, Call, Cancel, Reply, ReplyKind, Request, RequestId, Response};
use gloo_events::EventListener;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{
    DedicatedWorkerGlobalScope, ErrorEvent, File, MessageEvent, PromiseRejectionEvent, Worker, WorkerOptions,
};

/// Hears the replies to one request: any number that are not final, then one that is.
type Listener = Rc<dyn Fn(&Reply)>;

/// What the worker's thread is doing, for those who draw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Its program is on the way.
    Starting,
    /// It answers.
    Ready,
    /// It stopped; [`Bridge::restart`] starts another one, which knows no model yet.
    Stopped(Failure),
}

/// A line to a worker. Clones share it; the worker's thread ends with the last of them.
#[derive(Clone)]
pub struct Bridge {
    line: Rc<Line>,
}

struct Line {
    script_url: String,
    name: String,
    worker: RefCell<Option<Running>>,
    /// Raised with every worker that is started, so that what a dead one still sends is not heard.
    generation: Cell<u32>,
    next_id: Cell<u32>,
    listeners: RefCell<BTreeMap<RequestId, Listener>>,
    /// What was asked before the worker listened.
    held_back: RefCell<Vec<js_sys::Array>>,
    health: RefCell<Health>,
    on_health: Box<dyn Fn(Health)>,
}

/// A worker, and what the browser calls for as long as it lives.
struct Running {
    worker: Worker,
    _listeners: [EventListener; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

impl Bridge {
    /// Starts the worker whose script is at `script_url` and which is called `name`. `on_health` hears every change of its health, the first one
    /// when it listens; a browser that refuses to start it is told there, too.
    #[must_use]
    pub fn start(script_url: &str, name: &str, on_health: impl Fn(Health) + 'static) -> Self {
        let line = Rc::new(Line {
            script_url: script_url.to_owned(),
            name: name.to_owned(),
            worker: RefCell::new(None),
            generation: Cell::new(0),
            next_id: Cell::new(1),
            listeners: RefCell::default(),
            held_back: RefCell::default(),
            health: RefCell::new(Health::Starting),
            on_health: Box::new(on_health),
        });
        line.start_worker();
        Self { line }
    }

    /// Ends the worker, if it still runs, and starts a new one, which knows no model yet. Requests that wait for an
    /// answer get [`Failure::WorkerStopped`].
    pub fn restart(&self) {
        self.line.stop("it was started again");
        self.line.start_worker();
    }

    /// What the worker is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        self.line.health.borrow().clone()
    }

    /// Asks the worker; `on_response` hears every reply, the last of which is final. It is never called before this
    /// function has returned. `files` are those that the request speaks of. Requests are answered in their order, but
    /// for those that steer a healing or cancel, which go first, and long ones, which let others pass.
    pub fn ask<R: Request>(
        &self,
        request: R,
        files: &[File],
        on_response: impl Fn(Response<R>) + 'static,
    ) -> RequestId {
        let id = RequestId(self.line.next_id.replace(self.line.next_id.get() + 1));
        let listener: Listener = Rc::new(move |reply| on_response(reply.response()));
        self.line.listeners.borrow_mut().insert(id, listener);
        self.line.send(&Call { id, request: request.into() }, files);
        id
    }

    /// Asks the worker to stop working on `id`, whose listener then hears [`Response::Cancelled`].
    pub fn cancel(&self, id: RequestId) {
        self.ask(Cancel { id }, &[], |_| {});
    }
}

impl Line {
    fn start_worker(self: &Rc<Self>) {
        let generation = self.generation.get() + 1;
        self.generation.set(generation);
        self.set_health(Health::Starting);
        let options = WorkerOptions::new();
        options.set_name(&self.name);
        let worker = match Worker::new_with_options(&self.script_url, &options) {
            Ok(worker) => worker,
            Err(error) => {
                self.stop(&reason(&error));
                return;
            }
        };
        // Weak, so that the worker ends when the last bridge does although the listeners stay with it.
        let heard = |line: std::rc::Weak<Self>, hear: fn(&Rc<Self>, &web_sys::Event)| {
            move |event: &web_sys::Event| {
                if let Some(line) = line.upgrade().filter(|line| line.generation.get() == generation) {
                    hear(&line, event);
                }
            }
        };
        let on_message = heard(Rc::downgrade(self), |line, event| line.receive(event.unchecked_ref()));
        let on_error = heard(Rc::downgrade(self), |line, event| line.stop(&event_reason(event)));
        let listeners =
            [EventListener::new(&worker, "message", on_message), EventListener::new(&worker, "error", on_error)];
        self.worker.replace(Some(Running { worker, _listeners: listeners }));
    }

    fn send(self: &Rc<Self>, call: &Call, files: &[File]) {
        let text = match protocol::encode(call) {
            Ok(text) => text,
            Err(failure) => return self.fail_soon(call.id, failure),
        };
        let message = js_sys::Array::of1(&text.into());
        for file in files {
            message.push(file);
        }
        let health = self.health.borrow().clone();
        match health {
            Health::Starting => self.held_back.borrow_mut().push(message),
            Health::Ready => self.post(call.id, &message),
            Health::Stopped(failure) => self.fail_soon(call.id, failure),
        }
    }

    fn post(self: &Rc<Self>, id: RequestId, message: &js_sys::Array) {
        let posted = self.worker.borrow().as_ref().map(|running| running.worker.post_message(message));
        if let Some(Err(error)) = posted {
            self.fail_soon(id, Failure::MalformedMessage { reason: reason(&error) });
        }
    }

    fn receive(self: &Rc<Self>, event: &MessageEvent) {
        let data = event.data();
        let reply = match text_of(&data, 0).and_then(|header| Reply::decode(&header, text_of(&data, 1)?)) {
            Ok(reply) => reply,
            // Another build: no later message would be understood either.
            Err(failure) => return self.stop_with(&failure),
        };
        match (reply.id, reply.kind) {
            (Some(id), _) => self.reply(id, &reply),
            (None, ReplyKind::Ready) => {
                self.set_health(Health::Ready);
                for message in self.held_back.take() {
                    // Posted as a whole: a request that cannot be cloned was refused by the browser before.
                    self.post(RequestId(0), &message);
                }
            }
            (None, _) => {
                if let Some(failure) = reply.failure() {
                    self.stop_with(&failure);
                }
            }
        }
    }

    /// Brings a reply to whoever asked.
    fn reply(&self, id: RequestId, reply: &Reply) {
        let listener = if reply.kind.is_final() {
            self.listeners.borrow_mut().remove(&id)
        } else {
            self.listeners.borrow().get(&id).cloned()
        };
        // No borrow is held: a listener may ask again.
        if let Some(listener) = listener {
            listener(reply);
        }
    }

    /// Tells whoever asked that it went wrong, once the caller has returned.
    fn fail_soon(self: &Rc<Self>, id: RequestId, failure: Failure) {
        let line = Rc::clone(self);
        wasm_bindgen_futures::spawn_local(async move { line.reply(id, &Reply::failed(Some(id), &failure)) });
    }

    fn stop(self: &Rc<Self>, reason: &str) {
        self.stop_with(&Failure::WorkerStopped { reason: reason.to_owned() });
    }

    fn stop_with(self: &Rc<Self>, failure: &Failure) {
        self.generation.set(self.generation.get() + 1);
        if let Some(running) = self.worker.take() {
            running.worker.terminate();
            // Later: it may be one of its own closures that stops it.
            wasm_bindgen_futures::spawn_local(async move { drop(running) });
        }
        self.held_back.take();
        self.set_health(Health::Stopped(failure.clone()));
        for (id, listener) in self.listeners.take() {
            listener(&Reply::failed(Some(id), failure));
        }
    }

    fn set_health(&self, health: Health) {
        self.health.replace(health.clone());
        (self.on_health)(health);
    }
}

/// The worker's end of the line.
#[derive(Clone)]
pub struct Port {
    scope: DedicatedWorkerGlobalScope,
}

impl Port {
    /// The line to the page that started this worker.
    ///
    /// # Errors
    /// [`Failure::WorkerStopped`] when called anywhere but in a dedicated worker.
    pub fn open() -> Result<Self, Failure> {
        js_sys::global()
            .dyn_into()
            .map(|scope| Self { scope })
            .map_err(|_| Failure::WorkerStopped { reason: "it was not started as a dedicated worker".to_owned() })
    }

    /// Lets the page know when this worker's program panics or a promise of it fails: neither ends a worker's thread, so
    /// the browser would not say so, and the page would wait for ever. Panics are also told on the console.
    pub fn tell_of_panics(&self) {
        std::panic::set_hook(Box::new(|info| {
            console_error_panic_hook::hook(info);
            // Opened anew: a hook may be called on any thread, and this port belongs to one.
            tell_of_stop(&info.to_string());
        }));
        EventListener::new(&self.scope, "unhandledrejection", |event| {
            tell_of_stop(&reason(&event.unchecked_ref::<PromiseRejectionEvent>().reason()));
        })
        .forget();
    }

    /// Hands every call of the page to `on_call`, for as long as the worker lives, and says that it listens.
    pub fn listen(&self, on_call: impl Fn(Call, Vec<File>) + 'static) {
        let port = self.clone();
        // The worker listens until the page ends it, and its memory goes with it.
        EventListener::new(&self.scope, "message", move |event| {
            let data = event.unchecked_ref::<MessageEvent>().data();
            match text_of(&data, 0).and_then(|text| protocol::decode::<Call>(&text)) {
                Ok(call) => on_call(call, files_of(&data)),
                Err(failure) => port.post(&Reply::failed(None, &failure)),
            }
        })
        .forget();
        self.post(&Reply::bare(None, ReplyKind::Ready));
    }

    /// Sends `reply`.
    pub fn post(&self, reply: &Reply) {
        let sent = reply
            .encode()
            .map(|[header, body]| self.scope.post_message(&js_sys::Array::of2(&header.into(), &body.into())));
        if !matches!(sent, Ok(Ok(()))) {
            // Thrown, it reaches the page through the worker's error event.
            wasm_bindgen::throw_str("the worker could not post its answer");
        }
    }
}

/// Tells the page that this worker cannot go on. Its first line is enough: the rest is a stack for the console.
fn tell_of_stop(reason: &str) {
    if let Ok(port) = Port::open() {
        let reason = reason.lines().take(2).collect::<Vec<_>>().join(" ");
        port.post(&Reply::failed(None, &Failure::WorkerStopped { reason }));
    }
}

/// A string of a message.
fn text_of(data: &JsValue, place: u32) -> Result<String, Failure> {
    let text = data.dyn_ref::<js_sys::Array>().and_then(|message| message.get(place).as_string());
    text.ok_or_else(|| Failure::MalformedMessage { reason: "the message is not a list of strings".to_owned() })
}

/// The files behind it.
fn files_of(data: &JsValue) -> Vec<File> {
    let Some(message) = data.dyn_ref::<js_sys::Array>() else { return Vec::new() };
    message.iter().skip(1).filter_map(|file| file.dyn_into().ok()).collect()
}

/// A worker whose file cannot be loaded fires a bare event without a message.
fn event_reason(event: &web_sys::Event) -> String {
    let message = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message);
    message
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "its file could not be loaded; if the page was renewed on its server, reload it".to_owned())
}
