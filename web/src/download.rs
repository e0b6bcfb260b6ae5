//! Files that the page hands to its visitor, made in the browser and sent nowhere.

use shared::figure::DataTable;
use wasm_bindgen::prelude::*;
use web_sys::{
    Blob, BlobPropertyBag, CanvasRenderingContext2d, Document, HtmlAnchorElement, HtmlCanvasElement, HtmlImageElement,
    Url,
};

/// Pixels of a PNG for each of the drawing's, so that it is sharp on a projector.
const PNG_SCALE: f64 = 2.0;

/// The browser did not make or take a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The file could not be saved ({reason}): allow downloads from this page, or try another browser.")]
pub struct DownloadError {
    /// What the browser said.
    reason: String,
}

/// Saves `text` as a file.
///
/// # Errors
/// [`DownloadError`] when the browser refuses.
pub fn save_text(name: &str, media_type: &str, text: &str) -> Result<(), DownloadError> {
    save_blob(name, &blob(media_type, &text.into())?)
}

/// Saves bytes as a file.
///
/// # Errors
/// [`DownloadError`] when the browser refuses.
pub fn save_bytes(name: &str, media_type: &str, bytes: &[u8]) -> Result<(), DownloadError> {
    save_blob(name, &blob(media_type, &js_sys::Uint8Array::from(bytes).into())?)
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

/// Draws an SVG file into a PNG and saves it; the browser does so when it has read the SVG.
///
/// # Errors
/// [`DownloadError`] when the browser refuses.
pub fn save_png(name: &str, svg: &str, width: f64, height: f64) -> Result<(), DownloadError> {
    let url = Url::create_object_url_with_blob(&blob("image/svg+xml", &svg.into())?).map_err(refused)?;
    let image = HtmlImageElement::new().map_err(refused)?;
    let (source, name) = (image.clone(), name.to_owned());
    let on_load = Closure::once_into_js(move || {
        // The visitor sees that no file arrives; there is nobody else to tell.
        let _ = paint(&source, &name, width, height);
        let _ = Url::revoke_object_url(&source.src());
    });
    image.set_onload(Some(on_load.unchecked_ref()));
    image.set_src(&url);
    Ok(())
}

fn paint(image: &HtmlImageElement, name: &str, width: f64, height: f64) -> Result<(), DownloadError> {
    let canvas: HtmlCanvasElement =
        document()?.create_element("canvas").map_err(refused)?.dyn_into().map_err(|_| lacking("a canvas"))?;
    canvas.set_width((PNG_SCALE * width) as u32);
    canvas.set_height((PNG_SCALE * height) as u32);
    let context = canvas.get_context("2d").map_err(refused)?.ok_or_else(|| lacking("a canvas"))?;
    let context: CanvasRenderingContext2d = context.dyn_into().map_err(|_| lacking("a canvas"))?;
    context
        .draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, PNG_SCALE * width, PNG_SCALE * height)
        .map_err(refused)?;
    let name = name.to_owned();
    let on_blob = Closure::once_into_js(move |blob: Option<Blob>| {
        let _ = blob.map(|blob| save_blob(&name, &blob));
    });
    canvas.to_blob(on_blob.unchecked_ref()).map_err(refused)
}

fn save_blob(name: &str, blob: &Blob) -> Result<(), DownloadError> {
    let url = Url::create_object_url_with_blob(blob).map_err(refused)?;
    let link: HtmlAnchorElement =
        document()?.create_element("a").map_err(refused)?.dyn_into().map_err(|_| lacking("a link"))?;
    link.set_href(&url);
    link.set_download(name);
    link.click();
    // The click has started the download, which holds the bytes by itself.
    Url::revoke_object_url(&url).map_err(refused)
}

fn blob(media_type: &str, content: &JsValue) -> Result<Blob, DownloadError> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = js_sys::Array::of1(content);
    Blob::new_with_u8_array_sequence_and_options(&parts, &options).map_err(refused)
}

fn document() -> Result<Document, DownloadError> {
    web_sys::window().and_then(|window| window.document()).ok_or_else(|| lacking("a document"))
}

// By value, so that it fits `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` asks for")]
fn refused(error: JsValue) -> DownloadError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    DownloadError { reason: message.unwrap_or_else(|| "the browser gave no reason".to_owned()) }
}

fn lacking(what: &str) -> DownloadError {
    DownloadError { reason: format!("the browser has no {what}") }
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
        assert_eq!(csv_line(["=1+1", "-3.5", "a \"b\""]), "'=1+1,-3.5,\"a \"\"b\"\"\"\r\n");
    }
}
