//! Every mistake is shown at its character, with what was expected.

use super::super::{Anatomy, ApplyError, Plan, PlanError, Selection};
use super::Model;
use crate::model::Architecture;

const SIX: Anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 6, n_heads: 12 };

/// The message, and what the caret points at.
fn mistake(input: &str) -> (String, String) {
    let error = Plan::parse(input).and_then(|plan| plan.validate(SIX)).expect_err(input);
    assert_eq!(error.input, input);
    (error.message, input[error.position..].to_owned())
}

fn assert_mistake(input: &str, rest: &str, message: &str) {
    assert_eq!(mistake(input), (message.to_owned(), rest.to_owned()), "{input}");
}

#[test]
fn an_error_shows_the_plan_with_a_caret() {
    let error = Plan::parse("kaiming@bottom:0.5;zero:0.1@topp:0.5").unwrap_err();
    let shown = concat!(
        "unknown selection \"topp\": expected all, none, alternate, bottom:x, top:x, layers:n-n, embeddings, pooler or classifier\n",
        "  kaiming@bottom:0.5;zero:0.1@topp:0.5\n",
        "                              ^",
    );
    assert_eq!(error.to_string(), shown);
    // A caret counts characters, not bytes, and a line break does not break the line.
    let error = Plan::parse("zero:0.1@\nall,é").unwrap_err();
    assert!(error.to_string().ends_with("found \"é\"\n  zero:0.1@ all,é\n                ^"), "{error}");
}

#[test]
fn unknown_words_list_the_known_ones() {
    let schemes =
        "kaiming, kaiming-linear, normal, gaussian, zero, shuffle, signflip, bitflip, quantize, permute, skip or flip";
    assert_mistake("kaimng@all", "kaimng@all", &format!("unknown scheme \"kaimng\": expected {schemes}"));
    assert_mistake("", "", &format!("expected a scheme: {schemes}, found the end"));
    assert_mistake("kaiming@all;", "", &format!("expected a scheme: {schemes}, found the end"));
    assert_mistake(
        "bitflip:1e-6,sgn@all",
        "sgn@all",
        "unknown bit field \"sgn\": expected sign, exponent, mantissa or bit0 to bit31",
    );
    assert_mistake(
        "bitflip:1e-6,bit32@all",
        "bit32@all",
        "unknown bit field \"bit32\": expected sign, exponent, mantissa or bit0 to bit31",
    );
    let components = "attention, attention.query, attention.key, attention.value, attention.output, \
        attention.head:n-n, ffn, ffn.in, ffn.out, layernorm, layernorm.attention, layernorm.ffn, word, position, type, \
        weight or bias";
    assert_mistake("zero:1@all/fnn", "fnn", &format!("unknown component \"fnn\": expected {components}"));
    assert_mistake(
        "zero:1@all/attention.kye",
        "kye",
        "expected query, key, value, output, head:n-n, weight or bias after attention.",
    );
    assert_mistake("zero:1@all/ffn.", "", "expected in, out, weight or bias after ffn.");
}

#[test]
fn missing_and_superfluous_pieces_are_named() {
    assert_mistake("kaiming", "", "expected \"@\" and a selection, such as @bottom:0.5, found the end");
    assert_mistake("kaiming:0.5@all", "0.5@all", "kaiming takes no value");
    assert_mistake("zero@all", "@all", "expected \":\" and a fraction of the values, such as zero:0.1, found \"@\"");
    assert_mistake("quantize@all", "@all", "expected \":\" and a number of bits, such as quantize:8, found \"@\"");
    assert_mistake("zero:x@all", "x@all", "expected a fraction of the values from 0 to 1, found \"x\"");
    assert_mistake("zero:-0.1@all", "-0.1@all", "expected a fraction of the values from 0 to 1, found \"-0\"");
    assert_mistake(
        "kaiming@bottom",
        "",
        "expected \":\" and how many layers, such as bottom:0.5 or bottom:2L, found the end",
    );
    assert_mistake("kaiming@all top:1", "top:1", "expected \",\", \"/\", \";\" or the end, found \"top\"");
    assert_mistake(
        "kaiming@layers:1,2",
        "2",
        "expected all, none, alternate, bottom:x, top:x, layers:n-n, embeddings, pooler or classifier, found \"2\"",
    );
}

