//! What training will need, before it starts: memory by counting, time by floating-point operations.

use std::time::{Duration, Instant};

use serde::Serialize;
use shared::model::{ModelConfig, Module, ParameterPath};
use shared::nn::{Activations, Factors, Kernels, ProductProbe, Queries};

const F32_BYTES: usize = 4;

/// An allowance for the program with tokenizer and data, before a model is loaded; not measured by itself.
const BASE_BYTES: usize = 60 << 20;

/// The share of the measured matrix-product rate that a whole training step is taken to reach: a rough guess, so the
/// estimate of time is one too.
const STEP_EFFICIENCY: f64 = 0.45;

/// How many times as fast as in f32 a step is with factors of bf16 (`docs/speed-cpu.md`).
const BF16_SPEED: f64 = 1.5;

/// How long the machine's rate of products is measured.
const MEASURING: Duration = Duration::from_millis(150);

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
///
/// The sum is a bound: activations are released layer by layer while gradients come to be, and a table's gradient has only the
/// rows that a batch reads.
#[must_use]
pub fn memory(
    config: &ModelConfig,
    shape: StepShape,
    kernels: &Kernels,
    is_frozen: impl Fn(ParameterPath) -> bool,
) -> MemoryEstimate {
    let n_elements = |path: ParameterPath| config.shape_of(path).iter().product::<usize>();
    let paths = config.parameters();
    let all: usize = paths.iter().map(|path| n_elements(*path)).sum();
    let trained: usize = paths.iter().filter(|path| !is_frozen(**path)).map(|path| n_elements(*path)).sum();
    let n_tokens = shape.batch_size * shape.n_tokens;
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    // What the fused layer reads again: key and value; query, context, the inputs of both norms and what comes before GELU, for
    // the tokens that it computes; and of these the layer's result, which is the input of the next.
    let inside_of = |n_computed: usize| n_tokens * 2 * hidden + n_computed * (4 * hidden + inner);
    let inside = inside_of(n_tokens);
    let layer = |n_computed: usize| match kernels.activations {
        Activations::Kept => inside_of(n_computed) + n_computed * hidden,
        Activations::Recomputed => n_computed * hidden,
    };
    let embeddings = n_tokens * hidden * 3; // the sum of the tables, norm, dropout
    // Layers below the lowest trained parameter keep nothing.
    let n_kept = match paths.iter().find(|path| !is_frozen(**path)).map(|path| path.module) {
        Some(Module::Layer(layer_idx, _)) => config.n_layers - layer_idx,
        Some(Module::Pooler | Module::Classifier) | None => 0,
        _ => config.n_layers,
    };
    let n_computed_last = match kernels.computed(Queries::First) {
        Queries::All => n_tokens,
        Queries::First => shape.batch_size,
    };
    let layers = n_kept.saturating_sub(1) * layer(n_tokens) + n_kept.min(1) * layer(n_computed_last);
    let activations = layers + if n_kept == config.n_layers { embeddings } else { n_tokens * hidden };
    // The gradients of what is inside one layer, of its input and of its result; its weights, packed. Of a layer that is
    // computed once more also what is inside.
    let weights = 4 * hidden * hidden + 2 * hidden * inner;
    let again = if kernels.activations == Activations::Recomputed && n_kept > 0 { inside } else { 0 };
    let in_flight = n_tokens * (8 * hidden + inner) + weights + again;
    // Buffers are handed from step to step, and as many more are kept as an eighth of those in use.
    let workspace = in_flight + (activations + in_flight + trained) / 8;
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

/// Floating-point operations of a training step: a forward pass and twice as many for the backward pass; those that are
/// done once more do not count.
///
/// Per token and layer: 2·(4·h² + 2·h·i) for the dense layers and 4·s·h for attention over s tokens; see [`forward_flops`]
/// for the last one.
#[must_use]
pub fn step_flops(config: &ModelConfig, kernels: &Kernels, n_rows: usize, n_tokens_per_row: usize) -> f64 {
    3.0 * forward_flops(config, kernels, n_rows, n_tokens_per_row)
}

/// Floating-point operations of a classifier's forward pass: of the last layer it needs keys and values of all tokens, and
/// the rest of the first, unless these kernels compute all.
#[must_use]
pub fn forward_flops(config: &ModelConfig, kernels: &Kernels, n_rows: usize, n_tokens_per_row: usize) -> f64 {
    let (h, i, s) = (config.hidden_size as f64, config.intermediate_size as f64, n_tokens_per_row as f64);
    let (keys, rest) = (4.0 * h * h, 4.0 * h * h + 4.0 * h * i + 4.0 * s * h);
    let n_computed_last = match kernels.computed(Queries::First) {
        Queries::All => s,
        Queries::First => 1.0,
    };
    n_rows as f64 * (config.n_layers as f64 * s * keys + ((config.n_layers as f64 - 1.0) * s + n_computed_last) * rest)
}

/// Seconds of a training step where products of f32 run at `matmul_flops_per_sec`.
#[must_use]
pub fn step_secs(config: &ModelConfig, shape: StepShape, kernels: &Kernels, matmul_flops_per_sec: f64) -> f64 {
    let StepShape { batch_size, n_tokens } = shape;
    let once_more = match kernels.activations {
        Activations::Kept => 0.0,
        Activations::Recomputed => forward_flops(config, kernels, batch_size, n_tokens),
    };
    let speed = match kernels.factors {
        Factors::F32 => 1.0,
        Factors::Bf16 => BF16_SPEED,
    };
    (step_flops(config, kernels, batch_size, n_tokens) + once_more) / (matmul_flops_per_sec * STEP_EFFICIENCY * speed)
}

/// This machine's rate of matrix products as a layer computes them, in floating-point operations a second: that of the
/// fastest.
///
/// # Panics
/// When the processor lacks `factors`.
#[must_use]
pub fn matmul_flops_per_sec(factors: Factors) -> f64 {
    let mut probe = ProductProbe::new(factors);
    let started = Instant::now();
    let mut best = f64::INFINITY;
    while best.is_infinite() || started.elapsed() < MEASURING {
        let before = Instant::now();
        probe.multiply();
        best = best.min(before.elapsed().as_secs_f64());
    }
    ProductProbe::FLOPS / best
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::model::shape_config;
    use shared::nn::Kernel;

    /// As they are where tiles multiply, and where operations are composite.
    fn kernels() -> [(Kernels, Queries); 2] {
        let [fused, composite] = [Kernel::Fused, Kernel::Composite].map(Kernels::all);
        [(fused, fused.computed(Queries::First)), (composite, Queries::All)]
    }

    #[test]
    fn recomputing_keeps_an_eleventh_of_a_layer_and_takes_a_third_longer() {
        let config = shape_config("bert-base").unwrap();
        let shape = StepShape { batch_size: 32, n_tokens: 64 };
        let rows = 32 * config.hidden_size * F32_BYTES;
        let (tokens, n_below) = (64 * rows, config.n_layers - 1);
        let embeddings = 3 * tokens;
        for (kernels, queries) in kernels() {
            let with = |activations| Kernels { activations, ..kernels };
            let of = |activations| memory(&config, shape, &with(activations), |_| false);
            let (kept, recomputed) = (of(Activations::Kept), of(Activations::Recomputed));
            // Of the last layer keys and values of all tokens and the rest of those that it computes.
            let computed = if queries == Queries::All { tokens } else { rows };
            assert_eq!(kept.activations - embeddings, n_below * 11 * tokens + 2 * tokens + 9 * computed);
            assert_eq!(recomputed.activations - embeddings, n_below * tokens + computed);
            assert!(recomputed.total < kept.total);
            let secs = |activations| step_secs(&config, shape, &with(activations), 1e11);
            assert!((secs(Activations::Recomputed) / secs(Activations::Kept) - 4.0 / 3.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_last_layer_counts_for_keys_values_and_the_tokens_that_it_computes() {
        let config = shape_config("bert-base").unwrap();
        let (h, i, s) = (768.0, 3072.0, 128.0);
        let rest = |n: f64| n * (4.0 * h * h + 4.0 * h * i + 4.0 * s * h);
        for (kernels, queries) in kernels() {
            let last = if queries == Queries::All { s } else { 1.0 };
            assert_eq!(forward_flops(&config, &kernels, 1, 128), 12.0 * s * 4.0 * h * h + 11.0 * rest(s) + rest(last));
        }
    }
}
