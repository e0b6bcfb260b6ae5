//! What the products of every variant must fulfil; `wasm` and `avx512` run these on theirs.

use super::super::{MatrixMut, MatrixRef, math};
use super::{Activation, PackedMatrix, Right, Start, Variant, multiply};

/// Small integers, so that every order of summation and every way of rounding gives the same bits.
pub(in super::super) fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7) % 13) as f32 - 6.0).collect()
}

/// Element `[i, j]` of a product by its definition.
pub(in super::super) fn element(a: MatrixRef<'_>, b: MatrixRef<'_>, i: usize, j: usize) -> f32 {
    let at = |m: MatrixRef<'_>, row: usize, column: usize| m.data[row * m.row_stride + column * m.column_stride];
    (0..a.columns).map(|l| at(a, i, l) * at(b, l, j)).sum()
}

/// All that a product can begin with, both layouts of each operand, packed before and not.
fn check_product<V: Variant>(m: usize, k: usize, n: usize) {
    let (a_data, b_data, bias) = (ramp(m * k + 3 * m.max(k)), ramp(n * k + 5 * n.max(k)), ramp(n));
    let out_stride = n + 3;
    let a_layouts = [MatrixRef::new(&a_data, m, k, k + 2), MatrixRef::new(&a_data, k, m, m + 2).t()];
    let b_layouts = [MatrixRef::new(&b_data, k, n, n + 4), MatrixRef::new(&b_data, n, k, k + 4).t()];
    for (a, b) in a_layouts.into_iter().flat_map(|a| b_layouts.map(|b| (a, b))) {
        let packed = PackedMatrix::<V>::new(b);
        for is_packed in [false, true] {
            for start in [Start::Zero, Start::Out, Start::Bias(&bias)] {
                for activation in [Activation::None, Activation::Gelu] {
                    let mut out = vec![99.0; m * out_stride];
                    let right = if is_packed { Right::Packed(&packed) } else { Right::Loose(b) };
                    multiply::<V>(MatrixMut::new(&mut out, m, n, out_stride), a, &right, start, activation);
                    for (i, row) in out.chunks_exact(out_stride).enumerate() {
                        for (j, value) in row.iter().enumerate() {
                            let sum = || match start {
                                Start::Zero => element(a, b, i, j),
                                Start::Out => 99.0 + element(a, b, i, j),
                                Start::Bias(bias) => bias[j] + element(a, b, i, j),
                            };
                            let expected = match activation {
                                _ if j >= n => 99.0,
                                Activation::None => sum(),
                                Activation::Gelu => sum() * math::normal_cdf(sum()),
                            };
                            assert_eq!(*value, expected, "{m}×{k}×{n} at {i}, {j}");
                        }
                    }
                }
            }
        }
    }
}

/// Rows that fill groups and that do not, columns that fill panels and that do not, short sums.
pub(in super::super) fn check_small_products<V: Variant>() {
    for m in (1..=14).chain([31, 32]) {
        for k in [1, 2, 3, 4, 5, 33] {
            for n in [1, 2, 7, 8, 9, 16, 17, 31, 32, 33] {
                check_product::<V>(m, k, n);
            }
        }
    }
}

/// More than one block of rows, and of k, also with a last one that is not whole.
pub(in super::super) fn check_blocked_products<V: Variant>() {
    for (m, k, n) in [
        (3, V::DEPTH, 9),
        (5, V::DEPTH + 1, 8),
        (2, 2 * V::DEPTH, 17),
        (129, 5, 9),
        (250, V::DEPTH + 3, 10),
        (257, 2, 3),
    ] {
        check_product::<V>(m, k, n);
    }
}
