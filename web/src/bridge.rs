//! The page's end of the line to its worker, and the worker's end.
//!
//! Plain `postMessage` with one string a message, see [`protocol`]; no codec of its own, so nothing here can panic on
//! what the other side sent.

use crate::failure::Failure;
use crate::protocol::{self, Request, Response};
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, ErrorEvent, MessageEvent, Worker};

/// A running worker; dropping it ends the worker's thread.
pub struct Bridge {
    worker: Worker,
    // The browser calls these for as long as the worker lives.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Bridge {
    /// Starts the worker whose script is at `script_url` and hands each of its answers to `on_response`; a crash of
    /// the worker arrives there as [`Response::Failed`].
    ///
    /// # Errors
    /// [`Failure::WorkerStopped`] when the browser refuses to start it.
    pub fn start(script_url: &str, on_response: impl Fn(Response) + Clone + 'static) -> Result<Self, Failure> {
        let worker = Worker::new(script_url).map_err(|error| Failure::WorkerStopped { reason: describe(&error) })?;
        let on_crash = on_response.clone();
        let on_message = Closure::new(move |event: MessageEvent| {
            on_response(text_of(&event).and_then(|text| protocol::decode(&text)).unwrap_or_else(Response::Failed));
        });
        let on_error = Closure::new(move |event: ErrorEvent| {
            on_crash(Response::Failed(Failure::WorkerStopped { reason: event_reason(&event) }));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Asks the worker, which must have said [`Response::Ready`].
    ///
    /// # Errors
    /// When the request cannot be encoded or posted.
    pub fn send(&self, request: &Request) -> Result<(), Failure> {
        let text = protocol::encode(request)?;
        self.worker.post_message(&text.into()).map_err(|error| Failure::WorkerStopped { reason: describe(&error) })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// The worker's end: answers every request of the page with `answer`, for as long as the worker lives.
///
/// # Errors
/// [`Failure::WorkerStopped`] when called anywhere but in a dedicated worker.
pub fn serve(answer: impl Fn(&Request) -> Response + 'static) -> Result<(), Failure> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global()
        .dyn_into()
        .map_err(|_| Failure::WorkerStopped { reason: "it was not started as a dedicated worker".to_owned() })?;
    let reply_scope = scope.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let response = match text_of(&event).and_then(|text| protocol::decode(&text)) {
            Ok(request) => answer(&request),
            Err(failure) => Response::Failed(failure),
        };
        post(&reply_scope, &response);
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker listens until the page ends it, and its memory goes with it.
    on_message.forget();
    post(&scope, &Response::Ready);
    Ok(())
}

/// Sends `response`; what cannot be encoded is told as the failure it is.
fn post(scope: &DedicatedWorkerGlobalScope, response: &Response) {
    let sent = protocol::encode(response)
        .or_else(|failure| protocol::encode(&Response::Failed(failure)))
        .map(|text| scope.post_message(&text.into()));
    if !matches!(sent, Ok(Ok(()))) {
        // Thrown, it reaches the page through the worker's error event.
        wasm_bindgen::throw_str("the worker could not post its answer");
    }
}

fn text_of(event: &MessageEvent) -> Result<String, Failure> {
    event
        .data()
        .as_string()
        .ok_or_else(|| Failure::MalformedMessage { reason: "the message is not a string".to_owned() })
}

/// A worker whose file cannot be loaded fires a bare event without a message.
fn event_reason(event: &ErrorEvent) -> String {
    let message = js_sys::Reflect::get(event, &"message".into()).ok().and_then(|value| value.as_string());
    message.filter(|text| !text.is_empty()).unwrap_or_else(|| "its file could not be loaded".to_owned())
}

fn describe(error: &JsValue) -> String {
    let error = error.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| "the browser gave no reason".to_owned(), |error| String::from(error.message()))
}
