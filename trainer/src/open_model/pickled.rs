//! `pytorch_model.bin`: a pickle that describes tensors, and the raw numbers of each storage, in a zip or, as PyTorch wrote
//! them before 1.6, one after the other.
//!
//! A pickle is a program for a stack machine. candle's machine knows no function to call, so nothing in a file is
//! executed. How much it builds is bounded here: it is driven step by step and what is on its stack is measured.

mod legacy;
mod machine;
mod tensor;
mod zipped;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{anyhow, bail, ensure};
use candle_core::pickle::{Object, TensorInfo};
use safetensors::tensor::TensorView;
use shared::checkpoint::{CheckpointError, WeightFile};
use shared::git_lfs;

use self::legacy::Legacy;
use self::machine::shortened;
use self::tensor::{Tensor, read_tensor};
use self::zipped::Zipped;
use crate::exit_code::bad_input;
use crate::untrusted;

/// How many times a file's size its tensors may take: storages that two names share, as of tied weights, are read twice.
const MAX_SHARING: u64 = 4;

/// The bytes that tell what kind of file it is.
const START_BYTES: u64 = 1024;

/// Reads a file of pickled weights and gives them as safetensors.
pub(super) fn read(folder: &Path, name: String) -> anyhow::Result<WeightFile> {
    let path = folder.join(&name);
    if let Some(reason) = untrusted::read_start(&path, START_BYTES).ok().and_then(|start| git_lfs::pointer(&start)) {
        let pointer = CheckpointError::Pointer { file: name, reason };
        return Err(bad_input(pointer).context(format!("model {}", folder.display())));
    }
    let tensors = untrusted::caught(|| read_tensors(&path))
        .unwrap_or_else(|| Err(anyhow!("it has what its reader did not expect")))
        .map_err(|error| bad_input(anyhow!("{}: expected a PyTorch checkpoint, but {error:#}", path.display())))?;
    let views = tensors
        .iter()
        .map(|(name, tensor)| Ok((name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(WeightFile::new(name, safetensors::serialize(views, None)?))
}

fn read_tensors(path: &Path) -> anyhow::Result<BTreeMap<String, Tensor>> {
    let mut file = BufReader::new(File::open(path)?);
    let n_bytes = file.get_ref().metadata()?.len();
    let mut magic = Vec::new();
    file.by_ref().take(zipped::MAGIC.len() as u64).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    if magic.first() == Some(&0x80) {
        let mut legacy = Legacy::open(file, n_bytes).map_err(|error| {
            anyhow!("as one from before PyTorch 1.6 it cannot be read: {error:#}; {}", legacy::WAY_OUT)
        })?;
        let table = std::mem::replace(&mut legacy.table, Object::None);
        return tensors_of(table, Path::new(""), n_bytes, |info, max| legacy.storage(&info.path, max));
    }
    ensure!(magic == zipped::MAGIC, "it does not begin as a zip does");
    let mut zip = Zipped::open(file)?;
    let (table, storages) = (std::mem::replace(&mut zip.table, Object::None), zip.storages.clone());
    tensors_of(table, &storages, n_bytes, |info, max| zip.storage(&info.path, max))
}

/// The tensors of a table by name, with their numbers from `storage`.
fn tensors_of(
    table: Object,
    storages: &Path,
    n_bytes: u64,
    mut storage: impl FnMut(&TensorInfo, u64) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<BTreeMap<String, Tensor>> {
    let Object::Dict(entries) = table else {
        bail!("its pickle is no table of tensors");
    };
    let mut n_left = n_bytes.saturating_mul(MAX_SHARING);
    let mut tensors = BTreeMap::new();
    for (name, value) in entries {
        let Object::Unicode(key) = &name else {
            bail!("a name in its table is no string");
        };
        // Versions of modules, which PyTorch keeps beside the tensors.
        if key == "_metadata" {
            continue;
        }
        let key = key.clone();
        let info = value
            .into_tensor_info(name, storages)
            .map_err(|error| anyhow!("{key:?} cannot be read: {}", shortened(&error.to_string())))?;
        let Some(info) = info else {
            bail!("{key:?} in its table is no plain tensor");
        };
        let tensor = read_tensor(&info, &mut n_left, &mut storage).map_err(|error| anyhow!("{key:?}: {error:#}"))?;
        ensure!(tensors.insert(key.clone(), tensor).is_none(), "{key:?} is there twice");
    }
    Ok(tensors)
}
