//! Access to the golden files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use shared::Parameters;
use shared::checkpoint::{Checkpoint, LoadOptions, WeightFile};
use shared::dataset::Batch;
use shared::model::{Architecture, ModelConfig, TextClassifier};
use shared::nn::{Kernel, Kernels};
use shared::seed::Seed;

/// f32 of Hugging Face lies within 4e-6 of the golden f64 on logits; ours adds up in another order.
pub const FORWARD_TOLERANCE: f32 = 2e-5;
/// Gradients reach 10 here; Hugging Face's own f32 lies within 2e-5.
pub const GRADIENT_TOLERANCE: f32 = 1e-4;

/// Both tiny models.
pub const MODELS: [&str; 2] = ["tiny-bert", "tiny-distilbert"];

pub fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(relative)
}

pub fn read(relative: &str) -> Vec<u8> {
    std::fs::read(path(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

pub fn config(folder: &str) -> ModelConfig {
    ModelConfig::from_json(&read(&format!("{folder}/config.json"))).unwrap()
}

/// The safetensors files of a folder, in name order.
pub fn weight_files(folder: &str) -> Vec<WeightFile> {
    let mut names: Vec<String> = std::fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("model") && name.ends_with(".safetensors"))
        .collect();
    names.sort();
    names.into_iter().map(|name| WeightFile { bytes: read(&format!("{folder}/{name}")), name }).collect()
}

pub fn options(label_names: Option<&[&str]>) -> LoadOptions {
    LoadOptions {
        label_names: label_names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        head_seed: Seed(0),
        device: Device::Cpu,
    }
}

pub fn load(folder: &str) -> Checkpoint {
    Checkpoint::load(&config(folder), weight_files(folder), &options(None)).unwrap()
}

/// Every way to run the operations: all fused, all composite, and each fused operation off in turn.
pub fn kernel_sets() -> Vec<(&'static str, Kernels)> {
    let fused = Kernels::all(Kernel::Fused);
    let off = Kernel::Composite;
    vec![
        ("all fused", fused),
        ("all composite", Kernels::all(Kernel::Composite)),
        ("linear composite", Kernels { linear: off, ..fused }),
        ("layer norm composite", Kernels { layer_norm: off, ..fused }),
        ("attention composite", Kernels { attention: off, ..fused }),
        ("gelu composite", Kernels { gelu: off, ..fused }),
        ("dropout composite", Kernels { dropout: off, ..fused }),
        ("embedding composite", Kernels { embedding: off, ..fused }),
        ("cross-entropy composite", Kernels { cross_entropy: off, ..fused }),
        ("adamw composite", Kernels { adamw: off, ..fused }),
    ]
}

pub fn model(config: &ModelConfig, parameters: &Parameters, kernels: &Kernels) -> TextClassifier {
    TextClassifier::for_training(config, parameters, kernels, DType::F32).unwrap()
}

/// A safetensors file of expected values.
pub struct Expected(BTreeMap<String, Tensor>);

impl Expected {
    pub fn read(relative: &str) -> Self {
        let tensors = candle_core::safetensors::load_buffer(&read(relative), &Device::Cpu).unwrap();
        Self(tensors.into_iter().collect())
    }

    pub fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("the golden file has no {name}"))
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        floats(self.get(name))
    }

    pub fn names_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.get(name).flatten_all().unwrap().to_vec1::<i64>().unwrap().into_iter().map(|id| id as u32).collect()
    }

    /// The batch stored under `prefix`.
    pub fn batch(&self, prefix: &str, architecture: Architecture) -> Batch {
        let input_ids = self.ids(&format!("{prefix}input_ids"));
        let (n_rows, n_columns) = self.get(&format!("{prefix}input_ids")).dims2().unwrap();
        let token_type_ids = match architecture {
            Architecture::Bert => self.ids(&format!("{prefix}token_type_ids")),
            Architecture::DistilBert => vec![0; input_ids.len()],
        };
        Batch {
            row_indices: (0..n_rows).collect(),
            n_rows,
            n_columns,
            input_ids,
            attention_mask: self.ids(&format!("{prefix}attention_mask")),
            token_type_ids,
            labels: self.ids(&format!("{prefix}labels")),
        }
    }
}

pub fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest absolute difference; NaN anywhere is an infinite one.
pub fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).map(|d| if d.is_nan() { f32::INFINITY } else { d }).fold(0.0, f32::max)
}

#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], expected: &[f32], tolerance: f32) {
    let difference = max_difference(ours, expected);
    assert!(difference <= tolerance, "{what}: differs by {difference:e}, tolerance {tolerance:e}");
}
