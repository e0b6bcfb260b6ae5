//! How fast this worker is: its encoder and a step of healing, timed where they run, for `bench.html`.
//!
//! A page that names its worker `NAME` sends it the two files of a model and the number of workers that share what can be
//! shared, `{config, weights, workers}`, and hears
//! `{progress}` for each measurement, then `{figures}` or `{failure}`. Token ids, batches and repetitions are those of
//! the usual page for onnxruntime-web, so the figures can be put side by side; what is timed is warmed up for a second,
//! until the browser has compiled it with all its optimisations.

use super::browser::{global, now_ms, property};
use super::model::Model;
use super::team::{Learner, Recipe, Team, encode, micro_batches};
use crate::failure::Failure;
use crate::fetch::reason;
use candle_core::{DType, Device, Tensor};
use gloo_events::EventListener;
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightFile, WeightsHash};
use shared::corruption::Plan;
use shared::dataset::EncodedExample;
use shared::model::{ModelConfig, Module, ParameterPath};
use shared::nn::{Kernels, Linear};
use shared::random::Seed;
use shared::training::{TrainingArgs, TrainingSeeds};
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// The name of a worker that is to measure itself.
const NAME: &str = "bench";
/// Rows and tokens of the batches whose encoding is timed.
const SHAPES: [(usize, usize); 4] = [(1, 16), (1, 32), (1, 128), (16, 32)];
/// The batch of a healing step.
const HEAL_SHAPE: (usize, usize) = (16, 32);
/// The damage that is healed: the layers of the page's first lesson.
const HEAL_PLAN: &str = "kaiming@bottom:0.67";
const WARM_UP_MS: f64 = 1000.0;
const REPETITIONS: usize = 15;
/// The product that the kernel's rate is measured on: a sentence of 128 tokens through the wider layer of MiniLM.
const RATE_SHAPE: [usize; 3] = [128, 384, 1536];

/// Whether the page asks this worker to measure itself.
#[must_use]
pub fn is_wanted() -> bool {
    global("name").and_then(|name| name.as_string()).as_deref() == Some(NAME)
}

/// Waits for a model and measures with it.
///
/// # Errors
/// [`Failure::WorkerStopped`] when called anywhere but in a dedicated worker.
pub fn serve() -> Result<(), Failure> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global()
        .dyn_into()
        .map_err(|_| Failure::WorkerStopped { reason: "it was not started as a dedicated worker".to_owned() })?;
    console_error_panic_hook::set_once();
    let page = scope.clone();
    // The worker listens until the page ends it.
    EventListener::new(&scope, "message", move |event| {
        let data = event.unchecked_ref::<MessageEvent>().data();
        let page = page.clone();
        spawn_local(async move {
            match measure(&data, &|what| tell(&page, "progress", what)).await {
                Ok(figures) => tell(&page, "figures", &figures.to_string()),
                Err(failure) => tell(&page, "failure", &failure),
            }
        });
    })
    .forget();
    tell(&scope, "ready", "");
    Ok(())
}

fn tell(page: &DedicatedWorkerGlobalScope, key: &str, text: &str) {
    let message = Object::new();
    let sent = Reflect::set(&message, &key.into(), &text.into()).and_then(|_| page.post_message(&message));
    if let Err(error) = sent {
        // Thrown, it reaches the page through the worker's error event.
        wasm_bindgen::throw_str(&reason(&error));
    }
}

/// All figures, for the model in `message`.
async fn measure(message: &JsValue, progress: &dyn Fn(&str)) -> Result<Value, String> {
    let bytes = |key: &str| {
        let buffer = property(message, key).and_then(|value| value.dyn_into::<ArrayBuffer>().ok());
        buffer.map(|buffer| Uint8Array::new(&buffer).to_vec()).ok_or_else(|| format!("the message has no {key}"))
    };
    let started = now_ms();
    let config = ModelConfig::from_json(&bytes("config")?).map_err(|error| error.to_string())?;
    let file = WeightFile::new("model.safetensors", bytes("weights")?);
    let labels = ["negative", "positive"].map(str::to_owned).to_vec();
    let options =
        LoadOptions { label_names: Some(labels), head_seed: Seed(0), device: Device::Cpu, hash: WeightsHash::Unused };
    let checkpoint = Checkpoint::load(&config, vec![file], &options).map_err(|error| error.to_string())?;
    let mut figures = Map::new();
    figures.insert("load_ms".to_owned(), json!((now_ms() - started).round()));
    figures.insert("relaxed_simd".to_owned(), json!(cfg!(feature = "relaxed-simd")));
    let n_workers = property(message, "workers").and_then(|n| n.as_f64()).unwrap_or(1.0) as usize;
    let team = Bench::new(checkpoint, n_workers).await.map_err(|error| error.to_string())?;
    let checkpoint = &team.checkpoint;
    figures.insert("threads".to_owned(), json!(team.team.n_ready()));

    for (n_rows, n_tokens) in SHAPES.into_iter().filter(|(_, n_tokens)| *n_tokens <= config.max_positions) {
        let shape = format!("{n_rows}x{n_tokens}");
        progress(&format!("encoding {shape} tokens"));
        let times = team.encoder_times(n_rows, n_tokens).await.map_err(|error| error.to_string())?;
        figures.insert(shape, times);
    }
    for (key, which) in [("heal_step", Trained::DamagedAndHead), ("heal_step_all", Trained::All)] {
        progress(&format!("healing steps of 16x32 tokens, {key}"));
        let times = team.heal_step_times(which).await.map_err(|error| error.to_string())?;
        if key == "heal_step" {
            figures.insert("heal_step_ms".to_owned(), times["median"].clone());
        }
        figures.insert(key.to_owned(), times);
    }
    progress("matrix products");
    figures.insert("gflops".to_owned(), rate().await.map_err(|error| error.to_string())?);
    figures.insert("corrupted_sha256".to_owned(), json!(corrupted_hash(checkpoint).map_err(|e| e.to_string())?));
    Ok(Value::Object(figures))
}

