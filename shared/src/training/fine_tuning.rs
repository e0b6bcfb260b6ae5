//! The training step, and what it tells about itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::schedule::steps_per_epoch;
use super::state::{self, StatePart};
use super::step_gradient::{MicroBatch, StepGradient, StepGradientHeader, halves};
use super::{LinearSchedule, TrainingArgs};
use crate::dataset::{Batch, EncodedExample, Grouping, epoch_batches};
use crate::error::{Error, Result};
use crate::evaluation::predicted_class;
use crate::model::{ForwardMode, ModelConfig, ParameterPath, Parameters, TextClassifier};
use crate::nn::{
    AdamW, AdamWState, Gradient, Kernels, UpdateScale, WeightDecay, clip_factor, collect, cross_entropy, on_pool,
};
use crate::random::Seed;

/// The seeds a fine-tuning draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingSeeds {
    /// Dropout.
    pub head: Seed,
    /// Order of rows.
    pub data: Seed,
}

/// A part of a step on given batches, for those who time it: this crate knows no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepPart {
    /// From token ids to the loss.
    Forward,
    /// From the loss to every gradient.
    Backward,
    /// The gradient norm, clipping and the update.
    Optimizer,
}

/// What one optimiser step did.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: usize,
    /// Mean cross-entropy over the step's batches.
    pub loss: f64,
    /// The learning rate it used.
    pub learning_rate: f64,
    /// L2 norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// Training rows it saw.
    pub n_rows: usize,
    /// Of these, rows whose label it predicted, with dropout on.
    pub n_correct: usize,
    /// Real tokens it saw, without padding.
    pub n_tokens: usize,
    /// Passes over the training rows that are complete after it.
    pub epochs_done: usize,
    /// Each micro-batch in turn.
    pub batches: Vec<MicroBatch>,
}

/// A fine-tuning under way.
///
/// ```
/// use std::sync::Arc;
/// use candle_core::{DType, Device, Tensor};
/// use shared::Parameters;
/// use shared::dataset::EncodedExample;
/// use shared::model::{ModelConfig, Module, ParameterPath};
/// use shared::nn::Kernels;
/// use shared::random::Seed;
/// use shared::training::{FineTuning, TrainingArgs, TrainingSeeds};
///
/// let config = ModelConfig::from_json(
///     br#"{"model_type": "bert", "vocab_size": 3, "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1,
///          "intermediate_size": 2, "max_position_embeddings": 4, "num_labels": 2}"#,
/// )?;
/// let zeros = |path| Tensor::zeros(config.shape_of(path), DType::F32, &Device::Cpu).map(|tensor| (path, tensor));
/// let tensors = config.parameters().into_iter().map(zeros).collect::<candle_core::Result<Vec<_>>>()?;
/// let parameters = Parameters::new(config.architecture, tensors)?;
///
/// let rows = Arc::new(vec![EncodedExample::of_one_text(vec![1, 2], 0)]);
/// let args = TrainingArgs { learning_rate: 0.1, max_steps: Some(1), warmup_ratio: 0.0, ..TrainingArgs::default() };
/// let seeds = TrainingSeeds { head: Seed(0), data: Seed(0) };
/// let kernels = Kernels::for_device(&Device::Cpu);
/// let mut tuning = FineTuning::new(&config, parameters, rows, &args, seeds, kernels, &Device::Cpu)?;
///
/// // Where all weights are 0 the two classes are equally likely, and only the classifier's bias has a gradient.
/// let report = tuning.step()?;
/// assert!((report.loss - f64::ln(2.0)).abs() < 1e-6);
/// let bias = tuning.parameters().to_vec(ParameterPath::bias(Module::Classifier))?;
/// assert!((bias[0] - 0.1).abs() < 1e-6 && (bias[1] + 0.1).abs() < 1e-6, "{bias:?}");
/// # Ok::<(), shared::Error>(())
/// ```
#[derive(Debug)]
pub struct FineTuning {
    config: ModelConfig,
    args: TrainingArgs,
    seeds: TrainingSeeds,
    kernels: Kernels,
    device: Device,
    examples: Arc<Vec<EncodedExample>>,
    lengths: Vec<usize>,
    parameters: Parameters,
    model: TextClassifier,
    optimizer: AdamW,
    moments: BTreeMap<ParameterPath, AdamWState>,
    schedule: LinearSchedule,
    step: usize,
    /// The batches of the epoch they belong to.
    order: Option<(usize, Vec<Vec<usize>>)>,
}

