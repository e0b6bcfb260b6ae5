//! A server that speaks the hub's protocol on loopback, with the faults that real ones have.
//!
//! As on the hub, a small file is a redirect to another path of the server with git's name of the blob as its etag, and a
//! large one a redirect to another host, here another port, with its SHA-256 in a header; see [`recorded`].

#[path = "recorded.rs"]
mod recorded;

use std::collections::VecDeque;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use futures_util::{StreamExt, stream};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use recorded::Answer;

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

    /// The files of a folder and its folders under their names.
    pub fn of_folder(path: &str, folder: &Path) -> Self {
        let mut files = Vec::new();
        let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
        while let Some(inner) = folders.pop() {
            for entry in std::fs::read_dir(inner).unwrap() {
                let entry = entry.unwrap().path();
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    let name = entry.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                    files.push((name, std::fs::read(&entry).unwrap()));
                }
            }
        }
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
    /// Headers that the hub's answers about files lack.
    pub omitted: Vec<&'static str>,
    /// The `Authorization` without which there is nothing.
    pub required: Option<String>,
    /// The byte of a large file at which the next answer breaks off.
    pub cut_at: Option<usize>,
    /// The byte of a large file at which every answer breaks off.
    pub truncate_at: Option<usize>,
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
    pub method: Method,
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
        self.log().into_iter().filter(|asked| asked.server == "cdn" && asked.method == Method::GET).collect()
    }

    pub fn repository(&self, path: &str) -> &Repository {
        self.state.repositories.iter().find(|repository| repository.path == path).unwrap()
    }
}

fn note(state: &Shared, server: &'static str, request: &Request) {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    state.log.lock().unwrap().push(Asked {
        server,
        method: request.method().clone(),
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
    let path = request.uri().path();
    {
        let mut faults = state.faults.lock().unwrap();
        match faults.statuses.pop_front() {
            Some(429) => return sent(recorded::too_many_requests(0)),
            Some(code) => return status(code).header("retry-after", "0").body("later".into()).unwrap(),
            None => {}
        }
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if faults.required.is_some() && faults.required.as_deref() != given {
            return sent(recorded::gated(path, given.is_some()));
        }
    }
    if let Some(rest) = path.strip_prefix("/api/resolve-cache/") {
        return small_file(&state, rest, request.method());
    }
    if let Some(rest) = path.strip_prefix("/api/") {
        return api(&state, rest, request.uri().query().unwrap_or_default());
    }
    let mut answer = file(&state, path);
    let omitted = state.faults.lock().unwrap().omitted.clone();
    answer.headers.retain(|(name, _)| !omitted.contains(name));
    sent(answer)
}

fn sent(answer: Answer) -> Response<Body> {
    let mut response = status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.into()).unwrap()
}

fn api(state: &Shared, path: &str, query: &str) -> Response<Body> {
    let known = state.repositories.iter().filter(|repository| path.starts_with(&format!("{}/", repository.path)));
    let known: Vec<&Repository> = known.collect();
    let Some(first) = known.first() else {
        return sent(recorded::no_such_repository());
    };
    let rest = &path[first.path.len() + 1..];
    if let Some(revision) = rest.strip_prefix("revision/") {
        let revision = revision.replace("%2F", "/");
        return match known.iter().find(|known| known.revision == revision || known.commit() == revision) {
            Some(repository) => {
                let body = json!({"id": repository.path, "sha": repository.commit(), "private": false});
                status(200).body(body.to_string().into()).unwrap()
            }
            None => sent(recorded::no_such_revision()),
        };
    }
    let commit = rest.strip_prefix("tree/").unwrap();
    assert!(query.contains("recursive=true"), "{query}");
    let Some(repository) = known.iter().find(|known| known.commit() == commit) else {
        return sent(recorded::no_such_revision());
    };
    // Two files a page, so that every listing has several.
    let page: usize = query.split("cursor=").nth(1).map_or(0, |cursor| cursor.parse().unwrap());
    let entries: Vec<_> = repository
        .files
        .iter()
        .skip(2 * page)
        .take(2)
        .map(|(path, bytes)| {
            let mut entry = json!({"type": "file", "path": path, "size": bytes.len(), "oid": git_sha1(bytes)});
            if is_large(path) {
                // Git knows the pointer instead.
                entry["oid"] = git_sha1(b"version https://git-lfs.github.com/spec/v1").into();
                entry["lfs"] = json!({"oid": sha256(bytes), "size": bytes.len(), "pointerSize": 132});
                entry["xetHash"] = xet_hash(bytes).into();
            }
            entry
        })
        .collect();
    let mut response = status(200);
    if 2 * page + 2 < repository.files.len() {
        let next = format!("</api/{path}?recursive=true&cursor={}>; rel=\"next\"", page + 1);
        response = response.header(header::LINK, next);
    }
    response.body(json!(entries).to_string().into()).unwrap()
}

