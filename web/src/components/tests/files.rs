//! The visitor's own files, which model there is, and what went wrong.

use super::*;
use crate::components::dialogue::Failures;
use crate::components::files::OwnModel;
use crate::components::model_status::ModelStatus;
use crate::failure::Failure;
use crate::protocol::{FileEntry, Load, Progress, RowsLoaded, Stage};

#[wasm_bindgen_test]
async fn chosen_files_travel_with_their_names_and_sizes_and_a_second_choice_gives_the_first_up() {
    let page = mounted(|| view! { <OwnModel /> }).await;
    let files = test_id("load-files");
    page.choose_files(&files, &[]).await;
    assert!(asked!(page, Load).is_empty(), "a dialogue that was closed chooses nothing");

    page.choose_files(&files, &[("config.json", "{}"), ("model.safetensors", "12345")]).await;
    let entry = |path: &str, size_bytes| FileEntry { path: path.to_owned(), size_bytes };
    let (first, load) = asked!(page, Load).remove(0);
    assert_eq!(load, Load::Files(vec![entry("config.json", 2), entry("model.safetensors", 5)]));
    let beside: Vec<String> = page.calls().iter().flat_map(|(_, files)| files.iter().map(File::name)).collect();
    assert_eq!(beside, ["config.json", "model.safetensors"]);
    assert!(page.store.loading.with_untracked(|loading| loading.as_ref().is_some_and(|(id, _)| *id == first)));

    page.choose_files(&files, &[("config.json", "{}")]).await;
    assert_eq!(asked!(page, Cancel).into_iter().map(|(_, cancel)| cancel.id).collect::<Vec<_>>(), [first]);
    let second = asked!(page, Load).remove(1);
    page.answer(&second, &loaded()).await;
    assert_eq!(page.store.loading.get_untracked(), None);
    assert_eq!(page.store.announcement.get_untracked(), "A model has loaded.");
}

#[wasm_bindgen_test]
async fn a_table_of_texts_changes_the_rows_and_says_what_it_left_out() {
    let page = mounted(|| view! { <OwnModel /> }).await;
    page.model_arrives().await;
    page.choose_files(&test_id("load-rows"), &[("rows.tsv", "label\ttext\n")]).await;
    let asked = asked!(page, LoadRows).remove(0);
    assert_eq!(asked.1.file, FileEntry { path: "rows.tsv".to_owned(), size_bytes: 11 });
    let rows = RowCounts { n_train: 8, n_held_out: 2 };
    page.answer(&asked, &RowsLoaded { rows, note: Some("rows.tsv: left out 3 rows".to_owned()) }).await;
    assert_eq!(page.store.loaded.get_untracked().unwrap().rows, Some(rows));
    assert_eq!(page.store.announcement.get_untracked(), "rows.tsv: 8 rows for healing, 2 held out.");
    assert_eq!(page.store.refusals.get_untracked(), ["rows.tsv: left out 3 rows"]);
}

#[wasm_bindgen_test]
async fn a_table_is_taken_as_one_by_any_field_and_several_are_asked_about() {
    let page = mounted(|| view! { <OwnModel /> }).await;
    page.model_arrives().await;
    let (files, table) = (test_id("load-files"), ("rows.csv", "label;text\n"));
    page.choose_files(&files, &[table]).await;
    assert_eq!(asked!(page, LoadRows).len(), 1);
    // The field is empty again: a browser tells of the same file only then.
    assert_eq!(page.value(&files), "");
    page.choose_files(&files, &[table, ("more.tsv", "label\ttext\n")]).await;
    let failure = page.store.failure.get_untracked().unwrap().to_string();
    assert!(failure.starts_with("rows.csv and more.tsv cannot be used: these are tables"), "{failure}");
    page.choose_files(&files, &[("tokenizer_config.json", "{}")]).await;
    assert_eq!((asked!(page, LoadRows).len(), asked!(page, Load).len()), (1, 1));
}

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
