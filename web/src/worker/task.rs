//! One call under way, and the only way to answer it: with what its type of request asks for.

use super::browser;
use super::context::Context;
use crate::failure::Failure;
use crate::protocol::{Progress, Reply, ReplyKind, Request, RequestId, Stage};
use gloo_timers::future::TimeoutFuture;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
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

/// A call that has no final reply yet: gives way to others, and notices when it is no longer wanted.
pub(super) struct Pending {
    context: Rc<Context>,
    id: RequestId,
}

/// A call under way that is a request of type `R`: tells of its progress, and is answered once.
pub(super) struct Task<R: Request> {
    pending: Pending,
    told_at_ms: Cell<f64>,
    request: PhantomData<R>,
}

impl Pending {
    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether the page still wants it.
    ///
    /// # Errors
    /// [`Interruption::Cancelled`] when not.
    pub(super) fn check(&self) -> Result<(), Interruption> {
        if self.context.is_cancelled(self.id) { Err(Interruption::Cancelled) } else { Ok(()) }
    }

    /// Lets everything else that waits run, then [checks](Pending::check).
    ///
    /// # Errors
    /// [`Interruption::Cancelled`] when the page does not want it any more.
    pub(super) async fn give_way(&self) -> Result<(), Interruption> {
        // As short as the browser makes it, about 4 ms when it is done again and again.
        TimeoutFuture::new(0).await;
        self.check()
    }
}

impl<R: Request> Task<R> {
    /// The task of a request, whose type is all that is needed of it.
    pub(super) fn new(context: &Rc<Context>, id: RequestId, _request: &R) -> Self {
        let pending = Pending { context: Rc::clone(context), id };
        Self { pending, told_at_ms: Cell::new(f64::NEG_INFINITY), request: PhantomData }
    }

    /// Tells how far it is.
    pub(super) fn tell(&self, progress: &R::Progress) {
        self.context.reply(&Reply::new(Some(self.id), ReplyKind::Progress, progress));
    }

    /// Sends the final reply.
    pub(super) fn finish(&self, answer: Result<R::Answer, Interruption>) {
        let id = Some(self.id);
        self.context.finish(
            self.id,
            &match answer {
                Ok(answer) => Reply::new(id, ReplyKind::Answer, &answer),
                Err(Interruption::Failed(failure)) => Reply::failed(id, &failure),
                Err(Interruption::Cancelled) => Reply::bare(id, ReplyKind::Cancelled),
            },
        );
    }
}

impl<R: Request<Progress = Progress>> Task<R> {
    /// Tells how far it is; in between too often is left out, the end never.
    pub(super) fn progress(&self, stage: Stage, done: u64, total: u64) {
        let now_ms = browser::now_ms();
        if done < total && now_ms - self.told_at_ms.get() < PROGRESS_INTERVAL_MS {
            return;
        }
        self.told_at_ms.set(now_ms);
        self.tell(&Progress { stage, done, total });
    }
}

impl<R: Request> Deref for Task<R> {
    type Target = Pending;

    fn deref(&self) -> &Pending {
        &self.pending
    }
}
