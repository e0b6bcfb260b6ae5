//! The claims file: what is asked of a set of runs, written down before they are looked at.

use serde::{Deserialize, Serialize};

use crate::record::Protocol;
use crate::statistics::DEFAULT_MARGIN;

/// Claims in their families; a TOML file with one `[[claim]]` for each. `shared/tests/golden/claims.toml` is an example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimsFile {
    /// The share of families in which a claim may hold by chance alone.
    #[serde(default = "default_alpha")]
    pub alpha: f64,
    /// The claims.
    #[serde(rename = "claim")]
    pub claims: Vec<Claim>,
}

/// One claim. What it leaves open stands for everything there is: without a plan it is judged for each plan, without a model
/// for each model, and each of these counts in its family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What it is called.
    pub name: String,
    /// Which family it counts in.
    pub family: Family,
    /// What it asks.
    pub question: Question,
    /// Effects within ± this are equivalent, in percentage points (for a slope: over all layers).
    #[serde(default = "default_margin_points")]
    pub margin_points: f64,
    /// What it is measured by; by default recovery under `finetuned` and deficit under `pretrained`, whose corrupted model
    /// has an untrained head. The question of full recovery is always about the deficit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
    /// Only this model, by its short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only this dataset, by its short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Only this protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Only this plan, in its canonical form; for `full-recovery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Only this scheme, such as `kaiming`; for the other two questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Only damage from this end; for `level-slope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Only this level, the share of encoder layers; for `bottom-against-top`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
}

/// Claims that share one correction for their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// What the experiment was made for.
    Primary,
    /// What is looked at besides.
    Secondary,
}

/// What a claim asks of each seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The healed model's accuracy less the undamaged one's: does it fully recover?
    FullRecovery,
    /// The least-squares slope over levels of one scheme from one end: does more damage leave less?
    LevelSlope,
    /// Damage at the bottom less damage at the top, of one scheme and level below 1: is the bottom worse?
    BottomAgainstTop,
}

/// What a claim measures a healed model by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// What it lacks against the undamaged model, in points of accuracy.
    Deficit,
    /// Which share of the loss came back, in points of recovery.
    Recovery,
}

/// From which end of the encoder layers are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Next to the embeddings.
    Bottom,
    /// Next to the classifier.
    Top,
}

/// Why a claims file is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// No TOML, a field that is missing or unknown, or a value of another kind.
    #[error("claims: {0}")]
    Syntax(String),
    /// α outside 0..1.
    #[error("claims: expected alpha between 0 and 1, got {got}")]
    Alpha {
        /// The value.
        got: String,
    },
    /// Two claims of one name.
    #[error("claim {name:?}: duplicate name")]
    Twice {
        /// The name.
        name: String,
    },
    /// A value out of range, or a field that the question does not know.
    #[error("claim {name:?}: {problem}")]
    Claim {
        /// The claim.
        name: String,
        /// What is wrong, with the expected and the got.
        problem: String,
    },
}

fn default_alpha() -> f64 {
    0.05
}

fn default_margin_points() -> f64 {
    100.0 * DEFAULT_MARGIN
}

/// What is asked when nobody asked anything else: full recovery of every plan is primary; the slope over levels and bottom
/// against top are secondary.
impl Default for ClaimsFile {
    fn default() -> Self {
        let claim = |name: &str, family, question| Claim {
            name: name.to_owned(),
            family,
            question,
            margin_points: default_margin_points(),
            measure: None,
            model: None,
            dataset: None,
            protocol: None,
            plan: None,
            scheme: None,
            end: None,
            level: None,
        };
        Self {
            alpha: default_alpha(),
            claims: vec![
                claim("full recovery", Family::Primary, Question::FullRecovery),
                claim("more damage, less recovery", Family::Secondary, Question::LevelSlope),
                claim("bottom worse than top", Family::Secondary, Question::BottomAgainstTop),
            ],
        }
    }
}

impl ClaimsFile {
    /// Reads a claims file.
    ///
    /// # Errors
    /// When it is no TOML of this layout, names a claim twice, or a value is out of range.
    pub fn parse(text: &str) -> Result<Self, ClaimsError> {
        let file: Self = toml::from_str(text).map_err(|error| ClaimsError::Syntax(error.to_string()))?;
        file.check()?;
        Ok(file)
    }

    /// # Errors
    /// As for [`ClaimsFile::parse`], of a file that was made otherwise.
    pub fn check(&self) -> Result<(), ClaimsError> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(ClaimsError::Alpha { got: self.alpha.to_string() });
        }
        for (i, claim) in self.claims.iter().enumerate() {
            if self.claims[..i].iter().any(|other| other.name == claim.name) {
                return Err(ClaimsError::Twice { name: claim.name.clone() });
            }
            if let Some(problem) = claim.problem() {
                return Err(ClaimsError::Claim { name: claim.name.clone(), problem });
            }
        }
        Ok(())
    }
}

impl Claim {
    /// Whether it is about something in particular, rather than about each that there is.
    pub(super) fn names_something(&self) -> bool {
        let names = [&self.model, &self.dataset, &self.plan, &self.scheme];
        names.into_iter().any(Option::is_some) || self.end.is_some() || self.level.is_some()
    }

    fn problem(&self) -> Option<String> {
        if !(self.margin_points > 0.0 && self.margin_points.is_finite()) {
            return Some(format!("expected margin_points above 0, got {}", self.margin_points));
        }
        if let Some(level) = self.level.filter(|level| !(*level > 0.0 && *level < 1.0)) {
            return Some(format!("expected a level between 0 and 1, since both ends are the same at 1, got {level}"));
        }
        let (is_recovery, is_slope, is_ends) = match self.question {
            Question::FullRecovery => (true, false, false),
            Question::LevelSlope => (false, true, false),
            Question::BottomAgainstTop => (false, false, true),
        };
        if is_recovery && self.measure == Some(Measure::Recovery) {
            return Some(
                "full recovery is always measured by the deficit: expected measure = \"deficit\" or none".to_owned(),
            );
        }
        if self.measure == Some(Measure::Recovery) && self.protocol == Some(Protocol::Pretrained) {
            return Some(
                "under protocol pretrained the corrupted model has an untrained head, so there is no recovery: \
                 expected measure = \"deficit\""
                    .to_owned(),
            );
        }
        [
            ("plan", self.plan.is_some(), is_recovery),
            ("scheme", self.scheme.is_some(), is_slope || is_ends),
            ("end", self.end.is_some(), is_slope),
            ("level", self.level.is_some(), is_ends),
        ]
        .into_iter()
        .find(|(_, is_there, is_known)| *is_there && !is_known)
        .map(|(field, ..)| format!("the field {field} does not apply to its question"))
    }
}
