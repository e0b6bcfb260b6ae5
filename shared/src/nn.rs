//! Layers and fused operations, each with a forward and a backward pass.
//!
//! Every operation exists twice: *fused*, hand-written for f32 on a CPU (and wasm32), and *composite*, spelled out in
//! differentiable candle operations. The composite is the reference that the fused one is tested against, and it is what
//! runs on CUDA. [`Kernels`] says which of the two each operation uses.
//!
//! The fused ones are compiled for several instruction sets. [`InstructionSet`] says which one runs: the best that the
//! processor has, or what the environment variable `BERT_HEAL_ISA` names (`avx512`, `avx2`, `neon`, `gemm` or `scalar`).
//!
//! Nothing here uses candle-nn's `LayerNorm` or `softmax_last_dim`: their fused forms have no backward pass, and a model
//! built on them silently trains only its head (huggingface/candle #2168).

mod attention;
mod cross_entropy;
mod dropout;
mod embedding;
mod encoder_layer;
mod gelu;
mod gradient;
mod host;
mod kernel_choice;
pub(crate) mod kernels;
mod layer_norm;
mod linear;
mod optimizer;
#[cfg(not(target_arch = "wasm32"))]
mod product_probe;
#[cfg(test)]
mod tests;
mod weight_cache;

pub use crate::instruction_set::InstructionSet;
pub use attention::{AttentionMask, attention, attention_probabilities};
pub use cross_entropy::cross_entropy;
pub use dropout::{Dropout, dropout};
pub use embedding::embedding;
pub use encoder_layer::{LayerDropout, LayerParameters, LayerShape, Pair, encoder_layer};
pub use gelu::gelu;
pub use gradient::{Collector, Gradient, GradientParts, Gradients, HostGradient, RowGradient, collect};
pub use kernel_choice::{Activations, Factors, Kernel, Kernels, Queries};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use optimizer::{AdamW, AdamWState, UpdateScale, WeightDecay, clip_factor};
#[cfg(not(target_arch = "wasm32"))]
pub use product_probe::ProductProbe;
pub use weight_cache::{Changes, WeightCache};

pub(crate) use host::slice_mut;

use candle_core::Device;

/// Gives back the memory that training steps hand from one to the next: for the end of a fine-tuning.
pub fn free_buffers() {
    kernels::free_buffers();
}

/// Values of f32 that are kept for the next training step.
#[must_use]
pub fn n_pooled_values() -> usize {
    kernels::n_pooled_values()
}

/// Runs `f` on one of the threads that share the work of operations on a CPU; for another device on the calling thread.
///
/// Every operation that is shared among threads from outside of them wakes one and waits for it; from inside it starts at
/// once. So who calls many in a row does it in here.
pub fn on_pool<R: Send>(device: &Device, f: impl FnOnce() -> R + Send) -> R {
    if device.is_cpu() { crate::parallel::on_a_thread(f) } else { f() }
}
