//! Reads a plan: one function for each rule of the grammar in the [parent module](super).

use serde::{Deserialize, Deserializer, de::Error as _};

use super::bit_field::BitField;
use super::cursor::{Cursor, Percent, Typed};
use super::plan::{Plan, Step};
use super::scheme::{Parameter, Scheme, SchemeEntry};
use super::selection::{Amount, Component, IndexRange, Modules, Part, Place, Selection};
use super::weight_bit::WeightBit;
use crate::error::PlanError;
use crate::model::Kind;
use crate::words::listed;

const PLACES: &str = "all, none, alternate, bottom:x, top:x, layers:n-n, embeddings, pooler or classifier";
const COMPONENTS: &str = "attention, attention.query, attention.key, attention.value, attention.output, \
     attention.head:n-n, ffn, ffn.in, ffn.out, layernorm, layernorm.attention, layernorm.ffn, word, position, type, \
     weight or bias";

const FLIP: &str = "\":\" with a row, a column and a bit, such as flip:3.17,bit30";

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
    let selection_at = cursor.position();
    let selection = selection(cursor)?;
    if scheme == Scheme::Skip {
        if let Some(part) = selection.parts.iter().find(|part| !part.is_negated && part.place.is_outside_layers()) {
            let message = format!("skip deletes encoder layers, and {} is not one", part.place);
            return Err(cursor.error(part.at.0, message));
        }
        if let Some(slash) = cursor.since(selection_at).find('/') {
            let message = "skip deletes whole layers, not components of them; zero:1 empties a component";
            return Err(cursor.error(selection_at + slash, message));
        }
    }
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
    let SchemeEntry { parameter, field, weight, .. } = scheme.entry();
    if weight.is_some() {
        return if has_values { Ok(Scheme::Flip(weight_bit(cursor)?)) } else { Err(cursor.expected(FLIP)) };
    }
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

/// `n [ "." n ] "," "bit" n`
fn weight_bit(cursor: &mut Cursor<'_>) -> Result<WeightBit, PlanError> {
    let row = cursor.integer("the row of a weight, or its place in a vector, such as flip:3.17,bit30")?;
    let column = if cursor.eat('.') { Some(cursor.integer("the column of a weight")?) } else { None };
    if !cursor.eat(',') {
        return Err(cursor.expected("\",\" and a bit, such as flip:3.17,bit30"));
    }
    let at = cursor.position();
    match bit_field(cursor)? {
        BitField::Bit(bit) => Ok(WeightBit { row, column, bit }),
        field => Err(cursor.error(at, format!("flip changes one bit: expected bit0 to bit31, got {}", field.word()))),
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
        let has_embeddings = added.clone().any(|part| part.place == Place::Embeddings);
        let has_layers = added.peek().is_none() || added.any(|part| !part.place.is_outside_layers());
        if !has_layers && components.iter().all(Component::is_of_layers) {
            let message = "only encoder layers have these components, but no layer is selected: expected layernorm, \
                           weight or bias";
            return Err(cursor.error(at, message));
        }
        if !has_embeddings && components.iter().all(Component::is_of_embeddings) {
            let message = "only the embeddings have these components, but they are not selected: expected \
                           embeddings/word, embeddings/position or embeddings/type";
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

/// Words with dots between them, of which the last may be `weight` or `bias`.
fn component(cursor: &mut Cursor<'_>) -> Result<Component, PlanError> {
    let at = cursor.position();
    let word = cursor.word();
    let mut component = match word.as_str() {
        "attention" => Component::of(Modules::Attention),
        "ffn" => Component::of(Modules::Ffn),
        "layernorm" => Component::of(Modules::LayerNorm),
        "word" => Component::of(Modules::Word),
        "position" => Component::of(Modules::Position),
        "type" => Component::of(Modules::TokenType),
        "weight" => Component { modules: Modules::All, kind: Some(Kind::Weight) },
        "bias" => Component { modules: Modules::All, kind: Some(Kind::Bias) },
        "" => return Err(cursor.expected(COMPONENTS)),
        _ => return Err(cursor.error(at, format!("unknown component {word:?}: expected {COMPONENTS}"))),
    };
    while component.kind.is_none() && !component.modules.is_table() && cursor.eat('.') {
        let (at, before) = (cursor.position(), component.modules);
        let word = cursor.word();
        component = match (before, word.as_str()) {
            (_, "weight") => Component { modules: before, kind: Some(Kind::Weight) },
            (_, "bias") => Component { modules: before, kind: Some(Kind::Bias) },
            (Modules::Attention, "query") => Component::of(Modules::Query),
            (Modules::Attention, "key") => Component::of(Modules::Key),
            (Modules::Attention, "value") => Component::of(Modules::Value),
            (Modules::Attention, "output") => Component::of(Modules::Output),
            (Modules::Attention, "head") => {
                if !cursor.eat(':') {
                    return Err(cursor.expected("\":\" and heads, such as attention.head:0-3"));
                }
                return Ok(Component::of(Modules::Heads(range(cursor, "a head")?)));
            }
            (Modules::Ffn, "in") => Component::of(Modules::FfnIn),
            (Modules::Ffn, "out") => Component::of(Modules::FfnOut),
            (Modules::LayerNorm, "attention") => Component::of(Modules::AttentionLayerNorm),
            (Modules::LayerNorm, "ffn") => Component::of(Modules::FfnLayerNorm),
            _ => {
                let words = match before {
                    Modules::Attention => "query, key, value, output, head:n-n, weight or bias",
                    Modules::Ffn => "in, out, weight or bias",
                    Modules::LayerNorm => "attention, ffn, weight or bias",
                    _ => "weight or bias",
                };
                return Err(cursor.error(at, format!("expected {words} after {before}.")));
            }
        };
    }
    Ok(component)
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
