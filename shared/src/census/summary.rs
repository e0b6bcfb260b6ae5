//! What a census says: of all pairs of a weight and a bit, the shares that do harm.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::sample::{BitClass, Component, Place, Sample};
use crate::evaluation::predicted_class;
use crate::statistics::{Interval, StatisticsError, wilson_share};

/// How a model answered a number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Rows.
    pub n: u64,
    /// Rows given their class.
    pub n_correct: u64,
    /// Rows with a logit that is not finite; they have no class.
    pub n_non_finite: u64,
    /// Rows given the class that is given most often.
    pub n_of_largest_class: u64,
}

/// What one flip did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harm {
    /// The accuracy fell by more than 5 points.
    pub is_costly: bool,
    /// A row's logits are not finite.
    pub is_non_finite: bool,
    /// Every row is given the same class, and was not before.
    pub is_stuck: bool,
}

/// A share of the pairs of a weight and a bit, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The estimate.
    pub value: f64,
    /// Wilson's interval at the effective number of flips.
    pub interval: Interval,
}

/// The shares among some of the pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// Which pairs.
    pub name: String,
    /// Their share of all pairs, as the sample estimates it; exact for bits and components.
    pub share_of_pairs: f64,
    /// Flips among them.
    pub n_flips: usize,
    /// Kish's effective number of flips, `(Σw)² / Σw²`: as many with equal weights would say as much.
    pub n_effective: f64,
    /// Points of accuracy that a flip costs on average.
    pub mean_cost_points: Option<f64>,
    /// Flips that cost more than 5 points; null without any flip, as are those below.
    pub costly: Option<Share>,
    /// Flips after which a logit is not finite.
    pub non_finite: Option<Share>,
    /// Flips after which every row is given one class.
    pub stuck: Option<Share>,
}

/// All figures of a census.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Of all pairs.
    pub all: Margin,
    /// By class of bits, from the sign down.
    pub by_bit: Vec<Margin>,
    /// By component, in the order of a forward pass.
    pub by_component: Vec<Margin>,
    /// By place, from the embeddings up.
    pub by_layer: Vec<Margin>,
}

/// A flip that costs more has done harm: in points of accuracy.
pub const COSTLY_POINTS: f64 = 5.0;

const LEVEL: f64 = 0.95;

impl Answers {
    /// Of the logits of rows of these classes.
    #[must_use]
    pub fn of(logits: &[Vec<f32>], labels: &[u32]) -> Self {
        let mut by_class = vec![0; logits.first().map_or(0, Vec::len)];
        let mut answers = Self { n: logits.len() as u64, n_correct: 0, n_non_finite: 0, n_of_largest_class: 0 };
        for (logits, label) in logits.iter().zip(labels) {
            match predicted_class(logits) {
                Some(class) => {
                    by_class[class as usize] += 1;
                    answers.n_correct += u64::from(class == *label);
                }
                None => answers.n_non_finite += 1,
            }
        }
        answers.n_of_largest_class = by_class.into_iter().max().unwrap_or(0);
        answers
    }

    /// The share of rows given their class, 0 to 1.
    #[must_use]
    pub fn accuracy(self) -> f64 {
        self.n_correct as f64 / self.n.max(1) as f64
    }

    /// Points of accuracy below those of the `healthy` model on the same rows.
    #[must_use]
    pub fn cost_points(self, healthy: Self) -> f64 {
        100.0 * (healthy.n_correct as f64 - self.n_correct as f64) / self.n.max(1) as f64
    }

    /// What became of the `healthy` model.
    #[must_use]
    pub fn harm(self, healthy: Self) -> Harm {
        Harm {
            is_costly: self.cost_points(healthy) > COSTLY_POINTS,
            is_non_finite: self.n_non_finite > 0,
            is_stuck: self.n_of_largest_class == self.n && healthy.n_of_largest_class < healthy.n,
        }
    }
}

impl Summary {
    /// Of the answers after each flip of the sample, in its order.
    ///
    /// A flip of a stratum stands for as many pairs as the stratum has for each of its flips; a share is the weighted mean
    /// over the flips, and its interval Wilson's at the effective number of flips (Kish 1965, *Survey Sampling*; Korn &
    /// Graubard 1998, *Survey Methodology* 24, use an effective number so). The gain of stratification is not counted, so
    /// intervals are rather too wide.
    ///
    /// # Errors
    /// When there are no flips.
    pub fn new(sample: &Sample, answers: &[Answers], healthy: Answers) -> Result<Self, StatisticsError> {
        let flips: Vec<Weighted> = sample
            .flips
            .iter()
            .zip(answers)
            .map(|(flip, answers)| {
                let stratum = &sample.strata[flip.stratum_idx];
                Weighted {
                    bits: stratum.bits,
                    component: stratum.component,
                    place: Place::of(flip.path),
                    weight: stratum.n_pairs as f64 / stratum.n_flips as f64,
                    cost_points: answers.cost_points(healthy),
                    harm: answers.harm(healthy),
                }
            })
            .collect();
        let total: f64 = flips.iter().map(|flip| flip.weight).sum();
        let mut places: Vec<Place> = flips.iter().map(|flip| flip.place).collect();
        places.sort_unstable();
        places.dedup();
        Ok(Self {
            all: margin(&"all", &flips, total, |_| true)?,
            by_bit: margins(&BitClass::ALL, &flips, total, |flip| flip.bits)?,
            by_component: margins(&Component::ALL, &flips, total, |flip| flip.component)?,
            by_layer: margins(&places, &flips, total, |flip| flip.place)?,
        })
    }
}

/// A flip and for how many pairs it stands.
struct Weighted {
    bits: BitClass,
    component: Component,
    place: Place,
    weight: f64,
    cost_points: f64,
    harm: Harm,
}

