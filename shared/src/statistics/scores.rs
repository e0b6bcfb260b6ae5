//! One number per seed and row of a condition, and what it takes for two conditions to be paired.

use sha2::{Digest, Sha256};

use super::estimate::{StatisticsError, check_finite};
use crate::evaluation::Prediction;

/// Scores of one condition (healthy, corrupted or healed): `[n_seeds, n_rows]`, such as 1 where a row is right.
///
/// Seed `i` of one condition is paired with seed `i` of another, and row `j` with row `j`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    n_seeds: usize,
    n_rows: usize,
    /// Row-major `[n_rows, n_seeds]`: a resampled row brings all its seeds with it.
    by_row: Vec<f64>,
    /// Digest of the rows' hashes in order; `None` when they are not known.
    rows: Option<[u8; 32]>,
}

impl Scores {
    /// Scores by seed, then by row.
    ///
    /// # Errors
    /// When there are none, a score is not finite or seeds have different numbers of rows.
    pub fn new(by_seed: &[Vec<f64>]) -> Result<Self, StatisticsError> {
        let (n_seeds, n_rows) = (by_seed.len(), by_seed.first().map_or(0, Vec::len));
        if n_rows == 0 {
            return Err(StatisticsError::Empty { n_seeds, n_rows });
        }
        for (seed_index, scores) in by_seed.iter().enumerate() {
            if scores.len() != n_rows {
                return Err(StatisticsError::RowCount { seed_index, expected: n_rows, got: scores.len() });
            }
            check_finite(scores)?;
        }
        let by_row = (0..n_rows).flat_map(|row| by_seed.iter().map(move |scores| scores[row])).collect();
        Ok(Self { n_seeds, n_rows, by_row, rows: None })
    }

    /// 1 for a right prediction and 0 for a wrong one, by seed, then by row.
    ///
    /// # Errors
    /// When there are none, or the seeds' rows are not the same in the same order.
    pub fn from_predictions(by_seed: &[&[Prediction]]) -> Result<Self, StatisticsError> {
        let correct: Vec<Vec<f64>> = by_seed
            .iter()
            .map(|predictions| predictions.iter().map(|p| f64::from(u8::from(p.is_correct()))).collect())
            .collect();
        let mut scores = Self::new(&correct)?;
        for (seed_index, predictions) in by_seed.iter().enumerate() {
            let differs = |(first, other): (&Prediction, &Prediction)| first.row_hash != other.row_hash;
            if let Some(row) = by_seed[0].iter().zip(*predictions).position(differs) {
                return Err(StatisticsError::OtherRow {
                    seed_index,
                    row,
                    expected: by_seed[0][row].row_hash.clone(),
                    got: predictions[row].row_hash.clone(),
                });
            }
        }
        let mut hasher = Sha256::new();
        for prediction in by_seed[0] {
            hasher.update(prediction.row_hash.as_bytes());
            hasher.update(b"\n");
        }
        scores.rows = Some(hasher.finalize().into());
        Ok(scores)
    }

    /// Seeds.
    #[must_use]
    pub fn n_seeds(&self) -> usize {
        self.n_seeds
    }

    /// Rows of each seed.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The mean over seeds and rows.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.by_row.iter().sum::<f64>() / self.by_row.len() as f64
    }

    /// The mean over rows, by seed: `[n_seeds]`.
    #[must_use]
    pub fn seed_means(&self) -> Vec<f64> {
        (0..self.n_seeds)
            .map(|seed| (0..self.n_rows).map(|row| self.of_row(row)[seed]).sum::<f64>() / self.n_rows as f64)
            .collect()
    }

    /// The scores less those of another condition, cell by cell.
    ///
    /// # Errors
    /// When the two are not paired: of the same seeds and rows.
    pub fn minus(&self, other: &Self) -> Result<Self, StatisticsError> {
        self.check_paired(other)?;
        let by_row = self.by_row.iter().zip(&other.by_row).map(|(one, other)| one - other).collect();
        Ok(Self { by_row, ..self.clone() })
    }

    /// All scores, those of a row side by side.
    pub(super) fn all(&self) -> &[f64] {
        &self.by_row
    }

    /// The scores of one row, by seed.
    pub(super) fn of_row(&self, row: usize) -> &[f64] {
        &self.by_row[row * self.n_seeds..(row + 1) * self.n_seeds]
    }

    /// # Errors
    /// When the two do not have the same seeds and rows. Rows are compared when both are known.
    pub(super) fn check_paired(&self, other: &Self) -> Result<(), StatisticsError> {
        let other_rows = matches!((self.rows, other.rows), (Some(rows), Some(others)) if rows != others);
        if self.n_seeds == other.n_seeds && self.n_rows == other.n_rows && !other_rows {
            return Ok(());
        }
        let shape = |scores: &Self| format!("{} seeds × {} rows", scores.n_seeds, scores.n_rows);
        let second = format!("{}{}", shape(other), if other_rows { " of other texts" } else { "" });
        Err(StatisticsError::Unpaired { first: shape(self), second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(hashes: &[&str], right: &[bool]) -> Vec<Prediction> {
        hashes
            .iter()
            .zip(right)
            .map(|(hash, &right)| Prediction {
                row_hash: (*hash).to_owned(),
                label: 0,
                logits: if right { vec![1.0, 0.0] } else { vec![0.0, 1.0] },
                is_saturated: false,
            })
            .collect()
    }

    #[test]
    fn right_predictions_score_one_whatever_the_layout() {
        let (a, b) = (run(&["x", "y", "z"], &[true, false, true]), run(&["x", "y", "z"], &[true, true, true]));
        let scores = Scores::from_predictions(&[&a, &b]).unwrap();
        assert_eq!((scores.n_seeds(), scores.n_rows()), (2, 3));
        assert_eq!(scores.of_row(1), [0.0, 1.0]);
        assert_eq!(scores.seed_means(), [2.0 / 3.0, 1.0]);
        assert!((scores.mean() - 5.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn scores_of_other_rows_are_not_paired() {
        let a = run(&["x", "y"], &[true, false]);
        let swapped = run(&["y", "x"], &[true, false]);
        let message = Scores::from_predictions(&[&a, &swapped]).unwrap_err().to_string();
        assert_eq!(message, "seed 1, row 0: expected the row x as for the first seed, got y");
        let (first, second) =
            (Scores::from_predictions(&[&a]).unwrap(), Scores::from_predictions(&[&swapped]).unwrap());
        assert_eq!(
            first.check_paired(&second).unwrap_err().to_string(),
            "expected conditions with the same seeds and rows, got 1 seeds × 2 rows and 1 seeds × 2 rows of other texts"
        );
        assert!(first.check_paired(&Scores::new(&[vec![0.0, 1.0]]).unwrap()).is_ok());
        assert!(first.check_paired(&Scores::new(&[vec![0.0], vec![1.0]]).unwrap()).is_err());
    }

    #[test]
    fn empty_ragged_and_not_finite_scores_are_refused() {
        assert_eq!(Scores::new(&[]), Err(StatisticsError::Empty { n_seeds: 0, n_rows: 0 }));
        assert!(Scores::new(&[vec![]]).is_err());
        assert!(Scores::new(&[vec![1.0], vec![1.0, 0.0]]).is_err());
        assert!(Scores::new(&[vec![f64::NAN]]).is_err());
    }
}
