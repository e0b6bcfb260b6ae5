//! How fast this machine multiplies matrices, for estimates and for the share of it that a training reaches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::kernel_choice::Factors;
use super::kernels::{Operand, PackedWeight, Start, rows_per_block};

/// Floating-point operations a second of the product `[1024, 384]·[384, 1536]` on all threads of rayon's pool, as an encoder
/// layer computes it: of the fastest of as many as fit into `time`, and of at least one.
///
/// # Panics
/// When `factors` are not available, see [`Factors::is_available`].
#[must_use]
pub fn product_flops_per_sec(factors: Factors, time: Duration) -> f64 {
    let (m, k, n) = (1024, 384, 1536);
    let (x, weight, mut y) = (vec![1.0; m * k], vec![1.0; n * k], vec![0.0; m * n]);
    let operand = Operand::new(&weight, k, PackedWeight::new(&weight, k, factors).map(Arc::new));
    let rows = rows_per_block(m);
    let started = Instant::now();
    let mut best = f64::INFINITY;
    loop {
        let before = Instant::now();
        y.par_chunks_mut(rows * n)
            .zip(x.par_chunks(rows * k))
            .with_max_len(1)
            .for_each(|(y, x)| operand.product(x, Start::Zero, y));
        best = best.min(before.elapsed().as_secs_f64());
        if started.elapsed() >= time {
            break;
        }
    }
    std::hint::black_box(y);
    2.0 * (m * k * n) as f64 / best
}
