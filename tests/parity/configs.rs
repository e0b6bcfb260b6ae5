//! `config.json` as transformers 5.24 reads it, or a sentence with the way out.

use serde_json::{Value, json};
use shared::model::{Architecture, HeadTask, ModelConfig};

use crate::files::read;

/// Class names with blanks between, and how many notes there are; or the error.
type Names = Result<(String, usize), String>;

/// The tiny BERT's config with a few fields changed; one that is `"-"` is taken out.
fn config(changes: &Value) -> Result<ModelConfig, String> {
    config_of("tiny-bert", changes)
}

fn config_of(model: &str, changes: &Value) -> Result<ModelConfig, String> {
    let mut file: Value = serde_json::from_slice(&read(&format!("{model}/config.json"))).unwrap();
    let file = file.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value == "-" {
            file.remove(name);
        } else {
            file.insert(name.clone(), value.clone());
        }
    }
    ModelConfig::from_json(json!(file).to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn class_names_are_those_that_transformers_makes_of_the_fields() {
    let names = |changes: &Value| config(changes).map(|config| (config.label_names.join(" "), config.notes.len()));
    let read: [(Value, Names); 6] = [
        (json!({"id2label": {"0": 0, "1": 1, "2": 2}, "label2id": "-"}), Ok(("0 1 2".into(), 0))),
        (json!({"id2label": {"00": "a", "1": true}, "label2id": "-"}), Ok(("a True".into(), 0))),
        (json!({"num_labels": 2}), Ok(("LABEL_0 LABEL_1".into(), 1))),
        (json!({"num_labels": 3}), Ok(("negative neutral positive".into(), 0))),
        (json!({"num_labels": null, "id2label": null, "label2id": null}), Ok((String::new(), 0))),
        (json!({"id2label": "-"}), Ok((String::new(), 1))),
    ];
    for (changes, expected) in read {
        assert_eq!(names(&changes), expected, "{changes}");
    }
    for (changes, expected) in [
        (json!({"id2label": {"1": "a", "2": "b"}}), "no name for 0: expected names for 0 to 1"),
        (json!({"id2label": {"0": null, "1": "b"}}), "id2label calls 0 null"),
    ] {
        let said = names(&changes).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_config_without_model_type_is_known_by_its_other_fields_and_that_is_said() {
    let first_bert = json!({"attention_probs_dropout_prob": 0.1, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "hidden_size": 32, "initializer_range": 0.02, "intermediate_size": 64, "max_position_embeddings": 48,
        "num_attention_heads": 4, "num_hidden_layers": 2, "type_vocab_size": 2, "vocab_size": 233});
    let opened = ModelConfig::from_json(first_bert.to_string().as_bytes()).unwrap();
    assert_eq!(opened.architecture, Architecture::Bert);
    assert!(
        opened.notes[0].contains("no model_type") && opened.notes[0].contains("its other fields"),
        "{:?}",
        opened.notes
    );
    // What is written says it.
    let written: Value = serde_json::from_slice(&opened.to_json()).unwrap();
    assert_eq!(written["model_type"], "bert");

    for (model, architecture) in [("tiny-bert", Architecture::Bert), ("tiny-distilbert", Architecture::DistilBert)] {
        for changes in [json!({"model_type": "-"}), json!({"model_type": null, "architectures": null})] {
            let opened = config_of(model, &changes).unwrap();
            assert_eq!((opened.architecture, opened.notes.len()), (architecture, 1), "{:?}", opened.notes);
        }
    }
    for changes in [
        json!({"model_type": "-", "architectures": ["RobertaForSequenceClassification"]}),
        json!({"model_type": "-", "architectures": "-", "embedding_size": 16}),
        json!({"model_type": "-", "architectures": "-", "pad_token_id": 1}),
        json!({"model_type": "-", "architectures": "-", "num_attention_heads": "-"}),
    ] {
        let said = config(&changes).unwrap_err();
        assert!(said.contains("model_type is missing") && said.contains("\"bert\" or \"distilbert\""), "{said}");
    }
}

#[test]
fn null_stands_for_the_default() {
    let plain = config(&json!({})).unwrap();
    let changed = config(
        &json!({"layer_norm_eps": null, "hidden_dropout_prob": null, "attention_probs_dropout_prob": null,
        "hidden_act": null, "initializer_range": null, "pad_token_id": null, "type_vocab_size": null, "is_decoder": null,
        "problem_type": null, "architectures": null, "quantization_config": null, "auto_map": null, "bert_heal": null}),
    );
    let changed = changed.unwrap();
    assert_eq!((changed.layer_norm_eps, changed.hidden_dropout), (plain.layer_norm_eps, plain.hidden_dropout));
    assert_eq!((changed.type_vocab_size, changed.head_task, changed.notes), (2, HeadTask::SingleLabel, Vec::new()));
    assert!(config(&json!({"vocab_size": null})).unwrap_err().contains("field vocab_size is missing"));
}

#[test]
fn what_the_head_answers_is_read_from_architectures_and_problem_type() {
    let task = |changes: &Value| config(changes).map(|config| config.head_task);
    for (changes, expected) in [
        (json!({}), HeadTask::SingleLabel),
        (json!({"problem_type": "multi_label_classification"}), HeadTask::MultiLabel),
        (json!({"problem_type": "regression"}), HeadTask::Regression),
        (json!({"id2label": {"0": "score"}, "label2id": {"score": 0}}), HeadTask::Regression),
        (json!({"id2label": "-", "num_labels": 1}), HeadTask::Regression),
        (json!({"architectures": ["BertForTokenClassification"]}), HeadTask::TokenLabels),
        (json!({"architectures": ["TFBertForTokenClassification"]}), HeadTask::TokenLabels),
        (json!({"architectures": ["BertForQuestionAnswering"]}), HeadTask::AnswerSpan),
        (json!({"architectures": ["BertForMultipleChoice"]}), HeadTask::MultipleChoice),
        (json!({"architectures": ["BertForMultiLabelSequenceClassification"]}), HeadTask::MultiLabel),
        (json!({"architectures": ["BertForMaskedLM"]}), HeadTask::SingleLabel),
    ] {
        assert_eq!(task(&changes), Ok(expected), "{changes}");
    }
    let unknown = config(&json!({"architectures": ["SentimentModel2"]})).unwrap();
    assert!(unknown.notes[0].contains("SentimentModel2, which is not known here"), "{:?}", unknown.notes);
    for (changes, expected) in [
        (json!({"problem_type": "ranking"}), "problem_type is \"ranking\", expected"),
        (json!({"problem_type": "single_label_classification", "id2label": {"0": "x"}}), "which is no choice"),
        (json!({"is_decoder": true}), "is_decoder is true"),
        (json!({"quantization_config": {"bits": 4}}), "quantised weights are not read here"),
    ] {
        let said = task(&changes).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
    let own_code = config(&json!({"auto_map": {"AutoModel": "modeling.Model"}})).unwrap();
    assert!(own_code.notes[0].contains("auto_map"), "{:?}", own_code.notes);
}

/// Of a model that was not retrained the file keeps what it says of the head.
#[test]
fn a_config_that_is_written_keeps_what_another_head_is_for() {
    let multi = config(&json!({"problem_type": "multi_label_classification", "architectures": ["BertForX"]}));
    let multi = multi.unwrap();
    let written: Value = serde_json::from_slice(&multi.to_json()).unwrap();
    assert_eq!(
        (&written["problem_type"], &written["architectures"][0]),
        (&json!("multi_label_classification"), &json!("BertForX"))
    );
    let retrained: Value =
        serde_json::from_slice(&multi.with_new_head(vec!["a".into(), "b".into()]).to_json()).unwrap();
    assert_eq!(retrained["problem_type"], "single_label_classification");
    assert_eq!(retrained["architectures"][0], "BertForSequenceClassification");
}
