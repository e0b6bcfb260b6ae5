//! A plan in words.

use super::bit_field::BitField;
use super::parameter::Decimal;
use super::plan::Plan;
use super::resolve::{ResolvedPlan, ResolvedSelection, ResolvedStep};
use super::scheme::SchemeEntry;
use super::selection::{Component, Modules};
use super::weight_bit::WeightBit;
use crate::error::PlanError;
use crate::model::{Anatomy, Kind};
use crate::words::listed;

/// One sentence for the whole plan, such as `Re-initialise layers 0–2 of 6 (…).`
fn plan(plan: &ResolvedPlan) -> String {
    let steps: Vec<String> = plan.steps.iter().map(step).collect();
    let mut sentence = steps.join("; then ");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence + "."
}

fn step(step: &ResolvedStep) -> String {
    let Some(what) = what(&step.selection) else {
        return "change nothing, since no parameter is selected".to_owned();
    };
    let SchemeEntry { sentence, parameter, field, weight, .. } = step.scheme.entry();
    let value = parameter.map_or(0.0, |parameter| parameter.value);
    sentence
        .replace("{value}", &Decimal(value).to_string())
        .replace("{percent}", &percent(value))
        .replace("{bits}", &weight.map(WeightBit::in_words).or(field.map(BitField::in_words)).unwrap_or_default())
        .replace("{what}", &(what + &left_out(step)))
}

/// The layers that the step's selection names and that an earlier step has deleted.
fn left_out(step: &ResolvedStep) -> String {
    match step.left_out.as_slice() {
        [] => String::new(),
        [layer_idx] => format!(" without layer {layer_idx}, which is deleted"),
        layers => {
            let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
            format!(" without layers {}, which are deleted", listed(&layers, "and"))
        }
    }
}

/// At most one decimal, unless that would read as another number.
fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    let rounded = (percent * 10.0).round() / 10.0;
    if (rounded - percent).abs() < 1e-9 { format!("{rounded} %") } else { format!("{} %", Decimal(percent)) }
}

/// The selected parts of the network and their components; nothing without any part.
fn what(selection: &ResolvedSelection) -> Option<String> {
    let mut parts = Vec::new();
    if selection.embeddings {
        parts.push("the embeddings".to_owned());
    }
    let layer_indices = selection.layer_indices();
    if !layer_indices.is_empty() {
        parts.push(layers(&layer_indices, selection.layers.len()));
    }
    if selection.pooler {
        parts.push("the pooler".to_owned());
    }
    if selection.classifier {
        parts.push("the classifier".to_owned());
    }
    if parts.is_empty() {
        return None;
    }
    let parts = listed(&parts, "and");
    if selection.components.is_empty() {
        return Some(parts);
    }
    let components: Vec<String> = selection.components.iter().map(component).collect();
    Some(format!("{} of {parts}", listed(&components, "and")))
}

fn component(component: &Component) -> String {
    let modules = match component.modules {
        Modules::Attention => "the attention",
        Modules::Query => "the query projection",
        Modules::Key => "the key projection",
        Modules::Value => "the value projection",
        Modules::Output => "the attention's output projection",
        Modules::Heads(heads) if heads.first == heads.last => return format!("head {}", heads.first),
        Modules::Heads(heads) => return format!("heads {}–{}", heads.first, heads.last),
        Modules::Ffn => "the feed-forward network",
        Modules::FfnIn => "the feed-forward network's first half",
        Modules::FfnOut => "the feed-forward network's second half",
        Modules::LayerNorm => "the LayerNorms",
        Modules::AttentionLayerNorm => "the LayerNorm after the attention",
        Modules::FfnLayerNorm => "the LayerNorm after the feed-forward network",
        Modules::Word => "the word table",
        Modules::Position => "the position table",
        Modules::TokenType => "the token-type table",
        Modules::All => "",
    };
    let kind = match component.kind {
        None => return modules.to_owned(),
        Some(Kind::Weight) => "the weights",
        Some(Kind::Bias) => "the biases",
    };
    if modules.is_empty() { kind.to_owned() } else { format!("{kind} of {modules}") }
}

/// `layer 3 of 6`, `layers 0–2 and 5 of 6` or `all 6 layers`.
fn layers(layer_indices: &[usize], n_layers: usize) -> String {
    if layer_indices.len() == n_layers {
        return match n_layers {
            1 => "the only layer".to_owned(),
            _ => format!("all {n_layers} layers"),
        };
    }
    let runs = layer_indices.chunk_by(|a, b| a + 1 == *b);
    let runs: Vec<String> = runs
        .map(|run| match run {
            [first, .., last] => format!("{first}–{last}"),
            _ => run[0].to_string(),
        })
        .collect();
    let noun = if layer_indices.len() == 1 { "layer" } else { "layers" };
    format!("{noun} {} of {n_layers}", listed(&runs, "and"))
}

impl ResolvedPlan {
    /// What the plan does, as a sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        plan(self)
    }
}

impl Plan {
    /// What the plan does to a certain model, as a sentence for people.
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn describe(&self, anatomy: Anatomy) -> Result<String, PlanError> {
        Ok(self.resolve(anatomy)?.describe())
    }
}
