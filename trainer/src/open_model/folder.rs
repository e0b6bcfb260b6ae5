//! The folder that a model's files lie in, and what to say where they do not.

use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{anyhow, ensure};
use serde::Deserialize;
use shared::checkpoint::{ADAPTER_CONFIG, MODULES};

use crate::exit_code::bad_input;
use crate::untrusted;

/// The folder of the transformer itself, when `folder` is a model of sentence-transformers that keeps it in one of its own;
/// and what a user should know of that.
pub(super) fn of_model(folder: PathBuf) -> anyhow::Result<(PathBuf, Vec<String>)> {
    #[derive(Deserialize)]
    struct Part {
        path: String,
        #[serde(rename = "type")]
        kind: String,
    }
    let path = folder.join(MODULES);
    let bytes = match untrusted::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((folder, Vec::new())),
        Err(e) => return Err(bad_input(anyhow!("cannot read {}: {e}", path.display()))),
    };
    let first = serde_json::from_slice::<Vec<Part>>(&bytes).map(|parts| parts.into_iter().next());
    let first = first.map_err(|e| bad_input(anyhow!("{}: not a list of parts: {e}", path.display())))?;
    let Some(Part { path: inner, kind }) = first else { return Ok((folder, Vec::new())) };
    if inner.is_empty() {
        return Ok((folder, Vec::new()));
    }
    let in_folder = || -> anyhow::Result<PathBuf> {
        ensure!(
            kind.rsplit('.').next() == Some("Transformer"),
            "its first part is a {kind}, expected a Transformer, which alone is read here"
        );
        let mut parts = Path::new(&inner).components();
        let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        ensure!(is_name, "{inner} is not the name of a folder");
        Ok(folder.join(&inner))
    };
    let inner_folder = in_folder().map_err(|e| bad_input(anyhow!("{}: {e}", path.display())))?;
    let mut notes =
        vec![format!("a model of sentence-transformers: its transformer in {inner}/ is opened, without its pooling")];
    if lower_cases_before(&inner_folder) {
        notes.push(
            "sentence_bert_config.json: do_lower_case is not heeded: texts go to the tokenizer as they are".into(),
        );
    }
    Ok((inner_folder, notes))
}

/// Whether sentence-transformers lower-cases texts before the tokenizer sees them.
fn lower_cases_before(folder: &Path) -> bool {
    let config = untrusted::read(&folder.join("sentence_bert_config.json")).unwrap_or_default();
    let config = serde_json::from_slice::<serde_json::Value>(&config).unwrap_or_default();
    config.get("do_lower_case").is_some_and(|flag| *flag == true)
}

/// The bytes of `config.json` of the model that was `given`.
pub(super) fn config(given: &str, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let path = folder.join("config.json");
    untrusted::read(&path).map_err(|e| {
        let adapter = untrusted::read(&folder.join(ADAPTER_CONFIG)).ok();
        let base = adapter.map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default());
        bad_input(match base {
            Some(adapter) if e.kind() == io::ErrorKind::NotFound => {
                let base = adapter.get("base_model_name_or_path").and_then(serde_json::Value::as_str);
                anyhow!(
                    "model {given}: an adapter without its base model: put config.json and the weights of {} beside \
                     {ADAPTER_CONFIG}",
                    base.filter(|base| !base.is_empty()).unwrap_or("that model")
                )
            }
            _ => anyhow!("model {given}: cannot read {}: {e}", path.display()),
        })
    })
}
