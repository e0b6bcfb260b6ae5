//! Which instructions the operations on a CPU are made of, and how to choose others.
//!
//! The last bits of a result depend on it, so a record names it ([`InstructionSet::as_str`]), and tests reach every path
//! on one machine by the environment variable `BERT_HEAL_ISA`:
//!
//! | value | matrix products | loops |
//! | --- | --- | --- |
//! | `avx512` | tiles of AVX-512 | AVX-512 |
//! | `avx2` | tiles of AVX2 and FMA | AVX2 |
//! | `neon` | tiles of NEON | NEON |
//! | `gemm` | the gemm crate, with the widest vectors it knows here | AVX2 at most, NEON on aarch64 |
//! | `scalar` | plain Rust | plain Rust |
//!
//! Without the variable it is the first of `avx512` and `avx2` that the processor has, else `gemm`: the speed of `neon` has not
//! been measured (`docs/speed-cpu.md`). A browser has tiles of its own and no environment. The choice is made once, at the
//! first operation.

use std::sync::OnceLock;

use crate::error::{Error, Result};

/// What multiplies matrices and runs the loops between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// This crate's own tiles for x86-64 processors with AVX-512.
    Avx512,
    /// This crate's own tiles for x86-64 processors with AVX2 and FMA.
    Avx2,
    /// This crate's own tiles for aarch64 processors.
    Neon,
    /// The gemm crate.
    Gemm,
    /// Plain Rust, for tests: slow, and the same on every machine.
    Scalar,
    /// This crate's own tiles for WebAssembly.
    Wasm,
}

/// The set of this process and the loops that go with it.
static CHOICE: OnceLock<(InstructionSet, pulp::Arch)> = OnceLock::new();

impl InstructionSet {
    /// The environment variable that chooses.
    pub const VARIABLE: &str = "BERT_HEAL_ISA";

    /// Values of [`InstructionSet::VARIABLE`].
    const BY_NAME: [(&str, Self); 5] = [
        ("avx512", Self::Avx512),
        ("avx2", Self::Avx2),
        ("neon", Self::Neon),
        ("gemm", Self::Gemm),
        ("scalar", Self::Scalar),
    ];

    /// The set that this process uses, the same from its first call on.
    ///
    /// # Panics
    /// When [`InstructionSet::from_env`] fails at the first call: a program asks that one first.
    #[must_use]
    #[inline]
    pub fn current() -> Self {
        // Known to the compiler there, so that a page has no code for the others.
        if cfg!(target_arch = "wasm32") { Self::Wasm } else { choice().0 }
    }

    /// The set that the environment asks for now, else the best one of this machine.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] when `BERT_HEAL_ISA` has no such value or the processor lacks what it names.
    pub fn from_env() -> Result<Self> {
        let asked = std::env::var_os(Self::VARIABLE).map(|value| value.to_string_lossy().into_owned());
        Self::choose(asked.as_deref())
    }

    fn choose(asked: Option<&str>) -> Result<Self> {
        if cfg!(target_arch = "wasm32") {
            return Ok(Self::Wasm);
        }
        let available = || Self::BY_NAME.into_iter().filter(|(_, set)| set.is_available());
        let Some(value) = asked else {
            return Ok([Self::Avx512, Self::Avx2].into_iter().find(|set| set.is_available()).unwrap_or(Self::Gemm));
        };
        available().find(|(name, _)| *name == value).map(|(_, set)| set).ok_or_else(|| Error::InstructionSet {
            value: value.to_owned(),
            available: available().map(|(name, _)| name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether it can run on this machine.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            // The tiles, and the loops beside them.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => has_avx512() && matches!(pulp::Arch::new(), pulp::Arch::V4(_)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => has_avx2() && pulp::x86::V3::try_new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => has_neon() && matches!(pulp::Arch::new(), pulp::Arch::Neon(_)),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon => false,
            Self::Gemm | Self::Scalar => cfg!(not(target_arch = "wasm32")),
            Self::Wasm => cfg!(target_arch = "wasm32"),
        }
    }

    /// Whether it has products of factors that are rounded to bf16, on this processor.
    #[must_use]
    pub fn multiplies_bf16(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => has_avx512_bf16(),
            _ => false,
        }
    }

    /// A name for records that says all about the processor's instructions that results depend on: two machines where it
    /// is the same round alike.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Gemm => gemm_name(),
            Self::Scalar => "scalar",
            Self::Wasm if cfg!(feature = "relaxed-simd") => "wasm-relaxed-simd",
            Self::Wasm => "wasm-simd128",
        }
    }

    /// The loops that go with it.
    fn arch(self) -> pulp::Arch {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Gemm => pulp::x86::V3::try_new().map_or(pulp::Arch::Scalar, pulp::Arch::V3),
            Self::Scalar => pulp::Arch::Scalar,
            _ => pulp::Arch::new(),
        }
    }
}

