//! The scar that damage leaves: how far each component is from the healthy model before and after healing, and whether
//! healing went back where it came from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::distance::Part;
use crate::Parameters;
use crate::error::Result;
use crate::model::{LayerModule, Module, ParameterPath};

/// How far some weights are from the healthy ones, before and after healing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scar {
    /// Which part they belong to.
    pub part: Part,
    /// Which of its components, such as `attention.query`, weight and bias together; none for the whole part.
    pub component: Option<String>,
    /// Values.
    pub n_elements: usize,
    /// ‖corrupted − healthy‖ / ‖healthy‖; none when it is not finite, as all figures here.
    pub distance_before: Option<f64>,
    /// ‖healed − healthy‖ / ‖healthy‖.
    pub distance_after: Option<f64>,
    /// The cosine of the corrupted weights and the healthy ones, −1 to 1.
    pub cosine_before: Option<f64>,
    /// The cosine of the healed weights and the healthy ones.
    pub cosine_after: Option<f64>,
    /// How far healing moved, ‖healed − corrupted‖ / ‖healthy‖.
    pub moved: Option<f64>,
    /// The cosine of the way that healing took, healed − corrupted, and the way back, healthy − corrupted: 1 is straight
    /// back, 0 is at a right angle to it. None where nothing was damaged or nothing moved.
    pub way_back: Option<f64>,
}

/// The scars of every part and of each of its components, in the order of a forward pass; a part comes before its
/// components. Sums are f64 in the order of the parameters.
///
/// # Errors
/// When one of the models lacks a parameter.
pub fn scars(healthy: &Parameters, corrupted: &Parameters, healed: &Parameters) -> Result<Vec<Scar>> {
    let mut sums = BTreeMap::<(Part, Option<usize>), Sums>::new();
    for path in healthy.paths() {
        let of_path = Sums::of(&healthy.to_vec(path)?, &corrupted.to_vec(path)?, &healed.to_vec(path)?);
        for component in [None, Some(component(path))] {
            sums.entry((Part::of(path), component)).or_default().add(&of_path);
        }
    }
    Ok(sums.into_iter().map(|((part, component), sums)| sums.scar(part, component)).collect())
}

/// The names of components, in the order of a forward pass.
pub const SCAR_COMPONENTS: [&str; 14] = [
    "word",
    "position",
    "type",
    "layernorm",
    "attention.query",
    "attention.key",
    "attention.value",
    "attention.output",
    "attention.layernorm",
    "ffn.in",
    "ffn.out",
    "ffn.layernorm",
    "pooler",
    "classifier",
];

fn component(path: ParameterPath) -> usize {
    match path.module {
        Module::WordEmbeddings => 0,
        Module::PositionEmbeddings => 1,
        Module::TokenTypeEmbeddings => 2,
        Module::EmbeddingsLayerNorm => 3,
        Module::Layer(_, module) => match module {
            LayerModule::Query => 4,
            LayerModule::Key => 5,
            LayerModule::Value => 6,
            LayerModule::AttentionOutput => 7,
            LayerModule::AttentionLayerNorm => 8,
            LayerModule::FfnIn => 9,
            LayerModule::FfnOut => 10,
            LayerModule::FfnLayerNorm => 11,
        },
        Module::Pooler => 12,
        Module::Classifier => 13,
    }
}

/// Sums of squares and products over the values of three models.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n: usize,
    healthy: f64,
    corrupted: f64,
    healed: f64,
    before: f64,
    after: f64,
    moved: f64,
    corrupted_healthy: f64,
    healed_healthy: f64,
    moved_back: f64,
}

impl Sums {
    fn of(healthy: &[f32], corrupted: &[f32], healed: &[f32]) -> Self {
        let mut sums = Self { n: healthy.len(), ..Self::default() };
        for ((&h, &c), &d) in healthy.iter().zip(corrupted).zip(healed) {
            let (h, c, d) = (f64::from(h), f64::from(c), f64::from(d));
            sums.healthy += h * h;
            sums.corrupted += c * c;
            sums.healed += d * d;
            sums.before += (c - h) * (c - h);
            sums.after += (d - h) * (d - h);
            sums.moved += (d - c) * (d - c);
            sums.corrupted_healthy += c * h;
            sums.healed_healthy += d * h;
            sums.moved_back += (d - c) * (h - c);
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.healthy += other.healthy;
        self.corrupted += other.corrupted;
        self.healed += other.healed;
        self.before += other.before;
        self.after += other.after;
        self.moved += other.moved;
        self.corrupted_healthy += other.corrupted_healthy;
        self.healed_healthy += other.healed_healthy;
        self.moved_back += other.moved_back;
    }

    fn scar(&self, part: Part, component: Option<usize>) -> Scar {
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let relative = |squares: f64| finite((squares / self.healthy).sqrt());
        let cosine = |product: f64, a: f64, b: f64| finite(product / (a * b).sqrt());
        Scar {
            part,
            component: component.map(|at| SCAR_COMPONENTS[at].to_owned()),
            n_elements: self.n,
            distance_before: relative(self.before),
            distance_after: relative(self.after),
            cosine_before: cosine(self.corrupted_healthy, self.corrupted, self.healthy),
            cosine_after: cosine(self.healed_healthy, self.healed, self.healthy),
            moved: relative(self.moved),
            way_back: cosine(self.moved_back, self.moved, self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Architecture;
    use candle_core::{Device, Tensor};

    fn parameters(query: [f32; 2], pooler: [f32; 2]) -> Parameters {
        let paths = [ParameterPath::weight(Module::Layer(0, LayerModule::Query)), ParameterPath::bias(Module::Pooler)];
        let tensors = paths.into_iter().zip([query, pooler]);
        let tensors = tensors.map(|(path, values)| (path, Tensor::new(&values, &Device::Cpu).unwrap()));
        Parameters::new(Architecture::Bert, tensors).unwrap()
    }

    #[test]
    fn a_scar_is_measured_before_and_after_and_along_the_way_back() {
        let healthy = parameters([3.0, 4.0], [1.0, 0.0]);
        let corrupted = parameters([0.0, 0.0], [1.0, 0.0]);
        // Half of the way back, and as far to the side.
        let healed = parameters([1.5 + 2.0, 2.0 - 1.5], [1.0, 1.0]);
        let scars = scars(&healthy, &corrupted, &healed).unwrap();
        let names: Vec<Option<&str>> = scars.iter().map(|scar| scar.component.as_deref()).collect();
        assert_eq!(names, [None, Some("attention.query"), None, Some("pooler")]);
        let query = &scars[1];
        assert_eq!((query.part, query.n_elements), (Part::Layer(0), 2));
        assert_eq!(query.distance_before, Some(1.0));
        assert!((query.distance_after.unwrap() - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((query.way_back.unwrap() - 0.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(query.cosine_before, None, "weights of 0 have no direction");
        let pooler = &scars[3];
        assert_eq!((pooler.distance_before, pooler.distance_after), (Some(0.0), Some(1.0)));
        assert_eq!(pooler.way_back, None, "where nothing was damaged there is no way back");
    }

    #[test]
    fn a_scar_that_is_not_finite_has_no_figures() {
        let healthy = parameters([3.0, 4.0], [1.0, 0.0]);
        let broken = parameters([f32::NAN, 4.0], [1.0, 0.0]);
        let scar = &scars(&healthy, &broken, &healthy).unwrap()[1];
        assert_eq!((scar.distance_before, scar.distance_after, scar.way_back), (None, Some(0.0), None));
    }
}
