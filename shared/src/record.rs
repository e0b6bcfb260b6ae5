//! What a run was asked to do and what came of it: the types of the files in a run's folder.
//!
//! Invariant: every number that is reported comes from one of these on disk. A run has two names. Its [`RunId`] is what
//! was asked: the hash of its [`RunSpec`], which leaves out paths, thread counts and device names (they are in the
//! [`Environment`]). Its [`Numerics`] is what computed it. Runs with both equal have the same bits, so only such runs
//! resume and reuse and make up one set of healthy, control, corrupted and healed; and only runs of one numerics are seeds
//! of one experiment. Fractions are 0–1; a number that is not finite is written as `null`, never as a default.

mod difference;
mod measurement;
mod numerics;
mod outcome;
mod provenance;
mod spec;
mod text;

pub use crate::model::RunId;
pub use difference::{SpecDifference, first_difference};
pub use measurement::{BenchThroughput, BenchTime, BenchTrain, CorruptionDetail, MetricsLine};
pub use numerics::Numerics;
pub use outcome::{
    Comparison, CorruptionSummary, Environment, Hashes, ModelResult, PhaseSummary, ResultHashes, RunRecord, RunStatus,
    TrainSummary, WeightsReturned,
};
pub use provenance::{Provenance, Source, SourceFile, SourceKind};
pub use spec::{
    DatasetSpec, ModelSpec, NUMERICS_VERSION, Protocol, ReportSplit, RunSpec, SCHEMA_VERSION, Seeds, SplitRows,
    canonical_json,
};
pub use text::{TextLine, TextPrediction};

/// JSON has no NaN and no infinities: they are written as `null`, and `null` is read as NaN.
mod null_if_not_finite {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.serialize_none() }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

/// As [`null_if_not_finite`], for each element of a list.
mod nulls_if_not_finite {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| Some(*value).filter(|value| value.is_finite())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let values = Vec::<Option<f32>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
    }
}
