//! Seeded, stratified choices of rows: subsets for a limit, and parts carved out of train.
//!
//! Within a class the rows are shuffled by a stream of the class's own and the first ones taken, so one class's choice
//! does not move when another's rows change, and a larger limit keeps what a smaller one chose (as far as rounding
//! between classes lets it).

use super::{Example, Split};
use crate::random::Seed;

/// What a part of train is held out for; each has its own random stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarveOut {
    /// A validation split where there is none.
    Validation,
    /// A test split where there is none.
    Test,
    /// Choosing when to stop, which must not look at the split that is reported.
    EarlyStopping,
}

impl CarveOut {
    /// The share of the rows that is held out.
    pub const SHARE: f64 = 0.1;

    fn purpose(self) -> &'static str {
        match self {
            Self::Validation => "data/carve validation",
            Self::Test => "data/carve test",
            Self::EarlyStopping => "data/carve early stopping",
        }
    }
}

/// The two parts of a carved split, each in the order the rows had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carved {
    /// What is left to train on.
    pub kept: Vec<Example>,
    /// What is held out.
    pub held_out: Vec<Example>,
}

/// Holds out a tenth of the rows, rounded, at least one, stratified; each class that has two rows or more is in both
/// parts as long as the tenth has room for it, and a class with one row is kept.
#[must_use]
pub fn carve_out(examples: Vec<Example>, carve_out: CarveOut, seed: Seed) -> Carved {
    let n = ((examples.len() as f64 * CarveOut::SHARE).round() as usize).max(1);
    let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
    let chosen = choose(&labels, n, Leave::OneOfEachClass, seed, carve_out.purpose());
    let mut chosen = chosen.into_iter().peekable();
    let mut carved = Carved { kept: Vec::new(), held_out: Vec::new() };
    for (index, example) in examples.into_iter().enumerate() {
        if chosen.next_if_eq(&index).is_some() {
            carved.held_out.push(example);
        } else {
            carved.kept.push(example);
        }
    }
    carved
}

/// At most `n` rows, stratified, in the order they had; all rows when there are no more.
#[must_use]
pub fn limit(examples: Vec<Example>, n: usize, seed: Seed, split: Split) -> Vec<Example> {
    if n >= examples.len() {
        return examples;
    }
    let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
    let purpose = format!("data/limit {split}");
    let mut chosen = stratified_sample(&labels, n, seed, &purpose).into_iter().peekable();
    examples.into_iter().enumerate().filter_map(|(index, example)| chosen.next_if_eq(&index).map(|_| example)).collect()
}

/// The ascending indices of `n` rows (of all, when there are fewer) whose labels keep their proportions.
///
/// Each class gets its share of `n` by the largest-remainder method (ties to the lower label), then classes without a
/// row get one from the largest as long as `n` allows.
#[must_use]
pub fn stratified_sample(labels: &[u32], n: usize, seed: Seed, purpose: &str) -> Vec<usize> {
    choose(labels, n, Leave::Nothing, seed, purpose)
}

/// What a sample must leave behind.
#[derive(Clone, Copy)]
enum Leave {
    Nothing,
    OneOfEachClass,
}

fn choose(labels: &[u32], n: usize, leave: Leave, seed: Seed, purpose: &str) -> Vec<usize> {
    let n_labels = labels.iter().max().map_or(0, |&highest| highest as usize + 1);
    let mut rows_of_class: Vec<Vec<usize>> = vec![Vec::new(); n_labels];
    for (index, &label) in labels.iter().enumerate() {
        rows_of_class[label as usize].push(index);
    }
    let counts: Vec<usize> = rows_of_class.iter().map(Vec::len).collect();
    let room: Vec<usize> = counts
        .iter()
        .map(|&count| match leave {
            Leave::Nothing => count,
            Leave::OneOfEachClass => count.saturating_sub(1),
        })
        .collect();

    let mut chosen = Vec::with_capacity(n.min(labels.len()));
    for (label, (mut rows, take)) in rows_of_class.into_iter().zip(apportion(&counts, &room, n)).enumerate() {
        seed.stream(purpose, &format!("class {label}")).shuffle(&mut rows);
        chosen.extend_from_slice(&rows[..take]);
    }
    chosen.sort_unstable();
    chosen
}

