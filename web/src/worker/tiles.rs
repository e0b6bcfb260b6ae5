//! Matrices cut into tiles that can be drawn.

use crate::protocol::Tiles;

/// Cuts a matrix of `n_columns` columns into at most `max_tiles` tiles down and across, each of as many whole rows and
/// columns as any other but for the last ones.
pub(super) fn tiles(values: &[f32], n_columns: usize, max_tiles: usize) -> Tiles {
    let max_tiles = max_tiles.max(1);
    let n_columns = n_columns.max(1);
    let n_rows = values.len() / n_columns;
    let (height, width) = (n_rows.div_ceil(max_tiles).max(1), n_columns.div_ceil(max_tiles));
    let (n_tile_rows, n_tile_columns) = (n_rows.div_ceil(height), n_columns.div_ceil(width));
    let mut means = Vec::with_capacity(n_tile_rows * n_tile_columns);
    for band in values.chunks(height * n_columns) {
        let mut sums = vec![0.0_f64; n_tile_columns];
        let mut counts = vec![0_u32; n_tile_columns];
        for row in band.chunks(n_columns) {
            for ((tile, sum), count) in row.chunks(width).zip(&mut sums).zip(&mut counts) {
                // One value that is no number makes the sum none, and so the tile.
                *sum += tile.iter().map(|value| f64::from(*value)).sum::<f64>();
                *count += tile.len() as u32;
            }
        }
        means.extend(sums.iter().zip(&counts).map(|(sum, count)| {
            let mean = sum / f64::from(*count);
            mean.is_finite().then_some(mean as f32)
        }));
    }
    Tiles { n_rows: n_tile_rows, n_columns: n_tile_columns, means }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn small_matrices_are_drawn_value_by_value() {
        let tiles = tiles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 8);
        assert_eq!((tiles.n_rows, tiles.n_columns), (2, 3));
        assert_eq!(tiles.means, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(Some));
    }

    #[wasm_bindgen_test]
    fn large_ones_by_the_means_of_tiles_the_last_of_which_may_be_smaller() {
        let values: Vec<f32> = (0..15).map(|i| i as f32).collect();
        // Rows 0 to 4 5 to 9 10 to 14; tiles of 2 × 3.
        let tiles = tiles(&values, 5, 2);
        assert_eq!((tiles.n_rows, tiles.n_columns), (2, 2));
        assert_eq!(tiles.means, [3.5, 6.0, 11.0, 13.5].map(Some));
    }

    #[wasm_bindgen_test]
    fn a_tile_with_a_value_that_is_no_number_has_none() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(tiles(&[1.0, bad, 3.0, 5.0], 4, 2).means, [None, Some(4.0)]);
        }
        assert_eq!(tiles(&[], 4, 2).means, []);
    }
}
