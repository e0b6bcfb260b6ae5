//! The scheme that moves values within a tensor.

use super::chance::Chance;
use super::statistics::Tally;
use super::tensor::{Key, Region, TensorMut};

/// Permutes the chosen values that lie in `region`, or in the whole tensor. It takes about 16 bytes of memory a value.
pub(super) fn apply(fraction: f64, key: Key, tensor: &mut TensorMut<'_>, region: Option<&Region>) -> Tally {
    let (chosen, order) = (key.stream(""), key.stream("/order"));
    let chance = Chance::new(fraction);
    let mut positions = Vec::new();
    for group in 0..tensor.data.len().div_ceil(32) {
        let mut bits = chance.bits(&chosen, group as u64, u32::MAX);
        while bits != 0 {
            let position = 32 * group + bits.trailing_zeros() as usize;
            if position < tensor.data.len() && region.is_none_or(|region| region.contains(position)) {
                positions.push(position);
            }
            bits &= bits - 1;
        }
    }
    let before = tensor.data.to_vec();
    let mut values: Vec<f32> = positions.iter().map(|position| before[*position]).collect();
    order.shuffle(&mut values);
    for (position, value) in positions.into_iter().zip(values) {
        tensor.data[position] = value;
    }
    Tally::of_tensor(&before, tensor.data)
}
