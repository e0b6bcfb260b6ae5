//! The files of a model that are not all there, or lie where others would not look, and tokenizers of every kind.

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::bert_heal;
use crate::fixture::{
    command, copy_of_model, edit_json, json as json_of, read_json, refused_with, run_words, text, tiny_model,
};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4665dc\nsize 90868376\n";

/// What is said of a model that is refused.
fn refused(model: &Path) -> String {
    refused_with(&["predict", "--model", text(model)], "the film\n")
}

/// Logits of a text and what is said of the model.
fn predicted(model: &Path, line: &str) -> (Value, String) {
    let output = bert_heal().args(["predict", "--model", text(model), "--json"]).write_stdin(line).assert().success();
    let rows: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    (rows[0]["logits"].clone(), String::from_utf8(output.get_output().stderr.clone()).unwrap())
}

#[test]
fn a_git_lfs_pointer_in_the_place_of_a_file_is_called_so() {
    for file in ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"] {
        let folder = tempfile::tempdir().unwrap();
        let model = copy_of_model(folder.path());
        fs::write(model.join(file), POINTER).unwrap();
        let said = refused(&model);
        assert!(
            said.contains(file) && said.contains("it is a git-lfs pointer") && said.contains("git lfs pull"),
            "{said}"
        );
    }
    for (given, instead) in [("tokenizer.json", "vocab.txt"), ("model.safetensors", "pytorch_model.bin")] {
        let folder = tempfile::tempdir().unwrap();
        let model = copy_of_model(folder.path());
        fs::remove_file(model.join(given)).unwrap();
        fs::write(model.join(instead), POINTER).unwrap();
        let said = refused(&model);
        assert!(said.contains(instead) && said.contains("git lfs pull"), "{said}");
    }
}

#[test]
fn a_token_beyond_the_embeddings_is_refused_before_anything_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    fs::write(model.join("added_tokens.json"), r#"{"[brand]": 233, "covid": 234}"#).unwrap();
    let said = refused(&model);
    assert!(said.contains("token \"covid\" has id 234") && said.contains("only 233 word embeddings"), "{said}");
}

#[test]
fn added_tokens_are_read_and_travel_with_every_copy() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    fs::write(model.join("added_tokens.json"), r#"{"[brand]": 233, "covid": 234}"#).unwrap();
    let path = model.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let name = "bert.embeddings.word_embeddings.weight";
    let more = Tensor::ones((2, 32), candle_core::DType::F32, &Device::Cpu).unwrap();
    tensors.insert(name.to_owned(), Tensor::cat(&[&tensors[name], &more], 0).unwrap());
    candle_core::safetensors::save(&tensors, &path).unwrap();
    edit_json(&model.join("config.json"), |config| config["vocab_size"] = 235.into());

    let (with, _) = predicted(&model, "the covid film\n");
    let (damaged, exported) = (folder.path().join("damaged"), folder.path().join("exported"));
    let plan = "--corrupt zero:0@bottom:0.5 --seed 1";
    bert_heal().args(command("corrupt", &[("--model", &model), ("--out", &damaged)], plan)).assert().success();
    bert_heal().args(["export", "--model", text(&model), "--for", "hub", "--out", text(&exported)]).assert().success();
    for copy in [damaged, exported] {
        assert!(copy.join("added_tokens.json").is_file());
        assert_eq!(predicted(&copy, "the covid film\n").0, with);
    }
    fs::remove_file(model.join("added_tokens.json")).unwrap();
    assert_ne!(predicted(&model, "the covid film\n").0, with);
}

#[test]
fn runs_with_other_added_tokens_are_other_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = crate::fixture::dataset(folder.path(), 30, 30);
    let model = copy_of_model(folder.path());
    let id = |out: &str| {
        let record = json_of(&run_words(&model, &data, &folder.path().join(out), "--max-steps 1 --json"));
        record["spec"]["model"]["tokenizer_sha256"].clone()
    };
    let before = id("a");
    // It is a piece already, so that no embedding is missing; now it is found inside of words.
    fs::write(model.join("added_tokens.json"), r#"{"film": 93}"#).unwrap();
    assert_ne!(id("b"), before);
}

