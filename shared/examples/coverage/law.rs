//! Binary rows from a law whose true accuracy is known: `right ~ Bernoulli(logistic(location + seed + row + own row + cell))`,
//! every effect normal with mean 0.

use shared::random::{Seed, Stream, normal};
use shared::statistics::Scores;

/// Standard deviations of the effects, in logits.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// Of a seed, on all rows.
    pub seed: f64,
    /// Of a row, for all seeds and both models.
    pub row: f64,
    /// Of a row, for all seeds of one model.
    pub own_row: f64,
    /// Of a single seed on a single row.
    pub cell: f64,
}

/// One model's law.
pub struct Law {
    spread: Spread,
    location: f64,
    /// The true mean over new seeds and new rows, 0–1.
    pub accuracy: f64,
    /// Variances of a score: what seeds and rows contribute, and the rest.
    components: [f64; 3],
    /// The chance of a right answer by the sum of all effects but the cell's.
    chances: Vec<f64>,
}

/// The range of logits that `chances` covers, and its steps.
const RANGE: f64 = 40.0;
const N_STEPS: usize = 8_000;

impl Law {
    /// The law of these spreads whose accuracy is the one asked for.
    pub fn new(spread: Spread, accuracy: f64) -> Self {
        let squares = [spread.seed, spread.row, spread.own_row, spread.cell].map(|sd| sd * sd);
        let total = squares.iter().sum::<f64>();
        let (mut low, mut high) = (-RANGE, RANGE);
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if chance(middle, total.sqrt()) < accuracy { low = middle } else { high = middle }
        }
        let location = f64::midpoint(low, high);
        let accuracy = chance(location, total.sqrt());
        let variance_of = |square: f64| {
            let others = (total - square).max(0.0).sqrt();
            expectation(|z| chance(location + square.sqrt() * z, others).powi(2)) - accuracy * accuracy
        };
        let (seeds, rows) = (variance_of(squares[0]), variance_of(squares[1] + squares[2]));
        let components = [seeds, rows, accuracy * (1.0 - accuracy) - seeds - rows];
        let step = 2.0 * RANGE / N_STEPS as f64;
        let chances = (0..=N_STEPS).map(|i| chance(step * i as f64 - RANGE, spread.cell)).collect();
        Self { spread, location, accuracy, components, chances }
    }

    /// The true standard error of the mean over n seeds × m rows, and Satterthwaite's degrees of freedom for the true mean
    /// squares.
    pub fn error(&self, n_seeds: usize, n_rows: usize) -> (f64, f64) {
        let (n, m) = (n_seeds as f64, n_rows as f64);
        let [seeds, rows, cells] = self.components;
        let (of_seeds, of_rows) = (seeds / n + cells / (n * m), rows / m);
        let variance = of_seeds + of_rows;
        let df = variance * variance / (of_seeds * of_seeds / (n - 1.0) + of_rows * of_rows / (m - 1.0));
        (variance.sqrt(), df)
    }

    /// Scores of n seeds on rows of these shared effects (in logits); `draw` and `name` choose the random numbers.
    pub fn scores(&self, n_seeds: usize, rows: &[f64], name: &str, draw: u64) -> Scores {
        let stream = |purpose: &str| Seed(1).stream_at(purpose, name, draw);
        let own = normals(stream("own row"), rows.len());
        let by_row: Vec<f64> =
            rows.iter().zip(own).map(|(row, own)| self.location + row + self.spread.own_row * own).collect();
        let seeds = normals(stream("seed"), n_seeds);
        let n_blocks = rows.len().div_ceil(4);
        let cells = stream("cell");
        let mut words = vec![0; rows.len()];
        let by_seed: Vec<Vec<f64>> = seeds
            .iter()
            .enumerate()
            .map(|(i, seed)| {
                cells.fill((i * n_blocks) as u64, &mut words);
                let is_right = |(row, word): (&f64, &u32)| {
                    let chance = self.chance_at(row + self.spread.seed * seed);
                    f64::from(u8::from(f64::from(*word) < chance * 4_294_967_296.0))
                };
                by_row.iter().zip(&words).map(is_right).collect()
            })
            .collect();
        Scores::new(&by_seed).expect("seeds have the same rows")
    }

    /// The shared effects of rows.
    pub fn rows(&self, n_rows: usize, name: &str, draw: u64) -> Vec<f64> {
        let sd = self.spread.row;
        normals(Seed(1).stream_at("row", name, draw), n_rows).into_iter().map(|row| sd * row).collect()
    }

    fn chance_at(&self, logit: f64) -> f64 {
        let position = ((logit + RANGE) * (N_STEPS as f64 / (2.0 * RANGE))).clamp(0.0, N_STEPS as f64 - 1.0);
        let below = position as usize;
        let share = position - below as f64;
        self.chances[below] + share * (self.chances[below + 1] - self.chances[below])
    }
}

/// E logistic(location + sd·Z).
fn chance(location: f64, sd: f64) -> f64 {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    if sd == 0.0 { logistic(location) } else { expectation(|z| logistic(location + sd * z)) }
}

/// E f(Z) of a standard normal Z by the trapezoidal rule on −9..9, which converges exponentially for such integrands (Trefethen
/// & Weideman 2014, *The exponentially convergent trapezoidal rule*).
fn expectation(f: impl Fn(f64) -> f64) -> f64 {
    let step = 0.05;
    let sum: f64 = (-180..=180).map(|i| step * f64::from(i)).map(|z| f(z) * (-0.5 * z * z).exp()).sum();
    sum * step / std::f64::consts::TAU.sqrt()
}

fn normals(stream: Stream, n: usize) -> Vec<f64> {
    let mut words = vec![0; 2 * n];
    stream.fill(0, &mut words);
    words.as_chunks::<2>().0.iter().map(|[a, b]| normal(*a, *b)).collect()
}
