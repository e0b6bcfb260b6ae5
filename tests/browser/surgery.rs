//! Surgery in the page: a part from another model, who is to blame, whether the weights came back, and single bits.

use super::fixture::{PLAN, SEED};
use super::session::with_page;
use super::{TEXT, address};

#[test]
fn a_part_pressed_is_taken_at_once_and_a_link_takes_it_again() {
    with_page(&address(PLAN, SEED, "&view=surgery"), async |page| {
        page.model_is_ready().await;
        let (_, broken) = page.prediction("corrupted", TEXT).await;
        let (_, healthy) = page.prediction("healthy", TEXT).await;
        // All parts of the healthy model make it.
        for part in ["embeddings", "layers-0", "layers-1", "layers-2", "pooler", "classifier"] {
            let is_there = page.accessible_names(&format!("[data-testid='take-{part}']")).await;
            if !is_there.is_empty() {
                page.click(&format!("take-{part}")).await;
                page.attribute_becomes(&format!("take-{part}"), "aria-pressed", "true").await;
            }
        }
        page.prediction_becomes("corrupted", healthy, 1e-9).await;
        page.text_with("transplanted", "of the healthy model").await;
        let link = page.address().await;
        assert!(link.contains("graft=corrupted:healthy:embeddings,layers:0"), "{link}");
        page.open(&link).await;
        page.model_is_ready().await;
        page.prediction_becomes("corrupted", healthy, 1e-9).await;
        page.click("take-layers-0").await;
        page.prediction_leaves("corrupted", healthy).await;
        page.click("give-back").await;
        page.prediction_becomes("corrupted", broken, 1e-9).await;
        page.save_screenshot("surgery").await;
    });
}

#[test]
fn blame_adds_up_and_the_weights_are_seen_not_to_have_come_back() {
    with_page(&address(PLAN, SEED, "&view=surgery"), async |page| {
        page.model_is_ready().await;
        page.click("ask-blame").await;
        page.text_with("blame", "Check: the parts add up to").await;
        let number = async |name: &str| page.attribute("blame-found", name).await.unwrap().parse::<f64>().unwrap();
        assert!((number("data-sum").await - number("data-difference").await).abs() < 1e-9);
        assert!(number("data-n").await > 0.0);
        page.click("ask-return").await;
        page.text_with("weights-back", "The scar").await;
        page.text_with("weights-back", "along the straight lines").await;
        page.save_screenshot("surgery-blame").await;
        page.become_a_phone().await;
        let (content, window) = page.widths().await;
        assert!(content <= window, "{content} in {window}");
        page.save_screenshot("surgery-phone").await;
    });
}

#[test]
fn a_bit_pressed_is_flipped_in_the_plan_and_pressed_again_flipped_back() {
    with_page(&address("", SEED, "&view=inside"), async |page| {
        page.model_is_ready().await;
        page.text_with("weight", "healthy").await;
        let bits = async || page.attribute("weight", "data-bits").await.unwrap().parse::<u32>().unwrap();
        let before = bits().await;
        page.click("bit-30").await;
        page.attribute_becomes("weight", "data-bits", &(before ^ 1 << 30).to_string()).await;
        page.attribute_becomes("bit-30", "aria-pressed", "true").await;
        assert!(page.address().await.contains("plan=flip:0.0,bit30@"));
        page.save_screenshot("one-bit").await;
        page.click("bit-30").await;
        page.attribute_becomes("weight", "data-bits", &before.to_string()).await;
        page.click("find-fatal-bit").await;
        page.text_with("fatal-bit", "tried").await;
    });
}
