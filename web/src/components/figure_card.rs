//! A figure: its drawing with its words, its table, and its files.

use crate::download::{self, csv};
use leptos::prelude::*;
use shared::figure::draw::{draw, svg};
use shared::figure::{Chart, DataTable, Figure};

/// As wide as drawings are made: they shrink with their place, and are made narrower for a phone so that their words
/// stay readable.
pub(super) fn drawing_width() -> f64 {
    let window_width = window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(1200.0);
    if window_width < 640.0 { 340.0 } else { 560.0 }
}

/// A chart, shrinking with its place; colours come from the style sheet.
#[component]
pub(super) fn Drawing(
    chart: Chart,
    /// What there is to see, for those who cannot see it.
    description: String,
    /// How wide it is at most, in pixels.
    width: f64,
) -> impl IntoView {
    let scene = draw(&chart, width);
    view! {
        <svg
            class="plot"
            role="img"
            aria-label=description
            viewBox=format!("0 0 {} {}", scene.width, scene.height)
            width=scene.width.to_string()
            height=scene.height.to_string()
            inner_html=svg::elements(&scene)
        />
    }
}

/// The figure; its table and downloads fold out below it.
#[component]
pub(super) fn FigureCard(figure: Figure) -> impl IntoView {
    let width = drawing_width();
    let table = figure.chart.table();
    let kept = StoredValue::new(figure.clone());
    let svg_file =
        move || kept.with_value(|figure| (figure.id.clone(), svg::file(figure, &draw(&figure.chart, 640.0), "")));
    let save_svg = move |_| {
        let (id, svg) = svg_file();
        download::save_text(&format!("{id}.svg"), "image/svg+xml", &svg);
    };
    let save_png = move |_| {
        let (id, svg) = svg_file();
        let scene = kept.with_value(|figure| draw(&figure.chart, 640.0));
        download::save_png(&format!("{id}.png"), &svg, scene.width, scene.height);
    };
    let save_csv = move |_| {
        let (id, table) = kept.with_value(|figure| (figure.id.clone(), csv(&figure.chart.table())));
        download::save_csv(&format!("{id}.csv"), &table);
    };
    let Figure { id, title, caption, description, chart } = figure;
    let name = title.clone();
    view! {
        <figure class="figure" id=id>
            <h3>{title}</h3>
            <Drawing chart=chart description=description width=width />
            <figcaption>{caption}</figcaption>
            <details>
                <summary>{format!("{name}: table and downloads")}</summary>
                <div class="stack">
                    <Table name=name.clone() table=table />
                    <div class="downloads">
                        <button type="button" class="compact" on:click=save_svg>"SVG"</button>
                        <button type="button" class="compact" on:click=save_png>"PNG"</button>
                        <button type="button" class="compact" on:click=save_csv>"CSV"</button>
                    </div>
                </div>
            </details>
        </figure>
    }
}

/// The numbers for those who read rather than look.
#[component]
pub(super) fn Table(name: String, table: DataTable) -> impl IntoView {
    let header = table.header.into_iter().map(|cell| view! { <th scope="col">{cell}</th> }).collect_view();
    let row = |cells: Vec<String>| {
        let cells = cells.into_iter().enumerate().map(|(i, cell)| {
            if i == 0 {
                view! { <th scope="row">{cell}</th> }.into_any()
            } else {
                view! { <td class="numbers">{cell}</td> }.into_any()
            }
        });
        view! { <tr>{cells.collect_view()}</tr> }
    };
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=name>
            <table>
                <thead><tr>{header}</tr></thead>
                <tbody>{table.rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
