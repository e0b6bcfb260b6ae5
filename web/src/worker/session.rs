//! One model family: the healthy model, what a plan made of it, and what healing made of that.
//!
//! The three share every tensor that is the same in them ([`Parameters::fork`]): damage costs the tensors it touches,
//! a healed model those that learned.

use super::graft::Graft;
use super::known_control::{Budget, KnownControl};
use super::live_healing::Healing;
pub(super) use super::model::Model;
use super::origin::Origin;
use super::rows::Rows;
use super::run_draft::{Draft, Judged};
use super::summary;
use super::team::{Team, wanted_workers};
use crate::failure::{Failure, computation};
use crate::protocol::{HealState, HealedOrigin, ModelSummary, Moment, RequestId, SteerHealing};
use sha2::{Digest, Sha256};
use shared::Condition;
use shared::Parameters;
use shared::corruption::{Plan, Report, ResolvedPlan};
use shared::dataset::EncodedExample;
use shared::model::{History, ModelConfig, ParameterPath, RunId, Treatment};
use shared::random::Seed;
use shared::record::RunRecord;
use shared::tokenizer::Tokenizer;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// A plan that was applied.
pub(super) struct Damage {
    /// In canonical form.
    pub(super) plan: String,
    pub(super) seed: Seed,
    pub(super) resolved: ResolvedPlan,
    /// None when weights were loaded as they are and not damaged here.
    pub(super) report: Option<Report>,
}

/// A damaged model.
pub(super) struct Damaged {
    pub(super) damage: Damage,
    pub(super) model: Rc<Model>,
}

/// A healed model.
#[derive(Clone)]
pub(super) struct Healed {
    pub(super) origin: HealedOrigin,
    /// What was done to its weights; none where an earlier version of the page kept it, which did not note its run.
    pub(super) history: Option<History>,
    pub(super) model: Rc<Model>,
}

/// A moment that found no room in the browser's store.
pub(super) struct UnsavedMoment {
    pub(super) moment: Moment,
    pub(super) weights: Rc<Vec<u8>>,
}

/// The models, and what is done with them.
pub(super) struct Session {
    /// SHA-256 of the healthy weights: moments belong to it.
    pub(super) identity: String,
    pub(super) config: ModelConfig,
    pub(super) tokenizer: Tokenizer,
    pub(super) summary: ModelSummary,
    pub(super) healthy: Rc<Model>,
    /// Who shares what takes long.
    pub(super) team: Rc<Team>,
    pub(super) corrupted: Option<Damaged>,
    pub(super) healed: Option<Healed>,
    /// The healed model that came along, for when a live healing is thrown away.
    pub(super) healed_natively: Option<Healed>,
    pub(super) graft: Option<Graft>,
    pub(super) rows: Option<Rc<Rows>>,
    /// What goes on with a model that leaves the page.
    pub(super) origin: Origin,
    /// The last healing as a run, until its record is asked for.
    pub(super) run: Option<Box<Draft>>,
    /// The last record, and the healed model that it is of.
    pub(super) recorded: Option<(Box<RunRecord>, Weak<Model>)>,
    /// What was judged already.
    pub(super) judged: Vec<Judged>,
    pub(super) healing: Option<Healing>,
    /// What the last healing here had.
    pub(super) budget: Option<Budget>,
    /// Controls, each of another healing.
    pub(super) controls: Vec<KnownControl>,
    /// The call that is making one.
    pub(super) control_run: Option<RequestId>,
    pub(super) unsaved_moments: Vec<UnsavedMoment>,
    /// Tensors' digests of the healthy model, made when first asked for.
    digests: BTreeMap<ParameterPath, [u8; 32]>,
}

/// What loading puts together.
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) identity: String,
    pub(super) config: ModelConfig,
    pub(super) tokenizer: Tokenizer,
    pub(super) max_length: usize,
    pub(super) healthy: Parameters,
    pub(super) rows: Option<Rows>,
    pub(super) origin: Origin,
}

impl Session {
    pub(super) fn new(parts: Parts) -> Result<Self, Failure> {
        let Parts { name, identity, config, tokenizer, max_length, mut healthy, rows, origin } = parts;
        healthy.freeze(|_| true).map_err(|e| computation(&e))?;
        let healthy = Model::new(&config, healthy)?;
        Ok(Self {
            identity,
            summary: summary::model(name, &config, max_length),
            team: Team::new(wanted_workers(), &config, &healthy),
            healthy,
            config,
            tokenizer,
            corrupted: None,
            healed: None,
            healed_natively: None,
            graft: None,
            rows: rows.map(Rc::new),
            origin,
            run: None,
            recorded: None,
            judged: Vec::new(),
            healing: None,
            budget: None,
            controls: Vec::new(),
            control_run: None,
            unsaved_moments: Vec::new(),
            digests: BTreeMap::new(),
        })
    }

