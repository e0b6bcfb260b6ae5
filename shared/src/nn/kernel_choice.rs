//! Which form of each operation runs.

use candle_core::Device;

/// A form of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// One hand-written pass over f32 slices; CPU and wasm32.
    Fused,
    /// Differentiable candle operations; every device and number format.
    Composite,
}

/// The form of every operation, so that a test can turn each fused one off in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// A whole encoder layer as one operation; otherwise it is spelled out in those below.
    pub encoder_layer: Kernel,
    /// `x·Wᵀ + b`
    pub linear: Kernel,
    /// LayerNorm.
    pub layer_norm: Kernel,
    /// Attention with its mask, softmax and dropout.
    pub attention: Kernel,
    /// The exact GELU.
    pub gelu: Kernel,
    /// Dropout of hidden states.
    pub dropout: Kernel,
    /// Look-up tables.
    pub embedding: Kernel,
    /// Softmax cross-entropy.
    pub cross_entropy: Kernel,
    /// The optimiser's update.
    pub adamw: Kernel,
}

impl Kernels {
    /// Every operation in the same form.
    #[must_use]
    pub fn all(kernel: Kernel) -> Self {
        Self {
            encoder_layer: kernel,
            linear: kernel,
            layer_norm: kernel,
            attention: kernel,
            gelu: kernel,
            dropout: kernel,
            embedding: kernel,
            cross_entropy: kernel,
            adamw: kernel,
        }
    }

    /// Fused on a CPU, composite elsewhere.
    #[must_use]
    pub fn for_device(device: &Device) -> Self {
        Self::all(if device.is_cpu() { Kernel::Fused } else { Kernel::Composite })
    }
}
