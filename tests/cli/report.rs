//! The report of a run: what it says, that it needs nothing else, and that nothing in the data becomes markup.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{copy_of_model, dataset, json, read_json, refused, run_words, text, tiny_model};

const SCRIPT: &str = "<script>alert(1)</script>";

/// A finished run whose texts and class names hold markup.
fn hostile_run(folder: &Path, more: &[&str]) -> (PathBuf, Value) {
    let data = dataset(folder, 120, 60);
    let test = fs::read_to_string(data.join("test.tsv")).unwrap();
    let (header, rows) = test.split_once('\n').unwrap();
    let rows: Vec<String> = rows.lines().map(|row| format!("{row} {SCRIPT} | *x* `y`")).collect();
    fs::write(data.join("test.tsv"), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    fs::write(data.join("labels.txt"), "negative\n<b>neutral</b>\n\"positive\"\n").unwrap();
    let out = folder.join("runs/hostile");
    // A model keeps its own names of the classes, so they are hostile in both.
    let model = copy_of_model(folder);
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), config.replace("neutral", "<b>neutral</b>")).unwrap();
    let recipe = "--json --learning-rate 3e-3 --epochs 3 --batch-size 16 --max-length 32 --corrupt kaiming@bottom:0.5";
    let record = json(&[&run_words(&model, &data, &out, recipe)[..], more].concat());
    (out, record)
}

fn report(run: &Path) -> PathBuf {
    let output = bert_heal().args(["report", text(run)]).assert().success();
    let page = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert_eq!(page.trim_end(), text(&run.join("report/index.html")));
    run.join("report")
}

/// An element of a parsed page.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    /// All text within it.
    text: String,
    /// Names of the elements within it.
    within: Vec<String>,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Every element of the page in document order; the page must be well-formed.
fn elements(page: &str) -> Vec<Element> {
    let document = parse_document(RcDom::default(), ParseOpts::default()).one(page);
    assert!(document.errors.borrow().is_empty(), "{:?}", document.errors.borrow());
    let elements = RefCell::new(Vec::new());
    walk(&document.document, &elements);
    elements.into_inner()
}

fn walk(node: &Handle, elements: &RefCell<Vec<Element>>) -> (String, Vec<String>) {
    let place = if let NodeData::Element { name, attrs, .. } = &node.data {
        let attributes = attrs.borrow();
        let attributes = attributes.iter().map(|attr| (attr.name.local.to_string(), attr.value.to_string())).collect();
        let name = name.local.to_string();
        elements.borrow_mut().push(Element { name, attributes, text: String::new(), within: Vec::new() });
        Some(elements.borrow().len() - 1)
    } else {
        None
    };
    let (mut text, mut within) = (String::new(), Vec::new());
    if let NodeData::Text { contents } = &node.data {
        text.push_str(&contents.borrow());
    }
    for child in node.children.borrow().iter() {
        let (child_text, child_within) = walk(child, elements);
        text += &child_text;
        within.extend(child_within);
    }
    if let Some(place) = place {
        let element = &mut elements.borrow_mut()[place];
        (element.text, element.within) = (text.clone(), within.clone());
        within.push(element.name.clone());
    }
    (text, within)
}

