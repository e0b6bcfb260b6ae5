//! A label as it stands in a file, before it is known what the classes are.
//!
//! One rule for every format: white space around a label is no part of it, an empty one is missing, and a number that is
//! whole is that number however it is written (`1`, `1.0`, a decimal column's 1.00). What is written is kept beside the
//! value, so that codes such as `01` keep their zeros.

use std::collections::BTreeMap;

/// Words that pandas 3.1's `read_csv`, and so `datasets`' CSV reader, takes for a missing value
/// (`pandas._libs.parsers.STR_NA_VALUES`).
const MISSING: [&str; 18] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
];

/// A label as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelCell {
    /// A whole number, as such or in a string that is written as such a number usually is.
    Integer(i64),
    /// Any other string, without white space around it; also a number that is written otherwise, such as `01` or `1.0`.
    Name(String),
}

impl LabelCell {
    /// Reads a string; none when nothing but white space is there.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let usual = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
        match usual {
            _ if text.is_empty() => None,
            Some(value) => Some(Self::Integer(value)),
            None => Some(Self::Name(text.to_owned())),
        }
    }

    /// Reads a floating-point number; one that is not whole is a name, as in a format that knows only strings.
    ///
    /// # Errors
    /// The number in words when it is not finite, which stands for a missing value.
    pub fn from_float(value: f64) -> Result<Self, String> {
        // Every whole number up to here has a floating-point number of its own.
        const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;
        if !value.is_finite() {
            Err(format!("{value:?}"))
        } else if value.fract() == 0.0 && value.abs() <= MAX_WHOLE {
            Ok(Self::Integer(value as i64))
        } else {
            Ok(Self::Name(value.to_string()))
        }
    }

    /// Reads a decimal: an unscaled number and how many of its digits are behind the point, as `150` and 2 for 1.50.
    #[must_use]
    pub fn from_decimal(unscaled: i128, scale: u32) -> Self {
        let power = 10_i128.checked_pow(scale);
        let whole = power.filter(|power| unscaled % power == 0).and_then(|power| i64::try_from(unscaled / power).ok());
        if let Some(value) = whole {
            return Self::Integer(value);
        }
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale as usize + 1);
        let (before, behind) = digits.split_at(digits.len() - scale as usize);
        let behind = behind.trim_end_matches('0');
        let point = if behind.is_empty() { "" } else { "." };
        Self::Name(format!("{}{before}{point}{behind}", if unscaled < 0 { "-" } else { "" }))
    }

    /// What is written there.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Name(text) => text.clone(),
        }
    }

    /// The whole number that it is, however it is written.
    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Name(text) => whole(text),
        }
    }

    /// Whether it is a number with zeros in front, as codes have them.
    pub(super) fn has_leading_zeros(&self) -> bool {
        match self {
            Self::Integer(_) => false,
            Self::Name(text) => {
                text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
            }
        }
    }

    /// Whether it is a number that is not whole.
    pub(super) fn is_fraction(&self) -> bool {
        let Self::Name(text) = self else { return false };
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && digits.contains('.');
        is_decimal && text.parse::<f64>().is_ok() && whole(text).is_none()
    }

    /// Whether it is a word that other programs take for a missing value.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Name(text) if MISSING.contains(&text.as_str()))
    }
}

/// The whole number that a string is: digits with an optional sign, and behind a point nothing but zeros.
pub(super) fn whole(text: &str) -> Option<i64> {
    let (before, behind) = text.split_once('.').unwrap_or((text, ""));
    if behind.bytes().any(|byte| byte != b'0') { None } else { before.parse().ok() }
}

/// Finds classes by what is written, else by the number that it is.
#[derive(Debug)]
pub(super) struct ClassIndex<'a> {
    by_text: BTreeMap<&'a str, usize>,
    /// None where several names are the same number.
    by_value: BTreeMap<i64, Option<usize>>,
}

impl<'a> ClassIndex<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        let by_text = names.iter().enumerate().map(|(id, name)| (name.as_str(), id)).collect();
        let mut by_value = BTreeMap::new();
        for (id, value) in names.iter().enumerate().filter_map(|(id, name)| Some((id, whole(name)?))) {
            by_value.entry(value).and_modify(|other| *other = None).or_insert(Some(id));
        }
        Self { by_text, by_value }
    }

    /// The place of a label among the names.
    pub(super) fn position(&self, label: &LabelCell) -> Option<usize> {
        let exact = match label {
            LabelCell::Integer(value) => self.by_text.get(value.to_string().as_str()),
            LabelCell::Name(text) => self.by_text.get(text.as_str()),
        };
        exact.copied().or_else(|| self.by_value.get(&label.whole()?).copied().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> LabelCell {
        LabelCell::Name(text.to_owned())
    }

    #[test]
    fn white_space_around_a_label_is_no_part_of_it_and_zeros_in_front_are() {
        assert_eq!(LabelCell::from_text(" pos\u{a0}"), Some(name("pos")));
        assert_eq!(LabelCell::from_text(" 1 "), Some(LabelCell::Integer(1)));
        assert_eq!(LabelCell::from_text("01"), Some(name("01")));
        assert_eq!(LabelCell::from_text(" \t"), None);
        assert!(name("01").has_leading_zeros() && !name("0").has_leading_zeros() && !name("0x").has_leading_zeros());
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for text in ["1", "01", "+1", "1.0", "1.", "001.00"] {
            assert_eq!(LabelCell::from_text(text).unwrap().whole(), Some(1), "{text}");
        }
        for text in ["1.5", "1e0", "one", "", ".", "inf", "1.0.0", "--1"] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(LabelCell::from_float(2.0), Ok(LabelCell::Integer(2)));
        assert_eq!(LabelCell::from_float(-0.5), Ok(name("-0.5")));
        assert_eq!(LabelCell::from_float(f64::NAN), Err("NaN".to_owned()));
        assert_eq!(LabelCell::from_decimal(10, 1), LabelCell::Integer(1));
        assert_eq!(LabelCell::from_decimal(-150, 2), name("-1.5"));
        assert_eq!(LabelCell::from_decimal(5, 3), name("0.005"));
        assert_eq!(LabelCell::from_decimal(7, 0), LabelCell::Integer(7));
        assert!(name("0.5").is_fraction() && name("-.5").is_fraction());
        assert!(!name("1.0").is_fraction() && !name("E11.9").is_fraction() && !name("1.2.3").is_fraction());
    }

    #[test]
    fn classes_are_found_by_what_is_written_before_the_number_that_it_is() {
        let names = ["1", "02", "003", "3"].map(str::to_owned);
        let index = ClassIndex::new(&names);
        assert_eq!(index.position(&LabelCell::Integer(1)), Some(0));
        assert_eq!(index.position(&LabelCell::Integer(2)), Some(1));
        assert_eq!(index.position(&name("1.0")), Some(0));
        assert_eq!(index.position(&name("003")), Some(2));
        assert_eq!(index.position(&LabelCell::Integer(3)), Some(3));
        assert_eq!(index.position(&name("3.0")), None, "two classes are that number");
    }
}
