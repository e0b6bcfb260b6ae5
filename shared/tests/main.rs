//! What `shared` does as a whole, natively and, by wasm-bindgen-test, in a real browser.
//!
//! One program: every further file of tests would be linked, bound and opened in a browser on its own.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

mod bundle_bits;
mod claims_speed;
#[cfg(not(target_arch = "wasm32"))]
mod concurrency;
mod corruption_bits;
mod first_token;
mod golden_model;
mod non_finite;
mod replicas;
mod saturation;
#[cfg(not(target_arch = "wasm32"))]
mod statistics_coverage;
mod statistics_reference;
mod steps;
