//! What judging needs of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{End, Experiment};
use crate::Condition;
use crate::corruption::Plan;
use crate::evaluation::{CompactPredictions, Prediction};
use crate::record::{RunId, RunRecord, RunStatus, Seeds};
use crate::statistics::StatisticsError;

/// A run with a damage, as far as claims are about it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name.
    pub run_id: RunId,
    /// What it may be put together with.
    pub experiment: Experiment,
    /// Pairs it with runs of other plans.
    pub seeds: Seeds,
    /// The plan in its canonical form.
    pub plan: String,
    /// The plan's scheme, end and level, when it is of that form.
    pub damage: Option<Damage>,
    /// Whether it came to its end.
    pub status: RunStatus,
    arms: [Option<Arm>; 4],
}

/// A plan of one step on a share of the encoder layers from one end.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    /// The scheme, such as `kaiming`.
    pub scheme: String,
    /// From which end.
    pub end: End,
    /// The share of the encoder layers, 0–1.
    pub level: f64,
}

/// One model of a run on the reported rows.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Share of rows that it gets right, 0–1; a row that is not finite is wrong.
    pub accuracy: f64,
    /// Rows.
    pub n_rows: usize,
    /// Rows that are not finite.
    pub n_non_finite: usize,
    /// Whether each row is right, where its predictions are known.
    pub(super) rows: Option<Rows>,
}

#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) are_right: Arc<[bool]>,
    /// Digest of the rows' hashes in order.
    pub(super) digest: [u8; 32],
}

impl Run {
    /// What claims need of a record; none for a run without damage, since every run brings its own undamaged models.
    #[must_use]
    pub fn from_record(record: &RunRecord) -> Option<Self> {
        let plan = record.spec.corruption.clone()?;
        let arm = |condition: Condition| {
            let result = record.result(condition)?;
            let n_non_finite = result.metrics.n_non_finite;
            Some(Arm { accuracy: result.metrics.accuracy, n_rows: result.metrics.n, n_non_finite, rows: None })
        };
        Some(Self {
            run_id: record.run_id.clone(),
            experiment: Experiment::of(record),
            seeds: record.spec.seeds,
            damage: Damage::of(&plan),
            plan,
            status: record.status.clone(),
            arms: Condition::ALL.map(arm),
        })
    }

    /// What claims need of many records, those without damage left out. Equal experiments are kept once.
    #[must_use]
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a RunRecord>) -> Vec<Self> {
        let mut experiments: BTreeMap<String, Experiment> = BTreeMap::new();
        let mut runs: Vec<Self> = records.into_iter().filter_map(Self::from_record).collect();
        for run in &mut runs {
            match experiments.get(run.experiment.id()) {
                Some(known) => run.experiment = known.clone(),
                None => {
                    experiments.insert(run.experiment.id().to_owned(), run.experiment.clone());
                }
            }
        }
        runs
    }

    /// The same with the predictions of one of its models, in the dataset's order; its interval is then over rows as well.
    ///
    /// # Errors
    /// When the record has no such model, or the number of rows or of right ones is not the record's.
    pub fn with_predictions(self, of: Condition, predictions: &[Prediction]) -> Result<Self, StatisticsError> {
        let are_right = predictions.iter().map(Prediction::is_correct).collect();
        self.with_rows(of, are_right, predictions.iter().map(|prediction| prediction.row_hash.as_str()))
    }

    /// As [`Run::with_predictions`], of predictions in their compact form; `rows` are the rows' hashes and true classes.
    ///
    /// # Errors
    /// As there.
    pub fn with_compact_predictions<'a>(
        self,
        of: Condition,
        predictions: &CompactPredictions,
        rows: impl Iterator<Item = (&'a str, u32)> + Clone,
    ) -> Result<Self, StatisticsError> {
        let classes = predictions.classes.iter();
        let are_right = classes.zip(rows.clone()).map(|(class, (_, label))| *class == Some(label)).collect();
        self.with_rows(of, are_right, rows.map(|(hash, _)| hash))
    }

    fn with_rows<'a>(
        mut self,
        of: Condition,
        are_right: Arc<[bool]>,
        hashes: impl Iterator<Item = &'a str>,
    ) -> Result<Self, StatisticsError> {
        let unpaired = |first: String, second: String| StatisticsError::Unpaired { first, second };
        let arm = self.arms[of as usize]
            .as_mut()
            .ok_or_else(|| unpaired(format!("no {of} model in the record"), "its predictions".to_owned()))?;
        let n_right = are_right.iter().filter(|is_right| **is_right).count();
        // Both are the same division, but for how often it was rounded.
        if are_right.len() != arm.n_rows || (n_right as f64 - arm.accuracy * arm.n_rows as f64).abs() > 1e-6 {
            let recorded = format!("accuracy {} of {} rows in the record", arm.accuracy, arm.n_rows);
            return Err(unpaired(recorded, format!("{n_right} right of {} predictions", are_right.len())));
        }
        let mut hasher = Sha256::new();
        for hash in hashes {
            hasher.update(hash.as_bytes());
            hasher.update(b"\n");
        }
        arm.rows = Some(Rows { are_right, digest: hasher.finalize().into() });
        Ok(self)
    }

    /// Whether the healing broke off; the corrupted model then stands for the healed one.
    #[must_use]
    pub fn is_healing_failed(&self) -> bool {
        matches!(&self.status, RunStatus::Failed { phase: Condition::Healed, .. })
    }

    /// One of its models, when it came that far.
    #[must_use]
    pub fn arm(&self, condition: Condition) -> Option<&Arm> {
        self.arms[condition as usize].as_ref()
    }

    /// The healed model; when its healing failed, the corrupted one, which is what that healing left.
    #[must_use]
    pub fn healed(&self) -> Option<&Arm> {
        if self.is_healing_failed() { self.arm(Condition::Corrupted) } else { self.arm(Condition::Healed) }
    }

    /// The undamaged model that it is compared with.
    #[must_use]
    pub fn undamaged(&self) -> Option<&Arm> {
        self.arm(self.experiment.reference)
    }

    /// (healed − corrupted) / (undamaged − corrupted), 1 for all; none without all three or without a loss to recover from.
    #[must_use]
    pub fn recovery(&self) -> Option<f64> {
        let corrupted = self.arm(Condition::Corrupted)?.accuracy;
        let (undamaged, healed) = (self.undamaged()?.accuracy, self.healed()?.accuracy);
        (undamaged > corrupted).then(|| (healed - corrupted) / (undamaged - corrupted))
    }
}

impl Damage {
    /// The damage of a plan such as `kaiming@bottom:0.5`; whole layers are no level without the model's depth.
    #[must_use]
    pub fn of(plan: &str) -> Option<Self> {
        let plan = Plan::parse(plan).ok()?;
        let [step] = plan.steps() else { return None };
        let selection = step.selection().to_string();
        let (end, amount) = match selection.split_once(':')? {
            ("bottom", amount) => (End::Bottom, amount),
            ("top", amount) => (End::Top, amount),
            _ => return None,
        };
        Some(Self { scheme: step.scheme().to_string(), end, level: amount.parse().ok()? })
    }
}
