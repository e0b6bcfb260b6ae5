//! The messages between the page and its worker.
//!
//! Every message travels as one JSON string inside an [`encode`]d envelope with [`VERSION`]. The worker's file has a
//! fixed name while the page's carries a hash, so a browser cache can pair builds of different age: the version turns
//! that into a sentence instead of a wrong picture. JSON, because a 64-bit seed survives it between two Rust programs
//! (a JavaScript number would not hold it) and because messages can be read in the browser's tools. Files that the
//! visitor hands over travel beside the string as the browser's own `File`s, of which no byte is copied until the
//! worker has looked at their names and sizes.
//!
//! A [`Call`] carries an id that every [`Reply`] to it repeats. A call gets any number of replies that tell of its
//! progress and then exactly one that is final ([`Response::is_final`]), also when it fails or is cancelled. The page
//! never holds weights: answers have the size of what is shown. A number that is infinite or none at all, which JSON
//! cannot hold, is `None` here; damaged models give many.
//!
//! Messages are grouped by topic, one file each.

mod control;
mod damage;
mod evaluation;
mod healing;
mod inspection;
mod model;
mod storage;

pub use control::{Control, ControlComparison, Difference, Healing};
pub use damage::{Corrupted, DifferenceHistogram, TensorChange, TensorView, Tiles};
pub use evaluation::{Accuracy, Evaluation, ModelEvaluation, RowVerdict};
pub use healing::{HealProgress, HealSettings, HealState, HealSummary, Moment, MomentId, Trained};
pub use inspection::{
    AttentionView, Attribution, Classification, DriftSource, DriftView, LayerDrift, ModelAttention, ModelAttribution,
    ModelPrediction,
};
pub use model::{
    BundleSummary, FileEntry, HealedOrigin, Loaded, ModelSource, ModelSummary, PartKind, PartSummary, Progress,
    RowCounts, Stage, TensorSummary,
};
pub use storage::{Purge, Storage};

use crate::failure::Failure;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::Condition;
use shared::seed::Seed;

/// Raised whenever a message changes its meaning or shape.
pub const VERSION: u32 = 3;

/// Names a request; every reply to it carries the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u32);

/// A request on its way to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the page, each once.
    pub id: RequestId,
    /// What is asked.
    pub request: Request,
}

