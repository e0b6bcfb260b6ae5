//! Loading: a bundle from the page's server ([`bundle`]), or files of the visitor ([`files`]).

mod bundle;
mod files;

use super::browser;
use super::rows::Rows;
use super::session::{Healed, Model, Session};
use super::task::{Interruption, Pending, Task};
use crate::failure::Failure;
use crate::fetch;
use crate::protocol::{BundleSummary, FileEntry, HealedOrigin, Load, LoadRows, Loaded, ModelSource, RowsLoaded};
use shared::Parameters;
use shared::bundle::ServedRows;
use shared::random::Seed;
use web_sys::File;

/// What a page may take. WebAssembly's memory ends at 4096 MB; the rest is for activations and for the browser.
const MEMORY_LIMIT_MB: u64 = 3_200;

/// What the program itself takes beside weights.
const PROGRAM_MB: u64 = 100;

/// Loads a model and replaces what was loaded before.
pub(super) async fn load(task: &Task<Load>, request: Load, files: &[File]) -> Result<Loaded, Interruption> {
    match request {
        Load::Bundle { url, manifest } => bundle::load(task, &url, manifest).await,
        Load::Files(entries) => files::load(task, &entries, files).await,
    }
}

/// Takes a table of labelled texts for the model that is loaded.
pub(super) async fn rows(task: &Task<LoadRows>, entry: &FileEntry, files: &[File]) -> Result<RowsLoaded, Interruption> {
    let labels = task.worker().with_session(|session| Ok(session.config.label_names.clone()))?;
    let file = files.first().ok_or_else(|| Failure::MalformedMessage { reason: "no file came".to_owned() })?;
    let (rows, note) = read_rows(&entry.path, &read(file).await?, &labels, None)?;
    let counts = rows.counts();
    task.worker().with_session(|session| {
        session.rows = Some(std::rc::Rc::new(rows));
        Ok(())
    })?;
    Ok(RowsLoaded { rows: counts, note })
}

/// A file of the visitor.
///
/// # Errors
/// [`Failure::WrongFile`] when the browser cannot read it (any more).
async fn read(file: &File) -> Result<Vec<u8>, Failure> {
    fetch::file_bytes(file).await.map_err(|reason| Failure::WrongFile {
        file: file.name(),
        reason: format!("the browser could not read it ({reason}); was it moved or changed? Choose it again"),
    })
}

/// A visitor's table, or the rows of a bundle. `declared` are the class names that lie beside the table.
fn read_rows(
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

/// Sets the healed model that came along.
fn set_native(session: &mut Session, plan: String, seed: Seed, parameters: Parameters) -> Result<(), Failure> {
    let model = Model::new(&session.config, parameters)?;
    let healed = Healed { origin: HealedOrigin::Native { plan, seed }, model };
    session.healed = Some(healed.clone());
    session.healed_natively = Some(healed);
    Ok(())
}

/// Puts a session in the place of the one before.
fn install(
    task: &Pending,
    session: Session,
    source: ModelSource,
    bundle: Option<BundleSummary>,
    notes: Vec<String>,
) -> Loaded {
    // What a bundle was damaged with is in its manifest, and the visitor may have asked for something else.
    let damage = session.corrupted.as_ref().map(|damaged| &damaged.damage).filter(|damage| damage.report.is_none());
    let loaded = Loaded {
        source,
        model: session.summary.clone(),
        bundle,
        models: session.conditions(),
        damage: damage.map(|damage| (damage.plan.clone(), damage.seed)),
        healed: session.healed.as_ref().map(|healed| healed.origin.clone()),
        control: session.control().and_then(|control| control.view(session.rows.as_deref())),
        rows: session.rows.as_ref().map(|rows| rows.counts()),
        notes,
    };
    let before = task.worker().session.replace(Some(session));
    if let Some(mut before) = before {
        // Whoever runs its healing is waked and finds it gone.
        before.stop_healing();
    }
    loaded
}

/// # Errors
/// [`Failure::TooLarge`] when a page cannot have so much memory.
fn check_memory(needed_mb: u64) -> Result<(), Failure> {
    let needed_mb = needed_mb + PROGRAM_MB;
    // Half of a small machine's memory belongs to others.
    let machine_mb = browser::device_memory_gb().filter(|gb| *gb < 8.0).map(|gb| (gb * 512.0) as u64);
    let limit_mb = machine_mb.unwrap_or(MEMORY_LIMIT_MB).min(MEMORY_LIMIT_MB);
    if needed_mb > limit_mb { Err(Failure::TooLarge { needed_mb, limit_mb }) } else { Ok(()) }
}

fn wrong_file(file: &str, error: &impl std::fmt::Display) -> Failure {
    Failure::WrongFile { file: file.to_owned(), reason: error.to_string() }
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
