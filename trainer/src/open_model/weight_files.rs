//! The weights of a checkpoint's folder: one file or the shards of an index, safetensors or pickled.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use anyhow::{anyhow, bail, ensure};
use safetensors::tensor::Metadata;
use serde::Deserialize;
use shared::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, Adapter, CheckpointError, PICKLED_ADAPTER, WeightFile, WeightFiles,
};
use shared::git_lfs;
use shared::model::ModelConfig;

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

/// Reads a file of weights for a model of `config` when its header accounts for all of it.
fn read_safetensors(folder: &Path, name: String, config: &ModelConfig) -> anyhow::Result<WeightFile> {
    let path = folder.join(&name);
    let cannot_read = |error: io::Error| bad_input(anyhow!("model {}: cannot read {name}: {error}", folder.display()));
    let mut file = File::open(&path).map_err(cannot_read)?;
    let n_bytes = file.metadata().map_err(cannot_read)?.len();
    if let Some(reason) =
        untrusted::read_start(&path, PREFIX_BYTES << 7).ok().and_then(|start| git_lfs::pointer(&start))
    {
        let pointer = CheckpointError::Pointer { file: name, reason };
        return Err(bad_input(pointer).context(format!("model {}", folder.display())));
    }
    let max_bytes = (config.n_parameters() as u64).saturating_mul(MAX_BYTES_PER_PARAMETER);
    let mut bytes = match read_header(&mut file, n_bytes, max_bytes) {
        Ok(bytes) => bytes,
        Err(error) => {
            let damaged = CheckpointError::Safetensors { file: name, reason: format!("{error:#}") };
            return Err(bad_input(damaged).context(format!("model {}", folder.display())));
        }
    };
    bytes.reserve_exact((n_bytes - bytes.len() as u64) as usize);
    file.read_to_end(&mut bytes).map_err(cannot_read)?;
    Ok(WeightFile { name, bytes })
}

/// The header with its prefix, from the beginning of a file of `n_bytes` whose tensors take at most `max_bytes`.
fn read_header(mut file: impl Read, n_bytes: u64, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    ensure!(n_bytes > 0, "the file is empty");
    ensure!(n_bytes > PREFIX_BYTES, "it breaks off after {n_bytes} bytes, before its header");
    let mut prefix = [0; PREFIX_BYTES as usize];
    file.read_exact(&mut prefix)?;
    let n_header = u64::from_le_bytes(prefix);
    if n_header > MAX_HEADER_BYTES || n_header > n_bytes - PREFIX_BYTES {
        bail!("its header claims {n_header} bytes, and the file has {n_bytes}");
    }
    let mut bytes = prefix.to_vec();
    file.take(n_header).read_to_end(&mut bytes)?;
    let metadata: Metadata =
        serde_json::from_slice(&bytes[prefix.len()..]).map_err(|error| anyhow!("its header: {error}"))?;
    let n_data = metadata.data_len() as u64;
    ensure!(n_data <= max_bytes, "it has {n_data} bytes of tensors, a model of this config at most {max_bytes}");
    let n_expected = (bytes.len() as u64).saturating_add(n_data);
    ensure!(n_expected == n_bytes, "its header describes a file of {n_expected} bytes, and the file has {n_bytes}");
    Ok(bytes)
}
