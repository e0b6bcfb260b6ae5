//! Files that lie beside the page.

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The bytes of the file at `url`, relative to the page; `None` when there is none.
///
/// # Errors
/// What the browser or the server said.
pub async fn bytes(url: &str) -> Result<Option<Vec<u8>>, String> {
    let window = web_sys::window().ok_or("there is no window")?;
    let response = JsFuture::from(window.fetch_with_str(url)).await.map_err(|error| reason(&error))?;
    let response: web_sys::Response = response.dyn_into().map_err(|_| "the answer is none")?;
    if response.status() == 404 {
        return Ok(None);
    }
    if !response.ok() {
        return Err(format!("the server answered {}", response.status()));
    }
    let buffer = JsFuture::from(response.array_buffer().map_err(|error| reason(&error))?);
    let buffer = buffer.await.map_err(|error| reason(&error))?;
    Ok(Some(js_sys::Uint8Array::new(&buffer).to_vec()))
}

/// The bytes of a file that the visitor chose.
///
/// # Errors
/// What the browser said.
pub async fn file_bytes(file: &web_sys::File) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|error| reason(&error))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

fn reason(error: &JsValue) -> String {
    let error = error.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| "the browser gave no reason".to_owned(), |error| String::from(error.message()))
}
