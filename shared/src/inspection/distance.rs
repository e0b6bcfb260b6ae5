//! How far weights are from those of another model, part by part.

use serde::{Deserialize, Serialize};

use crate::Parameters;
use crate::error::Result;
use crate::model::{Module, ParameterPath};

/// A part of the model whose weights are looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Look-up tables and their LayerNorm.
    Embeddings,
    /// One encoder layer; 0 is the bottom.
    Layer(usize),
    /// Pooler and classifier.
    Head,
}

impl Part {
    /// The part that a parameter belongs to.
    #[must_use]
    pub fn of(path: ParameterPath) -> Self {
        match path.module {
            Module::WordEmbeddings
            | Module::PositionEmbeddings
            | Module::TokenTypeEmbeddings
            | Module::EmbeddingsLayerNorm => Self::Embeddings,
            Module::Layer(layer_idx, _) => Self::Layer(layer_idx),
            Module::Pooler | Module::Classifier => Self::Head,
        }
    }
}

/// How far the weights of one part are from the same part of a reference model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightDistance {
    /// Which part.
    pub part: Part,
    /// ‖w − r‖ / ‖r‖ over all its parameters: 0 for equal weights; none when it is not finite.
    pub relative: Option<f64>,
    /// w·r / (‖w‖‖r‖), −1 to 1: 1 for equal directions; none when it is not finite.
    pub cosine: Option<f64>,
}

/// The distances of `parameters` from `reference`, a model of the same shape, in the order of [`Part`].
///
/// Sums are f64 in the order of the parameters, so the figures are the same everywhere.
///
/// # Errors
/// When `reference` lacks a parameter.
pub fn weight_distances(parameters: &Parameters, reference: &Parameters) -> Result<Vec<WeightDistance>> {
    /// Sums of squares of the difference, the weights and the reference, and the sum of products.
    #[derive(Default)]
    struct Sums {
        difference: f64,
        weights: f64,
        reference: f64,
        product: f64,
    }
    let mut sums = std::collections::BTreeMap::<Part, Sums>::new();
    for path in parameters.paths() {
        let (weights, reference) = (parameters.to_vec(path)?, reference.to_vec(path)?);
        let sums = sums.entry(Part::of(path)).or_default();
        for (&w, &r) in weights.iter().zip(&reference) {
            let (w, r) = (f64::from(w), f64::from(r));
            sums.difference += (w - r) * (w - r);
            sums.weights += w * w;
            sums.reference += r * r;
            sums.product += w * r;
        }
    }
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    Ok(sums
        .into_iter()
        .map(|(part, sums)| WeightDistance {
            part,
            relative: finite((sums.difference / sums.reference).sqrt()),
            cosine: finite(sums.product / (sums.weights * sums.reference).sqrt()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, LayerModule};
    use candle_core::{Device, Tensor};

    fn parameters(values: &[(ParameterPath, [f32; 2])]) -> Parameters {
        let tensors = values.iter().map(|(path, values)| (*path, Tensor::new(values, &Device::Cpu).unwrap()));
        Parameters::new(Architecture::Bert, tensors).unwrap()
    }

    #[test]
    fn distances_are_relative_to_the_reference_part_by_part() {
        let query = ParameterPath::weight(Module::Layer(0, LayerModule::Query));
        let (pooler, classifier) = (ParameterPath::weight(Module::Pooler), ParameterPath::weight(Module::Classifier));
        let reference = parameters(&[(query, [3.0, 4.0]), (pooler, [1.0, 0.0]), (classifier, [0.0, 2.0])]);
        let weights = parameters(&[(query, [4.0, -3.0]), (pooler, [1.0, 0.0]), (classifier, [0.0, 4.0])]);
        let distances = weight_distances(&weights, &reference).unwrap();
        // A right angle of equal lengths is √2 away; the head is 2 of √5 away and 9/√(17·5) in direction.
        assert_eq!(distances.iter().map(|distance| distance.part).collect::<Vec<_>>(), [Part::Layer(0), Part::Head]);
        assert!((distances[0].relative.unwrap() - 2_f64.sqrt()).abs() < 1e-12);
        assert_eq!(distances[0].cosine, Some(0.0));
        assert!((distances[1].relative.unwrap() - 2.0 / 5_f64.sqrt()).abs() < 1e-12);
        assert!((distances[1].cosine.unwrap() - 9.0 / 85_f64.sqrt()).abs() < 1e-12);
        let same = weight_distances(&reference, &reference).unwrap();
        assert!(same.iter().all(|d| d.relative == Some(0.0) && (d.cosine.unwrap() - 1.0).abs() < 1e-12));
    }

    #[test]
    fn a_weight_that_is_not_finite_has_no_distance() {
        let query = ParameterPath::weight(Module::Layer(1, LayerModule::Query));
        let reference = parameters(&[(query, [3.0, 4.0])]);
        let broken = parameters(&[(query, [f32::INFINITY, 0.0])]);
        let distances = weight_distances(&broken, &reference).unwrap();
        assert_eq!(distances, [WeightDistance { part: Part::Layer(1), relative: None, cosine: None }]);
    }
}
