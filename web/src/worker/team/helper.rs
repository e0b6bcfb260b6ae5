//! A helper's program: it does what it is told, one order after the other, and keeps nothing for itself.

use super::super::browser::global;
use super::super::model::Model;
use super::learner::{Recipe, sent};
use super::line::{message, read};
use super::order::{Begin, Envelope, NAME, Order, Report};
use super::share_rows::count;
use super::values::{Filled, Read};
use crate::failure::Failure;
use crate::fetch::reason;
use candle_core::Device;
use gloo_events::EventListener;
use js_sys::{Float32Array, Uint8Array};
use shared::Parameters;
use shared::dataset::{Batch, EncodedExample};
use shared::model::{ForwardMode, ModelConfig};
use shared::surgery::Mixture;
use shared::training::{FineTuning, TrainingSeeds};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsCast as _;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Whether this worker was started to help another.
#[must_use]
pub(in super::super) fn is_helper() -> bool {
    global("name").and_then(|name| name.as_string()).as_deref() == Some(NAME)
}

/// Works for the worker that started this one.
///
/// # Errors
/// [`Failure::WorkerStopped`] when called anywhere but in a dedicated worker.
pub(in super::super) fn serve() -> Result<(), Failure> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global()
        .dyn_into()
        .map_err(|_| Failure::WorkerStopped { reason: "it was not started as a dedicated worker".to_owned() })?;
    // A panic reaches the other as an error event.
    console_error_panic_hook::set_once();
    let (helper, line) = (RefCell::new(Helper::default()), scope.clone());
    EventListener::new(&scope, "message", move |event| {
        let data = event.unchecked_ref::<MessageEvent>().data();
        let (ticket, report, values) = match read::<Order>(&data) {
            Ok((Envelope { ticket, body }, values, files)) => {
                let (report, values) = helper.borrow_mut().obey(body, values, &files);
                (ticket, report, values)
            }
            Err(problem) => (None, Report::Failed(problem), None),
        };
        // What has no ticket has no answer, but for what cannot be understood.
        if ticket.is_some() || matches!(report, Report::Failed(_)) {
            post(&line, ticket, report, values);
        }
    })
    .forget();
    post(&scope, None, Report::Ready, None);
    Ok(())
}

fn post(scope: &DedicatedWorkerGlobalScope, ticket: Option<u32>, report: Report, values: Option<Float32Array>) {
    let posted = message(&Envelope { ticket, body: report }, values, &[])
        .and_then(|(message, buffers)| scope.post_message_with_transfer(&message, &buffers));
    if let Err(error) = posted {
        // Thrown, it reaches the other through the error event.
        wasm_bindgen::throw_str(&reason(&error));
    }
}

/// What a helper knows.
#[derive(Default)]
struct Helper {
    config: Option<ModelConfig>,
    healthy: Option<Rc<Model>>,
    models: BTreeMap<u64, Rc<Model>>,
    rows: BTreeMap<u64, Arc<Vec<EncodedExample>>>,
    training: Option<(u64, FineTuning)>,
}

impl Helper {
    fn obey(&mut self, order: Order, values: Float32Array, files: &[Uint8Array]) -> (Report, Option<Float32Array>) {
        match self.work(order, values, files) {
            Ok((report, values)) => (report, values),
            Err(problem) => (Report::Failed(problem), None),
        }
    }

