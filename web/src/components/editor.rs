//! How the drawing, the sliders and the choice of the scheme change the one plan.

use crate::plan_edit::Damage;
use crate::state::MAX_PLAN_CHARS;
use crate::store::Store;
use leptos::prelude::*;
use shared::corruption::Scheme;

/// Changes the plan by its parts.
#[derive(Clone, Copy)]
pub(super) struct Editor {
    pub(super) store: Store,
    /// The scheme that a new damage gets.
    pub(super) scheme: RwSignal<Scheme>,
}

impl Editor {
    /// Hands an editor to all components below.
    pub(super) fn provide() {
        let store = Store::get();
        // An empty plan has no scheme; the last one chosen comes back with the first click.
        let scheme = RwSignal::new(Scheme::Kaiming);
        Effect::new(move |_| {
            let last = store.plan.with(|plan| {
                let groups = &plan.as_ref()?.as_ref().ok()?.groups;
                groups.last().filter(|group| !group.parts.is_empty()).map(|group| group.scheme)
            });
            if let Some(last) = last {
                scheme.set(last);
            }
        });
        provide_context(Self { store, scheme });
    }

    /// The editor that the view provides.
    pub(super) fn get() -> Self {
        use_context().expect("every view with the network provides the editor")
    }

    /// Reads the plan, changes it and writes it back. A plan that cannot be read is replaced.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Damage)) {
        if let Some(text) = self.edited(change) {
            self.store.choose(|state| state.plan = text);
        }
    }

    /// As [`Editor::edit`], by moving a control.
    pub(super) fn slide(&self, control: &'static str, change: impl FnOnce(&mut Damage)) {
        let is_new = |text: &String| self.store.state.with_untracked(|state| state.plan != *text);
        if let Some(text) = self.edited(change).filter(is_new) {
            self.store.slide(control, |state| state.plan = text);
        }
    }

    /// The plan after a change.
    fn edited(&self, change: impl FnOnce(&mut Damage)) -> Option<String> {
        let anatomy = self.store.anatomy.get_untracked()?;
        let read = self.store.plan.get_untracked().and_then(Result::ok);
        let mut damage = read.or_else(|| Damage::read("", anatomy).ok())?;
        if damage.groups.last().is_none_or(|group| group.parts.is_empty()) {
            damage.set_scheme(self.scheme.get_untracked());
        }
        change(&mut damage);
        let text = damage.to_text();
        // Hundreds of parts chosen one by one would be a plan that no link holds.
        (text.len() <= MAX_PLAN_CHARS).then_some(text)
    }

    /// Reads something of the plan; nothing while it is wrong.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Damage) -> T) -> Option<T> {
        self.store.plan.with(|plan| plan.as_ref().and_then(|plan| plan.as_ref().ok()).map(read))
    }
}
