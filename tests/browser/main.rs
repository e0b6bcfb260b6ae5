//! The page that Trunk built, in a real browser.
//!
//! Needs `dist/` (`trunk build --release`), Chromium and chromedriver. Without them each test prints "skipped: why"
//! and passes, unless `BERT_HEAL_REQUIRE_BROWSER=1`; with `BERT_HEAL_REQUIRE_BROWSER=0` it always skips.
//! `cargo xtask test` builds the page first and then requires these tests.

mod accessibility;
mod bench;
mod driver;
mod page;
mod server;
mod session;

use candle_core::Device;
use session::with_page;
use sha2::{Digest, Sha256};
use shared::checkpoint::{Checkpoint, LoadOptions};
use shared::corruption::Plan;
use shared::model::ModelConfig;
use shared::seed::Seed;

const BOTTOM_HALF: &str = "kaiming@bottom:0.5";

#[test]
fn page_opens_and_another_seed_changes_the_weights() {
    with_page("#plan=kaiming@bottom:0.5&seed=1", async |page| {
        assert!(page.title().await.starts_with("bert-heal"));
        let first = page.fingerprint_of(BOTTOM_HALF, "1").await;
        // The classifier comes first, the embeddings last; biases that were 0 stay 0.
        let shares = page.changed_shares().await;
        assert_eq!([&shares[0], &shares[6]], ["0.0 % changed"; 2]);
        assert!(shares[4].starts_with("99."), "{shares:?}");
        page.save_screenshot("desktop").await;
        page.type_into("#seed", "2").await;
        assert_ne!(page.fingerprint_of(BOTTOM_HALF, "2").await, first);
    });
}

#[test]
fn link_rebuilds_the_bits_that_the_native_code_gives() {
    let seed = u64::MAX;
    for plan in [BOTTOM_HALF, "bitflip:0.001,exponent@all;gaussian:0.3@top:1L/ffn"] {
        let expected = native_fingerprint(plan, Seed(seed)).unwrap();
        with_page(&format!("#plan={plan}&seed={seed}"), async move |page| {
            assert_eq!(page.fingerprint_of(plan, &seed.to_string()).await, expected);
        });
    }
}

#[test]
fn seed_can_be_rolled_from_the_keyboard_and_taken_back() {
    with_page("#plan=kaiming@bottom:0.5&seed=1", async |page| {
        let first = page.fingerprint_of(BOTTOM_HALF, "1").await;
        let seed = page.roll_another_seed_by_keyboard().await;
        assert_ne!(page.fingerprint_of(BOTTOM_HALF, &seed).await, first);
        page.go_back().await;
        assert_eq!(page.fingerprint_of(BOTTOM_HALF, "1").await, first);
    });
}

#[test]
fn forgiving_plan_is_shown_in_its_canonical_form_and_kept_in_the_address() {
    with_page("", async |page| {
        page.fingerprint_of(BOTTOM_HALF, "1").await;
        page.type_into("#plan", "Zero: 100% @ top: 1L / FFN").await;
        page.fingerprint_of("zero:1@top:1L/ffn", "1").await;
        assert!(page.address().await.starts_with("#plan=Zero:"));
    });
}

#[test]
fn wrong_input_is_told_and_the_next_right_one_clears_it() {
    with_page("", async |page| {
        page.fingerprint_of(BOTTOM_HALF, "1").await;
        page.type_into("#seed", "-3 & more").await;
        page.failure_that_begins("“-3 & more” is not a seed").await;
        page.type_into("#seed", "3").await;
        page.fingerprint_of(BOTTOM_HALF, "3").await;
        assert_eq!(page.failure().await, "");
        page.type_into("#plan", "kaiming@bottom:1.5").await;
        let failure = page.failure_that_begins("This plan cannot be used").await;
        assert!(failure.ends_with("\n                 ^"), "{failure}");
    });
}

#[test]
fn page_fits_a_phone() {
    with_page("", async |page| {
        page.become_a_phone().await;
        page.fingerprint_of(BOTTOM_HALF, "1").await;
        let (content_width, screen_width) = page.widths().await;
        assert!(content_width <= screen_width, "the content is {content_width} wide, the screen {screen_width}");
        page.save_screenshot("phone").await;
    });
}

#[test]
fn page_follows_a_dark_theme() {
    with_page("", async |page| {
        page.become_dark().await;
        page.fingerprint_of(BOTTOM_HALF, "1").await;
        let (ink, ground) = page.brightness_of_ink_and_ground().await;
        assert!(ink > ground, "ink {ink}, ground {ground}");
        page.save_screenshot("dark").await;
    });
}

#[test]
fn every_control_and_picture_has_a_name_for_screen_readers() {
    with_page("", async |page| {
        page.fingerprint_of(BOTTOM_HALF, "1").await;
        let names = page.accessible_names("input, button, svg[role=img], section, nav").await;
        // Two fields, two buttons, seven parts before and after, the section and the examples.
        assert_eq!(names.len(), 20, "{names:?}");
        assert!(names.iter().all(|name| !name.is_empty()), "{names:?}");
    });
}

#[test]
fn page_cannot_reach_another_origin() {
    with_page("", async |page| {
        page.fingerprint_of(BOTTOM_HALF, "1").await;
        assert_eq!(page.try_to_reach_another_origin().await, "connect-src blocked");
        page.forget_expected_console_errors().await;
    });
}

/// What the page shows as its fingerprint, computed here.
fn native_fingerprint(plan: &str, seed: Seed) -> Result<String, shared::Error> {
    let config = ModelConfig::from_json(include_bytes!("../../web/assets/model/config.json"))?;
    let options = LoadOptions { label_names: None, head_seed: seed, device: Device::Cpu };
    let mut parameters = Checkpoint::random(&config, &options)?.parameters;
    parameters.corrupt(&Plan::parse(plan)?.resolve(config.anatomy())?, seed)?;
    let mut hasher = Sha256::new();
    for path in parameters.paths() {
        for value in parameters.to_vec(path)? {
            hasher.update(value.to_le_bytes());
        }
    }
    Ok(hex::encode(hasher.finalize()))
}
