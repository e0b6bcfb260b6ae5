//! The scheme that moves layers.

use super::resolve::{Coverage, ResolvedSelection};
use super::scheme::Scheme;
use super::statistics;
use super::tensor::{Change, TensorMut, stream};
use crate::error::ApplyError;
use crate::model::{Anatomy, Kind, LayerModule, Module, ParameterPath};
use crate::random::Seed;

/// The tensors that change places: for each parameter of a layer, where it is among the tensors, layer by layer.
fn groups(selection: &ResolvedSelection, tensors: &[TensorMut<'_>]) -> Vec<Vec<usize>> {
    let layer_indices = selection.layer_indices();
    let kinds = LayerModule::ALL.iter().flat_map(|module| [(*module, Kind::Weight), (*module, Kind::Bias)]);
    kinds
        .map(|(module, kind)| {
            let path = |layer_idx: &usize| ParameterPath { module: Module::Layer(*layer_idx, module), kind };
            let paths = layer_indices.iter().map(path).filter(|path| selection.extent(*path) == Coverage::Whole);
            paths.filter_map(|path| tensors.iter().position(|tensor| tensor.path == path)).collect()
        })
        .collect()
}

/// Makes sure that the layers' tensors fit in each other's places.
pub(super) fn check(
    selection: &ResolvedSelection,
    anatomy: Anatomy,
    tensors: &[TensorMut<'_>],
) -> Result<(), ApplyError> {
    for group in groups(selection, tensors) {
        let Some((first, others)) = group.split_first() else { continue };
        let first = &tensors[*first];
        if let Some(other) = others.iter().map(|idx| &tensors[*idx]).find(|other| other.shape != first.shape) {
            return Err(ApplyError::Shape {
                name: other.path.name(anatomy.architecture),
                shape: other.shape.clone(),
                expected: format!("{:?}, the shape of {}", first.shape, first.path.name(anatomy.architecture)),
            });
        }
    }
    Ok(())
}

/// Swaps whole layers. The order depends on the seed, the step and the number of layers only.
pub(super) fn apply(
    seed: Seed,
    step_idx: usize,
    selection: &ResolvedSelection,
    tensors: &mut [TensorMut<'_>],
) -> Vec<Change> {
    let swaps = swaps(seed, step_idx, selection.layer_indices().len());
    let mut changes = Vec::new();
    for group in groups(selection, tensors) {
        if group.is_empty() {
            continue;
        }
        // Place `i` receives what was in place `sources[i]`.
        let mut sources: Vec<usize> = (0..group.len()).collect();
        for (a, b) in &swaps {
            sources.swap(*a, *b);
        }
        let squares: Vec<f64> = group.iter().map(|idx| statistics::squares(tensors[*idx].data)).collect();
        for (place, source) in sources.into_iter().enumerate() {
            let tally = statistics::Tally::of_tensor(tensors[group[place]].data, tensors[group[source]].data);
            changes.push(Change {
                tensor_idx: group[place],
                n_selected: tensors[group[place]].data.len(),
                weight: None,
                // Norms of one tensor are equal bits in whichever place it is.
                tally: statistics::Tally { squares_before: squares[place], squares_after: squares[source], ..tally },
            });
        }
        for (a, b) in &swaps {
            // `swaps` never names the same place twice.
            if let Ok([a, b]) = tensors.get_disjoint_mut([group[*a], group[*b]]) {
                a.data.swap_with_slice(b.data);
            }
        }
    }
    changes
}

/// Sattolo's algorithm: exchanges that make a uniformly random cycle of `n` places.
fn swaps(seed: Seed, step_idx: usize, n: usize) -> Vec<(usize, usize)> {
    let stream = stream(seed, Scheme::Permute, step_idx, "", "");
    (1..n).rev().map(|i| (i, stream.below_at(i as u64, i as u64) as usize)).collect()
}
