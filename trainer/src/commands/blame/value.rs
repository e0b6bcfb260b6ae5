//! What `blame --json` prints.

use serde_json::{Value, json};
use shared::surgery::{Blame, Design, Mix, MixCounts, Mixture};

use crate::commands::two_models::{FittingModels, HeldOut};

/// What was asked.
pub(super) struct Asked<'a> {
    /// The healthy model and the damaged one, as they were asked for.
    pub(super) names: [&'a str; 2],
    /// Of the random orders.
    pub(super) seed: u64,
    pub(super) models: &'a FittingModels,
    pub(super) held_out: &'a HeldOut,
    pub(super) design: &'a Design,
}

/// What came of it.
pub(super) struct Found<'a> {
    pub(super) mixture: &'a Mixture<'a>,
    pub(super) counts: &'a MixCounts,
    pub(super) accuracy: &'a Blame,
    /// The sentence, its margins, and the blame where all of them are finite.
    pub(super) sentence: Option<(&'a str, &'a SentenceFound, Option<&'a Blame>)>,
    pub(super) wall_secs: f64,
}

/// What the mixes make of one sentence.
pub(super) struct SentenceFound {
    /// What the mix without damage answers.
    pub(super) class: usize,
    /// By mix, in ascending order; NaN where a logit is not finite.
    pub(super) margins: Vec<(Mix, f64)>,
}

impl SentenceFound {
    pub(super) fn margin(&self, mix: Mix) -> f64 {
        self.margins.binary_search_by_key(&mix, |(mix, _)| *mix).map_or(f64::NAN, |at| self.margins[at].1)
    }
}

pub(super) fn value(asked: &Asked<'_>, found: &Found<'_>) -> anyhow::Result<Value> {
    let Asked { names: [healthy, damaged], seed, models, held_out, design } = asked;
    let players = design.players();
    let labels: Vec<String> = (0..players.count()).map(|part| players.label(part)).collect();
    let mixes = design.mixes();
    let n_passes = found.mixture.n_passes(&mixes);
    let method = match design {
        Design::Exact(_) => json!({"kind": "exact"}),
        Design::Sampled(_, pairs) => {
            json!({"kind": "sampled", "permutations": 2 * pairs.len(), "seed": seed, "level": 0.95})
        }
    };
    let mix = |mix: Mix| {
        let damaged_parts: Vec<&String> =
            (0..labels.len()).filter(|part| mix.has(*part)).map(|part| &labels[part]).collect();
        let at = found.counts.mixes.binary_search_by_key(&mix, |count| count.mix).ok();
        let count = at.map(|at| found.counts.mixes[at]);
        let margin = found.sentence.map(|(_, sentence, _)| finite(sentence.margin(mix)));
        let mut value = json!({
            "damaged": damaged_parts,
            "accuracy": finite(found.counts.accuracy(mix)),
            "n_correct": count.map(|count| count.n_correct),
            "n_non_finite": count.map(|count| count.n_non_finite),
        });
        if let (Some(margin), Some(object)) = (margin, value.as_object_mut()) {
            object.insert("margin".into(), margin);
        }
        value
    };
    let sentence = found.sentence.map(|(text, sentence, blame)| {
        json!({
            "text": text,
            "class": models.config().label_names.get(sentence.class),
            "class_id": sentence.class,
            "blame": blame.map(|blame| blame_value(found.mixture, blame)),
            "n_non_finite_mixes": sentence.margins.iter().filter(|(_, margin)| !margin.is_finite()).count(),
        })
    });
    Ok(json!({
        "healthy": {"model": healthy, "weights": models.weights_hash(0)?},
        "damaged": {"model": damaged, "weights": models.weights_hash(1)?},
        "dataset": held_out.dataset.dataset.name,
        "split": held_out.split.name(),
        "n": found.counts.n_rows,
        "max_length": held_out.max_length,
        "data": held_out.dataset.dataset.content_hash(),
        "rest": players.rest,
        "method": method,
        "n_mixes": mixes.len(),
        "layer_passes_per_batch": n_passes,
        "wall_secs": found.wall_secs,
        "accuracy": blame_value(found.mixture, found.accuracy),
        "sentence": sentence,
        "mixes": mixes.into_iter().map(mix).collect::<Vec<_>>(),
        "provenance": {
            "healthy": models.fetched_from[0], "damaged": models.fetched_from[1], "dataset": held_out.fetched_from,
        },
    }))
}

fn blame_value(mixture: &Mixture<'_>, blame: &Blame) -> Value {
    let part = |(i, part): (usize, &shared::surgery::PartBlame)| {
        json!({
            "part": part.part,
            "value": part.value,
            "interval": part.interval,
            "same_weights": mixture.is_same(i),
        })
    };
    json!({
        "healthy": blame.healthy,
        "damaged": blame.damaged,
        "difference": blame.healthy - blame.damaged,
        "sum": blame.sum,
        "parts": blame.parts.iter().enumerate().map(part).collect::<Vec<_>>(),
    })
}

/// JSON has no number that is not finite.
fn finite(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { Value::Null }
}
