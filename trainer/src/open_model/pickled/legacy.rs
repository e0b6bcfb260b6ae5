//! The stream that PyTorch wrote before 1.6 (`_legacy_save` in `torch/serialization.py`): a magic number, the protocol and
//! facts of the machine, each a pickle, then the table of tensors and the keys of their storages as pickles, then the
//! storages in the order of the keys, each with its number of elements before it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use anyhow::{anyhow, bail, ensure};
use candle_core::pickle::Object;

use super::machine::{MAX_DEPTH, MAX_PICKLE_BYTES, unpickle};

/// What to do with a file of this kind that cannot be read.
pub(super) const WAY_OUT: &str = "open it in transformers and save it with safe_serialization=True";

/// The magic number 0x1950a86a20f9469cfc6c as a pickle of protocol 2.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// The protocol, 1001, as a pickle.
const PROTOCOL: &[u8] = b"\x80\x02M\xe9\x03.";

/// Bytes of the number of elements before a storage.
const LENGTH_BYTES: u64 = 8;

/// An opened stream.
pub(super) struct Legacy {
    file: BufReader<File>,
    /// Its table of tensors.
    pub(super) table: Object,
    /// Where the numbers of each storage begin, and how many bytes they take.
    places: BTreeMap<String, (u64, u64)>,
}

impl Legacy {
    pub(super) fn open(mut file: BufReader<File>, n_bytes: u64) -> anyhow::Result<Self> {
        let mut start = Vec::new();
        file.by_ref().take(MAX_PICKLE_BYTES).read_to_end(&mut start)?;
        let mut rest = start.as_slice();
        for (what, expected) in [("magic number", MAGIC), ("protocol", PROTOCOL)] {
            rest = rest.strip_prefix(expected).ok_or_else(|| anyhow!("it has not the {what} of one"))?;
        }
        let Object::Dict(facts) = unpickle(&mut rest)? else { bail!("it does not tell of its machine") };
        let is_little = |(key, value): &(Object, Object)| {
            *key == Object::Unicode("little_endian".into()) && *value == Object::Bool(true)
        };
        ensure!(facts.iter().any(is_little), "its numbers are not little-endian");
        let table = unpickle(&mut rest)?;
        let mut sizes = BTreeMap::new();
        storages_in(&table, MAX_DEPTH, &mut sizes)?;
        let Object::List(keys) = unpickle(&mut rest)? else { bail!("it does not list its storages") };

        let mut at = (start.len() - rest.len()) as u64;
        let mut places = BTreeMap::new();
        for key in keys {
            let Object::Unicode(key) = key else { bail!("the key of a storage is no string") };
            let size = sizes.get(&key).ok_or_else(|| anyhow!("no tensor is in its storage {key}"))?;
            let mut length = [0; LENGTH_BYTES as usize];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut length).map_err(|_| anyhow!("it breaks off before its storage {key}"))?;
            let n_elements = u64::from_le_bytes(length);
            let end = n_elements.checked_mul(*size).and_then(|n| (at + LENGTH_BYTES).checked_add(n));
            let Some(end) = end.filter(|end| *end <= n_bytes) else {
                bail!("its storage {key} claims {n_elements} numbers, more than the file has");
            };
            at += LENGTH_BYTES;
            ensure!(places.insert(key.clone(), (at, end - at)).is_none(), "its storage {key} is there twice");
            at = end;
        }
        Ok(Self { file, table, places })
    }

    /// The numbers of a storage, of at most `max` bytes.
    pub(super) fn storage(&mut self, path: &str, max: u64) -> anyhow::Result<Vec<u8>> {
        let key = path.trim_start_matches('/');
        let (start, n_bytes) = *self.places.get(key).ok_or_else(|| anyhow!("its storage {key} is not there"))?;
        ensure!(n_bytes <= max, "its storage {key} has {n_bytes} bytes, of at most {max}");
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(n_bytes).read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 == n_bytes, "its storage {key} breaks off");
        Ok(bytes)
    }
}

/// Collects the bytes of an element of every storage that an object mentions.
fn storages_in(object: &Object, depth: usize, sizes: &mut BTreeMap<String, u64>) -> anyhow::Result<()> {
    let Some(depth) = depth.checked_sub(1) else { bail!("objects in its pickle are nested without end") };
    match object {
        Object::PersistentLoad(load) => {
            let Object::Tuple(parts) = load.as_ref() else { bail!("a storage is not described as one") };
            let [_, Object::Class { class_name, .. }, Object::Unicode(key), _, _, rest @ ..] = parts.as_slice() else {
                bail!("a storage is not described as one");
            };
            ensure!(
                rest.iter().all(|view| *view == Object::None),
                "its storage {key} is a view of another, as versions before 0.4 had them"
            );
            let size = match class_name.as_str() {
                "DoubleStorage" | "LongStorage" => 8,
                "FloatStorage" | "IntStorage" => 4,
                "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
                "ByteStorage" | "CharStorage" | "BoolStorage" => 1,
                other => bail!("its storage {key} is a {other}"),
            };
            ensure!(*sizes.entry(key.clone()).or_insert(size) == size, "its storage {key} is of two kinds");
            Ok(())
        }
        Object::Tuple(objects) | Object::List(objects) => {
            objects.iter().try_for_each(|object| storages_in(object, depth, sizes))
        }
        Object::Dict(entries) => entries.iter().try_for_each(|(key, value)| {
            storages_in(key, depth, sizes).and_then(|()| storages_in(value, depth, sizes))
        }),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            storages_in(callable, depth, sizes).and_then(|()| storages_in(args, depth, sizes))
        }
        _ => Ok(()),
    }
}
