//! Judging models on the reported rows, and comparing them.

use candle_core::DType;
use shared::Condition;
use shared::Parameters;
use shared::evaluation::{Prediction, evaluate};
use shared::model::TextClassifier;
use shared::random::Seed;
use shared::record::{Comparison, ModelResult, Protocol};
use shared::statistics::{self, Bootstrap, Scores};
use shared::training::logits;

use super::prepare::{Encoded, Prepared};
use crate::failpoint;
use crate::progress::Progress;
use crate::run_dir::{RunDir, predictions, predictions_name};
use crate::say;

/// Rows in one forward pass without a graph.
const BATCH_SIZE: usize = 64;

/// One model's figures with the predictions behind them.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the record says.
    pub result: ModelResult,
    /// One for each reported row, in the dataset's order.
    pub predictions: Vec<Prediction>,
}

/// What a model says about rows, in their order.
pub fn predictions_of(
    model: &TextClassifier,
    rows: &Encoded,
    batch_size: usize,
    pad_token_id: u32,
    on_batch: impl FnMut(usize),
) -> anyhow::Result<Vec<Prediction>> {
    let outputs = logits(model, &rows.examples, batch_size, pad_token_id, on_batch)?;
    Ok(Prediction::of_rows(outputs, &rows.examples, &rows.row_hashes))
}

/// Judges one of a run's models, or reads the judgement that is there.
pub(super) fn judge(
    prepared: &Prepared,
    run_dir: &RunDir,
    which: Condition,
    parameters: &Parameters,
) -> anyhow::Result<Judged> {
    let path = run_dir.predictions_path(which.as_str());
    let predictions = if path.is_file() {
        predictions::read(&path)?
    } else {
        let model = TextClassifier::for_evaluation(&prepared.config, parameters, &prepared.kernels(), DType::F32)?;
        let n_batches = prepared.report.examples.len().div_ceil(BATCH_SIZE);
        let mut bar = Progress::phase(&format!("evaluating {}", which.as_str()), n_batches);
        let on_batch = |n_rows| bar.advance(n_rows, 0);
        let predictions = predictions_of(&model, &prepared.report, BATCH_SIZE, prepared.pad_token_id(), on_batch)?;
        predictions::write(&path, &predictions)?;
        failpoint::reached("evaluation.done");
        bar.finish("done");
        predictions
    };
    let metrics = evaluate(&predictions, prepared.config.label_names.len())?;
    say!("{which}: accuracy {:.1} % on {} rows", 100.0 * metrics.accuracy, metrics.rows_in_words());
    Ok(Judged { result: ModelResult { metrics, predictions: predictions_name(which.as_str()) }, predictions })
}

/// The share of rows that a model gets right.
pub(super) fn accuracy(prepared: &Prepared, model: &TextClassifier, rows: &Encoded) -> anyhow::Result<f64> {
    let predictions = predictions_of(model, rows, BATCH_SIZE, prepared.pad_token_id(), |_| {})?;
    Ok(evaluate(&predictions, prepared.config.label_names.len())?.accuracy)
}

/// Recovery and deficit of one run against one undamaged model, with intervals over its rows: one seed says nothing about
/// other seeds.
pub(super) fn compare(
    reference: (Condition, &Judged),
    corrupted: &Judged,
    healed: &Judged,
    protocol: Protocol,
    seed: Seed,
) -> anyhow::Result<Comparison> {
    let scores = |judged: &Judged| Scores::from_predictions(&[&judged.predictions]);
    let (condition, undamaged) = (reference.0, scores(reference.1)?);
    let (corrupted, healed) = (scores(corrupted)?, scores(healed)?);
    let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
    let mut recovery = statistics::recovery((condition, &undamaged), &corrupted, &healed, &bootstrap)?;
    if protocol == Protocol::Pretrained && recovery.note.is_none() {
        recovery.note = Some("the corrupted model has an untrained head".to_owned());
    }
    let deficit = statistics::deficit((condition, &undamaged), &healed, &bootstrap)?;
    Ok(Comparison { recovery, deficit })
}
