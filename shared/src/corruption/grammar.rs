//! Reads a plan: one function for each rule of the grammar in the [parent module](super).

use serde::{Deserialize, Deserializer, de::Error as _};

use super::bit_field::BitField;
use super::cursor::{Cursor, Percent, Typed};
use super::plan::{Plan, Step};
use super::scheme::{Parameter, Scheme, SchemeEntry};
use super::selection::{Amount, Component, IndexRange, Part, Place, Selection};
use crate::error::PlanError;
use crate::words::listed;

const PLACES: &str = "all, none, alternate, bottom:x, top:x, layers:n-n, embeddings, pooler or classifier";
const COMPONENTS: &str = "attention, attention.query, attention.key, attention.value, attention.output, \
     attention.head:n-n, ffn, ffn.in, ffn.out, layernorm, weight or bias";

/// `step *( ";" step )`
fn plan(input: &str) -> Result<Plan, PlanError> {
    let cursor = &mut Cursor::new(input);
    let mut steps = vec![step(cursor)?];
    while cursor.eat(';') {
        steps.push(step(cursor)?);
    }
    if !cursor.is_at_end() {
        return Err(cursor.expected("\",\", \"/\", \";\" or the end"));
    }
    Ok(Plan { steps, input: Typed(input.to_owned()) })
}

/// `scheme [ ":" value *( "," value ) ] "@" selection`
fn step(cursor: &mut Cursor<'_>) -> Result<Step, PlanError> {
    let at = cursor.position();
    let scheme = scheme(cursor)?;
    if !cursor.eat('@') {
        return Err(cursor.expected("\"@\" and a selection, such as @bottom:0.5"));
    }
    let selection = selection(cursor)?;
    if scheme == Scheme::Permute {
        if let Some(part) = selection.parts.iter().find(|part| !part.is_negated && part.place.is_outside_layers()) {
            return Err(cursor.error(part.at.0, format!("permute swaps encoder layers, and {} is not one", part.place)));
        }
        if let Some(heads) = selection.heads().next() {
            return Err(cursor.error(heads.at.0, "permute swaps whole tensors between layers, not single heads"));
        }
    }
    Ok(Step { scheme, selection, at: Typed(at) })
}

/// A keyword and its values.
fn scheme(cursor: &mut Cursor<'_>) -> Result<Scheme, PlanError> {
    let at = cursor.position();
    let keyword = cursor.word();
    let has_values = cursor.eat(':');
    let Some(scheme) = Scheme::named(&keyword) else {
        let keywords = listed(&Scheme::ALL.map(Scheme::keyword), "or");
        return Err(match keyword.as_str() {
            "" => cursor.expected(&format!("a scheme: {keywords}")),
            _ => cursor.error(at, format!("unknown scheme {keyword:?}: expected {keywords}")),
        });
    };
    let SchemeEntry { parameter, field, .. } = scheme.entry();
    match (parameter, has_values) {
        (None, false) => Ok(scheme),
        (None, true) => {
            let position = cursor.position();
            Err(cursor.error(position, format!("{keyword} takes no value")))
        }
        (Some(Parameter { kind, .. }), false) => match kind.default {
            Some(default) => Ok(scheme.with_value(default)),
            None => Err(cursor.expected(&format!("\":\" and {}, such as {keyword}:{}", kind.what, kind.example))),
        },
        (Some(Parameter { kind, .. }), true) => {
            let scheme = scheme.with_value(kind.read(cursor, &keyword)?);
            if field.is_some() && cursor.eat(',') { Ok(scheme.with_field(bit_field(cursor)?)) } else { Ok(scheme) }
        }
    }
}

fn bit_field(cursor: &mut Cursor<'_>) -> Result<BitField, PlanError> {
    let at = cursor.position();
    let word = cursor.word();
    BitField::named(&word)
        .ok_or_else(|| cursor.error(at, format!("unknown bit field {word:?}: expected {}", BitField::WORDS)))
}

/// `part *( "," part ) [ "/" component *( "," component ) ]`
fn selection(cursor: &mut Cursor<'_>) -> Result<Selection, PlanError> {
    let mut parts = vec![part(cursor)?];
    while cursor.eat(',') {
        parts.push(part(cursor)?);
    }
    let mut components = Vec::new();
    if cursor.eat('/') {
        let at = cursor.position();
        components.push(component(cursor)?);
        while cursor.eat(',') {
            components.push(component(cursor)?);
        }
        // Only what is named is selected, and `not-` parts alone stand for layers; `none` adds nothing to others.
        let mut added = parts.iter().filter(|part| !part.is_negated && part.place != Place::None).peekable();
        let has_layers = added.peek().is_none() || added.any(|part| !part.place.is_outside_layers());
        if !has_layers && components.iter().all(Component::is_of_layers) {
            let message = "only encoder layers have these components, but no layer is selected: expected layernorm, \
                           weight or bias";
            return Err(cursor.error(at, message));
        }
    }
    Ok(Selection::new(parts, components, cursor.input().to_owned()))
}

