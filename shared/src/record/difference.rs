//! Names what differs between the spec of an existing folder and the one asked for.

use super::spec::canonical;
use serde_json::Value;
use std::fmt;

/// The first field in which two specs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct SpecDifference {
    /// The field's path, such as `training.learning_rate`.
    pub path: String,
    /// Its value in the existing spec; none when the field is missing there.
    pub there: Option<Value>,
    /// Its value in the spec asked for; none when the field is missing in it.
    pub asked: Option<Value>,
}

impl fmt::Display for SpecDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| match value {
            None => "missing".to_owned(),
            Some(Value::Number(number)) if number.is_f64() => format!("{:?}", number.as_f64().unwrap_or(f64::NAN)),
            Some(value) => value.to_string(),
        };
        write!(f, "{} is {} there but {} here", self.path, show(&self.there), show(&self.asked))
    }
}

/// What is compared first: versions, since they explain every other difference, then what the user typed, since it is
/// more telling than the hash of rows that a seed or a limit chose.
const FIRST: [&str; 7] = ["schema", "numerics_version", "corruption", "protocol", "training", "seeds", "report_split"];

/// The first field that decides the outcome and differs; what a user types comes before what follows from it.
///
/// Both are JSON, so that a spec written by another version of this program can be compared as well: it then differs in
/// `schema` or `numerics_version`.
#[must_use]
pub fn first_difference(there: &Value, asked: &Value) -> Option<SpecDifference> {
    let (there, asked) = (canonical(there), canonical(asked));
    let first = FIRST.iter().find_map(|key| differ(key, there.get(key), asked.get(key)));
    first.or_else(|| differ("", Some(&there), Some(&asked)))
}

fn differ(path: &str, there: Option<&Value>, asked: Option<&Value>) -> Option<SpecDifference> {
    if let (Some(Value::Object(there)), Some(Value::Object(asked))) = (there, asked) {
        let only_there = there.keys().filter(|key| !asked.contains_key(*key));
        return asked.keys().chain(only_there).find_map(|key| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            differ(&path, there.get(key), asked.get(key))
        });
    }
    (there != asked).then(|| SpecDifference { path: path.to_owned(), there: there.cloned(), asked: asked.cloned() })
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::spec;
    use super::*;
    use crate::record::RunSpec;

    fn message(there: &RunSpec, asked: &RunSpec) -> Option<String> {
        let value = |spec: &RunSpec| serde_json::to_value(spec).unwrap();
        first_difference(&value(there), &value(asked)).map(|difference| difference.to_string())
    }

    #[test]
    fn equal_specs_and_renamed_ones_do_not_differ() {
        let mut renamed = spec();
        renamed.model.name = "elsewhere".into();
        assert_eq!(message(&spec(), &renamed), None);
    }

    #[test]
    fn the_field_is_named_with_both_values() {
        let mut asked = spec();
        asked.training.learning_rate = 1e-4;
        asked.seeds.data = crate::random::Seed(8);
        assert_eq!(message(&spec(), &asked).unwrap(), "training.learning_rate is 5e-5 there but 0.0001 here");
    }

    #[test]
    fn a_missing_plan_is_said_to_be_the_difference() {
        let asked = spec().healthy();
        assert_eq!(message(&spec(), &asked).unwrap(), "corruption is \"kaiming@bottom:0.5\" there but null here");
    }

    #[test]
    fn the_seed_is_named_rather_than_the_rows_it_chose() {
        let mut asked = spec();
        asked.seeds.data = crate::random::Seed(8);
        asked.dataset.content_sha256 = "e5".repeat(32);
        assert_eq!(message(&spec(), &asked).unwrap(), "seeds.data is 7 there but 8 here");
        asked.seeds.data = spec().seeds.data;
        asked.dataset.rows.train = 100;
        assert_eq!(message(&spec(), &asked).unwrap(), "dataset.rows.train is 5452 there but 100 here");
    }

    #[test]
    fn another_version_is_named_before_the_fields_it_brought() {
        let mut there = serde_json::to_value(spec()).unwrap();
        there["schema"] = 0.into();
        there["training"]["old_field"] = true.into();
        let asked = serde_json::to_value(spec()).unwrap();
        assert_eq!(first_difference(&there, &asked).unwrap().to_string(), "schema is 0 there but 2 here");
        there["schema"] = 2.into();
        let difference = first_difference(&there, &asked).unwrap();
        assert_eq!(difference.to_string(), "training.old_field is true there but missing here");
    }
}
