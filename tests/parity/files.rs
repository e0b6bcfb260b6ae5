//! The golden files in their folder, and the sets of kernels to try on each.

use std::path::PathBuf;

use candle_core::Device;
use shared::checkpoint::{LoadOptions, WeightFile, WeightsHash};
use shared::nn::{Activations, Kernel, Kernels};
use shared::random::Seed;

pub fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(relative)
}

pub fn read(relative: &str) -> Vec<u8> {
    std::fs::read(path(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

/// The safetensors files of a folder, in name order.
pub fn weight_files(folder: &str) -> Vec<WeightFile> {
    let mut names: Vec<String> = std::fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("model") && name.ends_with(".safetensors"))
        .collect();
    names.sort();
    let file = |name: String| {
        let bytes = read(&format!("{folder}/{name}"));
        WeightFile::new(name, bytes)
    };
    names.into_iter().map(file).collect()
}

pub fn options(label_names: Option<&[&str]>) -> LoadOptions {
    LoadOptions {
        label_names: label_names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        head_seed: Seed(0),
        device: Device::Cpu,
        hash: WeightsHash::Wanted,
    }
}

/// Every way to run the operations: whole layers fused, all composite, single operations fused, and each of those off in
/// turn.
pub fn kernel_sets() -> Vec<(&'static str, Kernels)> {
    let off = Kernel::Composite;
    let single = Kernels { encoder_layer: off, ..Kernels::all(Kernel::Fused) };
    vec![
        ("all fused", Kernels::all(Kernel::Fused)),
        ("recomputed", Kernels { activations: Activations::Recomputed, ..Kernels::all(Kernel::Fused) }),
        ("all composite", Kernels::all(Kernel::Composite)),
        ("encoder layer composite", single),
        ("linear composite", Kernels { linear: off, ..single }),
        ("layer norm composite", Kernels { layer_norm: off, ..single }),
        ("attention composite", Kernels { attention: off, ..single }),
        ("gelu composite", Kernels { gelu: off, ..single }),
        ("dropout composite", Kernels { dropout: off, ..single }),
        ("embedding composite", Kernels { embedding: off, ..single }),
        ("cross-entropy composite", Kernels { cross_entropy: off, ..single }),
        ("adamw composite", Kernels { adamw: off, ..single }),
    ]
}
