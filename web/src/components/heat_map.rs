//! A corner of a weight matrix as coloured squares.

use crate::protocol::MatrixView;
use leptos::prelude::*;
use std::fmt::Write as _;

/// Shades per sign. One SVG path per shade draws 256 squares with a dozen elements.
const N_SHADES: usize = 6;

/// The absolute weight that takes the strongest colour: about the bound of Kaiming's uniform distribution at the
/// model's width, √(6/128) ≈ 0.217.
const STRONGEST: f32 = 0.2;

/// Draws the corner of `matrix`; colours come from the style sheet, so they follow the light or dark theme.
#[component]
pub(super) fn HeatMap(name: String, matrix: MatrixView) -> impl IntoView {
    let n_columns = matrix.n_columns;
    let n_rows = matrix.corner.len() / n_columns;
    let deviation = format!("{:.3}", matrix.standard_deviation);
    let label = format!("{name}: standard deviation {deviation}");
    let Squares { negative, positive, broken } = squares(&matrix.corner, n_columns);
    let layers = |class: &'static str, paths: [String; N_SHADES]| {
        paths
            .into_iter()
            .enumerate()
            .filter(|(_, path)| !path.is_empty())
            .map(|(i, path)| {
                let opacity = ((i + 1) as f64 / N_SHADES as f64).to_string();
                view! { <path class=class fill-opacity=opacity d=path /> }
            })
            .collect_view()
    };
    view! {
        <svg role="img" aria-label=label viewBox=format!("0 0 {n_columns} {n_rows}") shape-rendering="crispEdges">
            {layers("negative", negative)} {layers("positive", positive)} <path class="broken" d=broken />
        </svg>
        <span class="deviation" aria-hidden="true">"σ "{deviation}</span>
    }
}

/// Path data of unit squares, a path for each shade from pale to strong.
#[derive(Default)]
struct Squares {
    negative: [String; N_SHADES],
    positive: [String; N_SHADES],
    broken: String,
}

fn squares(corner: &[Option<f32>], n_columns: usize) -> Squares {
    let mut squares = Squares::default();
    for (i, weight) in corner.iter().enumerate() {
        let path = match weight {
            // Zero stays without a square.
            Some(0.0) => continue,
            Some(weight) if *weight < 0.0 => &mut squares.negative[shade(*weight)],
            Some(weight) => &mut squares.positive[shade(*weight)],
            None => &mut squares.broken,
        };
        write!(path, "M{} {}h1v1h-1z", i % n_columns, i / n_columns).expect("writing to a String does not fail");
    }
    squares
}

/// By the square root, so that weights of BERT's usual 0.02 are seen beside Kaiming's 0.2.
fn shade(weight: f32) -> usize {
    (((weight.abs() / STRONGEST).sqrt() * N_SHADES as f32) as usize).min(N_SHADES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn every_weight_but_zero_becomes_one_square_of_its_sign_and_size() {
        let squares = squares(&[Some(-0.9), Some(0.001), None, Some(0.0)], 2);
        assert_eq!(squares.negative[N_SHADES - 1], "M0 0h1v1h-1z");
        assert_eq!(squares.positive[0], "M1 0h1v1h-1z");
        assert_eq!(squares.broken, "M0 1h1v1h-1z");
        let n_squares = squares.negative.iter().chain(&squares.positive).filter(|path| !path.is_empty()).count();
        assert_eq!(n_squares, 2);
    }
}
