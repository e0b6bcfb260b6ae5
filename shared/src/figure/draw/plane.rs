//! Charts over two axes, curves and distributions, and the plane between the axes with its ticks.

use super::super::{Axis, HistogramChart, LineChart, Mark, Scale, Unit};
use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, outline, text_width};
use crate::Condition;
use crate::statistics::Interval;

/// Height by width of curves; where y = x is drawn, both axes are about as long.
const ASPECT: f64 = 0.52;
const SQUARE_ASPECT: f64 = 0.7;

/// Pixels between the intervals of series at the same place.
const DODGE: f64 = 9.0;

/// Curves and points.
pub(super) fn lines(chart: &LineChart, width: f64) -> Scene {
    let aspect = if chart.diagonal { SQUARE_ASPECT } else { ASPECT };
    let mut scene = Scene::new(width, (aspect * width).clamp(250.0, 340.0));
    let plane = Plane::new(&mut scene, &chart.x, &chart.y);
    if chart.diagonal {
        let (low, high) = (chart.x.low.max(chart.y.low), chart.x.high.min(chart.y.high));
        scene.dashes(plane.at(low, low), plane.at(high, high), Ink::Faint);
    }
    // Intervals of several series at the same place would cover one another: they stand side by side.
    let has_intervals = chart.series.iter().flat_map(|series| &series.points).any(|point| point.interval.is_some());
    let n_series = chart.series.len();
    let step = if has_intervals && n_series > 1 { DODGE } else { 0.0 };
    for (i, series) in chart.series.iter().enumerate() {
        let aside = step * (i as f64 - (n_series - 1) as f64 / 2.0);
        let at = |x: f64, y: f64| {
            let (x, y) = plane.at(x, y);
            (x + aside, y)
        };
        let ink = Ink::Role(series.role);
        for point in &series.points {
            if let Some(Interval { low, high, .. }) = point.interval {
                let (from, to) = (at(point.x, low), at(point.x, high));
                scene.line(from, to, ink, 1.5);
                for (x, y) in [from, to] {
                    scene.line((x - 4.0, y), (x + 4.0, y), ink, 1.5);
                }
            }
        }
        let places: Vec<_> = series.points.iter().map(|point| at(point.x, point.y)).collect();
        if let Mark::Nth(n) = series.mark {
            scene.nth_polyline(&places, n, 2.25);
            if let Some((x, y)) = places.last() {
                scene.text((x + 4.0, *y), series.label.clone(), Anchor::Start, Ink::Text, SMALL);
            }
            continue;
        }
        if series.mark == Mark::Line {
            scene.polyline(&places, ink, 2.25);
        }
        // Many steps of a curve need no signs but the last one, by which it is told without colour.
        let is_dense = series.mark == Mark::Line && series.points.len() > 12;
        let n_signs = if is_dense { 1 } else { series.points.len() };
        for point in series.points.iter().rev().take(n_signs) {
            scene.sign(at(point.x, point.y), series.role, 5.0);
        }
    }
    let entries = chart.series.iter().map(|series| {
        let sign = if let Mark::Nth(n) = series.mark { Sign::Nth(n) } else { Sign::Role(series.role) };
        (series.label.as_str(), sign)
    });
    plane.legend(&mut scene, entries);
    scene
}

/// What stands before a name in a legend.
enum Sign {
    /// The shape of a role.
    Role(Option<Condition>),
    /// A piece of a curve that is one of several of the same kind.
    Nth(usize),
}

/// How much higher than the first distribution the axis reaches: where all values become one, its bar would press all
/// others flat.
const MAX_HEADROOM: f64 = 3.0;

/// How much of its ink the first distribution is filled with.
const FILL: f64 = 0.4;

/// Distributions over the same bins: the first filled, the others as outlines, so that both are seen.
pub(super) fn histogram(chart: &HistogramChart, width: f64) -> Scene {
    let highest = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0) as f64;
    let first = chart.series.first().map_or(0.0, |series| highest(&series.counts));
    let all = chart.series.iter().map(|series| highest(&series.counts)).fold(0.0, f64::max);
    let top = if first > 0.0 { all.min(MAX_HEADROOM * first) } else { all };
    let y = Axis::linear("values", 0.0, (1.05 * top).max(1.0), Unit::Count);
    let mut scene = Scene::new(width, (0.5 * width).clamp(250.0, 300.0));
    let plane = Plane::new(&mut scene, &chart.x, &y);
    for (i, series) in chart.series.iter().enumerate() {
        let n_bins = series.counts.len().max(1);
        let edge = |bin: usize| chart.x.low + (chart.x.high - chart.x.low) * bin as f64 / n_bins as f64;
        let mut places = vec![plane.at(chart.x.low, 0.0)];
        for (bin, count) in series.counts.iter().enumerate() {
            places.extend([edge(bin), edge(bin + 1)].map(|x| plane.at(x, *count as f64)));
        }
        places.push(plane.at(chart.x.high, 0.0));
        let ink = Ink::Role(series.role);
        if i == 0 {
            scene.path(outline(&places) + "Z", Some((ink, FILL)), Some((ink, 1.0)));
        } else {
            scene.polyline(&places, ink, 2.0);
        }
    }
    plane.legend(&mut scene, chart.series.iter().map(|series| (series.label.as_str(), Sign::Role(series.role))));
    scene
}

