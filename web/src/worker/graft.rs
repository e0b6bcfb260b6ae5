//! A model with parts of another.

use super::model::Model;
use shared::Condition;
use std::rc::{Rc, Weak};

/// What was transplanted, which holds as long as receiver and donor are the models that it was made of.
pub(super) struct Graft {
    to: Condition,
    receiver: Weak<Model>,
    from: Condition,
    donor: Weak<Model>,
    model: Rc<Model>,
}

impl Graft {
    /// `model` is `receiver` with parts of `donor`.
    pub(super) fn new(
        (to, receiver): (Condition, &Rc<Model>),
        (from, donor): (Condition, &Rc<Model>),
        model: Rc<Model>,
    ) -> Self {
        Self { to, receiver: Rc::downgrade(receiver), from, donor: Rc::downgrade(donor), model }
    }

    /// The model that stands for `receiver`, if this is its graft; `own` knows the models as they are now without it.
    pub(super) fn of(
        &self,
        to: Condition,
        receiver: &Rc<Model>,
        own: impl FnOnce(Condition) -> Option<Rc<Model>>,
    ) -> Option<Rc<Model>> {
        let is = |weak: &Weak<Model>, model: &Rc<Model>| std::ptr::eq(weak.as_ptr(), Rc::as_ptr(model));
        let has_both = self.to == to
            && is(&self.receiver, receiver)
            && own(self.from).is_some_and(|donor| is(&self.donor, &donor));
        has_both.then(|| Rc::clone(&self.model))
    }
}
