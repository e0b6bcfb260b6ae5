//! The store itself: its signals, and how the worker is asked.

use super::kept::kept;
use super::known_healing::Heal;
use super::newest::{Lane, Lanes, Newest};
use super::operation::Surgery;
use super::preview::Preview;
use super::steps::Steps;
use crate::bridge::{Bridge, Health};
use crate::failure::Failure;
use crate::history::History;
use crate::plan_edit::Damage;
use crate::protocol::{
    AttentionView, Attribution, Classification, Control, Corrupted, DriftView, Evaluation, HealedOrigin, Loaded,
    Moment, Progress, Request, RequestId, Response, Stage, Storage, TensorView,
};
use crate::runs::{Run, Runs, RunsNote};
use crate::state::State;
use crate::worker_choice::{worker_name, worker_script_url};
use leptos::prelude::*;
use shared::Condition;
use shared::bundle::IndexEntry;
use shared::corruption::{Anatomy, PlanError};
use shared::evidence::Results;
use std::sync::Arc;

/// Every model, in the order of the columns.
pub const MODELS: [Condition; 3] = [Condition::Healthy, Condition::Corrupted, Condition::Healed];

/// What the page knows. A handle: copies are the same store.
#[derive(Clone, Copy)]
pub struct Store {
    /// What the visitor chose; the address follows it.
    pub state: RwSignal<State>,
    /// What of the address had to be refused.
    pub refusals: RwSignal<Vec<String>>,
    /// How the worker is.
    pub health: RwSignal<Health>,
    /// What went wrong last.
    pub failure: RwSignal<Option<Failure>>,
    /// What went well last, for those who cannot see it.
    pub announcement: RwSignal<String>,
    /// The bundles of this page.
    pub bundles: RwSignal<Vec<IndexEntry>>,
    /// What a bundle tells of itself before its weights are there.
    pub preview: RwSignal<Option<Arc<Preview>>>,
    /// Whether a bundle is looked for that was not asked of the worker yet.
    pub is_opening: RwSignal<bool>,
    /// The model that is being loaded, and how far it is.
    pub loading: RwSignal<Option<(RequestId, Progress)>>,
    /// The model.
    pub loaded: RwSignal<Option<Arc<Loaded>>>,
    /// What the plan did.
    pub damage: RwSignal<Option<Arc<Corrupted>>>,
    /// Where the healed model comes from, if there is one.
    pub healed: RwSignal<Option<HealedOrigin>>,
    /// What the models say of the current sentence.
    pub said: RwSignal<Option<Classification>>,
    /// Whether weights of the healed model, rather than the corrupted one, are held against the healthy ones.
    pub compares_healed: RwSignal<bool>,
    /// The tensor under the magnifying glass.
    pub tensor: RwSignal<Option<Arc<TensorView>>>,
    /// Where a head looks.
    pub attention: RwSignal<Option<Arc<AttentionView>>>,
    /// How far hidden states moved.
    pub drift: RwSignal<Option<Arc<DriftView>>>,
    /// What each token contributed.
    pub attribution: RwSignal<Option<Arc<Attribution>>>,
    /// How good the models are on the held-out rows, and under which damage that was found.
    pub evaluation: RwSignal<Option<(Arc<Evaluation>, String)>>,
    /// The evaluation that is under way, and how far it is.
    pub evaluating: RwSignal<Option<(RequestId, Progress)>>,
    /// The control that was made last in this visit.
    pub control: RwSignal<Option<Control>>,
    /// The control that is being made, and how far it is.
    pub controlling: RwSignal<Option<(RequestId, Progress)>>,
    /// The healing.
    pub heal: RwSignal<Heal>,
    /// Whether one is under way, running or paused.
    pub is_healing: Memo<bool>,
    /// The moments to go back to.
    pub moments: RwSignal<Vec<Moment>>,
    /// What surgery came to.
    pub surgery: Surgery,
    /// What is kept in the browser.
    pub storage: RwSignal<Option<Storage>>,
    /// SHA-256 of the corrupted model's weights, once asked for.
    pub fingerprint: RwSignal<Option<String>>,
    /// Sentences that were tried.
    pub history: RwSignal<History>,
    /// The healings of this page, of earlier visits as well.
    pub runs: RwSignal<Runs>,
    /// Runs that were taken away last, to be put back.
    pub removed_runs: RwSignal<Vec<Run>>,
    /// What there is to say about the runs.
    pub runs_note: RwSignal<Option<RunsNote>>,
    /// The last healing while its models are judged, and how far that is.
    pub recording: RwSignal<Option<Progress>>,
    /// Whether the healed model is being packed.
    pub is_exporting: RwSignal<bool>,
    /// Recorded runs, and the name of the file they come from.
    pub results: RwSignal<Option<(Arc<Results>, String)>>,
    /// The layers and heads there are, also before the weights arrive.
    pub anatomy: Memo<Option<Anatomy>>,
    /// The plan as it can be clicked, or where it is wrong.
    pub plan: Memo<Option<Result<Damage, PlanError>>>,
    /// The class names in label-id order.
    pub labels: Memo<Vec<String>>,
    /// Raised whenever a model changed, so that what is shown of it is asked for again.
    pub revision: RwSignal<u64>,
    pub(super) bridge: StoredValue<Bridge, LocalStorage>,
    pub(super) lanes: StoredValue<Lanes, LocalStorage>,
    /// What of the changes is a step of the browser's history.
    pub(super) steps: StoredValue<Steps, LocalStorage>,
    /// Models that were asked for.
    pub(super) loads: StoredValue<Newest, LocalStorage>,
    /// Healings that were started, each of which is outdated once its model is gone.
    pub(super) heals: StoredValue<Newest, LocalStorage>,
}

