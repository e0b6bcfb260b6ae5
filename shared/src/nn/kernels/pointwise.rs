//! GELU, dropout, rows of a look-up table and sums over rows.

use crate::parallel::prelude::*;

use super::dispatch::{SERIAL_BELOW, vectorized};
#[cfg(not(target_arch = "wasm32"))]
use super::math;
#[cfg(target_arch = "wasm32")]
use super::wasm::{serial_gelu, serial_gelu_backward};
use crate::random::Stream;

/// y = x·Φ(x), the exact GELU (Hendrycks & Gimpel 2016), not its tanh approximation.
pub(crate) fn gelu(x: &[f32], y: &mut [f32]) {
    x.par_chunks(SERIAL_BELOW).zip(y.par_chunks_mut(SERIAL_BELOW)).for_each(|(x, y)| serial_gelu(x, y));
}

/// dx = dy·(Φ(x) + x·φ(x)).
pub(crate) fn gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    (x.par_chunks(SERIAL_BELOW), dy.par_chunks(SERIAL_BELOW), dx.par_chunks_mut(SERIAL_BELOW))
        .into_par_iter()
        .for_each(|(x, dy, dx)| serial_gelu_backward(x, dy, dx));
}

#[cfg(not(target_arch = "wasm32"))]
fn serial_gelu(x: &[f32], y: &mut [f32]) {
    vectorized!(|x: &[f32], y: &mut [f32]| {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x * math::normal_cdf(*x);
        }
    });
}

#[cfg(not(target_arch = "wasm32"))]
fn serial_gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    vectorized!(|x: &[f32], dy: &[f32], dx: &mut [f32]| {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = dy * (math::normal_cdf(*x) + x * math::normal_pdf(*x));
        }
    });
}

/// x ← x + bias on every row of x `[rows, bias.len()]`, and y = x·Φ(x) of that; on the calling thread.
pub(crate) fn bias_gelu(x: &mut [f32], bias: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact_mut(bias.len()).zip(y.chunks_exact_mut(bias.len())) {
        let sum = &mut *x;
        vectorized!(|sum: &mut [f32], bias: &[f32]| {
            sum.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
        });
        serial_gelu(x, y);
    }
}

/// dy ← dy·(Φ(x) + x·φ(x)) and x ← x·Φ(x), with the bits of [`gelu_backward`] and [`gelu`]; in place and on the calling
/// thread. Both need Φ(x), which is most of the work.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn gelu_and_backward_in_place(x: &mut [f32], dy: &mut [f32]) {
    vectorized!(|x: &mut [f32], dy: &mut [f32]| {
        for (x, dy) in x.iter_mut().zip(dy) {
            let cdf = math::normal_cdf(*x);
            *dy *= cdf + *x * math::normal_pdf(*x);
            *x *= cdf;
        }
    });
}

/// The same in two passes over what fits into the cache.
#[cfg(target_arch = "wasm32")]
pub(crate) fn gelu_and_backward_in_place(x: &mut [f32], dy: &mut [f32]) {
    const CHUNK: usize = 1024;
    let mut copy = [0.0; CHUNK];
    for (x, dx) in x.chunks_mut(CHUNK).zip(dy.chunks_mut(CHUNK)) {
        let copy = &mut copy[..dx.len()];
        copy.copy_from_slice(dx);
        serial_gelu_backward(x, copy, dx);
        copy.copy_from_slice(x);
        serial_gelu(copy, x);
    }
}

/// Which elements of one dropout site survive: a function of (stream, site, element), so nothing is stored and the
/// backward pass, a resumed run and any number of threads see the same mask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropoutMask {
    keys: [u32; 2],
    threshold: u32,
    scale: f32,
}

impl DropoutMask {
    /// The mask of one `site` (a number unique within a forward pass) that drops with `probability` in [0, 1).
    pub(crate) fn new(stream: &Stream, site: u64, probability: f64) -> Self {
        let [key0, key1, _, _] = stream.block(site);
        Self {
            keys: [key0, key1],
            threshold: (probability * 4_294_967_296.0) as u32,
            scale: (1.0 / (1.0 - probability)) as f32,
        }
    }

    /// 1/(1 − p) when element `index` survives, else 0.
    ///
    /// The hash is the two-multiplication `lowbias32` form found by Wellons' hash prospector, keyed before and inside:
    /// much cheaper than Philox, vectorises, and its bias is far below a dropout mask's own noise.
    #[inline(always)]
    pub(crate) fn factor(self, index: u32) -> f32 {
        let mut x = index.wrapping_add(self.keys[0]);
        x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad);
        x = (x ^ (x >> 15) ^ self.keys[1]).wrapping_mul(0xd35a_2d97);
        x ^= x >> 15;
        if x >= self.threshold { self.scale } else { 0.0 }
    }
}

/// y = x · mask on the calling thread, or a copy without one; `first` is the site's index of the first element.
pub(crate) fn dropout_block(x: &[f32], mask: Option<DropoutMask>, first: usize, y: &mut [f32]) {
    let Some(mask) = mask else { return y.copy_from_slice(x) };
    vectorized!(|x: &[f32], mask: DropoutMask, first: usize, y: &mut [f32]| {
        for ((y, x), index) in y.iter_mut().zip(x).zip(first as u32..) {
            *y = x * mask.factor(index);
        }
    });
}

