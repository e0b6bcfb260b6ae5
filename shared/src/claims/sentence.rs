//! A judgement in one sentence.

use std::fmt;

use super::contrast::percent;
use super::{Family, Judgement, Measure, Outcome, Question};
use crate::statistics::{Interval, MAX_EXACT_PAIRS, MIN_SEEDS_FOR_A_CLAIM, Method};

/// Claim, subject, experiment, budget, outcome, effect, interval, n, p and its floor, what was counted how, and how many
/// seeds would decide it.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}; {}): ", self.claim, self.subject, self.experiment, self.experiment.budget())?;
        write!(f, "{}", self.outcome_in_words())?;
        if let Some(effect) = self.effect_points {
            write!(f, ", {effect:+.1} {}{}", self.unit(), self.interval_in_words())?;
        }
        write!(f, ", {}{}", self.n_in_words(), self.p_in_words())?;
        if let Some(kept) = self.kept {
            write!(f, "; {:.1} % of the accuracy is kept", 100.0 * kept)?;
        }
        if let Some(recovery) = self.recovery {
            write!(f, ", {} of the loss recovered", percent(recovery))?;
        }
        for note in self.notes() {
            write!(f, "; {note}")?;
        }
        f.write_str(".")
    }
}

impl Judgement {
    /// `worse`, or for a slope `less with more damage`.
    #[must_use]
    pub fn outcome_in_words(&self) -> String {
        match (self.outcome, self.question) {
            (Outcome::Worse, Question::LevelSlope) => "less with more damage".to_owned(),
            (Outcome::Better, Question::LevelSlope) => "more with more damage".to_owned(),
            (Outcome::Worse, _) => "worse".to_owned(),
            (Outcome::Better, _) => "better".to_owned(),
            (Outcome::Equivalent, _) => format!("equivalent within ±{} points", self.margin_points),
            (Outcome::Undecided, _) => "undecided".to_owned(),
        }
    }

    fn unit(&self) -> &'static str {
        match (self.measure, self.question) {
            (Measure::Deficit, Question::LevelSlope) => "points of accuracy over all layers",
            (Measure::Deficit, _) => "points of accuracy",
            (Measure::Recovery, Question::LevelSlope) => "points of recovery over all layers",
            (Measure::Recovery, _) => "points of recovery",
        }
    }

    fn interval_in_words(&self) -> String {
        let Some(Interval { low, high, level }) = self.interval_points else { return String::new() };
        let over = if self.interval_method == Some(Method::Crossed) { "seeds and rows" } else { "seeds on these rows" };
        format!(" ({:.0} % interval {low:.1} to {high:.1} over {over}, not adjusted)", 100.0 * level)
    }

    fn n_in_words(&self) -> String {
        let seeds = if self.n_pairs == 1 { "1 seed".to_owned() } else { format!("{} seeds", self.n_pairs) };
        self.n_rows.map_or(seeds.clone(), |n_rows| format!("{seeds} × {n_rows} rows"))
    }

    fn p_in_words(&self) -> String {
        if self.n_pairs == 0 {
            return String::new();
        }
        let family = match self.family {
            Family::Primary => "primary",
            Family::Secondary => "secondary",
        };
        let test = if self.n_pairs > MAX_EXACT_PAIRS { "sampled" } else { "exact" };
        let claims = if self.family_size == 1 { "claim" } else { "claims" };
        let floor = (self.p_floor * self.family_size as f64).min(1.0);
        let adjusted = format!(
            ", {test} sign-flip p = {} (Holm-adjusted for {} {family} {claims}; smallest possible {})",
            p_text(self.adjusted_p),
            self.family_size,
            p_text(floor)
        );
        if self.outcome == Outcome::Equivalent {
            format!("{adjusted}, equivalence p = {}", p_text(self.adjusted_equivalence_p))
        } else {
            adjusted
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.n_failed > 0 {
            let (healings, count) = if self.n_failed == 1 { ("healing", "counts") } else { ("healings", "count") };
            notes.push(format!("{} {healings} failed and {count} as corrupted", self.n_failed));
        }
        if self.n_non_finite > 0 {
            let (rows, count) = if self.n_non_finite == 1 { ("row is", "counts") } else { ("rows are", "count") };
            notes.push(format!("{} {rows} not finite and {count} as wrong", self.n_non_finite));
        }
        if self.n_unpaired > 0 {
            let (seeds, miss) = if self.n_unpaired == 1 { ("seed lacks", "is") } else { ("seeds lack", "are") };
            notes.push(format!("{} {seeds} a model to compare and {miss} left out", self.n_unpaired));
        }
        if !self.is_borne_out() {
            let on_rows = "this holds for these rows only";
            notes.push(match (self.outcome, self.interval_method) {
                (_, Some(Method::Crossed)) => {
                    format!("{on_rows}, and with other rows it could change (see the interval)")
                }
                _ => "the interval alone does not support this".to_owned(),
            });
        }
        if self.outcome == Outcome::Undecided {
            notes.push(match self.seeds_to_decide {
                Some(n) => format!("about {n} seeds would decide it if the effect is as large as observed"),
                None if self.n_pairs < 2 => {
                    format!("at least {MIN_SEEDS_FOR_A_CLAIM} seeds are needed to decide anything")
                }
                None => "no practical number of seeds would show an effect this small".to_owned(),
            });
        }
        notes
    }
}

/// Three decimals, or two digits where they would be 0.
fn p_text(p: f64) -> String {
    if p >= 0.0005 { format!("{p:.3}") } else { format!("{p:.1e}") }
}
