//! Everything that can be chosen, its ranges and its defaults.

use crate::failure::Failure;
use shared::Condition;
use shared::random::Seed;
use std::collections::BTreeSet;
use std::fmt;

/// The most characters of a sentence that are kept: longer ones would not fit BERT's 512 positions anyway.
pub const MAX_TEXT_CHARS: usize = 2_000;

/// The most characters of a plan; the longest useful ones have a few hundred.
pub const MAX_PLAN_CHARS: usize = 1_000;

/// The least and the largest learning rate that can be chosen: from "nothing moves" to "everything breaks".
pub const LEARNING_RATES: (f64, f64) = (1e-6, 1e-2);

/// The fewest and the most steps of one healing.
pub const STEPS: (usize, usize) = (1, 5_000);

/// The fewest and the most sentences of one step.
pub const BATCH_SIZES: (usize, usize) = (1, 64);

/// The steps of the guided tour.
pub const N_LESSONS: usize = 8;

/// Everything a link carries.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The corruption plan as it was typed; empty for a whole model, which an address without a plan means.
    pub plan: String,
    /// The seed of the corruption.
    pub seed: Seed,
    /// Parts of one model that stand in another.
    pub graft: Option<Graft>,
    /// The sentence under the models' eyes.
    pub text: String,
    /// The bundle's folder name; empty for the page's first.
    pub bundle: String,
    /// What the page shows.
    pub view: View,
    /// The lesson that is taken, from 1.
    pub lesson: Option<usize>,
    /// What a teacher has taken off the page.
    pub hide: BTreeSet<Panel>,
    /// Whether the exact controls of damage and healing are open.
    pub more: bool,
    /// The encoder layer that is looked into, from 0; beyond the model's last one it means the last.
    pub layer: usize,
    /// The attention head that is looked into, from 0; beyond the last one it means the last.
    pub head: usize,
    /// The tensor whose values are drawn, by its Hugging Face name; empty for the one that changed most.
    pub tensor: String,
    /// How healing goes.
    pub healing: Healing,
    /// Light or dark.
    pub theme: Theme,
}

/// Parts of one model in the place of another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graft {
    /// Where they are.
    pub to: Condition,
    /// Whose they are.
    pub from: Condition,
    /// Which, as a selection of a plan.
    pub parts: String,
}

impl fmt::Display for Graft {
    /// As in the address: `corrupted:healthy:layers:0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.to, self.from, self.parts)
    }
}

impl Graft {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (to, rest) = text.split_once(':')?;
        let (from, parts) = rest.split_once(':')?;
        let (to, from): (Condition, Condition) = (to.parse().ok()?, from.parse().ok()?);
        let is_shown = |condition| condition != Condition::Control;
        let fits = to != from && is_shown(to) && is_shown(from) && !parts.trim().is_empty();
        (fits && parts.len() <= MAX_PLAN_CHARS).then(|| Self { to, from, parts: parts.to_owned() })
    }

    /// For people: `layers:0 of the healthy model`.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{} of the {} model", self.parts, self.from)
    }
}

/// How the damaged model is fine-tuned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Healing {
    /// AdamW's learning rate.
    pub learning_rate: f64,
    /// Steps until it stops by itself.
    pub steps: usize,
    /// Sentences a step.
    pub batch_size: usize,
    /// What learns; the rest is frozen.
    pub trained: Trained,
}

impl Default for Healing {
    /// 16 sentences a step are what a browser does in less than half a second. The rate is four times Hugging Face's
    /// default, since a re-initialised layer has far to go in a few minutes.
    fn default() -> Self {
        Self { learning_rate: 2e-4, steps: 200, batch_size: 16, trained: Trained::Damaged }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            plan: String::new(),
            seed: Seed(1),
            graft: None,
            text: "A warm, funny and quietly moving film.".to_owned(),
            bundle: String::new(),
            view: View::Operate,
            lesson: None,
            hide: BTreeSet::new(),
            more: false,
            layer: 0,
            head: 0,
            tensor: String::new(),
            healing: Healing::default(),
            theme: Theme::System,
        }
    }
}

/// An enumeration whose every value has one word in the address.
pub trait Word: Copy + PartialEq + 'static {
    /// Every value with its word.
    const WORDS: &'static [(Self, &'static str)];

    /// The value's word.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(value, _)| *value == self).map_or("", |(_, word)| word)
    }

    /// The value of a word.
    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(value, _)| *value)
    }
}

/// The parts of the page that stand in one another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// A sentence, three models, the damage and the healing.
    Operate,
    /// Weights, attention, drift and attribution.
    Inside,
    /// Parts of one model in another, who is to blame, and whether weights came back.
    Surgery,
    /// Held-out sentences and the history of tried ones.
    Measure,
    /// Charts of recorded runs.
    Evidence,
    /// Where the model comes from, another one, storage.
    Model,
}

impl Word for View {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Operate, "operate"),
        (Self::Inside, "inside"),
        (Self::Surgery, "surgery"),
        (Self::Measure, "measure"),
        (Self::Evidence, "evidence"),
        (Self::Model, "model"),
    ];
}

/// What a link can take off the page, so that a class sees only what the lesson is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Panel {
    /// The field with the plan's text.
    Plan,
    /// The seed and its die.
    Seed,
    /// The choice of the scheme.
    Scheme,
    /// The sliders.
    Sliders,
    /// The drawing of the network.
    Network,
    /// The healed model's column.
    Healed,
    /// The healing panel.
    Healing,
    /// The tabs.
    Tabs,
    /// The lessons.
    Lessons,
}

impl Word for Panel {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Plan, "plan"),
        (Self::Seed, "seed"),
        (Self::Scheme, "scheme"),
        (Self::Sliders, "sliders"),
        (Self::Network, "network"),
        (Self::Healed, "healed"),
        (Self::Healing, "healing"),
        (Self::Tabs, "tabs"),
        (Self::Lessons, "lessons"),
    ];
}

/// What learns while healing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trained {
    /// What the plan touched, and the head.
    Damaged,
    /// Pooler and classifier only.
    Head,
    /// Everything.
    All,
}

impl Word for Trained {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Damaged, "damaged"), (Self::Head, "head"), (Self::All, "all")];
}

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the visitor's system has it.
    System,
    /// Dark ink on a light ground, as projectors like it.
    Light,
    /// Light ink on a dark ground.
    Dark,
}

impl Word for Theme {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::System, "system"), (Self::Light, "light"), (Self::Dark, "dark")];
}

impl State {
    /// Whether a teacher has taken the panel off the page.
    #[must_use]
    pub fn hides(&self, panel: Panel) -> bool {
        self.hide.contains(&panel)
    }
}

/// Reads a typed seed.
///
/// # Errors
/// [`Failure::BadSeed`] when it is not a whole number of 64 bits.
pub fn parse_seed(text: &str) -> Result<Seed, Failure> {
    text.trim().parse().map(Seed).map_err(|_| Failure::BadSeed { text: text.to_owned() })
}
