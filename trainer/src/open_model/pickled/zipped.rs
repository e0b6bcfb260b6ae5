//! The zip that PyTorch wraps pickles in since 1.6: one entry of raw numbers for each storage.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use anyhow::{anyhow, bail, ensure};
use candle_core::pickle::Object;
use zip::{CompressionMethod, ZipArchive};

use super::machine::{MAX_PICKLE_BYTES, unpickle};

/// What every zip begins with.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// An opened zip.
pub(super) struct Zipped {
    archive: ZipArchive<BufReader<File>>,
    /// Its table of tensors.
    pub(super) table: Object,
    /// The folder of storages in it.
    pub(super) storages: PathBuf,
}

impl Zipped {
    pub(super) fn open(file: BufReader<File>) -> anyhow::Result<Self> {
        let mut archive = ZipArchive::new(file)?;
        let names: Vec<String> =
            archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned)).collect::<Result<_, _>>()?;
        let mut pickles = names.iter().filter_map(|name| name.strip_suffix("/data.pkl"));
        let root = match (pickles.next(), pickles.next()) {
            (Some(root), None) => root,
            (None, _) => bail!("the zip has no data.pkl"),
            (Some(_), Some(_)) => bail!("the zip has several data.pkl"),
        };
        let byte_order = format!("{root}/byteorder");
        if names.contains(&byte_order) {
            ensure!(read_entry(&mut archive, &byte_order, 16)? == b"little", "its numbers are not little-endian");
        }
        let pickle = read_entry(&mut archive, &format!("{root}/data.pkl"), MAX_PICKLE_BYTES)?;
        let storages = PathBuf::from(root).join("data");
        Ok(Self { archive, table: unpickle(&mut pickle.as_slice())?, storages })
    }

    /// The numbers of a storage, of at most `max` bytes.
    pub(super) fn storage(&mut self, path: &str, max: u64) -> anyhow::Result<Vec<u8>> {
        read_entry(&mut self.archive, path, max)
    }
}

/// Reads an entry that is stored as it is and has at most `max` bytes.
fn read_entry(archive: &mut ZipArchive<BufReader<File>>, name: &str, max: u64) -> anyhow::Result<Vec<u8>> {
    let entry = archive.by_name(name).map_err(|error| anyhow!("{name} in the zip: {error}"))?;
    ensure!(entry.compression() == CompressionMethod::Stored, "{name} in the zip is compressed");
    ensure!(entry.size() <= max, "{name} in the zip claims {} bytes, of at most {max}", entry.size());
    let size = entry.size();
    let mut bytes = Vec::new();
    entry.take(max).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == size, "{name} in the zip claims {size} bytes and has {}", bytes.len());
    Ok(bytes)
}
