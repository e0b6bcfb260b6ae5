//! Every kernel against its plain definition, in a browser; both variants of the tile.

use wasm_bindgen_test::wasm_bindgen_test;

use super::super::attention_shape::{AttentionShape, RowFlags};
use super::super::math;
use super::super::matrix::{MatrixMut, MatrixRef};
use super::super::product::tests::{
    check_blocked_products, check_non_finite_values, check_small_products, element, ramp,
};
use super::super::product::{Activation, Operand, Start, multiply};
use super::tile::{Plain, Relaxed};
use super::{pointwise, small_matmul};

#[wasm_bindgen_test]
fn products_of_the_plain_tile_equal_the_definition() {
    check_small_products::<Plain>();
    check_blocked_products::<Plain>();
}

#[wasm_bindgen_test]
fn products_of_the_relaxed_tile_equal_the_definition() {
    check_small_products::<Relaxed>();
    check_blocked_products::<Relaxed>();
}

#[wasm_bindgen_test]
fn sums_over_nothing_are_what_they_begin_with() {
    let bias = [1.0, 2.0, 3.0];
    let empty = MatrixRef::new(&[], 2, 0, 0);
    for (start, expected) in [(Start::Zero, [0.0; 3]), (Start::Out, [9.0; 3]), (Start::Bias(&bias), bias)] {
        let mut out = [9.0; 6];
        let b = Operand::Loose(MatrixRef::new(&[], 0, 3, 3));
        multiply::<Plain>(MatrixMut::new(&mut out, 2, 3, 3), empty, &b, start, Activation::None);
        assert_eq!(out, [expected, expected].concat()[..]);
    }
}

#[wasm_bindgen_test]
fn a_small_sum_over_nothing_is_zero_whatever_the_strides() {
    for row_stride in [0, 5] {
        let mut out = [9.0; 48];
        let (a, b) = (MatrixRef::new(&[], 6, 0, row_stride), MatrixRef::new(&[], 0, 8, 8));
        small_matmul(MatrixMut::new(&mut out, 6, 8, 8), a, b, 0.5);
        assert_eq!(out, [0.0; 48]);
    }
}

#[wasm_bindgen_test]
fn a_non_finite_value_reaches_its_own_row_or_column_only() {
    check_non_finite_values::<Plain>();
    check_non_finite_values::<Relaxed>();
}

#[wasm_bindgen_test]
fn the_variants_differ_in_rounding_only() {
    let (m, k, n) = (13, 700, 19);
    let wave = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
    let (a, b) = (wave(m * k, 0.37), wave(k * n, 0.71));
    let (a, b) = (MatrixRef::new(&a, m, k, k), MatrixRef::new(&b, k, n, n));
    let (mut plain, mut relaxed) = (vec![0.0; m * n], vec![0.0; m * n]);
    let out = MatrixMut::new(&mut plain, m, n, n);
    multiply::<Plain>(out, a, &Operand::Loose(b), Start::Zero, Activation::None);
    let out = MatrixMut::new(&mut relaxed, m, n, n);
    multiply::<Relaxed>(out, a, &Operand::Loose(b), Start::Zero, Activation::None);
    // Sums of 700 products below 1 reach about 20; f32 holds those to 1e-6.
    let worst = plain.iter().zip(&relaxed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 5e-5, "{worst}");
}

#[wasm_bindgen_test]
fn small_products_equal_the_definition() {
    for (m, k, n) in [(1, 1, 8), (2, 5, 16), (3, 32, 8), (4, 7, 24), (6, 1, 32), (9, 33, 16)] {
        let (a_data, b_data) = (ramp(m * k), ramp(k * (n + 4)));
        let b = MatrixRef::new(&b_data, k, n, n + 4);
        for a in [MatrixRef::new(&a_data, m, k, k), MatrixRef::new(&a_data, k, m, m).t()] {
            let mut out = vec![99.0; m * (n + 3)];
            small_matmul(MatrixMut::new(&mut out, m, n, n + 3), a, b, 0.5);
            for (i, row) in out.chunks_exact(n + 3).enumerate() {
                for (j, value) in row.iter().enumerate() {
                    let expected = if j < n { 0.5 * element(a, b, i, j) } else { 99.0 };
                    assert_eq!(*value, expected, "{m}×{k}×{n} at {i}, {j}");
                }
            }
        }
    }
}

/// Values of all sizes and signs, the ends of the polynomials' ranges and what is not finite.
fn awkward_values() -> Vec<f32> {
    let ends =
        [0.0, -0.0, 88.0, 88.1, -87.3, -87.31, 4.0, -4.0, 5.7, f32::MAX, f32::MIN, f32::INFINITY, -f32::INFINITY];
    (-900..=900).map(|i| i as f32 * 0.1003).chain(ends).chain([f32::NAN, 1e-30, -1e-30]).collect()
}

