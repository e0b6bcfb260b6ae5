//! The parameters of a model: an ordered list of named tensors, each either trained or frozen.
//!
//! A frozen parameter is a plain tensor, not a variable left out of the optimiser: candle computes and keeps a gradient
//! for every variable, so only a plain tensor costs nothing. Iteration is always in forward order, so that norms and
//! files do not depend on a hash.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use super::family::Architecture;
use super::parameter_path::{Module, ParameterPath};
use crate::error::{Error, Result};
use crate::nn::{Changes, Collector, Pair, WeightCache};

/// One parameter's storage.
#[derive(Clone, Debug)]
enum Entry {
    Trained(Var),
    Frozen(Tensor),
}

/// Name → tensor for one model, in forward order.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use shared::Parameters;
/// use shared::model::{Architecture, Module, ParameterPath};
///
/// let (weight, bias) = (ParameterPath::weight(Module::Pooler), ParameterPath::bias(Module::Pooler));
/// let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu);
/// // They come in any order and are kept in that of a forward pass.
/// let tensors = [(bias, tensor(&[7.0])?), (weight, tensor(&[1.0, 2.0])?)];
/// let mut parameters = Parameters::new(Architecture::Bert, tensors)?;
/// assert_eq!(parameters.paths().collect::<Vec<_>>(), [weight, bias]);
///
/// parameters.set(weight, vec![3.0, 4.0])?;
/// assert_eq!(parameters.to_vec(weight)?, [3.0, 4.0]);
/// parameters.freeze(|path| path == bias)?;
/// assert_eq!(parameters.trained().map(|(path, _)| path).collect::<Vec<_>>(), [weight]);
/// # Ok::<(), shared::Error>(())
/// ```
#[derive(Debug)]
pub struct Parameters {
    architecture: Architecture,
    entries: BTreeMap<ParameterPath, Entry>,
    changes: Changes,
    /// Of one parameter alone.
    own_changes: BTreeMap<ParameterPath, Changes>,
}

impl Parameters {
    /// All parameters trained. Tensors are taken as they are (f32, on the device of the model).
    ///
    /// # Errors
    /// When a device has no room for them.
    pub fn new(architecture: Architecture, tensors: impl IntoIterator<Item = (ParameterPath, Tensor)>) -> Result<Self> {
        let entries = tensors
            .into_iter()
            .map(|(path, tensor)| Ok((path, Entry::Trained(Var::from_tensor(&tensor)?))))
            .collect::<Result<_>>()?;
        Ok(Self::of_entries(architecture, entries))
    }

    /// As [`Parameters::new`], of each parameter's shape and f32 values, which on a CPU are not copied.
    ///
    /// # Errors
    /// When a shape has not as many values, or a device has no room for them.
    pub fn from_values(
        architecture: Architecture,
        values: impl IntoIterator<Item = (ParameterPath, Vec<usize>, Vec<f32>)>,
        device: &Device,
    ) -> Result<Self> {
        let entries = values
            .into_iter()
            .map(|(path, shape, values)| Ok((path, Entry::Trained(Var::from_vec(values, shape, device)?))))
            .collect::<Result<_>>()?;
        Ok(Self::of_entries(architecture, entries))
    }

    fn of_entries(architecture: Architecture, entries: BTreeMap<ParameterPath, Entry>) -> Self {
        let own_changes = entries.keys().map(|path| (*path, Changes::default())).collect();
        Self { architecture, entries, changes: Changes::default(), own_changes }
    }

    /// The family, which decides names.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The tensor of a parameter: tracked by autograd when it is trained.
    ///
    /// # Errors
    /// When the model has no such parameter.
    pub fn get(&self, path: ParameterPath) -> Result<Tensor> {
        match self.entries.get(&path) {
            Some(Entry::Trained(var)) => Ok(var.as_tensor().clone()),
            Some(Entry::Frozen(tensor)) => Ok(tensor.clone()),
            None => Err(self.no_such(path)),
        }
    }

    /// The same storage without gradients, for evaluation: later updates are seen through it.
    ///
    /// # Errors
    /// When the model has no such parameter.
    pub fn get_detached(&self, path: ParameterPath) -> Result<Tensor> {
        Ok(self.get(path)?.detach())
    }

    /// The count of changes made in place. Whoever writes through a variable of [`Parameters::trained`] records it there,
    /// so that evaluation models on this storage see it.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The count of changes of one parameter alone; whoever changes only this one records it here instead.
    ///
    /// # Errors
    /// When the model has no such parameter.
    pub(crate) fn changes_of(&self, path: ParameterPath) -> Result<&Changes> {
        self.own_changes.get(&path).ok_or_else(|| self.no_such(path))
    }

