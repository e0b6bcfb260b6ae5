//! A fine-tuning whose steps are shared out.

use super::super::model::{Model, next_id};
use super::lead::{Member, Team};
use super::line::Answer;
use super::order::{Begin, Order, Report};
use super::values::{Filled, Read};
use candle_core::Device;
use futures_channel::oneshot;
use js_sys::{Float32Array, Uint8Array};
use shared::Result;
use shared::dataset::EncodedExample;
use shared::model::ParameterPath;
use shared::nn::Kernels;
use shared::training::{
    FineTuning, StatePart, StepGradient, StepGradientHeader, StepReport, TrainingArgs, TrainingSeeds, shares,
    sum_of_shares,
};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Micro-batches of a step of so many rows. They depend on nothing else, so that the same rows give the same bits whoever
/// shares them; each has two rows at least, since fewer waste a worker's time.
pub(in super::super) fn micro_batches(batch_size: usize) -> usize {
    [4, 2].into_iter().find(|n| batch_size.is_multiple_of(*n) && batch_size / n >= 2).unwrap_or(1)
}

/// What a fine-tuning is made of, so that others can make the same.
pub(in super::super) struct Recipe {
    /// What it begins with.
    pub(in super::super) model: Rc<Model>,
    pub(in super::super) examples: Arc<Vec<EncodedExample>>,
    pub(in super::super) args: TrainingArgs,
    pub(in super::super) seeds: TrainingSeeds,
    /// What learns.
    pub(in super::super) trained: Vec<ParameterPath>,
}

/// A fine-tuning, and what helpers need to follow it.
pub(in super::super) struct Learner {
    pub(in super::super) fine_tuning: FineTuning,
    id: u64,
    recipe: Recipe,
}

/// A step that others work on, too.
pub(in super::super) struct Shared {
    own: Option<StepGradient>,
    others: Vec<(Range<usize>, Rc<Member>, oneshot::Receiver<Answer>)>,
}

/// What came of it.
pub(in super::super) struct Collected {
    own: Option<StepGradient>,
    others: Vec<(Range<usize>, Rc<Member>, Option<Answer>)>,
}

impl Recipe {
    /// The fine-tuning, which has not made a step.
    pub(super) fn make(&self, config: &shared::model::ModelConfig) -> Result<FineTuning> {
        let mut parameters = self.model.parameters.fork()?;
        parameters.freeze(|path| !self.trained.contains(&path))?;
        let (examples, kernels) = (Arc::clone(&self.examples), Kernels::for_device(&Device::Cpu));
        FineTuning::new(config, parameters, examples, &self.args, self.seeds, kernels, &Device::Cpu)
    }
}

impl Learner {
    /// # Errors
    /// When there is nothing to train.
    pub(in super::super) fn new(config: &shared::model::ModelConfig, recipe: Recipe) -> Result<Self> {
        Ok(Self { fine_tuning: recipe.make(config)?, id: next_id(), recipe })
    }

    /// Names it among the trainings of this worker.
    pub(in super::super) fn id(&self) -> u64 {
        self.id
    }

    /// Hands the next step's micro-batches out and computes the share of this worker.
    ///
    /// # Errors
    /// As [`FineTuning::step`].
    pub(in super::super) fn hand_out(&mut self, team: &Team) -> Result<Shared> {
        let n_micro = self.fine_tuning.next_batches().len();
        let members = if n_micro > 1 { team.ready() } else { Vec::new() };
        let n_sharers = 1 << (1 + members.len()).min(n_micro).max(1).ilog2();
        let mut ranges = shares(n_micro, n_sharers).into_iter();
        let own_range = ranges.next().unwrap_or(0..n_micro);
        let mut others = Vec::new();
        for (range, member) in ranges.zip(members).filter(|(range, _)| !range.is_empty()) {
            self.enrol(team, &member)?;
            let order = Order::Gradient { training: self.id, first: range.start, end: range.end };
            let answer = member.line.ask(order);
            others.push((range, member, answer));
        }
        Ok(Shared { own: self.fine_tuning.gradient(own_range)?, others })
    }

    /// Lets a helper have a replica that stands where this fine-tuning stands.
    fn enrol(&self, team: &Team, member: &Member) -> Result<()> {
        let steps_done = self.fine_tuning.steps_done();
        if self.is_followed_by(member) {
            return Ok(());
        }
        team.tell_model(member, &self.recipe.model)?;
        let rows = Team::tell_rows(member, &self.recipe.examples);
        let mut state = Vec::new();
        for part in StatePart::ALL.into_iter().filter(|_| steps_done > 0) {
            state.push(Uint8Array::from(self.fine_tuning.save_part(part)?.as_slice()));
        }
        let begin = Begin {
            training: self.id,
            model: self.recipe.model.id,
            rows,
            args: self.recipe.args.clone(),
            seeds: (self.recipe.seeds.head, self.recipe.seeds.data),
            trained: team.places(&self.recipe.trained),
            steps_done,
        };
        member.line.order(Order::Begin(begin), None, &state);
        member.training.set(Some((self.id, steps_done)));
        Ok(())
    }

    /// Whether a helper's replica stands where this fine-tuning stands.
    fn is_followed_by(&self, member: &Member) -> bool {
        member.training.get() == Some((self.id, self.fine_tuning.steps_done()))
    }

    /// Puts the parts together and takes the step; parts that did not come are computed here.
    ///
    /// # Errors
    /// As [`FineTuning::step`].
    pub(in super::super) fn finish(&mut self, team: &Team, collected: Collected) -> Result<StepReport> {
        let Collected { own, others } = collected;
        let mut parts = Vec::from_iter(own);
        for (range, member, answer) in others {
            let part = if let Some((Report::Gradient(Some(header)), values)) = answer {
                let mut values = Read::new(values);
                Some(self.fine_tuning.receive(header, |some| values.fill(some))?)
            } else {
                member.line.lose();
                self.fine_tuning.gradient(range)?
            };
            parts.extend(part);
        }
        let sum = sum_of_shares(parts, self.fine_tuning.parameters())?
            .ok_or_else(|| shared::Error::Training("the step has no rows".to_owned()))?;
        // Also those that had no share of this step, so that they can have one of the next.
        for member in team.ready().iter().filter(|member| self.is_followed_by(member)) {
            let (header, values) = sent(&sum, &self.fine_tuning)?;
            member.line.order(Order::Apply { training: self.id, header }, Some(values), &[]);
            member.training.set(Some((self.id, self.fine_tuning.steps_done() + 1)));
        }
        self.fine_tuning.apply(sum)
    }
}

impl Shared {
    /// Workers that share it.
    pub(in super::super) fn n_workers(&self) -> usize {
        1 + self.others.len()
    }

    /// Waits for the others.
    pub(in super::super) async fn collect(self) -> Collected {
        let mut others = Vec::new();
        for (range, member, answer) in self.others {
            others.push((range, member, answer.await.ok()));
        }
        Collected { own: self.own, others }
    }
}

/// A gradient as it travels.
pub(super) fn sent(gradient: &StepGradient, of: &FineTuning) -> Result<(StepGradientHeader, Float32Array)> {
    let mut len = 0;
    gradient.send(of.parameters(), |values| len += values.len())?;
    let mut filled = Filled::with_room(len);
    let header = gradient.send(of.parameters(), |values| filled.push(values))?;
    Ok((header, filled.into_array()))
}