#[test]
fn a_report_stands_alone_and_says_what_the_record_says() {
    let folder = tempfile::tempdir().unwrap();
    let (run, record) = hostile_run(folder.path(), &["--protocol", "finetuned"]);
    let out = report(&run);
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    let elements = elements(&page);
    let of = |name: &str| elements.iter().filter(|element| element.name == name).collect::<Vec<_>>();

    // Nothing is fetched, and nothing from the data is markup.
    for name in ["script", "link", "img", "iframe", "object", "image", "use", "b"] {
        assert!(of(name).is_empty(), "the page has <{name}>");
    }
    for element in &elements {
        for (name, value) in &element.attributes {
            let is_request = ["src", "srcset", "href", "data", "action"].contains(&name.as_str());
            assert!(!is_request || value.starts_with('#'), "<{} {name}={value:?}>", element.name);
            assert!(!name.starts_with("on"), "<{} {name}>", element.name);
        }
    }
    assert!(of("style").iter().all(|style| !style.text.contains("url(") && !style.text.contains("@import")));
    assert!(of("body")[0].text.contains(SCRIPT), "the text of the data is shown as text");
    assert!(of("svg").iter().any(|svg| svg.text.contains("<b>neutral</b>")), "so are class names in plots");

    // Every chart has a table, a caption and words for those who cannot see it.
    let figures = of("figure");
    let n_svg = of("svg").len();
    assert!(n_svg >= 10 && n_svg == figures.len(), "{n_svg} drawings in {} figures", figures.len());
    for figure in figures {
        for name in ["svg", "figcaption", "table", "h3"] {
            assert!(figure.within.iter().any(|within| within == name), "{:?} has no {name}", figure.attributes);
        }
    }
    assert!(of("svg").iter().all(|svg| svg.attribute("role") == Some("img")));
    assert!(of("svg").iter().all(|svg| svg.attribute("aria-label").is_some_and(|label| label.len() > 10)));
    let levels: Vec<u32> = elements.iter().filter_map(|element| element.name.strip_prefix('h')?.parse().ok()).collect();
    assert!(levels[0] == 1 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    let ids: Vec<&str> = elements.iter().filter_map(|element| element.attribute("id")).collect();
    assert!((1..ids.len()).all(|i| !ids[..i].contains(&ids[i])), "an id is there twice: {ids:?}");

    // The figures are those of the record.
    let cards = of("dl")[0].text.clone();
    for which in ["healthy", "corrupted", "healed"] {
        let accuracy = format!("{:.1} %", 100.0 * record[which]["accuracy"].as_f64().unwrap());
        assert!(cards.contains(&format!("{which}{accuracy}")), "{which} {accuracy} is not in {cards}");
    }
    let deficit = format!("{:.1} point", record["deficit"]["points"].as_f64().unwrap());
    assert!(cards.contains(&deficit), "{deficit} is not in {cards}");
    let body = &of("body")[0].text;
    for said in ["One seed", "undecided", record["run_id"].as_str().unwrap(), "--corrupt kaiming@bottom:0.5"] {
        assert!(body.contains(said), "the page does not say {said}");
    }
    assert!(body.contains(record["hashes"]["data"].as_str().unwrap()));

    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(!markdown.contains("<script>") && markdown.contains("&lt;script&gt;"), "{markdown}");
    let plots: Vec<&str> = markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert_eq!(plots.len(), n_svg);
    for plot in plots {
        let svg = fs::read_to_string(out.join(plot)).unwrap();
        assert!(svg.starts_with("<svg xmlns=") && svg.contains("<title>") && !svg.contains("<b>"), "{plot}");
    }

    // Made again it is the same, to the byte.
    report(&run);
    assert_eq!(fs::read_to_string(out.join("index.html")).unwrap(), page);
}

#[test]
fn a_report_under_the_papers_protocol_shows_weights_of_the_pre_trained_model() {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = hostile_run(folder.path(), &[]);
    let page = fs::read_to_string(report(&run).join("index.html")).unwrap();
    assert!(page.contains("the pre-trained model's"), "{page}");
    assert!(page.contains("weights-attention-weights"));
    // What was left out when a run was passed on is said, and the rest is shown.
    fs::remove_file(run.join("texts.jsonl.zst")).unwrap();
    fs::remove_file(run.join("predictions/corrupted.jsonl.zst")).unwrap();
    let page = fs::read_to_string(report(&run).join("index.html")).unwrap();
    assert!(page.contains("texts.jsonl.zst is missing") && page.contains("predictions/corrupted.jsonl.zst is"));
    assert!(page.contains("confusion-healed") && !page.contains("confusion-corrupted"));
}

#[test]
fn a_record_that_contradicts_its_predictions_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (run, mut record) = hostile_run(folder.path(), &[]);
    record["healed"]["accuracy"] = 0.123.into();
    fs::write(run.join("run.json"), record.to_string()).unwrap();
    let stderr = refused(&["report", text(&run)]);
    assert!(stderr.contains("healed.jsonl.zst: accuracy") && stderr.contains("run.json says 0.123"), "{stderr}");
    assert!(!run.join("report").exists());
}

#[test]
fn what_is_not_a_finished_run_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let stderr = refused(&["report", text(folder.path())]);
    assert!(stderr.contains("found no finished run in it"), "{stderr}");
    let (run, _) = hostile_run(folder.path(), &[]);
    fs::remove_file(run.join("run.json")).unwrap();
    let stderr = refused(&["report", text(&run)]);
    assert!(stderr.contains("is not finished (48 fine-tuning steps are done)"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_failed_run_has_a_report_that_says_so_and_a_line_among_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 30);
    let (model, run) = (tiny_model(), folder.path().join("runs/failed"));
    let more = "--learning-rate 1e38 --max-length 32 --corrupt kaiming@top:0.5";
    bert_heal().args(run_words(&model, &data, &run, more)).assert().code(3);
    let page = fs::read_to_string(report(&run).join("index.html")).unwrap();
    let elements = elements(&page);
    let heading = elements.iter().find(|element| element.name == "h1").unwrap();
    assert!(heading.text.starts_with("This run failed: fine-tuning the healthy model stopped at step"));
    let line = read_json(&folder.path().join("runs/results.jsonl"));
    assert_eq!(line["status"]["state"], "failed");
}

#[test]
fn every_finished_run_is_one_line_of_the_results_beside_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (run, record) = hostile_run(folder.path(), &[]);
    let results = folder.path().join("runs/results.jsonl");
    let first = fs::read_to_string(&results).unwrap();
    assert_eq!(first.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap(), record);
    // The same command again adds nothing; where its line was lost, it comes back.
    let words: Vec<String> = serde_json::from_str(&fs::read_to_string(run.join("command.json")).unwrap()).unwrap();
    bert_heal().args(&words[1..]).assert().success();
    assert_eq!(fs::read_to_string(&results).unwrap(), first);
    fs::write(&results, &first[..first.len() - 10]).unwrap();
    bert_heal().args(&words[1..]).assert().success();
    assert_eq!(fs::read_to_string(&results).unwrap(), first);
}

