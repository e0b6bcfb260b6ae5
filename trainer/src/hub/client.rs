//! Requests to the hub: who may see the token, what an answer means, what is worth another try.
//!
//! The token goes to the endpoint itself and nowhere else: redirects, which lead to another path of the hub for small
//! files and to another host for large ones, are followed here one by one, so that no header travels along by accident.
//! What a file is is only believed of the hub: the other host's etag is a hash of another kind.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};
use url::Url;

use super::error::HubError;
use super::name::{HubName, RepoKind, is_commit, is_safe_part};
use super::proxy::Agents;
use super::settings::{ENDPOINT, Settings};
use super::verify::HubHash;
use crate::say;

/// Tries of one request, and of a download without a new byte, before giving up.
pub(super) const ATTEMPTS: u32 = 4;

/// The pause before the second try; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Redirects before it must be a circle.
const MAX_REDIRECTS: usize = 10;

/// The longest JSON answer that is read: a listing of some hundred thousand files.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// A file of a repository, as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemoteFile {
    /// Its path in the repository.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its etag: SHA-256 of a large file, git's SHA-1 of a small one. Listings of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

impl RemoteFile {
    /// The hash of its bytes, where it is known.
    pub(super) fn hash(&self) -> Option<HubHash> {
        HubHash::from_etag(self.etag.as_ref()?)
    }
}

/// What the hub says of a file before it sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileMetadata {
    /// The name of its blob in the cache.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// The hash of its bytes; none where the etag is none.
    pub hash: Option<HubHash>,
}