/// `[ "not-" ] place`
fn part(cursor: &mut Cursor<'_>) -> Result<Part, PlanError> {
    let at = cursor.position();
    let mut word_at = at;
    let mut word = cursor.word();
    let is_negated = word.starts_with("not-");
    if is_negated {
        word.drain(.."not-".len());
        word_at += "not-".len();
        if word.is_empty() {
            word_at = cursor.position();
            word = cursor.word();
        }
    }
    let place = match word.as_str() {
        "all" => Place::All,
        "none" => Place::None,
        "alternate" => Place::Alternate,
        "embeddings" => Place::Embeddings,
        "pooler" => Place::Pooler,
        "classifier" => Place::Classifier,
        "bottom" | "top" => {
            if !cursor.eat(':') {
                return Err(cursor.expected(&format!("\":\" and how many layers, such as {word}:0.5 or {word}:2L")));
            }
            let amount = amount(cursor)?;
            if word == "bottom" { Place::Bottom(amount) } else { Place::Top(amount) }
        }
        "layers" => {
            if !cursor.eat(':') {
                return Err(cursor.expected("\":\" and layers, such as layers:0-2.5"));
            }
            let mut ranges = vec![range(cursor, "a layer")?];
            while cursor.eat('.') {
                ranges.push(range(cursor, "a layer")?);
            }
            Place::Layers(ranges)
        }
        "" => return Err(cursor.expected(PLACES)),
        _ => return Err(cursor.error(word_at, format!("unknown selection {word:?}: expected {PLACES}"))),
    };
    Ok(Part { is_negated, place, at: Typed(at) })
}

/// A fraction, a percentage or whole layers.
fn amount(cursor: &mut Cursor<'_>) -> Result<Amount, PlanError> {
    let position = cursor.position();
    let value = cursor.decimal("a fraction such as 0.5, a percentage or whole layers such as 2L", Percent::Allowed)?;
    let text = cursor.since(position);
    if cursor.eat('l') {
        // `1.5L` and `50%L` are no whole layers.
        let n = text.parse().map_err(|_| cursor.error(position, "expected whole layers, such as 2L"))?;
        return Ok(Amount::Layers(n, Typed(position)));
    }
    if value > 1.0 {
        let hint = if value.fract() == 0.0 { format!("; {value} whole layers are {value}L") } else { String::new() };
        return Err(cursor.error(position, format!("a fraction of the layers is at most 1, got {value}{hint}")));
    }
    Ok(Amount::Fraction(value))
}

/// `n [ "-" n ]`
fn range(cursor: &mut Cursor<'_>, what: &str) -> Result<IndexRange, PlanError> {
    let position = cursor.position();
    let first = cursor.integer(what)?;
    let last = if cursor.eat('-') { cursor.integer(what)? } else { first };
    if last < first {
        return Err(cursor.error(position, format!("the range {first}-{last} is reversed: expected {last}-{first}")));
    }
    Ok(IndexRange { first, last, at: Typed(position) })
}

fn component(cursor: &mut Cursor<'_>) -> Result<Component, PlanError> {
    let at = cursor.position();
    let word = cursor.word();
    let is_dotted = matches!(word.as_str(), "attention" | "ffn") && cursor.eat('.');
    let sub_at = cursor.position();
    let sub = if is_dotted { cursor.word() } else { String::new() };
    match (word.as_str(), sub.as_str()) {
        ("attention", "") if !is_dotted => Ok(Component::Attention),
        ("attention", "query") => Ok(Component::Query),
        ("attention", "key") => Ok(Component::Key),
        ("attention", "value") => Ok(Component::Value),
        ("attention", "output") => Ok(Component::Output),
        ("attention", "head") => {
            if !cursor.eat(':') {
                return Err(cursor.expected("\":\" and heads, such as attention.head:0-3"));
            }
            Ok(Component::Heads(range(cursor, "a head")?))
        }
        ("attention", _) => {
            Err(cursor.error(sub_at, "expected query, key, value, output or head:n-n after attention."))
        }
        ("ffn", "") if !is_dotted => Ok(Component::Ffn),
        ("ffn", "in") => Ok(Component::FfnIn),
        ("ffn", "out") => Ok(Component::FfnOut),
        ("ffn", _) => Err(cursor.error(sub_at, "expected in or out after ffn.")),
        ("layernorm", _) => Ok(Component::LayerNorm),
        ("weight", _) => Ok(Component::Weight),
        ("bias", _) => Ok(Component::Bias),
        ("", _) => Err(cursor.expected(COMPONENTS)),
        _ => Err(cursor.error(at, format!("unknown component {word:?}: expected {COMPONENTS}"))),
    }
}

impl Plan {
    /// Reads a plan. Spaces between tokens, percentages and capital letters are fine.
    ///
    /// # Errors
    /// [`PlanError`], which points at the character.
    pub fn parse(input: &str) -> Result<Self, PlanError> {
        plan(input)
    }
}

impl Selection {
    /// Reads a selection on its own, such as the value of `--freeze`: whole parameters, so no single heads.
    ///
    /// # Errors
    /// [`PlanError`], which points at the character.
    pub fn parse(input: &str) -> Result<Self, PlanError> {
        let (cursor, selection) = selection_alone(input)?;
        if let Some(heads) = selection.heads().next() {
            return Err(cursor.error(heads.at.0, "single heads are only parts of tensors; expected whole tensors"));
        }
        Ok(selection)
    }

    /// Reads a selection on its own that may name single heads, such as the value of `--parts`.
    ///
    /// # Errors
    /// [`PlanError`], which points at the character.
    pub fn parse_with_heads(input: &str) -> Result<Self, PlanError> {
        Ok(selection_alone(input)?.1)
    }
}

fn selection_alone(input: &str) -> Result<(Cursor<'_>, Selection), PlanError> {
    let mut cursor = Cursor::new(input);
    let selection = selection(&mut cursor)?;
    if !cursor.is_at_end() {
        return Err(cursor.expected("\",\", \"/\" or the end"));
    }
    Ok((cursor, selection))
}

impl std::str::FromStr for Plan {
    type Err = PlanError;

    fn from_str(input: &str) -> Result<Self, PlanError> {
        Self::parse(input)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl std::str::FromStr for Selection {
    type Err = PlanError;

    fn from_str(input: &str) -> Result<Self, PlanError> {
        Self::parse(input)
    }
}

impl<'de> Deserialize<'de> for Selection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
