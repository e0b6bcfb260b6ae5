//! A census of single bits: what share of all pairs of a weight and one of its 32 bits does harm when it flips.
//!
//! There are half a billion such pairs in a small BERT, so a [`Sample`] of them is drawn, stratified by class of bits and
//! component; each is flipped alone in a model on [`HeldOut`] rows and flipped back; and a [`Summary`] weighs what came
//! of it by how many pairs each flip stands for. Hong et al. 2019, *Terminal brain damage* (arXiv:1906.01017), did so for
//! convolutional networks, where 40–50 % of the parameters have a bit that costs over 10 % of the accuracy.

mod error;
mod held_out;
mod sample;
mod summary;

pub use error::CensusError;
pub use held_out::{Flipped, HeldOut};
pub use sample::{BitClass, Component, Flip, Place, Sample, Stratum};
pub use summary::{Answers, COSTLY_POINTS, Harm, Margin, Share, Summary};

#[cfg(test)]
mod tests;