    /// Damages the healthy model, unless it has that very damage already; a healing under way ends.
    ///
    /// # Errors
    /// When the plan is mistyped or does not fit the model. Everything stays as it was then.
    pub(super) fn corrupt(&mut self, plan: &str, seed: Seed) -> Result<(), Failure> {
        let bad_plan = |error: shared::corruption::PlanError| Failure::BadPlan { message: error.to_string() };
        if plan.trim().is_empty() {
            self.stop_healing();
            self.corrupted = None;
            return Ok(());
        }
        let plan = Plan::parse(plan).map_err(bad_plan)?;
        let resolved = plan.resolve_for(&self.config).map_err(bad_plan)?;
        if !resolved.removed_layers().is_empty() {
            let message = "the page draws all layers and cannot compute without one yet; bert-heal run --corrupt can";
            return Err(Failure::BadPlan { message: message.to_owned() });
        }
        let text = plan.to_string();
        // A bundle's damage was made to open its healed model; a run's weights came without a report.
        let has_it = self.corrupted.as_ref().is_some_and(|Damaged { damage, .. }| {
            damage.report.is_some() && damage.plan == text && damage.seed == seed
        });
        if has_it {
            self.stop_healing();
            return Ok(());
        }
        let mut parameters = self.healthy.parameters.fork().map_err(|e| computation(&e))?;
        let report = parameters.corrupt(&resolved, seed).map_err(|e| computation(&e))?;
        let model = Model::new(&self.config, parameters)?;
        self.stop_healing();
        let damage = Damage { plan: text, seed, resolved, report: Some(report) };
        self.corrupted = Some(Damaged { damage, model });
        Ok(())
    }

    /// A model that does not change while it is used, if it exists, with what was transplanted into it. During a healing,
    /// the healed model is that of the step which is done.
    ///
    /// # Errors
    /// When the healing's weights cannot be copied.
    pub(super) fn model(&self, condition: Condition) -> Result<Option<Rc<Model>>, Failure> {
        let own = self.own_model(condition)?;
        let grafted = self.graft.as_ref().zip(own.as_ref());
        let now = |condition| self.own_model(condition).ok().flatten();
        Ok(grafted.and_then(|(graft, own)| graft.of(condition, own, now)).or(own))
    }

    /// As [`Session::model`], without what was transplanted into it.
    ///
    /// # Errors
    /// When the healing's weights cannot be copied.
    fn own_model(&self, condition: Condition) -> Result<Option<Rc<Model>>, Failure> {
        Ok(match condition {
            Condition::Healthy => Some(Rc::clone(&self.healthy)),
            // Its answers are kept, its weights are not.
            Condition::Control => None,
            // Without damage it is the healthy model.
            Condition::Corrupted => {
                Some(Rc::clone(self.corrupted.as_ref().map_or(&self.healthy, |damaged| &damaged.model)))
            }
            Condition::Healed => match &self.healing {
                Some(healing) => Some(Model::new(&self.config, healing.copied_parameters()?)?),
                None => self.healed.as_ref().map(|healed| Rc::clone(&healed.model)),
            },
        })
    }

    /// Those of the models that exist, each once, in the order healthy, corrupted, healed.
    ///
    /// # Errors
    /// As [`Session::model`].
    pub(super) fn models(&self, conditions: &[Condition]) -> Result<Vec<(Condition, Rc<Model>)>, Failure> {
        let mut conditions = conditions.to_vec();
        conditions.sort_unstable();
        conditions.dedup();
        let mut models = Vec::new();
        for condition in conditions {
            models.extend(self.model(condition)?.map(|model| (condition, model)));
        }
        Ok(models)
    }

    /// A model that has to exist.
    ///
    /// # Errors
    /// [`Failure::NoSuchModel`].
    pub(super) fn existing_model(&self, condition: Condition) -> Result<Rc<Model>, Failure> {
        self.model(condition)?.ok_or_else(|| Failure::NoSuchModel {
            model: condition.as_str().to_owned(),
            remedy: match condition {
                Condition::Healed => "heal the damaged one first".to_owned(),
                _ => "damage the healthy one first".to_owned(),
            },
        })
    }

