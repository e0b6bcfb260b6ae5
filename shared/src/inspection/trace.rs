//! Hidden states and attention of every layer.
//!
//! For a batch of `b`
//! rows and `s` tokens it keeps `(layers + 1)·b·s·hidden + layers·b·heads·s²` numbers and computes queries and keys twice.

use candle_core::Tensor;

use crate::dataset::Batch;
use crate::error::Result;
use crate::model::{ForwardMode, TextClassifier};

/// Everything a forward pass in evaluation mode passes through.
#[derive(Debug)]
pub struct Trace {
    /// `[batch, seq, hidden]` each: the embeddings' output, then every layer's.
    pub hidden_states: Vec<Tensor>,
    /// `[batch, heads, seq, seq]` each: the softmax of every layer.
    pub attentions: Vec<Tensor>,
    /// `[batch, hidden]`
    pub pooled: Tensor,
    /// `[batch, labels]`
    pub logits: Tensor,
}

impl Trace {
    /// Runs `model` on `batch` and keeps what it computes.
    ///
    /// # Errors
    /// As [`TextClassifier::forward`].
    pub fn capture(model: &TextClassifier, batch: &Batch) -> Result<Self> {
        let mode = ForwardMode::Evaluation;
        let mask = model.encoder().mask(batch)?;
        let mut hidden = model.encoder().embed(batch, mode)?;
        let (mut hidden_states, mut attentions) = (vec![hidden.clone()], Vec::new());
        for layer in model.encoder().layers() {
            attentions.push(layer.attention_probabilities(&hidden, &mask)?);
            hidden = layer.forward(&hidden, &mask, mode)?;
            hidden_states.push(hidden.clone());
        }
        let pooled = model.pool(&hidden)?;
        let logits = model.classify(&pooled, mode)?;
        Ok(Self { hidden_states, attentions, pooled, logits })
    }
}