impl FineTuning {
    /// A fine-tuning of `parameters` (frozen ones stay as they are) on `examples` that has not begun.
    ///
    /// # Errors
    /// When there is nothing to train, or bf16 is asked of a processor that lacks it.
    pub fn new(
        config: &ModelConfig,
        parameters: Parameters,
        examples: Arc<Vec<EncodedExample>>,
        args: &TrainingArgs,
        seeds: TrainingSeeds,
        kernels: Kernels,
        device: &Device,
    ) -> Result<Self> {
        if examples.is_empty() {
            return Err(Error::Training("there are no training rows".into()));
        }
        if parameters.trained().next().is_none() {
            return Err(Error::Training("every parameter is frozen: there is nothing to train".into()));
        }
        let config = match args.dropout {
            Some(probability) => config.with_dropout(probability),
            None => config.clone(),
        };
        // The caller may have chosen single kernels; only whole fused layers heed the factors.
        let kernels = Kernels { factors: args.dtype.kernels(device)?.factors, ..kernels };
        let model = TextClassifier::for_training(&config, &parameters, &kernels, args.dtype.activations(device))?;
        let betas = (args.adam_beta1, args.adam_beta2);
        let optimizer = AdamW::new(betas, args.adam_epsilon, args.weight_decay, &kernels);
        let moments =
            parameters.trained().map(|(path, var)| Ok((path, optimizer.initial_state(var)?))).collect::<Result<_>>()?;
        Ok(Self {
            lengths: examples.iter().map(|example| example.input_ids.len()).collect(),
            schedule: LinearSchedule::new(args, examples.len()),
            args: args.clone(),
            config,
            seeds,
            kernels,
            device: device.clone(),
            examples,
            parameters,
            model,
            optimizer,
            moments,
            step: 0,
            order: None,
        })
    }

