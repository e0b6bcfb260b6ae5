//! The weights of a checkpoint's folder: one file or the shards of an index, safetensors or pickled.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path};

use anyhow::{Context, anyhow};
use serde::Deserialize;
use shared::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, Adapter, PICKLED_ADAPTER, WeightFile, WeightFiles};
use shared::model::ModelConfig;

use super::open_file::OpenFile;
use super::pickled;
use crate::exit_code::bad_input;
use crate::untrusted;

/// Bytes in a checkpoint's file for each parameter of its config: numbers of eight bytes, and as many again twice over
/// for heads of pre-training, which may repeat the largest table.
const MAX_BYTES_PER_PARAMETER: u64 = 24;

/// The weight files of a checkpoint's folder, and the adapter that lies beside them.
pub(super) fn weight_files(folder: &Path, config: &ModelConfig) -> anyhow::Result<WeightFiles> {
    let read = |name: String| {
        if Path::new(&name).extension().is_some_and(|extension| extension == "bin") {
            return pickled::read(folder, name);
        }
        open_safetensors(folder, name, config)
    };
    let adapter = adapter(folder, read)?;
    let files = weight_file_names(folder)?.into_iter().map(read).collect::<anyhow::Result<_>>()?;
    Ok(WeightFiles { files, adapter })
}

/// The adapter of a folder, if there is one.
fn adapter(folder: &Path, read: impl Fn(String) -> anyhow::Result<WeightFile>) -> anyhow::Result<Option<Adapter>> {
    let weights = [ADAPTER_WEIGHTS, PICKLED_ADAPTER].into_iter().find(|name| folder.join(name).is_file());
    let missing = |what: &str, beside: &str| {
        let remedy = "an adapter has both: add it, or take the other away to use the model without the adapter";
        bad_input(anyhow!("model {}: {what} is missing beside {beside}: {remedy}", folder.display()))
    };
    let config = match untrusted::read(&folder.join(ADAPTER_CONFIG)) {
        Ok(config) => config,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return weights.map_or(Ok(None), |weights| Err(missing(ADAPTER_CONFIG, weights)));
        }
        Err(e) => return Err(bad_input(anyhow!("cannot read {}: {e}", folder.join(ADAPTER_CONFIG).display()))),
    };
    let weights = weights.ok_or_else(|| missing(ADAPTER_WEIGHTS, ADAPTER_CONFIG))?;
    let adapter = Adapter::new(&config, read(weights.to_owned())?);
    Ok(Some(adapter.map_err(|e| bad_input(e).context(format!("model {}", folder.display())))?))
}

/// `model.safetensors`, or the shards that `model.safetensors.index.json` lists, in name order; without either
/// `pytorch_model.bin` or the shards of its index.
fn weight_file_names(folder: &Path) -> anyhow::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: serde_json::Map<String, serde_json::Value>,
    }
    let mut index = None;
    for whole in ["model.safetensors", "pytorch_model.bin"] {
        if folder.join(whole).is_file() {
            return Ok(vec![whole.into()]);
        }
        let index_path = folder.join(format!("{whole}.index.json"));
        match untrusted::read(&index_path) {
            Ok(bytes) => {
                index = Some((index_path, bytes));
                break;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(bad_input(anyhow!("cannot read {}: {e}", index_path.display()))),
        }
    }
    let Some((index_path, bytes)) = index else {
        return Err(bad_input(anyhow!(
            "model {}: model.safetensors is missing, and there is no pytorch_model.bin either",
            folder.display()
        )));
    };
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|e| bad_input(anyhow!("{}: not an index of shards: {e}", index_path.display())))?;
    let names: BTreeSet<&str> = index.weight_map.values().filter_map(serde_json::Value::as_str).collect();
    if names.is_empty() {
        return Err(bad_input(anyhow!("{}: weight_map names no file", index_path.display())));
    }
    for name in &names {
        // An index must not reach outside its folder.
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(bad_input(anyhow!("{}: {name} is not the name of a file", index_path.display())));
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Opens a file of weights for a model of `config` when its header accounts for all of it.
fn open_safetensors(folder: &Path, name: String, config: &ModelConfig) -> anyhow::Result<WeightFile> {
    let opened = OpenFile::open(&folder.join(&name))
        .map_err(|error| bad_input(anyhow!("model {}: cannot read {name}: {error}", folder.display())))?;
    let file = WeightFile::new(name, opened);
    let max_bytes = (config.n_parameters() as u64).saturating_mul(MAX_BYTES_PER_PARAMETER);
    file.check(max_bytes).map_err(bad_input).with_context(|| format!("model {}", folder.display()))?;
    Ok(file)
}
