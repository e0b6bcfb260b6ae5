//! `pytorch_model.bin`: a zip with a pickle that describes tensors and one entry of raw numbers for each storage.
//!
//! A pickle is a program for a stack machine. candle's machine knows no function to call, so nothing in a file is
//! executed; but it copies what it remembers, so a few hundred bytes could ask for all of the memory or for nesting
//! that overflows the stack. It is therefore driven step by step here and what is on its stack is measured.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, ensure};
use candle_core::DType;
use candle_core::pickle::{Object, Stack, TensorInfo};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use shared::checkpoint::WeightFile;
use zip::{CompressionMethod, ZipArchive};

use crate::exit_code::bad_input;
use crate::untrusted;

/// The most bytes of the pickle itself, which has names and shapes but no numbers.
const MAX_PICKLE_BYTES: u64 = 64 << 20;

/// The most objects (and 16 bytes of strings) that may be looked at on the way: BERT-Large takes about 50,000.
const MAX_OBJECTS: usize = 2_000_000;

/// How deep objects may lie in each other; those of a tensor reach 6.
const MAX_DEPTH: usize = 32;

/// How many times a file's size its tensors may take: storages that two names share, as of tied weights, are read twice.
const MAX_SHARING: u64 = 4;

/// What every zip begins with.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

type Archive = ZipArchive<BufReader<File>>;

/// Reads a file of pickled weights and gives them as safetensors.
pub(super) fn read(folder: &Path, name: String) -> anyhow::Result<WeightFile> {
    let path = folder.join(&name);
    let tensors = untrusted::caught(|| read_tensors(&path))
        .unwrap_or_else(|| Err(anyhow!("it has what its reader did not expect")))
        .map_err(|error| bad_input(anyhow!("{}: expected a PyTorch checkpoint, but {error:#}", path.display())))?;
    let views = tensors
        .iter()
        .map(|(name, tensor)| Ok((name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(WeightFile { name, bytes: safetensors::serialize(views, None)? })
}

struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Row-major, little-endian.
    bytes: Vec<u8>,
}

fn read_tensors(path: &Path) -> anyhow::Result<BTreeMap<String, Tensor>> {
    let mut file = BufReader::new(File::open(path)?);
    let n_bytes = file.get_ref().metadata()?.len();
    let mut magic = Vec::new();
    file.by_ref().take(ZIP_MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic.first() == Some(&0x80) {
        bail!(
            "it is a pickle without a zip around it, as PyTorch before 1.6 wrote them: open it in transformers and save \
             it with safe_serialization=True"
        );
    }
    ensure!(magic == ZIP_MAGIC, "it does not begin as a zip does");
    file.seek(SeekFrom::Start(0))?;
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
    let Object::Dict(entries) = unpickle(&pickle)? else {
        bail!("its pickle is no table of tensors");
    };

    let storages = PathBuf::from(root).join("data");
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
            .into_tensor_info(name, &storages)
            .map_err(|error| anyhow!("{key:?} cannot be read: {}", shortened(&error.to_string())))?;
        let Some(info) = info else {
            bail!("{key:?} in its table is no plain tensor");
        };
        let tensor = read_tensor(&mut archive, &info, &mut n_left).map_err(|error| anyhow!("{key:?}: {error:#}"))?;
        ensure!(tensors.insert(key.clone(), tensor).is_none(), "{key:?} is there twice");
    }
    Ok(tensors)
}

/// Reads an entry that is stored as it is and has at most `max` bytes.
fn read_entry(archive: &mut Archive, name: &str, max: u64) -> anyhow::Result<Vec<u8>> {
    let entry = archive.by_name(name).map_err(|error| anyhow!("{name} in the zip: {error}"))?;
    ensure!(entry.compression() == CompressionMethod::Stored, "{name} in the zip is compressed");
    ensure!(entry.size() <= max, "{name} in the zip claims {} bytes, of at most {max}", entry.size());
    let size = entry.size();
    let mut bytes = Vec::new();
    entry.take(max).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == size, "{name} in the zip claims {size} bytes and has {}", bytes.len());
    Ok(bytes)
}

/// Runs the pickle's program on candle's stack machine, with an eye on its size.
fn unpickle(mut program: &[u8]) -> anyhow::Result<Object> {
    let mut stack = Stack::empty();
    let mut n_left = MAX_OBJECTS;
    loop {
        // The machine makes room for a string before it knows that the string is there.
        if let [b'X', l0, l1, l2, l3, rest @ ..] = program {
            let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
            ensure!(length <= rest.len(), "a string in its pickle breaks off");
        }
        if stack.read(&mut program).map_err(|error| anyhow!("its pickle: {}", shortened(&error.to_string())))? {
            let object = stack.finalize().map_err(|error| anyhow!("its pickle: {error}"))?;
            return Ok(object);
        }
        // A step changes or copies the top only.
        if let Some(top) = stack.stack().last() {
            measure(top, MAX_DEPTH, &mut n_left)?;
        }
    }
}

/// Counts an object and all in it down from what is left.
fn measure(object: &Object, depth: usize, n_left: &mut usize) -> anyhow::Result<()> {
    let size = match object {
        Object::Unicode(text) => 1 + text.len() / 16,
        Object::Class { module_name, class_name } => 1 + (module_name.len() + class_name.len()) / 16,
        _ => 1,
    };
    let Some(depth) = depth.checked_sub(1) else {
        bail!("objects in its pickle are nested without end");
    };
    match n_left.checked_sub(size) {
        Some(rest) => *n_left = rest,
        None => bail!("its pickle is larger than that of any model"),
    }
    match object {
        Object::Tuple(objects) | Object::List(objects) => {
            objects.iter().try_for_each(|object| measure(object, depth, n_left))
        }
        Object::Dict(entries) => entries
            .iter()
            .try_for_each(|(key, value)| measure(key, depth, n_left).and_then(|()| measure(value, depth, n_left))),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            measure(callable, depth, n_left)?;
            measure(args, depth, n_left)
        }
        Object::PersistentLoad(object) => measure(object, depth, n_left),
        _ => Ok(()),
    }
}

