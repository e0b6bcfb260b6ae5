//! Bytes from the page's own server and from files, with their progress.

use super::browser;
use super::task::{Interruption, Task};
use crate::bridge::describe;
use crate::failure::Failure;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use web_sys::{File, ReadableStreamDefaultReader, Response};

/// A whole file; `on_bytes` hears how many of its bytes are there.
///
/// # Errors
/// [`Failure::Transfer`] when it does not arrive as a whole.
pub(super) async fn fetch(task: &Task, url: &str, mut on_bytes: impl FnMut(u64)) -> Result<Vec<u8>, Interruption> {
    let failure = |reason: String| Interruption::from(Failure::Transfer { file: url.to_owned(), reason });
    let promise = browser::call(&js_sys::global(), "fetch", &url.into());
    let response: Response = browser::settled(promise).await.map_err(failure)?.unchecked_into();
    if !response.ok() {
        return Err(failure(match response.status() {
            404 => "the server has no such file".to_owned(),
            status => format!("the server answered with status {status}"),
        }));
    }
    let Some(body) = response.body() else { return Ok(Vec::new()) };
    let reader = ReadableStreamDefaultReader::new(&body).map_err(|error| failure(describe(&error)))?;
    let mut bytes = Vec::new();
    loop {
        if let Err(interruption) = task.check() {
            let _ = reader.cancel();
            return Err(interruption);
        }
        let chunk = browser::settled(Ok(reader.read().into())).await.map_err(failure)?;
        if browser::property(&chunk, "done").is_some_and(|done| done.is_truthy()) {
            return Ok(bytes);
        }
        let Some(chunk) = browser::property(&chunk, "value") else { continue };
        append(&mut bytes, &chunk.unchecked_into());
        on_bytes(bytes.len() as u64);
    }
}

/// The bytes of a kept or given body.
pub(super) async fn body(response: &Response) -> Result<Vec<u8>, String> {
    let buffer = browser::settled(response.array_buffer().map(Into::into)).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// A file of the visitor.
///
/// # Errors
/// [`Failure::WrongFile`] when the browser cannot read it (any more).
pub(super) async fn read(file: &File) -> Result<Vec<u8>, Failure> {
    let buffer = browser::settled(browser::call(file, "arrayBuffer", &JsValue::UNDEFINED)).await;
    let buffer = buffer.map_err(|reason| Failure::WrongFile {
        file: file.name(),
        reason: format!("the browser could not read it ({reason}); was it moved or changed? Choose it again"),
    })?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

fn append(bytes: &mut Vec<u8>, chunk: &Uint8Array) {
    let start = bytes.len();
    bytes.resize(start + chunk.length() as usize, 0);
    chunk.copy_to(&mut bytes[start..]);
}
