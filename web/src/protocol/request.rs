//! Every request, each with the types of its progress and of its answer.

use super::{
    AskBlame, AskReturn, AttentionView, Attribution, BlameView, Classification, Control, Corrupted, DriftSource,
    DriftView, Evaluation, ExportHealed, Exported, FatalBit, FileEntry, FindFatalBit, HealProgress, HealSettings,
    HealSummary, Loaded, Moment, MomentId, Progress, Purge, RecordRun, Recorded, ReturnView, RowsLoaded, Storage,
    TensorView, Transplant, Transplanted, ViewWeight, WeightView,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::Condition;
use shared::random::Seed;

/// Names a request; every reply to it carries the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u32);

/// A request, which knows how it is answered.
pub trait Request: Into<AnyRequest> + std::fmt::Debug {
    /// What is told before the answer, any number of times.
    type Progress: Serialize + DeserializeOwned + std::fmt::Debug;
    /// The answer.
    type Answer: Serialize + DeserializeOwned + std::fmt::Debug;
}

/// The progress of a request that has none.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Never {}

macro_rules! requests {
    ($($variant:ident($request:ty): $progress:ty => $answer:ty;)*) => {
        /// Any request, as it travels.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum AnyRequest {
            $(#[doc = concat!("See [`", stringify!($request), "`].")] $variant($request),)*
        }

        $(impl Request for $request {
            type Progress = $progress;
            type Answer = $answer;
        }

        impl From<$request> for AnyRequest {
            fn from(request: $request) -> Self {
                Self::$variant(request)
            }
        })*
    };
}

requests! {
    Load(Load): Progress => Loaded;
    LoadRows(LoadRows): Never => RowsLoaded;
    Corrupt(Corrupt): Never => Corrupted;
    ViewTensor(ViewTensor): Never => TensorView;
    Classify(Classify): Never => Vec<Classification>;
    ViewAttention(ViewAttention): Never => AttentionView;
    MeasureDrift(MeasureDrift): Never => DriftView;
    Attribute(Attribute): Never => Attribution;
    Evaluate(Evaluate): Progress => Evaluation;
    Heal(HealSettings): HealProgress => HealSummary;
    SteerHealing(SteerHealing): Never => ();
    MakeControl(MakeControl): Progress => Control;
    RecordRun(RecordRun): Progress => Recorded;
    ExportHealed(ExportHealed): Never => Exported;
    ListMoments(ListMoments): Never => Vec<Moment>;
    SelectMoment(SelectMoment): Never => Moment;
    Fingerprint(Fingerprint): Never => String;
    Transplant(Transplant): Never => Transplanted;
    AskBlame(AskBlame): Progress => BlameView;
    AskReturn(AskReturn): Progress => ReturnView;
    ViewWeight(ViewWeight): Never => WeightView;
    FindFatalBit(FindFatalBit): Progress => FatalBit;
    LookUpStorage(LookUpStorage): Never => Storage;
    Purge(Purge): Never => Storage;
    Cancel(Cancel): Never => ();
}

/// Load a model and replace the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// The bundle in a folder of the page's server.
    Bundle {
        /// The folder's address relative to the page, with or without a slash at its end.
        url: String,
        /// Its manifest as the page has fetched it; none when it did not arrive, for which the one that was kept at an
        /// earlier visit is taken.
        manifest: Option<String>,
    },
    /// The files that travel with this request, in the same order: a checkpoint in Hugging Face layout, a bundle's
    /// files, or the folder of a run. A table of labelled texts (`.tsv`, `.csv`, `.jsonl`, `.json` with rows) may be
    /// among them.
    Files(Vec<FileEntry>),
}

/// Use the labelled texts in the one file that travels with this request for healing and evaluation, with the model
/// that is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadRows {
    /// Name and size of the file.
    pub file: FileEntry,
}

/// Damage the healthy model. An empty plan or `none` takes the damage away. A healing under way is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrupt {
    /// The corruption plan as the visitor wrote it.
    pub plan: String,
    /// The seed of the corruption.
    pub seed: Seed,
}

/// One parameter close up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewTensor {
    /// Its Hugging Face name, as in [`TensorSummary`](super::TensorSummary).
    pub name: String,
    /// The model to hold against the healthy one.
    pub model: Condition,
    /// The most tiles across and down of the heat maps.
    pub max_tiles: usize,
}

/// Classes and probabilities of texts, one answer for each, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classify {
    /// One or more texts.
    pub texts: Vec<String>,
    /// The models to ask; those that do not exist are left out of the answer, here and below.
    pub models: Vec<Condition>,
}

/// Where one head looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewAttention {
    /// The text.
    pub text: String,
    /// The encoder layer, from the bottom.
    pub layer_idx: usize,
    /// The head; `None` is the mean over all heads.
    pub head_idx: Option<usize>,
    /// The models to ask.
    pub models: Vec<Condition>,
}

/// How far hidden states have moved from the healthy model's, layer by layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureDrift {
    /// What the models read.
    pub source: DriftSource,
    /// The models to hold against the healthy one.
    pub models: Vec<Condition>,
}

/// What each token contributed to the prediction. Takes about a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The text.
    pub text: String,
    /// The class whose score is explained; `None` is the one that the healthy model predicts.
    pub target: Option<u32>,
    /// The models to ask.
    pub models: Vec<Condition>,
}

/// Accuracy and confusion on the held-out rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluate {
    /// The models to ask.
    pub models: Vec<Condition>,
}

/// Change the course of the healing under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SteerHealing {
    /// Hold it after the step it is in.
    Pause,
    /// Let it run again.
    Resume,
    /// Run one step of a paused one.
    Step,
    /// End it and keep the healed model as it is.
    Stop,
    /// End it and throw its model away; it ends as cancelled. The healed model is again the one that was loaded, if
    /// any. Also throws away the model of a healing that has ended.
    Reset,
}

/// Fine-tune the healthy model, undamaged, with the budget of the healing that made the healed model. Other requests
/// are answered between steps; a healing that begins ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeControl;

/// The moments of healings of this model that can be gone back to, also from earlier visits, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListMoments;

/// Make the healed model what it was at a moment. When the moment belongs to another damage, the corrupted model
/// becomes that one as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectMoment {
    /// Which one.
    pub id: MomentId,
}

/// SHA-256 in hexadecimal over the digests of a model's tensors in forward order; the digest of a tensor is the SHA-256
/// of its values' little-endian bits. Equal weights have equal fingerprints, natively and here. Takes up to a second
/// the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The model.
    pub model: Condition,
}

/// What this page keeps in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUpStorage;

/// Stop working on a request; that one ends as cancelled unless it was done already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The request to stop.
    pub id: RequestId,
}