/// Speaks the hub's protocol.
pub(super) struct Client {
    agents: Agents,
    settings: Settings,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = || {
            Agent::config_builder()
                .tls_config(tls.clone())
                .user_agent(concat!("bert-heal/", env!("CARGO_PKG_VERSION")))
                .max_redirects(0)
                .http_status_as_error(false)
                .timeout_resolve(Some(settings.answer_timeout))
                .timeout_connect(Some(settings.answer_timeout))
                .timeout_recv_response(Some(settings.answer_timeout))
                .timeout_per_read(Some(settings.read_timeout))
        };
        Self { agents: Agents::new(config, &settings.proxies), settings: settings.clone() }
    }

    /// The commit that the name's revision stands for.
    pub(super) fn commit(&self, name: &HubName) -> Result<String, HubError> {
        #[derive(Deserialize)]
        struct Repository {
            sha: String,
        }
        let what = format!("{} {name}", name.kind.word());
        let url = self.url(&["api", name.kind.plural()], &name.id, &["revision", &name.revision])?;
        let (repository, _): (Repository, _) = patiently(|| self.json(url.clone(), &what))?;
        if !is_commit(&repository.sha) {
            return Err(HubError::Protocol { what, problem: format!("expected a commit, got {}", repository.sha) });
        }
        Ok(repository.sha)
    }

    /// Every file of a commit, in the order of their paths.
    pub(super) fn files(&self, name: &HubName, commit: &str) -> Result<Vec<RemoteFile>, HubError> {
        #[derive(Deserialize)]
        struct Entry {
            r#type: String,
            path: String,
            #[serde(default)]
            size: u64,
            #[serde(default)]
            oid: Option<String>,
            #[serde(default)]
            lfs: Option<LargeFile>,
        }
        #[derive(Deserialize)]
        struct LargeFile {
            oid: String,
        }
        let what = format!("{} {name}", name.kind.word());
        let mut url = self.url(&["api", name.kind.plural()], &name.id, &["tree", commit])?;
        url.set_query(Some("recursive=true"));
        let mut files = Vec::new();
        loop {
            let (entries, next): (Vec<Entry>, _) = patiently(|| self.json(url.clone(), &what))?;
            files.extend(
                entries
                    .into_iter()
                    // A path that could leave the cache's folder is nobody's data.
                    .filter(|entry| entry.r#type == "file" && entry.path.split('/').all(is_safe_file_part))
                    .map(|entry| RemoteFile {
                        path: entry.path,
                        size: entry.size,
                        // Of a large file git only has the pointer.
                        etag: entry.lfs.map(|lfs| lfs.oid).or(entry.oid),
                    }),
            );
            match next {
                Some(next) if next != url => url = next,
                _ => break,
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// What the hub says of a file.
    pub(super) fn metadata(&self, name: &HubName, commit: &str, path: &str) -> Result<FileMetadata, HubError> {
        let what = format!("{}/{path}", name.id);
        let url = self.file_url(name, commit, path)?;
        patiently(|| self.head(url.clone(), commit, &what))
    }

    /// Asks for a file's headers along the redirects that stay on the hub, as `huggingface_hub` does. Of each header the
    /// first counts; a redirect's own length is that of its body and says nothing.
    fn head(&self, mut url: Url, commit: &str, what: &str) -> Result<FileMetadata, HubError> {
        let problem = |problem: String| HubError::Protocol { what: what.to_owned(), problem };
        let (mut linked_etag, mut linked_size) = (None, None);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&Method::HEAD, &url, what, 0)?;
            let headers = response.headers();
            let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            if let Some(other) = text("x-repo-commit").filter(|other| other != commit) {
                return Err(problem(format!("requested commit {commit}, got {other}")));
            }
            linked_etag = linked_etag.or_else(|| text("x-linked-etag"));
            linked_size = linked_size.or_else(|| text("x-linked-size"));
            let location = text("location").filter(|_| response.status().is_redirection());
            let next = location.map(|location| redirected(&url, &location, what)).transpose()?;
            let (etag, size) = match next {
                Some(next) if self.is_hub(&next) => {
                    url = next;
                    continue;
                }
                Some(elsewhere) => {
                    let etag = linked_etag.ok_or_else(|| {
                        let (host, other) = (self.settings.host(), authority(&elsewhere));
                        problem(format!(
                            "expected an x-linked-etag header where {host} redirects to {other}, got none, so the \
                             bytes cannot be verified; is HF_ENDPOINT a mirror of the hub?"
                        ))
                    })?;
                    let size =
                        linked_size.map_or_else(|| self.size_elsewhere(elsewhere, what).map(Some), |s| Ok(Some(s)));
                    (Some(etag), size?)
                }
                None => {
                    let etag = linked_etag.or_else(|| text("etag"));
                    let size = linked_size.or_else(|| text("content-length"));
                    self.checked(response, what)?;
                    (etag, size)
                }
            };
            let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
            let etag =
                etag.filter(|etag| is_safe_part(etag)).ok_or_else(|| problem("the response has no etag".into()))?;
            let size = size.and_then(|size| size.parse().ok());
            let size = size.ok_or_else(|| problem("the response does not state the file's size".into()))?;
            return Ok(FileMetadata { hash: HubHash::from_etag(&etag), etag, size });
        }
        Err(problem(format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// The size of a file that another host holds, where the hub does not say it; nothing else is believed of that host.
    fn size_elsewhere(&self, url: Url, what: &str) -> Result<String, HubError> {
        let (url, response) = self.follow(&Method::HEAD, url, what, 0)?;
        let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        length.map(str::to_owned).ok_or_else(|| HubError::Protocol {
            what: what.to_owned(),
            problem: format!("expected a content-length header from {}, got none", authority(&url)),
        })
    }

    /// The bytes of a file from `first_byte` on, and the byte with which they really begin: a server may not know
    /// ranges and send everything. Not tried again: the caller knows how far it got.
    pub(super) fn bytes(
        &self,
        name: &HubName,
        commit: &str,
        path: &str,
        first_byte: u64,
    ) -> Result<(u64, impl Read + use<>), HubError> {
        let what = format!("{}/{path}", name.id);
        let (_, response) = self.follow(&Method::GET, self.file_url(name, commit, path)?, &what, first_byte)?;
        let starts_at = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
                let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
                start.filter(|start| *start == first_byte).ok_or_else(|| HubError::Protocol {
                    what,
                    problem: format!("requested bytes from {first_byte} on, got {}", range.unwrap_or("no range")),
                })?
            }
            _ => 0,
        };
        Ok((starts_at, response.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    /// What went wrong while reading the body that [`Client::bytes`] gave.
    pub(super) fn read_error(&self, what: &str, error: std::io::Error) -> HubError {
        self.failed(what, self.settings.host(), ureq::Error::from(error))
    }

    /// One JSON answer, and the page after it.
    fn json<T: for<'de> Deserialize<'de>>(&self, url: Url, what: &str) -> Result<(T, Option<Url>), HubError> {
        let (url, response) = self.follow(&Method::GET, url, what, 0)?;
        let next = next_page(response.headers(), &url);
        let body = response.into_body().into_with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.failed(what, &authority(&url), error))?;
        let value = serde_json::from_slice(&body).map_err(|error| HubError::Protocol {
            what: what.to_owned(),
            problem: format!("not a response of the hub: {error}"),
        })?;
        Ok((value, next))
    }

    /// Sends a request and follows redirects, to other hosts as well.
    fn follow(
        &self,
        method: &Method,
        mut url: Url,
        what: &str,
        first_byte: u64,
    ) -> Result<(Url, Response<Body>), HubError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(method, &url, what, first_byte)?;
            let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            match location.filter(|_| response.status().is_redirection()) {
                None => return self.checked(response, what).map(|response| (url, response)),
                Some(location) => url = redirected(&url, location, what)?,
            }
        }
        Err(HubError::Protocol { what: what.to_owned(), problem: format!("more than {MAX_REDIRECTS} redirects") })
    }

    fn send(&self, method: &Method, url: &Url, what: &str, first_byte: u64) -> Result<Response<Body>, HubError> {
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            // Hashes and ranges are of the file itself, not of a compressed form of it.
            .header(header::ACCEPT_ENCODING, "identity");
        if first_byte > 0 {
            request = request.header(header::RANGE, format!("bytes={first_byte}-"));
        }
        if let Some(token) = self.settings.token.as_ref().filter(|_| self.is_endpoint(url)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let (agent, proxy_authorization) = self.agents.agent(url);
        if let Some(authorization) = proxy_authorization {
            request = request.header(header::PROXY_AUTHORIZATION, authorization);
        }
        let request = request.body(()).map_err(|error| HubError::Protocol {
            what: what.to_owned(),
            problem: format!("the request cannot be made: {error} (is HF_TOKEN a single line of ASCII?)"),
        })?;
        agent.run(request).map_err(|error| self.failed(what, &authority(url), error))
    }

    /// Whether a URL is the endpoint's own: scheme, host and port.
    fn is_endpoint(&self, url: &Url) -> bool {
        Url::parse(&self.settings.endpoint).is_ok_and(|endpoint| endpoint.origin() == url.origin())
    }

    /// Whether what a URL says of a file is believed: the endpoint's own, and Hugging Face's, where a mirror may lead.
    fn is_hub(&self, url: &Url) -> bool {
        self.is_endpoint(url) || Url::parse(ENDPOINT).is_ok_and(|hub| hub.origin() == url.origin())
    }

    /// What a status means.
    fn checked(&self, response: Response<Body>, what: &str) -> Result<Response<Body>, HubError> {
        let (status, what) = (response.status(), what.to_owned());
        if status.is_success() {
            return Ok(response);
        }
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let host = self.settings.host();
        // The hub answers 401 for what does not exist as well, so as not to tell who has which private repository.
        Err(match (status.as_u16(), text("x-error-code")) {
            (429 | 500..=599, _) => {
                let asked = text("retry-after").and_then(|secs| secs.parse().ok());
                let retry_after = asked.or_else(|| seconds_to_reset(text("ratelimit")?)).map(Duration::from_secs);
                HubError::Server { what, status: status.as_u16(), retry_after }
            }
            (_, Some("RepoNotFound")) => {
                let private = if self.settings.token.is_some() { "" } else { ", or it is private (then set HF_TOKEN)" };
                HubError::NotFound { what, missing: format!("no such name on {host}{private}") }
            }
            (_, Some("RevisionNotFound")) => {
                HubError::NotFound { what, missing: "no such branch, tag or commit".into() }
            }
            (401 | 403, _) => HubError::Denied { what, status: status.as_u16(), hint: self.access_hint() },
            (404, _) => HubError::NotFound { what, missing: format!("not found on {host}") },
            (other, _) => HubError::Protocol { what, problem: format!("the server responded with status {other}") },
        })
    }

    fn access_hint(&self) -> String {
        let endpoint = &self.settings.endpoint;
        if self.settings.token.is_some() {
            format!("your token has no access to it; request access on its page on {endpoint}")
        } else {
            format!(
                "it is gated or private: accept its terms on {endpoint}, if it has any, and set HF_TOKEN to a token \
                 with access to it ({endpoint}/settings/tokens)"
            )
        }
    }

    fn failed(&self, what: &str, host: &str, error: ureq::Error) -> HubError {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let unreachable = |reason: String| HubError::Unreachable { host: host.to_owned(), reason };
        let stalled = |limit, variable| HubError::Stalled { what: what.to_owned(), limit, variable };
        let cut = |reason: String| HubError::Cut { what: what.to_owned(), reason };
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                unreachable(format!("no response within {} s", self.settings.answer_timeout.as_secs_f64()))
            }
            ureq::Error::Timeout(Timeout::PerRead) => stalled(self.settings.read_timeout, "HF_HUB_DOWNLOAD_TIMEOUT"),
            ureq::Error::Timeout(_) => stalled(self.settings.answer_timeout, "HF_HUB_ETAG_TIMEOUT"),
            ureq::Error::Io(error)
                if [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind()) =>
            {
                cut(error.to_string())
            }
            ureq::Error::Protocol(error) => cut(error.to_string()),
            ureq::Error::HostNotFound => unreachable("no such host, or no network".into()),
            ureq::Error::Io(error) => unreachable(error.to_string()),
            other => unreachable(other.to_string()),
        }
    }

    fn file_url(&self, name: &HubName, commit: &str, path: &str) -> Result<Url, HubError> {
        let prefix: &[&str] = match name.kind {
            RepoKind::Model => &[],
            RepoKind::Dataset => &["datasets"],
        };
        let rest: Vec<&str> = ["resolve", commit].into_iter().chain(path.split('/')).collect();
        self.url(prefix, &name.id, &rest)
    }

    /// A URL under the endpoint. Each part of `rest` is one segment, so a revision's slashes are escaped in it.
    fn url(&self, prefix: &[&str], id: &str, rest: &[&str]) -> Result<Url, HubError> {
        let wrong = |problem: String| HubError::Protocol { what: self.settings.endpoint.clone(), problem };
        let mut url = Url::parse(&self.settings.endpoint).map_err(|error| wrong(error.to_string()))?;
        url.path_segments_mut()
            .map_err(|()| wrong("not the URL of a server".into()))?
            .pop_if_empty()
            .extend(prefix)
            .extend(id.split('/'))
            .extend(rest);
        Ok(url)
    }
}

/// Tries again, with growing pauses, what may succeed a moment later.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Result<T, HubError>) -> Result<T, HubError> {
    let mut n_failures = 0;
    loop {
        match attempt() {
            Err(error) if error.is_transient() && n_failures + 1 < ATTEMPTS => {
                n_failures += 1;
                pause(&error, n_failures, |text| say!("{text}"));
            }
            outcome => return outcome,
        }
    }
}

