//! A model on held-out rows, with one bit after another flipped and flipped back.
//!
//! Only one weight changes, so what lies below its layer is computed once and kept, and the other weights keep their packed
//! forms. Invariant: the logits have the bits that the whole model with this weight gives the same batches, and after each
//! flip the parameters have the bits they had before.

use candle_core::{DType, Tensor};

use crate::corruption::WeightBit;
use crate::dataset::{Batch, EncodedExample, evaluation_batches};
use crate::error::Result;
use crate::model::{ForwardMode, ModelConfig, Module, ParameterPath, Parameters, TextClassifier};
use crate::nn::{Kernels, on_pool};

/// A model and the rows it is asked about.
#[derive(Debug)]
pub struct HeldOut {
    parameters: Parameters,
    model: TextClassifier,
    n_layers: usize,
    position_offset: usize,
    batches: Vec<Prefixes>,
    healthy: Vec<Vec<f32>>,
}

/// What came of a flip.
#[derive(Clone, Debug, PartialEq)]
pub struct Flipped {
    /// The value before the flip and after it.
    pub values: (f32, f32),
    /// The logits of every row, in the rows' order: `[n_rows][n_labels]`.
    pub logits: Vec<Vec<f32>>,
}

/// A batch with what the layers read of it.
#[derive(Debug)]
struct Prefixes {
    batch: Batch,
    /// The input of layer `i`, `[batch, seq, hidden]`, where it is kept; last what the head reads, `[batch, 1, hidden]`.
    inputs: Vec<Option<Tensor>>,
}

impl HeldOut {
    /// Puts the rows through the model once and keeps up to about `memory_bytes` of hidden states.
    ///
    /// # Errors
    /// When the model and the rows do not fit together, or a tensor operation fails.
    pub fn new(
        config: &ModelConfig,
        parameters: Parameters,
        kernels: &Kernels,
        examples: &[EncodedExample],
        batch_size: usize,
        memory_bytes: usize,
    ) -> Result<Self> {
        let model = TextClassifier::for_evaluation(config, &parameters, kernels, DType::F32)?;
        let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
        let batches: Vec<Batch> = evaluation_batches(&lengths, batch_size)
            .into_iter()
            .map(|indices| Batch::new(examples, &indices, config.pad_token_id))
            .collect();
        let n_values: usize = batches.iter().map(|batch| batch.n_rows * batch.n_columns * config.hidden_size).sum();
        let n_kept = (memory_bytes / (4 * n_values).max(1)).min(config.n_layers);
        // From the bottom on every `stride`-th, so that no layer is far above a kept one.
        let stride = if n_kept == 0 { None } else { Some(config.n_layers.div_ceil(n_kept)) };
        let is_kept = |layer_idx: usize| stride.is_some_and(|stride| layer_idx.is_multiple_of(stride));
        let mut held_out = Self {
            parameters,
            model,
            n_layers: config.n_layers,
            position_offset: config.architecture.family().position_offset,
            batches: Vec::with_capacity(batches.len()),
            healthy: vec![Vec::new(); examples.len()],
        };
        for batch in batches {
            let inputs = on_pool(held_out.model.device(), || held_out.inputs(&batch, is_kept))?;
            let prefixes = Prefixes { batch, inputs };
            let logits = held_out.logits_from(&prefixes, Some(config.n_layers))?;
            for (row, logits) in prefixes.batch.row_indices.iter().zip(logits) {
                held_out.healthy[*row] = logits;
            }
            held_out.batches.push(prefixes);
        }
        Ok(held_out)
    }

    /// The logits of every row without a flip: `[n_rows][n_labels]`.
    #[must_use]
    pub fn healthy(&self) -> &[Vec<f32>] {
        &self.healthy
    }

    /// Flips a bit, asks about all rows and flips it back.
    ///
    /// # Errors
    /// When the model has no such weight, or a tensor operation fails.
    pub fn flip(&mut self, path: ParameterPath, weight: WeightBit) -> Result<Flipped> {
        let values = self.parameters.flip_bit(path, weight)?;
        let logits = self.logits_with(path, weight);
        self.parameters.flip_bit(path, weight)?;
        Ok(Flipped { values, logits: logits? })
    }

    /// The parameters, as they were handed over.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The logits now that a weight is another.
    fn logits_with(&self, path: ParameterPath, weight: WeightBit) -> Result<Vec<Vec<f32>>> {
        let mut rows = self.healthy.clone();
        let from = match path.module {
            Module::Layer(layer_idx, _) => Some(layer_idx),
            Module::Pooler | Module::Classifier => Some(self.n_layers),
            _ => None,
        };
        for prefixes in self.batches.iter().filter(|prefixes| self.reads(&prefixes.batch, path, weight)) {
            let logits = on_pool(self.model.device(), || self.logits_from(prefixes, from))?;
            for (row, logits) in prefixes.batch.row_indices.iter().zip(logits) {
                rows[*row] = logits;
            }
        }
        Ok(rows)
    }

    /// Whether the weight can make a difference to the batch: an entry of a table does when it is looked up.
    fn reads(&self, batch: &Batch, path: ParameterPath, weight: WeightBit) -> bool {
        let has = |ids: &[u32]| {
            ids.iter().zip(&batch.attention_mask).any(|(id, mask)| *mask == 1 && *id as usize == weight.row)
        };
        match path.module {
            Module::WordEmbeddings => has(&batch.input_ids),
            Module::TokenTypeEmbeddings => has(&batch.token_type_ids),
            Module::PositionEmbeddings => {
                (self.position_offset..self.position_offset + batch.n_columns).contains(&weight.row)
            }
            _ => true,
        }
    }

    /// What each layer and then the head read, where `is_kept` wants it; the head's always.
    fn inputs(&self, batch: &Batch, is_kept: impl Fn(usize) -> bool) -> Result<Vec<Option<Tensor>>> {
        let (encoder, mode) = (self.model.encoder(), ForwardMode::Evaluation);
        let mask = encoder.mask(batch)?;
        let mut inputs = Vec::with_capacity(self.n_layers + 1);
        let mut hidden = encoder.embed(batch, mode)?; // [batch, seq, hidden]
        for (layer_idx, layer) in encoder.layers().iter().enumerate() {
            inputs.push(is_kept(layer_idx).then(|| hidden.clone()));
            if layer_idx + 1 < self.n_layers {
                hidden = layer.forward(&hidden, &mask, mode)?;
            }
        }
        inputs.push(Some(encoder.first_from(self.n_layers.saturating_sub(1), hidden, &mask, mode)?));
        Ok(inputs)
    }

    /// The logits of a batch, computed from the input of a layer on, of the head with the number of layers, or of the
    /// embeddings with none: `[batch][n_labels]`.
    fn logits_from(&self, prefixes: &Prefixes, from: Option<usize>) -> Result<Vec<Vec<f32>>> {
        let (encoder, mode) = (self.model.encoder(), ForwardMode::Evaluation);
        let kept = |from| prefixes.inputs[..=from].iter().enumerate().rev().find_map(|(at, x)| Some((at, x.clone()?)));
        let (from, hidden) = match from.and_then(kept) {
            Some(kept) => kept,
            None => (0, encoder.embed(&prefixes.batch, mode)?),
        };
        let first = if from == self.n_layers && self.n_layers > 0 {
            hidden
        } else {
            encoder.first_from(from, hidden, &encoder.mask(&prefixes.batch)?, mode)?
        };
        Ok(self.model.classify(&self.model.pool(&first)?, mode)?.to_vec2()?)
    }
}
