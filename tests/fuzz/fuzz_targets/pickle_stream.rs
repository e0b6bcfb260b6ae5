//! `pytorch_model.bin` as PyTorch wrote it before 1.6: pickles and numbers, one after the other.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use candle_core::Device;
use fuzz::pickle::{Entry, Layout, stream_end, stream_start, table};
use libfuzzer_sys::fuzz_target;
use shared::random::Seed;
use trainer::open_model::ModelSource;

/// What the machine may remember of a pickle: two million objects of candle's, and as many copies of what they hold.
const MAX_MIB: usize = 512;

static MODEL: OnceLock<(PathBuf, ModelSource)> = OnceLock::new();

fn read(bytes: &[u8]) {
    let (folder, model) = MODEL.get_or_init(|| fuzz::tiny_model::opened("pickle_stream"));
    let file = match bytes {
        // A whole file.
        [b'f', rest @ ..] => rest.to_vec(),
        // What follows a valid beginning.
        [b't', rest @ ..] => [stream_start().as_slice(), rest].concat(),
        _ => return,
    };
    fuzz::write(&folder.join("pytorch_model.bin"), &file);
    let _ = model.load(None, Seed(0), &Device::Cpu);
}

fn seeds() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..8_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
    let mut seeds = Vec::new();
    for (class, size) in [
        ("FloatStorage", 4),
        ("DoubleStorage", 8),
        ("HalfStorage", 2),
        ("BFloat16Storage", 2),
        ("LongStorage", 8),
        ("IntStorage", 4),
        ("ByteStorage", 1),
        ("ComplexStorage", 8),
    ] {
        let entry =
            |name, shape, strides, offset| Entry { name, class, key: "7", n_elements: 8, offset, shape, strides };
        let table = table(
            &[
                entry("bert.pooler.dense.weight", &[2, 2][..], &[1, 2][..], 0),
                entry("bert.pooler.dense.bias", &[2], &[1], 1),
            ],
            Layout::Stream,
        );
        seeds.push([b"t", &table[..], &stream_end(&[("7", &numbers, size)])].concat());
    }
    let two = |name, key, offset| Entry {
        name,
        class: "FloatStorage",
        key,
        n_elements: 8,
        offset,
        shape: &[2, 2],
        strides: &[2, 1],
    };
    let table_of_two = table(&[two("module.a", "0", 0), two("module.b", "11", 4)], Layout::Stream);
    let ends = [
        stream_end(&[("0", &numbers, 4), ("11", &numbers, 4)]),
        stream_end(&[("0", &numbers, 4), ("0", &numbers, 4)]),
        stream_end(&[("0", &numbers, 4)]),
        stream_end(&[("0", &numbers, 4), ("12", &numbers, 4)]),
        stream_end(&[]),
        b"\x80\x02]K\x01a.".to_vec(),
        b"\x80\x02K\x01.".to_vec(),
        [&b"\x80\x02](X\x01\x00\x00\x000e."[..], &[0xFF; 8]].concat(),
    ];
    seeds.extend(ends.iter().map(|end| [b"t", &table_of_two[..], end].concat()));
    // The views of versions before 0.4, and a storage of two kinds.
    let view = [&table_of_two[..], &ends[0]].concat();
    let place = view.windows(3).position(|window| window == b"NtQ").expect("a storage in it");
    seeds.push([b"t", &view[..place], b"(X\x01\x00\x00\x00vK\x00K\x08t", &view[place + 1..]].concat());
    let other = Entry { class: "HalfStorage", ..two("module.b", "0", 0) };
    seeds.push([b"t", &table(&[two("module.a", "0", 0), other], Layout::Stream)[..], &ends[2]].concat());
    seeds.push([b"f", &stream_start()[..], &table_of_two, &ends[0]].concat());
    seeds.push([b"f", &stream_start().as_slice()[..30]].concat());
    seeds.push(
        b"f\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\x00\x00\x00little_endian\x89s."
            .to_vec(),
    );
    seeds
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || read(b"f")),
    |bytes: &[u8]| read(bytes)
);