    fn no_such(&self, path: ParameterPath) -> Error {
        Error::Training(format!("the model has no parameter {}", path.name(self.architecture)))
    }

    /// The encoder layers that are there, from the bottom: not all where some were deleted.
    #[must_use]
    pub fn layer_indices(&self) -> Vec<usize> {
        let mut indices: Vec<usize> = self.paths().filter_map(ParameterPath::layer_idx).collect();
        indices.dedup();
        indices
    }

    /// Takes away all parameters of these encoder layers.
    pub(crate) fn remove_layers(&mut self, layer_indices: &[usize]) {
        self.entries.retain(|path, _| !path.layer_idx().is_some_and(|layer_idx| layer_indices.contains(&layer_idx)));
    }

    /// The same parameters, in the same memory, with layer `i` from the bottom called `layer_indices[i]`: those of a model
    /// without some layers, as [`Parameters::layer_indices`] had them before it was saved.
    ///
    /// # Errors
    /// When there are not as many layers.
    pub fn with_layers_called(&self, layer_indices: &[usize]) -> Result<Self> {
        let mine = self.layer_indices();
        if mine.len() != layer_indices.len() {
            let (expected, got) = (layer_indices.len(), mine.len());
            return Err(Error::Training(format!("expected {expected} encoder layers to rename, got {got}")));
        }
        let renamed = |path: ParameterPath| match path.module {
            Module::Layer(layer_idx, module) => {
                let place = mine.iter().position(|mine| *mine == layer_idx).unwrap_or(layer_idx);
                ParameterPath { module: Module::Layer(layer_indices[place], module), ..path }
            }
            _ => path,
        };
        let entries = self.entries.iter().map(|(path, entry)| (renamed(*path), entry.clone())).collect();
        Ok(Self::of_entries(self.architecture, entries))
    }

    /// All paths in forward order.
    pub fn paths(&self) -> impl Iterator<Item = ParameterPath> + '_ {
        self.entries.keys().copied()
    }

    /// Trained parameters in forward order.
    pub fn trained(&self) -> impl Iterator<Item = (ParameterPath, &Var)> + '_ {
        self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::Trained(var) => Some((*path, var)),
            Entry::Frozen(_) => None,
        })
    }

    /// Freezes the parameters for which `is_frozen` says so and trains all others.
    ///
    /// # Errors
    /// When a device has no room for them.
    pub fn freeze(&mut self, mut is_frozen: impl FnMut(ParameterPath) -> bool) -> Result<()> {
        for (path, entry) in &mut self.entries {
            match (is_frozen(*path), &mut *entry) {
                (true, Entry::Trained(var)) => *entry = Entry::Frozen(var.as_detached_tensor()),
                (false, Entry::Frozen(tensor)) => *entry = Entry::Trained(Var::from_tensor(tensor)?),
                (true, Entry::Frozen(_)) | (false, Entry::Trained(_)) => {}
            }
        }
        Ok(())
    }

    /// The values of a parameter on the host.
    ///
    /// # Errors
    /// When the model has no such parameter.
    pub fn to_vec(&self, path: ParameterPath) -> Result<Vec<f32>> {
        Ok(self.get(path)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
    }

    /// Overwrites a parameter's values: a trained one's in place, so that models built on it see them. A frozen one gets a
    /// new tensor, since its memory may be shared with another model's; models built before keep the old values.
    ///
    /// # Errors
    /// When the length is not the parameter's.
    pub fn set(&mut self, path: ParameterPath, values: Vec<f32>) -> Result<()> {
        let current = self.get(path)?;
        let new = Tensor::from_vec(values, current.shape(), current.device())?;
        match self.entries.get_mut(&path) {
            Some(Entry::Trained(var)) => var.set(&new)?,
            Some(Entry::Frozen(tensor)) => *tensor = new,
            None => unreachable!("`get` has found it"),
        }
        self.changes_of(path)?.record();
        Ok(())
    }

    /// A copy that shares no memory with this one (a clone of a candle variable would).
    ///
    /// # Errors
    /// When a device has no room for the copy.
    pub fn snapshot(&self) -> Result<Self> {
        let entries = self
            .entries
            .iter()
            .map(|(path, entry)| {
                Ok((
                    *path,
                    match entry {
                        // A variable made from a tensor that is none has memory of its own.
                        Entry::Trained(var) => Entry::Trained(Var::from_tensor(&var.as_detached_tensor())?),
                        Entry::Frozen(tensor) => Entry::Frozen(tensor.copy()?),
                    },
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self::of_entries(self.architecture, entries))
    }

    /// A copy whose parameters are all frozen. It shares the memory of those that are frozen here, so a model that
    /// differs in a few layers costs only these: [`Parameters::set`] puts a new tensor in the place of a frozen one,
    /// so neither sees what becomes of the other. Trained parameters are copied.
    ///
    /// # Errors
    /// When a device has no room for the copy.
    pub fn fork(&self) -> Result<Self> {
        let entries = self
            .entries
            .iter()
            .map(|(path, entry)| {
                let tensor = match entry {
                    Entry::Trained(var) => var.as_detached_tensor().copy()?,
                    Entry::Frozen(tensor) => tensor.clone(),
                };
                Ok((*path, Entry::Frozen(tensor)))
            })
            .collect::<Result<_>>()?;
        Ok(Self::of_entries(self.architecture, entries))
    }

    /// A copy on another device.
    ///
    /// # Errors
    /// When the device has no room for the copy.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let tensors = self
            .paths()
            .map(|path| Ok((path, self.get_detached(path)?.copy()?.to_device(device)?)))
            .collect::<Result<Vec<_>>>()?;
        Self::new(self.architecture, tensors)
    }

    /// Scalars in all parameters.
    #[must_use]
    pub fn n_elements(&self) -> usize {
        self.entries
            .values()
            .map(|entry| match entry {
                Entry::Trained(var) => var.elem_count(),
                Entry::Frozen(tensor) => tensor.elem_count(),
            })
            .sum()
    }
}

/// The parameters that a model is assembled from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    parameters: &'a Parameters,
    purpose: Purpose,
    /// Where gradients go.
    pub(super) collector: &'a Collector,
}

impl Source<'_> {
    /// Whether the model has this encoder layer, which may have been deleted.
    pub(super) fn has_layer(self, layer_idx: usize) -> bool {
        self.parameters.entries.keys().any(|path| path.layer_idx() == Some(layer_idx))
    }
}

