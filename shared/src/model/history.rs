//! What was done to a checkpoint's weights, written into the checkpoint itself.
//!
//! A damaged model looks like any other: same names, same shapes, plausible numbers. So every checkpoint that this
//! crate writes tells its history under the key `bert_heal`, in `config.json` and in the metadata of
//! `model.safetensors`; `transformers` keeps the one and ignores the other. It goes on through every later treatment,
//! and whoever loads such a checkpoint gets its [`History::warning`] as a note.
//!
//! It holds only what a run's spec decides, so equal specs still write equal bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::condition::Condition;
use crate::random::Seed;

/// The key in `config.json` and in the metadata of weight files.
pub const HISTORY_KEY: &str = "bert_heal";

/// What was done to the weights by this program, in order; nothing for a model from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    treatments: Vec<Treatment>,
}

/// One thing that was done to a model's weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "treatment", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Treatment {
    /// Damaged by a plan.
    Corrupted {
        /// The plan in its canonical form.
        plan: String,
        /// The seed of the corruption.
        seed: Seed,
    },
    /// Some of its parts were replaced by those of another model.
    Transplanted {
        /// Which ones: a selection in its canonical form.
        parts: String,
        /// SHA-256 (hex) of the other model's weights, as [`Checkpoint::weights_hash`](crate::checkpoint::Checkpoint) has it.
        donor: String,
        /// What that model was.
        donor_condition: Condition,
    },
    /// Fine-tuned by a run.
    FineTuned {
        /// The run; for a healthy model the run that was asked without corruption, since all such runs make it alike.
        run: RunId,
    },
    /// Fine-tuned once more by a run, undamaged: what a healed model is compared with under protocol `finetuned`.
    FineTunedAgain {
        /// The run that was asked without corruption, since all runs with the same healthy model make it alike.
        run: RunId,
    },
}

/// The short name of a run: the first twelve hexadecimal digits of the SHA-256 of its spec's canonical JSON, see
/// [`RunSpec::id`](crate::record::RunSpec::id).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Twelve digits are 48 bits: among a million runs the chance of any collision is below 0.2 %.
    const LEN: usize = 12;

    /// The name of a spec whose canonical JSON has this digest, in hexadecimal digits.
    pub(crate) fn of_digest(mut digest: String) -> Self {
        digest.truncate(Self::LEN);
        Self(digest)
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl History {
    /// Nothing was done yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.treatments.is_empty()
    }

    /// What was done, in order.
    #[must_use]
    pub fn treatments(&self) -> &[Treatment] {
        &self.treatments
    }

    /// The same history with one more treatment at its end.
    #[must_use]
    pub fn then(&self, treatment: Treatment) -> Self {
        Self { treatments: self.treatments.iter().cloned().chain([treatment]).collect() }
    }

    /// What the treatments make of the model. Parts of another model are no training's outcome, whatever that model was, so
    /// they count as damage until the whole is fine-tuned.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let is_damage =
            |treatment: &Treatment| matches!(treatment, Treatment::Corrupted { .. } | Treatment::Transplanted { .. });
        match self.treatments.iter().rposition(is_damage) {
            None if matches!(self.treatments.last(), Some(Treatment::FineTunedAgain { .. })) => Condition::Control,
            None => Condition::Healthy,
            Some(last) if last + 1 == self.treatments.len() => Condition::Corrupted,
            Some(_) => Condition::Healed,
        }
    }

    /// What a user must know of a model that was ever corrupted, as a sentence without its full stop.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let damages: Vec<String> = self
            .treatments
            .iter()
            .filter_map(|treatment| match treatment {
                Treatment::Corrupted { plan, seed } => Some(format!("{plan}, seed {}", seed.0)),
                Treatment::Transplanted { parts, donor, donor_condition } => {
                    Some(format!("{parts} of the {donor_condition} model {}", short(donor)))
                }
                Treatment::FineTuned { .. } | Treatment::FineTunedAgain { .. } => None,
            })
            .collect();
        let damages = damages.join("; then ");
        let is_corrupted = self.treatments.iter().any(|treatment| matches!(treatment, Treatment::Corrupted { .. }));
        let what = if is_corrupted { "damaged on purpose" } else { "put together from two models" };
        match self.condition() {
            Condition::Healthy | Condition::Control => None,
            Condition::Corrupted => {
                Some(format!("these weights were {what} ({damages}) and not repaired: use them for experiments only"))
            }
            Condition::Healed => Some(format!(
                "these weights were {what} ({damages}) and fine-tuned afterwards: they may have recovered only in part"
            )),
        }
    }

    /// The value of [`HISTORY_KEY`]: the treatments, with what follows from them spelt out for whoever opens the file.
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({ "condition": self.condition(), "history": self.treatments });
        if let (Some(object), Some(warning)) = (value.as_object_mut(), self.warning()) {
            object.insert("warning".into(), warning.into());
        }
        value
    }

    /// Reads the value of [`HISTORY_KEY`].
    pub(crate) fn from_json(value: &Value) -> Result<Self, serde_json::Error> {
        let treatments = value.get("history").cloned().unwrap_or_default();
        Ok(Self { treatments: serde_json::from_value(treatments)? })
    }
}

