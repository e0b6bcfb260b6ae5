//! Logits of many rows without a graph.

use crate::dataset::{Batch, EncodedExample, evaluation_batches};
use crate::error::{Error, Result};
use crate::model::{ForwardMode, TextClassifier};
use crate::nn::on_pool;

/// The logits of every example, in the order of `examples`. Rows are batched by length; `on_batch` hears how many rows
/// each batch had. Values may be non-finite when the model is badly damaged.
pub fn logits(
    model: &TextClassifier,
    examples: &[EncodedExample],
    batch_size: usize,
    pad_token_id: u32,
    mut on_batch: impl FnMut(usize),
) -> Result<Vec<Vec<f32>>> {
    let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
    let mut rows = vec![Vec::new(); examples.len()];
    for indices in evaluation_batches(&lengths, batch_size) {
        let batch = Batch::new(examples, &indices, pad_token_id);
        let logits: Vec<Vec<f32>> =
            on_pool(model.device(), || Ok::<_, Error>(model.forward(&batch, ForwardMode::Evaluation)?.to_vec2()?))?;
        for (index, row) in indices.iter().zip(logits) {
            rows[*index] = row;
        }
        on_batch(indices.len());
    }
    Ok(rows)
}
