//! Several workers share what takes long, and the numbers are those of one.

use crate::fixture::PLAN;
use crate::session::Visit;
use crate::{TEXT, address};
use std::sync::{Arc, Mutex};

#[test]
fn any_number_of_workers_heals_to_the_same_digits() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    for n_workers in [1, 2, 4] {
        let ends = Arc::clone(&ends);
        let healing = address(PLAN, 3, "&steps=800&rate=0.0003&batch=16&train=all");
        Visit::to(&format!("?workers={n_workers}{healing}")).run(async move |page| {
            page.damage_is(PLAN, 3).await;
            page.click("heal-start").await;
            // Alone at first, until the others are there.
            page.attribute_becomes("heal", "data-n-workers", &n_workers.to_string()).await;
            page.attribute_becomes("heal", "data-state", "done").await;
            let loss = page.attribute("heal", "data-loss").await.unwrap();
            let (label, probability) = page.prediction("healed", TEXT).await;
            let accuracies = (page.accuracy("healed").await, page.accuracy("corrupted").await);
            ends.lock().unwrap().push((n_workers, format!("{loss} {label} {probability} {accuracies:?}")));
        });
    }
    let ends = ends.lock().unwrap();
    assert!(ends.iter().all(|(_, end)| *end == ends[0].1), "{ends:?}");
}
