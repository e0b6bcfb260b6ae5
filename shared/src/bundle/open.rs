//! A bundle whose files are at hand.

use crate::Condition;
use candle_core::{Device, Tensor};

use super::manifest::{HEALED, Manifest, TensorEntry, WEIGHTS};
use crate::corruption::{Plan, Report, ResolvedPlan};
use crate::error::{BundleError, Result};
use crate::model::{ModelConfig, ParameterPath, Parameters};
use crate::tokenizer::Tokenizer;

/// A bundle whose files were checked; tensors are decoded when they are asked for.
#[derive(Debug)]
pub struct Bundle {
    manifest: Manifest,
    config: ModelConfig,
    tokenizer: Tokenizer,
    weights: Vec<u8>,
}

impl Bundle {
    /// Checks `weights.bin` and `tokenizer.json` against a manifest, and every tensor's place against the config.
    ///
    /// # Errors
    /// When a file has another size or hash, a tensor is missing, misplaced or misshapen, or the tokenizer does not fit
    /// the model.
    pub fn open(manifest: Manifest, weights: Vec<u8>, tokenizer: &[u8]) -> Result<Self> {
        manifest.files.weights.verify(&weights)?;
        manifest.files.tokenizer.verify(tokenizer)?;
        let config = manifest.config()?;
        check_layout(WEIGHTS, &config, &config.parameters(), &manifest.tensors, weights.len() as u64)?;
        let tokenizer = Tokenizer::from_json(tokenizer, config.vocab_size)?;
        Ok(Self { manifest, config, tokenizer, weights })
    }

    /// What it is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The healthy model's config.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Ready to encode.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// A healthy tensor's values in row-major order.
    ///
    /// # Errors
    /// When the model has no such parameter, or a value is not finite.
    pub fn values(&self, path: ParameterPath) -> Result<Vec<f32>> {
        let name = path.name(self.config.architecture);
        let entry = self.manifest.tensors.iter().find(|entry| entry.name == name).ok_or_else(|| {
            BundleError::Encoding { tensor: name, problem: "the model has no such parameter".to_owned() }
        })?;
        Ok(decode(entry, &self.weights)?)
    }

    /// The healthy model, all parameters trained. Tensors are decoded one at a time.
    ///
    /// # Errors
    /// When a value is not finite.
    pub fn parameters(&self, device: &Device) -> Result<Parameters> {
        let tensors = self.config.parameters().into_iter().map(|path| {
            let shape = self.config.shape_of(path);
            Ok((path, Tensor::from_vec(self.values(path)?, shape, device)?))
        });
        Parameters::new(self.config.architecture, tensors.collect::<Result<Vec<_>>>()?)
    }

    /// The plan that the healed model was damaged by.
    ///
    /// # Errors
    /// When there is none, or it does not fit the model.
    pub fn plan(&self) -> Result<ResolvedPlan> {
        Ok(Plan::parse(&self.manifest.healed()?.plan)?.resolve(self.config.anatomy())?)
    }

    /// The model that was healed, as it was before: the healthy one after the manifest's plan.
    ///
    /// # Errors
    /// When the bundle has no healed model.
    pub fn corrupted(&self, device: &Device) -> Result<(Parameters, Report)> {
        let (plan, seed) = (self.plan()?, self.manifest.healed()?.seed);
        let mut parameters = self.parameters(device)?;
        let report = parameters.corrupt(&plan, seed)?;
        Ok((parameters, report))
    }

