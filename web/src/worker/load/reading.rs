//! Files before they are a model: their bytes, their tables, and whether a page can hold what they make.

use super::super::browser;
use super::super::rows::Rows;
use crate::failure::Failure;
use shared::bundle::ServedRows;

/// What a page may take. WebAssembly's memory ends at 4096 MB; the rest is for activations and for the browser.
const MEMORY_LIMIT_MB: u64 = 3_200;

/// What the program itself takes beside weights.
const PROGRAM_MB: u64 = 100;

/// A visitor's table, or the rows of a bundle. `declared` are the class names that lie beside the table.
pub(super) fn read_rows(
    name: &str,
    bytes: &[u8],
    labels: &[String],
    declared: Option<&[String]>,
) -> Result<(Rows, Option<String>), Failure> {
    match serde_json::from_slice::<ServedRows>(bytes) {
        Ok(rows) if !rows.train.is_empty() && !rows.held_out.is_empty() => {
            let is_class = |label: u32| (label as usize) < labels.len();
            if let Some(row) = rows.train.iter().chain(&rows.held_out).find(|row| !is_class(row.label)) {
                return Err(Failure::WrongFile {
                    file: name.to_owned(),
                    reason: format!("a row has the class {}, and the model has {} classes", row.label, labels.len()),
                });
            }
            Ok((Rows::new(rows.train, rows.held_out), None))
        }
        _ => Rows::read(name, bytes, labels, declared),
    }
}

/// # Errors
/// [`Failure::TooLarge`] when a page cannot have so much memory.
pub(super) fn check_memory(needed_mb: u64) -> Result<(), Failure> {
    let needed_mb = needed_mb + PROGRAM_MB;
    // Half of a small machine's memory belongs to others.
    let machine_mb = browser::device_memory_gb().filter(|gb| *gb < 8.0).map(|gb| (gb * 512.0) as u64);
    let limit_mb = machine_mb.unwrap_or(MEMORY_LIMIT_MB).min(MEMORY_LIMIT_MB);
    if needed_mb > limit_mb { Err(Failure::TooLarge { needed_mb, limit_mb }) } else { Ok(()) }
}

pub(super) fn wrong_file(file: &str, error: &impl std::fmt::Display) -> Failure {
    Failure::wrong_file(file, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_model_that_no_page_can_hold_is_refused_with_figures() {
        assert_eq!(check_memory(10), Ok(()));
        let Err(failure @ Failure::TooLarge { .. }) = check_memory(5_000) else { panic!() };
        assert!(failure.to_string().starts_with("This model needs about 5100 MB of memory here"));
    }
}