#[test]
fn tokenizers_that_are_not_bert_s_are_refused_by_name() {
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n\u{2581}film\n\u{2581}the\nm\n";
    for (config, vocabulary, expected) in [
        (
            json!({"tokenizer_class": "BertJapaneseTokenizer"}),
            None,
            "BertJapaneseTokenizer, whose words are found by MeCab",
        ),
        (json!({"word_tokenizer_type": "mecab"}), None, "MeCab"),
        (json!({"tokenizer_class": "KoBertTokenizer"}), Some(vocabulary), "KoBertTokenizer, which is none of BERT's"),
        (json!({"tokenizer_class": "PreTrainedTokenizerFast"}), None, "and there is none beside vocab.txt"),
        (json!({}), Some(vocabulary), "pieces of SentencePiece (2 begin with \u{2581}"),
        (json!({"split_special_tokens": true}), None, "split_special_tokens is true, expected false"),
        (json!({"do_lower_case": "yes"}), None, "do_lower_case is \"yes\", expected true or false"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model = copy_of_model(folder.path());
        fs::remove_file(model.join("tokenizer.json")).unwrap();
        fs::write(model.join("tokenizer_config.json"), config.to_string()).unwrap();
        if let Some(vocabulary) = vocabulary {
            fs::write(model.join("vocab.txt"), vocabulary).unwrap();
        }
        let said = refused(&model);
        assert!(said.contains(expected), "{said}");
    }
    // A class by itself is no reason where tokenizer.json says all; that of config.json counts where no other is named.
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    fs::write(model.join("tokenizer_config.json"), r#"{"tokenizer_class": "KoBertTokenizer"}"#).unwrap();
    let (logits, said) = predicted(&model, "the film\n");
    assert_eq!(logits, predicted(&tiny_model(), "the film\n").0);
    assert!(said.contains("KoBertTokenizer, which is not known here: tokenizer.json is taken as it is"), "{said}");
    edit_json(&model.join("config.json"), |config| config["tokenizer_class"] = "BertJapaneseTokenizer".into());
    fs::remove_file(model.join("tokenizer_config.json")).unwrap();
    assert!(refused(&model).contains("config.json: tokenizer_class is BertJapaneseTokenizer"));
}

#[test]
fn null_in_a_tokenizer_s_config_stands_for_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    let nulls = [
        "do_lower_case",
        "strip_accents",
        "tokenize_chinese_chars",
        "tokenizer_class",
        "cls_token",
        "unk_token",
        "additional_special_tokens",
        "added_tokens_decoder",
        "truncation_side",
        "split_special_tokens",
        "never_split",
    ];
    let config: serde_json::Map<String, Value> = nulls.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    fs::write(model.join("tokenizer_config.json"), json!(config).to_string()).unwrap();
    let line = "The Caf\u{e9} was Good\n";
    assert_eq!(predicted(&model, line), predicted(&tiny_model(), line));
}

#[test]
fn padding_and_truncation_of_a_tokenizer_are_kept_and_the_side_that_it_cuts_is_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    let path = model.join("tokenizer.json");
    let mut file = read_json(&path);
    file["truncation"] = json!({"direction": "Left", "max_length": 20, "strategy": "LongestFirst", "stride": 0});
    file["padding"] = json!({"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                             "pad_type_id": 0, "pad_token": "[PAD]"});
    // One that is put right, so that it is written anew.
    file["normalizer"]["lowercase"] = false.into();
    fs::write(&path, file.to_string()).unwrap();
    let cut = |model: &Path, line: &str| {
        let args = ["predict", "--model", text(model), "--max-length", "5", "--json"];
        let output = bert_heal().args(args).write_stdin(line).assert().success().get_output().clone();
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        (rows[0]["logits"].clone(), String::from_utf8(output.stderr).unwrap())
    };
    let (logits, said) = cut(&model, "good good bad sad film\n");
    assert_eq!(logits, cut(&tiny_model(), "bad sad film\n").0);
    assert!(said.contains("lose their beginning"), "{said}");
    let out = folder.path().join("exported");
    bert_heal().args(["export", "--model", text(&model), "--for", "hub", "--out", text(&out)]).assert().success();
    let written = read_json(&out.join("tokenizer.json"));
    assert_eq!((&written["truncation"], &written["padding"]), (&file["truncation"], &file["padding"]));
    assert_eq!(written["normalizer"]["lowercase"], true);
    // What tokenizer_config.json says of the side counts.
    fs::write(model.join("tokenizer_config.json"), r#"{"truncation_side": "right"}"#).unwrap();
    assert_eq!(cut(&model, "good good bad sad film\n").0, cut(&tiny_model(), "good good bad\n").0);
}

#[test]
fn the_transformer_of_a_sentence_transformer_is_opened_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = copy_of_model(folder.path());
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::rename(inner, root.join("0_Transformer")).unwrap();
    fs::write(root.join("config.json"), r#"{"__version__": "0.2.5.1"}"#).unwrap();
    let modules = |path: &str, kind: &str| {
        let kind = format!("sentence_transformers.models.{kind}");
        let parts = json!([{"idx": 0, "name": "0", "path": path, "type": kind}, {"idx": 1, "name": "1", "path": "1_Pooling",
                           "type": "sentence_transformers.models.Pooling"}]);
        fs::write(root.join("modules.json"), parts.to_string()).unwrap();
    };
    modules("0_Transformer", "Transformer");
    let (logits, said) = predicted(&root, "the film\n");
    assert_eq!(logits, predicted(&tiny_model(), "the film\n").0);
    assert!(said.contains("its transformer in 0_Transformer/ is opened"), "{said}");
    modules("0_WordEmbeddings", "WordEmbeddings");
    assert!(refused(&root).contains("its first part is a sentence_transformers.models.WordEmbeddings"));
    modules("../elsewhere", "Transformer");
    assert!(refused(&root).contains("../elsewhere is not the name of a folder"));
}

#[test]
fn names_of_a_wrapped_model_are_read_without_the_wrapper() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy_of_model(folder.path());
    let path = model.join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let wrapped: std::collections::HashMap<String, Tensor> =
        tensors.into_iter().map(|(name, tensor)| (format!("module._orig_mod.{name}"), tensor)).collect();
    candle_core::safetensors::save(&wrapped, &path).unwrap();
    let (logits, said) = predicted(&model, "the film\n");
    assert_eq!(logits, predicted(&tiny_model(), "the film\n").0);
    assert!(said.contains("names begin with module."), "{said}");
}
