//! The words of the address: one for each field of [`State`].

use super::choices::{
    BATCH_SIZES, Graft, Healing, LEARNING_RATES, MAX_PLAN_CHARS, MAX_TEXT_CHARS, N_LESSONS, Panel, STEPS, State, Theme,
    Trained, View, Word, parse_seed,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{Display, Write as _};

/// The most characters of a name: Hugging Face's longest parameter names have about 70.
const MAX_NAME_CHARS: usize = 120;

/// What is percent-encoded: what JavaScript's `encodeURIComponent` encodes, but for the punctuation of plans, which a
/// fragment may hold: links stay readable.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'@')
    .remove(b':')
    .remove(b';')
    .remove(b',')
    .remove(b'/');

impl State {
    /// Reads the address; the second part says what had to be refused or clamped, a sentence each.
    #[must_use]
    pub fn from_hash(hash: &str) -> (Self, Vec<String>) {
        let mut reader = Reader { fields: Given::by_hash(hash).0, refusals: Vec::new() };
        let default = Self::default();
        let state = Self {
            plan: reader.text("plan", MAX_PLAN_CHARS).unwrap_or(default.plan),
            seed: reader.seed().unwrap_or(default.seed),
            graft: reader.graft(),
            text: reader.text("text", MAX_TEXT_CHARS).unwrap_or(default.text),
            bundle: reader.name("bundle").unwrap_or_default(),
            view: reader.word::<View>("view").unwrap_or(default.view),
            lesson: reader.number("lesson", (1, N_LESSONS)),
            hide: reader.hidden(),
            more: reader.number("more", (0, 1)) == Some(1),
            layer: reader.number("layer", (0, 999)).unwrap_or(0),
            head: reader.number("head", (0, 999)).unwrap_or(0),
            tensor: reader.name("tensor").unwrap_or_default(),
            healing: Healing {
                learning_rate: reader.number("rate", LEARNING_RATES).unwrap_or(default.healing.learning_rate),
                steps: reader.number("steps", STEPS).unwrap_or(default.healing.steps),
                batch_size: reader.number("batch", BATCH_SIZES).unwrap_or(default.healing.batch_size),
                trained: reader.word::<Trained>("train").unwrap_or(default.healing.trained),
            },
            theme: reader.word::<Theme>("theme").unwrap_or(default.theme),
        };
        (state, reader.refusals)
    }

    /// The address part that [`State::from_hash`] reads back, with its `#`. Plan, seed and sentence are always in it, since
    /// the model that is opened has its own; other fields when they differ from their defaults.
    ///
    /// # Panics
    /// Never: writing to a `String` does not fail.
    #[must_use]
    pub fn to_hash(&self) -> String {
        let default = Self::default();
        let mut hash = format!("#plan={}&seed={}&text={}", encode(&self.plan), self.seed.0, encode(&self.text));
        let mut add = |field: &str, value: String, is_default: bool| {
            if !is_default {
                write!(hash, "&{field}={}", encode(&value)).expect("writing to a String does not fail");
            }
        };
        add("graft", self.graft.as_ref().map_or(String::new(), Graft::to_string), self.graft.is_none());
        add("bundle", self.bundle.clone(), self.bundle == default.bundle);
        add("view", self.view.word().to_owned(), self.view == default.view);
        add("lesson", self.lesson.unwrap_or(0).to_string(), self.lesson.is_none());
        let hidden: Vec<&str> = self.hide.iter().map(|panel| panel.word()).collect();
        add("hide", hidden.join(","), hidden.is_empty());
        add("more", "1".to_owned(), !self.more);
        add("layer", self.layer.to_string(), self.layer == default.layer);
        add("head", self.head.to_string(), self.head == default.head);
        add("tensor", self.tensor.clone(), self.tensor.is_empty());
        let (healing, default_healing) = (self.healing, default.healing);
        add("rate", healing.learning_rate.to_string(), healing.learning_rate == default_healing.learning_rate);
        add("steps", healing.steps.to_string(), healing.steps == default_healing.steps);
        add("batch", healing.batch_size.to_string(), healing.batch_size == default_healing.batch_size);
        add("train", healing.trained.word().to_owned(), healing.trained == default_healing.trained);
        add("theme", self.theme.word().to_owned(), self.theme == default.theme);
        hash
    }
}

/// The words that an address holds itself: what it leaves out is up to the lesson and the model.
#[derive(Debug)]
pub struct Given(Fields);

impl Given {
    /// The words of `hash`.
    #[must_use]
    pub fn by_hash(hash: &str) -> Self {
        Self(Fields::new(hash.strip_prefix('#').unwrap_or(hash)))
    }

    /// Whether one of them is `word`, whatever it is set to.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.0.get(word).is_some()
    }
}

