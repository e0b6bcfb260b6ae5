//! Healings as runs: kept beyond a visit, and leaving the page as files that the native program reads.

use crate::fixture::PLAN;
use crate::session::with_page;
use crate::{TEXT, address};
use serde_json::Value;
use shared::checkpoint::Treatment;
use shared::evidence::Results;
use shared::model::ModelConfig;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The same weights natively: another order of additions, and another exponential.
const TOLERANCE: f64 = 1e-5;

const OTHER_TEXT: &str = "the song was awful";

/// The program, with what it said on stdout and stderr.
fn bert_heal(words: &[&str], input: &str) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bert-heal-under-test"));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let [said, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{words:?}: {told}");
    (said, told)
}

/// Unpacks a zip into `folder`; the one folder in it.
fn unpacked(zip: &Path, folder: &Path) -> String {
    zip::ZipArchive::new(File::open(zip).unwrap()).unwrap().extract(folder).unwrap();
    let folders: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].to_str().unwrap().to_owned()
}

#[test]
fn healings_are_runs_that_are_kept_and_leave_the_page_with_their_models() {
    let settings = "&steps=12&rate=0.003&batch=16";
    with_page(&address(PLAN, 3, settings), async move |page| {
        page.damage_is(PLAN, 3).await;
        page.click("heal-start").await;
        page.attribute_becomes("heal", "data-state", "done").await;
        let mut said = vec![(TEXT, page.prediction("healed", TEXT).await)];
        page.go_to(&address(PLAN, 3, settings).replace(&TEXT.replace(' ', "%20"), &OTHER_TEXT.replace(' ', "%20")))
            .await;
        said.push((OTHER_TEXT, page.prediction("healed", OTHER_TEXT).await));

        page.go_to(&address(PLAN, 3, &format!("{settings}&view=measure"))).await;
        let run_id = page.record_of_run(1).await;
        // Kept after the test for tests/scripts/page_export.py.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-export");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        page.save_files_in(&folder).await;
        let zip = page.saved_by("export-healed", &folder).await;
        let results = page.saved_by("export-runs", &folder).await;
        page.save_screenshot("runs").await;

        // The model, by the native program.
        let model = unpacked(&zip, &folder);
        let (answers, _) = bert_heal(&["predict", "--model", &model, "--json"], &format!("{TEXT}\n{OTHER_TEXT}\n"));
        fs::write(folder.join("ours.json"), &answers).unwrap();
        let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
        for ((text, (label, probability)), answer) in said.iter().zip(&answers) {
            assert_eq!((answer["text"].as_str(), answer["label_id"].to_string()), (Some(*text), label.clone()));
            let natively = answer["probabilities"][label.parse::<usize>().unwrap()].as_f64().unwrap();
            assert!((natively - probability).abs() < TOLERANCE, "{text}: {probability}, natively {natively}");
        }
        let config = ModelConfig::from_json(&fs::read(Path::new(&model).join("config.json")).unwrap()).unwrap();
        let last = config.history.treatments().last();
        assert!(matches!(last, Some(Treatment::FineTuned { run }) if run.as_str() == run_id), "{last:?}");
        let card = fs::read_to_string(Path::new(&model).join("README.md")).unwrap();
        assert!(card.contains(PLAN) && card.contains("**healed (this one)**"), "{card}");
        assert!(fs::read_to_string(Path::new(&model).join("NOTICE.txt")).unwrap().contains("made by the test"));

        // The records, by the native report and by the view of recorded runs.
        let read = Results::read(&fs::read(&results).unwrap());
        assert_eq!((read.problems.len(), read.records.len()), (0, 1), "{:?}", read.problems);
        let out = folder.join("report");
        let (_, told) = bert_heal(&["report", results.to_str().unwrap(), "--out", out.to_str().unwrap()], "");
        assert!(!told.contains("note:") && !told.contains("warning"), "{told}");
        let report = fs::read_to_string(out.join("index.html")).unwrap();
        assert!(report.contains(&run_id) && report.contains("bert-heal page "), "{report}");
        page.go_to("#view=evidence").await;
        page.choose_files("load-results", &[results.to_str().unwrap().to_owned()]).await;
        page.text_with("evidence-summary", "results.jsonl: 1 runs, 0 of which failed.").await;
        page.text_with("evidence", "these runs have no control").await;

        page.reload().await;
        page.go_to("#view=measure").await;
        assert_eq!(page.record_of_run(1).await, run_id);
    });
}

#[test]
fn runs_and_their_curves_fit_small_screens_and_fingers() {
    with_page(&address(PLAN, 3, "&steps=3&rate=0.003&batch=16"), async |page| {
        page.become_a_phone().await;
        page.damage_is(PLAN, 3).await;
        page.click("heal-start").await;
        page.attribute_becomes("heal", "data-state", "done").await;
        page.go_to("#view=measure").await;
        page.record_of_run(1).await;
        page.click("curve-1").await;
        assert_eq!(page.small_targets().await, Vec::<String>::new());
        page.become_as_wide_as(320).await;
        let content_width = page.content_width().await;
        assert!(content_width <= 320, "the content is {content_width} wide");
        page.save_screenshot("runs-phone").await;
    });
}