#[test]
fn numbers_out_of_range_are_errors() {
    assert_mistake("zero:1.5@all", "1.5@all", "a fraction of the values is at most 1, got 1.5");
    assert_mistake("zero: 150%@all", "150%@all", "a fraction of the values is at most 1, got 1.5");
    assert_mistake("bitflip:2@all", "2@all", "a rate of bit flips is at most 1, got 2");
    assert_mistake("quantize:0@all", "0@all", "quantize takes 1 to 16 bits, got 0");
    assert_mistake("quantize:17@all", "17@all", "quantize takes 1 to 16 bits, got 17");
    assert_mistake("gaussian:1e999@all", "1e999@all", "too large for a relative standard deviation");
    assert_mistake("normal:1e39@all", "1e39@all", "1e39 is too large for a standard deviation");
    assert_mistake("kaiming@bottom:1.5", "1.5", "a fraction of the layers is at most 1, got 1.5");
    assert_mistake("kaiming@top:3", "3", "a fraction of the layers is at most 1, got 3; 3 whole layers are 3L");
    assert_mistake("kaiming@top:1.5L", "1.5L", "expected whole layers, such as 2L");
    assert_mistake("kaiming@layers:4-2", "4-2", "the range 4-2 is reversed: expected 2-4");
    assert_mistake(
        "kaiming@layers:99999999999999999999",
        "99999999999999999999",
        "99999999999999999999 is too large for a layer",
    );
}

#[test]
fn what_the_model_has_not_got_is_an_error() {
    assert_mistake("kaiming@layers:9", "9", "layer 9 is out of range: the model has layers 0 to 5");
    assert_mistake("kaiming@layers:0-2.4-6.5", "4-6.5", "layer 6 is out of range: the model has layers 0 to 5");
    assert_mistake("kaiming@all;zero:1@bottom:7L", "7L", "7 layers are out of range: the model has 6");
    assert_mistake("kaiming@all/attention.head:20", "20", "head 20 is out of range: the model has heads 0 to 11");
    assert_mistake("kaiming@all,not-layers:6", "6", "layer 6 is out of range: the model has layers 0 to 5");
}

#[test]
fn permute_needs_whole_layers_and_at_least_two() {
    assert_mistake(
        "zero:1@all; permute@top:1L",
        "permute@top:1L",
        "permute needs at least two layers to swap, but only one is selected",
    );
    assert_mistake("permute@all,pooler", "pooler", "permute swaps encoder layers, and pooler is not one");
    assert_mistake("permute@all/attention.head:0", "0", "permute swaps whole tensors between layers, not single heads");
    assert_eq!(Plan::parse("permute@bottom:0").unwrap().validate(SIX), Ok(()));
}

#[test]
fn one_bit_is_of_one_weight_of_one_tensor() {
    let flip = "flip changes one weight of one tensor, and";
    assert_mistake(
        "zero:1@all;flip:3.17,bit30@layers:0/attention",
        "flip:3.17,bit30@layers:0/attention",
        &format!(
            "{flip} 4 are selected: expected layers:0/attention.query, layers:0/attention.key, \
             layers:0/attention.value or layers:0/attention.output"
        ),
    );
    let (message, _) = mistake("flip:3.17,bit30@all");
    assert!(message.ends_with("layers:0/attention.output or 32 more"), "{message}");
    assert_mistake(
        "flip:3,bit30@layers:0/layernorm.ffn",
        "flip:3,bit30@layers:0/layernorm.ffn",
        &format!("{flip} 2 are selected: expected layers:0/layernorm.ffn.weight or layers:0/layernorm.ffn.bias"),
    );
    assert_mistake(
        "flip:3.17,bit30@layers:0/attention.query.bias",
        "flip:3.17,bit30@layers:0/attention.query.bias",
        "[3, 17] is a row and a column, and a vector takes one number, such as flip:3,bit30: selected is \
         layers:0/attention.query",
    );
    assert_mistake(
        "flip:3,bit30@embeddings/word",
        "flip:3,bit30@embeddings/word",
        "[3] is one number, and a matrix takes a row and a column, such as flip:3.17,bit30: selected is embeddings/word",
    );
    assert_mistake("flip:0,bit1@none", "flip:0,bit1@none", &format!("{flip} no tensor is selected"));
}

