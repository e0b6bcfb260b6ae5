//! What computed a run, as far as that decides its bits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::training::Precision;

/// The second name of a run, beside its [`RunId`](super::RunId): two runs with both equal have the same bits, whatever
/// their numbers of threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numerics {
    /// `cpu` or `cuda`.
    pub device_kind: String,
    /// The instructions that products and loops are made of, such as `avx512`, `gemm-avx2` or `wasm-simd128`; on a GPU its
    /// name.
    pub instruction_set: String,
    /// `fused` or `composite`; see [`crate::nn::Kernel`].
    pub kernels: String,
    /// The number format of matrix products.
    pub dtype: Precision,
}

impl Numerics {
    /// The first field that differs, with both values: what is there, and what this process would compute with.
    #[must_use]
    pub fn difference(&self, now: &Self) -> Option<String> {
        let dtype = |numerics: &Self| format!("{:?}", numerics.dtype).to_lowercase();
        [
            ("device kind", self.device_kind.clone(), now.device_kind.clone()),
            ("instruction set", self.instruction_set.clone(), now.instruction_set.clone()),
            ("kernels", self.kernels.clone(), now.kernels.clone()),
            ("dtype", dtype(self), dtype(now)),
        ]
        .into_iter()
        .find(|(_, there, now)| there != now)
        .map(|(field, there, now)| format!("{field} is {there} there but {now} here"))
    }
}

impl fmt::Display for Numerics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device_kind, instruction_set, kernels, dtype } = self;
        write!(f, "{device_kind}, {instruction_set}, {kernels} kernels, {}", format!("{dtype:?}").to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_that_differs_is_named_with_both_values() {
        let numerics = Numerics {
            device_kind: "cpu".into(),
            instruction_set: "avx512".into(),
            kernels: "fused".into(),
            dtype: Precision::F32,
        };
        assert_eq!(numerics.difference(&numerics), None);
        let other = Numerics { instruction_set: "gemm-avx2".into(), ..numerics.clone() };
        assert_eq!(numerics.difference(&other).unwrap(), "instruction set is avx512 there but gemm-avx2 here");
        let other = Numerics { dtype: Precision::Bf16, ..numerics.clone() };
        assert_eq!(numerics.difference(&other).unwrap(), "dtype is f32 there but bf16 here");
        assert_eq!(numerics.to_string(), "cpu, avx512, fused kernels, f32");
    }
}
