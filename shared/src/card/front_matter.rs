//! The YAML at the head of a card, which the hub indexes.

use crate::Condition;
use crate::checkpoint::History;
use crate::record::RunRecord;
use serde_json::Value;

/// The run that made a model.
#[derive(Clone, Copy, Debug)]
pub struct MadeBy<'a> {
    /// Its record.
    pub record: &'a RunRecord,
    /// As which of its models. A run that started from a damaged model made its "healthy" one of damaged weights.
    pub place: Condition,
}

/// A model that another one derives from.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// A hub id or a name.
    pub name: &'a str,
    /// An SPDX identifier, or `unknown`.
    pub licence: &'a str,
    /// What the licence asks to be told.
    pub notice: &'a str,
}

/// The front matter with its fences. Strings are in JSON's quotes, which YAML reads as they are.
pub(super) fn front_matter(history: &History, made_by: Option<MadeBy<'_>>, base: Option<Base<'_>>) -> String {
    let condition = history.condition();
    let mut lines = vec![
        "---".to_owned(),
        "library_name: transformers".to_owned(),
        "pipeline_tag: text-classification".to_owned(),
        "tags:".to_owned(),
        "- bert-heal".to_owned(),
    ];
    lines.extend(match condition {
        // Without a history nobody knows.
        Condition::Healthy if history.is_empty() => vec![],
        Condition::Healthy => vec!["- healthy".to_owned()],
        Condition::Control => vec!["- healthy".to_owned(), "- control".to_owned()],
        Condition::Corrupted => vec!["- corrupted".to_owned()],
        // A search for damaged models must find this one too.
        Condition::Healed => vec!["- corrupted".to_owned(), "- healed".to_owned()],
    });
    if condition == Condition::Corrupted {
        // Without the hub's box to try it out, in which it would look like any other model.
        lines.push("inference: false".to_owned());
    }
    if let Some(base) = base {
        // The hub has its licences' identifiers in lower case.
        lines.extend((base.licence != "unknown").then(|| format!("license: {}", quoted(&base.licence.to_lowercase()))));
        lines.extend(is_hub_id(base.name).then(|| format!("base_model: {}", quoted(base.name))));
    }
    if let Some(made_by) = made_by {
        lines.extend(provenance(made_by.record, base.is_some()));
        lines.extend(model_index(made_by));
    }
    lines.push("---".to_owned());
    lines.join("\n")
}

fn provenance(record: &RunRecord, is_base_known: bool) -> Vec<String> {
    let spec = &record.spec;
    let mut lines = Vec::new();
    if !is_base_known && !spec.model.random && is_hub_id(&spec.model.name) {
        lines.push(format!("base_model: {}", quoted(&spec.model.name)));
    }
    if is_hub_id(&spec.dataset.name) {
        lines.extend(["datasets:".to_owned(), format!("- {}", quoted(&spec.dataset.name))]);
    }
    lines.extend(["metrics:", "- accuracy", "- f1"].map(str::to_owned));
    lines
}

/// The results in the form of <https://github.com/huggingface/hub-docs/blob/main/modelcard.md>.
fn model_index(made_by: MadeBy<'_>) -> Vec<String> {
    let (record, Some(result)) = (made_by.record, made_by.result()) else { return Vec::new() };
    let name = format!("bert-heal-{}-{}", record.run_id, made_by.place.as_str());
    let dataset = quoted(&record.spec.dataset.name);
    let split = serde_json::to_value(record.spec.report_split).unwrap_or(Value::Null);
    vec![
        "model-index:".to_owned(),
        format!("- name: {}", quoted(&name)),
        "  results:".to_owned(),
        "  - task:".to_owned(),
        "      type: text-classification".to_owned(),
        "    dataset:".to_owned(),
        format!("      name: {dataset}"),
        format!("      type: {dataset}"),
        format!("      split: {split}"),
        "    metrics:".to_owned(),
        "    - type: accuracy".to_owned(),
        format!("      value: {}", result.metrics.accuracy),
        "    - type: f1".to_owned(),
        "      name: macro-F1".to_owned(),
        format!("      value: {}", result.metrics.macro_f1),
    ]
}

/// Whether the hub could take `name` for one of its ids: an optional owner and a name, of letters, digits, `-`, `_`, `.`.
fn is_hub_id(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split('/').count() <= 2 && name.split('/').all(is_part)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
