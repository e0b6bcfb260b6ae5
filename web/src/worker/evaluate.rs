//! Accuracy and confusion on the held-out rows, a batch at a time, so that everything else goes on meanwhile.

use super::inspect::BATCH_SIZE;
use super::rows::{Rows, accuracy};
use super::session::Model;
use super::task::{Interruption, Pending, Task};
use crate::failure::{Failure, computation};
use crate::protocol::{Accuracy, Evaluate, Evaluation, ModelEvaluation, RowVerdict, Stage};
use shared::Condition;
use shared::dataset::{Batch, EncodedExample, evaluation_batches};
use shared::evaluation::{Prediction, confusion, evaluate, predicted_class};
use shared::model::RowOutput;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen_futures::spawn_local;

/// What an evaluation works on: models as they are now, whatever becomes of them meanwhile.
struct Job {
    models: Vec<(Condition, Rc<Model>)>,
    rows: Rc<Rows>,
    examples: Arc<Vec<EncodedExample>>,
    n_labels: usize,
    pad_token_id: u32,
}

/// Starts an evaluation beside the queue.
pub(super) fn start(task: Task<Evaluate>, conditions: &[Condition]) {
    let job = task.context().with_session(|session| {
        let rows = session.rows.clone().ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
        Ok(Job {
            models: session.models(conditions)?,
            examples: session.held_out_examples(&rows)?,
            rows,
            n_labels: session.config.label_names.len(),
            pad_token_id: session.config.pad_token_id,
        })
    });
    let job = match job {
        Ok(job) => job,
        Err(failure) => return task.finish(Err(failure.into())),
    };
    spawn_local(async move {
        let evaluation = run(&task, &job).await;
        task.finish(evaluation);
    });
}

async fn run(task: &Task<Evaluate>, job: &Job) -> Result<Evaluation, Interruption> {
    let mut models = Vec::new();
    let mut predicted = Vec::new();
    let hashes = job.rows.held_out_hashes();
    let n_rows = job.examples.len();
    for (at, (condition, model)) in job.models.iter().enumerate() {
        let (done_before, total) = ((at * n_rows) as u64, (job.models.len() * n_rows) as u64);
        let logits = logits(task, model, &job.examples, job.pad_token_id, |done| {
            task.progress(Stage::Rows, done_before + done, total);
        })
        .await?;
        let predictions = Prediction::of_rows(logits, &job.examples, &hashes);
        models.push(evaluation(*condition, &predictions, job.n_labels)?);
        predicted.push(predictions.iter().map(Prediction::predicted).collect::<Vec<_>>());
    }
    let healed = job.models.iter().position(|(condition, _)| *condition == Condition::Healed);
    // Should the healed model have become another one meanwhile, so has its control.
    let control = healed.and_then(|at| {
        let session = task.context().session.borrow();
        let session = session.as_ref()?;
        let is_same = session.healed.as_ref().is_some_and(|healed| Rc::ptr_eq(&healed.model, &job.models[at].1));
        session.control().filter(|_| is_same)?.compare(&job.rows, &predicted[at])
    });
    let conditions: Vec<Condition> = job.models.iter().map(|(condition, _)| *condition).collect();
    let rows = job.rows.held_out_texts().iter().enumerate().filter_map(|(row_idx, row)| {
        let predicted: Vec<Option<u32>> = predicted.iter().map(|of_model| of_model[row_idx]).collect();
        verdict(row_idx, &row.in_words(), row.label, predicted, &conditions)
    });
    Ok(Evaluation { models, rows: rows.collect(), control, majority_share: job.rows.majority_share(job.n_labels) })
}

fn evaluation(model: Condition, predictions: &[Prediction], n_labels: usize) -> Result<ModelEvaluation, Failure> {
    let metrics = evaluate(predictions, n_labels).map_err(|e| computation(&e))?;
    let n_correct = predictions.iter().filter(|prediction| prediction.is_correct()).count();
    let accuracy = accuracy(n_correct, metrics.n).ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
    Ok(ModelEvaluation {
        model,
        accuracy: Accuracy { n_non_finite: metrics.n_non_finite, ..accuracy },
        macro_f1: metrics.macro_f1,
        answers: (&metrics).into(),
        confusion: confusion(predictions, n_labels).map_err(|e| computation(&e))?,
    })
}

/// What the models made of a row; none when all got it right.
fn verdict(
    row_idx: usize,
    text: &str,
    label: u32,
    predicted: Vec<Option<u32>>,
    conditions: &[Condition],
) -> Option<RowVerdict> {
    let right: Vec<Condition> = predicted
        .iter()
        .zip(conditions)
        .filter_map(|(predicted, condition)| (*predicted == Some(label)).then_some(*condition))
        .collect();
    let only = match right.as_slice() {
        [one] if conditions.len() > 1 => Some(*one),
        _ => None,
    };
    (right.len() < conditions.len()).then(|| RowVerdict { row_idx, text: text.to_owned(), label, predicted, only })
}

/// The share of `examples` that were given their class.
pub(super) fn accuracy_of<'a>(
    logits: impl Iterator<Item = &'a [f32]>,
    examples: &[EncodedExample],
) -> Option<Accuracy> {
    let (mut n_correct, mut n_non_finite) = (0, 0);
    for (logits, example) in logits.zip(examples) {
        match predicted_class(logits) {
            None => n_non_finite += 1,
            Some(class) => n_correct += usize::from(class == example.label),
        }
    }
    Some(Accuracy { n_non_finite, ..accuracy(n_correct, examples.len())? })
}

/// Logits of all examples in their order, giving way after every batch; `on_rows` hears how many are done.
pub(super) async fn logits(
    task: &Pending,
    model: &Model,
    examples: &[EncodedExample],
    pad_token_id: u32,
    mut on_rows: impl FnMut(u64),
) -> Result<Vec<RowOutput>, Interruption> {
    let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
    let mut rows = vec![RowOutput { logits: Vec::new(), is_saturated: false }; examples.len()];
    let mut n_done = 0;
    for indices in evaluation_batches(&lengths, BATCH_SIZE) {
        let batch = Batch::new(examples, &indices, pad_token_id);
        let outputs = model.classifier.evaluate(&batch).map_err(|e| computation(&e))?;
        for (row, output) in indices.iter().zip(outputs) {
            rows[*row] = output;
        }
        n_done += indices.len() as u64;
        on_rows(n_done);
        task.give_way().await?;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Condition::{Corrupted, Healed, Healthy};
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_row_that_one_model_alone_gets_right_names_it() {
        let models = [Healthy, Corrupted, Healed];
        let only = |predicted: [Option<u32>; 3]| verdict(0, "", 1, predicted.to_vec(), &models).map(|row| row.only);
        assert_eq!(only([Some(1), Some(1), Some(1)]), None);
        assert_eq!(only([Some(1), Some(0), Some(1)]), Some(None));
        assert_eq!(only([Some(0), None, Some(1)]), Some(Some(Healed)));
        assert_eq!(only([Some(0), None, Some(0)]), Some(None));
        let alone = verdict(0, "", 1, vec![Some(0)], &[Healthy]).unwrap();
        assert_eq!(alone.only, None);
    }
}
