//! A server that speaks the hub's protocol on loopback, with the faults that real ones have.
//!
//! As on the hub, small files come from the server itself with git's name of the blob as their etag, and large ones from
//! another host, here another port, with their SHA-256 in a header of the redirect.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use futures_util::{StreamExt, stream};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A repository at one commit.
pub struct Repository {
    /// As in the API's paths: `models/org/name` or `datasets/org/name`.
    pub path: String,
    pub revision: String,
    pub files: Vec<(String, Vec<u8>)>,
}

impl Repository {
    pub fn new(path: &str, files: Vec<(String, Vec<u8>)>) -> Self {
        Self { path: path.to_owned(), revision: "main".to_owned(), files }
    }

    /// The files of a folder under their names.
    pub fn of_folder(path: &str, folder: &Path) -> Self {
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&file).unwrap()))
            .collect();
        files.sort();
        Self::new(path, files)
    }

    pub fn commit(&self) -> String {
        hex::encode(Sha1::digest(format!("{} {}", self.path, self.revision)))
    }

    pub fn file(&self, name: &str) -> &[u8] {
        &self.files.iter().find(|(other, _)| other == name).unwrap().1
    }
}

/// What goes wrong, in the order of requests.
#[derive(Default)]
pub struct Faults {
    /// Statuses that the next requests to the hub are answered with.
    pub statuses: VecDeque<u16>,
    /// The `Authorization` without which there is nothing.
    pub required: Option<String>,
    /// The byte of a large file at which the next answer breaks off.
    pub cut_at: Option<usize>,
    /// The byte of a large file after which nothing comes any more.
    pub stall_at: Option<usize>,
    /// A byte of every file that is sent wrong.
    pub flip: Option<usize>,
    /// Whole files are sent, whatever was asked for.
    pub knows_no_ranges: bool,
    /// A byte takes so long, in both senses.
    pub delay: Option<Duration>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `hub` or `cdn`.
    pub server: &'static str,
    pub path: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
}

pub struct Hub {
    pub endpoint: String,
    state: Arc<Shared>,
}

struct Shared {
    cdn: String,
    repositories: Vec<Repository>,
    faults: Mutex<Faults>,
    log: Mutex<Vec<Asked>>,
}

impl Hub {
    /// Starts both servers; they end with the test's process.
    pub fn start(repositories: Vec<Repository>) -> Self {
        let [hub, cdn] = [(), ()].map(|()| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        });
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (endpoint, cdn_url) = (url(&hub), url(&cdn));
        let state = Arc::new(Shared { cdn: cdn_url, repositories, faults: Mutex::default(), log: Mutex::default() });
        let (ready, started) = mpsc::channel();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listen = |listener| tokio::net::TcpListener::from_std(listener).unwrap();
                let hub_app = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
                let cdn_app = axum::Router::new().fallback(large_file).with_state(shared);
                let (hub, cdn) = (listen(hub), listen(cdn));
                ready.send(()).unwrap();
                let (hub, cdn) = tokio::join!(axum::serve(hub, hub_app), axum::serve(cdn, cdn_app));
                hub.and(cdn).unwrap();
            });
        });
        started.recv().unwrap();
        Self { endpoint, state }
    }

    pub fn with(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state.faults.lock().unwrap());
    }

    pub fn log(&self) -> Vec<Asked> {
        self.state.log.lock().unwrap().clone()
    }

    /// What was asked of large files, without the questions about them.
    pub fn downloads(&self) -> Vec<Asked> {
        self.log().into_iter().filter(|asked| asked.server == "cdn").collect()
    }

    pub fn repository(&self, path: &str) -> &Repository {
        self.state.repositories.iter().find(|repository| repository.path == path).unwrap()
    }
}

fn note(state: &Shared, server: &'static str, request: &Request) {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    state.log.lock().unwrap().push(Asked {
        server,
        path: request.uri().path().to_owned(),
        range: text(header::RANGE),
        authorization: text(header::AUTHORIZATION),
    });
}

fn status(status: u16) -> http::response::Builder {
    Response::builder().status(status)
}

/// The hub itself.
async fn answer(State(state): State<Arc<Shared>>, request: Request) -> Response<Body> {
    note(&state, "hub", &request);
    {
        let mut faults = state.faults.lock().unwrap();
        if let Some(code) = faults.statuses.pop_front() {
            return status(code).header("retry-after", "0").body("later".into()).unwrap();
        }
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if faults.required.is_some() && faults.required.as_deref() != given {
            let code = if given.is_some() { 403 } else { 401 };
            return status(code).header("x-error-code", "GatedRepo").body("gated".into()).unwrap();
        }
    }
    let path = request.uri().path();
    if let Some(rest) = path.strip_prefix("/api/") {
        return api(&state, rest, request.uri().query().unwrap_or_default());
    }
    file(&state, path, request.method())
}

