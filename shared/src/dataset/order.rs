//! Which rows go into which batch, and in which order batches come.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::random::Seed;

/// How an epoch's rows are put into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// Rows of like length together, so that little padding is computed.
    ByLength,
    /// In plain shuffled order.
    Shuffled,
}

/// The most batches whose rows are sorted together: `mega_batch_mult` of Hugging Face's `LengthGroupedSampler`.
const MEGABATCH_BATCHES: usize = 50;

/// The batches of epoch `epoch` (from 0) as row indices; every row is in exactly one, all but one batch are full.
///
/// [`Grouping::ByLength`] follows `transformers.trainer_pt_utils.get_length_grouped_indices`: the shuffled rows are cut
/// into megabatches of `min(50, n / (4 · batch_size))` batches, at least one, each sorted by descending length. Two
/// deviations: there the batches of a megabatch come in descending length, which ties a batch's length to its learning
/// rate, here all batches are shuffled; and the longest row does not go first, where warm-up would give it learning
/// rate 0. `lengths` are in tokens.
///
/// # Panics
/// When `batch_size` is 0.
#[must_use]
pub fn epoch_batches(
    lengths: &[usize],
    batch_size: usize,
    seed: Seed,
    epoch: u64,
    grouping: Grouping,
) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    seed.stream_at("data/epoch", "rows", epoch).shuffle(&mut rows);
    if grouping == Grouping::Shuffled {
        return in_batches(&rows, batch_size);
    }
    let n_batches = (lengths.len() / (batch_size * 4)).clamp(1, MEGABATCH_BATCHES);
    for megabatch in rows.chunks_mut(n_batches * batch_size) {
        // Stable, so that rows of one length stay shuffled.
        megabatch.sort_by_key(|&row| Reverse(lengths[row]));
    }
    let mut batches = in_batches(&rows, batch_size);
    seed.stream_at("data/epoch", "batches", epoch).shuffle(&mut batches);
    batches
}

/// Batches for evaluation: all rows by descending length, ties in row order. The longest come first, so that what does
/// not fit into memory fails at once.
///
/// # Panics
/// When `batch_size` is 0.
#[must_use]
pub fn evaluation_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    rows.sort_by_key(|&row| Reverse(lengths[row]));
    in_batches(&rows, batch_size)
}

fn in_batches(rows: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    rows.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lengths between 3 and 128 without order.
    fn lengths(n: usize) -> Vec<usize> {
        let stream = Seed(9).stream("test", "lengths");
        (0..n).map(|row| 3 + stream.below_at(row as u64, 126) as usize).collect()
    }

    fn padded(batches: &[Vec<usize>], lengths: &[usize]) -> usize {
        batches.iter().map(|batch| batch.len() * batch.iter().map(|&row| lengths[row]).max().unwrap()).sum()
    }

    #[test]
    fn grouping_by_length_leaves_little_padding() {
        let lengths = lengths(4000);
        let of = |grouping| padded(&epoch_batches(&lengths, 32, Seed(1), 0, grouping), &lengths);
        let real: usize = lengths.iter().sum();
        let (grouped, shuffled) = (of(Grouping::ByLength), of(Grouping::Shuffled));
        assert!(grouped < real * 21 / 20, "{grouped} cells for {real} tokens");
        assert!(shuffled > real * 3 / 2, "{shuffled} cells for {real} tokens");
    }

    #[test]
    fn batch_lengths_do_not_trend_within_an_epoch() {
        let lengths = lengths(4000);
        let batches = epoch_batches(&lengths, 32, Seed(1), 0, Grouping::ByLength);
        let longest: Vec<usize> =
            batches.iter().map(|batch| batch.iter().map(|&row| lengths[row]).max().unwrap()).collect();
        let n_longer = longest.windows(2).filter(|pair| pair[0] < pair[1]).count();
        // Descending megabatches would get longer only at their four starts, of 125 batches.
        assert!((40..85).contains(&n_longer), "{n_longer} of {} batches are longer than the one before", batches.len());
    }

    #[test]
    fn epochs_and_seeds_have_orders_of_their_own() {
        let lengths = lengths(300);
        for grouping in [Grouping::ByLength, Grouping::Shuffled] {
            let order = |seed, epoch| epoch_batches(&lengths, 16, Seed(seed), epoch, grouping);
            assert_eq!(order(1, 0), order(1, 0));
            assert_ne!(order(1, 0), order(1, 1));
            assert_ne!(order(1, 0), order(2, 0));
        }
    }

    #[test]
    fn evaluation_goes_from_long_to_short() {
        assert_eq!(evaluation_batches(&[3, 9, 3, 5], 2), [vec![1, 3], vec![0, 2]]);
        assert!(evaluation_batches(&[], 4).is_empty());
    }

    proptest! {
        #[test]
        fn every_row_is_in_exactly_one_batch(
            lengths in prop::collection::vec(1_usize..40, 0..300), batch_size in 1_usize..40, epoch in 0_u64..3,
        ) {
            for batches in [
                epoch_batches(&lengths, batch_size, Seed(0), epoch, Grouping::ByLength),
                epoch_batches(&lengths, batch_size, Seed(0), epoch, Grouping::Shuffled),
                evaluation_batches(&lengths, batch_size),
            ] {
                prop_assert_eq!(batches.len(), lengths.len().div_ceil(batch_size));
                let mut rows = batches.concat();
                rows.sort_unstable();
                prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            }
        }
    }
}
