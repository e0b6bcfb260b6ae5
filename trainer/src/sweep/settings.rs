//! What one cell of a sweep is asked to do, as keys and values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The length of ids: 48 bits tell a million cells apart with a chance of one in 500 that two are taken for one, and such
/// two are refused.
const ID_LENGTH: usize = 12;

/// What damage and its seed are called; the undamaged models do not depend on them.
const OF_DAMAGE: [&str; 3] = ["corrupt", "protocol", "seed_corruption"];

/// The name of a cell, or of the undamaged models that cells share: a hash of what was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SettingsId(String);

impl SettingsId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SettingsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The settings of a cell: flags of `bert-heal run`, with `_` for `-`, and their values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Value>);

impl Settings {
    /// Of keys and values. A `seed` becomes one of each kind, unless that is given.
    #[must_use]
    pub fn new(mut values: BTreeMap<String, Value>) -> Self {
        let seed = values.remove("seed").unwrap_or(Value::from(0));
        for kind in ["seed_corruption", "seed_head", "seed_data"] {
            values.entry(kind.to_owned()).or_insert_with(|| seed.clone());
        }
        let values = values.into_iter().map(|(key, value)| {
            let value = value.as_f64().filter(|_| value.is_f64()).map_or(value, canonical);
            (key, value)
        });
        Self(values.collect())
    }

    /// The name of these settings.
    ///
    /// # Panics
    /// Never: the keys are strings.
    #[must_use]
    pub fn id(&self) -> SettingsId {
        let text = serde_json::to_string(&self.0).expect("its keys are strings");
        let mut id = hex::encode(Sha256::digest(text));
        id.truncate(ID_LENGTH);
        SettingsId(id)
    }

    /// The same without damage: what the undamaged models depend on.
    #[must_use]
    pub fn undamaged(&self) -> Self {
        let keep = |key: &str| !OF_DAMAGE.contains(&key);
        Self(self.0.iter().filter(|(key, _)| keep(key)).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// The value of a key as text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).map(in_text)
    }

    /// The canonical plan; none for a cell without damage.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.0.get("corrupt").and_then(Value::as_str)
    }

    /// Whether its undamaged model is the control, which the healthy one becomes by the healing's budget.
    #[must_use]
    pub fn has_control(&self) -> bool {
        self.plan().is_some() && self.0.get("protocol").and_then(Value::as_str) == Some("finetuned")
    }

    /// All keys with their values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// All settings in the order of a sentence: model, dataset, plan, the rest.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.told(|_| true)
    }

    /// As [`Settings::in_words`], without those whose value is the same in every cell; plan and seed always count.
    #[must_use]
    pub fn in_short(&self, varying: &BTreeSet<String>) -> String {
        self.told(|key| key == "corrupt" || varying.contains(key))
    }

    fn told(&self, is_told: impl Fn(&str) -> bool) -> String {
        let first = ["model", "dataset", "corrupt", "protocol"];
        let named = first.iter().filter(|key| is_told(key)).filter_map(|key| self.0.get(*key)).map(in_text);
        let others = self.0.iter().filter(|(key, _)| !first.contains(&key.as_str()) && !key.starts_with("seed"));
        let others = others.filter(|(key, _)| is_told(key));
        let others = others.map(|(key, value)| format!("{key} {}", in_text(value)));
        let seeds: Vec<String> =
            ["seed_corruption", "seed_head", "seed_data"].iter().filter_map(|key| self.text(key)).collect();
        let all_equal = seeds.iter().all(|seed| *seed == seeds[0]);
        let seeds = if all_equal { seeds.first().cloned().unwrap_or_default() } else { seeds.join("/") };
        let parts: Vec<String> = named.chain(others).chain([format!("seed {seeds}")]).collect();
        parts.join(" · ")
    }
}

/// A value as the command line has it.
#[must_use]
pub fn in_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number with one spelling: whole numbers without a fraction.
#[must_use]
pub fn canonical(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < 9e15 { Value::from(x as i64) } else { Value::from(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        Settings::new(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn one_number_has_one_id_however_it_is_written() {
        let of = |epochs: Value| settings(json!({"model": "m", "epochs": epochs, "seed": 3})).id();
        assert_eq!(of(json!(3)), of(json!(3.0)));
        assert_ne!(of(json!(3)), of(json!(3.5)));
    }

    #[test]
    fn undamaged_models_are_shared_by_plans_protocols_and_seeds_of_the_damage() {
        let of = |plan: &str, protocol: &str, seed: u64| {
            settings(json!({"model": "m", "corrupt": plan, "protocol": protocol, "seed_corruption": seed, "seed": 1}))
        };
        let (first, second) = (of("kaiming@top:0.5", "finetuned", 1), of("zero:0.1@all", "pretrained", 9));
        assert_ne!(first.id(), second.id());
        assert_eq!(first.undamaged().id(), second.undamaged().id());
        assert_ne!(first.undamaged().id(), settings(json!({"model": "m", "seed": 2})).undamaged().id());
        assert_eq!((first.has_control(), second.has_control()), (true, false));
    }

    #[test]
    fn a_cell_is_told_in_the_order_of_a_sentence() {
        let one = settings(json!({"epochs": 2, "model": "m", "dataset": "d", "corrupt": "kaiming@top:0.5", "seed": 4}));
        assert_eq!(one.in_words(), "m · d · kaiming@top:0.5 · epochs 2 · seed 4");
    }
}
