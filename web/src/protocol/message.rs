//! What is posted: calls, replies, and the envelope with the version.

use super::request::{AnyRequest, Request, RequestId};
use crate::failure::Failure;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Raised whenever a message changes its meaning or shape.
pub const VERSION: u32 = 6;

/// A request on its way to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the page, each once.
    pub id: RequestId,
    /// What is asked.
    pub request: AnyRequest,
}

/// What the worker tells the page, on its way: a header, and a body whose type the request decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The request it belongs to; none when the worker speaks of itself (that it is ready, or that it crashed).
    pub id: Option<RequestId>,
    /// What is told.
    pub kind: ReplyKind,
    /// The body as JSON: a [`Request::Progress`], a [`Request::Answer`] or a [`Failure`]; else empty.
    pub body: String,
}

/// What a reply tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// The worker listens; requests sent before this are lost.
    Ready,
    /// How far the request is. The only one that is followed by more.
    Progress,
    /// The request is answered.
    Answer,
    /// The request was stopped by the page.
    Cancelled,
    /// The request could not be answered; what was there before still is.
    Failed,
}

impl ReplyKind {
    /// Whether no further reply to the same request follows.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Progress
    }
}

/// A reply to a request of type `R`, read.
#[derive(Debug)]
pub enum Response<R: Request> {
    /// How far it is.
    Progress(R::Progress),
    /// The answer.
    Answer(R::Answer),
    /// It was stopped by the page.
    Cancelled,
    /// It could not be answered.
    Failed(Failure),
}

impl Reply {
    /// A reply whose body is `body`; what has no JSON form is told as the failure it is.
    #[must_use]
    pub fn new(id: Option<RequestId>, kind: ReplyKind, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self { id, kind, body },
            Err(error) => Self::failed(id, &malformed(error)),
        }
    }

    /// A reply that needs no body.
    #[must_use]
    pub fn bare(id: Option<RequestId>, kind: ReplyKind) -> Self {
        Self { id, kind, body: String::new() }
    }

    /// That it went wrong.
    #[must_use]
    pub fn failed(id: Option<RequestId>, failure: &Failure) -> Self {
        Self::new(id, ReplyKind::Failed, failure)
    }

    /// What went wrong, should this be a failure.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        (self.kind == ReplyKind::Failed).then(|| self.read().unwrap_or_else(|failure| failure))
    }

    /// The reply to a request of type `R`.
    #[must_use]
    pub fn response<R: Request>(&self) -> Response<R> {
        match self.kind {
            ReplyKind::Progress => self.read().map_or_else(Response::Failed, Response::Progress),
            // No request is answered so.
            ReplyKind::Answer | ReplyKind::Ready => self.read().map_or_else(Response::Failed, Response::Answer),
            ReplyKind::Cancelled => Response::Cancelled,
            ReplyKind::Failed => Response::Failed(self.read().unwrap_or_else(|failure| failure)),
        }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(malformed)
    }

    /// The two strings that are posted.
    ///
    /// # Errors
    /// [`Failure::MalformedMessage`] when the header has no JSON form.
    pub fn encode(&self) -> Result<[String; 2], Failure> {
        Ok([encode(&(self.id, self.kind))?, self.body.clone()])
    }

    /// The reply in two posted strings.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(header: &str, body: String) -> Result<Self, Failure> {
        decode(header).map(|(id, kind)| Self { id, kind, body })
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    body: T,
}

/// One field of the envelope, read first: the body of another version need not be readable.
#[derive(Deserialize)]
struct EnvelopeVersion {
    version: u32,
}

/// The message as the string that is posted.
///
/// # Errors
/// [`Failure::MalformedMessage`] when the body has no JSON form.
pub fn encode<T: Serialize>(body: &T) -> Result<String, Failure> {
    serde_json::to_string(&Envelope { version: VERSION, body }).map_err(malformed)
}

/// The message in a posted string.
///
/// # Errors
/// [`Failure::VersionMismatch`] when the other side speaks another version, [`Failure::MalformedMessage`] when the
/// text is not a message at all.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let EnvelopeVersion { version } = serde_json::from_str(text).map_err(malformed)?;
    if version != VERSION {
        return Err(Failure::VersionMismatch { expected: VERSION, got: version });
    }
    serde_json::from_str::<Envelope<T>>(text).map(|envelope| envelope.body).map_err(malformed)
}

// By value, so that it fits `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` asks for")]
fn malformed(error: serde_json::Error) -> Failure {
    Failure::MalformedMessage { reason: error.to_string() }
}
