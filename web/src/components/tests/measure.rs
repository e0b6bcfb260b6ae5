//! The held-out sentences with the control, the sentences that were tried, and recorded runs.

use super::*;
use crate::components::evidence_view::EvidenceView;
use crate::components::history_panel::HistoryPanel;
use crate::components::measure_view::MeasureView;
use crate::protocol::{
    Accuracy, Control, ControlComparison, Difference, Evaluation, Healing, ModelEvaluation, Progress, RowVerdict, Stage,
};
use shared::bundle::Answers;
use shared::evidence::Results;

const RUNS: &[u8] = include_bytes!("../../../assets/results.jsonl");

fn accuracy(n_correct: usize) -> Accuracy {
    Accuracy { n: 18, n_non_finite: 0, value: n_correct as f64 / 18.0, low: 0.1, high: 0.95 }
}

fn of_model(model: Condition, n_correct: usize) -> ModelEvaluation {
    ModelEvaluation {
        model,
        accuracy: accuracy(n_correct),
        macro_f1: 0.5,
        confusion: vec![vec![9, 0], vec![0, 9]],
        answers: Answers::default(),
    }
}

/// Of three sentences the healed model alone gets one right, the healthy model alone one, and none the third.
fn evaluation(control: Option<ControlComparison>) -> Evaluation {
    let row = |row_idx, text: &str, predicted: [u32; 3], only| RowVerdict {
        row_idx,
        text: text.to_owned(),
        label: 1,
        predicted: predicted.map(Some).to_vec(),
        only,
    };
    Evaluation {
        models: vec![
            of_model(Condition::Healthy, 16),
            of_model(Condition::Corrupted, 9),
            of_model(Condition::Healed, 15),
        ],
        rows: vec![
            row(0, "the healed one", [0, 0, 1], Some(Condition::Healed)),
            row(3, "the healthy one", [1, 0, 0], Some(Condition::Healthy)),
            row(5, "none of them", [0, 0, 0], None),
        ],
        control,
        majority_share: 0.5,
    }
}

/// Evaluates, and answers for the worker.
async fn evaluated(page: &Mounted, evaluation: &Evaluation) {
    page.click(&test_id("evaluate")).await;
    page.answer(&asked!(page, Evaluate).pop().unwrap(), evaluation).await;
}

#[wasm_bindgen_test]
async fn an_evaluation_needs_rows_tells_how_far_it_is_and_is_old_once_the_damage_is_another() {
    let page = mounted(|| view! { <MeasureView /> }).await;
    let evaluate = test_id("evaluate");
    assert!(page.find(&evaluate).has_attribute("disabled"), "there are no rows yet");
    page.model_arrives().await;
    assert!(!page.find(&evaluate).has_attribute("disabled"));

    page.click(&evaluate).await;
    let asked = asked!(page, Evaluate).remove(0);
    assert_eq!(asked.1.models, [Condition::Healthy, Condition::Corrupted], "nothing is healed yet");
    page.progress(&asked, &Progress { stage: Stage::Rows, done: 18, total: 54 }).await;
    assert_eq!(["value", "max"].map(|name| page.attribute("progress", name).unwrap()), ["18", "54"]);
    assert!(page.find(&evaluate).has_attribute("disabled"), "one is under way");
    page.click(&test_id("cancel-evaluation")).await;
    assert_eq!(asked!(page, Cancel).into_iter().map(|(_, cancel)| cancel.id).collect::<Vec<_>>(), [asked.0]);

    page.answer(&asked, &evaluation(None)).await;
    assert!(!page.has("progress") && !page.find(&evaluate).has_attribute("disabled"));
    assert_eq!(page.attribute(&test_id("accuracy-healed"), "data-correct").as_deref(), Some("15"));
    assert!(!page.text("section").contains("The damage has changed since then"));
    page.store.choose(|state| state.seed = Seed(5));
    page.settled().await;
    let asked = asked!(page, Corrupt).pop().unwrap();
    page.answer(&asked, &corrupted(&asked.1.plan, 5)).await;
    assert!(page.text("section").contains("The damage has changed since then"));
}

#[wasm_bindgen_test]
async fn sentences_on_which_the_models_differ_are_listed_by_who_alone_is_right_and_can_be_tried() {
    let page = mounted(|| view! { <MeasureView /> }).await;
    page.model_arrives().await;
    evaluated(&page, &evaluation(None)).await;
    let listed = || -> Vec<String> {
        page.all("table.history tbody th.sentence").iter().map(|cell| cell.text_content().unwrap()).collect()
    };
    assert_eq!(listed(), ["the healed one", "the healthy one", "none of them"]);
    assert_eq!(page.all("table.history tbody tr:first-child td.wrong").len(), 2);
    page.press_button("Only healed is correct (1)").await;
    assert_eq!(listed(), ["the healed one"]);
    page.press_button("Only corrupted is correct (0)").await;
    assert_eq!(listed(), Vec::<String>::new());
    page.press_button("Any model is wrong (3)").await;
    page.all("table.history tbody tr:nth-child(2) button")[0].click();
    page.settled().await;
    assert_eq!(page.sentence(), "the healthy one");
}

#[wasm_bindgen_test]
async fn the_control_is_shown_on_request_with_the_deficit_that_an_evaluation_found() {
    let page = mounted(|| view! { <MeasureView /> }).await;
    page.model_arrives().await;
    assert!(!page.has(&test_id("control-show")));
    let control = Control {
        of: Healing::Native,
        budget: "after 3 + 3 epochs".to_owned(),
        accuracy: accuracy(17),
        answers: Answers::default(),
    };
    page.store.loaded.update(|loaded| Arc::make_mut(loaded.as_mut().unwrap()).control = Some(control.clone()));
    page.store.healed.set(Some(HealedOrigin::Native { plan: "kaiming@bottom:0.5".to_owned(), seed: Seed(1) }));
    page.settled().await;
    assert!(page.text(&test_id("control-show")).contains("Show the control (after 3 + 3 epochs)"));
    assert!(!page.has(&test_id("control")));
    page.click(&test_id("control-show")).await;
    assert!(page.text(&test_id("control")).contains("94.4 % of 18"), "{}", page.text(&test_id("control")));
    assert!(page.text(&test_id("control-deficit")).starts_with("Evaluate all models"));

    let deficit = Difference { points: 11.1, low: -4.0, high: 26.0 };
    evaluated(&page, &evaluation(Some(ControlComparison { control, deficit }))).await;
    assert!(page.text(&test_id("control-deficit")).contains("11.1 points (95 % interval -4.0 to 26.0"));
    page.click(&test_id("control-show")).await;
    assert!(!page.has(&test_id("control")));
}

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
    assert_eq!(page.text(&test_id("import-note")).trim(), "2 sentences were added, 1 was there already.");
    let asked = asked!(page, Classify).pop().unwrap();
    assert_eq!(asked.1.texts, ["one", "two", "known"]);
    page.answer(&asked, &vec![classification("two", [Some(0), Some(0), Some(1)])]).await;
    assert_eq!(page.text("tbody tr:nth-child(2) td:nth-of-type(4)"), "≠ positive 90.0 %");

    page.choose_files(&import, &[("empty.txt", "\n")]).await;
    page.settled().await;
    let failure = page.store.failure.get_untracked().unwrap().to_string();
    assert!(failure == "empty.txt cannot be used: it holds no sentence.", "{failure}");
    assert_eq!(texts(&page).len(), 3);
}

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
