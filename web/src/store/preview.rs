//! What a bundle's manifest tells before its weights arrive: enough to draw the network and show real answers.

use crate::protocol::{Classification, ModelPrediction};
use shared::Condition;
use shared::bundle::{Manifest, Outcome, Sample};
use shared::corruption::Anatomy;
use shared::random::Seed;

/// A bundle without its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Its folder's name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Layers and heads.
    pub anatomy: Anatomy,
    /// Class names in label-id order.
    pub labels: Vec<String>,
    /// The plan and the seed of the damage behind the samples.
    pub damage: Option<(String, Seed)>,
    /// What the bundle's models said of our own sentences when it was made.
    pub samples: Vec<Classification>,
    /// Bytes that will be transferred.
    pub size_bytes: u64,
    /// The dataset, and what is known of its terms.
    pub dataset: String,
    /// What the base model's licence asks to be told.
    pub notice: String,
}

impl Preview {
    /// Reads the manifest in the folder called `name`.
    ///
    /// # Errors
    /// A reason when it is none.
    pub fn read(name: &str, manifest: &[u8]) -> Result<Self, String> {
        let manifest = Manifest::parse(manifest).map_err(|error| error.to_string())?;
        let config = manifest.config().map_err(|error| error.to_string())?;
        Ok(Self {
            name: name.to_owned(),
            title: manifest.title.clone(),
            anatomy: config.anatomy(),
            labels: manifest.task.label_names.clone(),
            damage: manifest.healed.as_ref().map(|healed| (healed.plan.clone(), healed.seed)),
            samples: manifest.samples.iter().map(classification).collect(),
            size_bytes: manifest.size_bytes(),
            dataset: format!("{} ({})", manifest.task.dataset, manifest.task.dataset_terms),
            notice: format!(
                "{} ({}): {}",
                manifest.base_model.name, manifest.base_model.licence, manifest.base_model.notice
            ),
        })
    }

    /// What was said of a text, if it is one of the samples.
    #[must_use]
    pub fn sample(&self, text: &str) -> Option<&Classification> {
        self.samples.iter().find(|sample| sample.text == text)
    }
}

fn classification(sample: &Sample) -> Classification {
    let outcomes = [
        (Condition::Healthy, Some(&sample.healthy)),
        (Condition::Corrupted, sample.corrupted.as_ref()),
        (Condition::Healed, sample.healed.as_ref()),
    ];
    let prediction = |(model, outcome): (Condition, Option<&Outcome>)| {
        outcome.map(|outcome| ModelPrediction {
            model,
            label: outcome.label_id,
            probabilities: outcome.probabilities.iter().map(|share| Some(f64::from(*share))).collect(),
        })
    };
    Classification {
        text: sample.text.clone(),
        tokens: Vec::new(),
        is_cut: false,
        models: outcomes.into_iter().filter_map(prediction).collect(),
    }
}
