//! The mean over new seeds and new rows, from scores of some seeds on the same rows.
//!
//! Scores of n seeds on m rows are crossed: a seed that is better is better on all rows, and a row that is hard is hard for
//! all seeds. In the two-way random-effects law `y = μ + seed + row + cell` the variance of their mean is
//! `σ²_seed/n + σ²_row/m + σ²_cell/(nm)`. The mean squares of the analysis of variance without replication estimate its
//! parts (Searle, Casella & `McCulloch` 1992, *Variance Components*, ch. 4): `E MS_seed = mσ²_seed + σ²_cell`,
//! `E MS_row = nσ²_row + σ²_cell`, `E MS_cell = σ²_cell`. With S, R and C for these three over nm, the half-width h of the mean
//! is the larger of two, each of which fails where the other does not:
//!
//! - `h² = t²_ν · (S + max(0, R − C))`, with Satterthwaite's degrees of freedom (1946, *An approximate distribution of
//!   estimates of variance components*), `ν = (S + R')² / (S²/(n − 1) + R'²/k)`, R' being `max(0, R − C)`. It is exact where
//!   seeds or cells rule, and too narrow where few seeds contribute about half;
//! - `h² = t²_(n−1) · max(0, S − C) + t²_k · (R' + C)`, each part with its own quantile, the squares added, which covers
//!   whatever the shares are (Banerjee 1961, *On confidence interval for two-means problem*, Sankhyā A 23).
//!
//! Rows are no normal variable: k is `2m / (κ − 1)`, at most m − 1, with κ the kurtosis of the rows' means (the degrees of
//! freedom that match the variance of a sample variance; O'Neill 2014, *Some useful moment results in sampling problems*, The
//! American Statistician 68), so that a few hard rows among many easy ones do not pass for much evidence.
//!
//! How well the intervals hold their level is measured by `shared/examples/coverage.rs`; its table is `docs/statistics.md`.

use super::estimate::{Estimate, Interval, Method, StatisticsError, check_finite, check_level};
use super::scores::Scores;
use super::student::quantile;
use super::wilson::wilson;

/// The mean accuracy with its interval over new seeds and new rows; scores are 1 where a row is right and 0 where it is not.
///
/// Wilson's score interval, `(p + k/2 ± √(k·p(1 − p) + k²/4)) / (1 + k)`, which has `k = z²/m` for m rows of one seed; here `k`
/// is `h²/(p(1 − p))` with the half-width h of this module's head (see its source). When all cells are equal there is nothing to
/// estimate h from, and k is `t²_(m−1)/m`, that of a single seed: a model without an error on m rows has an interval down to
/// about 1 − 3.8/m (the rule of three gives 1 − 3/m to one side). One seed has Wilson's own interval over its rows, which says
/// nothing about other seeds.
///
/// # Errors
/// When a score is neither 0 nor 1, several seeds have a single row, or `level` is not between 0 and 1.
///
/// ```
/// use shared::statistics::{Scores, crossed_accuracy};
/// let scores = Scores::new(&[vec![1.0, 1.0, 0.0, 1.0], vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 1.0, 0.0, 1.0]])?;
/// let accuracy = crossed_accuracy(&scores, 0.95)?;
/// assert!((accuracy.value - 8.0 / 12.0).abs() < 1e-15);
/// assert!(accuracy.interval.low > 0.1 && accuracy.interval.high < 1.0);
/// # Ok::<(), shared::statistics::StatisticsError>(())
/// ```
pub fn crossed_accuracy(scores: &Scores, level: f64) -> Result<Estimate, StatisticsError> {
    check_level(level)?;
    let is_binary = |score: &f64| *score == 0.0 || *score == 1.0;
    if let Some(index) = scores.all().iter().position(|score| !is_binary(score)) {
        return Err(StatisticsError::NotBinary { got: scores.all()[index].to_string() });
    }
    if scores.n_seeds() == 1 {
        return wilson(scores.all().iter().sum::<f64>() as u64, scores.n_rows() as u64, level);
    }
    let crossed = Crossed::of(scores, level)?;
    let (p, k) = (crossed.mean, crossed.k);
    let center = p + k / 2.0;
    let half_width = libm::sqrt(k * (p * (1.0 - p) + k / 4.0));
    let end = |sign: f64| ((center + sign * half_width) / (1.0 + k)).clamp(0.0, 1.0);
    // At the ends the formula gives exactly 0 and 1, but for rounding.
    let low = if p == 0.0 { 0.0 } else { end(-1.0) };
    let high = if p == 1.0 { 1.0 } else { end(1.0) };
    Ok(Estimate { value: p, interval: Interval { low, high, level }, method: Method::Crossed })
}

