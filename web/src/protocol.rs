//! The messages between the page and its worker.
//!
//! Every message travels as JSON strings, the first of them in an [`encode`]d envelope with [`VERSION`]. The worker's
//! file has a fixed name while the page's carries a hash, so a browser cache can pair builds of different age: the
//! version turns that into a sentence instead of a wrong picture. JSON, because a 64-bit seed survives it between two
//! Rust programs (a JavaScript number would not hold it) and because messages can be read in the browser's tools. Files
//! that the visitor hands over travel beside the string as the browser's own `File`s, of which no byte is copied until
//! the worker has looked at their names and sizes.
//!
//! Each kind of request is a type that names the types of its progress and of its answer ([`Request`]), so neither side
//! can mistake one for another: what answers a request is decided when both are compiled. A [`Call`] carries an id that
//! every [`Reply`] to it repeats. A call gets any number of replies that tell of its progress and then exactly one that
//! is final ([`ReplyKind::is_final`]), also when it fails or is cancelled. The page never holds weights: answers have
//! the size of what is shown. A number that is infinite or none at all, which JSON cannot hold, is `None` here; damaged
//! models give many.
//!
//! Messages are grouped by topic, one file each.

mod damage;
mod evaluation;
mod healing;
mod inspection;
mod message;
mod model;
mod request;
mod runs;
mod surgery;

pub use damage::{Corrupted, DifferenceHistogram, TensorChange, TensorView, Tiles, is_same_damage};
pub use evaluation::{
    Accuracy, Control, ControlComparison, Difference, Evaluation, Healing, ModelEvaluation, RowVerdict,
};
pub use healing::{HealProgress, HealSettings, HealState, HealSummary, Moment, MomentId, Purge, Storage, Trained};
pub use inspection::{
    AttentionView, Attribution, Classification, DriftSource, DriftView, LayerDrift, ModelAttention, ModelAttribution,
    ModelPrediction,
};
pub use message::{Call, Reply, ReplyKind, Response, VERSION, decode, encode};
pub use model::{
    BundleSummary, FileEntry, HealedOrigin, Loaded, ModelSource, ModelSummary, PartKind, PartSummary, Progress,
    RowCounts, RowsLoaded, Stage, TensorSummary,
};
pub use request::{
    AnyRequest, Attribute, Cancel, Classify, Corrupt, Evaluate, Fingerprint, ListMoments, Load, LoadRows,
    LookUpStorage, MakeControl, MeasureDrift, Request, RequestId, SelectMoment, SteerHealing, ViewAttention,
    ViewTensor,
};
pub use runs::{ExportHealed, Exported, RecordRun, Recorded};
pub use surgery::{
    AskBlame, AskReturn, BlameView, FatalBit, FindFatalBit, ReturnView, Transplant, Transplanted, ViewWeight,
    WeightView,
};

#[cfg(test)]
mod tests;
