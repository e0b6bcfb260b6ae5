//! How numbers of a figure are written.

use serde::{Deserialize, Serialize};

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share 0–1, written as percent with one decimal.
    Percent,
    /// A whole number.
    Count,
    /// Any other number, with four significant digits.
    Number,
}

impl Unit {
    /// A number for people.
    ///
    /// ```
    /// use shared::figure::Unit;
    /// assert_eq!(Unit::Percent.format(0.8434), "84.3 %");
    /// assert_eq!(Unit::Count.format(22_700_544.0), "22,700,544");
    /// assert_eq!(Unit::Number.format(0.012_345_6), "0.01235");
    /// ```
    #[must_use]
    pub fn format(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "not finite".to_owned(),
            Self::Percent => format!("{:.1} %", 100.0 * value),
            Self::Count => thousands(value),
            Self::Number => significant(value),
        }
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // Digits before the decimal point: 0.05 has −1, 5 has 1.
    let magnitude = libm::floor(libm::log10(value.abs())) as i32 + 1;
    if !(-3..=6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (4 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well_at_every_magnitude() {
        let numbers = [0.0, 1.0, -0.5, 0.693_247, 12.345_67, 1234.56, 5e-5, 3.4e38, 100.0];
        let expected = ["0", "1", "-0.5", "0.6932", "12.35", "1235", "5.000e-5", "3.400e38", "100"];
        assert_eq!(numbers.map(|number| Unit::Number.format(number)), expected);
        assert_eq!(
            [0.0, 999.0, 1000.0, -1_234_567.0].map(|n| Unit::Count.format(n)),
            ["0", "999", "1,000", "-1,234,567"]
        );
        assert_eq!(Unit::Percent.format(f64::NAN), "not finite");
    }
}