const TOP: f64 = 30.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 44.0;

/// The area between two axes.
struct Plane<'a> {
    x: &'a Axis,
    y: &'a Axis,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl<'a> Plane<'a> {
    /// Draws both axes into `scene` and leaves room for a legend above.
    fn new(scene: &mut Scene, x: &'a Axis, y: &'a Axis) -> Self {
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
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let share = |value: f64, axis: &Axis| {
            let share = match axis.scale {
                Scale::Linear => (value - axis.low) / (axis.high - axis.low),
                Scale::Log => libm::log(value / axis.low) / libm::log(axis.high / axis.low),
            };
            share.clamp(0.0, 1.0)
        };
        (
            self.left + (self.right - self.left) * share(x, self.x),
            self.bottom - (self.bottom - self.top) * share(y, self.y),
        )
    }

    /// Names with their signs, from left to right above the plane.
    fn legend<'b>(&self, scene: &mut Scene, entries: impl Iterator<Item = (&'b str, Sign)>) {
        let mut x = self.left + 4.0;
        for (label, sign) in entries {
            let at = match sign {
                Sign::Role(role) => {
                    scene.sign((x + 4.0, 13.0), role, 5.0);
                    x + 14.0
                }
                Sign::Nth(n) => {
                    scene.nth_polyline(&[(x - 2.0, 13.0), (x + 16.0, 13.0)], n, 3.0);
                    x + 20.0
                }
            };
            scene.text((at, 13.0), label, Anchor::Start, Ink::Text, LABEL);
            x = at + 16.0 + text_width(label, LABEL);
        }
    }
}

/// Round numbers between the ends of the axis, about so many: steps of 1, 2 or 5 times a power of ten (Heckbert 1990,
/// *Nice numbers for graph labels*).
pub(super) fn ticks(axis: &Axis, about: usize) -> Vec<f64> {
    if axis.scale == Scale::Log {
        return log_ticks(axis, about);
    }
    let span = axis.high - axis.low;
    if !span.is_finite() || span <= 0.0 {
        return vec![axis.low];
    }
    let rough = span / about as f64;
    let magnitude = 10_f64.powi(libm::floor(libm::log10(rough)) as i32);
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * magnitude).find(|step| *step >= 0.999 * rough);
    let mut step = step.unwrap_or(10.0 * magnitude);
    if axis.unit == Unit::Count {
        step = step.max(1.0);
    }
    let first = (axis.low / step - 1e-9).ceil() as i64;
    let last = (axis.high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Powers of ten between the ends of the axis, with 2 and 5 times these, or 3 times, where there is room.
fn log_ticks(axis: &Axis, about: usize) -> Vec<f64> {
    let decade = |value: f64| libm::floor(libm::log10(value) + 1e-9) as i32;
    let of = |factors: &[f64]| -> Vec<f64> {
        (decade(axis.low)..=decade(axis.high))
            .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
            .filter(|tick| *tick >= 0.999 * axis.low && *tick <= 1.001 * axis.high)
            .collect()
    };
    let sets: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    sets.into_iter().map(of).find(|ticks| ticks.len() <= about.max(2)).unwrap_or_else(|| of(&[1.0]))
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

    fn axis(low: f64, high: f64, unit: Unit) -> Axis {
        Axis::linear("", low, high, unit)
    }

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(ticks(&axis(0.0, 1.0, Unit::Percent), 5), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
        assert_eq!(ticks(&axis(0.0, 3.0, Unit::Count), 8), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(&axis(-0.15, 0.15, Unit::Number), 3), [-0.1, 0.0, 0.1]);
        assert_eq!(ticks(&axis(2.0, 2.0, Unit::Number), 3), [2.0], "an axis without length has one tick");
    }

    #[test]
    fn equal_factors_are_equally_long_on_a_log_axis_and_its_ticks_are_round() {
        let x = Axis { scale: Scale::Log, ..axis(100.0, 10_000.0, Unit::Count) };
        assert_eq!(ticks(&x, 8), [100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0]);
        assert_eq!(ticks(&x, 5), [100.0, 300.0, 1_000.0, 3_000.0, 10_000.0]);
        assert_eq!(ticks(&x, 3), [100.0, 1_000.0, 10_000.0]);
        let y = axis(0.0, 1.0, Unit::Percent);
        let plane = Plane::new(&mut Scene::new(400.0, 200.0), &x, &y);
        let at = |value| plane.at(value, 0.0).0;
        assert!((at(1_000.0) - at(100.0) - (at(10_000.0) - at(1_000.0))).abs() < 1e-9);
        assert!(at(1_000.0) > at(100.0));
    }

    #[test]
    fn places_beyond_an_axis_are_drawn_at_its_end() {
        let (x, y) = (axis(0.0, 10.0, Unit::Count), axis(0.0, 1.0, Unit::Percent));
        let plane = Plane::new(&mut Scene::new(400.0, 200.0), &x, &y);
        assert_eq!(plane.at(99.0, 9.0), plane.at(10.0, 1.0));
        assert!(plane.at(0.0, 0.0).1 > plane.at(0.0, 1.0).1, "larger numbers are higher up");
    }
}
