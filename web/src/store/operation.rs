//! What surgery came to.

use crate::protocol::{BlameView, FatalBit, Progress, RequestId, ReturnView, WeightView};
use crate::state::Graft;
use leptos::prelude::*;
use std::sync::Arc;

/// Something that takes long: the request under way, and how far it is.
pub type LongCall = RwSignal<Option<(RequestId, Progress)>>;

/// What surgery came to, each with the damage that it was found under. Copies are the same.
#[derive(Clone, Copy, Default)]
pub struct Surgery {
    /// The graft that the worker has made.
    pub graft: RwSignal<Option<Graft>>,
    /// Who is to blame.
    pub blame: RwSignal<Option<(Arc<BlameView>, String)>>,
    /// The sharing out of blame.
    pub blaming: LongCall,
    /// Whether the weights came back.
    pub returned: RwSignal<Option<(Arc<ReturnView>, String)>>,
    /// The measuring of that.
    pub returning: LongCall,
    /// The row and column of the weight under the magnifying glass.
    pub place: RwSignal<(usize, usize)>,
    /// Its bits.
    pub weight: RwSignal<Option<Arc<WeightView>>>,
    /// What the last search for a fatal bit came to.
    pub fatal_bit: RwSignal<Option<Arc<FatalBit>>>,
    /// The search for one.
    pub searching: LongCall,
}
