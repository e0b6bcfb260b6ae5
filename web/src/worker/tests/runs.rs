//! What leaves the page of a healing: its record, and its model as files.

use super::*;
use crate::fetch;
use crate::protocol::{ExportHealed, RecordRun, SelectMoment};
use shared::checkpoint::Treatment;
use shared::claims::Run;
use shared::evidence::{Problem, Results, experiments};
use shared::model::ModelConfig;
use shared::record::{Protocol, RunStatus};
use std::io::{Cursor, Read as _};

#[wasm_bindgen_test]
async fn healing_that_came_to_its_end_has_the_record_of_a_run() {
    let (page, _) = Page::loaded().await;
    page.corrupt("kaiming@all", 5).await;
    assert_eq!(failure(page.ask(RecordRun).await), Failure::NoHealing);
    let mut lines = Vec::new();
    for trained in [Trained::DamagedAndHead, Trained::DamagedAndHead, Trained::All] {
        let summary = page.ask(HealSettings { trained, ..settings(12) }).await.unwrap();
        let recorded = page.ask(RecordRun).await.unwrap();
        let record: shared::record::RunRecord = serde_json::from_str(&recorded.line).unwrap();
        assert_eq!((record.run_id.as_str(), &record.status), (recorded.run_id.as_str(), &RunStatus::Ok));
        let healed = record.healed.as_ref().map(|healed| (healed.metrics.accuracy, healed.metrics.n));
        assert_eq!(healed, summary.held_out.map(|held_out| (held_out.value, held_out.n)));
        let evaluation = page.ask(Evaluate { models: vec![Condition::Healthy, Condition::Corrupted] }).await.unwrap();
        for (model, result) in evaluation.models.iter().zip([&record.healthy, &record.corrupted]) {
            let metrics = &result.as_ref().unwrap().metrics;
            assert_eq!(
                (metrics.accuracy, metrics.macro_f1),
                (model.accuracy.value, model.macro_f1),
                "{:?}",
                model.model
            );
        }
        let (spec, phase) = (&record.spec, &record.train.phases[0]);
        assert_eq!((spec.training.max_steps, phase.steps, phase.samples), (Some(12), 12, 96));
        assert_eq!((spec.protocol, spec.corruption.as_deref()), (Protocol::Finetuned, Some("kaiming@all")));
        assert_eq!((spec.dataset.name.as_str(), spec.dataset.rows.train, spec.dataset.rows.test), ("rows.tsv", 72, 18));
        assert!(record.numerics.is_some_and(|numerics| numerics.instruction_set.starts_with("wasm-")));
        assert_eq!(failure(page.ask(RecordRun).await), Failure::NoHealing, "it is made once");
        lines.push(recorded.line);
    }
    // The same healing once more is the same run.
    let results = Results::read((lines.join("\n") + "\n").as_bytes());
    assert!(matches!(results.problems.as_slice(), [Problem::Twice { line: 2, .. }]), "{:?}", results.problems);
    // What learnt keeps the two apart.
    let experiments = experiments(&Run::from_records(&results.records), &[]);
    assert_eq!(experiments.iter().map(|one| one.cells[0].seeds.len()).collect::<Vec<_>>(), [1, 1]);
    assert!(experiments.iter().all(|one| one.cells[0].n_failed == 0 && one.common.reference == Condition::Healthy));
}

#[wasm_bindgen_test]
async fn healing_that_diverged_has_a_record_and_one_that_was_stopped_has_none() {
    let (page, _) = Page::loaded().await;
    page.corrupt("gaussian:1e15@all", 5).await;
    let ended = page.ask(HealSettings { learning_rate: 1e-1, ..settings(400) }).await;
    assert!(matches!(&ended, Err(Interruption::Failed(Failure::Diverged { .. }))), "{ended:?}");
    let recorded = page.ask(RecordRun).await.unwrap();
    let results = Results::read(format!("{}\n", recorded.line).as_bytes());
    assert_eq!((results.problems.len(), results.records.len()), (0, 1));
    let record = &results.records[0];
    assert!(matches!(record.status, RunStatus::Failed { phase: Condition::Healed, .. }), "{:?}", record.status);
    assert!(record.healed.is_none() && record.healthy.is_some() && record.corrupted.is_some());

    page.corrupt("kaiming@all", 5).await;
    let healing = page.send(settings(1_000), Vec::new());
    page.reaches(&healing, 2).await;
    page.ask(SteerHealing::Stop).await.unwrap();
    page.end(&healing).await.unwrap();
    assert_eq!(failure(page.ask(RecordRun).await), Failure::NoHealing);
}

/// The files of a zip, by their names without its folder.
async fn unpacked(page: &Page) -> Vec<(String, Vec<u8>)> {
    let exported = page.ask(ExportHealed).await.unwrap();
    let bytes = fetch::bytes(&exported.url).await.unwrap().unwrap();
    assert_eq!(bytes.len() as u64, exported.size_bytes);
    let folder = exported.name.strip_suffix(".zip").unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().strip_prefix(&format!("{folder}/")).unwrap().to_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.push((name, content));
    }
    files
}

#[wasm_bindgen_test]
async fn healed_model_leaves_as_a_folder_that_says_what_was_done_and_answers_as_before() {
    const TEXTS: [&str; 3] = ["the movie was good good", "a bad plot", "!"];
    let (page, _) = Page::loaded().await;
    page.ask(Purge::Moments).await.unwrap();
    assert!(matches!(failure(page.ask(ExportHealed).await), Failure::NoSuchModel { .. }));
    page.corrupt("kaiming@all", 5).await;
    page.ask(settings(12)).await.unwrap();
    let recorded = page.ask(RecordRun).await.unwrap();
    let said = page.classify(&TEXTS, &[Condition::Healed]).await;
    let files = unpacked(&page).await;
    let text = |name: &str| {
        let found = files.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("no {name}"));
        String::from_utf8(found.1.clone()).unwrap()
    };
    let config = ModelConfig::from_json(text("config.json").as_bytes()).unwrap();
    let Some(Treatment::FineTuned { run }) = config.history.treatments().last() else { panic!("{:?}", config.history) };
    assert_eq!((run.as_str(), config.history.condition()), (recorded.run_id.as_str(), Condition::Healed));
    let card = text("README.md");
    for words in ["kaiming@all", "**healed (this one)**", "after step 12 of 12", "CORRUPTED on purpose and healed"] {
        assert!(card.contains(words), "{words} is not in {card}");
    }
    assert!(text("tokenizer_config.json").contains("BertTokenizer"));

    // Opened as any visitor's folder.
    let names: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let other = Page::new();
    other.load(&names).await.unwrap();
    let again = other.classify(&TEXTS, &[Condition::Healthy]).await;
    for (said, again) in said.iter().zip(&again) {
        assert_eq!(said.models[0].probabilities, again.models[0].probabilities, "{}", said.text);
    }

    // A snapshot is the same run's, and has no figures of its end.
    let first = page.moments().await.remove(0);
    page.ask(SelectMoment { id: first.id.clone() }).await.unwrap();
    let files = unpacked(&page).await;
    let card = files.iter().find(|(name, _)| name == "README.md").map(|(_, bytes)| String::from_utf8_lossy(bytes));
    let card = card.unwrap();
    assert!(
        card.contains("after step 3 of 12") && card.contains(&recorded.run_id) && card.contains("Results\nUnknown")
    );
}
