//! One request of a kind at a time, and after it only the newest wish.

use crate::bridge::Bridge;
use crate::protocol::{Request, Response};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Damage,
    Sentence,
    Tensor,
    Attention,
    Drift,
    Attribution,
    Moment,
}

type Listener = Rc<dyn Fn(Response)>;

/// A request, and who hears the replies to it.
type Wish = (Request, Listener);

/// What is under way and what waits. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Lanes {
    /// A lane is here while a request of it is under way, with the one that waits.
    waiting: Rc<RefCell<BTreeMap<Lane, Option<Wish>>>>,
}

impl Lanes {
    /// Asks now, or when the request before has ended; a wish that was still waiting is dropped.
    pub(super) fn ask(&self, bridge: &Bridge, lane: Lane, request: Request, on_response: impl Fn(Response) + 'static) {
        let on_response: Listener = Rc::new(on_response);
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(&lane) {
            *waiting = Some((request, on_response));
            return;
        }
        self.send(bridge, lane, request, on_response);
    }

    fn send(&self, bridge: &Bridge, lane: Lane, request: Request, on_response: Listener) {
        self.waiting.borrow_mut().insert(lane, None);
        let (lanes, line) = (self.clone(), bridge.clone());
        bridge.ask(request, move |response| {
            let is_final = response.is_final();
            on_response(response);
            if is_final {
                // No borrow is held while asking: the listener may have asked again.
                let next = lanes.waiting.borrow_mut().remove(&lane).flatten();
                if let Some((request, on_response)) = next {
                    lanes.send(&line, lane, request, on_response);
                }
            }
        });
    }
}
