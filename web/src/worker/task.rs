//! One call under way: tells of its progress, gives way to others, and notices when it is no longer wanted.

use super::{Worker, browser};
use crate::failure::Failure;
use crate::protocol::{Progress, RequestId, Response, Stage};
use std::cell::Cell;
use std::rc::Rc;

/// Progress is told at most this often: a bar is not drawn more often, and each message costs the page's thread a bit.
const PROGRESS_INTERVAL_MS: f64 = 50.0;

/// Why a call ends without its answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Interruption {
    /// It went wrong.
    Failed(Failure),
    /// The page does not want it any more.
    Cancelled,
}

impl From<Failure> for Interruption {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Interruption> for Response {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Failed(failure) => Self::Failed(failure),
            Interruption::Cancelled => Self::Cancelled,
        }
    }
}

/// A call under way.
#[derive(Clone)]
pub(super) struct Task {
    worker: Rc<Worker>,
    id: RequestId,
    told_at_ms: Cell<f64>,
}

impl Task {
    pub(super) fn new(worker: &Rc<Worker>, id: RequestId) -> Self {
        Self { worker: Rc::clone(worker), id, told_at_ms: Cell::new(f64::NEG_INFINITY) }
    }

    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    pub(super) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// Whether the page still wants it.
    ///
    /// # Errors
    /// [`Interruption::Cancelled`] when not.
    pub(super) fn check(&self) -> Result<(), Interruption> {
        if self.worker.cancelled.borrow().contains(&self.id) { Err(Interruption::Cancelled) } else { Ok(()) }
    }

    /// Lets everything else that waits run, then [checks](Task::check).
    ///
    /// # Errors
    /// [`Interruption::Cancelled`] when the page does not want it any more.
    pub(super) async fn give_way(&self) -> Result<(), Interruption> {
        browser::sleep(0).await;
        self.check()
    }

    /// Tells how far it is; in between too often is left out, the end never.
    pub(super) fn progress(&self, stage: Stage, done: u64, total: u64) {
        let now_ms = browser::now_ms();
        if done < total && now_ms - self.told_at_ms.get() < PROGRESS_INTERVAL_MS {
            return;
        }
        self.told_at_ms.set(now_ms);
        self.tell(Response::Progress(Progress { stage, done, total }));
    }

    /// Sends a reply that others follow.
    pub(super) fn tell(&self, response: Response) {
        self.worker.tell(self.id, response);
    }

    /// Sends the final reply.
    pub(super) fn finish(&self, response: Response) {
        self.worker.finish(self.id, response);
    }
}
