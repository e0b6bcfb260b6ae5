//! A product of matrices to time, for estimates and for the share of it that a training reaches. This crate knows no clock.

use std::sync::Arc;

use crate::parallel::prelude::*;

use super::kernel_choice::Factors;
use super::kernels::{Operand, PackedWeight, Start, rows_per_block};

/// The product `[1024, 384]·[384, 1536]` on all threads of rayon's pool, as an encoder layer computes it.
#[derive(Debug)]
pub struct ProductProbe {
    x: Vec<f32>,
    weight: Vec<f32>,
    packed: Option<Arc<PackedWeight>>,
    y: Vec<f32>,
}

impl ProductProbe {
    const SHAPE: (usize, usize, usize) = (1024, 384, 1536);

    /// Floating-point operations of [`ProductProbe::multiply`].
    pub const FLOPS: f64 = 2.0 * (Self::SHAPE.0 * Self::SHAPE.1 * Self::SHAPE.2) as f64;

    /// A product with these factors; the gemm crate packs its operands each time, the program's own tiles only the left one.
    ///
    /// # Panics
    /// When `factors` are not available, see [`Factors::is_available`].
    #[must_use]
    pub fn new(factors: Factors) -> Self {
        let (m, k, n) = Self::SHAPE;
        let weight = vec![1.0; n * k];
        let packed = PackedWeight::new(&weight, k, factors).map(Arc::new);
        Self { x: vec![1.0; m * k], weight, packed, y: vec![0.0; m * n] }
    }

    /// Computes it once.
    pub fn multiply(&mut self) {
        let (m, k, n) = Self::SHAPE;
        let rows = rows_per_block(m);
        let operand = Operand::new(&self.weight, k, self.packed.clone());
        self.y
            .par_chunks_mut(rows * n)
            .zip(self.x.par_chunks(rows * k))
            .with_max_len(1)
            .for_each(|(y, x)| operand.product(x, Start::Zero, y));
        std::hint::black_box(&mut self.y);
    }
}
