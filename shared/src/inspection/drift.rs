//! How far hidden states have moved: cosine similarity and linear centred kernel alignment.
//!
//! Both compare two models' hidden states of the same tokens, `[n, width]` row by row. Cosine sees every change of
//! direction. Linear CKA (Kornblith et al., *Similarity of Neural Network Representations Revisited*, 2019) does not see
//! a rotation or a common scale, which a later layer may undo, so it tells a signal that is gone from one that is only
//! written differently. It is biased towards 1 unless n is well above the width (Nguyen et al. 2021).

/// Numbers added side by side, so that the compiler may use vector instructions and the order of additions is fixed.
const LANES: usize = 8;

/// Mean over rows of `⟨a, b⟩ / (‖a‖·‖b‖)`. `None` without rows, when a value is not finite or a row is all 0.
#[must_use]
pub fn mean_cosine(a: &[f32], b: &[f32], width: usize) -> Option<f64> {
    let n_rows = a.len().checked_div(width).filter(|n| *n > 0 && a.len() == b.len())?;
    let cosines = a.chunks_exact(width).zip(b.chunks_exact(width)).map(|(a, b)| {
        let (a, b): (Vec<f64>, Vec<f64>) = (widened(a), widened(b));
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    });
    // NaN when any row's is.
    let mean = cosines.sum::<f64>() / n_rows as f64;
    mean.is_finite().then_some(mean)
}

/// The inner products of centred rows, `K = X·Xᵀ` with the mean of every column of X taken away.
#[derive(Clone, Debug)]
pub struct Gram {
    n_rows: usize,
    /// The lower triangle with its diagonal, row by row.
    lower: Vec<f64>,
    /// `‖K‖` by Frobenius.
    norm: f64,
}

impl Gram {
    /// Of `[n, width]` hidden states, in `n²·width/2` multiplications. `None` when a value is not finite, or all rows
    /// are the same, so that there is nothing to align.
    #[must_use]
    pub fn new(hidden: &[f32], width: usize) -> Option<Self> {
        let n_rows = hidden.len().checked_div(width)?;
        let mut means = vec![0.0; width];
        for row in hidden.chunks_exact(width) {
            means.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x) / n_rows as f64);
        }
        let rows: Vec<Vec<f64>> = hidden
            .chunks_exact(width)
            .map(|row| row.iter().zip(&means).map(|(x, mean)| f64::from(*x) - mean).collect())
            .collect();
        let lower: Vec<f64> =
            (0..n_rows).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| dot(&rows[i], &rows[j])).collect();
        let mut gram = Self { n_rows, lower, norm: 0.0 };
        gram.norm = gram.inner_product(&gram).sqrt();
        (gram.norm.is_finite() && gram.norm > 0.0).then_some(gram)
    }

    /// Linear CKA, `⟨K, L⟩ / (‖K‖·‖L‖)`, 0 to 1. `None` when the two have not the same number of rows.
    #[must_use]
    pub fn linear_cka(&self, other: &Self) -> Option<f64> {
        (self.n_rows == other.n_rows).then(|| self.inner_product(other) / (self.norm * other.norm))
    }

    /// `⟨K, L⟩` over the whole symmetric matrices.
    fn inner_product(&self, other: &Self) -> f64 {
        let mut start = 0;
        let mut sum = 0.0;
        for i in 0..self.n_rows {
            let (k, l) = (&self.lower[start..=start + i], &other.lower[start..=start + i]);
            sum += 2.0 * dot(&k[..i], &l[..i]) + k[i] * l[i];
            start += i + 1;
        }
        sum
    }
}

fn widened(row: &[f32]) -> Vec<f64> {
    row.iter().map(|x| f64::from(*x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    const TOLERANCE: f64 = 1e-9;

    fn random(n: usize, name: &str) -> Vec<f32> {
        let stream = Seed(5).stream("test", name);
        (0..n).map(|i| stream.normal_at(i as u64) as f32).collect()
    }

    fn cka(x: &[f32], x_width: usize, y: &[f32], y_width: usize) -> f64 {
        Gram::new(x, x_width).unwrap().linear_cka(&Gram::new(y, y_width).unwrap()).unwrap()
    }

    /// By hand, on the centred rows (−1, 0), (0, −1), (1, 1) and (−1), (−1), (2).
    #[test]
    fn linear_cka_equals_its_definition_by_features() {
        let (x, y) = ([0.0, 1.0, 1.0, 0.0, 2.0, 2.0], [0.0, 0.0, 3.0]);
        // ‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖): YᵀX = (3, 3), XᵀX = [[2, 1], [1, 2]], YᵀY = 6.
        let expected = 18.0 / (10.0_f64.sqrt() * 6.0);
        assert!((cka(&x, 2, &y, 1) - expected).abs() < TOLERANCE, "{}", cka(&x, 2, &y, 1));
    }

    #[test]
    fn a_rotation_a_scale_and_a_shift_are_not_seen_by_cka_but_by_cosine() {
        let (n, width) = (40, 2);
        let x = random(n * width, "x");
        let (sin, cos) = (libm::sinf(1.0), libm::cosf(1.0));
        let turned: Vec<f32> = x
            .chunks_exact(2)
            .flat_map(|row| [3.0 * (cos * row[0] - sin * row[1]) + 5.0, 3.0 * (sin * row[0] + cos * row[1]) - 2.0])
            .collect();
        assert!((cka(&x, width, &turned, width) - 1.0).abs() < 1e-6);
        assert!(mean_cosine(&x, &turned, width).unwrap() < 0.9);
        assert!((mean_cosine(&x, &x, width).unwrap() - 1.0).abs() < TOLERANCE);
        let negative: Vec<f32> = x.iter().map(|x| -2.0 * x).collect();
        assert!((mean_cosine(&x, &negative, width).unwrap() + 1.0).abs() < TOLERANCE);
    }

    #[test]
    fn unrelated_states_align_little_where_there_are_many_rows() {
        let (x, y) = (random(400 * 8, "x"), random(400 * 8, "y"));
        assert!(cka(&x, 8, &y, 8) < 0.1, "{}", cka(&x, 8, &y, 8));
    }

    #[test]
    fn what_is_not_a_number_or_the_same_everywhere_has_no_similarity() {
        let mut x = random(12, "x");
        assert!(mean_cosine(&x, &x[..8], 4).is_none());
        assert!(mean_cosine(&[], &[], 4).is_none());
        assert!(mean_cosine(&x, &[0.0; 12], 4).is_none());
        assert!(Gram::new(&[1.5; 12], 4).is_none());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            x[5] = bad;
            assert!(Gram::new(&x, 4).is_none());
            assert!(mean_cosine(&x, &x, 4).is_none());
        }
    }
}
