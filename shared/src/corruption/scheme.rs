//! The ways to damage a tensor.

use std::fmt;

/// How the selected values are damaged. Written `keyword[:value[,value]]` in a plan.
///
/// The first three re-initialise, as the paper does: matrices and look-up tables are drawn anew, LayerNorm weights
/// become 1 and biases 0. `fan_in` is the last dimension of the tensor (`[out, in]` for a linear layer, `[entries,
/// hidden]` for embeddings). Which values a fraction means is drawn for each value on its own: value `e` is chosen when
/// its own uniform number is below the fraction. So the number of chosen values is binomial around `fraction × n`, and
/// the report states it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// `kaiming`: `w ~ U(−b, b)`, `b = √(6 / fan_in)`: He-uniform for a ReLU (a = 0). He et al. 2015,
    /// *Delving deep into rectifiers*, arXiv:1502.01852, eq. 10.
    Kaiming,
    /// `kaiming-linear`: `w ~ U(−b, b)`, `b = 1 / √fan_in`: He-uniform with a = √5, which is what `torch.nn.Linear`
    /// starts from (`reset_parameters`). Its standard deviation is √6 times smaller than that of `kaiming`.
    KaimingLinear,
    /// `normal[:std]`: `w ~ N(0, std²)`, by default with BERT's own `initializer_range` 0.02 (Devlin et al. 2018).
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// `gaussian:relative_std`: `w ← w + ε`, `ε ~ N(0, (relative_std · σ)²)` with σ the standard deviation of that
    /// tensor's finite values. Values that are not finite stay as they are, and 0 changes no bit. Weight noise as in
    /// Graves 2011, *Practical variational inference for neural networks*, with a scale that each tensor sets itself.
    Gaussian {
        /// Noise in units of the tensor's standard deviation.
        relative_std: f64,
    },
    /// `zero:fraction`: chosen values become +0. Random pruning, the baseline of Han et al. 2015, *Learning both weights
    /// and connections*, arXiv:1506.02626.
    Zero {
        /// Probability of each value, 0 to 1.
        fraction: f64,
    },
    /// `shuffle:fraction`: the chosen values of a tensor change places among themselves by a uniform permutation
    /// (Fisher-Yates, one thread a tensor), so the tensor keeps its values and loses their places. Frankle et al. 2021, *Pruning neural
    /// networks at initialization*, arXiv:2009.08576, sect. 4 (random shuffling).
    Shuffle {
        /// Probability of each value to take part, 0 to 1.
        fraction: f64,
    },
    /// `signflip:fraction`: chosen values become `−w`. How much a sign carries: Zhou et al. 2019, *Deconstructing
    /// lottery tickets*, arXiv:1905.01067.
    SignFlip {
        /// Probability of each value, 0 to 1.
        fraction: f64,
    },
    /// `bitflip:rate[,field]`: each bit of the field of each value, as an IEEE 754 binary32, flips with probability
    /// `rate`, exactly to 2^−64. Memory faults as in Hong et al. 2019, *Terminal brain damage*, arXiv:1906.01017.
    ///
    /// It costs about seven random words a value whatever the rate, two for a single bit: measured about 25 and 15 ns of
    /// processor time a value, against 2 ns for `kaiming`.
    BitFlip {
        /// Probability of each bit, 0 to 1.
        rate: f64,
        /// The bits that may flip.
        field: BitField,
    },
    /// `quantize:bits`: `w ← s · round(w / s)` with `s = max|w| / (2^(bits−1) − 1)`, rounded half to even: symmetric
    /// fake quantisation of a whole tensor, as in Q8BERT (Zafrir et al. 2019, arXiv:1910.06188, eq. 1), computed in f64.
    /// One bit has no step: `w ← ±mean|w|` with `w`'s sign (0 counts as positive), the best two-level approximation
    /// (Rastegari et al. 2016, *XNOR-Net*, arXiv:1603.05279, eq. 6). Values that are not finite stay as they are and
    /// do not count in max and mean.
    Quantize {
        /// 1 to 16.
        bits: u32,
    },
    /// `permute`: the selected encoder layers change places by a random cycle (Sattolo 1986), so each of them moves. With
    /// components only those parts of the layers do. The test of Sun et al. 2024, *Transformer layers as painters*,
    /// arXiv:2407.09298.
    Permute,
}

/// The bits of an IEEE 754 binary32 that `bitflip` may flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitField {
    /// All 32; what is meant without a field.
    All,
    /// Bit 31.
    Sign,
    /// Bits 23 to 30.
    Exponent,
    /// Bits 0 to 22.
    Mantissa,
    /// `bit0` (the least significant) to `bit31` (the sign).
    Bit(u32),
}

impl BitField {
    /// The bits of the field.
    #[must_use]
    pub fn mask(self) -> u32 {
        match self {
            Self::All => u32::MAX,
            Self::Sign => 0x8000_0000,
            Self::Exponent => 0x7f80_0000,
            Self::Mantissa => 0x007f_ffff,
            Self::Bit(bit) => 1 << bit,
        }
    }
}

/// BERT's `initializer_range`.
pub(super) const DEFAULT_STD: f64 = 0.02;

impl Scheme {
    /// Every keyword, as error messages list them.
    pub(super) const KEYWORDS: &'static str =
        "kaiming, kaiming-linear, normal, gaussian, zero, shuffle, signflip, bitflip, quantize or permute";

    /// The scheme's name in a plan, without its values.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Kaiming => "kaiming",
            Self::KaimingLinear => "kaiming-linear",
            Self::Normal { .. } => "normal",
            Self::Gaussian { .. } => "gaussian",
            Self::Zero { .. } => "zero",
            Self::Shuffle { .. } => "shuffle",
            Self::SignFlip { .. } => "signflip",
            Self::BitFlip { .. } => "bitflip",
            Self::Quantize { .. } => "quantize",
            Self::Permute => "permute",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        match *self {
            Self::Kaiming | Self::KaimingLinear | Self::Permute => Ok(()),
            Self::Normal { std } if std == DEFAULT_STD => Ok(()),
            Self::Normal { std: value }
            | Self::Gaussian { relative_std: value }
            | Self::Zero { fraction: value }
            | Self::Shuffle { fraction: value }
            | Self::SignFlip { fraction: value } => write!(f, ":{}", Decimal(value)),
            Self::BitFlip { rate, field } => write!(f, ":{}{field}", Decimal(rate)),
            Self::Quantize { bits } => write!(f, ":{bits}"),
        }
    }
}

impl fmt::Display for BitField {
    /// As it follows the rate: `,exponent`; nothing for all bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Sign => f.write_str(",sign"),
            Self::Exponent => f.write_str(",exponent"),
            Self::Mantissa => f.write_str(",mantissa"),
            Self::Bit(bit) => write!(f, ",bit{bit}"),
        }
    }
}

/// A number's canonical form: the fewest digits that read back as the same f64.
pub(super) struct Decimal(pub(super) f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || (1e-4..1e6).contains(&self.0) { write!(f, "{}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}
