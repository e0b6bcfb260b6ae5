//! What a difference between runs is worth: intervals, tests and the two headline figures, recovery and deficit.
//!
//! Everything is paired: conditions are compared on the same rows and the same seeds, and [`Scores`] refuses to be
//! compared with scores of other rows. A figure that cannot be had is `None` with a reason, never a stand-in.

mod bootstrap;
mod crossed;
mod equivalence;
mod estimate;
mod headline;
mod scores;
mod sign_flip;
mod stratified;
mod student;
mod wilson;

pub use bootstrap::{Bootstrap, MIN_RESAMPLES, Resampling, difference};
pub use crossed::{crossed_accuracy, crossed_mean};
pub use equivalence::{DEFAULT_MARGIN, Tost, paired_tost};
pub use estimate::{Estimate, Interval, MAX_EXACT_PAIRS, Method, StatisticsError};
pub use headline::{Deficit, MIN_SEEDS_FOR_A_CLAIM, Recovery, deficit, recovery, share_kept};
pub use scores::Scores;
pub use sign_flip::{
    claims_within_reach, holm, pairs_needed, sampled_sign_flip_p_value, sign_flip_floor, sign_flip_p_value,
};
pub use stratified::{interquartile_mean, performance_profile, stratified_bootstrap};
pub use student::{student_mean, student_quantile};
pub(crate) use wilson::normal_quantile;
pub use wilson::{wilson, wilson_share};
