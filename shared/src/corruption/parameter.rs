//! The number that a scheme may have: its range, its names, and how it is read from a plan.

use std::fmt;

use super::cursor::{Cursor, Percent};
use crate::error::PlanError;

/// What the number of a scheme means and may be.
#[derive(Clone, Copy, Debug)]
pub struct ParameterKind {
    /// What stands for it where a plan is explained, as in `zero:fraction`.
    pub symbol: &'static str,
    /// What messages call it.
    pub what: &'static str,
    /// What the page calls it.
    pub label: &'static str,
    /// What a plan may say.
    pub(super) number: Number,
    /// The least of it.
    pub least: f64,
    /// The most that the page offers; a magnitude may be larger in a plan.
    pub most: f64,
    /// From one value to the next on the page, as HTML has it: a number or `any`.
    pub step: &'static str,
    /// What is meant when a plan gives none; without a default it must.
    pub default: Option<f64>,
    /// A value for messages.
    pub example: &'static str,
}

/// Which numbers a plan may give.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// From 0 to 1, also in percent.
    Fraction,
    /// From 0 on, as far as an f32 goes.
    Magnitude,
    /// As `Magnitude`, of something that the tensor sets itself, so also in percent.
    RelativeMagnitude,
    /// A whole number from `least` to `most`.
    Whole,
}

impl ParameterKind {
    /// Reads a value of the scheme called `keyword`.
    pub(super) fn read(&self, cursor: &mut Cursor<'_>, keyword: &str) -> Result<f64, PlanError> {
        let (position, what) = (cursor.position(), self.what);
        match self.number {
            Number::Fraction => {
                let value = cursor.decimal(&format!("{what} from 0 to 1"), Percent::Allowed)?;
                if value > 1.0 {
                    return Err(cursor.error(position, format!("{what} is at most 1, got {value}")));
                }
                Ok(value)
            }
            Number::Magnitude => magnitude(cursor, what, Percent::Refused),
            Number::RelativeMagnitude => magnitude(cursor, what, Percent::Allowed),
            Number::Whole => {
                let range = format!("{} to {}", self.least, self.most);
                let value = cursor.integer(&format!("{what} from {range}"))? as f64;
                if !(self.least..=self.most).contains(&value) {
                    let message = format!("{keyword} takes {range} {}, got {value}", self.symbol);
                    return Err(cursor.error(position, message));
                }
                Ok(value)
            }
        }
    }
}

/// A number from 0 on that an f32 can hold.
fn magnitude(cursor: &mut Cursor<'_>, what: &str, percent: Percent) -> Result<f64, PlanError> {
    let position = cursor.position();
    let value = cursor.decimal(what, percent)?;
    if value > f64::from(f32::MAX) {
        return Err(cursor.error(position, format!("{value:e} is too large for {what}")));
    }
    Ok(value)
}

/// A number's canonical form: the fewest digits that read back as the same f64.
pub(super) struct Decimal(pub(super) f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || (1e-4..1e6).contains(&self.0) { write!(f, "{}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}
