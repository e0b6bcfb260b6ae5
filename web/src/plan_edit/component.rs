//! The components of a part, as the grammar names them.

use shared::corruption::FINER_COMPONENTS;
use std::collections::BTreeSet;

/// A component that can be damaged on its own. `attention` and `ffn` of the grammar are their four and two members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The query projection.
    Query,
    /// The key projection.
    Key,
    /// The value projection.
    Value,
    /// The projection after the heads.
    Output,
    /// What belongs to one head alone.
    Head(usize),
    /// The feed-forward network's first half.
    FfnIn,
    /// Its second half.
    FfnOut,
    /// Every LayerNorm of the part.
    LayerNorm,
    /// Every weight of the part.
    Weight,
    /// Every bias of the part.
    Bias,
    /// What only a plan can name, such as `ffn.in.bias`: it is kept as it is.
    Finer(&'static str),
}

use Component::{Bias, FfnIn, FfnOut, Finer, Head, Key, LayerNorm, Output, Query, Value, Weight};

const ATTENTION: [Component; 4] = [Query, Key, Value, Output];

impl Component {
    /// The components of a canonical word, such as `attention` or `attention.head:0-3`.
    pub(super) fn from_word(word: &str) -> Vec<Self> {
        if let Some(range) = word.strip_prefix("attention.head:") {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            // The word comes from a plan that was parsed, so both are numbers.
            return match (first.parse(), last.parse()) {
                (Ok(first), Ok(last)) => (first..=last).map(Head).collect(),
                _ => Vec::new(),
            };
        }
        match word {
            "attention" => ATTENTION.to_vec(),
            "attention.query" => vec![Query],
            "attention.key" => vec![Key],
            "attention.value" => vec![Value],
            "attention.output" => vec![Output],
            "ffn" => vec![FfnIn, FfnOut],
            "ffn.in" => vec![FfnIn],
            "ffn.out" => vec![FfnOut],
            "layernorm" => vec![LayerNorm],
            "weight" => vec![Weight],
            "bias" => vec![Bias],
            _ => FINER_COMPONENTS.into_iter().filter(|finer| *finer == word).map(Finer).collect(),
        }
    }

    /// The components in the grammar, joined by commas, with `attention`, `ffn` and ranges of heads where they fit.
    pub(super) fn words(components: &BTreeSet<Self>) -> String {
        let mut words = Vec::new();
        if ATTENTION.iter().all(|component| components.contains(component)) {
            words.push("attention".to_owned());
        } else {
            let names = ["query", "key", "value", "output"];
            let named = ATTENTION.iter().zip(names).filter(|(component, _)| components.contains(component));
            words.extend(named.map(|(_, name)| format!("attention.{name}")));
        }
        let heads: Vec<usize> = components
            .iter()
            .filter_map(|component| match component {
                Head(head_idx) => Some(*head_idx),
                _ => None,
            })
            .collect();
        for run in heads.chunk_by(|a, b| a + 1 == *b) {
            words.push(match run {
                [first, .., last] => format!("attention.head:{first}-{last}"),
                _ => format!("attention.head:{}", run[0]),
            });
        }
        match (components.contains(&FfnIn), components.contains(&FfnOut)) {
            (true, true) => words.push("ffn".to_owned()),
            (true, false) => words.push("ffn.in".to_owned()),
            (false, true) => words.push("ffn.out".to_owned()),
            (false, false) => {}
        }
        let rest = [(LayerNorm, "layernorm"), (Weight, "weight"), (Bias, "bias")];
        words.extend(
            rest.iter().filter(|(component, _)| components.contains(component)).map(|(_, word)| (*word).into()),
        );
        words.extend(components.iter().filter_map(|component| match component {
            Finer(word) => Some((*word).to_owned()),
            _ => None,
        }));
        words.join(",")
    }

    /// The components that make up a whole encoder layer without repeating themselves.
    pub(super) fn all_of_layer() -> BTreeSet<Self> {
        [Query, Key, Value, Output, FfnIn, FfnOut, LayerNorm].into()
    }

    /// The components that make up a whole part of another kind.
    pub(super) fn all_of_plain_part() -> BTreeSet<Self> {
        [Weight, Bias].into()
    }

    /// Whether `components` damage this one without naming it: a head whose four matrices are all damaged.
    pub(super) fn is_within(self, components: &BTreeSet<Self>) -> bool {
        matches!(self, Head(_)) && ATTENTION.iter().all(|component| components.contains(component))
    }

    /// Names this one; a head alone needs no mention once all four matrices have one, and the other way round.
    pub(super) fn insert_into(self, components: &mut BTreeSet<Self>) {
        components.insert(self);
        if ATTENTION.iter().all(|component| components.contains(component)) {
            components.retain(|component| !matches!(component, Head(_)));
        }
    }

    /// Takes this one away; where it was damaged as part of the attention, the other heads stay damaged.
    pub(super) fn remove_from(self, components: &mut BTreeSet<Self>, n_heads: usize) {
        if self.is_within(components) {
            components.retain(|component| !ATTENTION.contains(component));
            components.extend((0..n_heads).map(Head));
        }
        components.remove(&self);
    }
}
