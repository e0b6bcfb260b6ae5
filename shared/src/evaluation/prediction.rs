//! What a model says about one row.

use serde::{Deserialize, Serialize};

use crate::dataset::EncodedExample;
use crate::model::RowOutput;

/// What a model said about one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Names the row: [`crate::dataset::Example::row_hash`].
    pub row_hash: String,
    /// The true class.
    pub label: u32,
    /// Scores before softmax, in label-id order: `[n_labels]`.
    #[serde(with = "finite_or_name")]
    pub logits: Vec<f32>,
    /// Whether all logits are finite although ±∞ was met on the way:
    /// [`RowOutput::is_saturated`](crate::model::RowOutput::is_saturated).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_saturated: bool,
}

/// The class with the highest logit, the lowest of equals as `numpy.argmax`; `None` when a logit is not finite.
#[must_use]
pub fn predicted_class(logits: &[f32]) -> Option<u32> {
    if !logits.iter().all(|logit| logit.is_finite()) {
        return None;
    }
    let mut best: Option<(u32, f32)> = None;
    for (label, &logit) in (0_u32..).zip(logits) {
        if best.is_none_or(|(_, highest)| logit > highest) {
            best = Some((label, logit));
        }
    }
    best.map(|(label, _)| label)
}

impl Prediction {
    /// What a model said about rows, in their order, each named by its hash.
    #[must_use]
    pub fn of_rows(outputs: Vec<RowOutput>, examples: &[EncodedExample], row_hashes: &[String]) -> Vec<Self> {
        let rows = examples.iter().zip(row_hashes);
        let of = |(output, (example, hash)): (RowOutput, (&EncodedExample, &String))| Self {
            row_hash: hash.clone(),
            label: example.label,
            logits: output.logits,
            is_saturated: output.is_saturated,
        };
        outputs.into_iter().zip(rows).map(of).collect()
    }

    /// See [`predicted_class`].
    #[must_use]
    pub fn predicted(&self) -> Option<u32> {
        predicted_class(&self.logits)
    }

    /// Whether the predicted class is the true one.
    #[must_use]
    pub fn is_correct(&self) -> bool {
        self.predicted() == Some(self.label)
    }

    /// Whether every logit is a number.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.logits.iter().all(|logit| logit.is_finite())
    }
}

/// Probabilities of one row, `p_i = exp(z_i − max z) / Σ_j exp(z_j − max z)`; all NaN when a logit is NaN or +∞.
#[must_use]
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, |highest, logit| highest.max(f64::from(logit)));
    let exponentials: Vec<f64> = logits.iter().map(|&logit| libm::exp(f64::from(logit) - highest)).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|exponential| exponential / sum).collect()
}

/// Cross-entropy of one row in nats, `log Σ_j exp(z_j) − z_label`, in f64.
pub(crate) fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, |highest, logit| highest.max(f64::from(logit)));
    let sum: f64 = logits.iter().map(|&logit| libm::exp(f64::from(logit) - highest)).sum();
    highest + libm::log(sum) - f64::from(logits[label])
}

/// JSON has no NaN or infinity (`serde_json` writes `null`, which does not read back), so those are strings.
mod finite_or_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error, ser::SerializeSeq};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Logit {
        Number(f32),
        Name(String),
    }

    pub(super) fn serialize<S: Serializer>(logits: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(logits.len()))?;
        for &logit in logits {
            if logit.is_finite() {
                sequence.serialize_element(&logit)?;
            } else if logit.is_nan() {
                sequence.serialize_element("NaN")?;
            } else {
                sequence.serialize_element(if logit > 0.0 { "Infinity" } else { "-Infinity" })?;
            }
        }
        sequence.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        Vec::<Logit>::deserialize(deserializer)?
            .into_iter()
            .map(|logit| match logit {
                Logit::Number(number) => Ok(number),
                Logit::Name(name) => match name.as_str() {
                    "NaN" => Ok(f32::NAN),
                    "Infinity" => Ok(f32::INFINITY),
                    "-Infinity" => Ok(f32::NEG_INFINITY),
                    other => Err(Error::custom(format!("expected a logit, got {other:?}"))),
                },
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(logits: &[f32]) -> Prediction {
        Prediction { row_hash: "00".into(), label: 1, logits: logits.to_vec(), is_saturated: false }
    }

    #[test]
    fn a_row_that_is_not_finite_has_no_predicted_class() {
        assert_eq!(prediction(&[0.0, 2.0, 1.0]).predicted(), Some(1));
        assert_eq!(prediction(&[3.0, 3.0]).predicted(), Some(0), "the lowest of equals, as numpy.argmax");
        assert_eq!(prediction(&[-2.0, -1.0]).predicted(), Some(1));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(prediction(&[bad, 2.0]).predicted(), None);
            assert!(!prediction(&[bad, 2.0]).is_correct());
        }
    }

    #[test]
    fn softmax_does_not_overflow() {
        assert_eq!(softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
        let p = softmax(&[1.0, 2.0, 3.0]);
        // scipy.special.softmax([1., 2., 3.])
        for (got, expected) in
            p.iter().zip([0.090_030_573_170_380_46, 0.244_728_471_054_797_67, 0.665_240_955_774_821_8])
        {
            assert!((got - expected).abs() < 1e-15, "{got}");
        }
        assert!(softmax(&[f32::NAN, 1.0]).iter().all(|p| p.is_nan()));
    }

    #[test]
    fn predictions_survive_json_even_when_they_are_not_finite() {
        let row = prediction(&[1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"row_hash":"00","label":1,"logits":[1.5,"NaN","Infinity","-Infinity"]}"#);
        let back: Prediction = serde_json::from_str(&json).unwrap();
        assert!(
            back.logits[1].is_nan()
                && back.logits[2..] == row.logits[2..]
                && back.logits[0].to_bits() == 1.5_f32.to_bits()
        );
        assert!(serde_json::from_str::<Prediction>(r#"{"row_hash":"","label":0,"logits":[null]}"#).is_err());
    }

    #[test]
    fn a_saturated_row_is_written_so_and_files_from_before_read_and_stay_equal() {
        let mut row = prediction(&[1.5]);
        let before = r#"{"row_hash":"00","label":1,"logits":[1.5]}"#;
        assert_eq!(serde_json::from_str::<Prediction>(before).unwrap(), row);
        assert_eq!(serde_json::to_string(&row).unwrap(), before);
        row.is_saturated = true;
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"row_hash":"00","label":1,"logits":[1.5],"is_saturated":true}"#);
        assert_eq!(serde_json::from_str::<Prediction>(&json).unwrap(), row);
    }
}
