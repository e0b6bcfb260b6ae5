//! The parts of a network, and how much of each is damaged.

use super::component::Component;
use shared::corruption::Scheme;
use std::collections::{BTreeMap, BTreeSet};

/// A part of the network, in the order of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Look-up tables and their LayerNorm.
    Embeddings,
    /// An encoder layer, from the bottom.
    Layer(usize),
    /// BERT's pooler, `DistilBERT`'s `pre_classifier`.
    Pooler,
    /// The last linear layer.
    Classifier,
}

/// How much of a part is damaged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// What any of these names; never empty.
    Components(BTreeSet<Component>),
}

/// Steps of a plan with one scheme: what they damage together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How.
    pub scheme: Scheme,
    /// What.
    pub parts: BTreeMap<Part, Coverage>,
}

impl Group {
    /// Damages the components of the part as well, or all of it when none is named.
    pub(super) fn add(&mut self, part: Part, components: &BTreeSet<Component>) {
        let coverage = match self.parts.remove(&part) {
            Some(Coverage::Whole) => Coverage::Whole,
            _ if components.is_empty() => Coverage::Whole,
            None => Coverage::Components(components.clone()),
            Some(Coverage::Components(already)) => Coverage::Components(already.union(components).copied().collect()),
        };
        self.parts.insert(part, coverage);
    }
}
