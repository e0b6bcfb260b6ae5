//! What every call works with: the models, what is kept in the browser, and where replies go.

use super::browser_cache::BrowserCache;
use super::session::Session;
use crate::failure::Failure;
use crate::protocol::{Reply, RequestId};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The models, the calls that have no final reply yet, and where replies go.
pub(super) struct Context {
    reply: Box<dyn Fn(&Reply)>,
    pub(super) session: RefCell<Option<Session>>,
    pub(super) cache: BrowserCache,
    /// Calls that have no final reply yet.
    open: RefCell<BTreeSet<RequestId>>,
    /// Those of them that the page does not want any more.
    cancelled: RefCell<BTreeSet<RequestId>>,
}

impl Context {
    /// Without a model; replies go to `reply`.
    pub(super) fn new(reply: impl Fn(&Reply) + 'static) -> Self {
        Self {
            reply: Box::new(reply),
            session: RefCell::new(None),
            cache: BrowserCache::open(),
            open: RefCell::default(),
            cancelled: RefCell::default(),
        }
    }

    /// A call came, which gets one final reply.
    pub(super) fn begin(&self, id: RequestId) {
        self.open.borrow_mut().insert(id);
    }

    /// The page does not want a call any more; one that has ended stays as it is.
    pub(super) fn cancel(&self, id: RequestId) {
        if self.open.borrow().contains(&id) {
            self.cancelled.borrow_mut().insert(id);
            if let Some(session) = self.session.borrow_mut().as_mut() {
                // It may be paused and so would never notice by itself.
                session.wake_healing(id);
            }
        }
    }

    /// Whether the page does not want a call any more.
    pub(super) fn is_cancelled(&self, id: RequestId) -> bool {
        self.cancelled.borrow().contains(&id)
    }

    /// Runs `use_session` on the models.
    ///
    /// # Errors
    /// [`Failure::NoModel`] when there are none, or what `use_session` says.
    pub(super) fn with_session<T>(
        &self,
        use_session: impl FnOnce(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.session.borrow_mut().as_mut().ok_or(Failure::NoModel).and_then(use_session)
    }

    /// Sends a reply.
    pub(super) fn reply(&self, reply: &Reply) {
        (self.reply)(reply);
    }

    /// Sends the final reply to a call; a second one is not sent.
    pub(super) fn finish(&self, id: RequestId, reply: &Reply) {
        self.cancelled.borrow_mut().remove(&id);
        if self.open.borrow_mut().remove(&id) {
            self.reply(reply);
        }
    }
}