/// The first digits of a hash, for people.
fn short(sha256: &str) -> &str {
    sha256.get(..RunId::LEN).unwrap_or(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrupted(seed: u64) -> Treatment {
        Treatment::Corrupted { plan: "kaiming@bottom:0.5".into(), seed: Seed(seed) }
    }

    fn fine_tuned() -> Treatment {
        Treatment::FineTuned { run: serde_json::from_value(json!("c6a001df7a4c")).unwrap() }
    }

    #[test]
    fn the_condition_is_that_of_the_last_damage() {
        let new = History::default();
        assert_eq!((new.condition(), new.warning()), (Condition::Healthy, None));
        let healthy = new.then(fine_tuned());
        assert_eq!((healthy.condition(), healthy.warning()), (Condition::Healthy, None));
        let Treatment::FineTuned { run } = fine_tuned() else { unreachable!() };
        let control = healthy.then(Treatment::FineTunedAgain { run });
        assert_eq!((control.condition(), control.warning()), (Condition::Control, None));
        // Who fine-tunes a control further has a healthy model, and who damages it a corrupted one.
        assert_eq!(control.then(fine_tuned()).condition(), Condition::Healthy);
        assert_eq!(control.then(corrupted(1)).condition(), Condition::Corrupted);
        let damaged = healthy.then(corrupted(1));
        assert_eq!(damaged.condition(), Condition::Corrupted);
        assert_eq!(damaged.then(fine_tuned()).condition(), Condition::Healed);
        assert_eq!(damaged.then(fine_tuned()).then(corrupted(2)).condition(), Condition::Corrupted);
        assert_eq!(
            damaged.then(corrupted(2)).then(fine_tuned()).warning().unwrap(),
            "these weights were damaged on purpose (kaiming@bottom:0.5, seed 1; then kaiming@bottom:0.5, seed 2) and \
             fine-tuned afterwards: they may have recovered only in part"
        );
    }

    #[test]
    fn parts_of_another_model_count_as_damage_until_the_whole_is_fine_tuned() {
        let (parts, donor) = ("layers:0".to_owned(), "1a2b3c4d5e6f7788".repeat(4));
        let treatment = Treatment::Transplanted { parts, donor, donor_condition: Condition::Healthy };
        let mixed = History::default().then(fine_tuned()).then(treatment.clone());
        assert_eq!(mixed.condition(), Condition::Corrupted);
        assert_eq!(
            mixed.warning().unwrap(),
            "these weights were put together from two models (layers:0 of the healthy model 1a2b3c4d5e6f) and not \
             repaired: use them for experiments only"
        );
        assert_eq!(mixed.then(fine_tuned()).condition(), Condition::Healed);
        let both = History::default().then(corrupted(1)).then(treatment);
        assert!(both.warning().unwrap().contains(
            "damaged on purpose (kaiming@bottom:0.5, seed 1; then layers:0 of the healthy model 1a2b3c4d5e6f)"
        ));
        assert_eq!(History::from_json(&both.to_json()).unwrap(), both);
    }

    #[test]
    fn a_history_survives_its_json_which_people_can_read() {
        let history = History::default().then(fine_tuned()).then(corrupted(7));
        let value = history.to_json();
        assert_eq!(value["condition"], "corrupted");
        assert_eq!(value["history"][1], json!({"treatment": "corrupted", "plan": "kaiming@bottom:0.5", "seed": 7}));
        assert!(value["warning"].as_str().unwrap().contains("damaged on purpose"));
        assert_eq!(History::from_json(&value).unwrap(), history);
        assert!(History::from_json(&json!({"history": [{"treatment": "exorcised"}]})).is_err());
        assert!(History::from_json(&json!("no object")).is_err(), "a marker without its history");
    }
}
