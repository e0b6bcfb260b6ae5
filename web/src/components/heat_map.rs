//! A matrix as a picture, painted on a canvas: a hundred by a hundred tiles would be too many elements.

use crate::protocol::Tiles;
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast as _};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// How tiles become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Palette {
    /// From purple over the ground to gold; the number takes the strongest colour.
    Signed(f32),
    /// From the ground to the ink, evenly.
    Magnitude(f32),
}

/// Red, green and blue of what is no finite number, on any theme.
const BROKEN: [u8; 3] = [0xe0, 0x00, 0x7a];

/// Paints the tiles; colours are those of the theme when it is painted.
#[component]
pub(super) fn HeatMap(
    name: String,
    tiles: Tiles,
    palette: Palette,
    /// Hears where it is clicked, as shares of its height and width, 0 to 1.
    #[prop(optional, into)]
    pick: Option<Callback<(f64, f64)>>,
) -> impl IntoView {
    let canvas = NodeRef::<leptos::html::Canvas>::new();
    let n_broken = tiles.means.iter().filter(|mean| mean.is_none()).count();
    let broken =
        if n_broken > 0 { format!("; {n_broken} tiles contain values that are not finite") } else { String::new() };
    let label = format!("{name}, {} by {} tiles{broken}", tiles.n_rows, tiles.n_columns);
    let is_wide = tiles.n_rows == 1;
    let (width, height) = (tiles.n_columns, tiles.n_rows);
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            paint(&canvas, &tiles, palette);
        }
    });
    view! {
        <div class="heat" class:wide=is_wide>
            <canvas
                node_ref=canvas
                role="img"
                aria-label=label
                class:can-pick=pick.is_some()
                on:click=move |event| {
                    let size = |pixels: i32| f64::from(pixels.max(1));
                    if let (Some(pick), Some(canvas)) = (pick, canvas.get_untracked()) {
                        let (width, height) = (size(canvas.client_width()), size(canvas.client_height()));
                        let share = |at: i32, of: f64| (f64::from(at) / of).clamp(0.0, 1.0);
                        pick.run((share(event.offset_y(), height), share(event.offset_x(), width)));
                    }
                }
                width=width.to_string()
                height=height.to_string()
            ></canvas>
            <p class="small quiet">{name}</p>
        </div>
    }
}

/// A canvas that cannot be painted stays empty: its name and the numbers beside it say what it would show.
fn paint(canvas: &HtmlCanvasElement, tiles: &Tiles, palette: Palette) {
    let style = window().get_computed_style(canvas).ok().flatten();
    let color =
        |name: &str, fallback: [u8; 3]| style.as_ref().and_then(|style| resolve(style, name)).unwrap_or(fallback);
    let ground = color("background-color", [0xff; 3]);
    let ink = color("color", [0x20; 3]);
    let (negative, positive) = if luminance(ground) > 0.5 {
        ([0x5a, 0x2d, 0x91], [0xa9, 0x78, 0x00])
    } else {
        ([0xb4, 0x8a, 0xe6], [0xe0, 0xb0, 0x40])
    };
    let mut pixels = Vec::with_capacity(4 * tiles.means.len());
    for mean in &tiles.means {
        let rgb = match (mean, palette) {
            (None, _) => BROKEN,
            (Some(mean), Palette::Signed(scale)) => {
                mix(ground, if *mean < 0.0 { negative } else { positive }, strength(mean.abs(), scale))
            }
            (Some(mean), Palette::Magnitude(scale)) => mix(ground, ink, strength(*mean, scale).powi(2)),
        };
        pixels.extend([rgb[0], rgb[1], rgb[2], 0xff]);
    }
    let image = ImageData::new_with_u8_clamped_array(Clamped(&pixels), tiles.n_columns as u32);
    let context = canvas.get_context("2d").ok().flatten();
    if let (Ok(image), Some(context)) = (image, context)
        && let Ok(context) = context.dyn_into::<CanvasRenderingContext2d>()
    {
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// A computed colour, which browsers write as `rgb(r, g, b)`.
fn resolve(style: &web_sys::CssStyleDeclaration, name: &str) -> Option<[u8; 3]> {
    let text = style.get_property_value(name).ok()?;
    let numbers: Vec<u8> = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .filter_map(|number| number.parse::<f64>().ok())
        .map(|number| number as u8)
        .collect();
    numbers.get(..3)?.try_into().ok()
}

fn luminance([r, g, b]: [u8; 3]) -> f64 {
    (0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)) / 255.0
}

/// By the square root, so that weights of BERT's usual size are seen beside outliers.
fn strength(magnitude: f32, scale: f32) -> f32 {
    if scale > 0.0 { (magnitude / scale).clamp(0.0, 1.0).sqrt() } else { 0.0 }
}

fn mix(from: [u8; 3], to: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|i| (f32::from(from[i]) + (f32::from(to[i]) - f32::from(from[i])) * share).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn the_strongest_weight_takes_the_strongest_colour_and_nothing_takes_the_grounds() {
        assert_eq!(mix([255; 3], [0, 100, 0], strength(2.0, 1.0)), [0, 100, 0]);
        assert_eq!(mix([255; 3], [0, 100, 0], strength(0.0, 1.0)), [255; 3]);
        assert_eq!(strength(1.0, 0.0), 0.0, "a matrix of zeros has no scale");
        assert!(strength(0.02, 1.0) > 0.1, "small weights are seen beside large ones");
    }
}