/// Short runs of the tiny model, one for each seed and plan.
fn many_runs(folder: &Path) -> PathBuf {
    let data = dataset(folder, 90, 45);
    let (model, runs) = (tiny_model(), folder.join("runs"));
    for seed in ["1", "2", "3"] {
        for (plan, name) in [("kaiming@bottom:0.5", "bottom"), ("kaiming@top:0.5", "top")] {
            let out = runs.join(format!("{name}-{seed}"));
            let recipe = "--json --learning-rate 3e-3 --epochs 8 --batch-size 16 --max-length 32 --protocol finetuned";
            json(&[&run_words(&model, &data, &out, recipe)[..], &["--corrupt", plan, "--seed", seed]].concat());
        }
    }
    runs
}

#[test]
fn many_runs_are_judged_claim_by_claim_and_groups_that_differ_are_not_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let runs = many_runs(folder.path());
    let judged = |path: &Path, more: &[&str]| json(&[&["report", text(path), "--json"][..], more].concat());
    let of_folder = judged(&runs, &[]);
    assert_eq!(of_folder["runs"], 6);
    // Full recovery of two plans, bottom against top; one level has no slope.
    let judgements = of_folder["judgements"].as_array().unwrap();
    let sentences: Vec<&str> = judgements.iter().map(|judgement| judgement["sentence"].as_str().unwrap()).collect();
    assert_eq!(judgements.len(), 3, "{sentences:?}");
    for judgement in judgements {
        assert_eq!((&judgement["n_pairs"], &judgement["outcome"]), (&3.into(), &"undecided".into()), "{judgement:#}");
    }
    assert!(sentences.iter().all(|said| said.contains("tiny-bert on ") && said.contains("over seeds and rows")));
    let page = fs::read_to_string(of_folder["report"].as_str().unwrap()).unwrap();
    assert!(page.contains("Claims") && page.contains("All runs"), "{page}");
    // A row for each plan and a chart of their deficits; two levels from one end would make a curve.
    assert!(
        page.contains("with their 95 % intervals over seeds and rows") && page.contains("What healing leaves behind"),
        "{page}"
    );
    // Records alone, as the page has them, say the same but for the interval, which is then over seeds on these rows.
    let of_lines = judged(&runs.join("results.jsonl"), &["--out", text(&folder.path().join("lines"))]);
    for (a, b) in judgements.iter().zip(of_lines["judgements"].as_array().unwrap()) {
        assert_eq!((&a["subject"], &a["effect_points"], &a["p"]), (&b["subject"], &b["effect_points"], &b["p"]));
        assert!(b["sentence"].as_str().unwrap().contains("over seeds on these rows"), "{b:#}");
    }
    // Another number of training rows, or other numerics, in one of three seeds: two and one, never three.
    let lines = fs::read_to_string(runs.join("results.jsonl")).unwrap();
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changes: [(&str, Value); 2] =
        [("/spec/dataset/rows/train", 80.into()), ("/numerics/instruction_set", "another".into())];
    for (field, value) in changes {
        let mut records = records.clone();
        for record in records.iter_mut().filter(|record| record["spec"]["seeds"]["data"] == 3) {
            *record.pointer_mut(field).unwrap() = value.clone();
        }
        let changed = folder.path().join("changed.jsonl");
        let changed_lines: Vec<String> = records.iter().map(Value::to_string).collect();
        fs::write(&changed, changed_lines.join("\n")).unwrap();
        let apart = judged(&changed, &["--out", text(&folder.path().join("apart"))]);
        let n_pairs: Vec<u64> =
            apart["judgements"].as_array().unwrap().iter().map(|one| one["n_pairs"].as_u64().unwrap()).collect();
        assert!(n_pairs.len() == 6 && n_pairs.iter().all(|n| *n < 3), "{n_pairs:?}");
        let said = fs::read_to_string(folder.path().join("apart/report.md")).unwrap().replace('\\', "");
        assert!(said.contains("not pooled") && said.contains(field.rsplit('/').next().unwrap()), "{said}");
    }
    // The claims of a file instead of the usual ones.
    let claims = folder.path().join("claims.toml");
    fs::write(
        &claims,
        "[[claim]]\nname = \"top\"\nfamily = \"primary\"\nquestion = \"full-recovery\"\nplan = \"kaiming@top:0.5\"\n",
    )
    .unwrap();
    let asked = judged(&runs, &["--claims", text(&claims)]);
    assert_eq!(asked["judgements"].as_array().unwrap().len(), 1, "{asked:#}");
    fs::write(&claims, "[[claim]]\nname = \"top\"\nfamily = \"primary\"\n").unwrap();
    assert!(refused(&["report", text(&runs), "--claims", text(&claims)]).contains("question"));
    assert!(refused(&["report", text(&runs.join("top-1")), "--json"]).contains("is a single run"));
}
