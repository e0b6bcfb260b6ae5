//! The files of a census: what was asked, and a line for each flip.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::census::{Answers, Flip, Harm, Place, Sample};
use shared::corruption::WeightBit;
use shared::model::ModelConfig;

use crate::atomic;
use crate::exit_code::bad_input;
use crate::run_dir::metrics::{self, MetricsLog};

const SPEC: &str = "spec.json";
const FLIPS: &str = "census.jsonl";

/// How many of the worst flips the result lists.
const N_WORST: usize = 10;

/// One flip and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FlipLine {
    /// Its place in the sample.
    pub index: usize,
    /// A plan that makes this damage.
    pub plan: String,
    /// Hugging Face's name of the tensor.
    pub tensor: String,
    pub component: String,
    pub layer: String,
    /// The class of the bit.
    pub bits: String,
    pub bit: u32,
    /// The value before and after; null when it is not finite.
    pub before: Option<f32>,
    pub after: Option<f32>,
    #[serde(flatten)]
    pub answers: Answers,
    /// Points of accuracy below the model without a flip.
    pub cost_points: f64,
    #[serde(flatten)]
    pub harm: Harm,
}

/// The lines on disk.
pub(super) struct Log {
    pub path: PathBuf,
    /// Of the flips so far.
    pub answers: Vec<Answers>,
    on_disk: MetricsLog,
}

impl FlipLine {
    pub(super) fn new(
        index: usize,
        flip: &Flip,
        sample: &Sample,
        config: &ModelConfig,
        (before, after): (f32, f32),
        answers: Answers,
        healthy: Answers,
    ) -> Self {
        let stratum = &sample.strata[flip.stratum_idx];
        let WeightBit { bit, .. } = flip.weight;
        Self {
            index,
            plan: flip.weight.plan(flip.path),
            tensor: flip.path.name(config.architecture),
            component: stratum.component.to_string(),
            layer: Place::of(flip.path).to_string(),
            bits: stratum.bits.to_string(),
            bit,
            before: Some(before).filter(|value| value.is_finite()),
            after: Some(after).filter(|value| value.is_finite()),
            answers,
            cost_points: answers.cost_points(healthy),
            harm: answers.harm(healthy),
        }
    }
}

impl Log {
    /// Opens the folder of a new census, or of this very one.
    ///
    /// # Errors
    /// Bad input when the folder has another census, with the field that differs.
    pub(super) fn open(out: &Path, spec: &Value, sample: &Sample) -> anyhow::Result<Self> {
        let (spec_path, path) = (out.join(SPEC), out.join(FLIPS));
        if spec_path.is_file() {
            let bytes = std::fs::read(&spec_path)?;
            let old: Value = serde_json::from_slice(&bytes)
                .map_err(|error| bad_input(anyhow!("{}: {error}", spec_path.display())))?;
            for (field, new) in spec.as_object().into_iter().flatten() {
                if old.get(field) != Some(new) {
                    let old = old.get(field).unwrap_or(&Value::Null);
                    return Err(bad_input(anyhow!(
                        "{} has a census of another {field}: expected {new}, found {old}; choose another folder",
                        out.display()
                    )));
                }
            }
        } else {
            atomic::require_empty(out)?;
            atomic::create_dirs(out)?;
            atomic::write_json(&spec_path, spec)?;
        }
        let on_disk = MetricsLog::open(&path)?;
        let lines: Vec<FlipLine> = metrics::read(&path)?;
        for (line, flip) in lines.iter().zip(&sample.flips) {
            let plan = flip.weight.plan(flip.path);
            if line.plan != plan {
                let message =
                    format!("{} line {}: expected {plan}, found {}", path.display(), line.index + 1, line.plan);
                return Err(bad_input(anyhow!("{message}; choose another folder")));
            }
        }
        let answers = lines.iter().map(|line| line.answers).take(sample.flips.len()).collect();
        Ok(Self { path, answers, on_disk })
    }

    /// Adds a flip; it is on disk then.
    pub(super) fn append(&mut self, line: &FlipLine, answers: Answers) -> anyhow::Result<()> {
        self.on_disk.append(line)?;
        self.on_disk.sync()?;
        self.answers.push(answers);
        Ok(())
    }
}

/// The flips that cost most, those with more rows that are not finite first among equals.
pub(super) fn worst(lines: &[FlipLine]) -> Vec<&FlipLine> {
    let mut worst: Vec<&FlipLine> = lines.iter().filter(|line| line.cost_points > 0.0).collect();
    worst.sort_by(|a, b| {
        b.cost_points.total_cmp(&a.cost_points).then(b.answers.n_non_finite.cmp(&a.answers.n_non_finite))
    });
    worst.truncate(N_WORST);
    worst
}