fn api(state: &Shared, path: &str, query: &str) -> Response<Body> {
    let known = state.repositories.iter().filter(|repository| path.starts_with(&format!("{}/", repository.path)));
    let known: Vec<&Repository> = known.collect();
    let Some(first) = known.first() else {
        return status(401).header("x-error-code", "RepoNotFound").body("{}".into()).unwrap();
    };
    let rest = &path[first.path.len() + 1..];
    if let Some(revision) = rest.strip_prefix("revision/") {
        let revision = revision.replace("%2F", "/");
        return match known.iter().find(|known| known.revision == revision || known.commit() == revision) {
            Some(repository) => {
                let body = json!({"id": repository.path, "sha": repository.commit(), "private": false});
                status(200).body(body.to_string().into()).unwrap()
            }
            None => status(404).header("x-error-code", "RevisionNotFound").body("{}".into()).unwrap(),
        };
    }
    let commit = rest.strip_prefix("tree/").unwrap();
    assert!(query.contains("recursive=true"), "{query}");
    let repository = known.iter().find(|known| known.commit() == commit).unwrap();
    // Two files a page, so that every listing has several.
    let page: usize = query.split("cursor=").nth(1).map_or(0, |cursor| cursor.parse().unwrap());
    let entries: Vec<_> = repository
        .files
        .iter()
        .skip(2 * page)
        .take(2)
        .map(|(path, bytes)| json!({"type": "file", "path": path, "size": bytes.len(), "oid": "0"}))
        .collect();
    let mut response = status(200);
    if 2 * page + 2 < repository.files.len() {
        let next = format!("</api/{path}?recursive=true&cursor={}>; rel=\"next\"", page + 1);
        response = response.header(header::LINK, next);
    }
    response.body(json!(entries).to_string().into()).unwrap()
}

fn file(state: &Shared, path: &str, method: &Method) -> Response<Body> {
    let found = state.repositories.iter().find_map(|repository| {
        let base = repository.path.strip_prefix("models/").unwrap_or(&repository.path);
        let name = path.strip_prefix(&format!("/{base}/resolve/{}/", repository.commit()))?;
        let (_, bytes) = repository.files.iter().find(|(other, _)| other == name)?;
        Some((repository, name, bytes))
    });
    let Some((repository, name, bytes)) = found else {
        return status(404).header("x-error-code", "EntryNotFound").body("".into()).unwrap();
    };
    let response = status(200).header("x-repo-commit", repository.commit());
    if is_large(name) {
        let hash = hex::encode(Sha256::digest(bytes));
        return response
            .status(302)
            .header("x-linked-etag", format!("\"{hash}\""))
            .header("x-linked-size", bytes.len())
            .header("etag", "\"of the redirect\"")
            .header(header::LOCATION, format!("{}/{hash}", state.cdn))
            .body(Body::empty())
            .unwrap();
    }
    let hash = Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize();
    let sent = if *method == Method::HEAD { bytes.clone() } else { flipped(state, bytes) };
    response.header("etag", format!("\"{}\"", hex::encode(hash))).body(sent.into()).unwrap()
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.contains("train")
}

fn flipped(state: &Shared, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = state.faults.lock().unwrap().flip {
        let byte = byte.min(bytes.len() - 1);
        bytes[byte] ^= 1;
    }
    bytes
}

/// The host of large files.
async fn large_file(State(state): State<Arc<Shared>>, request: Request) -> Response<Body> {
    note(&state, "cdn", &request);
    let hash = request.uri().path().trim_start_matches('/');
    let mut all = state.repositories.iter().flat_map(|repository| &repository.files);
    let (_, bytes) = all.find(|(_, bytes)| hex::encode(Sha256::digest(bytes)) == hash).expect("only what was linked");
    let bytes = flipped(&state, bytes);
    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let first: usize = range.map_or(0, |range| {
        range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap().parse().unwrap()
    });
    let (cut_at, stall_at, delay, first) = {
        let mut faults = state.faults.lock().unwrap();
        let first = if faults.knows_no_ranges { 0 } else { first };
        (faults.cut_at.take(), faults.stall_at, faults.delay, first)
    };
    let response = if first == 0 {
        status(200)
    } else {
        let range = format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len());
        status(206).header(header::CONTENT_RANGE, range)
    };
    let response = response.header(header::CONTENT_LENGTH, bytes.len() - first);
    let end = cut_at.or(stall_at).unwrap_or(bytes.len()).max(first);
    let sent: Vec<Bytes> = bytes[first..end].chunks(4096).map(Bytes::copy_from_slice).collect();
    let sent = stream::iter(sent).then(move |chunk| async move {
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        Ok::<_, std::io::Error>(chunk)
    });
    let body = if cut_at.is_some() {
        // A moment later, so that what was sent has arrived.
        let broken = stream::once(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Err(std::io::Error::other("cut"))
        });
        Body::from_stream(sent.chain(broken))
    } else if stall_at.is_some() {
        Body::from_stream(sent.chain(stream::pending()))
    } else {
        Body::from_stream(sent)
    };
    let response: Result<Response<Body>, _> = response.body(body);
    response.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR.as_u16()).body("".into()).unwrap())
}
