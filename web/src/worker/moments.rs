//! Moments of healings: what differs from the corrupted model, kept in the browser across visits where it lets us.
//!
//! A moment is two entries: the weights that learned, as safetensors, and what is known of them, as JSON. The second is
//! written last, so a moment that is listed is whole.

use super::browser_cache::{Shelf, estimate};
use super::context::Context;
use super::model::Model;
use super::session::{Healed, Session, UnsavedMoment};
use super::task::Interruption;
use crate::failure::{Failure, computation};
use crate::protocol::{HealedOrigin, Moment, MomentId, Purge, Storage};
use shared::checkpoint::overlay_weights;
use std::rc::Rc;

/// What moments may take in memory where the browser keeps none; the oldest then go.
const UNSAVED_BYTES: u64 = 512 << 20;

const WEIGHTS: &str = ".safetensors";
const FACTS: &str = ".json";

fn key(identity: &str, id: &MomentId, suffix: &str) -> String {
    format!("{identity}/{}{suffix}", id.0)
}

/// Keeps a moment in the browser's store, or else in memory.
pub(super) async fn keep(context: &Context, mut moment: Moment, weights: Vec<u8>) -> Moment {
    let Ok(identity) = context.with_session(|session| Ok(session.identity.clone())) else { return moment };
    moment.is_saved = true;
    let facts = serde_json::to_vec(&moment).unwrap_or_default();
    let cache = &context.cache;
    let saved = match cache.put(Shelf::Moments, &key(&identity, &moment.id, WEIGHTS), &weights).await {
        Ok(()) => cache.put(Shelf::Moments, &key(&identity, &moment.id, FACTS), &facts).await,
        Err(reason) => Err(reason),
    };
    if saved.is_err() {
        moment.is_saved = false;
        cache.delete(Shelf::Moments, &key(&identity, &moment.id, WEIGHTS)).await;
        // The session may be gone meanwhile, and its moments with it.
        let _ = context.with_session(|session| {
            if session.identity != identity {
                return Ok(());
            }
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
pub(super) async fn list(context: &Context) -> Vec<Moment> {
    let Ok((identity, mut moments)) = context.with_session(|session| {
        let unsaved = session.unsaved_moments.iter().map(|unsaved| unsaved.moment.clone()).collect::<Vec<_>>();
        Ok((session.identity.clone(), unsaved))
    }) else {
        return Vec::new();
    };
    for (key, _) in context.cache.list(Shelf::Moments, &format!("{identity}/")).await {
        if key.ends_with(FACTS) {
            let facts = context.cache.get(Shelf::Moments, &key).await;
            // What another version wrote and this one cannot read is no moment to it.
            moments.extend(facts.and_then(|facts| serde_json::from_slice::<Moment>(&facts).ok()));
        }
    }
    moments.sort_by(|a, b| a.id.cmp(&b.id));
    moments
}

/// Makes the healed model what it was at a moment.
pub(super) async fn select(context: &Context, id: &MomentId) -> Result<Moment, Interruption> {
    let (identity, unsaved) = context.with_session(|session| {
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
        let facts = context.cache.get(Shelf::Moments, &key(&identity, id, FACTS)).await;
        let moment: Option<Moment> = facts.and_then(|facts| serde_json::from_slice(&facts).ok());
        let weights = context.cache.get(Shelf::Moments, &key(&identity, id, WEIGHTS)).await;
        let (moment, weights) = moment.zip(weights).ok_or(Failure::NoSuchMoment)?;
        (moment, Rc::new(weights))
    };
    context.with_session(|session| restore(session, &moment, &weights))?;
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
    let history = moment.run.as_ref().map(|run| session.history_after(&moment.plan, moment.seed, run, moment.step));
    session.healed = Some(Healed { origin, history, model: Model::new(&session.config, parameters)? });
    Ok(())
}

/// What is kept in the browser, of all models.
pub(super) async fn storage(context: &Context) -> Storage {
    let models = context.cache.list(Shelf::Models, "").await;
    let moments = context.cache.list(Shelf::Moments, "").await;
    let (usage_bytes, quota_bytes) = estimate().await;
    Storage {
        is_available: context.cache.is_available(),
        models_bytes: models.iter().map(|(_, size_bytes)| size_bytes).sum(),
        n_model_files: models.len(),
        moments_bytes: moments.iter().map(|(_, size_bytes)| size_bytes).sum(),
        n_moments: moments.iter().filter(|(key, _)| key.ends_with(FACTS)).count(),
        usage_bytes,
        quota_bytes,
    }
}

/// Deletes what is kept in the browser; what is left of it.
pub(super) async fn purge(context: &Context, what: Purge) -> Storage {
    if what != Purge::Moments {
        context.cache.delete_all(Shelf::Models).await;
    }
    if what != Purge::Models {
        context.cache.delete_all(Shelf::Moments).await;
        if let Some(session) = context.session.borrow_mut().as_mut() {
            session.forget_moments();
        }
    }
    if what == Purge::Everything {
        context.cache.delete_page().await;
    }
    storage(context).await
}