impl Store {
    /// A store that knows the visitor's choices and history; starts the worker, and does nothing yet by itself.
    pub(super) fn new(state: State, refusals: Vec<String>, history: History) -> Self {
        let (preview, loaded) = (RwSignal::new(None::<Arc<Preview>>), RwSignal::new(None::<Arc<Loaded>>));
        let state = RwSignal::new(state);
        let anatomy = Memo::new(move |_| {
            let of_model = loaded.get().map(|loaded| {
                let model = &loaded.model;
                Anatomy { architecture: model.architecture, n_layers: model.n_layers, n_heads: model.n_heads }
            });
            of_model.or_else(|| preview.get().map(|preview| preview.anatomy))
        });
        let plan_text = Memo::new(move |_| state.with(|state| state.plan.clone()));
        let plan = Memo::new(move |_| Some(Damage::read(&plan_text.get(), anatomy.get()?)));
        let labels = Memo::new(move |_| {
            let of_model = loaded.get().map(|loaded| loaded.model.labels.clone());
            of_model.or_else(|| preview.get().map(|preview| preview.labels.clone())).unwrap_or_default()
        });
        let heal = RwSignal::new(Heal::default());
        let health = RwSignal::new(Health::Starting);
        let bridge = Bridge::start(&worker_script_url(), &worker_name(), move |now| health.set(now));
        Self {
            state,
            refusals: RwSignal::new(refusals),
            health,
            failure: RwSignal::new(None),
            announcement: RwSignal::new(String::new()),
            bundles: RwSignal::new(Vec::new()),
            preview,
            // A page begins with its first bundle.
            is_opening: RwSignal::new(true),
            loading: RwSignal::new(None),
            loaded,
            damage: RwSignal::new(None),
            healed: RwSignal::new(None),
            said: RwSignal::new(None),
            compares_healed: RwSignal::new(false),
            tensor: RwSignal::new(None),
            attention: RwSignal::new(None),
            drift: RwSignal::new(None),
            attribution: RwSignal::new(None),
            evaluation: RwSignal::new(None),
            evaluating: RwSignal::new(None),
            control: RwSignal::new(None),
            controlling: RwSignal::new(None),
            heal,
            is_healing: Memo::new(move |_| heal.with(|heal| heal.phase.is_under_way())),
            moments: RwSignal::new(Vec::new()),
            surgery: Surgery::default(),
            storage: RwSignal::new(None),
            fingerprint: RwSignal::new(None),
            history: RwSignal::new(history),
            runs: RwSignal::new(kept()),
            removed_runs: RwSignal::new(Vec::new()),
            runs_note: RwSignal::new(None),
            recording: RwSignal::new(None),
            is_exporting: RwSignal::new(false),
            results: RwSignal::new(None),
            anatomy,
            plan,
            labels,
            revision: RwSignal::new(0),
            bridge: StoredValue::new_local(bridge),
            lanes: StoredValue::new_local(Lanes::default()),
            steps: StoredValue::new_local(Steps::default()),
            loads: StoredValue::new_local(Newest::default()),
            heals: StoredValue::new_local(Newest::default()),
        }
    }

    /// The store that the page's root provided.
    ///
    /// # Panics
    /// Outside of the page, where there is none.
    #[must_use]
    pub fn get() -> Self {
        use_context().expect("the page's root provides the store")
    }

    /// Changes what the visitor chose; the address, and with it the browser's history, follows.
    pub fn choose(&self, change: impl FnOnce(&mut State)) {
        self.steps.update_value(Steps::choose);
        self.refusals.update(Vec::clear);
        self.state.update(change);
    }

