//! Which form of each operation runs.

use candle_core::Device;

use super::InstructionSet;

/// A form of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// One hand-written pass over f32 slices; CPU and wasm32.
    Fused,
    /// Differentiable candle operations; every device and number format.
    Composite,
}

/// What a forward pass leaves for the backward pass of an encoder layer. The results are the same to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activations {
    /// What the backward pass reads and cannot make from the rest without a product of matrices.
    Kept,
    /// Only the layer's input: the layer is computed once more in the backward pass, which takes about a third more time
    /// (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Only whole fused layers heed it.
    Recomputed,
}

/// Which tokens of each row attend to the row's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queries {
    /// Each of them.
    All,
    /// Only the first: all that a classifier reads of the last layer.
    First,
}

impl Queries {
    /// How many of `n_tokens`.
    pub(super) fn of(self, n_tokens: usize) -> usize {
        match self {
            Self::All => n_tokens,
            Self::First => n_tokens.min(1),
        }
    }
}

/// The number format of the factors in an encoder layer's products of matrices. Sums, and all that is no such product, are
/// f32 in either, and so are parameters, their gradients and moments, and the products inside of the attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factors {
    /// As they are.
    F32,
    /// Rounded to bf16: half as many instructions on a processor that has them, see [`Factors::is_available`]. Only whole
    /// fused layers heed it.
    Bf16,
}

impl Factors {
    /// Whether this process can multiply them: bf16 takes a processor with AVX512-BF16 and
    /// [`InstructionSet::Avx512`].
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::F32 => true,
            Self::Bf16 => InstructionSet::current().multiplies_bf16(),
        }
    }
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
    /// What is kept of a layer between its passes.
    pub activations: Activations,
    /// What a layer's products multiply.
    pub factors: Factors,
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
            activations: Activations::Kept,
            factors: Factors::F32,
        }
    }

    /// The tokens that a layer computes when these are asked of it: all of them where operations are composite, and where the
    /// gemm crate multiplies, whose sums go by parts of k that would end elsewhere.
    #[must_use]
    pub fn computed(&self, queries: Queries) -> Queries {
        let computes_all = self.encoder_layer == Kernel::Composite || InstructionSet::current() == InstructionSet::Gemm;
        if computes_all { Queries::All } else { queries }
    }

    /// Fused on a CPU, composite elsewhere.
    #[must_use]
    pub fn for_device(device: &Device) -> Self {
        Self::all(if device.is_cpu() { Kernel::Fused } else { Kernel::Composite })
    }
}