/// Reads the numbers of a tensor; `n_left` is what all further tensors may take.
fn read_tensor(archive: &mut Archive, info: &TensorInfo, n_left: &mut u64) -> anyhow::Result<Tensor> {
    let (dtype, size) = match info.dtype {
        DType::F32 => (Dtype::F32, 4),
        DType::F16 => (Dtype::F16, 2),
        DType::BF16 => (Dtype::BF16, 2),
        // Buffers such as position_ids; as a weight these are refused by the checkpoint's own check.
        DType::I64 => (Dtype::I64, 8),
        DType::U8 => (Dtype::U8, 1),
        other => bail!("its numbers are {other:?}: expected f32, f16 or bf16"),
    };
    let shape = info.layout.dims().to_vec();
    let n_elements = shape.iter().try_fold(1_usize, |n, &length| n.checked_mul(length));
    let n_bytes = n_elements.and_then(|n| n.checked_mul(size));
    let Some((n_elements, n_bytes)) = n_elements.zip(n_bytes).filter(|(_, n_bytes)| *n_bytes as u64 <= *n_left) else {
        bail!("its shape {shape:?} takes more than the file has");
    };
    let storage = read_entry(archive, &info.path, *n_left)?;
    *n_left -= (storage.len() as u64).max(n_bytes as u64);
    let start = info.layout.start_offset();
    if info.layout.is_contiguous()
        && let Some(bytes) = start.checked_add(n_bytes).and_then(|end| storage.get(start..end))
    {
        return Ok(Tensor { dtype, shape, bytes: bytes.to_vec() });
    }
    // Transposed, as weights that were converted from TensorFlow are.
    let element = |index: usize| storage.chunks_exact(size).nth(index);
    let (first, strides) = (start / size, info.layout.stride());
    let mut bytes = Vec::with_capacity(n_bytes);
    let mut position = vec![0_usize; shape.len()];
    for _ in 0..n_elements {
        let index = position
            .iter()
            .zip(strides)
            .try_fold(first, |index, (&at, &stride)| at.checked_mul(stride).and_then(|step| index.checked_add(step)));
        let Some(element) = index.and_then(element) else {
            bail!("its shape {shape:?} reaches outside its storage of {} bytes", storage.len());
        };
        bytes.extend_from_slice(element);
        for (at, &length) in position.iter_mut().zip(&shape).rev() {
            *at += 1;
            if *at < length {
                break;
            }
            *at = 0;
        }
    }
    Ok(Tensor { dtype, shape, bytes })
}

/// candle's errors quote the whole object that was wrong.
fn shortened(message: &str) -> String {
    const MAX_CHARS: usize = 120;
    let first_line = message.lines().next().unwrap_or_default();
    match first_line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &first_line[..end]),
        None => first_line.to_owned(),
    }
}