    /// Changes what the visitor chooses by moving `control`: one step of the history, however far it is moved.
    pub fn slide(&self, control: &'static str, change: impl FnOnce(&mut State)) {
        self.steps.update_value(|steps| steps.slide(control, js_sys::Date::now()));
        self.refusals.update(Vec::clear);
        self.state.update(change);
    }

    /// The pointer takes hold of `control`, which moves until [`Store::release`].
    pub fn hold(&self, control: &'static str) {
        self.steps.update_value(|steps| steps.hold(control));
    }

    /// The pointer lets go of the control that it held.
    pub fn release(&self) {
        self.steps.update_value(Steps::release);
    }

    /// Whether a part of the state is what `read` says; changes only when that changes.
    #[must_use]
    pub fn select<T: PartialEq + Send + Sync + 'static>(&self, read: fn(&State) -> T) -> Memo<T> {
        let state = self.state;
        Memo::new(move |_| state.with(read))
    }

    /// Tells the visitor what went wrong.
    pub fn fail(&self, failure: Failure) {
        self.failure.set(Some(failure));
    }

    /// Asks the worker; `on_answer` hears the answer. Failures are told to the visitor, cancellations are dropped.
    pub(super) fn ask<R: Request>(&self, request: R, on_answer: impl Fn(R::Answer) + 'static) {
        self.bridge.with_value(|bridge| bridge.ask(request, &[], self.answered::<R>(on_answer)));
    }

    /// Asks the worker; while a request of this lane is under way only the newest waits.
    pub(super) fn ask_latest<R: Request + 'static>(
        &self,
        lane: Lane,
        request: R,
        on_answer: impl Fn(R::Answer) + 'static,
    ) {
        let bridge = self.bridge.get_value();
        let on_response = self.answered::<R>(on_answer);
        self.lanes.get_value().ask(lane, move |ended| {
            bridge.ask(request, &[], move |response| {
                let is_final = !matches!(response, Response::Progress(_));
                on_response(response);
                if is_final {
                    ended();
                }
            });
        });
    }

    /// Hears the replies to a request whose progress is of no interest.
    pub(super) fn answered<R: Request>(
        &self,
        on_answer: impl Fn(R::Answer) + 'static,
    ) -> impl Fn(Response<R>) + 'static {
        let store = *self;
        move |response| match response {
            Response::Answer(answer) => on_answer(answer),
            Response::Failed(failure) => store.fail(failure),
            Response::Progress(_) | Response::Cancelled => {}
        }
    }

    /// Asks the worker for something that takes long: `under_way` holds the request and its progress until it ends, by
    /// which it can be cancelled ([`Store::cancel`]).
    pub(super) fn ask_long<R: Request<Progress = Progress>>(
        &self,
        under_way: RwSignal<Option<(RequestId, Progress)>>,
        stage: Stage,
        request: R,
        on_answer: impl Fn(R::Answer) + 'static,
    ) {
        if under_way.with_untracked(Option::is_some) {
            return;
        }
        let on_end = self.answered::<R>(on_answer);
        let id = self.bridge.with_value(|bridge| {
            bridge.ask(request, &[], move |response| match response {
                Response::Progress(now) => under_way.update(|under_way| {
                    if let Some((_, progress)) = under_way {
                        *progress = now;
                    }
                }),
                response => {
                    under_way.set(None);
                    on_end(response);
                }
            })
        });
        // Under way from the click on: the first progress may be long in coming.
        under_way.set(Some((id, Progress { stage, done: 0, total: 0 })));
    }

    /// Gives up what is under way, if anything is.
    pub fn cancel(&self, under_way: RwSignal<Option<(RequestId, Progress)>>) {
        if let Some((id, _)) = under_way.get_untracked() {
            self.bridge.with_value(|bridge| bridge.cancel(id));
        }
    }

    /// Says that a model changed.
    pub(super) fn raise_revision(&self) {
        self.revision.update(|revision| *revision += 1);
    }

    /// The plan and seed of the damage that there is, and what was transplanted, as the history notes it.
    #[must_use]
    pub fn damage_name(&self) -> String {
        let damage = self.damage.with(|damage| {
            damage.as_ref().map_or(String::new(), |damage| match damage.plan.as_str() {
                "" => "no damage".to_owned(),
                plan => format!("{plan} seed {}", damage.seed.0),
            })
        });
        match self.surgery.graft.get() {
            Some(graft) => format!("{damage}, {} with {}", graft.to, graft.in_words()),
            None => damage,
        }
    }
}
