//! The whole worker, from a call to its last reply, on a tiny model: files in, answers out.

mod control;
mod damage;
mod healing;
mod loading;
mod runs;
mod surgery;
mod team;

use super::*;
use crate::protocol::{
    Cancel, Classification, Classify, Corrupt, Corrupted, Evaluate, FileEntry, Fingerprint, HealSettings, ListMoments,
    Load, Loaded, LookUpStorage, MakeControl, Moment, Purge, Response, SteerHealing, Trained,
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Uint8Array};
use shared::Condition;
use shared::random::Seed;
use std::marker::PhantomData;
use wasm_bindgen_test::wasm_bindgen_test;

const CONFIG: &[u8] = include_bytes!("../../../tests/golden/tiny-bert/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../tests/golden/tiny-bert/model.safetensors");
const TOKENIZER: &[u8] = include_bytes!("../../../tests/golden/tiny-bert/tokenizer.json");

/// The tiny model's.
const FILES: [(&str, &[u8]); 3] =
    [("config.json", CONFIG), ("model.safetensors", WEIGHTS), ("tokenizer.json", TOKENIZER)];

const ALL: [Condition; 3] = [Condition::Healthy, Condition::Corrupted, Condition::Healed];

/// A worker, and the page's part in it: what was asked and what came back.
struct Page {
    worker: Rc<Worker>,
    replies: Rc<RefCell<Vec<Reply>>>,
    next_id: Cell<u32>,
}

/// A request of type `R` that was sent.
struct Sent<R> {
    id: RequestId,
    request: PhantomData<R>,
}

impl Page {
    fn new() -> Self {
        let replies: Rc<RefCell<Vec<Reply>>> = Rc::default();
        let collected = Rc::clone(&replies);
        let worker = Worker::new(move |reply| {
            // As it travels: what cannot be encoded would not arrive.
            let [header, body] = reply.encode().unwrap();
            collected.borrow_mut().push(Reply::decode(&header, body).unwrap());
        });
        Self { worker, replies, next_id: Cell::new(1) }
    }

    /// With the tiny model and rows that it can learn.
    async fn loaded() -> (Self, Loaded) {
        let page = Self::new();
        let loaded = page.load(&[&FILES[..], &[("rows.tsv", rows().as_bytes())]].concat()).await.unwrap();
        (page, loaded)
    }

    fn send<R: Request>(&self, request: R, files: Vec<File>) -> Sent<R> {
        let id = RequestId(self.next_id.replace(self.next_id.get() + 1));
        self.worker.receive(Call { id, request: request.into() }, files);
        Sent { id, request: PhantomData }
    }

    /// Asks, and waits for what it ends with.
    async fn ask<R: Request>(&self, request: R) -> Result<R::Answer, Interruption> {
        self.end(&self.send(request, Vec::new())).await
    }

    fn send_files(&self, files: &[(&str, &[u8])]) -> Sent<Load> {
        let entry =
            |(path, bytes): &(&str, &[u8])| FileEntry { path: (*path).to_owned(), size_bytes: bytes.len() as u64 };
        let entries = files.iter().map(entry).collect();
        self.send(Load::Files(entries), files.iter().map(|(path, bytes)| file(path, bytes)).collect())
    }

    async fn load(&self, files: &[(&str, &[u8])]) -> Result<Loaded, Interruption> {
        self.end(&self.send_files(files)).await
    }

    async fn end<R: Request>(&self, sent: &Sent<R>) -> Result<R::Answer, Interruption> {
        let found =
            || self.replies.borrow().iter().find(|reply| reply.id == Some(sent.id) && reply.kind.is_final()).cloned();
        self.until(|| found().is_some()).await;
        match found().unwrap().response::<R>() {
            Response::Answer(answer) => Ok(answer),
            Response::Cancelled => Err(Interruption::Cancelled),
            Response::Failed(failure) => Err(Interruption::Failed(failure)),
            Response::Progress(_) => unreachable!("it is final"),
        }
    }

    /// What was told of a request so far.
    fn progress<R: Request>(&self, sent: &Sent<R>) -> Vec<R::Progress> {
        let replies = self.replies.borrow();
        let told = replies.iter().filter(|reply| reply.id == Some(sent.id)).map(Reply::response::<R>);
        told.filter_map(|response| match response {
            Response::Progress(progress) => Some(progress),
            _ => None,
        })
        .collect()
    }

    async fn until(&self, is_so: impl Fn() -> bool) {
        for _ in 0..6_000 {
            if is_so() {
                return;
            }
            TimeoutFuture::new(10).await;
        }
        panic!("not within a minute: {:?}", self.replies.borrow());
    }

    /// Waits until a healing has told of a step.
    async fn reaches(&self, healing: &Sent<HealSettings>, step: usize) {
        self.until(|| self.progress(healing).iter().any(|progress| progress.step == step)).await;
    }

    async fn corrupt(&self, plan: &str, seed: u64) -> Corrupted {
        self.ask(Corrupt { plan: plan.to_owned(), seed: Seed(seed) }).await.unwrap()
    }

    async fn classify(&self, texts: &[&str], models: &[Condition]) -> Vec<Classification> {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.ask(Classify { texts, models: models.to_vec() }).await.unwrap()
    }

    async fn fingerprint(&self, model: Condition) -> String {
        self.ask(Fingerprint { model }).await.unwrap()
    }

    async fn moments(&self) -> Vec<Moment> {
        self.ask(ListMoments).await.unwrap()
    }
}

/// What went wrong.
fn failure<A: std::fmt::Debug>(ended: Result<A, Interruption>) -> Failure {
    match ended {
        Err(Interruption::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn file(path: &str, bytes: &[u8]) -> File {
    let parts = Array::of1(&Uint8Array::from(bytes));
    File::new_with_u8_array_sequence(&parts, path.rsplit('/').next().unwrap()).unwrap()
}

/// 90 texts of three classes, each with a word of its own.
fn rows() -> String {
    let words = ["bad", "plot", "good"];
    let fillers = ["the movie was", "a", "not but", "!", "it was a very", ", ,"];
    let row = |i: usize| {
        let (label, word) = (i % 3, words[i % 3]);
        let filler = fillers[i / 3 % fillers.len()];
        let tail = ".".repeat(i / 18);
        format!("{label}\t{filler} {word} {word} {tail}\n")
    };
    format!("label\ttext\n{}", (0..90).map(row).collect::<String>())
}

fn settings(n_steps: usize) -> HealSettings {
    HealSettings {
        learning_rate: 3e-3,
        n_steps,
        batch_size: 8,
        trained: Trained::All,
        pinned: vec!["the movie was good good".to_owned()],
        probe_every: 2,
        probe_rows: 6,
        moment_every: 3,
        ..HealSettings::default()
    }
}
