//! What the commands do, one file each; the flags are in [`crate::cli`].

pub mod bench;
pub mod completions;
pub mod corrupt;
pub mod evaluate;
pub mod export;
pub mod fetch;
pub mod inspect;
pub mod man;
pub mod predict;
pub mod quickstart;
pub mod report;
pub mod run;
