//! The sentences that were tried.

use super::*;
use crate::components::history_panel::HistoryPanel;

fn texts(page: &Mounted) -> Vec<String> {
    page.store.history.with_untracked(|history| history.entries.iter().map(|entry| entry.text.clone()).collect())
}

#[wasm_bindgen_test]
async fn a_pinned_sentence_outlives_the_others_and_a_click_on_one_lets_the_models_read_it() {
    let page = mounted(|| view! { <HistoryPanel /> }).await;
    assert!(!page.has("table"));
    page.store.history.update(|history| {
        history.remember(classification("old", [Some(1), Some(1), Some(1)]), "kaiming@all seed 1");
        history.remember(classification("new", [Some(1), Some(0), None]), "kaiming@all seed 2");
    });
    page.settled().await;
    let cells = |row: usize| -> Vec<String> {
        let selector = format!("tbody tr:nth-child({row}) td");
        page.all(&selector).iter().skip(1).map(|cell| cell.text_content().unwrap()).collect()
    };
    assert_eq!(cells(1), ["positive 90.0 %", "≠ negative 90.0 %", "≠ not finite ", "kaiming@all seed 2"]);
    assert_eq!(cells(2)[..3], ["positive 90.0 %"; 3]);

    page.press_button("old").await;
    assert_eq!(page.sentence(), "old");
    page.click("input[aria-label=\"Pin: old\"]").await;
    assert_eq!(page.store.history.with_untracked(crate::history::History::pinned), ["old"]);
    page.press_button("Remove unpinned").await;
    assert_eq!(texts(&page), ["old"]);
    page.click("input[aria-label=\"Pin: old\"]").await;
    page.press_button("Remove unpinned").await;
    assert!(texts(&page).is_empty() && !page.has("table"));
}

#[wasm_bindgen_test]
async fn imported_sentences_are_asked_about_and_a_file_without_any_is_refused() {
    let page = mounted(|| view! { <HistoryPanel /> }).await;
    page.store.history.update(|history| history.remember(classification("known", [Some(1); 3]), ""));
    let import = test_id("import-sentences");
    page.choose_files(&import, &[("mine.txt", "one\n\nknown\n two \n")]).await;
    page.settled().await;
    assert_eq!(texts(&page), ["one", "two", "known"]);
    assert_eq!(page.store.announcement.get_untracked(), "2 new sentences.");
    let asked = asked!(page, Classify).pop().unwrap();
    assert_eq!(asked.1.texts, ["one", "two", "known"]);
    page.answer(&asked, &vec![classification("two", [Some(0), Some(0), Some(1)])]).await;
    assert_eq!(page.text("tbody tr:nth-child(2) td:nth-of-type(4)"), "≠ positive 90.0 %");

    page.choose_files(&import, &[("empty.txt", "\n")]).await;
    page.settled().await;
    let failure = page.store.failure.get_untracked().unwrap().to_string();
    assert!(failure.contains("empty.txt holds no sentence"), "{failure}");
    assert_eq!(texts(&page).len(), 3);
}