#[test]
fn a_flip_without_its_place_or_bit_is_an_error() {
    assert_mistake(
        "flip@pooler",
        "@pooler",
        "expected \":\" with a row, a column and a bit, such as flip:3.17,bit30, found \"@\"",
    );
    assert_mistake("flip:3.17@pooler", "@pooler", "expected \",\" and a bit, such as flip:3.17,bit30, found \"@\"");
    assert_mistake("flip:3.,bit1@pooler", ",bit1@pooler", "expected the column of a weight, found \",\"");
    assert_mistake("flip:3.17,sign@pooler", "sign@pooler", "flip changes one bit: expected bit0 to bit31, got sign");
    assert_mistake(
        "flip:3.17,bit32@pooler",
        "bit32@pooler",
        "unknown bit field \"bit32\": expected sign, exponent, mantissa or bit0 to bit31",
    );
}

#[test]
fn a_flip_beyond_a_tensor_names_the_shape() {
    let config = crate::model::ModelConfig::from_json(
        br#"{"model_type": "bert", "vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 8, "max_position_embeddings": 6, "num_labels": 2}"#,
    )
    .unwrap();
    let resolve = |plan: &str| Plan::parse(plan).unwrap().resolve_for(&config).map(|_| ());
    let error = resolve("zero:1@all; flip:9.3,bit0@embeddings/word").unwrap_err();
    assert_eq!(error.position, 12);
    assert_eq!(error.message, "[9, 3] is out of range: bert.embeddings.word_embeddings.weight has the shape [9, 4]");
    assert!(resolve("flip:0.8,bit0@layers:0/ffn.out").unwrap_err().message.ends_with("has the shape [4, 8]"));
    assert!(resolve("flip:2,bit0@classifier").unwrap_err().message.ends_with("classifier.bias has the shape [2]"));
    for plan in ["flip:8.3,bit0@embeddings/word", "flip:5.3,bit31@embeddings/position", "flip:1,bit0@classifier"] {
        assert_eq!(resolve(plan), Ok(()), "{plan}");
    }
    // Without the config it is found before anything is changed.
    let mut model = Model::new(2);
    let before = model.all_bits();
    let error = model.try_apply("zero:1@all;flip:12.0,bit30@layers:1/attention.query", 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bert.encoder.layer.1.attention.self.query.weight of shape [12, 12]: expected a shape that has the place [12, 0]"
    );
    assert_eq!(model.all_bits(), before);
}

#[test]
fn skip_deletes_whole_layers_once_and_not_all_of_them() {
    assert_mistake("skip@top:1L,pooler", "pooler", "skip deletes encoder layers, and pooler is not one");
    assert_mistake(
        "zero:1@all; skip@ layers:2 /ffn",
        "/ffn",
        "skip deletes whole layers, not components of them; zero:1 empties a component",
    );
    assert_mistake("skip:1@all", "1@all", "skip takes no value");
    let all = "skip would delete all 6 layers: one at least must stay";
    assert_mistake("skip@all", "skip@all", all);
    assert_mistake("skip@bottom:0.5;skip@top:0.5", "skip@top:0.5", all);
    assert_mistake(
        "skip@layers:2;zero:1@layers:2/ffn",
        "zero:1@layers:2/ffn",
        "layer 2 is deleted by an earlier step, and nothing else is selected",
    );
    assert_mistake(
        "skip@layers:2-3;skip@layers:2-3",
        "skip@layers:2-3",
        "layers 2 and 3 are deleted by an earlier step, and nothing else is selected",
    );
    assert_mistake(
        "skip@layers:2;permute@layers:2-3",
        "permute@layers:2-3",
        "permute needs at least two layers to swap, but only one is selected",
    );
}

