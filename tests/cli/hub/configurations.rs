//! Datasets whose README says which of their files are meant.

use super::server::{Hub, Repository};
use super::{MODEL, Machine, assert_success, refusal, repositories, stderr};
use crate::fixture::text;
use integration_tests::tables::{self, Row};
use serde_json::Value;
use std::process::Output;

const REVIEWS: &str = "acme/reviews";

const README: &str = "---\nlicense: mit\nconfigs:\n- config_name: clean\n  default: true\n  data_files:\n  \
                      - split: train\n    path: train.csv\n  - split: test\n    path: \"te*.csv\"\n- config_name: noisy\n  \
                      data_files:\n  - split: train\n    path: [train.csv, train_noisy.csv]\n  - split: test\n    \
                      path: test.csv\n---\n# Reviews\n";

/// Forty rows that are right and forty that are not.
fn reviews() -> Hub {
    let rows = |prefix: &str, n: usize, flip: usize| -> Vec<u8> {
        let row =
            |i: usize| -> Row { (((i + flip) % 2).to_string(), format!("{prefix} {i} is {}", ["bad", "good"][i % 2])) };
        tables::csv(&(0..n).map(row).collect::<Vec<_>>())
    };
    let files = vec![
        ("README.md".to_owned(), README.as_bytes().to_vec()),
        ("test.csv".to_owned(), rows("the end", 10, 0)),
        ("train.csv".to_owned(), rows("the film", 40, 0)),
        ("train_noisy.csv".to_owned(), rows("the play", 40, 1)),
    ];
    let mut all = repositories();
    all.push(Repository::new("datasets/acme/reviews", files));
    Hub::start(all)
}

fn run(machine: &Machine, out: &str, dataset: &str, flags: &[&str]) -> Output {
    let out = machine.folder.path().join(out);
    let mut command = machine.command();
    command.args(["run", "--model", MODEL, "--dataset", dataset, "--max-steps", "1", "--max-length", "16", "--json"]);
    command.args(["--out", text(&out)]).args(flags).output().unwrap()
}

fn record(output: &Output) -> Value {
    assert_success(output);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_readme_says_which_files_are_rows_and_a_flag_which_configuration() {
    let hub = reviews();
    let machine = Machine::at(&hub.endpoint);
    let output = run(&machine, "a", REVIEWS, &[]);
    let clean = record(&output);
    assert_eq!(clean["spec"]["dataset"]["rows"]["train"], 40);
    let files = clean["provenance"]["dataset"]["files"].as_array().unwrap();
    let names: Vec<&str> = files.iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["README.md", "test.csv", "train.csv"]);
    let note = "files are those of the configuration clean in README.md";
    assert!(stderr(&output).contains(note), "{}", stderr(&output));

    let noisy = record(&run(&machine, "b", REVIEWS, &["--config", "noisy"]));
    assert_eq!(noisy["spec"]["dataset"]["rows"]["train"], 80);
    let by_name = record(&run(&machine, "c", &format!("{REVIEWS}:noisy"), &[]));
    assert_eq!(by_name["run_id"], noisy["run_id"]);
    let n_requests = hub.log().len();
    assert_eq!(record(&run(&machine, "d", REVIEWS, &["--offline"]))["run_id"], clean["run_id"]);
    assert_eq!(hub.log().len(), n_requests);

    let error = refusal(&run(&machine, "e", REVIEWS, &["--config", "other"]));
    assert!(error.contains("it has no configuration other: README.md names clean, noisy"), "{error}");
    let error = refusal(&run(&machine, "e", &format!("{REVIEWS}:clean"), &["--config", "noisy"]));
    assert!(error.contains("expected one configuration, got both clean and --config noisy"), "{error}");
}