    /// Optimiser steps in all.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.schedule.n_steps()
    }

    /// Optimiser steps that are done.
    #[must_use]
    pub fn steps_done(&self) -> usize {
        self.step
    }

    /// Optimiser steps in one pass over the rows.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        steps_per_epoch(&self.args, self.examples.len())
    }

    /// The parameters as they are now.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Ends the fine-tuning and hands its parameters over.
    #[must_use]
    pub fn into_parameters(self) -> Parameters {
        self.parameters
    }

    /// A model on the current parameters that builds no graph and drops nothing.
    ///
    /// # Errors
    /// Never: every parameter that a model needs is there since [`FineTuning::new`].
    pub fn evaluation_model(&self) -> Result<TextClassifier> {
        TextClassifier::for_evaluation(&self.config, &self.parameters, &self.kernels, DType::F32)
    }

    /// Runs the next optimiser step on the rows that the data seed puts there.
    ///
    /// # Errors
    /// As [`FineTuning::step_on`].
    pub fn step(&mut self) -> Result<StepReport> {
        let batches = self.next_batches();
        self.step_on(batches, &mut |_| {})
    }

    /// The micro-batches that the data seed puts into the next step.
    pub fn next_batches(&mut self) -> Vec<Batch> {
        let (epoch, step_in_epoch) = (self.step / self.steps_per_epoch(), self.step % self.steps_per_epoch());
        let per_step = self.args.gradient_accumulation_steps;
        let groups: Vec<Vec<usize>> =
            self.batches_of_epoch(epoch).chunks(per_step).nth(step_in_epoch).map(<[_]>::to_vec).unwrap_or_default();
        groups.iter().map(|rows| Batch::new(&self.examples, rows, self.config.pad_token_id)).collect()
    }

    /// Runs the next optimiser step on these micro-batches, whose gradients are averaged; `on_end` hears each part as it
    /// ends, forward and backward once a micro-batch.
    ///
    /// # Errors
    /// Without a batch; [`Error::Diverged`] when the loss or the gradient norm is NaN or infinite, or the square of a
    /// clipped gradient is. The parameters are then those of the step before.
    pub fn step_on(&mut self, inputs: Vec<Batch>, on_end: &mut dyn FnMut(StepPart)) -> Result<StepReport> {
        let mut sum: Option<StepGradient> = None;
        for (index, batch) in inputs.into_iter().enumerate() {
            let of_batch = self.gradient_on(index, batch, on_end)?;
            sum = Some(match sum {
                Some(sum) => sum.join(of_batch, &self.parameters)?,
                None => of_batch,
            });
        }
        match sum {
            Some(sum) => self.apply_on(sum, on_end),
            None => Err(Error::Training("an optimiser step needs at least one batch, got none".into())),
        }
    }

    /// Σ of the gradients of the next step's micro-batches at `range`, added up as halves of halves; `None` where the
    /// step has none of them.
    ///
    /// # Errors
    /// As [`FineTuning::step_on`].
    pub fn gradient(&mut self, range: Range<usize>) -> Result<Option<StepGradient>> {
        let batches = self.next_batches();
        let range = range.start.min(batches.len())..range.end.min(batches.len());
        if range.is_empty() { Ok(None) } else { self.gradient_of(&batches, &range).map(Some) }
    }

    fn gradient_of(&mut self, batches: &[Batch], range: &Range<usize>) -> Result<StepGradient> {
        if range.len() == 1 {
            return self.gradient_on(range.start, batches[range.start].clone(), &mut |_| {});
        }
        let (first, second) = halves(range);
        let first = self.gradient_of(batches, &first)?;
        let second = self.gradient_of(batches, &second)?;
        first.join(second, &self.parameters)
    }

    /// Forward and backward on the micro-batch that is the step's `index`-th.
    fn gradient_on(&mut self, index: usize, batch: Batch, on_end: &mut dyn FnMut(StepPart)) -> Result<StepGradient> {
        let step = self.step + 1;
        let micro_step = self.step * self.args.gradient_accumulation_steps + index;
        let stream = self.seeds.head.stream_at("dropout", "", micro_step as u64);
        if !self.device.is_cpu() {
            self.device.set_seed(stream.u64_at(u64::MAX >> 8))?;
        }
        let (logits, loss, loss_value) = on_pool(&self.device, || {
            let logits = self.model.forward(&batch, ForwardMode::Training(&stream))?;
            let loss = cross_entropy(&logits, &Arc::new(batch.labels.clone()), &self.kernels)?;
            let loss_value = loss.to_scalar::<f32>()?;
            Ok::<_, Error>((logits, loss, loss_value))
        })?;
        if !loss_value.is_finite() {
            let learning_rate = self.schedule.learning_rate(step);
            return Err(Error::Diverged { step, learning_rate, what: "loss", value: f64::from(loss_value) });
        }
        on_end(StepPart::Forward);
        let mut of_batch = on_pool(&self.device, || collect(&loss, self.model.collector()))?;
        let mut gradients = BTreeMap::new();
        for (path, var) in self.parameters.trained() {
            if let Some(gradient) = of_batch.remove(var)? {
                gradients.insert(path, gradient);
            }
        }
        on_end(StepPart::Backward);
        let n_correct = n_correct(&logits, &batch.labels)?;
        Ok(StepGradient { first: index, batches: vec![MicroBatch { batch, loss: loss_value, n_correct }], gradients })
    }

    /// A part of the next step's gradient that another replica has [sent](StepGradient::send); `values` fills in what
    /// comes next of its values.
    ///
    /// # Errors
    /// When it is not of this model and step.
    pub fn receive(
        &mut self,
        header: StepGradientHeader,
        mut values: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<StepGradient> {
        let StepGradientHeader { first, micro, parts } = header;
        let n_trained = self.parameters.trained().count();
        let batches = self.next_batches();
        if parts.len() != n_trained || first + micro.len() > batches.len() {
            return Err(Error::Training(format!(
                "a gradient of {} parameters and micro-batches {first}..{} was sent to a step of {n_trained} and {}",
                parts.len(),
                first + micro.len(),
                batches.len()
            )));
        }
        let batches = batches.into_iter().skip(first).zip(micro);
        let batches = batches.map(|(batch, (loss, n_correct))| MicroBatch { batch, loss, n_correct }).collect();
        let mut gradients = BTreeMap::new();
        for ((path, var), part) in self.parameters.trained().zip(parts) {
            if let Some(gradient) = Gradient::receive(part, var, &mut values)? {
                gradients.insert(path, gradient);
            }
        }
        Ok(StepGradient { first, batches, gradients })
    }

    /// Ends the next step with the gradient of all its micro-batches.
    ///
    /// # Errors
    /// As [`FineTuning::step_on`], or when micro-batches are missing.
    pub fn apply(&mut self, sum: StepGradient) -> Result<StepReport> {
        let n_micro = self.next_batches().len();
        if sum.range() != (0..n_micro) {
            return Err(Error::Training(format!("a step of {n_micro} micro-batches got those at {:?}", sum.range())));
        }
        self.apply_on(sum, &mut |_| {})
    }

    fn apply_on(&mut self, sum: StepGradient, on_end: &mut dyn FnMut(StepPart)) -> Result<StepReport> {
        let StepGradient { batches, gradients, .. } = sum;
        let step = self.step + 1;
        let learning_rate = self.schedule.learning_rate(step);
        let average = 1.0 / batches.len() as f64;
        let device = self.device.clone();
        let gradient_norm = on_pool(&device, || self.update(gradients, step, learning_rate, average))?;
        on_end(StepPart::Optimizer);
        self.step = step;
        Ok(StepReport {
            step,
            loss: batches.iter().map(|micro| f64::from(micro.loss)).sum::<f64>() * average,
            learning_rate,
            gradient_norm,
            n_rows: batches.iter().map(|micro| micro.batch.n_rows).sum(),
            n_correct: batches.iter().map(|micro| micro.n_correct).sum(),
            n_tokens: batches.iter().map(|micro| micro.batch.n_tokens()).sum(),
            epochs_done: step / self.steps_per_epoch(),
            batches,
        })
    }

    /// Takes the optimiser's step along `average` times these gradients, whose norm is returned.
    fn update(
        &mut self,
        mut gradients: BTreeMap<ParameterPath, Gradient>,
        step: usize,
        learning_rate: f64,
        average: f64,
    ) -> Result<f64> {
        let squares: f64 = gradients.values().map(Gradient::squared_norm).sum::<candle_core::Result<f64>>()?;
        let gradient_norm = squares.sqrt() * average;
        if !gradient_norm.is_finite() {
            return Err(Error::Diverged { step, learning_rate, what: "gradient norm", value: gradient_norm });
        }
        let clip = clip_factor(gradient_norm, self.args.max_grad_norm);
        let gradient_scale = average * clip;
        // No value is larger than the norm, so that values are looked at only where one may be out of bounds.
        if gradient_norm * clip >= AdamW::GRADIENT_BOUND {
            let largest = gradients.values().map(Gradient::max_abs).collect::<candle_core::Result<Vec<_>>>()?;
            let largest = largest.into_iter().fold(0.0, f64::max) * gradient_scale;
            if largest >= AdamW::GRADIENT_BOUND {
                return Err(Error::Diverged { step, learning_rate, what: "gradient", value: largest });
            }
        }
        for (path, var) in self.parameters.trained() {
            let (Some(gradient), Some(state)) = (gradients.remove(&path), self.moments.get_mut(&path)) else {
                continue;
            };
            let decay = if path.has_weight_decay() { WeightDecay::Applies } else { WeightDecay::Exempt };
            let updated = self.optimizer.update(
                var,
                &gradient,
                state,
                decay,
                UpdateScale { learning_rate, gradient_scale, step },
            );
            self.parameters.changes().record();
            updated?;
        }
        Ok(gradient_norm)
    }

    fn batches_of_epoch(&mut self, epoch: usize) -> &[Vec<usize>] {
        let grouping = if self.args.group_by_length { Grouping::ByLength } else { Grouping::Shuffled };
        let (_, batches) = match self.order.take() {
            Some(order) if order.0 == epoch => self.order.insert(order),
            _ => {
                let batches =
                    epoch_batches(&self.lengths, self.args.batch_size, self.seeds.data, epoch as u64, grouping);
                self.order.insert((epoch, batches))
            }
        };
        batches
    }

    /// One part of what is needed to go on from here; the number of steps is [`FineTuning::steps_done`].
    ///
    /// # Errors
    /// When a tensor cannot be read from its device.
    pub fn save_part(&self, part: StatePart) -> Result<Vec<u8>> {
        state::pack(part, &self.parameters, &self.moments)
    }

    /// Goes on after `steps_done` steps from parts that a fine-tuning of the same model, rows, arguments and seeds has
    /// saved; `read` gives the bytes of each.
    ///
    /// # Errors
    /// When `read` fails, or the state belongs to another model.
    pub fn restore<E: From<Error>>(
        &mut self,
        steps_done: usize,
        mut read: impl FnMut(StatePart) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        let architecture = self.parameters.architecture();
        let trained: Vec<ParameterPath> = self.parameters.trained().map(|(path, _)| path).collect();
        let mut unpack = |part| Ok::<_, E>(state::unpack(part, &read(part)?, &trained, architecture)?);
        for (path, values) in trained.iter().zip(unpack(StatePart::Parameters)?) {
            // In place: the model holds the same storage.
            self.parameters.set(*path, values)?;
        }
        let (means, mean_squares) = (unpack(StatePart::Mean)?, unpack(StatePart::MeanSquare)?);
        for (path, (mean, mean_square)) in trained.iter().zip(means.into_iter().zip(mean_squares)) {
            let parameter = self.parameters.get(*path)?;
            let moments = self.optimizer.restored_state(&parameter, mean, mean_square).map_err(Error::from)?;
            self.moments.insert(*path, moments);
        }
        self.step = steps_done;
        Ok(())
    }
}

/// A row with a logit of −∞, which a finite loss allows, has no predicted class.
fn n_correct(logits: &Tensor, labels: &[u32]) -> Result<usize> {
    let rows: Vec<Vec<f32>> = logits.detach().to_vec2()?;
    Ok(rows.iter().zip(labels).filter(|(logits, label)| predicted_class(logits) == Some(**label)).count())
}
