//! Shapley values: a difference shared out among those who made it (Shapley, *A Value for n-Person Games*, 1953).

/// The Shapley value of each of `n` players. `worth` has the worth of every coalition, the one of players `i, j, …` at
/// `2^i + 2^j + …`: `[2^n]`.
///
/// `φ_i = Σ_S |S|!·(n−|S|−1)!/n! · (v(S ∪ {i}) − v(S))` over the coalitions without `i`: what `i` adds, averaged over all
/// orders in which the players can come. The values sum to `v(all) − v(none)`.
///
/// ```
/// // A pair of gloves: player 0 has a left one, players 1 and 2 have a right one each.
/// let worth = [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0];
/// let values = shared::surgery::shapley_values(3, &worth);
/// assert!(values.iter().zip([4.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]).all(|(a, b)| (a - b).abs() < 1e-15));
/// ```
///
/// # Panics
/// When `worth` has not `2^n` numbers.
#[must_use]
pub fn shapley_values(n: usize, worth: &[f64]) -> Vec<f64> {
    assert_eq!(worth.len(), 1 << n, "a game of {n} players has 2^{n} coalitions");
    let weights: Vec<f64> = (0..n).map(|size| 1.0 / (n as f64 * binomial(n - 1, size))).collect();
    let value = |player: usize| {
        let without = (0..worth.len()).filter(|coalition| coalition >> player & 1 == 0);
        without
            .map(|coalition| {
                let added = worth[coalition | 1 << player] - worth[coalition];
                weights[coalition.count_ones() as usize] * added
            })
            .sum()
    };
    (0..n).map(value).collect()
}

/// What each player adds when they come in this order: `[n]`, by player. It sums to `v(all) − v(none)` as well, and its mean
/// over all orders is the Shapley value. `worth_of` is asked for the coalition of the first `0, 1, …, n` players.
#[must_use]
pub fn value_in_order(order: &[usize], mut worth_of: impl FnMut(u64) -> f64) -> Vec<f64> {
    let mut values = vec![0.0; order.len()];
    let (mut coalition, mut before) = (0, worth_of(0));
    for &player in order {
        coalition |= 1 << player;
        let after = worth_of(coalition);
        values[player] = after - before;
        before = after;
    }
    values
}

/// n over k.
fn binomial(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    const TOLERANCE: f64 = 1e-12;

    fn random_game(n: usize) -> Vec<f64> {
        let stream = Seed(3).stream("test", "game");
        (0..1 << n).map(|coalition| stream.normal_at(coalition)).collect()
    }

    fn orders(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let with = |order: Vec<usize>| {
            (0..n).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, n - 1);
                longer
            })
        };
        orders(n - 1).into_iter().flat_map(with).collect()
    }

    #[test]
    fn a_shapley_value_is_the_mean_over_all_orders_and_they_sum_to_the_difference() {
        for n in 1..=6 {
            let worth = random_game(n);
            let values = shapley_values(n, &worth);
            let orders = orders(n);
            let mut means = vec![0.0; n];
            for order in &orders {
                let added = value_in_order(order, |coalition| worth[coalition as usize]);
                means.iter_mut().zip(added).for_each(|(mean, added)| *mean += added / orders.len() as f64);
            }
            assert!(values.iter().zip(&means).all(|(a, b)| (a - b).abs() < TOLERANCE), "{values:?} {means:?}");
            let difference = worth[worth.len() - 1] - worth[0];
            assert!((values.iter().sum::<f64>() - difference).abs() < TOLERANCE);
        }
    }

    #[test]
    fn who_never_adds_anything_has_nothing_and_equals_have_the_same() {
        // Player 2 adds nothing; 0 and 1 are worth something only together.
        let worth: Vec<f64> = (0..8_u32).map(|coalition| if coalition & 3 == 3 { 5.0 } else { 0.0 }).collect();
        assert_eq!(shapley_values(3, &worth), [2.5, 2.5, 0.0]);
    }
}
