//! Which parameters are meant: parts of the network, and components of those parts.

use std::fmt;

use serde::{Serialize, Serializer};

use super::cursor::Typed;
use super::parameter::Decimal;
use crate::model::Kind;

/// Which parameters a step damages, or which ones stay frozen: `part[,part…][/component[,component…]]`.
///
/// A parameter is selected when it is in any plain part and in no `not-` part, in whatever order they stand; with
/// `not-` parts alone, they are taken away from `all`. If components are given it must be in any of them too.
///
/// | part | selects |
/// | --- | --- |
/// | `all` | every encoder layer; not the embeddings, the pooler and the classifier, which are only selected by name |
/// | `none` | nothing |
/// | `alternate` | every second encoder layer, from the bottom: 0, 2, 4, … |
/// | `bottom:x`, `top:x` | that many encoder layers from either end; a fraction is rounded half up, to at least one layer unless it is 0 |
/// | `layers:0-2.5` | layers 0, 1, 2 and 5; layer 0 is the bottom |
/// | `embeddings` | the look-up tables and their LayerNorm |
/// | `pooler` | BERT's pooler, `DistilBERT`'s `pre_classifier` |
/// | `classifier` | the last linear layer |
///
/// | component | selects |
/// | --- | --- |
/// | `attention` | weights and biases of query, key, value and output projection (not the LayerNorm after them) |
/// | `attention.query`, `.key`, `.value`, `.output` | one of them |
/// | `attention.head:0-3` | what belongs to these heads alone: their rows of the query, key and value weights and biases, and their columns of the output weight |
/// | `ffn`, `ffn.in`, `ffn.out` | the feed-forward network's two linear layers, or one of them |
/// | `layernorm` | the weight and bias of every LayerNorm |
/// | `layernorm.attention`, `.ffn` | of the LayerNorm after a layer's attention, or after its feed-forward network |
/// | `word`, `position`, `type` | one of the embeddings' look-up tables |
/// | `weight`, `bias` | every weight, every bias; after a dot that of the component before it, as in `ffn.in.bias` |
///
/// Its canonical form, which `Display` gives, has sorted parts and components, fractions instead of percentages, and
/// merged ranges; whole layers (`2L`) stay whole layers, since they are a fraction only of a certain model.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    pub(super) parts: Vec<Part>,
    pub(super) components: Vec<Component>,
    pub(super) input: Typed<String>,
}

/// One part of the network, added or taken away.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) is_negated: bool,
    pub(super) place: Place,
    pub(super) at: Typed<usize>,
}

/// A named part of the network. The order is that of the canonical form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    None,
    All,
    Alternate,
    Bottom(Amount),
    Top(Amount),
    Layers(Vec<IndexRange>),
    Embeddings,
    Pooler,
    Classifier,
}

/// How many layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    /// 0 to 1.
    Fraction(f64),
    Layers(usize, Typed<usize>),
}

/// Indices `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct IndexRange {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) at: Typed<usize>,
}

/// Components that name one tensor or few, as a plan writes them: those that `attention`, `ffn`, their members, heads,
/// `layernorm`, `weight` and `bias` do not name.
pub const FINER_COMPONENTS: [&str; 27] = [
    "attention.weight",
    "attention.bias",
    "attention.query.weight",
    "attention.query.bias",
    "attention.key.weight",
    "attention.key.bias",
    "attention.value.weight",
    "attention.value.bias",
    "attention.output.weight",
    "attention.output.bias",
    "ffn.weight",
    "ffn.bias",
    "ffn.in.weight",
    "ffn.in.bias",
    "ffn.out.weight",
    "ffn.out.bias",
    "layernorm.weight",
    "layernorm.bias",
    "layernorm.attention",
    "layernorm.attention.weight",
    "layernorm.attention.bias",
    "layernorm.ffn",
    "layernorm.ffn.weight",
    "layernorm.ffn.bias",
    "word",
    "position",
    "type",
];

/// Modules of a part, or of them only the weights or only the biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Component {
    pub(super) modules: Modules,
    /// Of all modules it is always given.
    pub(super) kind: Option<Kind>,
}

/// What a component is of. The order is that of the canonical form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Modules {
    Attention,
    Query,
    Key,
    Value,
    Output,
    Heads(IndexRange),
    Ffn,
    FfnIn,
    FfnOut,
    LayerNorm,
    AttentionLayerNorm,
    FfnLayerNorm,
    Word,
    Position,
    TokenType,
    All,
}

impl Selection {
    /// Brings parts and components into their canonical order.
    pub(super) fn new(parts: Vec<Part>, mut components: Vec<Component>, input: String) -> Self {
        let (mut negated, mut added): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.is_negated);
        negated.retain(|part| part.place != Place::None);
        if added.is_empty() {
            added.push(Part { is_negated: false, place: Place::All, at: Typed(0) });
        }
        if added.iter().any(|part| part.place != Place::None) {
            added.retain(|part| part.place != Place::None);
        }
        let mut parts = canonical_parts(added);
        parts.extend(canonical_parts(negated));

        let heads = merged(components.iter().filter_map(Component::heads).collect());
        components.retain(|component| component.heads().is_none());
        components.extend(heads.into_iter().map(|range| Component::of(Modules::Heads(range))));
        components.sort_by_key(|component| (component.order(), component.heads().map(|range| range.first)));
        components.dedup();
        Self { parts, components, input: Typed(input) }
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = IndexRange> {
        self.components.iter().filter_map(Component::heads)
    }
}