/// x ← x · mask + residual, or x + residual without a mask, on the calling thread; `first` as in [`dropout_block`].
pub(crate) fn dropout_add(x: &mut [f32], residual: &[f32], mask: Option<DropoutMask>, first: usize) {
    vectorized!(|x: &mut [f32], residual: &[f32], mask: Option<DropoutMask>, first: usize| {
        match mask {
            Some(mask) => {
                for ((x, residual), index) in x.iter_mut().zip(residual).zip(first as u32..) {
                    *x = *x * mask.factor(index) + residual;
                }
            }
            None => x.iter_mut().zip(residual).for_each(|(x, residual)| *x += residual),
        }
    });
}

/// x ← (x + bias) · mask + residual on every row of x `[rows, bias.len()]`, on the calling thread.
pub(crate) fn bias_dropout_add(x: &mut [f32], bias: &[f32], residual: &[f32], mask: Option<DropoutMask>, first: usize) {
    vectorized!(|x: &mut [f32], bias: &[f32], residual: &[f32], mask: Option<DropoutMask>, first: usize| {
        let n = bias.len();
        for ((x, residual), first) in
            x.chunks_exact_mut(n).zip(residual.chunks_exact(n)).zip((first as u32..).step_by(n))
        {
            match mask {
                Some(mask) => {
                    for (((x, bias), residual), index) in x.iter_mut().zip(bias).zip(residual).zip(first..) {
                        *x = (*x + bias) * mask.factor(index) + residual;
                    }
                }
                None => {
                    for ((x, bias), residual) in x.iter_mut().zip(bias).zip(residual) {
                        *x = *x + bias + residual;
                    }
                }
            }
        }
    });
}

/// y = x · mask; its own backward, since the mask does not depend on x.
pub(crate) fn dropout(x: &[f32], mask: DropoutMask, y: &mut [f32]) {
    x.par_chunks(SERIAL_BELOW).zip(y.par_chunks_mut(SERIAL_BELOW)).enumerate().for_each(|(chunk_idx, (x, y))| {
        dropout_block(x, Some(mask), chunk_idx * SERIAL_BELOW, y);
    });
}

/// Sums over the rows of `[rows, n_columns]`: the gradient of a bias.
pub(crate) fn column_sums(x: &[f32], n_columns: usize) -> Vec<f32> {
    let n_rows = x.len() / n_columns.max(1);
    // A fixed number of row blocks, so that the order of additions depends on the shape alone.
    let rows = n_rows.div_ceil(8).max(SERIAL_BELOW.div_ceil(n_columns.max(1))).max(1);
    let partial: Vec<Vec<f32>> = x
        .par_chunks(rows * n_columns.max(1))
        .map(|block| {
            let mut sums = vec![0.0; n_columns];
            add_rows(block, &mut sums);
            sums
        })
        .collect();
    let mut sums = vec![0.0; n_columns];
    for part in partial {
        sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
    }
    sums
}

/// sums ← sums + each row of x, in their order and on the calling thread.
pub(crate) fn add_rows(x: &[f32], sums: &mut [f32]) {
    vectorized!(|x: &[f32], sums: &mut [f32]| {
        for row in x.chunks_exact(sums.len()) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
    });
}

/// out[i] = Σ table[ids[i]] over tables with their ids, from the first to the last and at least one; ids were checked against
/// the tables by the caller.
pub(crate) fn sum_rows(tables: &[(&[f32], &[u32])], n_columns: usize, out: &mut [f32]) {
    let ((first, first_ids), others) = tables.split_first().expect("a sum has terms");
    let row = |id: u32| id as usize * n_columns..(id as usize + 1) * n_columns;
    out.par_chunks_mut(n_columns).enumerate().with_min_len(64).for_each(|(i, out)| {
        out.copy_from_slice(&first[row(first_ids[i])]);
        for (table, ids) in others {
            let (out, row) = (&mut *out, &table[row(ids[i])]);
            vectorized!(|out: &mut [f32], row: &[f32]| {
                out.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn gelu_and_its_gradient_in_one_pass_have_the_bits_of_two() {
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let edges = [0.0, -0.0, 1e-30, 40.0, -40.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
        let x: Vec<f32> = (0..2101_i16).map(|i| f32::from(i) * 0.009 - 9.0).chain(edges).collect();
        let dy: Vec<f32> = (0..x.len()).map(|i| (i % 13) as f32 * 0.37 - 2.0).collect();
        let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        gelu(&x, &mut y);
        gelu_backward(&x, &dy, &mut dx);
        let (mut both_y, mut both_dx) = (x, dy);
        gelu_and_backward_in_place(&mut both_y, &mut both_dx);
        assert_eq!(bits(&both_y), bits(&y));
        assert_eq!(bits(&both_dx), bits(&dx));
    }

    #[test]
    fn dropout_keeps_the_asked_share_and_sites_are_independent() {
        let n = 200_000_u32;
        let stream = Seed(5).stream("dropout", "");
        let (a, b) = (DropoutMask::new(&stream, 0, 0.1), DropoutMask::new(&stream, 1, 0.1));
        let dropped = |mask: DropoutMask| (0..n).filter(|i| mask.factor(*i) == 0.0).count() as f64 / f64::from(n);
        let both = (0..n).filter(|i| a.factor(*i) == 0.0 && b.factor(*i) == 0.0).count() as f64 / f64::from(n);
        // Five standard errors of a share of 0.1 (and of 0.01) in 200,000 draws.
        assert!((dropped(a) - 0.1).abs() < 0.0034, "{}", dropped(a));
        assert!((dropped(b) - 0.1).abs() < 0.0034, "{}", dropped(b));
        assert!((both - 0.01).abs() < 0.0012, "{both}");
        let neighbours = (1..n).filter(|i| a.factor(*i) == 0.0 && a.factor(i - 1) == 0.0).count() as f64 / f64::from(n);
        assert!((neighbours - 0.01).abs() < 0.0012, "{neighbours}");
    }
}