    /// Checks `healed.bin`.
    ///
    /// # Errors
    /// When the bundle has no healed model, the file has another size or hash, or a tensor is misplaced or misshapen.
    pub fn delta(&self, healed: Vec<u8>) -> Result<Delta> {
        let entry = self.manifest.healed()?;
        if let Some(file) = &self.manifest.files.healed {
            file.verify(&healed)?;
        }
        let all = self.config.parameters();
        let paths = entry
            .tensors
            .iter()
            .enumerate()
            .map(|(at, tensor)| {
                let is_named = |path: &&ParameterPath| path.name(self.config.architecture) == tensor.name;
                all.iter().find(is_named).copied().ok_or_else(|| BundleError::Tensor {
                    file: HEALED,
                    at,
                    expected: "a parameter of the model".to_owned(),
                    got: tensor.name.clone(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = (1..paths.len()).find(|at| paths[at - 1] >= paths[*at]) {
            return Err(BundleError::Tensor {
                file: HEALED,
                at,
                expected: format!("a parameter after {}", entry.tensors[at - 1].name),
                got: entry.tensors[at].name.clone(),
            }
            .into());
        }
        check_layout(HEALED, &self.config, &paths, &entry.tensors, healed.len() as u64)?;
        Ok(Delta::new(paths.into_iter().zip(entry.tensors.iter().cloned()).collect(), healed))
    }

    /// The healed model: the corrupted one, moved as healing moved it.
    ///
    /// # Errors
    /// When the bundle has no healed model, or a value is not finite.
    pub fn healed(&self, delta: &Delta, device: &Device) -> Result<Parameters> {
        let (mut parameters, _) = self.corrupted(device)?;
        delta.apply(&mut parameters)?;
        Ok(parameters)
    }

    /// The config of one of the models, which tells what was done to its weights.
    ///
    /// # Errors
    /// When there is no such model.
    pub fn config_of(&self, condition: Condition) -> Result<ModelConfig> {
        Ok(self.manifest.config_of(condition)?)
    }
}

/// `healed.bin`, checked: what to add to the corrupted model.
#[derive(Debug)]
pub struct Delta {
    tensors: Vec<(ParameterPath, TensorEntry)>,
    bytes: Vec<u8>,
}

impl Delta {
    fn new(tensors: Vec<(ParameterPath, TensorEntry)>, bytes: Vec<u8>) -> Self {
        Self { tensors, bytes }
    }

    /// The parameters that healing moved, in forward order.
    pub fn paths(&self) -> impl Iterator<Item = ParameterPath> + '_ {
        self.tensors.iter().map(|(path, _)| *path)
    }

    /// Turns the corrupted parameters into the healed ones: `xᵢ + dᵢ` in f32, in place.
    ///
    /// # Errors
    /// When `parameters` are another model's, or a sum is not finite.
    pub fn apply(&self, parameters: &mut Parameters) -> Result<()> {
        for (path, entry) in &self.tensors {
            let mut values = parameters.to_vec(*path)?;
            let difference = decode(entry, &self.bytes)?;
            if values.len() != difference.len() {
                let problem = format!("expected {} values, got {}", difference.len(), values.len());
                return Err(BundleError::Encoding { tensor: entry.name.clone(), problem }.into());
            }
            for (at, (value, difference)) in values.iter_mut().zip(difference).enumerate() {
                *value += difference;
                if !value.is_finite() {
                    return Err(BundleError::NotFinite { tensor: entry.name.clone(), at, value: *value }.into());
                }
            }
            parameters.set(*path, values)?;
        }
        Ok(())
    }
}

/// The values of a tensor whose place was checked.
fn decode(entry: &TensorEntry, file: &[u8]) -> Result<Vec<f32>, BundleError> {
    let bytes = &file[entry.offset as usize..(entry.offset + entry.size_bytes) as usize];
    let mut values = vec![0.0; entry.shape.iter().product()];
    entry.encoding.decode(&entry.name, bytes, &mut values)?;
    Ok(values)
}

/// Whether the manifest's tensors are those of `paths`, shaped as the config says, side by side from the file's first byte
/// to its last. After this no tensor can ask for more memory than a few times the file's own size.
fn check_layout(
    file: &'static str,
    config: &ModelConfig,
    paths: &[ParameterPath],
    tensors: &[TensorEntry],
    file_bytes: u64,
) -> Result<(), BundleError> {
    let name = |path: &ParameterPath| path.name(config.architecture);
    if let Some(at) = (0..paths.len().max(tensors.len()))
        .find(|at| paths.get(*at).map(name).as_ref() != tensors.get(*at).map(|tensor| &tensor.name))
    {
        let nothing = || "no further tensor".to_owned();
        return Err(BundleError::Tensor {
            file,
            at,
            expected: paths.get(at).map_or_else(nothing, name),
            got: tensors.get(at).map_or_else(nothing, |tensor| tensor.name.clone()),
        });
    }
    let mut end = 0_u64;
    for (path, tensor) in paths.iter().zip(tensors) {
        let expected = config.shape_of(*path);
        if tensor.shape != expected {
            let (tensor, got) = (tensor.name.clone(), tensor.shape.clone());
            return Err(BundleError::Shape { file, tensor, expected, got });
        }
        tensor.encoding.check(&tensor.name)?;
        let n = expected.iter().try_fold(1_u64, |n, size| n.checked_mul(*size as u64));
        let size_bytes = n.and_then(|n| tensor.encoding.size_bytes(n)).unwrap_or(u64::MAX);
        for (what, expected, got) in [("offset", end, tensor.offset), ("size in bytes", size_bytes, tensor.size_bytes)]
        {
            if expected != got {
                return Err(BundleError::Layout { file, tensor: tensor.name.clone(), what, expected, got });
            }
        }
        end = end.saturating_add(size_bytes);
        if end > file_bytes {
            return Err(BundleError::Size { file: file.to_owned(), expected: end, got: file_bytes });
        }
    }
    if end != file_bytes {
        return Err(BundleError::Size { file: file.to_owned(), expected: end, got: file_bytes });
    }
    Ok(())
}