/// How many of `n` rows each class gives: in proportion to `counts`, at most `room`, at least one where possible.
///
/// Of classes with 6, 3 and 1 rows, 5 are to be 3, 1.5 and 0.5. That is 3, 2 and 0, since of equal remainders the first
/// is rounded up; the last class then gets a row of the largest one: `[2, 2, 1]`.
fn apportion(counts: &[usize], room: &[usize], n: usize) -> Vec<usize> {
    let n = n.min(room.iter().sum());
    let total: usize = counts.iter().sum();
    if n == 0 {
        return vec![0; counts.len()];
    }
    // n·count/total in whole numbers, so that no target rounds differently.
    let product = |label: usize| n as u128 * counts[label] as u128;
    let mut shares: Vec<usize> =
        (0..counts.len()).map(|label| ((product(label) / total as u128) as usize).min(room[label])).collect();

    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&label| (std::cmp::Reverse(product(label) % total as u128), label));
    // More than one round is only needed when some classes have no room for their share.
    while shares.iter().sum::<usize>() < n {
        for &label in &by_remainder {
            if shares.iter().sum::<usize>() < n && shares[label] < room[label] {
                shares[label] += 1;
            }
        }
    }

    for label in 0..shares.len() {
        if shares[label] == 0 && room[label] > 0 {
            let largest = (0..shares.len()).rev().max_by_key(|&other| shares[other]).unwrap_or(label);
            if shares[largest] > 1 {
                shares[largest] -= 1;
                shares[label] = 1;
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::tests::examples;

    #[test]
    fn shares_follow_the_largest_remainder_and_give_every_class_a_row() {
        let share = |counts: &[usize], n: usize| apportion(counts, counts, n);
        // Quotas 4.7, 3.0, 2.3: floors 4, 3, 2 and the last row to the largest remainder.
        assert_eq!(share(&[47, 30, 23], 10), [5, 3, 2]);
        // Quotas 9.8, 0.1, 0.1.
        assert_eq!(share(&[98, 1, 1], 10), [8, 1, 1]);
        assert_eq!(share(&[50, 0, 50], 4), [2, 0, 2]);
        assert_eq!(share(&[10, 10, 10], 2), [1, 1, 0]);
        assert_eq!(share(&[1, 2, 3], 99), [1, 2, 3]);
        // No room in the first class: its share goes to the second.
        assert_eq!(apportion(&[10, 10], &[1, 9], 6), [1, 5]);
    }

    #[test]
    fn carving_parts_the_rows_in_their_order_and_depends_on_the_purpose() {
        let rows = examples(200, 4);
        let carved = carve_out(rows.clone(), CarveOut::EarlyStopping, Seed(5));
        assert_eq!((carved.kept.len(), carved.held_out.len()), (180, 20));
        for label in 0..4 {
            assert_eq!(carved.held_out.iter().filter(|row| row.label == label).count(), 5);
        }
        let (mut kept, mut held_out) = (carved.kept.iter().peekable(), carved.held_out.iter().peekable());
        for row in &rows {
            assert!(kept.next_if_eq(&row).is_some() || held_out.next_if_eq(&row).is_some(), "order kept, none lost");
        }
        assert_eq!(carve_out(rows.clone(), CarveOut::EarlyStopping, Seed(5)), carved);
        assert_ne!(carve_out(rows.clone(), CarveOut::EarlyStopping, Seed(6)), carved);
        assert_ne!(carve_out(rows, CarveOut::Test, Seed(5)), carved);
    }

    #[test]
    fn a_class_with_one_row_stays_in_train() {
        let mut rows = examples(99, 2);
        rows.push(Example::of_one_text("the only one".into(), 2));
        for seed in 0..20 {
            let carved = carve_out(rows.clone(), CarveOut::Test, Seed(seed));
            assert_eq!((carved.kept.len(), carved.held_out.len()), (90, 10));
            assert!(carved.kept.iter().any(|row| row.label == 2));
        }
    }

    #[test]
    fn a_larger_limit_keeps_the_rows_of_a_smaller_one() {
        let small = limit(examples(100, 2), 10, Seed(1), Split::Train);
        let large = limit(examples(100, 2), 50, Seed(1), Split::Train);
        assert_eq!((small.len(), large.len()), (10, 50));
        assert!(small.iter().all(|row| large.contains(row)));
        assert_ne!(limit(examples(100, 2), 10, Seed(2), Split::Train), small);
        assert_ne!(limit(examples(100, 2), 10, Seed(1), Split::Test), small);
    }

    proptest! {
        #[test]
        fn samples_have_their_size_and_every_class_when_there_is_room(
            labels in prop::collection::vec(0_u32..6, 1..200), n in 0_usize..250, seed in 0_u64..100,
        ) {
            let chosen = stratified_sample(&labels, n, Seed(seed), "test");
            prop_assert_eq!(chosen.len(), n.min(labels.len()));
            prop_assert!(chosen.is_sorted_by(|a, b| a < b));
            let present = |rows: &[u32]| (0..6).filter(|label| rows.contains(label)).count();
            let picked: Vec<u32> = chosen.iter().map(|&i| labels[i]).collect();
            prop_assert_eq!(present(&picked), present(&labels).min(n));
            let carved = carve_out(
                labels.iter().map(|&label| Example::of_one_text(String::new(), label)).collect(),
                CarveOut::Validation,
                Seed(seed),
            );
            let kept: Vec<u32> = carved.kept.iter().map(|row| row.label).collect();
            prop_assert_eq!(present(&kept), present(&labels));
        }
    }
}
