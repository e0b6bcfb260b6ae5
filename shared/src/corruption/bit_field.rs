//! Which bits of a value a scheme may change.

use std::fmt;

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
    /// All but single bits.
    pub const GROUPS: [Self; 4] = [Self::All, Self::Sign, Self::Exponent, Self::Mantissa];

    /// What may follow a comma in a plan.
    pub(super) const WORDS: &'static str = "sign, exponent, mantissa or bit0 to bit31";

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

    /// Its name; in a plan that of all bits is left out.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Sign => "sign".to_owned(),
            Self::Exponent => "exponent".to_owned(),
            Self::Mantissa => "mantissa".to_owned(),
            Self::Bit(bit) => format!("bit{bit}"),
        }
    }

    /// What the page calls it.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::All => "all 32 bits".to_owned(),
            Self::Sign | Self::Exponent | Self::Mantissa => format!("the {}", self.word()),
            Self::Bit(bit) => format!("bit {bit}"),
        }
    }

    /// As part of a sentence on what is flipped.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::All => "each bit".to_owned(),
            Self::Sign | Self::Exponent | Self::Mantissa => format!("each {} bit", self.word()),
            Self::Bit(bit) => format!("bit {bit} of each value"),
        }
    }

    /// The field that a plan names so.
    pub(super) fn named(word: &str) -> Option<Self> {
        let group = Self::GROUPS.into_iter().filter(|group| *group != Self::All).find(|group| group.word() == word);
        let bit = || word.strip_prefix("bit").and_then(|bit| bit.parse().ok()).filter(|bit| *bit < 32);
        group.or_else(|| bit().map(Self::Bit))
    }
}

impl fmt::Display for BitField {
    /// As it follows the rate: `,exponent`; nothing for all bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::All { Ok(()) } else { write!(f, ",{}", self.word()) }
    }
}
