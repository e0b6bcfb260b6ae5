//! What the browser gives to a worker and to a page alike, looked up by name: tests run in a page.

use crate::bridge::describe;
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
        Err(error) => return Err(describe(&error)),
    };
    JsFuture::from(promise).await.map_err(|error| describe(&error))
}

/// Milliseconds on a clock that only runs forwards.
pub(super) fn now_ms() -> f64 {
    let now = global("performance").and_then(|clock| call(&clock, "now", &JsValue::UNDEFINED).ok());
    now.and_then(|now| now.as_f64()).unwrap_or_else(js_sys::Date::now)
}

/// Waits, and so lets messages in; 0 is as short as the browser makes it, about 4 ms when it is done again and again.
pub(super) async fn sleep(ms: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        let set_timeout: Function = global("setTimeout").map(JsCast::unchecked_into).unwrap_or_default();
        // Without a timer there would be no browser.
        let _ = set_timeout.call2(&JsValue::UNDEFINED, &resolve, &ms.into());
    });
    let _ = JsFuture::from(promise).await;
}

/// Gigabytes of the machine, rounded and at most 8, where the browser tells.
pub(super) fn device_memory_gb() -> Option<f64> {
    property(&global("navigator")?, "deviceMemory")?.as_f64()
}

/// Waits until somebody calls [`Bell::ring`].
#[derive(Clone, Default)]
pub(super) struct Bell {
    resolve: std::rc::Rc<std::cell::RefCell<Option<Function>>>,
}

impl Bell {
    /// Wakes whoever waits, if anybody does.
    pub(super) fn ring(&self) {
        if let Some(resolve) = self.resolve.take() {
            // A promise's own function does not throw.
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    }

    /// Waits for the next ring.
    pub(super) async fn wait(&self) {
        let promise = Promise::new(&mut |resolve, _| {
            self.resolve.replace(Some(resolve));
        });
        let _ = JsFuture::from(promise).await;
    }
}