    fn work(
        &mut self,
        order: Order,
        values: Float32Array,
        files: &[Uint8Array],
    ) -> Result<(Report, Option<Float32Array>), String> {
        let mut values = Read::new(values);
        match order {
            Order::Base { id, config } => {
                let config = ModelConfig::from_json(config.as_bytes()).map_err(text)?;
                let mut all = Vec::new();
                for path in config.parameters() {
                    let shape = config.shape_of(path);
                    let mut of_path = vec![0.0; shape.iter().product()];
                    values.fill(&mut of_path).map_err(text)?;
                    all.push((path, shape, of_path));
                }
                let mut parameters = Parameters::from_values(config.architecture, all, &Device::Cpu).map_err(text)?;
                parameters.freeze(|_| true).map_err(text)?;
                let healthy = Model::new(&config, parameters).map_err(text)?;
                self.models.insert(id, Rc::clone(&healthy));
                (self.config, self.healthy) = (Some(config), Some(healthy));
            }
            Order::Model { id, changed, forget } => {
                forget.map(|id| self.models.remove(&id));
                let (config, healthy) = self.healthy()?;
                let mut parameters = healthy.parameters.fork().map_err(text)?;
                let paths = config.parameters();
                for place in changed {
                    let path = *paths.get(place).ok_or("no such parameter")?;
                    let mut of_path = vec![0.0; config.shape_of(path).iter().product()];
                    values.fill(&mut of_path).map_err(text)?;
                    parameters.set(path, of_path).map_err(text)?;
                }
                let model = Model::new(config, parameters).map_err(text)?;
                self.models.insert(id, model);
            }
            Order::Rows { id, rows, forget } => {
                forget.map(|id| self.rows.remove(&id));
                let row = |(input_ids, n_second, label)| EncodedExample { input_ids, n_second, label };
                self.rows.insert(id, Arc::new(rows.into_iter().map(row).collect()));
            }
            Order::Classify { model, rows, indices } => {
                let (config, _) = self.healthy()?;
                let batch = self.batch(config, rows, &indices)?;
                let outputs = self.model(model)?.classifier.evaluate(&batch).map_err(text)?;
                let mut filled = Filled::with_room(outputs.iter().map(|output| output.logits.len()).sum());
                for output in &outputs {
                    filled.push(&output.logits);
                }
                let is_saturated = outputs.iter().map(|output| output.is_saturated).collect();
                return Ok((Report::Logits { is_saturated }, Some(filled.into_array())));
            }
            Order::Mix(order) => {
                let (config, healthy) = self.healthy()?;
                let batch = self.batch(config, order.rows, &order.indices)?;
                let damaged = self.model(order.damaged)?;
                let of = (&healthy.classifier, &damaged.classifier);
                let mixture = Mixture::known(order.players, of.0, of.1, order.distinct);
                let counts = count(&mixture, &batch, &order.mixes).map_err(text)?;
                return Ok((Report::Mixed(counts), None));
            }
            Order::Encode { rows, indices } => {
                let (config, healthy) = self.healthy()?;
                let batch = self.batch(config, rows, &indices)?;
                let hidden = healthy.classifier.encoder().forward(&batch, ForwardMode::Evaluation).map_err(text)?;
                let hidden: Vec<f32> = hidden.flatten_all().and_then(|hidden| hidden.to_vec1()).map_err(text)?;
                return Ok((Report::Hidden, Some(Float32Array::from(hidden.as_slice()))));
            }
            Order::Begin(begin) => self.begin(begin, files)?,
            Order::Gradient { training, first, end } => {
                let fine_tuning = self.fine_tuning(training)?;
                let Some(gradient) = fine_tuning.gradient(first..end).map_err(text)? else {
                    return Ok((Report::Gradient(None), None));
                };
                let (header, values) = sent(&gradient, fine_tuning).map_err(text)?;
                return Ok((Report::Gradient(Some(header)), Some(values)));
            }
            Order::Apply { training, header } => {
                let fine_tuning = self.fine_tuning(training)?;
                let sum = fine_tuning.receive(header, |some| values.fill(some)).map_err(text)?;
                fine_tuning.apply(sum).map_err(text)?;
            }
            Order::End { training } => {
                self.training.take_if(|(id, _)| *id == training);
                shared::nn::free_buffers();
            }
        }
        // Nobody asked.
        Ok((Report::Ready, None))
    }

    fn begin(&mut self, begin: Begin, files: &[Uint8Array]) -> Result<(), String> {
        let Begin { training, model, rows, args, seeds, trained, steps_done } = begin;
        // First, so that there is never memory for two.
        self.training = None;
        let (config, _) = self.healthy()?;
        let paths = config.parameters();
        let recipe = Recipe {
            model: Rc::clone(self.model(model)?),
            examples: Arc::clone(self.rows.get(&rows).ok_or("no such rows")?),
            args,
            seeds: TrainingSeeds { head: seeds.0, data: seeds.1 },
            trained: trained.into_iter().filter_map(|place| paths.get(place).copied()).collect(),
        };
        let mut fine_tuning = recipe.make(config).map_err(text)?;
        if steps_done > 0 {
            let mut files = files.iter();
            fine_tuning
                .restore(steps_done, |part| {
                    let missing = || shared::Error::Training(format!("{} was not sent", part.file_name()));
                    files.next().map(Uint8Array::to_vec).ok_or_else(missing)
                })
                .map_err(text)?;
        }
        self.training = Some((training, fine_tuning));
        Ok(())
    }

    fn healthy(&self) -> Result<(&ModelConfig, &Rc<Model>), String> {
        self.config.as_ref().zip(self.healthy.as_ref()).ok_or_else(|| "there is no healthy model".to_owned())
    }

    fn model(&self, id: u64) -> Result<&Rc<Model>, String> {
        self.models.get(&id).ok_or_else(|| "there is no such model".to_owned())
    }

    fn fine_tuning(&mut self, training: u64) -> Result<&mut FineTuning, String> {
        let found = self.training.as_mut().filter(|(id, _)| *id == training);
        found.map(|(_, fine_tuning)| fine_tuning).ok_or_else(|| "there is no such training".to_owned())
    }

    fn batch(&self, config: &ModelConfig, rows: u64, indices: &[usize]) -> Result<Batch, String> {
        let examples = self.rows.get(&rows).ok_or("there are no such rows")?;
        if indices.iter().any(|index| *index >= examples.len()) {
            return Err("there is no such row".to_owned());
        }
        Ok(Batch::new(examples, indices, config.pad_token_id))
    }
}

// By value, so that it fits `map_err`.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
