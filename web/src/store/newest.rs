//! Of several requests for the same thing only the newest counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A kind of request, of which one is under way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Damage,
    Sentence,
    Tensor,
    Attention,
    Drift,
    Attribution,
    Moment,
    Graft,
    Weight,
}

/// Says that a request has ended.
type Ended = Box<dyn Fn()>;

/// Sends a request, and calls what it is given when that has ended.
type Start = Box<dyn FnOnce(Ended)>;

/// What is under way and what waits. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Lanes {
    /// A lane is here while a request of it is under way, with the one that waits.
    waiting: Rc<RefCell<BTreeMap<Lane, Option<Start>>>>,
}

impl Lanes {
    /// Calls `send` now, or when the request before has ended; one that was still waiting is dropped.
    pub(super) fn ask(&self, lane: Lane, send: impl FnOnce(Ended) + 'static) {
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(&lane) {
            *waiting = Some(Box::new(send));
            return;
        }
        self.begin(lane, Box::new(send));
    }

    fn begin(&self, lane: Lane, send: Start) {
        self.waiting.borrow_mut().insert(lane, None);
        let lanes = self.clone();
        send(Box::new(move || {
            // No borrow is held while sending.
            let next = lanes.waiting.borrow_mut().remove(&lane).flatten();
            if let Some(send) = next {
                lanes.begin(lane, send);
            }
        }));
    }
}

/// Counts what was begun. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Newest(Rc<Cell<u64>>);

/// One of the things that were begun.
#[derive(Clone)]
pub(super) struct Turn {
    newest: Rc<Cell<u64>>,
    number: u64,
}

impl Newest {
    /// Begins another one, which makes all before it outdated.
    pub(super) fn begin(&self) -> Turn {
        self.0.set(self.0.get() + 1);
        Turn { newest: Rc::clone(&self.0), number: self.0.get() }
    }
}

impl Turn {
    /// Whether none was begun since.
    pub(super) fn is_newest(&self) -> bool {
        self.number == self.newest.get()
    }

    /// What `wait` brings, unless another one was begun meanwhile.
    pub(super) async fn unless_outdated<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        let found = wait.await;
        self.is_newest().then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gloo_timers::future::TimeoutFuture;
    use wasm_bindgen_test::wasm_bindgen_test;

    async fn arrives_after(ms: u32, what: &'static str) -> &'static str {
        TimeoutFuture::new(ms).await;
        what
    }

    #[wasm_bindgen_test]
    fn of_requests_that_wait_only_the_newest_is_sent() {
        let (lanes, sent) = (Lanes::default(), Rc::new(RefCell::new(Vec::new())));
        let ends: Rc<RefCell<Vec<Ended>>> = Rc::default();
        let ask = |lane, what: &'static str| {
            let (sent, ends) = (Rc::clone(&sent), Rc::clone(&ends));
            lanes.ask(lane, move |ended| {
                sent.borrow_mut().push(what);
                ends.borrow_mut().push(ended);
            });
        };
        for what in ["first", "second", "third"] {
            ask(Lane::Damage, what);
        }
        ask(Lane::Drift, "of another lane");
        assert_eq!(*sent.borrow(), ["first", "of another lane"]);
        let first = ends.borrow_mut().remove(0);
        first();
        assert_eq!(*sent.borrow(), ["first", "of another lane", "third"]);
        let third = ends.borrow_mut().remove(1);
        third();
        ask(Lane::Damage, "fourth");
        assert_eq!(sent.borrow().last(), Some(&"fourth"));
    }

    #[wasm_bindgen_test]
    async fn a_manifest_that_arrives_after_the_next_ones_is_not_used() {
        let newest = Newest::default();
        let shown = Rc::new(Cell::new("nothing"));
        let open = |ms, what| {
            let (turn, shown) = (newest.begin(), Rc::clone(&shown));
            async move {
                if let Some(manifest) = turn.unless_outdated(arrives_after(ms, what)).await {
                    shown.set(manifest);
                }
            }
        };
        // Two quick switches: the first one's manifest is slow.
        let (slow, quick) = (open(60, "first"), open(1, "second"));
        wasm_bindgen_futures::spawn_local(slow);
        quick.await;
        assert_eq!(shown.get(), "second");
        arrives_after(120, "").await;
        assert_eq!(shown.get(), "second");
    }
}