/// The fields as a browser's `URLSearchParams` reads them, without a browser.
#[derive(Debug)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn new(text: &str) -> Self {
        // In this encoding a plus sign means a blank, but a plan may hold one.
        let text = text.strip_prefix('?').unwrap_or(text).replace('+', "%2B");
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first of that name.
    fn get(&self, field: &str) -> Option<String> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone())
    }
}

/// Reads field by field and remembers what it had to refuse.
struct Reader {
    fields: Fields,
    refusals: Vec<String>,
}

impl Reader {
    fn text(&mut self, field: &str, max_chars: usize) -> Option<String> {
        let text = self.fields.get(field)?;
        if text.chars().count() <= max_chars {
            return Some(text);
        }
        self.refusals.push(format!("The address holds more than {max_chars} characters of {field}: the rest is cut."));
        Some(text.chars().take(max_chars).collect())
    }

    /// A name of a file or a parameter: nothing that could lead out of a folder.
    fn name(&mut self, field: &str) -> Option<String> {
        let name = self.fields.get(field)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.len() <= MAX_NAME_CHARS && name.chars().all(is_plain) && !name.contains("..") {
            return Some(name);
        }
        self.refuse(field, &name, "is no name of letters, digits, dots and hyphens");
        None
    }

    fn seed(&mut self) -> Option<shared::random::Seed> {
        let text = self.fields.get("seed")?;
        let seed = parse_seed(&text).ok();
        if seed.is_none() {
            self.refuse("seed", &text, "is not a whole number from 0 to 18446744073709551615");
        }
        seed
    }

    fn graft(&mut self) -> Option<Graft> {
        let text = self.fields.get("graft")?;
        let graft = Graft::parse(&text);
        if graft.is_none() {
            self.refuse("graft", &text, "is no transplant such as corrupted:healthy:layers:0");
        }
        graft
    }

    fn word<T: Word>(&mut self, field: &str) -> Option<T> {
        let word = self.fields.get(field)?;
        let value = T::from_word(&word);
        if value.is_none() {
            let known: Vec<&str> = T::WORDS.iter().map(|(_, word)| *word).collect();
            self.refuse(field, &word, &format!("is none of {}", known.join(", ")));
        }
        value
    }

    /// A number, clamped into `range`.
    fn number<T>(&mut self, field: &str, range: (T, T)) -> Option<T>
    where
        T: std::str::FromStr + PartialOrd + Display + Copy,
    {
        let text = self.fields.get(field)?;
        let (low, high) = range;
        match text.trim().parse::<T>() {
            Ok(value) if value < low || value > high => {
                let value = if value < low { low } else { high };
                self.refusals
                    .push(format!("{field}={text} in the address lies outside {low} to {high}: taken as {value}."));
                Some(value)
            }
            // NaN is neither below nor above.
            Ok(value) if value >= low => Some(value),
            _ => {
                self.refuse(field, &text, &format!("is not a number from {low} to {high}"));
                None
            }
        }
    }

    fn hidden(&mut self) -> std::collections::BTreeSet<Panel> {
        let text = self.fields.get("hide").unwrap_or_default();
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words
            .filter_map(|word| {
                let panel = Panel::from_word(word);
                if panel.is_none() {
                    let known: Vec<&str> = Panel::WORDS.iter().map(|(_, word)| *word).collect();
                    self.refusals.push(format!(
                        "“{}” in the address cannot be hidden; what can: {}.",
                        cut(word),
                        known.join(", ")
                    ));
                }
                panel
            })
            .collect()
    }

    fn refuse(&mut self, field: &str, text: &str, why: &str) {
        self.refusals.push(format!("{field}=“{}” in the address {why}: the default is used.", cut(text)));
    }
}

/// The beginning of what was typed, for a message.
fn cut(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(39).chain(['…']).collect() }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
