//! A drawing as elements of the page.

use super::draw;
use super::scene::{Scene, Shape};
use leptos::prelude::*;
use shared::figure::Chart;

/// Draws the chart at most `width` pixels wide; it shrinks with its place. Colours come from the style sheet.
#[component]
pub fn Drawing(
    /// What is drawn.
    chart: Chart,
    /// What there is to see, for those who cannot see it.
    description: String,
    /// In pixels.
    width: f64,
) -> impl IntoView {
    let Scene { width, height, shapes } = draw(&chart, width);
    let shapes = shapes.into_iter().map(shape_view).collect_view();
    view! {
        <svg
            class="plot"
            role="img"
            aria-label=description
            viewBox=format!("0 0 {width} {height}")
            width=width.to_string()
            height=height.to_string()
        >
            {shapes}
        </svg>
    }
}

fn shape_view(shape: Shape) -> AnyView {
    match shape {
        Shape::Path { d, fill, stroke, dashed } => {
            let fill_class = fill.map_or("fill-none", |(ink, _)| fill_class(ink.name()));
            let stroke_class = stroke.map_or("", |(ink, _)| stroke_class(ink.name()));
            let class = format!("{fill_class} {stroke_class}{}", if dashed { " dashed" } else { "" });
            let opacity = fill.map(|(_, opacity)| format!("{opacity:.3}"));
            let width = stroke.map(|(_, width)| width.to_string());
            view! { <path class=class d=d fill-opacity=opacity stroke-width=width /> }.into_any()
        }
        Shape::Text { x, y, content, size, anchor, ink, bold, upright } => {
            let class = format!("{}{}", fill_class(ink.name()), if bold { " bold" } else { "" });
            let turn = upright.then(|| format!("rotate(-90 {x} {y})"));
            view! {
                <text
                    class=class
                    x=x.to_string()
                    y=y.to_string()
                    font-size=size.to_string()
                    text-anchor=anchor.name()
                    dominant-baseline="central"
                    transform=turn
                >
                    {content}
                </text>
            }
            .into_any()
        }
    }
}

fn fill_class(name: &str) -> &'static str {
    match name {
        "healthy" => "fill-healthy",
        "corrupted" => "fill-corrupted",
        "healed" => "fill-healed",
        "ink" => "fill-ink",
        "grid" => "fill-grid",
        "paper" => "fill-paper",
        _ => "fill-faint",
    }
}

fn stroke_class(name: &str) -> &'static str {
    match name {
        "healthy" => "stroke-healthy",
        "corrupted" => "stroke-corrupted",
        "healed" => "stroke-healed",
        "ink" => "stroke-ink",
        "grid" => "stroke-grid",
        "paper" => "stroke-paper",
        _ => "stroke-faint",
    }
}