fn margins<K: Copy + PartialEq + Display>(
    keys: &[K],
    flips: &[Weighted],
    total: f64,
    key_of: impl Fn(&Weighted) -> K,
) -> Result<Vec<Margin>, StatisticsError> {
    keys.iter().map(|key| margin(key, flips, total, |flip| key_of(flip) == *key)).collect()
}

fn margin(
    name: &impl Display,
    flips: &[Weighted],
    total: f64,
    is_in: impl Fn(&Weighted) -> bool,
) -> Result<Margin, StatisticsError> {
    let flips: Vec<&Weighted> = flips.iter().filter(|flip| is_in(flip)).collect();
    let sum = |of: &dyn Fn(&Weighted) -> f64| flips.iter().map(|flip| flip.weight * of(flip)).sum::<f64>();
    let weight = sum(&|_| 1.0);
    let squares = sum(&|flip| flip.weight);
    let n_effective = if squares > 0.0 { weight * weight / squares } else { 0.0 };
    let share = |is_harmed: &dyn Fn(Harm) -> bool| {
        let of = || {
            let value = sum(&|flip| f64::from(u8::from(is_harmed(flip.harm)))) / weight;
            Ok(Share { value, interval: wilson_share(value.min(1.0), n_effective, LEVEL)?.interval })
        };
        (!flips.is_empty()).then(of).transpose()
    };
    Ok(Margin {
        name: name.to_string(),
        share_of_pairs: weight / total,
        n_flips: flips.len(),
        n_effective,
        mean_cost_points: (!flips.is_empty()).then(|| sum(&|flip| flip.cost_points) / weight),
        costly: share(&|harm| harm.is_costly)?,
        non_finite: share(&|harm| harm.is_non_finite)?,
        stuck: share(&|harm| harm.is_stuck)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelConfig;
    use crate::random::Seed;

    fn sample() -> Sample {
        let config = ModelConfig::from_json(
            br#"{"model_type": "bert", "vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 3,
                 "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 12, "num_labels": 2}"#,
        )
        .unwrap();
        Sample::draw(&config, 1000, Seed(4)).unwrap()
    }

    const HEALTHY: Answers = Answers { n: 200, n_correct: 160, n_non_finite: 0, n_of_largest_class: 110 };

    #[test]
    fn answers_are_counted_and_judged() {
        let logits = [vec![1.0, 0.0], vec![0.0, 1.0], vec![f32::NAN, 0.0], vec![3.0, 2.0]];
        let answers = Answers::of(&logits, &[0, 0, 0, 1]);
        assert_eq!(answers, Answers { n: 4, n_correct: 1, n_non_finite: 1, n_of_largest_class: 2 });
        let harm = |n_correct, n_of_largest_class| {
            let Harm { is_costly, is_non_finite, is_stuck } =
                Answers { n_correct, n_of_largest_class, ..HEALTHY }.harm(HEALTHY);
            (is_costly, is_non_finite, is_stuck)
        };
        // Ten rows of 200 are 5 points, which is not more than 5.
        assert_eq!(harm(150, 110), (false, false, false));
        assert_eq!(harm(149, 199), (true, false, false));
        assert_eq!(harm(155, 200), (false, false, true));
        assert!(Answers { n_non_finite: 1, ..HEALTHY }.harm(HEALTHY).is_non_finite);
    }

    #[test]
    fn shares_are_weighted_by_what_each_flip_stands_for() {
        let sample = sample();
        // Bit 30 is fatal, and nothing else is: one bit of 32, whatever share of the flips it has.
        let answers: Vec<Answers> = sample
            .flips
            .iter()
            .map(|flip| Answers { n_correct: if flip.weight.bit == 30 { 100 } else { 160 }, ..HEALTHY })
            .collect();
        let summary = Summary::new(&sample, &answers, HEALTHY).unwrap();
        let n_of_30 = sample.flips.iter().filter(|flip| flip.weight.bit == 30).count();
        assert!(n_of_30 as f64 / 1000.0 > 0.05, "{n_of_30}");
        let costly = summary.all.costly.unwrap();
        assert!((costly.value - 1.0 / 32.0).abs() < 1e-12, "{costly:?}");
        assert!(costly.interval.low < costly.value && costly.value < costly.interval.high);
        assert!((summary.all.mean_cost_points.unwrap() - 30.0 / 32.0).abs() < 1e-9);
        let value = |margin: &Margin| margin.costly.unwrap().value;
        assert_eq!(summary.by_bit.iter().map(value).filter(|value| *value == 1.0).count(), 1);
        for margin in &summary.by_component {
            assert!((value(margin) - 1.0 / 32.0).abs() < 1e-12, "{margin:?}");
        }
        let names: Vec<&str> = summary.by_layer.iter().map(|margin| margin.name.as_str()).collect();
        assert_eq!(names, ["embeddings", "layer 0", "layer 1", "layer 2", "head"]);
        for margins in [&summary.by_bit, &summary.by_component, &summary.by_layer] {
            assert_eq!(margins.iter().map(|margin| margin.n_flips).sum::<usize>(), 1000);
            let total: f64 = margins.iter().map(|margin| margin.share_of_pairs).sum();
            assert!((total - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn unequal_weights_say_less_than_their_number() {
        let summary = Summary::new(&sample(), &vec![HEALTHY; 1000], HEALTHY).unwrap();
        assert!(summary.all.n_effective < 1000.0 && summary.all.n_effective > 100.0, "{}", summary.all.n_effective);
        let none = summary.all.costly.unwrap();
        assert!(none.value == 0.0 && none.interval.low == 0.0 && none.interval.high > 0.0, "{none:?}");
    }
}
