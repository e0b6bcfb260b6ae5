//! Corruption plans: which part of a model is damaged, how, and what that did to it.
//!
//! A [`Plan`] is text such as `kaiming@bottom:0.5` or `gaussian:0.3@all;zero:0.1@top:0.5/ffn`, the same on the command
//! line, in experiment files, on the page and in its URL:
//!
//! ```text
//! plan      = step *( ";" step )                     applied in order
//! step      = scheme [ ":" value *( "," value ) ] "@" selection [ "/" component *( "," component ) ]
//! selection = part *( "," part )
//! part      = [ "not-" ] ( "all" | "none" | "alternate" | "embeddings" | "pooler" | "classifier"
//!           | ( "bottom" | "top" ) ":" amount | "layers" ":" range *( "." range ) )
//! range     = n [ "-" n ]                            both ends included
//! amount    = fraction 0..1 ("0.5"), or percent ("50%"), or whole layers ("2L")
//! component = "attention.head:" range | modules [ "." kind ] | kind
//! modules   = "attention" [ "." ( "query" | "key" | "value" | "output" ) ] | "ffn" [ ".in" | ".out" ]
//!           | "layernorm" [ ".attention" | ".ffn" ] | "word" | "position" | "type"
//! kind      = "bias" | "weight"
//! ```
//!
//! The values of most schemes are numbers; `flip` takes the place of one weight and one of its bits, as `3.17,bit30`.
//! What the words mean is told at [`Selection`], what the schemes do at [`Scheme`]; all that the program says of a scheme
//! is one [`SchemeEntry`]. A plan is parsed once
//! ([`Plan::parse`]), resolved against a model's [`Anatomy`] ([`Plan::resolve`]) and applied to named slices of `f32`
//! ([`ResolvedPlan::apply`]), which returns a [`Report`].
//!
//! Invariant: the new bits of a tensor depend only on its old bits, the seed, the plan's step (its scheme and its place
//! in the plan) and the tensor's name: not on what else is selected, on threads or on the target. So random numbers
//! come from counter streams, samples use only IEEE `+ − × ÷ √` and the `libm` crate, and sums are f64 in a fixed order.
//! (`permute` moves values between tensors, so there the old bits are those of all selected layers.)
//!
//! ```
//! use shared::corruption::{Anatomy, Plan, TensorMut};
//! use shared::model::{Architecture, LayerModule, Module, ParameterPath};
//! use shared::random::Seed;
//!
//! let plan = Plan::parse("zero: 100% @ bottom: 50% / attention.query")?;
//! assert_eq!(plan.to_string(), "zero:1@bottom:0.5/attention.query");
//!
//! let anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 1, n_heads: 2 };
//! let (mut weight, mut bias) = (vec![1.0; 16], vec![1.0; 4]);
//! let query = Module::Layer(0, LayerModule::Query);
//! let report = plan.apply(
//!     Seed(1),
//!     anatomy,
//!     &mut [
//!         TensorMut { path: ParameterPath::weight(query), shape: vec![4, 4], data: &mut weight },
//!         TensorMut { path: ParameterPath::bias(query), shape: vec![4], data: &mut bias },
//!     ],
//! )?;
//! assert_eq!(report.totals.n_changed, 20);
//! assert_eq!(weight, vec![0.0; 16]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod bit_field;
mod chance;
mod cursor;
mod describe;
mod elementwise;
mod graft;
mod grammar;
mod parameter;
mod parameters;
mod permute;
mod plan;
mod report;
mod resolve;
mod scheme;
mod selection;
mod statistics;
mod tensor;
mod weight_bit;

pub use crate::error::{ApplyError, PlanError};
pub use crate::model::Anatomy;
pub use bit_field::BitField;
pub use parameter::ParameterKind;
pub use plan::{Plan, Step};
pub use report::{Report, TensorReport, Totals, WeightChange};
pub(crate) use resolve::layers_in;
pub use resolve::{ResolvedPlan, ResolvedSelection};
pub use scheme::{Parameter, Reach, Scheme, SchemeEntry};
pub use selection::{FINER_COMPONENTS, Selection};
pub use tensor::TensorMut;
pub use weight_bit::WeightBit;

#[cfg(test)]
mod tests;
