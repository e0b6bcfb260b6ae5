//! What the worker computes: it owns the models and answers the page's calls, with the native program's own code.
//!
//! One [`Worker`] holds at most one model family at a time (`session`): the healthy model, what a plan made of it and
//! what healing made of that. Calls are worked on in their order, one at a time, by a queue; only evaluation and healing
//! leave the queue and share the thread with it, a batch or a step at a time. Calls that steer a healing or cancel
//! another call do not queue.
//!
//! Invariants: no borrow of the session lives across an `await`; every call gets exactly one final reply; weights that
//! are infinite or no numbers give answers with gaps, never a panic; a call that fails leaves the models as they were.

pub mod bench;
mod browser;
mod browser_cache;
mod context;
mod control;
mod damage;
mod evaluate;
mod export;
mod graft;
mod healing;
mod inspect;
mod known_control;
mod live_healing;
mod load;
mod model;
mod moments;
mod origin;
mod record;
mod rows;
mod run_draft;
mod session;
mod summary;
mod surgery;
mod task;
mod team;
#[cfg(test)]
mod tests;
mod zip_blob;

use crate::bridge::Port;
use crate::failure::Failure;
use crate::protocol::{AnyRequest, Attribute, Call, Reply, ReplyKind, Request, RequestId, ViewAttention, ViewTensor};
use context::Context;
use session::Session;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use task::{Interruption, Task};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

/// What a worker's program does: serves its page, helps another worker, or measures itself for `bench.html`.
///
/// # Errors
/// [`Failure::WorkerStopped`] when called anywhere but in a dedicated worker.
pub fn run() -> Result<(), Failure> {
    if bench::is_wanted() {
        bench::serve()
    } else if team::is_helper() {
        team::serve()
    } else {
        serve()
    }
}

/// Starts to serve the page that started this worker, for as long as the worker lives.
///
/// # Errors
/// [`Failure::WorkerStopped`] when called anywhere but in a dedicated worker.
pub fn serve() -> Result<(), Failure> {
    let port = Port::open()?;
    port.tell_of_panics();
    let replies = port.clone();
    let worker = Worker::new(move |reply| replies.post(reply));
    port.listen(move |call, files| worker.receive(call, files));
    Ok(())
}

/// The worker: the calls that wait, and what they work with.
pub struct Worker {
    context: Rc<Context>,
    queue: RefCell<VecDeque<(Call, Vec<File>)>>,
    is_busy: Cell<bool>,
}

impl Worker {
    /// A worker without a model, whose replies go to `reply`.
    pub fn new(reply: impl Fn(&Reply) + 'static) -> Rc<Self> {
        let context = Rc::new(Context::new(reply));
        Rc::new(Self { context, queue: RefCell::default(), is_busy: Cell::new(false) })
    }

    /// Takes a call; its replies come later.
    pub fn receive(self: &Rc<Self>, call: Call, files: Vec<File>) {
        let id = call.id;
        self.context.begin(id);
        match call.request {
            AnyRequest::SteerHealing(request) => {
                self.answer(id, &request, |session| session.steer(request));
            }
            AnyRequest::Cancel(request) => {
                self.context.cancel(request.id);
                Task::new(&self.context, id, &request).finish(Ok(()));
            }
            _ => {
                self.queue.borrow_mut().push_back((call, files));
                self.work_off_queue();
            }
        }
    }

    fn work_off_queue(self: &Rc<Self>) {
        if self.is_busy.replace(true) {
            return;
        }
        let worker = Rc::clone(self);
        spawn_local(async move {
            loop {
                // A statement of its own, so that the borrow ends with it.
                let next = worker.queue.borrow_mut().pop_front();
                let Some((Call { id, request }, files)) = next else { break };
                if worker.context.is_cancelled(id) {
                    worker.context.finish(id, &Reply::bare(Some(id), ReplyKind::Cancelled));
                } else {
                    worker.work(id, request, files).await;
                }
            }
            worker.is_busy.set(false);
        });
    }

    /// Works on one call of the queue, or sends it on its way beside the queue.
    async fn work(&self, id: RequestId, request: AnyRequest, files: Vec<File>) {
        use AnyRequest as Any;
        match request {
            Any::Load(request) => {
                let task = Task::new(&self.context, id, &request);
                task.finish(load::load(&task, request, &files).await);
            }
            Any::LoadRows(request) => {
                let task = Task::new(&self.context, id, &request);
                task.finish(load::rows(&task, &request.file, &files).await);
            }
            Any::Corrupt(request) => {
                self.answer(id, &request, |session| {
                    session.corrupt(&request.plan, request.seed)?;
                    session.corrupted_view()
                });
            }
            Any::ViewTensor(request) => {
                let ViewTensor { name, model, max_tiles } = &request;
                self.answer(id, &request, |session| damage::tensor(session, name, *model, *max_tiles));
            }
            Any::Classify(request) => {
                self.answer(id, &request, |session| inspect::classify(session, &request.texts, &request.models));
            }
            Any::ViewAttention(request) => {
                let ViewAttention { text, layer_idx, head_idx, models } = &request;
                self.answer(id, &request, |session| inspect::attention(session, text, *layer_idx, *head_idx, models));
            }
            Any::MeasureDrift(request) => {
                self.answer(id, &request, |session| inspect::drift(session, &request.source, &request.models));
            }
            Any::Attribute(request) => {
                let Attribute { text, target, models } = &request;
                self.answer(id, &request, |session| inspect::attribution(session, text, *target, models));
            }
            Any::Fingerprint(request) => self.answer(id, &request, |session| session.fingerprint(request.model)),
            Any::Transplant(request) => self.answer(id, &request, |session| surgery::graft(session, &request)),
            Any::ViewWeight(request) => self.answer(id, &request, |session| surgery::view_weight(session, &request)),
            Any::AskBlame(request) => surgery::start_blame(Task::new(&self.context, id, &request), &request),
            Any::AskReturn(request) => surgery::start_return(Task::new(&self.context, id, &request), request),
            Any::FindFatalBit(request) => surgery::start_fatal_bit(Task::new(&self.context, id, &request), request),
            Any::Evaluate(request) => evaluate::start(Task::new(&self.context, id, &request), &request.models),
            Any::Heal(settings) => healing::start(Task::new(&self.context, id, &settings), settings),
            Any::MakeControl(request) => control::start(Task::new(&self.context, id, &request)),
            Any::RecordRun(request) => record::start(Task::new(&self.context, id, &request)),
            Any::ExportHealed(request) => {
                let task = Task::new(&self.context, id, &request);
                task.finish(export::export(&task).await);
            }
            Any::ListMoments(request) => {
                Task::new(&self.context, id, &request).finish(Ok(moments::list(&self.context).await));
            }
            Any::SelectMoment(request) => {
                Task::new(&self.context, id, &request).finish(moments::select(&self.context, &request.id).await);
            }
            Any::LookUpStorage(request) => {
                Task::new(&self.context, id, &request).finish(Ok(moments::storage(&self.context).await));
            }
            Any::Purge(request) => {
                Task::new(&self.context, id, &request).finish(Ok(moments::purge(&self.context, request).await));
            }
            // They do not queue.
            Any::SteerHealing(_) | Any::Cancel(_) => {}
        }
    }

    /// Answers a request that needs the models and no waiting.
    fn answer<R: Request>(
        &self,
        id: RequestId,
        request: &R,
        answer: impl FnOnce(&mut Session) -> Result<R::Answer, Failure>,
    ) {
        Task::new(&self.context, id, request).finish(self.context.with_session(answer).map_err(Interruption::from));
    }
}