    /// The models that exist.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let corrupted = self.corrupted.as_ref().map(|_| Condition::Corrupted);
        let healed = self.healed.as_ref().map(|_| Condition::Healed);
        [Some(Condition::Healthy), corrupted, healed].into_iter().flatten().collect()
    }

    /// See [`Fingerprint`](crate::protocol::Fingerprint).
    pub(super) fn fingerprint(&mut self, condition: Condition) -> Result<String, Failure> {
        let model = self.existing_model(condition)?;
        let mut whole = Sha256::new();
        for path in self.config.parameters() {
            let tensor = model.parameters.get(path).map_err(|e| computation(&e))?;
            let healthy = self.healthy.parameters.get(path).map_err(|e| computation(&e))?;
            // The healthy model's tensors do not change, so what is shared with it is digested once.
            let known = self.digests.get(&path).filter(|_| tensor.id() == healthy.id());
            let digest = if let Some(digest) = known {
                *digest
            } else {
                let digest = digest(&model.parameters, path)?;
                if tensor.id() == healthy.id() {
                    self.digests.insert(path, digest);
                }
                digest
            };
            whole.update(digest);
        }
        Ok(hex::encode(whole.finalize()))
    }

    /// Changes the course of the healing.
    ///
    /// # Errors
    /// [`Failure::NoHealing`].
    pub(super) fn steer(&mut self, steer: SteerHealing) -> Result<(), Failure> {
        if let (SteerHealing::Reset, None) = (steer, &self.healing) {
            // After its end, it is the healed model that is thrown away.
            self.healed = self.healed_natively.clone();
            return Ok(());
        }
        let healing = self.healing.as_mut().ok_or(Failure::NoHealing)?;
        match steer {
            SteerHealing::Pause => healing.state = HealState::Paused,
            SteerHealing::Resume => healing.state = HealState::Running,
            SteerHealing::Step => healing.n_single_steps += 1,
            SteerHealing::Stop => healing.is_stopping = true,
            SteerHealing::Reset => {
                self.stop_healing();
                self.healed = self.healed_natively.clone();
                return Ok(());
            }
        }
        healing.waker.wake();
        Ok(())
    }

    /// Ends a healing and drops its weights; whoever runs it notices.
    pub(super) fn stop_healing(&mut self) {
        if let Some(healing) = self.healing.take() {
            healing.waker.wake();
        }
    }

    /// Wakes the healing of this call, if it is there.
    pub(super) fn wake_healing(&mut self, id: RequestId) {
        if let Some(healing) = self.healing.as_ref().filter(|healing| healing.id == id) {
            healing.waker.wake();
        }
    }

    /// Whether the healing of this call still goes on.
    pub(super) fn is_healing(&self, id: RequestId) -> bool {
        self.healing.as_ref().is_some_and(|healing| healing.id == id)
    }

    /// Rows to heal with, as the models read them.
    pub(super) fn train_examples(&self, rows: &Rows) -> Result<Arc<Vec<EncodedExample>>, Failure> {
        rows.train(&self.tokenizer, self.summary.max_length)
    }

    /// Rows to judge on, as the models read them.
    pub(super) fn held_out_examples(&self, rows: &Rows) -> Result<Arc<Vec<EncodedExample>>, Failure> {
        rows.held_out(&self.tokenizer, self.summary.max_length)
    }

    /// What was done to the weights of the healthy model that was damaged and then healed by `run` up to `step`.
    pub(super) fn history_after(&self, plan: &str, seed: Seed, run: &RunId, step: usize) -> History {
        let corrupted = self.config.history.then(Treatment::Corrupted { plan: plan.to_owned(), seed });
        // Before its first step a healing has done nothing.
        if step == 0 { corrupted } else { corrupted.then(Treatment::FineTuned { run: run.clone() }) }
    }

    /// The control that the healed model is to be compared with, if there is one at its budget.
    pub(super) fn control(&self) -> Option<&KnownControl> {
        let healing = self.healed.as_ref()?.origin.healing();
        self.controls.iter().find(|control| control.of == healing)
    }

    pub(super) fn forget_moments(&mut self) {
        self.unsaved_moments.clear();
    }
}

/// SHA-256 over the little-endian bits of a tensor's values.
fn digest(parameters: &Parameters, path: ParameterPath) -> Result<[u8; 32], Failure> {
    let values = parameters.to_vec(path).map_err(|e| computation(&e))?;
    let mut hasher = Sha256::new();
    let mut bytes = Vec::with_capacity(4 << 12);
    for chunk in values.chunks(1 << 12) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        hasher.update(&bytes);
    }
    Ok(hasher.finalize().into())
}
