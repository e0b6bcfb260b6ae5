//! Headers as the hub sent them in April to July 2026, with names, hashes and lengths left open.
//!
//! They were recorded by others with `curl -I` and in the logs of Python clients, and are kept here without dates,
//! request numbers and what a cache in between added. What `huggingface_hub` makes of them is checked by
//! `tests/scripts/compare_hub_clients.py`.

/// A status and headers in their order.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const POWERED_BY: &str = "huggingface-moon";
const EXPOSED: &str = "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,\
                       Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash";

/// What the hub's own answers have in common.
fn of_the_hub(status: u16, body: &str, more: Vec<(&'static str, String)>) -> Answer {
    let mut headers = vec![
        ("content-type", TEXT.to_owned()),
        ("content-length", body.len().to_string()),
        ("x-powered-by", POWERED_BY.to_owned()),
        ("ratelimit", "\"resolvers\";r=2999;t=257".to_owned()),
        ("ratelimit-policy", "\"fixed window\";\"resolvers\";q=3000;w=300".to_owned()),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
        ("referrer-policy", "strict-origin-when-cross-origin".to_owned()),
        ("access-control-expose-headers", EXPOSED.to_owned()),
    ];
    for (name, value) in more {
        headers.retain(|(other, _)| *other != name);
        headers.push((name, value));
    }
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

/// HEAD or GET of a small file: 307 to the same server, with the length of its own body.
///
/// `x-linked-etag` was there in some recordings and not in others.
pub fn small_file(repository: &str, commit: &str, name: &str, git_sha1: &str) -> Answer {
    let base = repository.strip_prefix("models/").unwrap_or(repository);
    let asked = format!("/{base}/resolve/{commit}/{name}").replace('/', "%2F");
    let location = format!("/api/resolve-cache/{repository}/{commit}/{name}?{asked}=&etag=%22{git_sha1}%22");
    let file = name.rsplit('/').next().unwrap_or(name);
    of_the_hub(
        307,
        &format!("Temporary Redirect. Redirecting to {location}"),
        vec![
            ("location", location.clone()),
            ("vary", "Origin, Accept".to_owned()),
            ("x-repo-commit", commit.to_owned()),
            ("accept-ranges", "bytes".to_owned()),
            ("x-hub-cache", "MISS".to_owned()),
            ("content-disposition", format!("inline; filename*=UTF-8''{file}; filename=\"{file}\";")),
            ("content-security-policy", "default-src 'none'; sandbox".to_owned()),
            ("x-linked-etag", format!("\"{git_sha1}\"")),
        ],
    )
}

/// Where that leads: the file itself.
pub fn cached_small_file(commit: &str, bytes: &[u8], git_sha1: &str) -> Answer {
    let mut answer = of_the_hub(
        200,
        "",
        vec![
            ("etag", format!("\"{git_sha1}\"")),
            ("x-repo-commit", commit.to_owned()),
            ("accept-ranges", "bytes".to_owned()),
            ("content-length", bytes.len().to_string()),
        ],
    );
    answer.body = bytes.to_vec();
    answer
}

/// HEAD or GET of a large file: 302 to another host, with the file's own size and SHA-256, and what Xet calls it.
pub fn large_file(repository: &str, commit: &str, size: usize, sha256: &str, xet_hash: &str, cdn: &str) -> Answer {
    let location = format!("{cdn}/xet-bridge-us/{xet_hash}?X-Xet-Cas-Uid=public&Expires=1781098782&Signature=abc");
    of_the_hub(
        302,
        &format!("Found. Redirecting to {location}"),
        vec![
            ("location", location.clone()),
            ("vary", "Origin, Accept".to_owned()),
            ("x-repo-commit", commit.to_owned()),
            ("accept-ranges", "bytes".to_owned()),
            ("x-linked-size", size.to_string()),
            ("x-linked-etag", format!("\"{sha256}\"")),
            ("x-xet-hash", xet_hash.to_owned()),
            (
                "link",
                format!(
                    "</api/{repository}/xet-read-token/{commit}>; rel=\"xet-auth\", \
                     <{cdn}/v1/reconstructions/{xet_hash}>; rel=\"xet-reconstruction-info\""
                ),
            ),
        ],
    )
}

/// The other host's headers. Its etag is the Xet hash, which looks like a SHA-256 and is none.
pub fn xet_file(xet_hash: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/octet-stream".to_owned()),
        ("accept-ranges", "bytes".to_owned()),
        ("etag", format!("\"{xet_hash}\"")),
        ("x-hf-cdn-pop", "aws-eu-west-3".to_owned()),
    ]
}

/// A file that the commit does not have.
pub fn no_such_file(commit: &str) -> Answer {
    error(404, "EntryNotFound", "Entry not found", "Entry not found", Some(commit))
}

/// A repository that does not exist, or that the visitor may not know of.
pub fn no_such_repository() -> Answer {
    error(401, "RepoNotFound", "Repository not found", "Invalid username or password.", None)
}

/// A repository without that branch, tag or commit.
pub fn no_such_revision() -> Answer {
    error(404, "RevisionNotFound", "Invalid rev id", "Invalid rev id", None)
}

/// A gated repository: 401 without a token, 403 with one that is not enough.
pub fn gated(repository: &str, has_token: bool) -> Answer {
    let id = repository.split_once('/').map_or(repository, |(_, id)| id);
    let what = format!("Access to {id} is restricted.");
    let (status, more) = if has_token {
        (403, " You are not in the authorized list.")
    } else {
        (401, " You must have access to it and be authenticated to access it. Please log in.")
    };
    let text = what + more;
    let mut answer = error(status, "GatedRepo", &text, &text, None);
    if !has_token {
        let realm = "Bearer realm=\"Authentication required\", charset=\"UTF-8\"".to_owned();
        answer.headers.push(("www-authenticate", realm));
    }
    answer
}

/// Too many requests in this window of five minutes: there is no `retry-after`.
pub fn too_many_requests(reset_secs: u64) -> Answer {
    let left = format!("\"resolvers\";r=0;t={reset_secs}");
    of_the_hub(429, "Too Many Requests", vec![("ratelimit", left)])
}

fn error(status: u16, code: &str, message: &str, body: &str, commit: Option<&str>) -> Answer {
    let mut more = vec![("x-error-code", code.to_owned()), ("x-error-message", message.to_owned())];
    more.extend(commit.map(|commit| ("x-repo-commit", commit.to_owned())));
    of_the_hub(status, body, more)
}
