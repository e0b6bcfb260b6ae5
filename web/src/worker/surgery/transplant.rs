//! Parts of one model in another.

use super::super::graft::Graft;
use super::super::model::Model;
use super::super::session::Session;
use crate::failure::{Failure, computation};
use crate::protocol::{Transplant, Transplanted};
use shared::corruption::Selection;
use shared::surgery::transplant;

/// See [`Transplant`].
///
/// # Errors
/// When one of the models does not exist, or the selection is mistyped or does not fit.
pub(in super::super) fn graft(session: &mut Session, request: &Transplant) -> Result<Transplanted, Failure> {
    session.graft = None;
    if request.parts.trim().is_empty() {
        return Ok(Transplanted { n_changed: 0, parts: String::new() });
    }
    let bad = |error: shared::corruption::PlanError| Failure::BadTransplant { message: error.to_string() };
    let anatomy = session.config.anatomy();
    let selection = Selection::parse_with_heads(&request.parts).map_err(bad)?;
    let parts = selection.resolve(anatomy).map_err(bad)?;
    let (receiver, donor) = (session.existing_model(request.to)?, session.existing_model(request.from)?);
    let made = || {
        let mut parameters = receiver.parameters.fork()?;
        let report = transplant(&mut parameters, &donor.parameters, &parts, anatomy)?;
        Ok((parameters, report))
    };
    let (parameters, report) = made().map_err(|e: shared::Error| computation(&e))?;
    let model = Model::new(&session.config, parameters)?;
    session.graft = Some(Graft::new((request.to, &receiver), (request.from, &donor), model));
    Ok(Transplanted { n_changed: report.totals.n_changed, parts: selection.to_string() })
}
