//! What a drawing consists of: outlines and words, each with an ink.

use crate::Condition;
use std::fmt::Write as _;

/// Letters of a sans-serif font are a little over half as wide as they are high; capitals are wider.
const LETTER_ASPECT: f64 = 0.58;
const CAPITAL_ASPECT: f64 = 0.74;

/// Size of names and legends, in pixels.
pub(super) const LABEL: f64 = 13.0;

/// Size of the numbers at axes, in pixels.
pub(super) const SMALL: f64 = 11.5;

/// A drawing, in pixels from its upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
    /// Drawn one over another.
    pub(super) shapes: Vec<Shape>,
}

/// One thing that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// An outline in SVG's path language.
    Path {
        /// The outline.
        d: String,
        /// The ink of its inside and how much of it, 0–1.
        fill: Option<(Ink, f64)>,
        /// The ink of its edge and its width.
        stroke: Option<(Ink, f64)>,
        /// The lengths of dashes and gaps; empty for an edge without gaps.
        dashes: &'static str,
    },
    /// Words on one line.
    Text {
        /// Where they begin, end or have their middle, by `anchor`.
        x: f64,
        /// The middle of their height.
        y: f64,
        /// What they say.
        content: String,
        /// Height of the font.
        size: f64,
        /// What `x` means.
        anchor: Anchor,
        /// Their colour.
        ink: Ink,
        /// Whether they are bold.
        bold: bool,
        /// Whether they stand upright, read from below.
        upright: bool,
    },
}

/// A colour by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// What a role is drawn in.
    Role(Option<Condition>),
    /// One of several of the same kind, by its place among them; after the last colour comes the first again.
    Nth(usize),
    /// Words.
    Text,
    /// Words and lines that stand back.
    Faint,
    /// Lines to read positions by.
    Grid,
    /// The ground.
    Paper,
}

/// Which point of a word its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

impl Anchor {
    /// SVG's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Scene {
    /// An empty drawing.
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, width: f64) {
        self.path(outline(&[from, to]), None, Some((ink, width)));
    }

    /// A straight line in dashes.
    pub(super) fn dashes(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        let d = outline(&[from, to]);
        self.shapes.push(Shape::Path { d, fill: None, stroke: Some((ink, 1.5)), dashes: "5 4" });
    }

    /// Lines through places, the `n`th of several of the same kind: told apart by colour and by dashes.
    pub(super) fn nth_polyline(&mut self, places: &[(f64, f64)], n: usize, width: f64) {
        const DASHES: [&str; 6] = ["", "8 4", "2 3", "10 3 2 3", "5 3", "12 3 2 3 2 3"];
        let (d, stroke) = (outline(places), Some((Ink::Nth(n), width)));
        self.shapes.push(Shape::Path { d, fill: None, stroke, dashes: DASHES[n % DASHES.len()] });
    }

    /// Lines through places.
    pub(super) fn polyline(&mut self, places: &[(f64, f64)], ink: Ink, width: f64) {
        self.path(outline(places), None, Some((ink, width)));
    }

    /// A filled rectangle.
    pub(super) fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), fill: Option<(Ink, f64)>, edge: Option<Ink>) {
        let d = format!("M{} {}h{}v{}h{}Z", short(x), short(y), short(w), short(h), short(-w));
        self.path(d, fill, edge.map(|ink| (ink, 1.0)));
    }

    /// Any outline.
    pub(super) fn path(&mut self, d: String, fill: Option<(Ink, f64)>, stroke: Option<(Ink, f64)>) {
        self.shapes.push(Shape::Path { d, fill, stroke, dashes: "" });
    }

    /// Words.
    pub(super) fn text(&mut self, (x, y): (f64, f64), content: impl Into<String>, anchor: Anchor, ink: Ink, size: f64) {
        let content = content.into();
        self.shapes.push(Shape::Text { x, y, content, size, anchor, ink, bold: false, upright: false });
    }

    /// Bold words.
    pub(super) fn bold(&mut self, (x, y): (f64, f64), content: impl Into<String>, anchor: Anchor, ink: Ink, size: f64) {
        let content = content.into();
        self.shapes.push(Shape::Text { x, y, content, size, anchor, ink, bold: true, upright: false });
    }

    /// Words that stand upright.
    pub(super) fn upright(
        &mut self,
        (x, y): (f64, f64),
        content: impl Into<String>,
        anchor: Anchor,
        ink: Ink,
        size: f64,
    ) {
        let content = content.into();
        self.shapes.push(Shape::Text { x, y, content, size, anchor, ink, bold: false, upright: true });
    }

    /// A sign for a role that is told apart without colour: a circle, a diamond, a triangle or a square.
    pub(super) fn sign(&mut self, (x, y): (f64, f64), role: Option<Condition>, r: f64) {
        let d = match role {
            Some(Condition::Healthy) | None => {
                let d = short(2.0 * r);
                format!("M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z", short(x - r), short(y), r = short(r))
            }
            Some(Condition::Control) => {
                let half = 1.2 * r;
                outline(&[(x, y - half), (x + half, y), (x, y + half), (x - half, y)]) + "Z"
            }
            Some(Condition::Corrupted) => {
                outline(&[(x, y - 1.1 * r), (x + 1.1 * r, y + 0.9 * r), (x - 1.1 * r, y + 0.9 * r)]) + "Z"
            }
            Some(Condition::Healed) => {
                let half = 0.88 * r;
                outline(&[(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]) + "Z"
            }
        };
        self.path(d, Some((Ink::Role(role), 1.0)), Some((Ink::Paper, 1.0)));
    }
}

/// About how wide `content` is.
pub(super) fn text_width(content: &str, size: f64) -> f64 {
    let aspect = |c: char| if c.is_uppercase() { CAPITAL_ASPECT } else { LETTER_ASPECT };
    content.chars().map(aspect).sum::<f64>() * size
}

/// A name in at most so many pixels.
pub(super) fn shortened(name: &str, width: f64, size: f64) -> String {
    if text_width(name, size) <= width {
        return name.to_owned();
    }
    let max_chars = (width / (size * LETTER_ASPECT)).max(2.0) as usize;
    name.chars().take(max_chars - 1).chain(['…']).collect()
}

/// The path through places.
pub(super) fn outline(places: &[(f64, f64)]) -> String {
    let mut d = String::new();
    for (i, (x, y)) in places.iter().enumerate() {
        write!(d, "{}{} {}", if i == 0 { 'M' } else { 'L' }, short(*x), short(*y))
            .expect("writing to a String does not fail");
    }
    d
}

/// A coordinate with two decimals at most.
pub(super) fn short(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_to_what_fits_and_others_are_kept() {
        assert_eq!(shortened("healthy", 200.0, 13.0), "healthy");
        assert_eq!(shortened("a very long name of a class", 53.0, 13.0), "a very…");
    }

    #[test]
    fn each_role_has_a_shape_of_its_own() {
        let shapes = Condition::ALL.map(|role| {
            let mut scene = Scene::new(10.0, 10.0);
            scene.sign((5.0, 5.0), Some(role), 3.0);
            let Shape::Path { d, .. } = scene.shapes.remove(0) else { panic!("a sign is a path") };
            d
        });
        let [healthy, control, corrupted, healed] = &shapes;
        assert!(healthy.contains('a') && corrupted.matches('L').count() == 2);
        assert!(control.matches('L').count() == 3 && healed.matches('L').count() == 3);
        // A diamond stands on its tip and a square on its side: where the outline begins.
        assert!(control.starts_with("M5 ") && !healed.starts_with("M5 "), "{control} {healed}");
    }
}