/// Says what failed and waits: as long as the server asks, else twice as long as the last time.
pub(super) fn pause(error: &HubError, n_failures: u32, say: impl FnOnce(&str)) {
    let doubled = FIRST_PAUSE * 2_u32.pow(n_failures.saturating_sub(1));
    let pause = match error {
        HubError::Server { retry_after: Some(asked), .. } => (*asked).max(FIRST_PAUSE),
        _ => doubled,
    };
    let pause = pause.min(LONGEST_PAUSE);
    say(&format!("note: {error}; trying again in {} s", pause.as_secs_f64()));
    std::thread::sleep(pause);
}

fn redirected(from: &Url, location: &str, what: &str) -> Result<Url, HubError> {
    let problem = |problem| HubError::Protocol { what: what.to_owned(), problem };
    let to = from.join(location).map_err(|error| problem(format!("redirected to {location}: {error}")))?;
    if !["http", "https"].contains(&to.scheme()) || (from.scheme() == "https" && to.scheme() == "http") {
        return Err(problem(format!("redirected from {} to {}, which is not followed", from.scheme(), to.scheme())));
    }
    Ok(to)
}

/// The seconds until a window of requests ends, in a header such as `"resolvers";r=0;t=55`
/// (draft-ietf-httpapi-ratelimit-headers).
fn seconds_to_reset(rate_limit: &str) -> Option<u64> {
    rate_limit.split(';').find_map(|part| part.trim().strip_prefix("t=")?.parse().ok())
}

