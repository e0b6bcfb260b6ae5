//! A session takes the place of the one before.

use super::super::session::{Healed, Model, Session};
use super::super::task::Pending;
use crate::failure::Failure;
use crate::protocol::{BundleSummary, HealedOrigin, Loaded, ModelSource};
use shared::Parameters;
use shared::random::Seed;

/// Sets the healed model that came along.
pub(super) fn set_native(
    session: &mut Session,
    plan: String,
    seed: Seed,
    parameters: Parameters,
) -> Result<(), Failure> {
    let model = Model::new(&session.config, parameters)?;
    let healed = Healed { origin: HealedOrigin::Native { plan, seed }, model };
    session.healed = Some(healed.clone());
    session.healed_natively = Some(healed);
    Ok(())
}

/// Puts a session in the place of the one before.
pub(super) fn install(
    task: &Pending,
    session: Session,
    source: ModelSource,
    bundle: Option<BundleSummary>,
    notes: Vec<String>,
) -> Loaded {
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
    let before = task.context().session.replace(Some(session));
    if let Some(mut before) = before {
        // Whoever runs its healing is woken and finds it gone.
        before.stop_healing();
    }
    loaded
}