#[test]
fn components_of_layers_need_a_layer() {
    assert_mistake(
        "kaiming@embeddings/ffn",
        "ffn",
        "only encoder layers have these components, but no layer is selected: expected layernorm, weight or bias",
    );
    // `none` beside another place is no layer either: the plan is the same without it (found by fuzzing).
    assert_mistake(
        "kaiming@pooler,none/attention",
        "attention",
        "only encoder layers have these components, but no layer is selected: expected layernorm, weight or bias",
    );
    let tables = "only the embeddings have these components, but they are not selected: expected embeddings/word, \
                  embeddings/position or embeddings/type";
    assert_mistake("kaiming@all/word", "word", tables);
    assert_mistake("kaiming@all,not-embeddings/type", "type", tables);
    for plan in ["kaiming@embeddings,top:0/ffn", "kaiming@none/attention", "kaiming@none,not-layers:1/attention"] {
        assert_eq!(Plan::parse(plan).unwrap().validate(SIX), Ok(()), "{plan}");
    }
}

#[test]
fn a_selection_to_freeze_holds_whole_tensors() {
    let error = Selection::parse("all/attention.head:0").unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.position),
        ("single heads are only parts of tensors; expected whole tensors", 19)
    );
    let error = Selection::parse("all;all").unwrap_err();
    assert_eq!((error.message.as_str(), error.position), ("expected \",\", \"/\" or the end, found \";\"", 3));
}

#[test]
fn errors_survive_json() {
    let error = Plan::parse("kaiming@bottom:2").unwrap_err();
    let json = serde_json::to_string(&error).unwrap();
    assert_eq!(serde_json::from_str::<PlanError>(&json).unwrap(), error);
    let error = serde_json::from_str::<Plan>("\"kaiming@bottom:2\"").unwrap_err();
    assert!(error.to_string().contains("2 whole layers are 2L"), "{error}");
}

#[test]
fn tensors_that_do_not_fit_are_errors_and_nothing_is_changed() {
    let refused = |change: &dyn Fn(&mut Model), plan: &str| {
        let mut model = Model::new(2);
        change(&mut model);
        let before = model.all_bits();
        let error = model.try_apply(plan, 1).unwrap_err();
        assert_eq!(model.all_bits(), before);
        error.to_string()
    };
    let query = "bert.encoder.layer.0.attention.self.query.weight";
    let at = |model: &Model| model.tensors.iter().position(|(path, _, _)| path.to_string() == query).unwrap();
    assert_eq!(
        refused(&|model| drop(model.tensors.remove(at(model))), "zero:1@all"),
        format!("the plan selects {query}, which was not given")
    );
    assert_eq!(
        refused(&|model| model.tensors.push(model.tensors[at(model)].clone()), "zero:1@all"),
        format!("{query} was given twice")
    );
    let reshaped = |model: &mut Model| {
        let at = at(model);
        model.tensors[at].1 = vec![7, 7];
    };
    assert_eq!(
        refused(&reshaped, "kaiming@pooler;zero:1@all"),
        format!("{query} of shape [7, 7]: expected the shape of 144 values")
    );
    assert_eq!(
        refused(&|model| model.anatomy.n_heads = 5, "zero:1@pooler;zero:1@all/attention.head:4"),
        format!("{query} of shape [12, 12]: expected dimension 0 to be a multiple of 5 heads")
    );
    let flattened = |model: &mut Model| {
        let at = at(model);
        model.tensors[at].1 = vec![6, 24];
    };
    assert_eq!(
        refused(&flattened, "zero:1@all;permute@all"),
        "bert.encoder.layer.1.attention.self.query.weight of shape [12, 12]: expected [6, 24], the shape of \
         bert.encoder.layer.0.attention.self.query.weight"
    );
    assert!(matches!(Model::new(2).try_apply("zero:1@layers:2", 1), Err(ApplyError::Plan(_))));
}