/// Sorts parts of one sign, drops repetitions and makes one part of all `layers:`.
fn canonical_parts(parts: Vec<Part>) -> Vec<Part> {
    let mut ranges = Vec::new();
    let mut canonical: Vec<Part> = Vec::new();
    for part in parts {
        match part.place {
            Place::Layers(more) => {
                let is_first = ranges.is_empty();
                ranges.extend(more);
                if is_first {
                    canonical.push(Part { place: Place::Layers(Vec::new()), ..part });
                }
            }
            _ => canonical.push(part),
        }
    }
    let ranges = merged(ranges);
    for part in &mut canonical {
        if let Place::Layers(slot) = &mut part.place {
            slot.clone_from(&ranges);
        }
    }
    canonical.sort_by_key(|part| (part.place.order(), part.place.to_string()));
    canonical.dedup();
    canonical
}

/// Sorts ranges and joins those that overlap or touch. A joined range points at the part that reaches furthest, since
/// that is what can be out of range.
fn merged(mut ranges: Vec<IndexRange>) -> Vec<IndexRange> {
    ranges.sort_by_key(|range| range.first);
    let mut merged: Vec<IndexRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(1) => {
                if range.last > last.last {
                    (last.last, last.at) = (range.last, range.at);
                }
            }
            _ => merged.push(range),
        }
    }
    merged
}

impl Place {
    fn order(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::All => 1,
            Self::Alternate => 2,
            Self::Bottom(_) => 3,
            Self::Top(_) => 4,
            Self::Layers(_) => 5,
            Self::Embeddings => 6,
            Self::Pooler => 7,
            Self::Classifier => 8,
        }
    }

    /// Whether it is a part of the network that is no encoder layer.
    pub(super) fn is_outside_layers(&self) -> bool {
        matches!(self, Self::Embeddings | Self::Pooler | Self::Classifier)
    }
}

impl Component {
    /// Weights and biases of these modules.
    pub(super) fn of(modules: Modules) -> Self {
        Self { modules, kind: None }
    }

    fn order(&self) -> (u8, Option<Kind>) {
        (self.modules.order(), self.kind)
    }

    pub(super) fn heads(&self) -> Option<IndexRange> {
        match self.modules {
            Modules::Heads(range) => Some(range),
            _ => None,
        }
    }

    /// Whether only encoder layers have it.
    pub(super) fn is_of_layers(&self) -> bool {
        !self.is_of_embeddings() && !matches!(self.modules, Modules::LayerNorm | Modules::All)
    }

    /// Whether only the embeddings have it.
    pub(super) fn is_of_embeddings(&self) -> bool {
        self.modules.is_table()
    }
}

impl Modules {
    fn order(self) -> u8 {
        match self {
            Self::Attention => 0,
            Self::Query => 1,
            Self::Key => 2,
            Self::Value => 3,
            Self::Output => 4,
            Self::Heads(_) => 5,
            Self::Ffn => 6,
            Self::FfnIn => 7,
            Self::FfnOut => 8,
            Self::LayerNorm => 9,
            Self::AttentionLayerNorm => 10,
            Self::FfnLayerNorm => 11,
            Self::Word => 12,
            Self::Position => 13,
            Self::TokenType => 14,
            Self::All => 15,
        }
    }

    /// Whether it is a look-up table, which has a weight and nothing else.
    pub(super) fn is_table(self) -> bool {
        matches!(self, Self::Word | Self::Position | Self::TokenType)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let not = if part.is_negated { "not-" } else { "" };
            write!(f, "{comma}{not}{}", part.place)?;
        }
        for (i, component) in self.components.iter().enumerate() {
            write!(f, "{}{component}", if i > 0 { "," } else { "/" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::Alternate => f.write_str("alternate"),
            Self::Bottom(amount) => write!(f, "bottom:{amount}"),
            Self::Top(amount) => write!(f, "top:{amount}"),
            Self::Layers(ranges) => {
                f.write_str("layers:")?;
                for (i, range) in ranges.iter().enumerate() {
                    write!(f, "{}{range}", if i > 0 { "." } else { "" })?;
                }
                Ok(())
            }
            Self::Embeddings => f.write_str("embeddings"),
            Self::Pooler => f.write_str("pooler"),
            Self::Classifier => f.write_str("classifier"),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(fraction) => Decimal(*fraction).fmt(f),
            Self::Layers(n, _) => write!(f, "{n}L"),
        }
    }
}

impl fmt::Display for IndexRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            None => "",
            Some(Kind::Weight) => "weight",
            Some(Kind::Bias) => "bias",
        };
        let dot = if self.kind.is_some() && self.modules != Modules::All { "." } else { "" };
        write!(f, "{}{dot}{kind}", self.modules)
    }
}

impl fmt::Display for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attention => f.write_str("attention"),
            Self::Query => f.write_str("attention.query"),
            Self::Key => f.write_str("attention.key"),
            Self::Value => f.write_str("attention.value"),
            Self::Output => f.write_str("attention.output"),
            Self::Heads(range) => write!(f, "attention.head:{range}"),
            Self::Ffn => f.write_str("ffn"),
            Self::FfnIn => f.write_str("ffn.in"),
            Self::FfnOut => f.write_str("ffn.out"),
            Self::LayerNorm => f.write_str("layernorm"),
            Self::AttentionLayerNorm => f.write_str("layernorm.attention"),
            Self::FfnLayerNorm => f.write_str("layernorm.ffn"),
            Self::Word => f.write_str("word"),
            Self::Position => f.write_str("position"),
            Self::TokenType => f.write_str("type"),
            Self::All => Ok(()),
        }
    }
}

/// As its canonical form.
impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