#[derive(Clone, Copy)]
enum Purpose {
    Training,
    Evaluation,
}

impl<'a> Source<'a> {
    /// Tensors that are tracked for `backward`; nothing is kept of weights, which change with every step.
    pub(super) fn for_training(parameters: &'a Parameters, collector: &'a Collector) -> Self {
        Self { parameters, purpose: Purpose::Training, collector }
    }

    /// Tensors without a graph, whose packed form may be kept.
    pub(super) fn for_evaluation(parameters: &'a Parameters, collector: &'a Collector) -> Self {
        Self { parameters, purpose: Purpose::Evaluation, collector }
    }

    pub(super) fn tensor(self, path: ParameterPath) -> Result<Tensor> {
        match self.purpose {
            Purpose::Training => self.parameters.get(path),
            Purpose::Evaluation => self.parameters.get_detached(path),
        }
    }

    /// Weight and bias of a module that has both.
    pub(super) fn pair(self, module: Module) -> Result<Pair> {
        let weight = ParameterPath::weight(module);
        Ok(Pair {
            weight: self.tensor(weight)?,
            bias: self.tensor(ParameterPath::bias(module))?,
            cache: match self.purpose {
                Purpose::Training => WeightCache::default(),
                Purpose::Evaluation => {
                    WeightCache::for_evaluation(self.parameters.changes(), self.parameters.changes_of(weight)?)
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_and_its_origin_do_not_see_each_other_whichever_is_changed_and_frozen() {
        let (pooler, classifier) = (ParameterPath::bias(Module::Pooler), ParameterPath::bias(Module::Classifier));
        let tensors = [pooler, classifier].map(|path| (path, Tensor::new(&[1.0_f32, 2.0], &Device::Cpu).unwrap()));
        let mut origin = Parameters::new(Architecture::Bert, tensors).unwrap();
        origin.freeze(|path| path == classifier).unwrap();

        let mut fork = origin.fork().unwrap();
        assert_eq!(fork.trained().count(), 0);
        for path in [pooler, classifier] {
            fork.set(path, vec![3.0, 4.0]).unwrap();
            assert_eq!(origin.to_vec(path).unwrap(), [1.0, 2.0]);
        }
        let fork = origin.fork().unwrap();
        for path in [pooler, classifier] {
            origin.set(path, vec![5.0, 6.0]).unwrap();
            assert_eq!(fork.to_vec(path).unwrap(), [1.0, 2.0]);
        }
        // Training a fork's parameter updates it in place, on a copy of its own.
        let mut trained = fork.fork().unwrap();
        trained.freeze(|_| false).unwrap();
        trained.set(pooler, vec![7.0, 8.0]).unwrap();
        assert_eq!(fork.to_vec(pooler).unwrap(), [1.0, 2.0]);
    }
}
