//! What checkpoints tell of themselves: a damaged model must not pass for a healthy one.

use shared::Condition;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use shared::card::{MadeBy, card};
use shared::checkpoint::{HISTORY_KEY, History};
use shared::model::{ModelConfig, shape_config};
use shared::record::Protocol;

use crate::bert_heal;
use crate::fixture::{copy_of_model, dataset, edit_json, read_json, refused, run_words, text, tiny_model};
use crate::schemas::record;

fn config() -> ModelConfig {
    shape_config("distilbert").unwrap().with_labels(vec!["no".into(), "yes".into()])
}

fn card_of(condition: Condition) -> String {
    let record = record();
    card(
        &config().with_history(History::default().after_run(&record.spec, condition)),
        Some(MadeBy { record: &record, place: condition }),
    )
}

#[test]
fn card_of_a_healed_model() {
    insta::assert_snapshot!(card_of(Condition::Healed));
}

#[test]
fn card_of_a_corrupted_model() {
    insta::assert_snapshot!(card_of(Condition::Corrupted));
}

#[test]
fn card_of_a_healthy_model() {
    insta::assert_snapshot!(card_of(Condition::Healthy));
}

#[test]
fn card_of_a_model_without_history() {
    insta::assert_snapshot!(card(&config(), None));
}

#[test]
fn the_card_tells_when_the_damage_was_done() {
    let mut record = record();
    record.spec.protocol = Protocol::Finetuned;
    let history = History::default().after_run(&record.spec, Condition::Healed);
    let card = card(&config().with_history(history), Some(MadeBy { record: &record, place: Condition::Healed }));
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at("2. Fine-tuned on trec6") < at("3. **Corrupted** by the plan `kaiming@bottom:0.5` with seed 0"));
    assert!(at("3. **Corrupted**") < at("4. Fine-tuned on trec6"));
}

/// What a checkpoint's config, weights and card say.
fn told(folder: &Path) -> (Value, Value, String) {
    let config = read_json(&folder.join("config.json"));
    let weights = fs::read(folder.join("model.safetensors")).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&weights).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata["format"], "pt");
    let in_weights = metadata.get(HISTORY_KEY).map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    (config[HISTORY_KEY].clone(), in_weights, fs::read_to_string(folder.join("README.md")).unwrap())
}

fn stderr(args: &[&str]) -> String {
    let output = bert_heal().args(args).write_stdin("the film\n").assert().success();
    String::from_utf8(output.get_output().stderr.clone()).unwrap()
}

#[test]
fn the_models_of_a_run_and_their_exports_tell_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model, run) = (dataset(folder.path(), 60, 30), tiny_model(), folder.path().join("run"));
    let more = "--max-steps 2 --max-length 32 --corrupt kaiming@bottom:0.5 --seed 9";
    bert_heal().args(run_words(&model, &data, &run, more)).assert().success();
    for which in ["healthy", "corrupted", "healed"] {
        let checkpoint = run.join("checkpoint").join(which);
        let (config, weights, card) = told(&checkpoint);
        assert_eq!(config["condition"], which);
        assert_eq!(config, weights, "{which}");
        assert_eq!(card.contains("Warning"), which != "healthy", "{card}");
        assert!(card.contains(&format!("**{which} (this one)**")), "{card}");

        let exported = folder.path().join(which);
        stderr(&["export", "--model", text(&run), "--which", which, "--for", "hub", "--out", text(&exported)]);
        assert_eq!(told(&exported), (config, weights, card), "{which}");

        let said = stderr(&["predict", "--model", text(&checkpoint), "--max-length", "32"]);
        assert_eq!(said.contains("damaged on purpose (kaiming@bottom:0.5, seed 9)"), which != "healthy", "{said}");
        let inspected = stderr(&["inspect", text(&checkpoint), "--max-length", "32"]);
        assert_eq!(inspected.contains("damaged on purpose"), which != "healthy", "{inspected}");
    }
}

#[test]
fn damage_is_told_on_through_every_later_treatment_and_from_the_weights_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (model, broken) = (tiny_model(), folder.path().join("broken"));
    let corrupt = |model: &Path, out: &Path| {
        let plan = ["--corrupt", "zero:50%@top:1L", "--seed", "5"];
        bert_heal().args(["corrupt", "--model", text(model), "--out", text(out)]).args(plan).assert().success();
    };
    corrupt(&model, &broken);
    let (config, weights, card) = told(&broken);
    let damage = json!({"treatment": "corrupted", "plan": "zero:0.5@top:1L", "seed": 5});
    assert_eq!((&config["history"], &config), (&json!([damage]), &weights));
    assert!(card.contains("plan `zero:0.5@top:1L` with seed 5: Set 50 % of the values to zero"), "{card}");

    // Somebody replaces the config by a clean one: the weights still tell.
    fs::copy(model.join("config.json"), broken.join("config.json")).unwrap();
    let twice = folder.path().join("twice");
    corrupt(&broken, &twice);
    assert_eq!(told(&twice).0["history"], json!([damage, damage]));

    // A run that starts from it does not make a healthy model of it.
    let (data, run) = (dataset(folder.path(), 60, 30), folder.path().join("run"));
    let said = stderr(&run_words(&broken, &data, &run, "--max-steps 2 --max-length 32"));
    assert!(said.contains("damaged on purpose"));
    let (config, _, card) = told(&run.join("checkpoint/healthy"));
    assert_eq!((&config["condition"], &config["history"][0]), (&json!("healed"), &damage));
    assert!(card.contains("Warning"), "{card}");
}

#[test]
fn an_export_of_weights_that_are_not_the_runs_states_no_results() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model, run) = (dataset(folder.path(), 60, 30), tiny_model(), folder.path().join("run"));
    bert_heal().args(run_words(&model, &data, &run, "--max-steps 1 --max-length 32")).assert().success();
    fs::copy(model.join("model.safetensors"), run.join("checkpoint/healthy/model.safetensors")).unwrap();
    let exported = folder.path().join("exported");
    let said = stderr(&["export", "--model", text(&run), "--for", "hub", "--out", text(&exported)]);
    assert!(said.contains("do not match the record"), "{said}");
    assert!(told(&exported).2.contains("## Results\nUnknown"));
}

#[test]
fn a_marker_that_cannot_be_read_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    edit_json(&model.join("config.json"), |config| config[HISTORY_KEY] = json!({"history": "none"}));
    let said = refused(&["inspect", text(&model), "--max-length", "32"]);
    assert!(said.contains("config.json: bert_heal is"), "{said}");
}