/// An answer on its way to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The request it belongs to; none when the worker speaks of itself ([`Response::Ready`], a crash).
    pub id: Option<RequestId>,
    /// What is answered.
    pub response: Response,
}

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Load the bundle in the folder at `url`, relative to the page: [`Response::Progress`], then [`Response::Loaded`].
    LoadBundle {
        /// The folder's address, with or without a slash at its end.
        url: String,
    },
    /// Load the model in the files that travel with this request, in the same order: a checkpoint in Hugging Face
    /// layout, a bundle's files, or the folder of a run. A table of labelled texts (`.tsv`, `.csv`, `.jsonl`,
    /// `.json` with rows) may be among them. Answered as [`Request::LoadBundle`].
    LoadFiles {
        /// Names and sizes of the files.
        files: Vec<FileEntry>,
    },
    /// Use the labelled texts in the one file that travels with this request for healing and evaluation, with the
    /// model that is loaded: [`Response::RowsLoaded`].
    LoadRows {
        /// Name and size of the file.
        file: FileEntry,
    },
    /// Damage the healthy model: [`Response::Corrupted`]. An empty plan or `none` takes the damage away. A healing
    /// under way is stopped.
    Corrupt {
        /// The corruption plan as the visitor wrote it.
        plan: String,
        /// The seed of the corruption.
        seed: Seed,
    },
    /// One parameter close up: [`Response::Tensor`].
    Tensor {
        /// Its Hugging Face name, as in [`TensorSummary`].
        name: String,
        /// The model to hold against the healthy one.
        model: Condition,
        /// The most tiles across and down of the heat maps.
        max_tiles: usize,
    },
    /// Classes and probabilities of texts: [`Response::Classified`].
    Classify {
        /// One or more texts.
        texts: Vec<String>,
        /// The models to ask; those that do not exist are left out of the answer.
        models: Vec<Condition>,
    },
    /// Where one head looks: [`Response::Attention`].
    Attention {
        /// The text.
        text: String,
        /// The encoder layer, from the bottom.
        layer_idx: usize,
        /// The head; `None` is the mean over all heads.
        head_idx: Option<usize>,
        /// The models to ask; those that do not exist are left out of the answer.
        models: Vec<Condition>,
    },
    /// How far hidden states have moved from the healthy model's, layer by layer: [`Response::Drift`].
    Drift {
        /// What the models read.
        source: DriftSource,
        /// The models to hold against the healthy one; those that do not exist are left out of the answer.
        models: Vec<Condition>,
    },
    /// What each token contributed to the prediction: [`Response::Attribution`]. Takes about a second.
    Attribution {
        /// The text.
        text: String,
        /// The class whose score is explained; `None` is the one that the healthy model predicts.
        target: Option<u32>,
        /// The models to ask; those that do not exist are left out of the answer.
        models: Vec<Condition>,
    },
    /// Accuracy and confusion on the held-out rows: [`Response::Progress`], then [`Response::Evaluated`].
    Evaluate {
        /// The models to ask; those that do not exist are left out of the answer.
        models: Vec<Condition>,
    },
    /// Fine-tune the corrupted model: [`Response::HealProgress`] after every step, then [`Response::Healed`]. Other
    /// requests are answered between steps.
    HealStart(HealSettings),
    /// Hold the healing after the step it is in: [`Response::Done`].
    HealPause,
    /// Go on with a paused healing: [`Response::Done`].
    HealResume,
    /// Run one step of a paused healing: [`Response::Done`], and the step's progress as usual.
    HealStep,
    /// End the healing and keep the healed model as it is: [`Response::Done`]; the healing itself ends with
    /// [`Response::Healed`].
    HealStop,
    /// End the healing and throw its model away: [`Response::Done`]; the healing itself ends with
    /// [`Response::Cancelled`]. The healed model is again the one that was loaded, if any.
    HealReset,
    /// Fine-tune the healthy model, undamaged, with the budget of the healing that made the healed model:
    /// [`Response::Progress`], then [`Response::Controlled`]. Other requests are answered between steps; a healing that
    /// begins ends it.
    Control,
    /// The moments of healings of this model that can be gone back to, also from earlier visits: [`Response::Moments`].
    Moments,
    /// Make the healed model what it was at a moment: [`Response::MomentSelected`]. When the moment belongs to another
    /// damage, the corrupted model becomes that one as well.
    SelectMoment {
        /// Which one.
        id: MomentId,
    },
    /// SHA-256 over the weights of a model, see [`Response::Fingerprint`]. Takes up to a second the first time.
    Fingerprint {
        /// The model.
        model: Condition,
    },
    /// What this page keeps in the browser: [`Response::Storage`].
    Storage,
    /// Delete what is kept: [`Response::Storage`], as it is then.
    Purge(Purge),
    /// Stop working on a request; that one ends with [`Response::Cancelled`] unless it was done already. This request
    /// itself is answered with [`Response::Done`].
    Cancel {
        /// The request to stop.
        id: RequestId,
    },
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The worker listens; requests sent before this are lost.
    Ready,
    /// How far a long request is. Not final.
    Progress(Progress),
    /// A model is there.
    Loaded(Box<Loaded>),
    /// Rows are there.
    RowsLoaded {
        /// How many.
        rows: RowCounts,
        /// What was left out of the table, as a sentence.
        note: Option<String>,
    },
    /// What the damage did.
    Corrupted(Box<Corrupted>),
    /// One parameter close up.
    Tensor(Box<TensorView>),
    /// One for each text, in their order.
    Classified(Vec<Classification>),
    /// Where a head looks.
    Attention(AttentionView),
    /// How far hidden states moved.
    Drift(DriftView),
    /// What each token contributed.
    Attribution(Attribution),
    /// How good the models are on the held-out rows.
    Evaluated(Evaluation),
    /// A step of the healing is done, or its state changed. Not final.
    HealProgress(Box<HealProgress>),
    /// The healing has ended and its model stands.
    Healed(HealSummary),
    /// The control of the healed model.
    Controlled(Box<Control>),
    /// The moments, oldest first.
    Moments(Vec<Moment>),
    /// The healed model is now that of this moment.
    MomentSelected(Box<Moment>),
    /// SHA-256 in hexadecimal over the digests of a model's tensors in forward order; the digest of a tensor is the
    /// SHA-256 of its values' little-endian bits. Equal weights have equal fingerprints, natively and here.
    Fingerprint(String),
    /// What is kept in the browser.
    Storage(Storage),
    /// It is done and there is nothing to tell.
    Done,
    /// The request was stopped by the page's own wish.
    Cancelled,
    /// The request could not be answered; what was there before still is.
    Failed(Failure),
}

impl Response {
    /// Whether no further reply to the same request follows.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Progress(_) | Self::HealProgress(_))
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

#[cfg(test)]
mod tests;
