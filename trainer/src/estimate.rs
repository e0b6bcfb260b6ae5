//! What training will need, before it starts: memory by counting, time by floating-point operations.

use std::time::Instant;

use candle_core::{Device, Tensor};
use serde::Serialize;
use shared::model::{Kind, ModelConfig, Module, ParameterPath};

const F32_BYTES: usize = 4;

/// An allowance for the program with tokenizer and data, before a model is loaded; not measured by itself.
const BASE_BYTES: usize = 60 << 20;

/// The share of the measured matrix-product rate that a whole training step is taken to reach: a rough guess, so the
/// estimate of time is one too.
const STEP_EFFICIENCY: f64 = 0.45;

/// The shape of a training step.
#[derive(Clone, Copy, Debug)]
pub struct StepShape {
    /// Rows in one forward pass.
    pub batch_size: usize,
    /// Tokens in a row, padding included.
    pub n_tokens: usize,
}

/// Peak resident memory of f32 training on a CPU, by what it is for, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MemoryEstimate {
    /// All parameters.
    pub parameters: usize,
    /// One gradient for each trained parameter.
    pub gradients: usize,
    /// AdamW's two moments for each trained parameter.
    pub optimizer: usize,
    /// Results of the forward pass that the backward pass reads.
    pub activations: usize,
    /// What the backward pass holds besides, at its largest.
    pub workspace: usize,
    /// The program itself.
    pub base: usize,
    /// The sum.
    pub total: usize,
}

/// Counts memory. `is_frozen` says which parameters are not trained.
#[must_use]
pub fn memory(config: &ModelConfig, shape: StepShape, is_frozen: impl Fn(ParameterPath) -> bool) -> MemoryEstimate {
    let n_elements = |path: ParameterPath| config.shape_of(path).iter().product::<usize>();
    let paths = config.parameters();
    let all: usize = paths.iter().map(|path| n_elements(*path)).sum();
    let trained: usize = paths.iter().filter(|path| !is_frozen(**path)).map(|path| n_elements(*path)).sum();
    let n_tokens = shape.batch_size * shape.n_tokens;
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    // As if every operation of a layer kept its result. The fused layer keeps fewer, which leaves room for the gradients
    // in flight: measured peaks lay 3 to 9 % below the sum. Query, key, value, context, attention output, its sum, its norm, feed-forward output, its dropout, sum and norm;
    // some also have dropout behind the attention output. Inside the feed-forward network: before and after GELU.
    let of_hidden_size = 11 + usize::from(config.architecture.family().drops_attention_output);
    let layer = n_tokens * (of_hidden_size * hidden + 2 * inner);
    let embeddings = n_tokens * hidden * 6; // words, plus positions, plus types, each sum, norm, dropout
    // Layers below the lowest trained parameter keep nothing.
    let n_kept = match paths.iter().find(|path| !is_frozen(**path)).map(|path| path.module) {
        Some(Module::Layer(layer_idx, _)) => config.n_layers - layer_idx,
        Some(Module::Pooler | Module::Classifier) | None => 0,
        _ => config.n_layers,
    };
    let activations = n_kept * layer + if n_kept == config.n_layers { embeddings } else { n_tokens * hidden };
    // The widest gradients in flight, and the word embeddings' gradient while it is added to zeros.
    let words = ParameterPath { module: Module::WordEmbeddings, kind: Kind::Weight };
    let table = if is_frozen(words) { 0 } else { n_elements(words) };
    let workspace = (3 * n_tokens * inner).max(2 * table);
    let bytes = |n: usize| n * F32_BYTES;
    let estimate = MemoryEstimate {
        parameters: bytes(all),
        gradients: bytes(trained),
        optimizer: bytes(2 * trained),
        activations: bytes(activations),
        workspace: bytes(workspace),
        base: BASE_BYTES,
        total: 0,
    };
    let total = estimate.parameters
        + estimate.gradients
        + estimate.optimizer
        + estimate.activations
        + estimate.workspace
        + estimate.base;
    MemoryEstimate { total, ..estimate }
}

/// Floating-point operations of a training step: a forward pass and twice as many for the backward pass.
///
/// Per token and layer: 2·(4·h² + 2·h·i) for the dense layers and 4·s·h for attention over s tokens.
#[must_use]
pub fn step_flops(config: &ModelConfig, n_rows: usize, n_tokens_per_row: usize) -> f64 {
    3.0 * forward_flops(config, n_rows, n_tokens_per_row)
}

/// Floating-point operations of a forward pass.
#[must_use]
pub fn forward_flops(config: &ModelConfig, n_rows: usize, n_tokens_per_row: usize) -> f64 {
    let (h, i, s) = (config.hidden_size as f64, config.intermediate_size as f64, n_tokens_per_row as f64);
    let per_token = 2.0 * (4.0 * h * h + 2.0 * h * i) + 4.0 * s * h;
    n_rows as f64 * s * per_token * config.n_layers as f64
}

/// Seconds of a training step at `matmul_flops_per_sec`.
#[must_use]
pub fn step_secs(config: &ModelConfig, shape: StepShape, matmul_flops_per_sec: f64) -> f64 {
    step_flops(config, shape.batch_size, shape.n_tokens) / (matmul_flops_per_sec * STEP_EFFICIENCY)
}

/// This machine's rate of f32 matrix products, in floating-point operations a second: the best of several of
/// `[1024, 384]·[384, 1536]` on all threads.
pub fn matmul_flops_per_sec() -> anyhow::Result<f64> {
    let (m, k, n) = (1024, 384, 1536);
    let a = Tensor::ones((m, k), candle_core::DType::F32, &Device::Cpu)?;
    let b = Tensor::ones((k, n), candle_core::DType::F32, &Device::Cpu)?;
    let mut best_secs = f64::INFINITY;
    for _ in 0..50 {
        let started = Instant::now();
        std::hint::black_box(a.matmul(&b)?);
        best_secs = best_secs.min(started.elapsed().as_secs_f64());
    }
    Ok(2.0 * (m * k * n) as f64 / best_secs)
}
