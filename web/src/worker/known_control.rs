//! A control that was made, here or before: its answers row by row, and what the healed model's lack.

use super::rows::{Rows, accuracy};
use crate::protocol::{Accuracy, Control, ControlComparison, Difference, HealSettings, Healing};
use shared::bundle::{Answers, Manifest};
use shared::model::ParameterPath;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Two-sided 95 % of a normal distribution.
const Z_975: f64 = 1.959_963_984_540_054;

/// What a healing had, so that a control can have the same.
pub(super) struct Budget {
    /// Names the healing.
    pub(super) name: String,
    pub(super) settings: HealSettings,
    pub(super) trained: Vec<ParameterPath>,
    pub(super) rows: Rc<Rows>,
}

/// A control's answers, row by row.
pub(super) struct KnownControl {
    pub(super) of: Healing,
    pub(super) budget: String,
    /// The class of each row by its hash; none where a logit is not finite.
    pub(super) predicted: BTreeMap<String, Option<u32>>,
    /// What was measured by whoever made it, for when the rows are not here.
    pub(super) measured: (usize, f64),
    pub(super) answers: Answers,
}

impl KnownControl {
    /// The one that a bundle brings.
    pub(super) fn of_bundle(manifest: &Manifest) -> Option<Self> {
        let control = manifest.control.as_ref()?;
        Some(Self {
            of: Healing::Native,
            budget: control.budget.clone(),
            predicted: manifest.rows.held_out.iter().cloned().zip(control.predicted.iter().copied()).collect(),
            measured: (control.n, control.accuracy),
            answers: control.answers,
        })
    }

    /// On the rows at hand, or as it was measured when they are not.
    pub(super) fn view(&self, rows: Option<&Rows>) -> Option<Control> {
        let on_rows = rows.and_then(|rows| self.on(rows)).map(|predicted| {
            let labels = rows.into_iter().flat_map(Rows::held_out_texts).map(|row| row.label);
            let n_correct = labels.zip(&predicted).filter(|(label, predicted)| Some(*label) == **predicted).count();
            (n_correct, predicted.len())
        });
        let (n, share) = self.measured;
        let (n_correct, n) = on_rows.unwrap_or(((share * n as f64).round() as usize, n));
        let accuracy = Accuracy { n_non_finite: self.answers.n_non_finite, ..accuracy(n_correct, n)? };
        Some(Control { of: self.of.clone(), budget: self.budget.clone(), accuracy, answers: self.answers })
    }

    /// Its classes on the held-out rows, if it knows all of them.
    fn on(&self, rows: &Rows) -> Option<Vec<Option<u32>>> {
        rows.held_out_hashes().iter().map(|hash| self.predicted.get(hash).copied()).collect()
    }

    /// The control on an evaluation's rows, and what the healed model's answers to them lack.
    pub(super) fn compare(&self, rows: &Rows, healed: &[Option<u32>]) -> Option<ControlComparison> {
        let control = self.on(rows)?;
        let right = |predicted: &[Option<u32>]| -> Vec<bool> {
            predicted.iter().zip(rows.held_out_texts()).map(|(class, row)| *class == Some(row.label)).collect()
        };
        let pairs: Vec<(bool, bool)> = right(&control).into_iter().zip(right(healed)).collect();
        Some(ControlComparison { control: self.view(Some(rows))?, deficit: difference(&pairs) })
    }
}

/// first − second with Bonett and Price's interval for paired proportions (2012), which adds one row to either kind of
/// disagreement: it holds its level also where the two hardly disagree.
fn difference(pairs: &[(bool, bool)]) -> Difference {
    let count = |wanted: (bool, bool)| pairs.iter().filter(|pair| **pair == wanted).count() as f64;
    let (first, second, n) = (count((true, false)), count((false, true)), pairs.len() as f64);
    let (p, q) = ((first + 1.0) / (n + 2.0), (second + 1.0) / (n + 2.0));
    let half = Z_975 * ((p + q - (p - q).powi(2)) / (n + 2.0)).sqrt();
    let points = |share: f64| 100.0 * share;
    Difference { points: points((first - second) / n), low: points(p - q - half), high: points(p - q + half) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_paired_difference_has_the_interval_of_bonett_and_price() {
        // 100 rows, 12 that only the first gets right and 4 that only the second does: p = 13/102, q = 5/102.
        let mut pairs = vec![(true, true); 84];
        pairs.extend([(true, false); 12]);
        pairs.extend([(false, true); 4]);
        let Difference { points, low, high } = difference(&pairs);
        assert!((points - 8.0).abs() < 1e-9);
        assert!((low + 0.1659).abs() < 1e-3 && (high - 15.8522).abs() < 1e-3, "{low} {high}");
        // Two models that agree on everything are known to differ by little, not by nothing.
        let Difference { points, low, high } = difference(&[(true, true); 50]);
        assert!(points == 0.0 && low < 0.0 && (low + high).abs() < 1e-9);
    }
}
