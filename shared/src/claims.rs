//! What a set of runs allows to be said: one rule for the command line, reports, the page and the README's tables.
//!
//! A [`ClaimsFile`] declares beforehand what is asked, in two families. Every claim gives one paired effect a seed, in
//! percentage points, and one outcome:
//!
//! - *worse* or *better*: the exact sign-flip p-value over the pairs, adjusted by Holm within the family, is at most α;
//! - else *equivalent*: with at least [`MIN_SEEDS_FOR_A_CLAIM`](crate::statistics::MIN_SEEDS_FOR_A_CLAIM) pairs, the p-value of two
//!   one-sided tests against the claim's margin, adjusted by Holm within the family, is at most α;
//! - else *undecided*.
//!
//! The rule needs nothing but accuracies by seed, so it says the same with and without the predictions of every row. It
//! speaks about other seeds on these rows; the interval beside it, which is not adjusted for the number of claims, speaks
//! about other seeds and other rows where predictions are known, and the sentence says when it does not bear the
//! outcome out. Runs are put together only within one [`Experiment`].
//!
//! ```
//! use shared::claims::{ClaimsFile, judge};
//! let file = ClaimsFile::parse("[[claim]]\nname = \"heals\"\nfamily = \"primary\"\nquestion = \"full-recovery\"")?;
//! assert!(judge(&file, &[])?.is_empty()); // no runs, so nothing to say
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod contrast;
mod experiment;
mod file;
mod judge;
mod run;
mod sentence;

pub use experiment::{Experiment, FieldDifference};
pub use file::{Claim, ClaimsError, ClaimsFile, End, Family, Measure, Question};
pub use judge::{Judgement, Outcome, judge};
pub use run::{Arm, Damage, Run};

#[cfg(test)]
pub(crate) mod tests;
