//! The ways to damage a tensor: one variant with its equation, and one entry with all that the program says of it.

use std::fmt;

use super::bit_field::BitField;
use super::parameter::{Decimal, Number, ParameterKind};
use super::weight_bit::WeightBit;

/// The number of a scheme.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// What it means and may be.
    pub kind: ParameterKind,
    /// What it is.
    pub value: f64,
    /// The scheme with another number, on these bits.
    set: fn(f64, BitField) -> Scheme,
}

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
    /// (Fisher-Yates, one thread a tensor), so the tensor keeps its values and loses their places. Frankle et al. 2021,
    /// *Pruning neural networks at initialization*, arXiv:2009.08576, sect. 4 (random shuffling).
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
    /// `skip`: the selected encoder layers are deleted, so that what would have been their input is their output. The model
    /// is smaller then; what is saved of it counts its layers anew. One layer at least must stay. Later steps of a plan
    /// use the numbers from before. The test of Sajjad et al. 2023, *On the effect of dropping layers of pre-trained
    /// Transformer models*, arXiv:2004.03844.
    Skip,
    /// `flip:row[.column],bitN`: one bit of one weight of one tensor flips, as a single memory fault does (Hong et al. 2019,
    /// *Terminal brain damage*, arXiv:1906.01017, find such bits in most layers). A matrix or look-up table takes row and
    /// column, a bias or LayerNorm's vector its place alone; so `flip:3.17,bit30@layers:0/attention.query` is a weight and
    /// `flip:3,bit30@layers:0/attention.query` is in the bias. Twice the same is no change.
    Flip(WeightBit),
}

/// What a scheme may be applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any selection.
    Anything,
    /// Whole encoder layers or the same components of them.
    Layers,
    /// One tensor.
    OneTensor,
}

/// All that the program says of a scheme. The grammar, its messages, the command line's help, the page's choice and
/// [`Plan::describe`](super::Plan::describe) are made from it.
#[derive(Clone, Copy, Debug)]
pub struct SchemeEntry {
    /// Its name in a plan, which also keys its random numbers.
    pub keyword: &'static str,
    /// What the page calls it.
    pub label: &'static str,
    /// What it does to the selected values, for lists of all schemes.
    pub help: &'static str,
    /// What a step does, in words: `{what}` stands for what is selected, `{value}` and `{percent}` for the number, and
    /// `{bits}` for the bits.
    pub(super) sentence: &'static str,
    /// Its number, where it has one.
    pub parameter: Option<Parameter>,
    /// The bits it changes, where they can be chosen.
    pub field: Option<BitField>,
    /// The one weight and bit it changes, where it is one.
    pub weight: Option<WeightBit>,
    /// What it may be applied to.
    pub reach: Reach,
}

/// BERT's `initializer_range`.
const DEFAULT_STD: f64 = 0.02;

/// The probability of each value to be chosen.
const SHARE: ParameterKind = ParameterKind {
    symbol: "fraction",
    what: "a fraction of the values",
    label: "Share of values",
    number: Number::Fraction,
    least: 0.0,
    most: 1.0,
    step: "0.05",
    default: None,
    example: "0.1",
};

impl Scheme {
    /// Every scheme at a strength that shows something, in the order of lists.
    pub const ALL: [Self; 12] = [
        Self::Kaiming,
        Self::KaimingLinear,
        Self::Normal { std: DEFAULT_STD },
        Self::Gaussian { relative_std: 0.5 },
        Self::Zero { fraction: 0.5 },
        Self::Shuffle { fraction: 1.0 },
        Self::SignFlip { fraction: 0.5 },
        Self::BitFlip { rate: 1e-3, field: BitField::All },
        Self::Quantize { bits: 2 },
        Self::Permute,
        Self::Skip,
        Self::Flip(WeightBit { row: 0, column: Some(0), bit: 30 }),
    ];

