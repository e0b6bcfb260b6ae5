//! Why something cannot be fetched.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::bad_input;

/// Why something cannot be fetched. All but [`HubError::Cache`] are the user's to put right (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// No answer from that host at all.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// The host, with its port if it is no usual one.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// The network is switched off and the cache lacks something.
    #[error("{what} is not in the cache ({cache}), and the network is off: {because}", cache = .cache.display())]
    Offline {
        /// What was wanted.
        what: String,
        /// Hugging Face's cache.
        cache: PathBuf,
        /// The switch.
        because: &'static str,
    },
    /// The server took too long.
    #[error("{what}: no data received for {} s (set {variable} to wait longer)", .limit.as_secs_f64())]
    Stalled {
        /// What was wanted.
        what: String,
        /// How long it was waited for.
        limit: Duration,
        /// The variable that changes it.
        variable: &'static str,
    },
    /// The connection ended too early.
    #[error("{what}: the connection broke off: {reason}")]
    Cut {
        /// What was wanted.
        what: String,
        /// What the system says.
        reason: String,
    },
    /// The server has a problem of its own, or too many visitors.
    #[error("{what}: the server responded with status {status}")]
    Server {
        /// What was wanted.
        what: String,
        /// The HTTP status.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server wants to know who asks, or knows and refuses.
    #[error("{what}: access denied ({status}): {hint}")]
    Denied {
        /// What was wanted.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What to do about it.
        hint: String,
    },
    /// No such repository, revision or file.
    #[error("{what}: {missing}")]
    NotFound {
        /// What was wanted.
        what: String,
        /// What there is not.
        missing: String,
    },
    /// The server's answer is not what its protocol says.
    #[error("{what}: {problem}")]
    Protocol {
        /// What was wanted.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The bytes are not those that the hub has.
    #[error("{what}: expected {algorithm} {expected}, got {got}; {removed}")]
    Mismatch {
        /// The file.
        what: String,
        /// Which hash, or the size.
        algorithm: &'static str,
        /// What the hub says.
        expected: String,
        /// What came.
        got: String,
        /// What became of the bytes.
        removed: &'static str,
    },
    /// The repository has no files of the kind that is needed.
    #[error("{what}: {problem}")]
    NoSuchFiles {
        /// The repository.
        what: String,
        /// What is missing, and what is there.
        problem: String,
    },
    /// The disk.
    #[error("cannot use {}", .path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl HubError {
    /// Whether the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Stalled { .. } | Self::Cut { .. } | Self::Server { .. })
    }

    /// Whether the hub is out of reach, so that another source may be tried.
    pub(super) fn is_out_of_reach(&self) -> bool {
        self.is_transient() || matches!(self, Self::Unreachable { .. })
    }

    /// Whether the hub says that it has no such thing, or nothing that could be meant.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::NoSuchFiles { .. })
    }

    /// With its exit code.
    pub(super) fn marked(self) -> anyhow::Error {
        match self {
            Self::Cache { .. } => self.into(),
            _ => bad_input(self),
        }
    }
}
