//! The page that times the worker, and that both workers compute the same damage.

use crate::session::with_page;
use serde_json::Value;
use std::sync::{Arc, Mutex};

#[test]
fn both_workers_time_themselves_and_damage_the_same_bits() {
    let hashes = Arc::new(Mutex::new(Vec::new()));
    for (simd, is_relaxed) in [("plain", false), ("relaxed", true)] {
        let collected = Arc::clone(&hashes);
        with_page(&format!("bench.html?model=golden/tiny-bert&threads=1&simd={simd}"), async move |page| {
            let done = page.bench_figures().await;
            let figures: Value = serde_json::from_str(&done).unwrap_or_else(|_| panic!("{simd}: {done}"));
            assert_eq!(figures["relaxed_simd"], is_relaxed, "{figures}");
            // The tiny model has 48 positions: 128 tokens are left out.
            for shape in ["1x16", "1x32", "16x32", "heal_step", "heal_step_all"] {
                let (min, median) = (figures[shape]["min"].as_f64(), figures[shape]["median"].as_f64());
                // A browser's clock ticks in tenths of a millisecond, which so small a model may need for less.
                assert!(min >= Some(0.0) && median >= min, "{shape}: {figures}");
            }
            assert!(figures["heal_step_ms"].as_f64() > Some(0.0), "{figures}");
            assert!(figures["gflops"]["median"].as_f64() > Some(0.0), "{figures}");
            collected.lock().unwrap().push(figures["corrupted_sha256"].as_str().unwrap().to_owned());
        });
    }
    let hashes = hashes.lock().unwrap();
    // Empty when the test was skipped.
    assert!(hashes.is_empty() || (hashes.len() == 2 && hashes[0] == hashes[1]), "{hashes:?}");
}

#[test]
fn a_model_that_is_not_there_is_told() {
    with_page("bench.html", async |page| {
        assert!(page.bench_figures().await.starts_with("ERR Error: model= is missing"));
    });
}
