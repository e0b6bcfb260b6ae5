//! What the browser gives to a worker and to a page alike, looked up by name: tests run in a page.

use crate::fetch::reason;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A property of the global object, if the browser has it.
pub(super) fn global(name: &str) -> Option<JsValue> {
    property(&js_sys::global(), name)
}

/// A property that is there.
pub(super) fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// Calls a method by its name.
///
/// # Errors
/// What it threw, or that there is none.
pub(super) fn call(object: &JsValue, method: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    function.call1(object, argument)
}

/// Waits for the promise that a method gives.
///
/// # Errors
/// What went wrong, in the browser's words.
pub(super) async fn settled(promise: Result<JsValue, JsValue>) -> Result<JsValue, String> {
    let promise: Promise = match promise.and_then(JsCast::dyn_into) {
        Ok(promise) => promise,
        Err(error) => return Err(reason(&error)),
    };
    JsFuture::from(promise).await.map_err(|error| reason(&error))
}

/// Milliseconds on a clock that only runs forwards.
pub(super) fn now_ms() -> f64 {
    let now = global("performance").and_then(|clock| call(&clock, "now", &JsValue::UNDEFINED).ok());
    now.and_then(|now| now.as_f64()).unwrap_or_else(js_sys::Date::now)
}

/// Gigabytes of the machine, rounded and at most 8, where the browser tells.
pub(super) fn device_memory_gb() -> Option<f64> {
    property(&global("navigator")?, "deviceMemory")?.as_f64()
}

/// Waits until somebody calls [`Waker::wake`].
#[derive(Clone, Default)]
pub(super) struct Waker {
    resolve: std::rc::Rc<std::cell::RefCell<Option<Function>>>,
}

impl Waker {
    /// Wakes whoever waits, if anybody does.
    pub(super) fn wake(&self) {
        if let Some(resolve) = self.resolve.take() {
            // A promise's own function does not throw.
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    }

    /// Waits to be woken.
    pub(super) async fn wait(&self) {
        let promise = Promise::new(&mut |resolve, _| {
            self.resolve.replace(Some(resolve));
        });
        let _ = JsFuture::from(promise).await;
    }
}
