//! The runs of this page: noted, kept, compared, taken away and exported.

use super::healing::{moment, told};
use super::*;
use crate::components::heal_panel::HealPanel;
use crate::components::runs_panel::RunsPanel;
use crate::protocol::{Accuracy, Exported, HealProgress, HealState, HealSummary, Progress, Recorded, Stage};

fn held_out(n_right: usize) -> Accuracy {
    Accuracy { n: 18, n_non_finite: 0, value: n_right as f64 / 18.0, low: 0.1, high: 0.95 }
}

/// Heals and ends after so many of 40 steps.
async fn healed(page: &Mounted, step: usize) {
    page.click(&test_id("heal-start")).await;
    let healing = asked!(page, Heal).pop().unwrap();
    for step in [0, 1, step] {
        let looked = HealProgress { held_out: Some(held_out(9)), ..told(step, HealState::Running) };
        page.progress(&healing, &looked).await;
    }
    let at_end = (step == 40).then(|| held_out(15));
    let summary =
        HealSummary { step, n_steps: 40, median_step_secs: None, held_out: at_end, moment: Some(moment("7", step)) };
    page.answer(&healing, &summary).await;
}

async fn panels() -> Mounted {
    let page = mounted(|| view! { <HealPanel /><RunsPanel /> }).await;
    page.model_arrives().await;
    page.store.choose(|state| state.healing.steps = 40);
    page
}

#[wasm_bindgen_test]
async fn every_healing_is_a_row_and_what_is_taken_away_can_be_put_back() {
    let page = panels().await;
    assert!(page.text(&test_id("no-runs")).contains("There are no runs yet"));
    assert!(page.find(&test_id("export-runs")).has_attribute("disabled"));

    healed(&page, 40).await;
    let record = asked!(page, RecordRun).remove(0);
    page.progress(&record, &Progress { stage: Stage::Rows, done: 18, total: 54 }).await;
    assert_eq!(page.attribute("[data-testid=recording] progress", "value").as_deref(), Some("18"));
    assert!(page.text(&test_id("run-1")).contains("not evaluated"));
    page.answer(&record, &Recorded { run_id: "abc".to_owned(), line: "{\"run_id\":\"abc\"}".to_owned() }).await;
    assert_eq!(page.attribute(&test_id("run-1"), "data-record").as_deref(), Some("abc"));
    let row = page.text(&test_id("run-1"));
    for part in
        ["#1", "83.3 % of 18 (95 % interval 60.8 to 94.2 %)", "kaiming@bottom:0.5", "2e-4", "damaged parts and head"]
    {
        assert!(row.contains(part), "{part} is not in {row}");
    }

    healed(&page, 25).await;
    assert_eq!(asked!(page, RecordRun).len(), 1, "of a healing that was stopped there is no record");
    assert!(page.text(&test_id("run-2")).contains("25 of 40"));
    let kept = window().local_storage().unwrap().unwrap().get_item("bert-heal runs 1").unwrap().unwrap();
    assert!(kept.contains("abc") && kept.matches("ended_at_ms").count() == 2, "{kept}");
    page.click(&test_id("export-runs")).await;
    assert_eq!(page.text(&test_id("runs-note")), "1 run exported. Left out: 1 run stopped by hand.");

    page.click(&test_id("remove-run-1")).await;
    assert!(!page.has(&test_id("run-1")) && page.text(&test_id("runs-note")) == "1 run was removed.");
    page.click(&test_id("put-runs-back")).await;
    assert!(page.has(&test_id("run-1")) && !page.has(&test_id("put-runs-back")));
    page.click(&test_id("remove-runs")).await;
    assert!(page.has(&test_id("no-runs")));
    page.click(&test_id("put-runs-back")).await;
    assert_eq!(
        page.all("tbody tr th").iter().map(|cell| cell.text_content().unwrap()).collect::<Vec<_>>(),
        ["#2", "#1"]
    );
}

#[wasm_bindgen_test]
async fn curves_of_the_chosen_runs_are_in_one_drawing_and_told_apart_without_colour() {
    let page = panels().await;
    for _ in 0..7 {
        healed(&page, 40).await;
    }
    assert!(!page.has("#runs-accuracy"));
    for number in 1..=6 {
        page.click(&test_id(&format!("curve-{number}"))).await;
    }
    assert!(page.find(&test_id("curve-7")).has_attribute("disabled"), "there are no more dashes");
    for figure in ["#runs-accuracy", "#runs-loss"] {
        let svg = page.find(&format!("{figure} svg")).inner_html();
        assert!((1..=6).all(|number| svg.contains(&format!(">#{number}</text>"))), "{svg}");
        assert_eq!(svg.matches("stroke-dasharray").count(), 10, "five curves and their places in the legend: {svg}");
        assert!(page.attribute(&format!("{figure} svg"), "aria-label").unwrap().contains("#6 at"));
    }
    page.click(&test_id("curve-2")).await;
    assert!(!page.find(&test_id("curve-7")).has_attribute("disabled"));
    assert!(!page.find("#runs-loss svg").inner_html().contains(">#2</text>"));
}

#[wasm_bindgen_test]
async fn healed_model_is_packed_on_request_and_its_size_is_told_before() {
    let page = panels().await;
    assert!(!page.has(&test_id("export-healed")), "there is no healed model yet");
    healed(&page, 40).await;
    assert_eq!(page.text(&test_id("export-healed")), "Download the healed model (zip, about 4.0 kB)");
    page.click(&test_id("export-healed")).await;
    assert!(page.find(&test_id("export-healed")).has_attribute("disabled"), "one is under way");
    let asked = asked!(page, ExportHealed).remove(0);
    let exported = Exported { url: "blob:nothing".to_owned(), name: "healed-abc.zip".to_owned(), size_bytes: 9 };
    page.answer(&asked, &exported).await;
    assert!(!page.find(&test_id("export-healed")).has_attribute("disabled"));
    assert!(page.store.announcement.get_untracked().contains("healed-abc.zip"));
}
