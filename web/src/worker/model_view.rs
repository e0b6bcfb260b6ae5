//! The reduction of a model's weights to what the page shows.

use super::Values;
use crate::protocol::{MatrixView, PartView};
use sha2::{Digest, Sha256};
use shared::model::{Kind, ModelConfig, Module, ParameterPath};

/// Rows and columns that are drawn of a matrix; 16 squares can still be told apart on a phone.
const CORNER_SIDE: usize = 16;

/// SHA-256 over the little-endian bits of all values, in hexadecimal.
pub(super) fn fingerprint(values: &[Values]) -> String {
    let mut hasher = Sha256::new();
    for value in values.iter().flat_map(|(_, values)| values) {
        hasher.update(value.to_le_bytes());
    }
    hex::encode(hasher.finalize())
}

/// One view for each part of the model. `before` and `after` hold the same parameters in the same order.
pub(super) fn parts(config: &ModelConfig, before: &[Values], after: &[Values]) -> Vec<PartView> {
    let pairs: Vec<Pair<'_>> = before
        .iter()
        .zip(after)
        .map(|((path, before), (_, after))| Pair { path: *path, before, after, n_changed: n_changed(before, after) })
        .collect();
    pairs.chunk_by(|a, b| part_name(a.path) == part_name(b.path)).map(|part| part_view(config, part)).collect()
}

/// One parameter before and after.
struct Pair<'a> {
    path: ParameterPath,
    before: &'a [f32],
    after: &'a [f32],
    n_changed: usize,
}

fn part_name(path: ParameterPath) -> String {
    match path.module {
        Module::Layer(layer_idx, _) => format!("Layer {layer_idx}"),
        Module::Pooler => "Pooler".to_owned(),
        Module::Classifier => "Classifier".to_owned(),
        _ => "Embeddings".to_owned(),
    }
}

fn part_view(config: &ModelConfig, part: &[Pair<'_>]) -> PartView {
    let matrices = part.iter().filter(|pair| pair.path.kind == Kind::Weight && !pair.path.module.is_layer_norm());
    // Among equals the first in the order of a forward pass, whence the reversal: `max_by_key` returns the last.
    let drawn = matrices.rev().max_by_key(|pair| pair.n_changed).expect("every part has a matrix");
    let n_columns = *config.shape_of(drawn.path).last().expect("a matrix has columns");
    PartView {
        name: part_name(drawn.path),
        n_values: part.iter().map(|pair| pair.after.len()).sum(),
        n_changed: part.iter().map(|pair| pair.n_changed).sum(),
        n_non_finite: part.iter().flat_map(|pair| pair.after).filter(|value| !value.is_finite()).count(),
        parameter: drawn.path.name(config.architecture),
        before: matrix_view(drawn.before, n_columns),
        after: matrix_view(drawn.after, n_columns),
    }
}

fn n_changed(before: &[f32], after: &[f32]) -> usize {
    before.iter().zip(after).filter(|(before, after)| before.to_bits() != after.to_bits()).count()
}

/// `values` row by row, `n_columns` wide.
fn matrix_view(values: &[f32], n_columns: usize) -> MatrixView {
    let n_drawn_columns = n_columns.min(CORNER_SIDE);
    let corner = values
        .chunks(n_columns)
        .take(CORNER_SIDE)
        .flat_map(|row| &row[..n_drawn_columns])
        .map(|value| value.is_finite().then_some(*value))
        .collect(); // [≤ 16, ≤ 16]
    MatrixView { corner, n_columns: n_drawn_columns, standard_deviation: standard_deviation(values) }
}

/// In two passes and in f64, so that it does not cancel; over the finite values, 0 when there are none.
fn standard_deviation(values: &[f32]) -> f64 {
    let finite = || values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value));
    let n = finite().count().max(1) as f64;
    let mean = finite().sum::<f64>() / n;
    (finite().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn corner_is_the_upper_left_one_row_by_row_and_holds_none_where_there_is_no_number() {
        let mut values: Vec<f32> = (0..40).map(|i| i as f32).collect();
        values[21] = f32::NAN;
        let view = matrix_view(&values, 20);
        assert_eq!(view.n_columns, CORNER_SIDE);
        assert_eq!(
            (view.corner[0], view.corner[15], view.corner[16], view.corner[17]),
            (Some(0.0), Some(15.0), Some(20.0), None)
        );
        assert_eq!(view.corner.len(), 2 * CORNER_SIDE);
    }

    #[wasm_bindgen_test]
    fn standard_deviation_leaves_out_what_is_not_finite() {
        assert!((standard_deviation(&[1.0, f32::INFINITY, 3.0, f32::NAN]) - 1.0).abs() < 1e-12);
        assert!(standard_deviation(&[f32::NAN]).abs() < 1e-12);
    }
}
