//! Files that lie beside the page, and files of the visitor; for the page and its worker alike.
//!
//! Made of gloo-net and gloo-file; what comes piece by piece is read from the browser's own stream, of which gloo-net
//! only gives the handle.

use crate::failure::Failure;
use gloo_net::http::{Request, Response};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use shared::git_lfs;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, RequestCache};

/// The bytes of the file at `url`, relative to the page; `None` when there is none. A copy that the browser has is used
/// only if the server says that it still holds.
///
/// # Errors
/// What the browser or the server said.
pub async fn bytes(url: &str) -> Result<Option<Vec<u8>>, String> {
    match response(url).await? {
        Some(response) => response.binary().await.map(Some).map_err(|error| error.to_string()),
        None => Ok(None),
    }
}

/// As [`bytes`], piece by piece: `on_bytes` hears how many are there and may give up, which ends the transfer.
///
/// # Errors
/// What the browser or the server said, or what `on_bytes` gives up with.
pub async fn bytes_told<E: From<String>>(
    url: &str,
    mut on_bytes: impl FnMut(u64) -> Result<(), E>,
) -> Result<Option<Vec<u8>>, E> {
    let Some(response) = response(url).await? else { return Ok(None) };
    let Some(body) = response.body() else { return Ok(Some(Vec::new())) };
    let reader = ReadableStreamDefaultReader::new(&body).map_err(|error| reason(&error))?;
    let mut bytes = Vec::new();
    loop {
        if let Err(given_up) = on_bytes(bytes.len() as u64) {
            let _ = reader.cancel();
            return Err(given_up);
        }
        let piece = JsFuture::from(reader.read()).await.map_err(|error| reason(&error))?;
        let property = |name: &str| Reflect::get(&piece, &name.into()).unwrap_or_default();
        if property("done").is_truthy() {
            return Ok(Some(bytes));
        }
        let piece: Uint8Array = property("value").unchecked_into();
        let start = bytes.len();
        bytes.resize(start + piece.length() as usize, 0);
        piece.copy_to(&mut bytes[start..]);
    }
}

/// What `wait` brings, unless it takes longer than `ms`.
pub async fn within<T>(ms: u32, wait: impl Future<Output = T>) -> Option<T> {
    let (mut wait, mut time) = (pin!(wait), pin!(TimeoutFuture::new(ms)));
    poll_fn(|context| match wait.as_mut().poll(context) {
        Poll::Ready(found) => Poll::Ready(Some(found)),
        Poll::Pending => time.as_mut().poll(context).map(|()| None),
    })
    .await
}

async fn response(url: &str) -> Result<Option<Response>, String> {
    let request = Request::get(url).cache(RequestCache::NoCache);
    let response = request.send().await.map_err(|error| error.to_string())?;
    match response.status() {
        404 => Ok(None),
        _ if response.ok() => Ok(Some(response)),
        status => Err(format!("the server answered with status {status}")),
    }
}

/// The bytes of a file that the visitor chose.
///
/// # Errors
/// [`Failure::WrongFile`] when the browser cannot read it (any more), or when it only points at the file that is meant.
pub async fn file_bytes(file: &web_sys::File) -> Result<Vec<u8>, Failure> {
    let read = gloo_file::futures::read_as_bytes(&file.clone().into()).await;
    let bytes = read.map_err(|error| {
        let reason = format!("the browser could not read it ({error}); was it moved or changed? Choose it again");
        Failure::wrong_file(&file.name(), &reason)
    })?;
    match git_lfs::pointer(&bytes) {
        Some(reason) => Err(Failure::wrong_file(&file.name(), &reason)),
        None => Ok(bytes),
    }
}

/// What the browser says is wrong.
pub(crate) fn reason(error: &JsValue) -> String {
    let error = error.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| "the browser gave no reason".to_owned(), |error| String::from(error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn waiting_ends_with_what_comes_or_with_the_time() {
        assert_eq!(within(60_000, TimeoutFuture::new(1)).await, Some(()));
        assert_eq!(within(1, std::future::pending::<()>()).await, None);
    }
}
