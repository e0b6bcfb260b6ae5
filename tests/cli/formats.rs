//! One table in five formats: one run.

use std::fs;

use integration_tests::tables::{self, Row};
use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{json, text, tiny_model};

fn rows(n: usize) -> Vec<Row> {
    let words = ["bad", "slow", "good"];
    (0..n).map(|i| ((i % 3).to_string(), format!("the \"film\", {i}, is {}", words[i % 3]))).collect()
}

#[test]
fn the_same_data_in_any_format_is_the_same_run_with_the_same_accuracy() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = (tables::variants(&rows(36)), tables::variants(&rows(12)));
    let run = |ending: &str| -> Value {
        let data = folder.path().join(ending);
        fs::create_dir(&data).unwrap();
        fs::write(data.join("labels.txt"), "negative\nneutral\npositive\n").unwrap();
        for (split, variants) in [("train", &train), ("test", &test)] {
            let (_, bytes) = variants.iter().find(|(other, _)| *other == ending).unwrap();
            fs::write(data.join(format!("{split}.{ending}")), bytes).unwrap();
        }
        let out = folder.path().join(format!("run.{ending}"));
        json(&[
            "run",
            "--model",
            text(&tiny_model()),
            "--dataset",
            text(&data),
            "--out",
            text(&out),
            "--max-length",
            "32",
            "--max-steps",
            "6",
            "--corrupt",
            "kaiming@bottom:0.5",
            "--json",
        ])
    };
    let expected = run("tsv");
    assert!(expected["healed"]["accuracy"].is_number(), "{expected}");
    for ending in ["csv", "jsonl", "parquet", "csv.gz"] {
        let record = run(ending);
        assert_eq!(record["run_id"], expected["run_id"], "{ending}");
        assert_eq!(record["spec"]["dataset"]["content_sha256"], expected["spec"]["dataset"]["content_sha256"]);
        for state in ["healthy", "corrupted", "healed"] {
            assert_eq!(record[state], expected[state], "{ending}: {state}");
        }
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
