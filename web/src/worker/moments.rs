//! Moments of healings: what differs from the corrupted model, kept in the browser across visits where it lets us.
//!
//! A moment is two entries: the weights that learned, as safetensors, and what is known of them, as JSON. The second is
//! written last, so a moment that is listed is whole.

use super::Worker;
use super::session::{Healed, Model, Session, UnsavedMoment, computation};
use super::store::{Shelf, estimate};
use super::task::Interruption;
use crate::failure::Failure;
use crate::protocol::{HealedOrigin, Moment, MomentId, Storage};
use shared::checkpoint::overlay_weights;
use std::rc::Rc;

/// What moments may take in memory where the browser keeps none; the oldest then go.
const UNSAVED_BYTES: u64 = 512 << 20;

const WEIGHTS: &str = ".safetensors";
const FACTS: &str = ".json";

/// The name of a step of a healing.
pub(super) fn id(healing: &str, step: usize) -> MomentId {
    // Padded, so that names sort as steps do.
    MomentId(format!("{healing}-{step:06}"))
}

fn key(identity: &str, id: &MomentId, suffix: &str) -> String {
    format!("{identity}/{}{suffix}", id.0)
}

/// Keeps a moment in the browser's store, or else in memory.
pub(super) async fn keep(worker: &Worker, mut moment: Moment, weights: Vec<u8>) -> Moment {
    let Ok(identity) = worker.with_session(|session| Ok(session.identity.clone())) else { return moment };
    moment.is_saved = true;
    let facts = serde_json::to_vec(&moment).unwrap_or_default();
    let store = &worker.store;
    let saved = match store.put(Shelf::Moments, &key(&identity, &moment.id, WEIGHTS), &weights).await {
        Ok(()) => store.put(Shelf::Moments, &key(&identity, &moment.id, FACTS), &facts).await,
        Err(reason) => Err(reason),
    };
    if saved.is_err() {
        moment.is_saved = false;
        store.delete(Shelf::Moments, &key(&identity, &moment.id, WEIGHTS)).await;
        // The session may be gone meanwhile, and its moments with it.
        let _ = worker.with_session(|session| {
            session.unsaved_moments.push(UnsavedMoment { moment: moment.clone(), weights: Rc::new(weights) });
            while session.unsaved_moments.iter().map(|unsaved| unsaved.moment.size_bytes).sum::<u64>() > UNSAVED_BYTES {
                session.unsaved_moments.remove(0);
            }
            Ok(())
        });
    }
    moment
}

/// The moments of the model that is loaded, by healing and step, oldest first.
pub(super) async fn list(worker: &Worker) -> Vec<Moment> {
    let Ok((identity, mut moments)) = worker.with_session(|session| {
        let unsaved = session.unsaved_moments.iter().map(|unsaved| unsaved.moment.clone()).collect::<Vec<_>>();
        Ok((session.identity.clone(), unsaved))
    }) else {
        return Vec::new();
    };
    for (key, _) in worker.store.list(Shelf::Moments, &format!("{identity}/")).await {
        if key.ends_with(FACTS) {
            let facts = worker.store.get(Shelf::Moments, &key).await;
            // What another version wrote and this one cannot read is no moment to it.
            moments.extend(facts.and_then(|facts| serde_json::from_slice::<Moment>(&facts).ok()));
        }
    }
    moments.sort_by(|a, b| a.id.cmp(&b.id));
    moments
}

/// Makes the healed model what it was at a moment.
pub(super) async fn select(worker: &Worker, id: &MomentId) -> Result<Moment, Interruption> {
    let (identity, unsaved) = worker.with_session(|session| {
        if session.healing.is_some() {
            return Err(Failure::AlreadyHealing);
        }
        let unsaved = session.unsaved_moments.iter().find(|unsaved| unsaved.moment.id == *id);
        let unsaved = unsaved.map(|unsaved| (unsaved.moment.clone(), Rc::clone(&unsaved.weights)));
        Ok((session.identity.clone(), unsaved))
    })?;
    let (moment, weights) = if let Some(found) = unsaved {
        found
    } else {
        let facts = worker.store.get(Shelf::Moments, &key(&identity, id, FACTS)).await;
        let moment: Option<Moment> = facts.and_then(|facts| serde_json::from_slice(&facts).ok());
        let weights = worker.store.get(Shelf::Moments, &key(&identity, id, WEIGHTS)).await;
        let (moment, weights) = moment.zip(weights).ok_or(Failure::NoSuchMoment)?;
        (moment, Rc::new(weights))
    };
    worker.with_session(|session| restore(session, &moment, &weights))?;
    Ok(moment)
}

fn restore(session: &mut Session, moment: &Moment, weights: &[u8]) -> Result<(), Failure> {
    let is_same = |session: &Session| {
        let damage = session.corrupted.as_ref().map(|damaged| &damaged.damage);
        damage.is_some_and(|damage| damage.plan == moment.plan && damage.seed == moment.seed)
    };
    if !is_same(session) {
        session.corrupt(&moment.plan, moment.seed)?;
    }
    let damaged = session.corrupted.as_ref().ok_or(Failure::NoSuchMoment)?;
    let mut parameters = damaged.model.parameters.fork().map_err(|e| computation(&e))?;
    overlay_weights(&mut parameters, &moment.id.0, weights).map_err(|e| computation(&e))?;
    let (plan, healing) = (moment.plan.clone(), moment.healing.clone());
    let origin = HealedOrigin::Live { plan, seed: moment.seed, healing, step: moment.step };
    session.healed = Some(Healed { origin, model: Model::new(&session.config, parameters)? });
    Ok(())
}

/// What is kept in the browser, of all models.
pub(super) async fn storage(worker: &Worker) -> Storage {
    let models = worker.store.list(Shelf::Models, "").await;
    let moments = worker.store.list(Shelf::Moments, "").await;
    let (usage_bytes, quota_bytes) = estimate().await;
    Storage {
        is_available: worker.store.is_available(),
        models_bytes: models.iter().map(|(_, size_bytes)| size_bytes).sum(),
        n_model_files: models.len(),
        moments_bytes: moments.iter().map(|(_, size_bytes)| size_bytes).sum(),
        n_moments: moments.iter().filter(|(key, _)| key.ends_with(FACTS)).count(),
        usage_bytes,
        quota_bytes,
    }
}
