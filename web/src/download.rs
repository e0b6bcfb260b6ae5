//! Files that the page hands to its visitor, made in the browser and sent nowhere.

use gloo_events::EventListener;
use gloo_file::{Blob, ObjectUrl};
use leptos::prelude::document;
use shared::figure::DataTable;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlAnchorElement, HtmlCanvasElement, HtmlImageElement};

/// Pixels of a PNG for each of the drawing's, so that it is sharp on a projector.
const PNG_SCALE: f64 = 2.0;

/// Saves `text` as a file.
pub fn save_text(name: &str, media_type: &str, text: &str) {
    save(name, &Blob::new_with_options(text, Some(media_type)).into());
}

/// Saves comma-separated values as a file. It begins with a byte order mark, without which Excel takes UTF-8 for the
/// characters of the system's own code page.
pub fn save_csv(name: &str, csv: &str) {
    save_text(name, "text/csv;charset=utf-8", &with_byte_order_mark(csv));
}

fn with_byte_order_mark(text: &str) -> String {
    format!("\u{feff}{text}")
}

/// Draws an SVG file into a PNG and saves it; the browser does so when it has read the SVG.
pub fn save_png(name: &str, svg: &str, width: f64, height: f64) {
    let Ok(image) = HtmlImageElement::new() else { return };
    let url = ObjectUrl::from(Blob::new_with_options(svg, Some("image/svg+xml")));
    image.set_src(&url);
    let (source, name) = (image.clone(), name.to_owned());
    let on_load = move |_: &web_sys::Event| {
        // The visitor sees that no file arrives; there is nobody else to tell.
        let _ = paint(&source, name, width, height);
        drop(url);
    };
    EventListener::once(&image, "load", on_load).forget();
}

fn paint(image: &HtmlImageElement, name: String, width: f64, height: f64) -> Result<(), JsValue> {
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    let (width, height) = (PNG_SCALE * width, PNG_SCALE * height);
    canvas.set_width(width as u32);
    canvas.set_height(height as u32);
    let context: CanvasRenderingContext2d = canvas.get_context("2d")?.ok_or(JsValue::NULL)?.unchecked_into();
    context.draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, width, height)?;
    let on_blob = Closure::once_into_js(move |blob: Option<web_sys::Blob>| {
        if let Some(blob) = blob {
            save(&name, &blob.into());
        }
    });
    canvas.to_blob(on_blob.unchecked_ref())
}

fn save(name: &str, url: &ObjectUrl) {
    save_url(name, url);
}

/// Saves what is at a `blob:` address.
pub fn save_url(name: &str, url: &str) {
    let Ok(link) = document().create_element("a") else { return };
    let link: HtmlAnchorElement = link.unchecked_into();
    link.set_href(url);
    link.set_download(name);
    // It starts the download, which holds the bytes by itself.
    link.click();
}

/// The table as comma-separated values (RFC 4180).
#[must_use]
pub fn csv(table: &DataTable) -> String {
    let rows = std::iter::once(&table.header).chain(&table.rows);
    rows.map(|row| csv_line(row.iter().map(String::as_str))).collect()
}

/// One line of a CSV file. A cell that a spreadsheet would run as a formula is written as text.
pub fn csv_line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = cells.into_iter().map(|cell| {
        // OWASP's advice on CSV injection; a plain negative number is no formula.
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn every_cell_of_a_table_is_in_its_csv_and_formulas_are_text() {
        let mut table = DataTable::new(["", "<script>", "a,b"]);
        table.push(["<script>", "3", "1"]);
        let csv = csv(&table);
        assert!(csv.contains("\"a,b\"") && csv.contains("<script>,3,1\r\n"), "{csv}");
        assert_eq!(with_byte_order_mark("é").as_bytes(), [0xef, 0xbb, 0xbf, 0xc3, 0xa9]);
        assert_eq!(csv_line(["=1+1", "-3.5", "a \"b\""]), "'=1+1,-3.5,\"a \"\"b\"\"\"\r\n");
    }
}
