//! `pytorch_model.bin` as PyTorch writes it since 1.6: a pickle and the numbers of each storage in a zip.

#![no_main]

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use candle_core::Device;
use fuzz::parts;
use fuzz::pickle::{Entry, Layout, table};
use libfuzzer_sys::fuzz_target;
use shared::random::Seed;
use trainer::open_model::ModelSource;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What the machine may remember of a pickle: two million objects of candle's, and as many copies of what they hold.
const MAX_MIB: usize = 512;

/// Bits of the byte behind the kind of an input: what is odd about the zip around the parts.
const HAS_BYTE_ORDER: u8 = 1;
const IS_BIG_ENDIAN: u8 = 2;
const IS_COMPRESSED: u8 = 4;
const HAS_TWO_PICKLES: u8 = 8;
const HAS_NO_PICKLE: u8 = 16;

static MODEL: OnceLock<(PathBuf, ModelSource)> = OnceLock::new();

fn read(bytes: &[u8]) {
    let (folder, model) = MODEL.get_or_init(|| fuzz::tiny_model::opened("pickle_zip"));
    let file = match bytes {
        // A whole file.
        [b'f', rest @ ..] => rest.to_vec(),
        // A pickle behind its length, and the numbers of up to four storages; the zip around them is valid.
        [b'p', flags, rest @ ..] => {
            let (pickle, numbers) = parts::with_length(rest);
            zipped(*flags, pickle, numbers)
        }
        _ => return,
    };
    fuzz::write(&folder.join("pytorch_model.bin"), &file);
    let _ = model.load(None, Seed(0), &Device::Cpu);
}

fn zipped(flags: u8, pickle: &[u8], numbers: &[u8]) -> Vec<u8> {
    let mut entries = vec![];
    if flags & HAS_NO_PICKLE == 0 {
        entries.push(("m/data.pkl".to_owned(), pickle));
    }
    if flags & HAS_TWO_PICKLES != 0 {
        entries.push(("n/data.pkl".to_owned(), pickle));
    }
    if flags & HAS_BYTE_ORDER != 0 {
        entries.push(("m/byteorder".to_owned(), if flags & IS_BIG_ENDIAN == 0 { b"little" } else { b"big" }));
    }
    let storages = numbers.chunks(numbers.len().div_ceil(4).max(8));
    entries.extend(storages.enumerate().map(|(key, storage)| (format!("m/data/{key}"), storage)));
    let method = if flags & IS_COMPRESSED == 0 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let options = SimpleFileOptions::default().compression_method(method);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(name, options).expect("each name is there once");
        zip.write_all(bytes).expect("memory can be written");
    }
    zip.finish().expect("memory can be written").into_inner()
}

fn seeds() -> Vec<Vec<u8>> {
    let entry =
        |name, class, key, shape, strides, offset| Entry { name, class, key, n_elements: 8, offset, shape, strides };
    let numbers: Vec<u8> = (0..32_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
    let tables = [
        table(&[], Layout::Zip),
        table(&[entry("bert.pooler.dense.weight", "FloatStorage", "0", &[2, 2], &[2, 1], 0)], Layout::Zip),
        // Transposed, and two tensors in one storage.
        table(
            &[
                entry("bert.pooler.dense.weight", "FloatStorage", "1", &[2, 2], &[1, 2], 0),
                entry("bert.pooler.dense.bias", "FloatStorage", "1", &[2], &[1], 6),
            ],
            Layout::Zip,
        ),
        table(
            &[
                entry("a", "DoubleStorage", "0", &[2], &[1], 0),
                entry("b", "HalfStorage", "1", &[2], &[1], 0),
                entry("c", "BFloat16Storage", "2", &[2], &[1], 0),
                entry("d", "LongStorage", "3", &[2], &[1], 0),
                entry("e", "ByteStorage", "0", &[2], &[1], 0),
            ],
            Layout::Zip,
        ),
        table(&[entry("a", "IntStorage", "0", &[2], &[1], 0)], Layout::Zip),
        table(&[entry("a", "ShortStorage", "0", &[2], &[1], 0)], Layout::Zip),
        // Out of its storage, in one that is not there, larger than the file, and a number alone.
        table(&[entry("a", "FloatStorage", "0", &[4, 2], &[3, 2], 7)], Layout::Zip),
        table(&[entry("a", "FloatStorage", "9", &[2], &[1], 0)], Layout::Zip),
        table(&[entry("a", "FloatStorage", "0", &[60000, 60000, 60000], &[0, 0, 0], 0)], Layout::Zip),
        table(&[entry("a", "FloatStorage", "0", &[], &[], 0)], Layout::Zip),
        table(&[entry("a", "FloatStorage", "0", &[0, 2], &[2, 1], 0)], Layout::Zip),
        whole_model(),
        b"\x80\x02K\x01.".to_vec(),
        b"\x80\x02}K\x01K\x02s.".to_vec(),
        b"\x80\x02}X\x01\x00\x00\x00aK\x02s.".to_vec(),
        b"\x80\x02}(X\x09\x00\x00\x00_metadataK\x02X\x01\x00\x00\x00aNu.".to_vec(),
    ];
    let part = |flags: u8, pickle: &[u8]| [&[b'p', flags], &parts::with_its_length(pickle)[..], &numbers].concat();
    let mut seeds: Vec<Vec<u8>> = tables.iter().map(|pickle| part(HAS_BYTE_ORDER, pickle)).collect();
    for flags in [0, HAS_BYTE_ORDER | IS_BIG_ENDIAN, IS_COMPRESSED, HAS_TWO_PICKLES, HAS_NO_PICKLE] {
        seeds.push(part(flags, &tables[1]));
    }
    seeds.extend(tables[1..4].iter().map(|pickle| [b"f", &zipped(HAS_BYTE_ORDER, pickle, &numbers)[..]].concat()));
    seeds.push(b"fversion https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12\n".to_vec());
    seeds.push(b"f".to_vec());
    seeds
}

/// The pickle of all tensors of the tiny model, in one storage.
fn whole_model() -> Vec<u8> {
    let config = fuzz::tiny_model::random().config;
    let tensors = config.parameters().into_iter().map(|path| {
        let shape: Vec<u16> = config.shape_of(path).into_iter().map(|length| length as u16).collect();
        let strides = if let [_, columns] = shape[..] { vec![columns, 1] } else { vec![1] };
        (path.name(config.architecture), shape, strides)
    });
    let tensors: Vec<_> = tensors.collect();
    let entries = tensors.iter().map(|(name, shape, strides)| Entry {
        name,
        class: "FloatStorage",
        key: "0",
        n_elements: 8,
        offset: 0,
        shape,
        strides,
    });
    table(&entries.collect::<Vec<_>>(), Layout::Zip)
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || read(b"f")),
    |bytes: &[u8]| read(bytes)
);
