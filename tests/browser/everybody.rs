//! The page for those who see, hold or print it differently: colours of their own, small screens, fingers, paper.

use crate::session::with_page;
use crate::{TEXT, address};

#[test]
fn every_state_can_be_seen_in_forced_colors() {
    let plan = "kaiming@layers:0;kaiming@layers:2/attention.head:1";
    with_page(&address(plan, 1, ""), async move |page| {
        page.prediction("corrupted", TEXT).await;
        page.attribute_becomes("layer-0", "aria-pressed", "true").await;
        let differ = async |property: &str, [a, b]: [&str; 2]| {
            let (a_style, b_style) = (page.style(a, property).await, page.style(b, property).await);
            assert_ne!(a_style, b_style, "{property} of {a} and of {b}");
        };
        for scheme in ["dark", "light"] {
            page.force_colors(scheme).await;
            differ("border-bottom-color", [".tabs [aria-current=page]", ".tabs a:not([aria-current])"]).await;
            differ("background-color", ["[data-testid=layer-0]", "[data-testid=layer-1]"]).await;
            differ("border-top-style", ["[data-testid=layer-2]", "[data-testid=layer-1]"]).await;
            let heads = ["1", "0"].map(|head| format!("[data-testid='component-2-attention.head:{head}']"));
            differ("background-color", [&heads[0], &heads[1]]).await;
            differ("background-color", [".bars .bar", ".bars .track"]).await;
            page.save_screenshot(&format!("forced-colors-{scheme}")).await;
        }
        page.go_to(&address(plan, 1, "&view=inside")).await;
        page.text_with("attention", "[CLS]").await;
        page.text_with("attribution", "Margin").await;
        for shaded in [".attention-table td[style]", ".tokens li"] {
            let shades = page.styles(shaded, "background-color").await;
            assert!(shades.iter().any(|shade| *shade != shades[0]), "{shaded}: {shades:?}");
        }
        assert_ne!(page.style(".scale .ramp", "background-image").await, "none");
    });
}

#[test]
fn small_screens_fit_while_healing_and_with_long_sentences_and_fingers_hit_what_they_mean() {
    let healing = address("kaiming@all", 3, "&steps=5000");
    let long = "what%20a%20lovely%20great%20film%20".repeat(12);
    with_page(&healing, async move |page| {
        page.become_a_phone().await;
        page.damage_is("kaiming@all", 3).await;
        assert_eq!(page.small_targets().await, Vec::<String>::new());
        page.click("heal-start").await;
        page.heal_reaches(1).await;
        page.text_with("heal", "Watched sentence").await;
        assert_eq!(page.content_width().await, 390);
        page.click("heal-stop").await;
        page.attribute_becomes("heal", "data-state", "done").await;
        assert_eq!(page.content_width().await, 390);
        page.save_screenshot("phone-healed").await;
        for width in [320, 1024] {
            page.become_as_wide_as(width).await;
            for view in ["operate", "inside", "measure", "evidence", "model"] {
                page.go_to(&format!("#plan=kaiming@all&seed=3&text={long}&view={view}")).await;
                if view == "inside" {
                    page.text_with("attention", "[CLS]").await;
                    page.text_with("attribution", "Margin").await;
                }
                let content_width = page.content_width().await;
                assert!(content_width <= width, "{view} is {content_width} wide on {width}");
            }
        }
    });
}

#[test]
fn paper_keeps_bars_and_is_light() {
    with_page(&address("kaiming@all", 3, "&theme=dark"), async |page| {
        page.model_is_ready().await;
        page.prediction("corrupted", TEXT).await;
        page.become_paper().await;
        for part in [".bars .bar", ".bars .track", ".network [aria-pressed=true]"] {
            assert_eq!(page.style(part, "print-color-adjust").await, "exact", "{part}");
        }
        let (ink, ground) = page.brightness_of_ink_and_ground().await;
        assert!(ink < ground, "ink {ink}, ground {ground}");
    });
}
