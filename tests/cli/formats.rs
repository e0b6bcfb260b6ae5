//! One table in every format and way of naming its classes: one run, and `evaluate` agrees with it.

use std::fs;
use std::path::Path;

use integration_tests::tables::{self, Row};
use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{json, text, tiny_model};

const NAMES: [&str; 3] = ["negative", "neutral", "positive"];

/// Rows whose cells call the three classes so.
fn rows(n: usize, cells: [&str; 3]) -> Vec<Row> {
    let words = ["bad", "slow", "good"];
    (0..n).map(|i| (cells[i % 3].to_owned(), format!("the \"film\", {i}, is {}", words[i % 3]))).collect()
}

/// A folder with train and test in the format of that ending.
fn write(data: &Path, ending: &str, [train, test]: [&[u8]; 2], classes: Option<[&str; 3]>) {
    fs::create_dir(data).unwrap();
    if let Some(classes) = classes {
        fs::write(data.join("labels.txt"), classes.join("\n")).unwrap();
    }
    fs::write(data.join(format!("train.{ending}")), train).unwrap();
    fs::write(data.join(format!("test.{ending}")), test).unwrap();
}

fn run(data: &Path, out: &Path) -> Value {
    let paths = ["--model", text(&tiny_model()), "--dataset", text(data), "--out", text(out)].map(str::to_owned);
    let rest = "--max-length 32 --max-steps 6 --corrupt kaiming@bottom:0.5 --json";
    let words: Vec<String> =
        ["run".to_owned()].into_iter().chain(paths).chain(rest.split(' ').map(str::to_owned)).collect();
    json(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Each model of the run on the test rows of `data`, which may name the classes in another way.
fn assert_evaluates_as_it_ran(out: &Path, record: &Value, data: &Path) {
    for which in ["healthy", "corrupted", "healed"] {
        let evaluation = out.with_extension(format!("{which}.evaluation"));
        let words = ["evaluate", "--model", text(out), "--which", which, "--dataset", text(data), "--json", "--out"];
        let value = json(&[&words[..], &[text(&evaluation)]].concat());
        for figure in ["accuracy", "macro_f1"] {
            assert_eq!(value[figure], record[which][figure], "{which} on {}: {figure}", data.display());
        }
    }
}

/// Trains and evaluates in every format, on rows whose cells and list of classes are these.
fn in_every_format(cells: [&str; 3], classes: Option<[&str; 3]>) -> Vec<(tempfile::TempDir, Value)> {
    let (train, test) = (tables::variants(&rows(36, cells)), tables::variants(&rows(14, cells)));
    let one = |((ending, train), (_, test)): (&tables::Variant, &tables::Variant)| {
        let folder = tempfile::tempdir().unwrap();
        let (data, out) = (folder.path().join("data"), folder.path().join("out"));
        write(&data, ending, [train, test], classes);
        let record = run(&data, &out);
        assert_evaluates_as_it_ran(&out, &record, &data);
        (folder, record)
    };
    train.iter().zip(&test).map(one).collect()
}

#[test]
fn ids_in_any_format_are_the_same_run_and_other_orders_of_the_classes_are_evaluated_alike() {
    let all = in_every_format(["0", "1", "2"], Some(NAMES));
    let (first, expected) = &all[0];
    assert!(expected["healed"]["accuracy"].is_number(), "{expected}");
    for (_, record) in &all {
        assert_eq!(record["run_id"], expected["run_id"], "{record}");
        assert_eq!(record["spec"]["dataset"]["content_sha256"], expected["spec"]["dataset"]["content_sha256"]);
        for state in ["healthy", "corrupted", "healed"] {
            assert_eq!(record[state], expected[state], "{state}");
        }
    }
    // The same rows by other ids: negative is 1, neutral 2, positive 0.
    let turned = tables::variants(&rows(14, ["1", "2", "0"]));
    for (ending, test) in &turned {
        let data = first.path().join(format!("turned-{ending}"));
        write(&data, ending, [test, test], Some(["positive", "negative", "neutral"]));
        assert_evaluates_as_it_ran(&first.path().join("out"), expected, &data);
    }
}

#[test]
fn names_in_any_format_are_evaluated_as_they_were_trained() {
    in_every_format(NAMES, None);
}

#[test]
fn numerals_as_names_in_any_format_are_evaluated_as_they_were_trained() {
    in_every_format(["1", "2", "3"], Some(["1", "2", "3"]));
}

#[test]
fn pairs_in_any_format_are_evaluated_as_they_were_trained() {
    let folder = tempfile::tempdir().unwrap();
    let header = ["premise", "hypothesis", "label"];
    let pairs = |n: usize| -> Vec<[String; 3]> {
        let row =
            |i: usize| [format!("the film {i} is good"), format!("it is {}", NAMES[i % 3]), NAMES[i % 3].to_owned()];
        (0..n).map(row).collect()
    };
    let csv = |rows: &[[String; 3]]| {
        format!("{}\n{}\n", header.join(","), rows.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n"))
    };
    let object = |[premise, hypothesis, label]: &[String; 3]| {
        serde_json::json!({"premise": premise, "hypothesis": hypothesis, "label": label}).to_string()
    };
    let lines = |rows: &[[String; 3]]| rows.iter().map(object).collect::<Vec<_>>().join("\n");
    for ending in ["csv", "jsonl", "json", "parquet"] {
        let bytes = |rows: &[[String; 3]]| match ending {
            "csv" => csv(rows).into_bytes(),
            "jsonl" => lines(rows).into_bytes(),
            "json" => format!("[{}]", lines(rows).replace('\n', ",")).into_bytes(),
            _ => tables::parquet_of_strings(header, rows),
        };
        let (data, out) = (folder.path().join(ending), folder.path().join(format!("{ending}-run")));
        write(&data, ending, [&bytes(&pairs(36)), &bytes(&pairs(14))], None);
        let record = run(&data, &out);
        assert_eq!(record["spec"]["dataset"]["n_labels"], 3);
        assert_evaluates_as_it_ran(&out, &record, &data);
    }
}

#[test]
fn columns_and_class_names_are_given_by_flags() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("reviews.csv");
    let row = |i: usize| format!("t{i},the film is {},{}", i % 7, ["no", "yes"][i % 2]);
    let rows: Vec<String> = (0..40).map(row).collect();
    fs::write(&data, format!("headline,body,verdict\n{}\n", rows.join("\n"))).unwrap();
    let out = folder.path().join("out");
    let run = |flags: &[&str]| {
        let mut args = vec!["run", "--model", text(&tiny_model()), "--dataset", text(&data), "--out", text(&out)]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        args.extend(["--max-length", "32", "--max-steps", "1", "--json"].map(str::to_owned));
        args.extend(flags.iter().map(ToString::to_string));
        bert_heal().args(args).assert()
    };
    let refused = run(&[]).code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("expected a column for the label"), "{stderr}");
    assert!(stderr.contains("got the columns headline, body, verdict"), "{stderr}");

    let flags = ["--text-column", "headline,body", "--label-column", "verdict", "--label-names", "yes,no"];
    let output = run(&flags).success();
    let record: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(record["spec"]["dataset"]["n_labels"], 2);
    let config = fs::read_to_string(out.join("checkpoint/healthy/config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!((&config["id2label"]["0"], &config["id2label"]["1"]), (&"yes".into(), &"no".into()));
}
