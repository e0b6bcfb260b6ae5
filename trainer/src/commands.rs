//! What the commands do, one file each; the flags are in [`crate::cli`].

pub mod bench;
pub mod corrupt;
pub mod evaluate;
pub mod export;
pub mod inspect;
pub mod predict;
pub mod report;
pub mod run;
