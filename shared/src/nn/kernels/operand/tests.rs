//! Every way to multiply that this processor has.

use super::super::product::tests::{ProductFn, check_non_finite_values_of, product, ramp};
use super::*;

fn products() -> Vec<(&'static str, ProductFn)> {
    let mut products: Vec<(&'static str, ProductFn)> = vec![
        ("current", |out, a, b, start| matmul(out, a, b, Factors::F32, start)),
        ("gemm", gemm_product),
        ("scalar", product::<ScalarTile>),
    ];
    #[cfg(target_arch = "x86_64")]
    for (name, is_available, product) in [
        ("avx512", InstructionSet::Avx512.is_available(), product::<Avx512> as ProductFn),
        ("avx512-bf16", crate::instruction_set::has_avx512_bf16(), product::<Avx512Bf16>),
        ("avx2", InstructionSet::Avx2.is_available(), product::<Avx2>),
    ] {
        if is_available {
            products.push((name, product));
        } else {
            eprintln!("skipped: this processor has no {name}");
        }
    }
    #[cfg(target_arch = "aarch64")]
    products.push(("neon", product::<Neon>));
    #[cfg(target_arch = "wasm32")]
    products.push(("wasm", product::<NativeTile>));
    products
}

#[test]
fn product_with_strides_and_transpose_equals_the_definition() {
    for (name, product) in products() {
        for (m, k, n) in [(5, 7, 3), (1, 7, 3), (5, 7, 1), (1, 1, 1), (2, 0, 3), (1, 0, 1), (2, 1030, 3)] {
            // a: rows k + 2 apart; b stored as [n, k], rows k + 1 apart
            let (a, b) = (ramp(m * (k + 2)), ramp(n * (k + 1)));
            for (start, first) in [(Start::Out, 1.0), (Start::Zero, 0.0)] {
                let mut out = vec![1.0; m * (n + 1)];
                let b_ref = MatrixRef::new(&b, n, k, k + 1).t();
                product(MatrixMut::new(&mut out, m, n, n + 1), MatrixRef::new(&a, m, k, k + 2), b_ref, start);
                for i in 0..m {
                    for j in 0..n {
                        let dot: f32 = (0..k).map(|l| a[i * (k + 2) + l] * b[j * (k + 1) + l]).sum();
                        assert_eq!(out[i * (n + 1) + j], first + dot, "{name}, {m}×{k}×{n} at {i}, {j}");
                    }
                    assert_eq!(out[i * (n + 1) + n], 1.0, "{name} wrote between rows");
                }
            }
        }
    }
}

/// Callers divide rows among threads: else the number of threads would enter the results.
#[test]
fn a_row_has_the_same_bits_in_blocks_of_any_number_of_rows() {
    let wave = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
    // Layers of MiniLM and BERT-Base, heads, and shapes that gemm has a way of its own for.
    let shapes = [
        (33, 384, 384),
        (19, 384, 1536),
        (17, 1536, 384),
        (5, 3072, 768),
        (67, 768, 100),
        (129, 384, 2),
        (33, 384, 6),
        (23, 32, 32),
        (23, 600, 5),
        (9, 2, 40),
        (9, 1, 7),
        (9, 1000, 1),
        (300, 50, 1),
    ];
    for (m, k, n) in shapes {
        let (a_data, b_data) = (wave(m * k, 0.37), wave(k * n, 0.71));
        // Each as it lies and as the transpose of what lies there.
        for (a_is_transposed, b_is_transposed) in [(false, false), (false, true), (true, false), (true, true)] {
            let a_rows = |first: usize, n_rows: usize| {
                if a_is_transposed {
                    MatrixRef::new(&a_data[first..], k, n_rows, m).t()
                } else {
                    MatrixRef::new(&a_data[first * k..], n_rows, k, k)
                }
            };
            let b =
                if b_is_transposed { MatrixRef::new(&b_data, n, k, k).t() } else { MatrixRef::new(&b_data, k, n, n) };
            for (name, product) in products() {
                for start in [Start::Zero, Start::Out] {
                    let in_blocks = |n_rows: usize| {
                        let mut out = wave(m * n, 0.11);
                        for (block, out) in out.chunks_mut(n_rows * n).enumerate() {
                            let n_rows_here = out.len() / n;
                            let out = MatrixMut::new(out, n_rows_here, n, n);
                            product(out, a_rows(block * n_rows, n_rows_here), b, start);
                        }
                        out.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
                    };
                    let whole = in_blocks(m);
                    for n_rows in [1, 2, 3, 7, 32] {
                        let n_other = in_blocks(n_rows).iter().zip(&whole).filter(|(a, b)| a != b).count();
                        assert_eq!(
                            n_other, 0,
                            "{name}, {m}×{k}×{n} in blocks of {n_rows} rows, transposed {a_is_transposed} {b_is_transposed}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_non_finite_value_reaches_its_own_row_or_column_only() {
    for (_, product) in products() {
        check_non_finite_values_of(product);
    }
}
