//! Logits of many rows without a graph, and whether an overflow hides behind them.

use crate::dataset::{Batch, EncodedExample, evaluation_batches};
use crate::error::Result;
use crate::model::{RowOutput, TextClassifier};
use crate::nn::on_pool;

/// The logits of every example, in the order of `examples`. Rows are batched by length; `on_batch` hears how many rows
/// each batch had. Values are not finite where the model is so badly damaged that its arithmetic overflowed, except at
/// exact limits, which [`RowOutput::is_saturated`] tells.
///
/// # Errors
/// As [`TextClassifier::forward`](crate::model::TextClassifier::forward).
pub fn logits(
    model: &TextClassifier,
    examples: &[EncodedExample],
    batch_size: usize,
    pad_token_id: u32,
    mut on_batch: impl FnMut(usize),
) -> Result<Vec<RowOutput>> {
    let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
    let mut rows = vec![RowOutput { logits: Vec::new(), is_saturated: false }; examples.len()];
    for indices in evaluation_batches(&lengths, batch_size) {
        let batch = Batch::new(examples, &indices, pad_token_id);
        let outputs = on_pool(model.device(), || model.evaluate(&batch))?;
        for (index, row) in indices.iter().zip(outputs) {
            rows[*index] = row;
        }
        on_batch(indices.len());
    }
    Ok(rows)
}
