//! Single texts: those of the reported rows, and what a model says about others.

use super::nulls_if_not_finite;
use crate::dataset::Example;
use serde::{Deserialize, Serialize};

/// An element of the array that `predict --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextPrediction {
    /// The model, where several were asked; then there is one prediction for each text and model, texts outermost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The text as it was given; the first of a pair.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair: Option<String>,
    /// Name of the most probable label; none when a logit is not finite.
    pub label: Option<String>,
    /// Its id; none when a logit is not finite.
    pub label_id: Option<usize>,
    /// `[n_labels]`, softmax of the logits, in the order of label ids; all not finite when a logit is not.
    #[serde(with = "nulls_if_not_finite")]
    pub probabilities: Vec<f32>,
    /// `[n_labels]`, in the order of label ids.
    #[serde(with = "nulls_if_not_finite")]
    pub logits: Vec<f32>,
}

/// A reported row's text: a line of `texts.jsonl.zst`, in the order of the predictions.
///
/// It is a file of its own, so that predictions can be passed on where the texts may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLine {
    /// Names the row: [`crate::dataset::Example::row_hash`].
    pub row_hash: String,
    /// The text as it stands in the dataset; the first of a pair.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair: Option<String>,
}

impl TextLine {
    /// The row, which has this label.
    #[must_use]
    pub fn into_example(self, label: u32) -> Example {
        Example { text: self.text, text_pair: self.text_pair, label }
    }
}

impl From<&Example> for TextLine {
    fn from(row: &Example) -> Self {
        Self { row_hash: row.row_hash(), text: row.text.clone(), text_pair: row.text_pair.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_keep_their_bits_and_what_is_not_finite_becomes_null() {
        let mut row = TextPrediction {
            model: None,
            text: "ab".into(),
            text_pair: None,
            label: Some("x".into()),
            label_id: Some(1),
            probabilities: vec![],
            logits: vec![],
        };
        // Denormals, the largest number, and values whose shortest decimal has nine digits.
        row.logits = (0..1000_u32).map(|i| f32::from_bits(i.wrapping_mul(4_294_967) % 0x7f80_0000)).collect();
        row.logits.extend([f32::MIN_POSITIVE / 8.0, f32::MAX, -0.0]);
        let text = serde_json::to_string(&row).unwrap();
        let bits = |row: &TextPrediction| row.logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&serde_json::from_str(&text).unwrap()), bits(&row));

        row.logits = vec![f32::NAN, f32::INFINITY, 0.5];
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.ends_with(r#""logits":[null,null,0.5]}"#), "{text}");
        let read: TextPrediction = serde_json::from_str(&text).unwrap();
        assert!(read.logits[0].is_nan() && read.logits[1].is_nan());
    }
}
