//! The weights of a checkpoint's folder: one file or the shards of an index, safetensors or pickled.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek};
use std::path::{Component, Path};

use anyhow::{anyhow, bail, ensure};
use safetensors::tensor::Metadata;
use serde::Deserialize;
use shared::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, Adapter, CheckpointError, PICKLED_ADAPTER, WeightFile, WeightFiles,
};
use shared::git_lfs;
use shared::model::ModelConfig;

use super::open_file::{OpenFile, open};
use super::pickled;
use crate::exit_code::bad_input;
use crate::untrusted;

/// The longest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Bytes in a checkpoint's file for each parameter of its config: numbers of eight bytes, and as many again twice over
/// for heads of pre-training, which may repeat the largest table.
const MAX_BYTES_PER_PARAMETER: u64 = 24;

/// Bytes before the header, which tell its length.
const PREFIX_BYTES: u64 = 8;

/// The longest file that may be a pointer of git-lfs.
const MAX_POINTER_BYTES: u64 = 1024;

/// The weight files of a checkpoint's folder, and the adapter that lies beside them.
pub(super) fn weight_files(folder: &Path, config: &ModelConfig) -> anyhow::Result<WeightFiles> {
    let read = |name: String| {
        if Path::new(&name).extension().is_some_and(|extension| extension == "bin") {
            return pickled::read(folder, name);
        }
        read_safetensors(folder, name, config)
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
fn read_safetensors(folder: &Path, name: String, config: &ModelConfig) -> anyhow::Result<WeightFile> {
    let path = folder.join(&name);
    let cannot_read = |error: io::Error| bad_input(anyhow!("model {}: cannot read {name}: {error}", folder.display()));
    let (mut file, n_bytes) = open(&path).map_err(cannot_read)?;
    if n_bytes <= MAX_POINTER_BYTES {
        let mut all = Vec::new();
        file.by_ref().take(MAX_POINTER_BYTES).read_to_end(&mut all).map_err(cannot_read)?;
        if let Some(reason) = git_lfs::pointer(&all) {
            let pointer = CheckpointError::Pointer { file: name, reason };
            return Err(bad_input(pointer).context(format!("model {}", folder.display())));
        }
        file.rewind().map_err(cannot_read)?;
    }
    let max_bytes = (config.n_parameters() as u64).saturating_mul(MAX_BYTES_PER_PARAMETER);
    if let Err(error) = check_header(&mut file, n_bytes, max_bytes) {
        let damaged = CheckpointError::Safetensors { file: name, reason: format!("{error:#}") };
        return Err(bad_input(damaged).context(format!("model {}", folder.display())));
    }
    Ok(WeightFile::new(name, OpenFile::new(file, n_bytes)))
}

/// # Errors
/// When a file of `n_bytes` is not as long as its header says, or its tensors take more than `max_bytes`.
fn check_header(mut file: impl Read, n_bytes: u64, max_bytes: u64) -> anyhow::Result<()> {
    ensure!(n_bytes > 0, "the file is empty");
    ensure!(n_bytes > PREFIX_BYTES, "it breaks off after {n_bytes} bytes, before its header");
    let mut prefix = [0; PREFIX_BYTES as usize];
    file.read_exact(&mut prefix)?;
    let n_header = u64::from_le_bytes(prefix);
    if n_header > MAX_HEADER_BYTES || n_header > n_bytes - PREFIX_BYTES {
        bail!("its header claims {n_header} bytes, and the file has {n_bytes}");
    }
    let mut header = Vec::new();
    file.take(n_header).read_to_end(&mut header)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| anyhow!("its header: {error}"))?;
    let n_data = metadata.data_len() as u64;
    ensure!(n_data <= max_bytes, "it has {n_data} bytes of tensors, a model of this config at most {max_bytes}");
    let n_expected = (PREFIX_BYTES + header.len() as u64).saturating_add(n_data);
    ensure!(n_expected == n_bytes, "its header describes a file of {n_expected} bytes, and the file has {n_bytes}");
    Ok(())
}
