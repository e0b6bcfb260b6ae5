//! A place in the text of a plan, and the tokens that may follow there.
//!
//! Spaces may stand between any two tokens, never inside one. Letters' case does not matter.

use crate::error::PlanError;

/// How far a plan has been read.
pub(super) struct Cursor<'a> {
    input: &'a str,
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(input: &'a str) -> Self {
        Self { input, position: 0 }
    }

    pub(super) fn input(&self) -> &'a str {
        self.input
    }

    /// Byte offset of the next token.
    pub(super) fn position(&mut self) -> usize {
        let rest = &self.input[self.position..];
        self.position += rest.len() - rest.trim_start().len();
        self.position
    }

    /// What has been read from a byte offset on.
    pub(super) fn since(&self, position: usize) -> &'a str {
        &self.input[position..self.position]
    }

    fn rest(&mut self) -> &'a str {
        let position = self.position();
        &self.input[position..]
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// Takes `token` if it comes next.
    pub(super) fn eat(&mut self, token: char) -> bool {
        let is_next = self.rest().starts_with(|c: char| c.eq_ignore_ascii_case(&token));
        if is_next {
            self.position += token.len_utf8();
        }
        is_next
    }

    /// A name in lower case: a letter, then letters, digits and hyphens; empty when something else comes next.
    pub(super) fn word(&mut self) -> String {
        let rest = self.rest();
        let is_part = |(i, c): (usize, char)| c.is_ascii_alphabetic() || i > 0 && (c.is_ascii_digit() || c == '-');
        let len = rest.char_indices().find(|at| !is_part(*at)).map_or(rest.len(), |(i, _)| i);
        self.position += len;
        rest[..len].to_ascii_lowercase()
    }

    /// A whole number.
    pub(super) fn integer(&mut self, what: &str) -> Result<usize, PlanError> {
        let position = self.position();
        let digits = self.digits();
        if digits.is_empty() {
            return Err(self.expected(what));
        }
        digits.parse().map_err(|_| self.error(position, format!("{digits} is too large for {what}")))
    }

    /// A decimal number without a sign, such as `0.5`, `.5` or `1e-6`; followed by `%` where the caller allows it.
    pub(super) fn decimal(&mut self, what: &str, percent: Percent) -> Result<f64, PlanError> {
        let position = self.position();
        let whole = self.digits().len();
        let mut n_digits = whole;
        if self.input[self.position..].starts_with('.') {
            self.position += 1;
            n_digits += self.digits().len();
        }
        if n_digits == 0 {
            self.position = position;
            return Err(self.expected(what));
        }
        let mantissa = &self.input[position..self.position];
        let exponent = self.exponent();
        let is_percent = percent == Percent::Allowed && self.eat('%');
        // Shifting the exponent instead of dividing keeps 7% and 0.07 the same number.
        let shift = if is_percent { 2 } else { 0 };
        let value: Option<f64> = exponent.and_then(|exponent| format!("{mantissa}e{}", exponent - shift).parse().ok());
        value.filter(|value| value.is_finite()).ok_or_else(|| self.error(position, format!("too large for {what}")))
    }

    /// The digits that come next, without a space before them.
    fn digits(&mut self) -> &'a str {
        let rest = &self.input[self.position..];
        let len = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        self.position += len;
        &rest[..len]
    }

    /// The power of ten after an `e`, 0 without one; nothing when it is too large to be meant.
    fn exponent(&mut self) -> Option<i32> {
        let rest = &self.input[self.position..];
        let Some(after) = rest.strip_prefix(['e', 'E']) else { return Some(0) };
        let signed = after.strip_prefix(['+', '-']).unwrap_or(after);
        if !signed.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(0);
        }
        self.position += rest.len() - signed.len();
        let digits = self.digits();
        let exponent: i32 = digits.parse().ok().filter(|exponent| *exponent < 10_000)?;
        Some(if after.starts_with('-') { -exponent } else { exponent })
    }

    /// An error at a byte offset.
    pub(super) fn error(&self, position: usize, message: impl Into<String>) -> PlanError {
        PlanError { message: message.into(), position, input: self.input.to_owned() }
    }

    /// An error here: `what` should have come next.
    pub(super) fn expected(&mut self, what: &str) -> PlanError {
        let position = self.position();
        // The whole run of letters and digits reads better than its first character.
        let rest = self.rest();
        let len = rest.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(rest.len());
        let found = match rest.chars().next() {
            None => "the end".to_owned(),
            Some(c) if len == 0 => format!("{:?}", c.to_string()),
            Some(_) => format!("{:?}", &rest[..len]),
        };
        self.error(position, format!("expected {what}, found {found}"))
    }
}

/// Whether a number may be typed as a percentage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Percent {
    Allowed,
    Refused,
}

/// Something about how a plan was typed: it says nothing about what the plan means, so any two are equal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Typed<T>(pub(super) T);

impl<T> PartialEq for Typed<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Typed<T> {}