#[wasm_bindgen_test]
fn vector_functions_have_the_bits_of_the_scalar_ones() {
    let x = awkward_values();
    let dy: Vec<f32> = (0..x.len()).map(|i| i as f32 * 0.01 - 9.0).collect();
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    for (i, x) in x.iter().enumerate() {
        let mut power = [0.0; 4];
        pointwise::store(&mut power, pointwise::Exp::new().exp(pointwise::load(&[*x; 4])));
        assert!(power.iter().all(|power| same(*power, math::exp(*x))), "exp({x}) at {i}: {power:?}");
    }
    // Every length, so that the elements behind the last whole vector are met as well.
    for n in [0, 1, 3, 4, 7, x.len()] {
        let (mut y, mut dx) = (vec![0.0; n], vec![0.0; n]);
        pointwise::serial_gelu(&x[..n], &mut y);
        pointwise::serial_gelu_backward(&x[..n], &dy[..n], &mut dx);
        for i in 0..n {
            let (x, dy) = (x[i], dy[i]);
            assert!(same(y[i], x * math::normal_cdf(x)), "gelu({x}) = {}", y[i]);
            let slope = math::normal_cdf(x) + x * math::normal_pdf(x);
            assert!(same(dx[i], dy * slope), "gelu'({x})·{dy} = {}", dx[i]);
        }
    }
}

/// Attention by its definition, in f64.
fn attention_by_definition(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
    let (n, size, hidden_size) = (shape.n_tokens, shape.head_size, shape.n_heads * shape.head_size);
    let mut out = vec![0.0; q.len()];
    for row in 0..shape.n_rows {
        for head in 0..shape.n_heads {
            let at =
                |x: &[f32], token: usize, i: usize| f64::from(x[(row * n + token) * hidden_size + head * size + i]);
            for query in 0..n {
                let scores: Vec<f64> = (0..n)
                    .map(|key| {
                        let dot: f64 = (0..size).map(|i| at(q, query, i) * at(k, key, i)).sum();
                        // As in f32, where a score beside `f32::MIN` is rounded away.
                        if shape.mask[row * n + key] == 0 { f64::from(f32::MIN) } else { dot / (size as f64).sqrt() }
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
                let sum: f64 = powers.iter().sum();
                for i in 0..size {
                    let value: f64 = powers.iter().enumerate().map(|(key, power)| power / sum * at(v, key, i)).sum();
                    out[(row * n + query) * hidden_size + head * size + i] = value as f32;
                }
            }
        }
    }
    out
}

#[wasm_bindgen_test]
fn attention_equals_the_definition_for_every_length_head_size_and_mask() {
    for (n_tokens, head_size) in [(1, 4), (3, 8), (4, 6), (5, 32), (8, 1), (9, 8), (17, 12), (33, 32)] {
        let (n_rows, n_heads) = (4, 2);
        let n = n_rows * n_tokens * n_heads * head_size;
        let wave = |step: f32| (0..n).map(|i| 2.0 * (i as f32 * step).sin()).collect::<Vec<f32>>();
        let (q, k, v) = (wave(0.7), wave(1.3), wave(2.9));
        // A full row, one with padding, one with a hole, one without any token.
        let mask = (0..n_rows * n_tokens).map(|i| {
            let (row, token) = (i / n_tokens, i % n_tokens);
            u32::from([true, token <= n_tokens / 2, token != n_tokens / 3, false][row])
        });
        let shape = AttentionShape {
            n_rows,
            n_tokens,
            n_queries: n_tokens,
            n_heads,
            head_size,
            mask: mask.collect::<Vec<_>>().into(),
            dropout: None,
            saturated: RowFlags::new(n_rows),
        };
        let mut out = vec![0.0; n];
        super::attention(&shape, &q, &k, &v, &mut out);
        let expected = attention_by_definition(&shape, &q, &k, &v);
        let worst = out.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 3e-6, "{n_tokens} tokens, heads of {head_size}: {worst}");
        let firsts = |all: &[f32]| -> Vec<f32> {
            let width = n_heads * head_size;
            all.chunks_exact(n_tokens * width).flat_map(|row| row[..width].to_vec()).collect()
        };
        let mut first = vec![0.0; n / n_tokens];
        super::attention(&AttentionShape { n_queries: 1, ..shape }, &firsts(&q), &k, &v, &mut first);
        assert_eq!(first, firsts(&out));
    }
}