/// Minimum and median in milliseconds, after a second of warming up.
async fn times<E>(mut run: impl AsyncFnMut() -> Result<(), E>) -> Result<Value, E> {
    let end = now_ms() + WARM_UP_MS;
    while now_ms() < end {
        run().await?;
    }
    let mut times = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let start = now_ms();
        run().await?;
        times.push(now_ms() - start);
    }
    times.sort_by(f64::total_cmp);
    let rounded = |ms: f64| (ms * 1000.0).round() / 1000.0;
    Ok(json!({ "min": rounded(times[0]), "median": rounded(times[REPETITIONS / 2]) }))
}

/// Ids that are spread over the vocabulary (of BERT: a smaller one is gone through again), in rows of equal length.
fn rows(config: &ModelConfig, n_rows: usize, n_tokens: usize) -> Vec<EncodedExample> {
    let vocab_size = config.vocab_size as u32;
    let id = |i: usize| (1000 + (i as u32 * 7919) % 20000) % vocab_size;
    let row = |row: usize| {
        EncodedExample::of_one_text((row * n_tokens..(row + 1) * n_tokens).map(id).collect(), row as u32 % 2)
    };
    (0..n_rows).map(row).collect()
}

/// Which parameters learn.
#[derive(Clone, Copy)]
enum Trained {
    DamagedAndHead,
    All,
}

/// A model, and the workers that are measured on it.
struct Bench {
    checkpoint: Checkpoint,
    healthy: Rc<Model>,
    team: Rc<Team>,
}

impl Bench {
    /// Waits until the helpers are there.
    async fn new(mut checkpoint: Checkpoint, n_workers: usize) -> shared::Result<Self> {
        checkpoint.parameters.freeze(|_| true)?;
        let model = Model::new(&checkpoint.config, checkpoint.parameters.fork()?);
        let healthy = model.map_err(|failure| shared::Error::Training(failure.to_string()))?;
        let team = Team::new(n_workers, &checkpoint.config, &healthy);
        team.start();
        while team.is_starting() {
            TimeoutFuture::new(10).await;
        }
        Ok(Self { checkpoint, healthy, team })
    }

    /// The last hidden state of all tokens.
    async fn encoder_times(&self, n_rows: usize, n_tokens: usize) -> shared::Result<Value> {
        let config = &self.checkpoint.config;
        let rows = Arc::new(rows(config, n_rows, n_tokens));
        times(async || encode(&self.team, &self.healthy, &rows, config.pad_token_id).await.map(drop)).await
    }

    /// Forward, backward, clipping and AdamW with the page's recipe, dropout included.
    async fn heal_step_times(&self, which: Trained) -> shared::Result<Value> {
        let config = &self.checkpoint.config;
        let plan = Plan::parse(HEAL_PLAN)?.resolve(config.anatomy())?;
        let mut parameters = self.healthy.parameters.fork()?;
        parameters.corrupt(&plan, Seed(0))?;
        let learns = |path: &ParameterPath| match which {
            Trained::All => true,
            Trained::DamagedAndHead => {
                plan.touches(*path) || matches!(path.module, Module::Pooler | Module::Classifier)
            }
        };
        let (n_rows, n_tokens) = HEAL_SHAPE;
        let n_micro = micro_batches(n_rows);
        let args = TrainingArgs {
            batch_size: n_rows / n_micro,
            gradient_accumulation_steps: n_micro,
            max_steps: Some(10_000),
            ..TrainingArgs::default()
        };
        let model = Model::new(config, parameters).map_err(|failure| shared::Error::Training(failure.to_string()))?;
        let recipe = Recipe {
            model,
            examples: Arc::new(rows(config, n_rows, n_tokens)),
            args,
            seeds: TrainingSeeds { head: Seed(0), data: Seed(0) },
            trained: config.parameters().into_iter().filter(learns).collect(),
        };
        let mut learner = Learner::new(config, recipe)?;
        let result = times(async || {
            let collected = learner.hand_out(&self.team)?.collect().await;
            learner.finish(&self.team, collected).map(drop)
        })
        .await;
        self.team.end(learner.id());
        result
    }
}

/// The rate of a dense layer with its packing, as in training: minimum and median time as GFLOP/s.
async fn rate() -> candle_core::Result<Value> {
    let [m, k, n] = RATE_SHAPE;
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu);
    let layer = Linear::new(ones(&[n, k])?, ones(&[n])?, &Kernels::for_device(&Device::Cpu));
    let x = ones(&[m, k])?;
    let times = times(async || layer.forward(&x).map(drop)).await?;
    let gflops = |key: &str| {
        let ms = times[key].as_f64().unwrap_or(f64::NAN);
        (2.0 * (m * k * n) as f64 / ms / 1e5).round() / 10.0
    };
    Ok(json!({ "best": gflops("min"), "median": gflops("median") }))
}

/// SHA-256 of the damaged weights: the two workers must agree in every bit.
fn corrupted_hash(checkpoint: &Checkpoint) -> shared::Result<String> {
    let plan = Plan::parse(HEAL_PLAN)?.resolve(checkpoint.config.anatomy())?;
    let mut parameters = checkpoint.parameters.snapshot()?;
    parameters.corrupt(&plan, Seed(0))?;
    let mut hasher = Sha256::new();
    for path in plan.touched() {
        for value in parameters.to_vec(path)? {
            hasher.update(value.to_le_bytes());
        }
    }
    Ok(hex::encode(hasher.finalize()))
}
