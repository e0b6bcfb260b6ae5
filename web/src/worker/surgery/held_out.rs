//! What measurements of surgery work on.

use super::super::model::Model;
use super::super::rows::Rows;
use super::super::session::Session;
use super::super::team::Team;
use crate::failure::Failure;
use shared::dataset::EncodedExample;
use shared::model::ModelConfig;
use std::rc::Rc;
use std::sync::Arc;

/// What goes on beside the queue works on: the healthy model and rows as they are now, whatever becomes of them meanwhile.
pub(super) struct HeldOut {
    pub(super) config: ModelConfig,
    pub(super) healthy: Rc<Model>,
    pub(super) examples: Arc<Vec<EncodedExample>>,
    pub(super) team: Rc<Team>,
}

impl HeldOut {
    /// The first held-out rows, at most `max_rows`.
    pub(super) fn of(session: &Session, max_rows: usize) -> Result<Self, Failure> {
        let rows: Rc<Rows> = session.rows.clone().ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
        let examples = session.held_out_examples(&rows)?;
        let examples =
            if examples.len() <= max_rows { examples } else { Arc::new(examples[..max_rows.max(1)].to_vec()) };
        Ok(Self {
            config: session.config.clone(),
            healthy: Rc::clone(&session.healthy),
            examples,
            team: Rc::clone(&session.team),
        })
    }
}
