//! Two axes with their ticks, and the place of a pair of numbers between them.

use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, text_width};
use shared::Condition;
use shared::figure::{Axis, Unit};

const TOP: f64 = 30.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 44.0;

/// The area between two axes.
pub(super) struct Plane<'a> {
    x: &'a Axis,
    y: &'a Axis,
    left: f64,
    right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl<'a> Plane<'a> {
    /// Draws both axes into `scene` and leaves room for a legend above.
    pub(super) fn new(scene: &mut Scene, x: &'a Axis, y: &'a Axis) -> Self {
        let y_ticks = ticks(y, 5);
        let widest = y_ticks.iter().map(|value| text_width(&tick_label(*value, y), SMALL)).fold(0.0, f64::max);
        let left = 26.0 + widest;
        let plane = Self { x, y, left, right: scene.width - RIGHT, top: TOP, bottom: scene.height - BOTTOM };
        for value in y_ticks {
            let (_, at) = plane.at(x.low, value);
            scene.line((plane.left, at), (plane.right, at), Ink::Grid, 1.0);
            scene.text((plane.left - 7.0, at), tick_label(value, y), Anchor::End, Ink::Faint, SMALL);
        }
        scene.line((plane.left, plane.bottom), (plane.right, plane.bottom), Ink::Faint, 1.0);
        let n_ticks = ((plane.right - plane.left) / 80.0).clamp(2.0, 8.0) as usize;
        for value in ticks(x, n_ticks) {
            let (at, _) = plane.at(value, y.low);
            scene.line((at, plane.bottom), (at, plane.bottom + 4.0), Ink::Faint, 1.0);
            scene.text((at, plane.bottom + 14.0), tick_label(value, x), Anchor::Middle, Ink::Faint, SMALL);
        }
        let middle = f64::midpoint(plane.left, plane.right);
        scene.text((middle, scene.height - 9.0), x.label.clone(), Anchor::Middle, Ink::Text, SMALL);
        let upright = (10.0, f64::midpoint(plane.top, plane.bottom));
        scene.upright(upright, y.label.clone(), Anchor::Middle, Ink::Text, SMALL);
        plane
    }

    /// The place of a pair of numbers; what lies beyond an axis is drawn at its end.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let share = |value: f64, axis: &Axis| ((value - axis.low) / (axis.high - axis.low)).clamp(0.0, 1.0);
        (
            self.left + (self.right - self.left) * share(x, self.x),
            self.bottom - (self.bottom - self.top) * share(y, self.y),
        )
    }

    /// Names with their signs, from left to right above the plane.
    pub(super) fn legend(&self, scene: &mut Scene, entries: &[(&str, Option<Condition>)]) {
        let mut x = self.left + 4.0;
        for (label, role) in entries {
            scene.sign((x + 4.0, 13.0), *role, 5.0);
            scene.text((x + 14.0, 13.0), (*label).to_owned(), Anchor::Start, Ink::Text, LABEL);
            x += 30.0 + text_width(label, LABEL);
        }
    }
}

/// Round numbers between the ends of the axis, about so many: steps of 1, 2 or 5 times a power of ten (Heckbert 1990,
/// *Nice numbers for graph labels*).
pub(super) fn ticks(axis: &Axis, about: usize) -> Vec<f64> {
    let span = axis.high - axis.low;
    if !span.is_finite() || span <= 0.0 {
        return vec![axis.low];
    }
    let rough = span / about as f64;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * magnitude).find(|step| *step >= 0.999 * rough);
    let mut step = step.unwrap_or(10.0 * magnitude);
    if axis.unit == Unit::Count {
        step = step.max(1.0);
    }
    let first = (axis.low / step - 1e-9).ceil() as i64;
    let last = (axis.high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A number at an axis: shorter than in a table, since ticks are round numbers.
fn tick_label(value: f64, axis: &Axis) -> String {
    match axis.unit {
        Unit::Percent => format!("{:.0} %", 100.0 * value),
        Unit::Count if value.abs() >= 1e6 => format!("{} M", Unit::Number.format(value / 1e6)),
        Unit::Count if value.abs() >= 1e4 => format!("{} k", Unit::Number.format(value / 1e3)),
        unit => unit.format(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn axis(low: f64, high: f64, unit: Unit) -> Axis {
        Axis { label: String::new(), low, high, unit }
    }

    #[wasm_bindgen_test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(ticks(&axis(0.0, 1.0, Unit::Percent), 5), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
        assert_eq!(ticks(&axis(0.0, 3.0, Unit::Count), 8), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(&axis(-0.15, 0.15, Unit::Number), 3), [-0.1, 0.0, 0.1]);
        assert_eq!(ticks(&axis(2.0, 2.0, Unit::Number), 3), [2.0], "an axis without length has one tick");
    }

    #[wasm_bindgen_test]
    fn places_beyond_an_axis_are_drawn_at_its_end() {
        let (x, y) = (axis(0.0, 10.0, Unit::Count), axis(0.0, 1.0, Unit::Percent));
        let plane = Plane::new(&mut Scene::new(400.0, 200.0), &x, &y);
        assert_eq!(plane.at(99.0, 9.0), plane.at(10.0, 1.0));
        assert!(plane.at(0.0, 0.0).1 > plane.at(0.0, 1.0).1, "larger numbers are higher up");
    }
}