/// The mean of any figure that is a weighted sum of models' scores by seed and row, such as a difference of two (`weights`
/// 1 and −1), with its interval over new seeds and new rows.
///
/// `± √(h² + k²·Σw²/4)`, with h of this module's head and `k = h²/s²`, s² being the variance of all cells. The second term is
/// that of Wilson's interval for each model: it stands for the error or two that the next rows might have brought (as Bonett &
/// Price 2012, *Adjusted Wald confidence interval for a difference of binomial proportions based on paired data*, add them to
/// the counts). When all cells are equal, k is `t²_(m−1)/m`: two models that agree on all m rows differ by 0 ± 2.7/m, never by
/// 0 ± 0. With one seed the interval is over its rows alone.
///
/// # Errors
/// When there are fewer than two rows, a weight is not finite, or `level` is not between 0 and 1.
pub fn crossed_mean(scores: &Scores, weights: &[f64], level: f64) -> Result<Estimate, StatisticsError> {
    check_level(level)?;
    check_finite(weights)?;
    let crossed = Crossed::of(scores, level)?;
    let squares = weights.iter().map(|weight| weight * weight).sum::<f64>();
    let half_width = libm::sqrt(crossed.half_width_square + crossed.k * crossed.k * squares / 4.0);
    let (low, high) = (crossed.mean - half_width, crossed.mean + half_width);
    let method = if scores.n_seeds() == 1 { Method::Rows } else { Method::Crossed };
    Ok(Estimate { value: crossed.mean, interval: Interval { low, high, level }, method })
}

/// The mean of scores and how far it may lie from the true one.
struct Crossed {
    mean: f64,
    /// h².
    half_width_square: f64,
    /// h² over the variance of all cells.
    k: f64,
}

impl Crossed {
    fn of(scores: &Scores, level: f64) -> Result<Self, StatisticsError> {
        let parts = Parts::of(scores)?;
        let (n, m) = (scores.n_seeds() as f64, scores.n_rows() as f64);
        let t_square = |df: f64| quantile(f64::midpoint(1.0, level), df).powi(2);
        let Parts { mean, spread, seeds, rows, cells, row_df } = parts;
        if spread == 0.0 {
            return Ok(Self { mean, half_width_square: 0.0, k: t_square(m - 1.0) / m });
        }
        let half_width_square = if scores.n_seeds() == 1 {
            t_square(m - 1.0) * rows
        } else {
            let beyond_cells = (rows - cells).max(0.0);
            let variance = seeds + beyond_cells;
            let together = if variance > 0.0 {
                let df = variance.powi(2) / (seeds * seeds / (n - 1.0) + beyond_cells * beyond_cells / row_df);
                t_square(df) * variance
            } else {
                0.0
            };
            let apart = t_square(n - 1.0) * (seeds - cells).max(0.0) + t_square(row_df) * (beyond_cells + cells);
            together.max(apart)
        };
        Ok(Self { mean, half_width_square, k: half_width_square / spread })
    }
}

/// The analysis of variance.
struct Parts {
    mean: f64,
    /// Mean square distance of all cells from the mean.
    spread: f64,
    /// Mean square of seeds over nm.
    seeds: f64,
    /// Mean square of rows over nm.
    rows: f64,
    /// Mean square of cells over nm; 0 for one seed, whose cells are its rows.
    cells: f64,
    /// Degrees of freedom of the rows.
    row_df: f64,
}

