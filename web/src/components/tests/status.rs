//! Which model there is, and what went wrong.

use super::*;
use crate::components::dialogue::Failures;
use crate::components::model_status::ModelStatus;
use crate::failure::Failure;
use crate::protocol::{Progress, Stage};

#[wasm_bindgen_test]
async fn what_is_under_way_shows_how_far_it_is_and_can_be_cancelled() {
    let page = mounted(|| view! { <ModelStatus /> }).await;
    assert!(!page.has("progress"));
    let progress = Progress { stage: Stage::Transfer, done: 5, total: 20 };
    page.store.loading.set(Some((RequestId(9), progress)));
    page.settled().await;
    let bar = page.find(&test_id("load-progress"));
    assert_eq!([bar.get_attribute("value").unwrap(), bar.get_attribute("max").unwrap()], ["5", "20"]);
    assert_eq!(page.find(&test_id("model")).get_attribute("data-state").as_deref(), Some("loading"));
    page.click(&test_id("cancel-load")).await;
    assert_eq!(asked!(page, Cancel).into_iter().map(|(_, cancel)| cancel.id).collect::<Vec<_>>(), [RequestId(9)]);
}

#[wasm_bindgen_test]
async fn a_failure_is_told_until_it_is_dismissed() {
    let page = mounted(|| view! { <Failures /> }).await;
    page.store.fail(Failure::NoHealing);
    page.settled().await;
    assert_eq!(page.text("[role=alert]"), Failure::NoHealing.to_string());
    page.all("button").last().unwrap().click();
    page.settled().await;
    assert_eq!(page.text("[role=alert]"), "");
}
