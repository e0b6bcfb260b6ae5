//! A network as a stack, the input at the bottom, with what was changed in it.

use super::scene::{Anchor, Ink, LABEL, SMALL, Scene, shortened};
use shared::Condition;
use shared::figure::NetworkChart;

const ROW: f64 = 30.0;
const LEFT: f64 = 92.0;
const GAP: f64 = 4.0;

/// The fill of a module whose values have all changed; one of which few have is paler.
const MAX_FILL: f64 = 0.5;
const MIN_FILL: f64 = 0.12;

pub(super) fn draw(chart: &NetworkChart, width: f64) -> Scene {
    let mut scene = Scene::new(width, ROW * chart.rows.len() as f64 + 2.0 * GAP);
    for (i, row) in chart.rows.iter().rev().enumerate() {
        let y = GAP + ROW * i as f64;
        let middle = y + ROW / 2.0;
        scene.text((LEFT - 10.0, middle), row.label.clone(), Anchor::End, Ink::Text, LABEL);
        let module_width = (width - LEFT - GAP) / row.modules.len().max(1) as f64;
        for (column, module) in row.modules.iter().enumerate() {
            let place = (LEFT + module_width * column as f64, y + GAP / 2.0);
            let size = (module_width - GAP, ROW - GAP);
            let center = (place.0 + size.0 / 2.0, middle);
            let name = shortened(&module.label, size.0, SMALL);
            if let Some(touched) = module.touched {
                let fill = MIN_FILL + (MAX_FILL - MIN_FILL) * touched.share();
                scene.rect(
                    place,
                    size,
                    Some((Ink::Role(Some(Condition::Corrupted)), fill)),
                    Some(Ink::Role(Some(Condition::Corrupted))),
                );
                scene.bold(center, name, Anchor::Middle, Ink::Text, SMALL);
            } else {
                scene.rect(place, size, None, Some(Ink::Grid));
                scene.text(center, name, Anchor::Middle, Ink::Faint, SMALL);
            }
        }
    }
    scene
}