/// Whether this processor has all the instructions that AVX-512 code is compiled with; asked once, since every tile asks.
///
/// Rust takes `avx512f` to include the other three, but what hides one feature of a processor need not hide the others.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx512() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("f16c")
    })
}

/// Whether this processor has, besides [`has_avx512`], the instructions of products of bf16.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx512_bf16() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE
        .get_or_init(|| has_avx512() && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512bf16"))
}

/// Whether this processor has all the instructions that AVX2 code is compiled with.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx2() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
}

/// Whether this processor has all the instructions that NEON code is compiled with.
#[cfg(target_arch = "aarch64")]
pub(crate) fn has_neon() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
}

/// The name of products by gemm, which takes the widest vectors of the processor that `pulp` finds.
fn gemm_name() -> &'static str {
    match pulp::Arch::new() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(_) => "gemm-avx512",
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(_) => "gemm-avx2",
        #[cfg(target_arch = "aarch64")]
        pulp::Arch::Neon(_) => "gemm-neon",
        _ => "gemm-scalar",
    }
}

/// What every vectorised loop is dispatched with, in place of `pulp::Arch::new()`.
#[inline]
pub(crate) fn arch() -> pulp::Arch {
    if cfg!(target_arch = "wasm32") { pulp::Arch::new() } else { choice().1 }
}

#[inline]
fn choice() -> (InstructionSet, pulp::Arch) {
    *CHOICE.get_or_init(|| {
        let set = InstructionSet::from_env().unwrap_or_else(|error| panic!("{error}"));
        (set, set.arch())
    })
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn every_value_chooses_its_set_or_is_refused_where_the_processor_lacks_it() {
        for (name, set) in InstructionSet::BY_NAME {
            match InstructionSet::choose(Some(name)) {
                Ok(chosen) => assert!(chosen == set && set.is_available(), "{name}"),
                Err(error) => assert!(!set.is_available(), "{error}"),
            }
        }
        let best = InstructionSet::choose(None).unwrap();
        match best {
            InstructionSet::Avx512 => {}
            InstructionSet::Avx2 => assert!(!InstructionSet::Avx512.is_available()),
            other => assert!(other == InstructionSet::Gemm && !InstructionSet::Avx2.is_available()),
        }
    }

    #[test]
    fn another_value_is_refused_with_those_that_would_do() {
        for value in ["", "sse2", "AVX512", "wasm"] {
            let message = InstructionSet::choose(Some(value)).unwrap_err().to_string();
            let expected = format!("BERT_HEAL_ISA is {value:?}; expected avx512, avx2, neon, gemm or scalar, of which");
            assert!(message.starts_with(&expected) && message.ends_with("gemm, scalar"), "{message}");
        }
    }

    /// What the name promises of the loops: no wider vectors than the set has.
    #[test]
    fn loops_are_as_wide_as_their_set_says() {
        struct Lanes;
        impl pulp::WithSimd for Lanes {
            type Output = usize;
            fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        let lanes = |set: InstructionSet| set.arch().dispatch(Lanes);
        assert_eq!(lanes(InstructionSet::Scalar), 1);
        assert!(lanes(InstructionSet::Gemm) <= 8 && lanes(InstructionSet::Avx2) <= 8);
        if InstructionSet::Neon.is_available() {
            assert_eq!([InstructionSet::Neon, InstructionSet::Gemm].map(lanes), [4, 4]);
            assert_eq!(InstructionSet::Gemm.as_str(), "gemm-neon");
        }
        if InstructionSet::Avx512.is_available() {
            assert_eq!(lanes(InstructionSet::Avx512), 16);
            assert_eq!(InstructionSet::Gemm.as_str(), "gemm-avx512");
        }
        assert_eq!(arch().dispatch(Lanes), lanes(InstructionSet::current()));
    }
}