/// The hub's answer to `…/resolve/…`, which is never a file itself.
fn file(state: &Shared, path: &str) -> Answer {
    let mut known = state.repositories.iter().filter_map(|repository| {
        let base = repository.path.strip_prefix("models/").unwrap_or(&repository.path);
        Some((repository, path.strip_prefix(&format!("/{base}/resolve/"))?))
    });
    let found = known.clone().find_map(|(repository, rest)| {
        let (revision, commit) = (repository.revision.replace('/', "%2F"), repository.commit());
        let name = [revision, commit].iter().find_map(|at| rest.strip_prefix(at.as_str())?.strip_prefix('/'))?;
        Some((repository, name))
    });
    let Some((repository, name)) = found else {
        return if known.next().is_some() { recorded::no_such_revision() } else { recorded::no_such_repository() };
    };
    let commit = repository.commit();
    let Some((_, bytes)) = repository.files.iter().find(|(other, _)| other == name) else {
        return recorded::no_such_file(&commit);
    };
    if is_large(name) {
        let (sha256, xet_hash) = (sha256(bytes), xet_hash(bytes));
        return recorded::large_file(&repository.path, &commit, bytes.len(), &sha256, &xet_hash, &state.cdn);
    }
    recorded::small_file(&repository.path, &commit, name, &git_sha1(bytes))
}

/// Where the redirect of a small file leads.
fn small_file(state: &Shared, path: &str, method: &Method) -> Response<Body> {
    let found = state.repositories.iter().find_map(|repository| {
        let name = path.strip_prefix(&format!("{}/{}/", repository.path, repository.commit()))?;
        let (_, bytes) = repository.files.iter().find(|(other, _)| other == name)?;
        Some((repository, bytes))
    });
    let (repository, bytes) = found.expect("only what was redirected to");
    let shown = if *method == Method::HEAD { bytes.clone() } else { flipped(state, bytes) };
    sent(recorded::cached_small_file(&repository.commit(), &shown, &git_sha1(bytes)))
}

/// Git's name of a blob.
pub fn git_sha1(bytes: &[u8]) -> String {
    hex::encode(Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What Xet calls these bytes: of another kind of hash, and as long as a SHA-256.
fn xet_hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::new_with_prefix("xet").chain_update(bytes).finalize())
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
    let hash = request.uri().path().trim_start_matches("/xet-bridge-us/");
    let mut all = state.repositories.iter().flat_map(|repository| &repository.files);
    let (_, bytes) = all.find(|(_, bytes)| xet_hash(bytes) == hash).expect("only what was linked");
    let bytes = flipped(&state, bytes);
    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let first: usize = range.map_or(0, |range| {
        range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap().parse().unwrap()
    });
    if *request.method() == Method::HEAD {
        let response = status(200).header(header::CONTENT_LENGTH, bytes.len());
        return response.header("etag", format!("\"{hash}\"")).body(Body::empty()).unwrap();
    }
    let (cut_at, stall_at, delay, first) = {
        let mut faults = state.faults.lock().unwrap();
        let first = if faults.knows_no_ranges { 0 } else { first };
        (faults.cut_at.take().or(faults.truncate_at), faults.stall_at, faults.delay, first)
    };
    let response = if first == 0 {
        status(200)
    } else {
        let range = format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len());
        status(206).header(header::CONTENT_RANGE, range)
    };
    let mut response = response.header(header::CONTENT_LENGTH, bytes.len() - first);
    for (name, value) in recorded::xet_file(hash) {
        response = response.header(name, value);
    }
    let end = cut_at.or(stall_at).unwrap_or(bytes.len()).clamp(first, bytes.len());
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
