//! What is kept in the visitor's browser between visits: files of models and moments of healings, in the Cache API.
//!
//! Nothing depends on it: without a secure context, in some private windows, or when the quota is full the page works as
//! well and only says that it could not keep something. Files of models are kept under the hash of their content, so a
//! new build never gets an old file.

use super::browser;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Cache, CacheStorage, Headers, Request, Response, ResponseInit};

/// The caches of the page's own files, which its service worker fills, begin with this.
const PAGE_PREFIX: &str = "bert-heal-page-";

/// Beneath this address entries are kept; no file is ever served there.
const KEY_PREFIX: &str = "bert-heal-kept/";

/// One of the two kinds of things that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    Models,
    Moments,
}

impl Shelf {
    /// The cache's name; its number is raised when what is kept changes its form.
    fn cache(self) -> &'static str {
        match self {
            Self::Models => "bert-heal-models-1",
            Self::Moments => "bert-heal-moments-1",
        }
    }
}

/// The browser's caches, if it lets the page have them.
pub(super) struct BrowserCache {
    caches: Option<CacheStorage>,
}

impl BrowserCache {
    pub(super) fn open() -> Self {
        Self { caches: browser::global("caches").map(JsCast::unchecked_into) }
    }

    pub(super) fn is_available(&self) -> bool {
        self.caches.is_some()
    }

    /// What is kept under `key`.
    pub(super) async fn get(&self, shelf: Shelf, key: &str) -> Option<Vec<u8>> {
        let cache = self.cache(shelf).await.ok()?;
        let found = browser::settled(Ok(cache.match_with_str(&url(key)).into())).await.ok()?;
        gloo_net::http::Response::from(found.dyn_into::<Response>().ok()?).binary().await.ok()
    }

    /// Keeps `bytes` under `key`.
    ///
    /// # Errors
    /// The reason why the browser does not, such as a full quota.
    pub(super) async fn put(&self, shelf: Shelf, key: &str, bytes: &[u8]) -> Result<(), String> {
        let cache = self.cache(shelf).await?;
        let response = response(bytes).map_err(|error| crate::fetch::reason(&error))?;
        browser::settled(Ok(cache.put_with_str(&url(key), &response).into())).await.map(drop)
    }

    /// Forgets what is kept under `key`.
    pub(super) async fn delete(&self, shelf: Shelf, key: &str) {
        if let Ok(cache) = self.cache(shelf).await {
            // Whether it was there makes no difference.
            let _ = browser::settled(Ok(cache.delete_with_str(&url(key)).into())).await;
        }
    }

    /// The keys that begin with `prefix`, in the order in which they were kept, and the size of each in bytes.
    pub(super) async fn list(&self, shelf: Shelf, prefix: &str) -> Vec<(String, u64)> {
        let Ok(cache) = self.cache(shelf).await else { return Vec::new() };
        let Ok(requests) = browser::settled(Ok(cache.keys().into())).await else { return Vec::new() };
        let mut entries = Vec::new();
        for request in Array::from(&requests).iter().filter_map(|request| request.dyn_into::<Request>().ok()) {
            let Some((_, key)) =
                request.url().split_once(KEY_PREFIX).map(|(base, key)| (base.to_owned(), key.to_owned()))
            else {
                continue;
            };
            if key.starts_with(prefix) {
                let found = browser::settled(Ok(cache.match_with_request(&request).into())).await;
                let size_bytes = found.ok().and_then(|found| size_of(found.dyn_ref()?));
                entries.push((key, size_bytes.unwrap_or_default()));
            }
        }
        entries
    }

    /// Empties a shelf.
    pub(super) async fn delete_all(&self, shelf: Shelf) {
        self.delete_cache(shelf.cache()).await;
    }

    /// Deletes the page's own files, which the service worker keeps.
    pub(super) async fn delete_page(&self) {
        let Some(caches) = &self.caches else { return };
        let Ok(names) = browser::settled(Ok(caches.keys().into())).await else { return };
        for name in Array::from(&names).iter().filter_map(|name| name.as_string()) {
            if name.starts_with(PAGE_PREFIX) {
                self.delete_cache(&name).await;
            }
        }
    }

    async fn delete_cache(&self, name: &str) {
        if let Some(caches) = &self.caches {
            // Whether it was there makes no difference.
            let _ = browser::settled(Ok(caches.delete(name).into())).await;
        }
    }

    async fn cache(&self, shelf: Shelf) -> Result<Cache, String> {
        let caches = self.caches.as_ref().ok_or_else(|| "the browser keeps nothing for this page".to_owned())?;
        Ok(browser::settled(Ok(caches.open(shelf.cache()).into())).await?.unchecked_into())
    }
}

/// What the browser says this origin takes and may take, in bytes.
pub(super) async fn estimate() -> (Option<u64>, Option<u64>) {
    let Some(manager) = browser::global("navigator").and_then(|navigator| browser::property(&navigator, "storage"))
    else {
        return (None, None);
    };
    let Ok(estimate) = browser::settled(browser::call(&manager, "estimate", &JsValue::UNDEFINED)).await else {
        return (None, None);
    };
    let bytes = |name: &str| browser::property(&estimate, name)?.as_f64().map(|bytes| bytes as u64);
    (bytes("usage"), bytes("quota"))
}

fn url(key: &str) -> String {
    format!("{KEY_PREFIX}{key}")
}

fn response(bytes: &[u8]) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.set("content-type", "application/octet-stream")?;
    headers.set("content-length", &bytes.len().to_string())?;
    let init = ResponseInit::new();
    init.set_headers(&headers);
    Response::new_with_opt_js_u8_array_and_init(Some(&Uint8Array::from(bytes)), &init)
}

fn size_of(response: &Response) -> Option<u64> {
    response.headers().get("content-length").ok()??.parse().ok()
}
