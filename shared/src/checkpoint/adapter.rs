//! A LoRA adapter beside the weights that it was trained on, as PEFT saves it.
//!
//! LoRA (Hu et al. 2021) learns W + s·B·A with A `[r, in]`, B `[out, r]` and s = alpha/r, or alpha/√r where the adapter was
//! stabilised by rank (Kalajdzievski 2023). The product is added to the weights here, so that what follows is a model like
//! any other. What is not plain LoRA is refused by the name of its setting.

mod settings;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use self::settings::Settings;
use super::names::{NameMatch, Names, unwrapped};
use super::tensors::{Found, unexpected, values_of};
use super::weight_file::{StoredTensor, WeightFile};
use crate::error::{CheckpointError, Result};
use crate::model::{HeadTask, ModelConfig, Module};

pub use self::settings::ADAPTER_CONFIG;

/// The name of an adapter's weights.
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";

/// An adapter's weights as older versions of PEFT saved them.
pub const PICKLED_ADAPTER: &str = "adapter_model.bin";

/// What PEFT puts before every name.
const PREFIX: &str = "base_model.model.";

/// A LoRA adapter that was read and not yet applied.
#[derive(Debug)]
pub struct Adapter {
    settings: Settings,
    file: WeightFile,
}

/// The two factors of what is added to one matrix.
#[derive(Default)]
struct Factors<'a> {
    a: Option<&'a StoredTensor<'a>>,
    b: Option<&'a StoredTensor<'a>>,
}

/// What a tensor of an adapter is.
enum Part<'n> {
    /// A of the module.
    A(&'n str),
    /// B of the module.
    B(&'n str),
    /// A parameter that takes the place of the base's.
    Whole(&'n str),
}

impl Adapter {
    /// From `adapter_config.json` and the adapter's weights.
    ///
    /// # Errors
    /// When the config is not that of a plain LoRA adapter.
    pub fn new(config: &[u8], file: WeightFile) -> Result<Self, CheckpointError> {
        Ok(Self { settings: Settings::parse(config)?, file })
    }

    /// Its weights.
    #[must_use]
    pub fn file(&self) -> &WeightFile {
        &self.file
    }

    /// Adds the adapter to the weights in `found`, and says what it did. Returns what the head answers when the adapter
    /// brought one.
    pub(super) fn apply(
        &self,
        config: &ModelConfig,
        names: &Names,
        found: &mut Found,
        notes: &mut Vec<String>,
    ) -> Result<Option<HeadTask>> {
        let header = self.file.header()?;
        let tensors = header.tensors();
        let mut pairs: BTreeMap<&str, Factors<'_>> = BTreeMap::new();
        let mut replaced = Vec::new();
        for (name, view) in &tensors {
            match self.part(name)? {
                Part::A(module) => pairs.entry(module).or_default().a = Some(view),
                Part::B(module) => pairs.entry(module).or_default().b = Some(view),
                Part::Whole(parameter) => {
                    let NameMatch::Parameter(path) = names.matches(parameter) else {
                        return Err(unexpected(config, &self.file, name, view).into());
                    };
                    found.insert(path, values_of(config, path, &self.file, name, view)?);
                    replaced.push(path);
                }
            }
        }
        let n_matrices = pairs.len();
        for (module, factors) in pairs {
            self.add(config, names, module, &factors, found)?;
        }
        let brings_head = replaced.iter().any(|path| path.module == Module::Classifier);
        let brought: Vec<String> = replaced.iter().map(|path| path.name(config.architecture)).collect();
        let also = if brought.is_empty() { String::new() } else { format!(", and it brought {}", brought.join(", ")) };
        notes.push(format!(
            "the LoRA adapter in {} ({}) was added to {n_matrices} matrices of the weights beside it{also}{}",
            self.file.name,
            self.settings.in_words(),
            self.settings.base_in_words()
        ));
        Ok(self.settings.head_task.filter(|_| brings_head))
    }

    fn refused(&self, reason: String) -> CheckpointError {
        CheckpointError::Adapter { file: self.file.name.clone(), reason }
    }

    /// What the tensor called `name` is.
    fn part<'n>(&self, name: &'n str) -> Result<Part<'n>, CheckpointError> {
        let (bare, _) = unwrapped(name);
        let Some(bare) = bare.strip_prefix(PREFIX) else {
            return Err(self.refused(format!("tensor {name}: expected a name that begins with {PREFIX}, as PEFT's do")));
        };
        for (ending, part) in [
            (".lora_A.weight", Part::A as fn(&'n str) -> Part<'n>),
            (".lora_B.weight", Part::B),
            (".lora_embedding_A", Part::A),
            (".lora_embedding_B", Part::B),
        ] {
            if let Some(module) = bare.strip_suffix(ending) {
                return Ok(part(module));
            }
        }
        if bare.contains(".lora_") {
            return Err(self.refused(format!(
                "tensor {name} is no part of a plain LoRA adapter: merge it in PEFT with merge_and_unload() and save the model"
            )));
        }
        Ok(Part::Whole(bare))
    }

    /// Adds s·B·A to the weight of `module`.
    fn add(
        &self,
        config: &ModelConfig,
        names: &Names,
        module: &str,
        factors: &Factors<'_>,
        found: &mut Found,
    ) -> Result<()> {
        let (Some(a), Some(b)) = (factors.a, factors.b) else {
            return Err(self
                .refused(format!("{module} has only one of lora_A and lora_B: the file is not whole"))
                .into());
        };
        let NameMatch::Parameter(path) = names.matches(&format!("{module}.weight")) else {
            return Err(unexpected(config, &self.file, &format!("{module}.lora_A"), a).into());
        };
        self.settings.require_target(module)?;
        let Some((shape, values)) = found.get_mut(&path) else {
            let weight = path.name(config.architecture);
            let reason = format!("it changes {weight}, which the weights beside it do not have");
            return Err(self.refused(reason).into());
        };
        if path.module.is_layer_norm() {
            return Err(self.refused(format!("{module} is a LayerNorm, which has no matrix to add to")).into());
        }
        let is_table = path.module.is_embedding();
        // A table is looked up, not multiplied, so PEFT keeps what is added to it transposed.
        let [n_out, n_in] = if is_table { [shape[1], shape[0]] } else { [shape[0], shape[1]] };
        let rank = self.settings.rank_of(module)?;
        for (which, view, expected) in [("A", a, [rank, n_in]), ("B", b, [n_out, rank])] {
            if view.shape() != expected {
                let (tensor, got) = (format!("lora_{which} of {module}"), view.shape().to_vec());
                let file = self.file.name.clone();
                return Err(CheckpointError::Shape { file, tensor, expected: expected.to_vec(), got }.into());
            }
        }
        let tensor = |view: &StoredTensor<'_>| -> Result<Tensor> {
            let values = view.to_f32()?.ok_or_else(|| CheckpointError::NumberFormat {
                file: self.file.name.clone(),
                tensor: format!("LoRA of {module}"),
                got: format!("{:?}", view.dtype()),
            })?;
            Ok(Tensor::from_vec(values, view.shape(), &Device::Cpu)?)
        };
        let product = (tensor(b)?.matmul(&tensor(a)?)? * self.settings.scale_of(module, rank)?)?; // [out, in]
        let product = if is_table { product.t()?.contiguous()? } else { product };
        let product: Vec<f32> = product.flatten_all()?.to_vec1()?;
        values.iter_mut().zip(product).for_each(|(value, more)| *value += more);
        Ok(())
    }
}
