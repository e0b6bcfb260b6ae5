//! The page's end of the line to its worker, and the worker's end.
//!
//! Plain `postMessage`, no codec of its own, so nothing here can panic on what the other side sent: a message is an
//! array of one string, see [`protocol`], and the files that belong to it. The page's end keeps requests back until the
//! worker listens, brings each reply to whoever asked, and tells everyone who still waits when the worker has stopped.

use crate::failure::Failure;
use crate::protocol::{self, Call, Reply, Request, RequestId, Response};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, ErrorEvent, File, MessageEvent, PromiseRejectionEvent, Worker};

/// Hears the replies to one request: any number that are not final, then one that is.
type Listener = Rc<dyn Fn(Response)>;

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
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Bridge {
    /// Starts the worker whose script is at `script_url`. `on_health` hears every change of its health, the first one
    /// when it listens; a browser that refuses to start it is told there, too.
    #[must_use]
    pub fn start(script_url: &str, on_health: impl Fn(Health) + 'static) -> Self {
        let line = Rc::new(Line {
            script_url: script_url.to_owned(),
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

    /// Asks the worker; `on_response` hears every reply, the last of which [is final](Response::is_final). It is never
    /// called before this function has returned. Requests are answered in their order, but for those that steer a
    /// healing or cancel, which go first, and long ones, which let others pass.
    pub fn ask(&self, request: Request, on_response: impl Fn(Response) + 'static) -> RequestId {
        self.ask_with_files(request, &[], on_response)
    }

    /// As [`Bridge::ask`], with the files that the request speaks of.
    pub fn ask_with_files(
        &self,
        request: Request,
        files: &[File],
        on_response: impl Fn(Response) + 'static,
    ) -> RequestId {
        let id = RequestId(self.line.next_id.replace(self.line.next_id.get() + 1));
        self.line.listeners.borrow_mut().insert(id, Rc::new(on_response));
        self.line.send(&Call { id, request }, files);
        id
    }

    /// Asks the worker and waits for the final reply; those before it are not heard.
    ///
    /// # Errors
    /// What the worker answered with [`Response::Failed`].
    pub async fn answer(&self, request: Request) -> Result<Response, Failure> {
        let line = self.clone();
        let promise = js_sys::Promise::new(&mut |resolve, _| {
            // Resolved with the reply's text: a promise carries JavaScript values only.
            line.ask(request.clone(), move |response| {
                if response.is_final() {
                    let text = protocol::encode(&response).unwrap_or_default();
                    let _ = resolve.call1(&JsValue::UNDEFINED, &text.into());
                }
            });
        });
        let text = wasm_bindgen_futures::JsFuture::from(promise).await.ok().and_then(|text| text.as_string());
        match protocol::decode(&text.unwrap_or_default())? {
            Response::Failed(failure) => Err(failure),
            response => Ok(response),
        }
    }

    /// Asks the worker to stop working on `id`, whose listener then hears [`Response::Cancelled`].
    pub fn cancel(&self, id: RequestId) {
        self.ask(Request::Cancel { id }, |_| {});
    }
}

impl Line {
    fn start_worker(self: &Rc<Self>) {
        let generation = self.generation.get() + 1;
        self.generation.set(generation);
        self.set_health(Health::Starting);
        let worker = match Worker::new(&self.script_url) {
            Ok(worker) => worker,
            Err(error) => {
                self.stop(&describe(&error));
                return;
            }
        };
        // Weak, so that the worker ends when the last bridge does although the closures stay with it.
        let line = Rc::downgrade(self);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(line) = line.upgrade().filter(|line| line.generation.get() == generation) {
                line.receive(&event);
            }
        });
        let line = Rc::downgrade(self);
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            if let Some(line) = line.upgrade().filter(|line| line.generation.get() == generation) {
                line.stop(&event_reason(&event));
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        self.worker.replace(Some(Running { worker, _on_message: on_message, _on_error: on_error }));
    }

    fn send(self: &Rc<Self>, call: &Call, files: &[File]) {
        let text = match protocol::encode(call) {
            Ok(text) => text,
            Err(failure) => return self.reply_soon(call.id, Response::Failed(failure)),
        };
        let message = js_sys::Array::of1(&text.into());
        for file in files {
            message.push(file);
        }
        let health = self.health.borrow().clone();
        match health {
            Health::Starting => self.held_back.borrow_mut().push(message),
            Health::Ready => self.post(call.id, &message),
            Health::Stopped(failure) => self.reply_soon(call.id, Response::Failed(failure)),
        }
    }

    fn post(self: &Rc<Self>, id: RequestId, message: &js_sys::Array) {
        let posted = self.worker.borrow().as_ref().map(|running| running.worker.post_message(message));
        if let Some(Err(error)) = posted {
            self.reply_soon(id, Response::Failed(Failure::MalformedMessage { reason: describe(&error) }));
        }
    }

    fn receive(self: &Rc<Self>, event: &MessageEvent) {
        let (id, response) = match text_of(&event.data()).and_then(|text| protocol::decode::<Reply>(&text)) {
            Ok(Reply { id, response }) => (id, response),
            // Another build: no later message would be understood either.
            Err(failure) => return self.stop_with(&failure),
        };
        match (id, response) {
            (None, Response::Ready) => {
                self.set_health(Health::Ready);
                for message in self.held_back.take() {
                    // Posted as a whole: a request that cannot be cloned was refused by the browser before.
                    self.post(RequestId(0), &message);
                }
            }
            (None, Response::Failed(failure)) => self.stop_with(&failure),
            (None, _) => {}
            (Some(id), response) => self.reply(id, response),
        }
    }

    /// Brings a reply to whoever asked.
    fn reply(&self, id: RequestId, response: Response) {
        let listener = if response.is_final() {
            self.listeners.borrow_mut().remove(&id)
        } else {
            self.listeners.borrow().get(&id).cloned()
        };
        // No borrow is held: a listener may ask again.
        if let Some(listener) = listener {
            listener(response);
        }
    }

    /// As [`Line::reply`], once the caller has returned.
    fn reply_soon(self: &Rc<Self>, id: RequestId, response: Response) {
        let line = Rc::clone(self);
        wasm_bindgen_futures::spawn_local(async move { line.reply(id, response) });
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
        for (_, listener) in self.listeners.take() {
            listener(Response::Failed(failure.clone()));
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
        let on_rejection = Closure::<dyn FnMut(PromiseRejectionEvent)>::new(|event: PromiseRejectionEvent| {
            tell_of_stop(&describe(&event.reason()));
        });
        // Failing to listen only costs the message.
        let _ =
            self.scope.add_event_listener_with_callback("unhandledrejection", on_rejection.as_ref().unchecked_ref());
        on_rejection.forget();
    }

    /// Hands every call of the page to `on_call`, for as long as the worker lives, and says that it listens.
    pub fn listen(&self, on_call: impl Fn(Call, Vec<File>) + 'static) {
        let port = self.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            match text_of(&data).and_then(|text| protocol::decode::<Call>(&text)) {
                Ok(call) => on_call(call, files_of(&data)),
                Err(failure) => port.post(&Reply { id: None, response: Response::Failed(failure) }),
            }
        });
        self.scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // The worker listens until the page ends it, and its memory goes with it.
        on_message.forget();
        self.post(&Reply { id: None, response: Response::Ready });
    }

    /// Sends `reply`; what cannot be encoded is told as the failure it is.
    pub fn post(&self, reply: &Reply) {
        let sent = protocol::encode(reply)
            .or_else(|failure| protocol::encode(&Reply { id: reply.id, response: Response::Failed(failure) }))
            .map(|text| self.scope.post_message(&js_sys::Array::of1(&text.into())));
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
        port.post(&Reply { id: None, response: Response::Failed(Failure::WorkerStopped { reason }) });
    }
}

/// The string of a message.
fn text_of(data: &JsValue) -> Result<String, Failure> {
    let text = data.dyn_ref::<js_sys::Array>().and_then(|message| message.get(0).as_string());
    text.ok_or_else(|| Failure::MalformedMessage { reason: "the message is not a list with a string".to_owned() })
}

/// The files behind it.
fn files_of(data: &JsValue) -> Vec<File> {
    let Some(message) = data.dyn_ref::<js_sys::Array>() else { return Vec::new() };
    message.iter().skip(1).filter_map(|file| file.dyn_into().ok()).collect()
}

/// A worker whose file cannot be loaded fires a bare event without a message.
fn event_reason(event: &ErrorEvent) -> String {
    let message = js_sys::Reflect::get(event, &"message".into()).ok().and_then(|value| value.as_string());
    message.filter(|text| !text.is_empty()).unwrap_or_else(|| "its file could not be loaded".to_owned())
}

/// What the browser says is wrong.
pub(crate) fn describe(error: &JsValue) -> String {
    let error = error.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| "the browser gave no reason".to_owned(), |error| String::from(error.message()))
}
