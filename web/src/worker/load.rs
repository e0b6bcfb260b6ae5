//! Loading: a bundle from the page's server ([`bundle`]), or files of the visitor ([`files`]).

mod bundle;
mod files;
mod install;
mod reading;
mod recognise;

use super::task::{Interruption, Task};
use crate::failure::Failure;
use crate::fetch;
use crate::protocol::{FileEntry, Load, LoadRows, Loaded, RowsLoaded};
use reading::read_rows;
use web_sys::File;

/// Loads a model and replaces what was loaded before.
pub(super) async fn load(task: &Task<Load>, request: Load, files: &[File]) -> Result<Loaded, Interruption> {
    match request {
        Load::Bundle { url, manifest } => bundle::load(task, &url, manifest).await,
        // Boxed: it is by far the larger of the two.
        Load::Files(entries) => Box::pin(files::load(task, &entries, files)).await,
    }
}

/// Takes a table of labelled texts for the model that is loaded.
pub(super) async fn rows(task: &Task<LoadRows>, entry: &FileEntry, files: &[File]) -> Result<RowsLoaded, Interruption> {
    let labels = task.context().with_session(|session| Ok(session.config.label_names.clone()))?;
    let file = files.first().ok_or_else(|| Failure::MalformedMessage { reason: "no file came".to_owned() })?;
    let (rows, note) = read_rows(&entry.path, &fetch::file_bytes(file).await?, &labels, None)?;
    let counts = rows.counts();
    task.context().with_session(|session| {
        session.rows = Some(std::rc::Rc::new(rows.named(&entry.path)));
        Ok(())
    })?;
    Ok(RowsLoaded { rows: counts, note })
}
