//! What a bundle's models say, against the f32 models of the run.

use candle_core::{DType, Device};
use shared::Condition;
use shared::Parameters;
use shared::bundle::{Bundle, Comparison, Outcome, Quality, Sample};
use shared::dataset::{EncodedExample, Example};
use shared::evaluation::{Prediction, evaluate, predicted_class, softmax};
use shared::model::TextClassifier;
use shared::nn::Kernels;
use shared::training::logits;

use super::super::run_models::RunModels;
use crate::runner::{encode, predictions_of};

/// Rows in one forward pass without a graph.
const BATCH_SIZE: usize = 64;

/// The decoded models of a bundle.
pub(super) struct Models {
    healthy: Parameters,
    damaged: Option<Damaged>,
}

struct Damaged {
    corrupted: Parameters,
    healed: Parameters,
}

impl Models {
    /// Decodes them; `healed` is the bundle's `healed.bin`, if it has one.
    pub(super) fn of(bundle: &Bundle, healed: Option<&[u8]>) -> anyhow::Result<Self> {
        let device = Device::Cpu;
        let damaged = healed.map(|healed| -> anyhow::Result<Damaged> {
            let delta = bundle.delta(healed.to_vec())?;
            let (corrupted, _) = bundle.corrupted(&device)?;
            Ok(Damaged { corrupted, healed: bundle.healed(&delta, &device)? })
        });
        Ok(Self { healthy: bundle.parameters(&device)?, damaged: damaged.transpose()? })
    }

    /// Accuracy and agreement on the run's held-out rows. A run that healed a bundle has no f32 model before the bundle:
    /// its healthy figures are those that were measured when the bundle was made.
    pub(super) fn quality(
        &self,
        bundle: &Bundle,
        run: &RunModels,
        measured: Option<&Quality>,
    ) -> anyhow::Result<Quality> {
        let rows = run.held_out()?;
        let compare = |parameters: &Parameters, which: Condition| -> anyhow::Result<Comparison> {
            let n_labels = bundle.config().label_names.len();
            comparison(&run.predictions(which)?, &predictions(bundle, parameters, &rows)?, n_labels)
        };
        let healthy = match measured {
            Some(quality) => quality.healthy,
            None => compare(&self.healthy, Condition::Healthy)?,
        };
        let damaged = self.damaged.as_ref();
        Ok(Quality {
            n: rows.len(),
            healthy,
            corrupted: damaged.map(|damaged| compare(&damaged.corrupted, Condition::Corrupted)).transpose()?,
            healed: damaged.map(|damaged| compare(&damaged.healed, Condition::Healed)).transpose()?,
        })
    }

    /// What each model says of each sentence.
    pub(super) fn samples(&self, bundle: &Bundle, sentences: &[&str]) -> anyhow::Result<Vec<Sample>> {
        let healthy = outcomes(bundle, &self.healthy, sentences)?;
        let damaged = match &self.damaged {
            Some(Damaged { corrupted, healed }) => {
                Some((outcomes(bundle, corrupted, sentences)?, outcomes(bundle, healed, sentences)?))
            }
            None => None,
        };
        let of = |outcomes: &[Outcome], i: usize| outcomes.get(i).cloned();
        let samples = sentences.iter().zip(healthy).enumerate().map(|(i, (text, healthy))| Sample {
            text: (*text).to_owned(),
            healthy,
            corrupted: damaged.as_ref().and_then(|(corrupted, _)| of(corrupted, i)),
            healed: damaged.as_ref().and_then(|(_, healed)| of(healed, i)),
        });
        Ok(samples.collect())
    }
}

fn model(bundle: &Bundle, parameters: &Parameters) -> anyhow::Result<TextClassifier> {
    let kernels = Kernels::for_device(&Device::Cpu);
    Ok(TextClassifier::for_evaluation(bundle.config(), parameters, &kernels, DType::F32)?)
}

fn predictions(bundle: &Bundle, parameters: &Parameters, rows: &[Example]) -> anyhow::Result<Vec<Prediction>> {
    let encoded = encode(bundle.tokenizer(), rows, bundle.manifest().task.max_length)?;
    predictions_of(&model(bundle, parameters)?, &encoded, BATCH_SIZE, bundle.config().pad_token_id, |_| {})
}

/// What a model of the bundle says of each sentence.
pub(crate) fn outcomes(bundle: &Bundle, parameters: &Parameters, sentences: &[&str]) -> anyhow::Result<Vec<Outcome>> {
    let ids = bundle.tokenizer().encode(sentences, bundle.manifest().task.max_length)?;
    let examples: Vec<EncodedExample> =
        ids.into_iter().map(|input_ids| EncodedExample::of_one_text(input_ids, 0)).collect();
    let model = model(bundle, parameters)?;
    let outputs = logits(&model, &examples, BATCH_SIZE, bundle.config().pad_token_id, |_| {})?;
    Ok(outputs
        .into_iter()
        .map(|output| {
            let probabilities = softmax(&output.logits).into_iter().map(|p| p as f32);
            match predicted_class(&output.logits) {
                Some(label_id) => Outcome { label_id: Some(label_id), probabilities: probabilities.collect() },
                None => Outcome { label_id: None, probabilities: Vec::new() },
            }
        })
        .collect())
}

/// Two models on the same rows, in the same order.
fn comparison(f32: &[Prediction], ours: &[Prediction], n_labels: usize) -> anyhow::Result<Comparison> {
    let share = |n: usize| n as f64 / ours.len() as f64;
    let accuracy = |rows: &[Prediction]| share(rows.iter().filter(|row| row.is_correct()).count());
    let n_agreeing = f32.iter().zip(ours).filter(|(a, b)| a.predicted() == b.predicted()).count();
    Ok(Comparison {
        accuracy_f32: accuracy(f32),
        accuracy: accuracy(ours),
        agreement: share(n_agreeing),
        answers: Some((&evaluate(ours, n_labels)?).into()),
    })
}
