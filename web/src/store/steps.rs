//! Which changes of the state are steps of the browser's history.
//!
//! What the visitor chooses is a step, so that the browser's button leads back to what was before. A gesture is one step,
//! however many values it runs through: a slider that is dragged, and arrow keys that follow one another quickly. What the
//! page changes itself (a model that brings its damage, an address that is written out in full) is none.

/// Keys on one control within this time are one gesture.
const PAUSE_MS: f64 = 1_000.0;

/// How the next change is written.
#[derive(Debug, Default)]
pub(super) struct Steps {
    is_step: bool,
    gesture: Option<Gesture>,
}

/// What a control is being moved by.
#[derive(Debug, PartialEq)]
struct Gesture {
    control: &'static str,
    is_held: bool,
    /// When it changed something last, if it did.
    moved_at_ms: Option<f64>,
}

impl Steps {
    /// The visitor chose something.
    pub(super) fn choose(&mut self) {
        self.is_step = true;
        self.gesture = None;
    }

    /// The pointer takes hold of a control.
    pub(super) fn hold(&mut self, control: &'static str) {
        self.gesture = Some(Gesture { control, is_held: true, moved_at_ms: None });
    }

    /// The pointer lets go.
    pub(super) fn release(&mut self) {
        if let Some(gesture) = &mut self.gesture {
            gesture.is_held = false;
        }
    }

    /// A control moves to its next value.
    pub(super) fn slide(&mut self, control: &'static str, now_ms: f64) {
        let gesture = self.gesture.take().filter(|gesture| gesture.control == control);
        let is_same = gesture.as_ref().is_some_and(|Gesture { is_held, moved_at_ms, .. }| {
            moved_at_ms.is_some_and(|moved_at_ms| *is_held || now_ms - moved_at_ms < PAUSE_MS)
        });
        self.is_step |= !is_same;
        let is_held = gesture.is_some_and(|gesture| gesture.is_held);
        self.gesture = Some(Gesture { control, is_held, moved_at_ms: Some(now_ms) });
    }

    /// The visitor went to another address: a gesture does not go on there.
    pub(super) fn leave(&mut self) {
        *self = Self::default();
    }

    /// Whether what has changed since the last call is a step.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.is_step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// How many steps a control's moves at these times are.
    fn n_steps(steps: &mut Steps, control: &'static str, times_ms: &[f64]) -> usize {
        times_ms
            .iter()
            .filter(|now_ms| {
                steps.slide(control, **now_ms);
                steps.take()
            })
            .count()
    }

    #[wasm_bindgen_test]
    fn drag_is_one_step_however_long_it_rests() {
        let mut steps = Steps::default();
        steps.hold("bottom");
        assert_eq!(n_steps(&mut steps, "bottom", &[0.0, 10.0, 9_000.0, 20_000.0]), 1);
        steps.release();
        // At once again, but with a new grip.
        steps.hold("bottom");
        assert_eq!(n_steps(&mut steps, "bottom", &[20_100.0, 20_200.0]), 1);
    }

    #[wasm_bindgen_test]
    fn keys_that_follow_one_another_are_one_step_and_after_a_pause_another() {
        let mut steps = Steps::default();
        assert_eq!(n_steps(&mut steps, "strength", &[0.0, 900.0, 1_800.0]), 1);
        assert_eq!(n_steps(&mut steps, "strength", &[2_800.0, 2_900.0]), 1);
        assert_eq!(n_steps(&mut steps, "top", &[2_950.0]), 1);
    }

    #[wasm_bindgen_test]
    fn a_choice_between_two_keys_and_another_address_end_the_gesture() {
        let mut steps = Steps::default();
        assert_eq!(n_steps(&mut steps, "top", &[0.0]), 1);
        steps.choose();
        assert!(steps.take());
        assert_eq!(n_steps(&mut steps, "top", &[10.0]), 1);
        steps.leave();
        assert!(!steps.take(), "the page follows its address");
        assert_eq!(n_steps(&mut steps, "top", &[20.0]), 1);
    }
}
