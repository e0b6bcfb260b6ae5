//! What the products of every variant must fulfil; `avx512`, `avx2`, `neon`, `wasm` and `scalar` run these on theirs.

use std::sync::Arc;

use super::super::math;
use super::*;

/// Small integers, so that every order of summation and every way of rounding gives the same bits.
pub(in super::super) fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7) % 13) as f32 - 6.0).collect()
}

/// Element `[i, j]` of a product by its definition.
pub(in super::super) fn element(a: MatrixRef<'_>, b: MatrixRef<'_>, i: usize, j: usize) -> f32 {
    let at = |m: MatrixRef<'_>, row: usize, column: usize| m.data()[row * m.row_stride() + column * m.column_stride()];
    (0..a.columns()).map(|l| at(a, i, l) * at(b, l, j)).sum()
}

/// All that a product can begin with, both layouts of each operand, packed before and not.
fn check_product<V: Microkernel>(m: usize, k: usize, n: usize) {
    let (a_data, b_data, bias) = (ramp(m * k + 3 * m.max(k)), ramp(n * k + 5 * n.max(k)), ramp(n));
    let out_stride = n + 3;
    let a_layouts = [MatrixRef::new(&a_data, m, k, k + 2), MatrixRef::new(&a_data, k, m, m + 2).t()];
    let b_layouts = [MatrixRef::new(&b_data, k, n, n + 4), MatrixRef::new(&b_data, n, k, k + 4).t()];
    for (a, b) in a_layouts.into_iter().flat_map(|a| b_layouts.map(|b| (a, b))) {
        let packed = Arc::new(PackedWeight::pack::<V>(b));
        for is_packed in [false, true] {
            for start in [Start::Zero, Start::Out, Start::Bias(&bias)] {
                for activation in [Activation::None, Activation::Gelu] {
                    let mut out = vec![99.0; m * out_stride];
                    let right = if is_packed { Operand::Packed(Arc::clone(&packed)) } else { Operand::Loose(b) };
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
pub(in super::super) fn check_small_products<V: Microkernel>() {
    // Miri takes a second for some thousand multiplications.
    let (rows, depths, widths): (&[usize], &[usize], &[usize]) = if cfg!(miri) {
        (&[1, 5], &[1, 3], &[8, 9])
    } else {
        (
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 31, 32],
            &[1, 2, 3, 4, 5, 33],
            &[1, 2, 7, 8, 9, 12, 16, 17, 31, 32, 33],
        )
    };
    for m in rows {
        for k in depths {
            for n in widths {
                check_product::<V>(*m, *k, *n);
            }
        }
    }
    // Sums over nothing are what they begin with.
    check_product::<V>(2, 0, 3);
}

/// More than one block of rows, and of k, also with a last one that is not whole.
pub(in super::super) fn check_blocked_products<V: Microkernel>() {
    let small = [(1, V::DEPTH + 1, 2), (V::ROWS + 1, 1, 1)];
    let large = [
        (3, V::DEPTH, 9),
        (5, V::DEPTH + 1, 8),
        (2, 2 * V::DEPTH, 17),
        (129, 5, 9),
        (250, V::DEPTH + 3, 10),
        (257, 2, 3),
    ];
    for (m, k, n) in small.into_iter().chain(large.into_iter().filter(|_| !cfg!(miri))) {
        check_product::<V>(m, k, n);
    }
}

/// A matrix product that begins with nothing, or with the output.
pub(in super::super) type ProductFn = fn(MatrixMut<'_>, MatrixRef<'_>, MatrixRef<'_>, Start<'_>);

/// A product by the tiles of `V`, of operands that are packed for it.
pub(in super::super) fn product<V: Microkernel>(
    out: MatrixMut<'_>,
    a: MatrixRef<'_>,
    b: MatrixRef<'_>,
    start: Start<'_>,
) {
    multiply::<V>(out, a, &Operand::Loose(b), start, Activation::None);
}

/// As [`product`], and through GELU.
fn product_and_gelu<V: Microkernel>(out: MatrixMut<'_>, a: MatrixRef<'_>, b: MatrixRef<'_>, start: Start<'_>) {
    multiply::<V>(out, a, &Operand::Loose(b), start, Activation::Gelu);
}

pub(in super::super) fn check_non_finite_values<V: Microkernel>() {
    check_non_finite_values_of(product::<V>);
    check_non_finite_values_of(product_and_gelu::<V>);
}

/// What is not finite, or too large for its products, makes its own row or column not finite, and no other value: also
/// not through the zeros that fill up groups and panels, nor through what the output held.
pub(in super::super) fn check_non_finite_values_of(product: ProductFn) {
    let shapes: &[_] =
        if cfg!(miri) { &[(3, 2, 9)] } else { &[(1, 1, 1), (1, 3, 5), (5, 3, 9), (13, 7, 35), (3, 600, 2)] };
    let n_bad = if cfg!(miri) { 2 } else { 4 };
    for &(m, k, n) in shapes {
        let positive = |n: usize| (0..n).map(|i| 2.0 + (i % 3) as f32).collect::<Vec<f32>>();
        let run = |a: &[f32], b: &[f32], is_transposed: bool| {
            let mut out = vec![f32::NAN; m * n];
            let (a, b) = if is_transposed {
                (MatrixRef::new(a, k, m, m).t(), MatrixRef::new(b, n, k, k).t())
            } else {
                (MatrixRef::new(a, m, k, k), MatrixRef::new(b, k, n, n))
            };
            product(MatrixMut::new(&mut out, m, n, n), a, b, Start::Zero);
            out
        };
        for is_transposed in [false, true] {
            let (a, b) = (positive(m * k), positive(k * n));
            let clean = run(&a, &b, is_transposed);
            assert!(clean.iter().all(|x| x.is_finite()), "{m}×{k}×{n}: {clean:?}");
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX].into_iter().take(n_bad) {
                for (row, l) in [(0, k - 1), (m - 1, 0), (m / 2, k / 2)] {
                    let mut a = a.clone();
                    a[if is_transposed { l * m + row } else { row * k + l }] = bad;
                    for (index, (x, clean)) in run(&a, &b, is_transposed).iter().zip(&clean).enumerate() {
                        let is_right = if index / n == row { !x.is_finite() } else { x == clean };
                        assert!(is_right, "{m}×{k}×{n}, {bad} at [{row}, {l}] of a: {x} at {index}");
                    }
                }
                for (l, column) in [(0, n - 1), (k - 1, 0), (k / 2, n / 2)] {
                    let mut b = b.clone();
                    b[if is_transposed { column * k + l } else { l * n + column }] = bad;
                    for (index, (x, clean)) in run(&a, &b, is_transposed).iter().zip(&clean).enumerate() {
                        let is_right = if index % n == column { !x.is_finite() } else { x == clean };
                        assert!(is_right, "{m}×{k}×{n}, {bad} at [{l}, {column}] of b: {x} at {index}");
                    }
                }
            }
        }
    }
}
