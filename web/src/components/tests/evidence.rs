//! Recorded runs.

use super::*;
use crate::components::evidence_view::EvidenceView;
use shared::evidence::Results;

const RUNS: &[u8] = include_bytes!("../../../assets/results.jsonl");

/// The view of the page's own runs and a line that is none.
fn recorded_runs() -> impl IntoView {
    let results = Results::read(&[RUNS, b"{}\n"].concat());
    Store::get().results.set(Some((Arc::new(results), "mine.jsonl".to_owned())));
    view! { <EvidenceView /> }
}

#[wasm_bindgen_test]
async fn recorded_runs_are_charts_with_their_tables_and_a_bad_line_is_named() {
    let page = mounted(recorded_runs).await;
    let n = RUNS.iter().filter(|byte| **byte == b'\n').count();
    assert!(page.text(&test_id("evidence-summary")).starts_with(&format!("mine.jsonl: {n} runs")));
    assert!(page.text("ul.notice").starts_with("mine.jsonl line "), "{}", page.text("ul.notice"));
    let n_of = |selector: &str| page.all(selector).len();
    assert!(n_of("figure") > 0 && n_of("figure") == n_of("figure svg[role=img]"));
    assert_eq!(n_of("figure"), n_of("figure details table"));
    assert!(n_of("figure svg path") > n_of("figure"), "the drawings are in the document");
}

#[wasm_bindgen_test]
async fn runs_of_ones_own_take_the_place_of_the_pages_with_a_row_for_each_in_the_table() {
    let page = mounted(recorded_runs).await;
    let runs = std::str::from_utf8(RUNS).unwrap();
    // One run twice is one run: a file may have been put together from others.
    let two: Vec<&str> = runs.lines().take(2).collect();
    page.choose_files(&test_id("load-results"), &[("own.jsonl", &format!("{}\n{}\n", two[0], two[1]))]).await;
    page.settled().await;
    assert!(page.text(&test_id("evidence-summary")).starts_with("own.jsonl: 2 runs"));
    assert!(!page.has("ul.notice"), "the problems are those of the file before");
    let rows = page.all("section section > details:last-of-type tbody tr").len();
    assert_eq!(rows, 2);
    // Two seeds at most: nothing may be claimed of them.
    let claims: Vec<String> =
        page.all("section section > ul.stack li").iter().filter_map(|li| li.text_content()).collect();
    assert!(claims.iter().all(|claim| claim.contains("undecided")), "{claims:?}");

    page.choose_files(&test_id("load-results"), &[("empty.jsonl", "")]).await;
    page.settled().await;
    assert_eq!(page.text(&test_id("evidence-summary")), "empty.jsonl contains no runs.");
    assert!(!page.has("figure"));
}
