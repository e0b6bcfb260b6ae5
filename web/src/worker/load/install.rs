//! A session takes the place of the one before.

use super::super::model::Model;
use super::super::session::{Healed, Session};
use super::super::task::{Interruption, Pending};
use crate::failure::Failure;
use crate::protocol::{BundleSummary, HealedOrigin, Loaded, ModelSource, SteerHealing};
use shared::Parameters;
use shared::model::History;
use shared::random::Seed;

/// Sets the healed model that came along.
pub(super) fn set_native(
    session: &mut Session,
    plan: String,
    seed: Seed,
    history: History,
    parameters: Parameters,
) -> Result<(), Failure> {
    let model = Model::new(&session.config, parameters)?;
    let healed = Healed { origin: HealedOrigin::Native { plan, seed }, history: Some(history), model };
    session.healed = Some(healed.clone());
    session.healed_natively = Some(healed);
    Ok(())
}

/// Puts a session in the place of the one before, whose healing ends first, so that what it reached is kept.
///
/// # Errors
/// [`Interruption::Cancelled`] when the page does not want the model any more.
pub(super) async fn install(
    task: &Pending,
    session: Session,
    source: ModelSource,
    bundle: Option<BundleSummary>,
    notes: Vec<String>,
) -> Result<Loaded, Interruption> {
    end_healing(task).await?;
    // What a bundle was damaged with is in its manifest, and the visitor may have asked for something else.
    let damage = session.corrupted.as_ref().map(|damaged| &damaged.damage).filter(|damage| damage.report.is_none());
    let loaded = Loaded {
        source,
        model: session.summary.clone(),
        bundle,
        models: session.conditions(),
        damage: damage.map(|damage| (damage.plan.clone(), damage.seed)),
        healed: session.healed.as_ref().map(|healed| healed.origin.clone()),
        control: session.control().and_then(|control| control.view(session.rows.as_deref())),
        rows: session.rows.as_ref().map(|rows| rows.counts()),
        notes,
    };
    task.context().session.replace(Some(session));
    Ok(loaded)
}

/// Ends a healing under way after the step it is in.
async fn end_healing(task: &Pending) -> Result<(), Interruption> {
    loop {
        // A statement of its own, so that the borrow ends with it.
        let is_under_way = match task.context().session.borrow_mut().as_mut() {
            Some(session) if session.healing.is_some() => session.steer(SteerHealing::Stop).map(|()| true)?,
            _ => false,
        };
        if !is_under_way {
            return Ok(());
        }
        task.give_way().await?;
    }
}