/// The URL of the next page in a `Link` header (RFC 8288), on the same server.
fn next_page(headers: &HeaderMap, url: &Url) -> Option<Url> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let next = link.split(',').find(|link| link.contains("rel=\"next\""))?;
    let target = next.split_once('<')?.1.split_once('>')?.0;
    url.join(target).ok().filter(|next| next.origin() == url.origin())
}

/// Host and port as a person reads them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Names of files may hold more than those of repositories; what matters is that they stay in their folder.
fn is_safe_file_part(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_from_the_link_header() {
        let url = Url::parse("http://hub/api/datasets/a/b/tree/main").unwrap();
        let headers = |link: &str| HeaderMap::from_iter([(header::LINK, link.parse().unwrap())]);
        let next = next_page(&headers("<http://hub/x?cursor=2>; rel=\"next\""), &url).unwrap();
        assert_eq!(next.as_str(), "http://hub/x?cursor=2");
        assert_eq!(next_page(&headers("<http://other/x>; rel=\"next\""), &url), None, "another server's page");
        assert_eq!(next_page(&headers("<http://hub/x>; rel=\"prev\""), &url), None);
        assert_eq!(next_page(&HeaderMap::new(), &url), None);
    }

    #[test]
    fn the_hub_says_when_its_window_of_requests_ends() {
        assert_eq!(seconds_to_reset("\"resolvers\";r=0;t=55"), Some(55));
        assert_eq!(seconds_to_reset("\"api\""), None);
    }

    #[test]
    fn a_redirect_may_be_relative_and_never_leaves_tls() {
        let from = Url::parse("https://hub/a/resolve/main/f").unwrap();
        assert_eq!(redirected(&from, "/b/f", "f").unwrap().as_str(), "https://hub/b/f");
        assert!(redirected(&from, "http://cdn/f", "f").is_err());
        assert!(redirected(&from, "file:///etc/passwd", "f").is_err());
    }
}
