//! Reading the files of a model, with an eye on their size before anything is read: a file in the place of a config may
//! have any number of bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{anyhow, bail, ensure};
use safetensors::tensor::Metadata;
use shared::checkpoint::{CheckpointError, WeightFile};
use shared::model::ModelConfig;

use crate::exit_code::bad_input;

/// More than the config, index or tokenizer of any model has: those of a quarter of a million tokens take 35 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The longest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Bytes in a checkpoint's file for each parameter of its config: numbers of eight bytes, and as many again twice over
/// for heads of pre-training, which may repeat the largest table.
const MAX_BYTES_PER_PARAMETER: u64 = 24;

/// Bytes before the header, which tell its length.
const PREFIX_BYTES: u64 = 8;

/// Reads a config, an index of shards or a file of a tokenizer.
///
/// # Errors
/// Those of the file system, and one for a file that is too large to be any of them.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = read_start(path, MAX_BYTES + 1)?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("it is larger than {} MiB, expected at most that", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// The first `n_bytes` of a file, or all that it has. Its length is not asked for: pipes and devices tell none.
pub(crate) fn read_start(path: &Path, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(n_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file of weights for a model of `config` when its header accounts for all of it.
pub(super) fn read_safetensors(folder: &Path, name: String, config: &ModelConfig) -> anyhow::Result<WeightFile> {
    let path = folder.join(&name);
    let cannot_read = |error: io::Error| bad_input(anyhow!("model {}: cannot read {name}: {error}", folder.display()));
    let mut file = File::open(&path).map_err(cannot_read)?;
    let n_bytes = file.metadata().map_err(cannot_read)?.len();
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
