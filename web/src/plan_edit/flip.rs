//! Single bits in the text of a plan.

use shared::corruption::WeightBit;

/// The plan with a step that flips this bit at its end, or without that step if it was there. `of_tensor` is a plan that flips
/// a bit of the same tensor; none when it is not.
#[must_use]
pub fn toggled_flip(plan: &str, of_tensor: &str, weight: WeightBit) -> Option<String> {
    let (_, selection) = of_tensor.split_once('@')?;
    let step = format!("flip:{weight}@{selection}");
    let mut steps: Vec<&str> =
        plan.split(';').map(str::trim).filter(|step| !step.is_empty() && *step != "none").collect();
    let n_before = steps.len();
    steps.retain(|before| *before != step);
    if steps.len() == n_before {
        steps.push(&step);
    }
    Some(steps.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_bit_is_flipped_once_and_flipped_back() {
        let of_tensor = "flip:0.0,bit0@layers:0/attention.query";
        let weight = WeightBit { row: 3, column: Some(17), bit: 30 };
        let once = toggled_flip("kaiming@bottom:1L; ", of_tensor, weight).unwrap();
        assert_eq!(once, "kaiming@bottom:1L;flip:3.17,bit30@layers:0/attention.query");
        assert_eq!(toggled_flip(&once, of_tensor, weight).unwrap(), "kaiming@bottom:1L");
        let other = toggled_flip(&once, of_tensor, WeightBit { bit: 3, ..weight }).unwrap();
        assert!(other.ends_with("bit30@layers:0/attention.query;flip:3.17,bit3@layers:0/attention.query"), "{other}");
        assert_eq!(toggled_flip("none", of_tensor, weight).unwrap(), "flip:3.17,bit30@layers:0/attention.query");
    }
}
