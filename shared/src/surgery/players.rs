//! The parts of a model that can be healthy or damaged, and mixes of them.

use serde::{Deserialize, Serialize};

use crate::model::ParameterPath;

/// A [`Mix`] has a bit for each of so many layers and one for the rest.
pub const MAX_LAYERS: usize = 63;

/// What becomes of everything that is no encoder layer: embeddings, pooler and classifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// It is one more part that can be to blame.
    #[default]
    Player,
    /// It is the healthy model's in every mix, so that only layers are compared.
    FixedHealthy,
    /// It is the damaged model's in every mix.
    FixedDamaged,
}

/// The parts that are mixed: each encoder layer, and with [`Rest::Player`] the rest behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Players {
    /// Encoder layers; at most [`MAX_LAYERS`].
    pub n_layers: usize,
    /// What becomes of the rest.
    pub rest: Rest,
}

/// Which parts come from the damaged model: bit `i` stands for part `i` of [`Players`], all others come from the healthy one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mix(pub u64);

impl Mix {
    /// Whether part `i` comes from the damaged model.
    #[must_use]
    pub fn has(self, part: usize) -> bool {
        self.0 >> part & 1 == 1
    }

    /// The same mix with part `i` from the damaged model.
    #[must_use]
    pub fn with(self, part: usize) -> Self {
        Self(self.0 | 1 << part)
    }
}

impl Players {
    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.n_layers + usize::from(self.rest == Rest::Player)
    }

    /// The part that a parameter belongs to; none where it is of the rest and that is fixed.
    #[must_use]
    pub fn part_of(self, path: ParameterPath) -> Option<usize> {
        path.layer_idx().or((self.rest == Rest::Player).then_some(self.n_layers))
    }

    /// What part `i` is called: `layer 0`, …, `rest`.
    #[must_use]
    pub fn label(self, part: usize) -> String {
        if part < self.n_layers { format!("layer {part}") } else { "rest".to_owned() }
    }

    /// The mix in which every part that is mixed comes from the damaged model.
    #[must_use]
    pub fn all_damaged(self) -> Mix {
        (0..self.count()).fold(Mix::default(), Mix::with)
    }

    /// Whether the rest of a mix comes from the damaged model.
    pub(super) fn has_damaged_rest(self, mix: Mix) -> bool {
        match self.rest {
            Rest::Player => mix.has(self.n_layers),
            Rest::FixedHealthy => false,
            Rest::FixedDamaged => true,
        }
    }
}