    /// What the program says of the scheme. A new scheme is a variant, a line of [`Scheme::ALL`] and an arm here; what it
    /// does to values is in `elementwise.rs`.
    #[must_use]
    pub fn entry(self) -> SchemeEntry {
        match self {
            Self::Kaiming => SchemeEntry {
                keyword: "kaiming",
                label: "Re-initialise (Kaiming, as in the paper)",
                help: "re-initialise uniformly in ±√(6 / fan-in)",
                sentence: "re-initialise {what} (uniformly in ±√(6 / fan-in); LayerNorm weights to 1, biases to 0)",
                parameter: None,
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::KaimingLinear => SchemeEntry {
                keyword: "kaiming-linear",
                label: "Re-initialise (Kaiming, as PyTorch's Linear)",
                help: "re-initialise uniformly in ±1 / √fan-in",
                sentence: "re-initialise {what} (uniformly in ±1 / √fan-in; LayerNorm weights to 1, biases to 0)",
                parameter: None,
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::Normal { std } => SchemeEntry {
                keyword: "normal",
                label: "Re-initialise (normal, as in BERT)",
                help: "re-initialise from a normal distribution, by default with std 0.02",
                sentence: "re-initialise {what} (from a normal distribution of standard deviation {value}; LayerNorm \
                           weights to 1, biases to 0)",
                parameter: Some(Parameter {
                    kind: ParameterKind {
                        symbol: "std",
                        what: "a standard deviation",
                        label: "Standard deviation",
                        number: Number::Magnitude,
                        least: 0.0,
                        most: 10.0,
                        step: "any",
                        default: Some(DEFAULT_STD),
                        example: "0.02",
                    },
                    value: std,
                    set: |std, _| Self::Normal { std },
                }),
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::Gaussian { relative_std } => SchemeEntry {
                keyword: "gaussian",
                label: "Add Gaussian noise",
                help: "add Gaussian noise, in units of each tensor's standard deviation",
                sentence: "add Gaussian noise of {value} times each tensor's standard deviation to {what}",
                parameter: Some(Parameter {
                    kind: ParameterKind {
                        symbol: "relative_std",
                        what: "a relative standard deviation",
                        label: "Multiple of each matrix's spread",
                        number: Number::RelativeMagnitude,
                        least: 0.0,
                        most: 100.0,
                        step: "0.1",
                        default: None,
                        example: "0.1",
                    },
                    value: relative_std,
                    set: |relative_std, _| Self::Gaussian { relative_std },
                }),
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::Zero { fraction } => SchemeEntry {
                keyword: "zero",
                label: "Set values to zero",
                help: "set a fraction of the values to zero",
                sentence: "set {percent} of the values to zero in {what}",
                parameter: Some(Parameter { kind: SHARE, value: fraction, set: |fraction, _| Self::Zero { fraction } }),
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::Shuffle { fraction } => SchemeEntry {
                keyword: "shuffle",
                label: "Shuffle values within each matrix",
                help: "shuffle a fraction of the values within each tensor",
                sentence: "shuffle {percent} of the values within each tensor of {what}",
                parameter: Some(Parameter {
                    kind: SHARE,
                    value: fraction,
                    set: |fraction, _| Self::Shuffle { fraction },
                }),
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::SignFlip { fraction } => SchemeEntry {
                keyword: "signflip",
                label: "Flip signs",
                help: "flip the sign of a fraction of the values",
                sentence: "flip the sign of {percent} of the values in {what}",
                parameter: Some(Parameter {
                    kind: SHARE,
                    value: fraction,
                    set: |fraction, _| Self::SignFlip { fraction },
                }),
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::BitFlip { rate, field } => SchemeEntry {
                keyword: "bitflip",
                label: "Flip bits",
                help: "flip each bit with the given probability; field: sign, exponent, mantissa or bitN",
                sentence: "flip {bits} with probability {value} in {what}",
                parameter: Some(Parameter {
                    kind: ParameterKind {
                        symbol: "rate",
                        what: "a rate of bit flips",
                        label: "Rate for each bit",
                        step: "any",
                        ..SHARE
                    },
                    value: rate,
                    set: |rate, field| Self::BitFlip { rate, field },
                }),
                field: Some(field),
                weight: None,
                reach: Reach::Anything,
            },
            Self::Quantize { bits } => SchemeEntry {
                keyword: "quantize",
                label: "Round to a few bits",
                help: "round each tensor to 1 to 16 bits",
                sentence: match bits {
                    1 => "round to two values per tensor (1 bit) in {what}",
                    _ => "round to {value} bits in {what}",
                },
                parameter: Some(Parameter {
                    kind: ParameterKind {
                        symbol: "bits",
                        what: "a number of bits",
                        label: "Bits",
                        number: Number::Whole,
                        least: 1.0,
                        most: 16.0,
                        step: "1",
                        default: None,
                        example: "8",
                    },
                    value: f64::from(bits),
                    set: |bits, _| Self::Quantize { bits: bits.round() as u32 },
                }),
                field: None,
                weight: None,
                reach: Reach::Anything,
            },
            Self::Permute => SchemeEntry {
                keyword: "permute",
                label: "Swap whole layers",
                help: "swap the selected layers with one another",
                sentence: "swap {what} with one another in a random cycle",
                parameter: None,
                field: None,
                weight: None,
                reach: Reach::Layers,
            },
            Self::Skip => SchemeEntry {
                keyword: "skip",
                label: "Delete whole layers",
                help: "delete the selected layers: the model computes without them",
                sentence: "delete {what}, so that the model computes without",
                parameter: None,
                field: None,
                weight: None,
                reach: Reach::Layers,
            },
            Self::Flip(weight) => SchemeEntry {
                keyword: "flip",
                label: "Flip one bit of one weight",
                help: "flip one bit of the weight at this row and column, or of a vector's entry",
                sentence: "flip {bits} in {what}",
                parameter: None,
                field: None,
                weight: Some(weight),
                reach: Reach::OneTensor,
            },
        }
    }

    /// The scheme's name in a plan, without its values.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        self.entry().keyword
    }

    /// The scheme of that name, as in [`Scheme::ALL`].
    ///
    /// ```
    /// use shared::corruption::Scheme;
    /// assert_eq!(Scheme::named("shuffle"), Some(Scheme::Shuffle { fraction: 1.0 }));
    /// assert_eq!(Scheme::named("shake"), None);
    /// ```
    #[must_use]
    pub fn named(keyword: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.keyword() == keyword)
    }

    /// How it is written in a plan.
    ///
    /// ```
    /// use shared::corruption::{BitField, Scheme};
    /// let usage = |keyword| Scheme::named(keyword).unwrap().usage();
    /// assert_eq!(["permute", "zero", "normal"].map(usage), ["permute", "zero:fraction", "normal[:std]"]);
    /// assert_eq!(["bitflip", "flip"].map(usage), ["bitflip:rate[,field]", "flip:row[.column],bitN"]);
    /// ```
    #[must_use]
    pub fn usage(self) -> String {
        let SchemeEntry { keyword, parameter, field, weight, .. } = self.entry();
        if weight.is_some() {
            return format!("{keyword}:row[.column],bitN");
        }
        let number = parameter.map_or(String::new(), |parameter| match parameter.kind.default {
            Some(_) => format!("[:{}]", parameter.kind.symbol),
            None => format!(":{}", parameter.kind.symbol),
        });
        format!("{keyword}{number}{}", if field.is_some() { "[,field]" } else { "" })
    }

    /// The same scheme with another number, or as it is when it has none.
    ///
    /// ```
    /// use shared::corruption::Scheme;
    /// assert_eq!(Scheme::Quantize { bits: 2 }.with_value(8.0), Scheme::Quantize { bits: 8 });
    /// ```
    #[must_use]
    pub fn with_value(self, value: f64) -> Self {
        let SchemeEntry { parameter, field, .. } = self.entry();
        parameter.map_or(self, |parameter| (parameter.set)(value, field.unwrap_or(BitField::All)))
    }

    /// The same scheme on other bits, or as it is when it has no choice of them.
    #[must_use]
    pub fn with_field(self, field: BitField) -> Self {
        let parameter = self.entry().parameter;
        parameter.map_or(self, |parameter| (parameter.set)(parameter.value, field))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SchemeEntry { keyword, parameter, field, weight, .. } = self.entry();
        f.write_str(keyword)?;
        if let Some(weight) = weight {
            return write!(f, ":{weight}");
        }
        match parameter {
            Some(Parameter { kind, value, .. }) if kind.default != Some(value) => write!(f, ":{}", Decimal(value))?,
            _ => {}
        }
        field.map_or(Ok(()), |field| field.fmt(f))
    }
}