impl Parts {
    fn of(scores: &Scores) -> Result<Self, StatisticsError> {
        if scores.n_rows() < 2 {
            return Err(StatisticsError::Empty { n_seeds: scores.n_seeds(), n_rows: scores.n_rows() });
        }
        let (n, m) = (scores.n_seeds() as f64, scores.n_rows() as f64);
        let mean = scores.mean();
        let total: f64 = scores.all().iter().map(|score| (score - mean).powi(2)).sum();
        let of_seeds: f64 = m * scores.seed_means().iter().map(|seed| (seed - mean).powi(2)).sum::<f64>();
        let (mut squares, mut fourths) = (0.0, 0.0);
        for row in 0..scores.n_rows() {
            let square = (scores.of_row(row).iter().sum::<f64>() / n - mean).powi(2);
            squares += square;
            fourths += square * square;
        }
        let kurtosis = if squares > 0.0 { m * fourths / (squares * squares) } else { 1.0 };
        let row_df = if kurtosis > 1.0 { (2.0 * m / (kurtosis - 1.0)).clamp(1.0, m - 1.0) } else { m - 1.0 };
        let of_rows = n * squares;
        let (seeds, cells) = if n > 1.0 {
            // What is left may be a little below 0 by rounding.
            let left = (total - of_seeds - of_rows).max(0.0);
            (of_seeds / (n - 1.0), left / ((n - 1.0) * (m - 1.0)))
        } else {
            (0.0, 0.0)
        };
        let over = n * m;
        Ok(Self {
            mean,
            spread: total / over,
            seeds: seeds / over,
            rows: of_rows / (m - 1.0) / over,
            cells: cells / over,
            row_df,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_seed(n_seeds: usize, n_rows: usize, is_right: impl Fn(usize, usize) -> bool) -> Scores {
        let of_seed = |seed: usize| (0..n_rows).map(|row| f64::from(u8::from(is_right(seed, row)))).collect::<Vec<_>>();
        Scores::new(&(0..n_seeds).map(of_seed).collect::<Vec<_>>()).unwrap()
    }

    /// By hand: seeds are right on 8, 6 and 4 of the same ten rows, in order.
    #[test]
    fn variance_components_are_those_of_the_analysis_of_variance() {
        let scores = by_seed(3, 10, |seed, row| row < 8 - 2 * seed);
        let parts = Parts::of(&scores).unwrap();
        // SS_seed = 10·(0.2² + 0 + 0.2²) = 0.8; row means are 1 (4×), 2/3 (2×), 1/3 (2×), 0 (2×) about 0.6, so
        // SS_row = 3·(4·0.16 + 2·(1/15)² + 2·(4/15)² + 2·0.36); SS_total = 30·0.24 = 7.2.
        let (seeds, rows) = (0.8, 3.0 * (0.64 + 2.0 / 225.0 + 32.0 / 225.0 + 0.72));
        assert!((parts.seeds - seeds / 2.0 / 30.0).abs() < 1e-12);
        assert!((parts.rows - rows / 9.0 / 30.0).abs() < 1e-12);
        assert!((parts.cells - (7.2 - seeds - rows) / 18.0 / 30.0).abs() < 1e-12);
        assert!((parts.spread - 0.24).abs() < 1e-12);
    }

    #[test]
    fn seeds_alone_give_students_interval_and_rows_alone_that_of_one_seed() {
        // Every row of a seed has the same score, so a new row tells nothing.
        let values = [1.0, 2.0, 4.0, 5.0, 8.0];
        let seeds = Scores::new(&values.map(|value| vec![value; 1_000])).unwrap();
        let Interval { low, high, .. } = crossed_mean(&seeds, &[], 0.95).unwrap().interval;
        // R: t.test(c(1, 2, 4, 5, 8)): 0.5996 to 7.4004
        assert!((low - 0.599_6).abs() < 1e-3 && (high - 7.400_4).abs() < 1e-3, "{low} {high}");
        // Seeds that agree everywhere are worth one.
        let same = by_seed(6, 400, |_, row| row % 4 == 0);
        let one = by_seed(1, 400, |_, row| row % 4 == 0);
        let width = |scores: &Scores| {
            let Interval { low, high, .. } = crossed_accuracy(scores, 0.95).unwrap().interval;
            high - low
        };
        assert!((width(&same) / width(&one) - 1.0).abs() < 0.02, "{} {}", width(&same), width(&one));
    }

    #[test]
    fn rows_that_are_all_alike_get_the_rule_of_three() {
        for n_seeds in [1, 2, 10] {
            for n_rows in [2, 100, 5_000] {
                let right = by_seed(n_seeds, n_rows, |_, _| true);
                let Interval { low, high, .. } = crossed_accuracy(&right, 0.95).unwrap().interval;
                assert!(high == 1.0 && low < 1.0 - 2.0 / (n_rows + 2) as f64, "{n_seeds} × {n_rows}: {low}");
                let wrong = by_seed(n_seeds, n_rows, |_, _| false);
                let mirrored = crossed_accuracy(&wrong, 0.95).unwrap().interval;
                assert!(mirrored.low == 0.0 && (mirrored.high - (1.0 - low)).abs() < 1e-12);
                let none = crossed_mean(&right.minus(&right).unwrap(), &[1.0, -1.0], 0.95).unwrap();
                assert_eq!(none.value, 0.0);
                assert!(none.interval.high > 2.0 / n_rows as f64 && none.interval.low == -none.interval.high);
            }
        }
    }

    #[test]
    fn intervals_stay_within_all_and_none_and_refuse_what_is_no_accuracy() {
        let scores = by_seed(3, 50, |seed, row| seed > 0 || row > 20);
        let Interval { low, high, .. } = crossed_accuracy(&scores, 0.999).unwrap().interval;
        assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high) && low < high);
        let half = Scores::new(&[vec![0.5, 1.0], vec![1.0, 1.0]]).unwrap();
        assert!(crossed_accuracy(&half, 0.95).is_err() && crossed_accuracy(&scores, 1.0).is_err());
        let one_row = Scores::new(&[vec![1.0], vec![0.0]]).unwrap();
        assert!(crossed_accuracy(&one_row, 0.95).is_err() && crossed_mean(&one_row, &[], 0.95).is_err());
        assert!(scores.minus(&half).is_err());
    }
}
