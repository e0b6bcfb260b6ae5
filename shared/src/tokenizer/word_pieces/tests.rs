//! The page's tokenizer gives the ids of the general one, on texts that were written to be hard and on any others.

// What it is compared with is native.
#![cfg(not(target_arch = "wasm32"))]

use super::super::general::General;
use super::*;
use proptest::prelude::*;
use serde_json::json;

const FILES: [&[u8]; 2] = [
    include_bytes!("../../../../tests/golden/tiny-bert/tokenizer.json"),
    include_bytes!("../../../../tests/golden/tiny-distilbert/tokenizer.json"),
];

/// The file with each setting of BERT's normaliser.
fn variants(file: &[u8]) -> Vec<Vec<u8>> {
    let file: Value = serde_json::from_slice(file).unwrap();
    let mut variants = Vec::new();
    for (clean_text, chinese, lowercase) in
        [(true, true, true), (true, true, false), (true, false, true), (false, true, true), (false, false, false)]
    {
        for strip_accents in [Value::Null, true.into(), false.into()] {
            let mut file = file.clone();
            file["normalizer"] = json!({"type": "BertNormalizer", "clean_text": clean_text,
                "handle_chinese_chars": chinese, "lowercase": lowercase, "strip_accents": strip_accents});
            variants.push(file.to_string().into_bytes());
        }
    }
    variants
}

fn assert_same(file: &[u8], texts: &[&str], max_length: usize) {
    let (ours, general) = (WordPieces::from_json(file).unwrap(), General::from_json(file).unwrap());
    let single = texts.iter().map(|text| Input::from(*text));
    let pairs = texts.iter().zip(texts.iter().rev()).filter(|_| max_length >= 5);
    let inputs: Vec<Input<'_>> =
        single.chain(pairs.map(|(text, text_pair)| Input { text, text_pair: Some(text_pair) })).collect();
    for side in [TruncationSide::Left, TruncationSide::Right] {
        let (ours, general) = (ours.encode(&inputs, max_length, side), general.encode(&inputs, max_length, side));
        assert_eq!(ours.unwrap(), general.unwrap(), "{texts:?}");
    }
}

const HARD: [&str; 14] = [
    "",
    "   \t\n\u{a0}\u{2003}",
    "The café isn't naïve — it's “déjà vu”!",
    "[SEP] inside [MASK], [CLS][SEP], [sep], [UNK]ed and [PA[PAD]D]",
    "你好world 東京 🎉🎉 e\u{301} \u{fffd}\u{0}x",
    "İstanbul ǅ ß ﬁ ½ ①",
    "a\u{200b}b\u{ad}c\u{feff}d\u{202e}e",
    "##ing un##able ## #",
    "नमस्ते مرحبا שלום สวัสดี",
    "한국어 각 ㄱ",
    "https://example.org/a_b?c=d&e=%20f#g",
    "$1,000.50 + 3% ~ `code` ^^ |x| <tag>",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{e000} \u{10ffff}",
    "supercalifragilisticexpialidociouspneumonoultramicroscopicsilicovolcanoconiosis\
     supercalifragilisticexpialidociouspneumonoultramicroscopicsilicovolcanoconiosis",
];

#[test]
fn hard_texts_have_the_ids_of_the_general_tokenizer_with_every_setting() {
    for file in FILES.iter().flat_map(|file| variants(file)) {
        for max_length in [3, 5, 8, 13, 512] {
            assert_same(&file, &HARD, max_length);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_text_has_the_ids_of_the_general_tokenizer(
        text in prop_oneof![".{0,60}", "\\PC{0,60}", "([a-z]{1,4}| |\\[SEP\\]|\\[MASK|[.,!?'-]|é|漢){0,30}"],
        file in 0..FILES.len(),
    ) {
        for file in variants(FILES[file]) {
            let (ours, general) = (WordPieces::from_json(&file).unwrap(), General::from_json(&file).unwrap());
            let inputs = [Input::from(&*text), Input { text: &text, text_pair: Some("a café") }];
            let side = TruncationSide::Right;
            prop_assert_eq!(ours.encode(&inputs, 512, side).unwrap(), general.encode(&inputs, 512, side).unwrap());
        }
    }
}

#[test]
fn added_tokens_are_found_in_the_text_as_it_is_or_as_it_is_normalised() {
    let mut file: Value = serde_json::from_slice(FILES[0]).unwrap();
    let n = General::from_json(FILES[0]).unwrap().vocab_size();
    let token = |id: usize, content: &str, normalized: bool| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": normalized, "special": false})
    };
    let added = file["added_tokens"].as_array_mut().unwrap();
    let first = n;
    added.extend([token(first, "Käse", true), token(first + 1, "<E1>", false), token(first + 2, "<E1>x", false)]);
    let file = file.to_string().into_bytes();
    let texts = ["kase KÄSE käsebrot", "a<E1>b <e1> <E1>x<E1>", "<E1>", "Käse<E1>"];
    assert_same(&file, &texts, 64);
    let (ours, general) = (WordPieces::from_json(&file).unwrap(), General::from_json(&file).unwrap());
    assert_eq!(ours.vocab_size(), general.vocab_size());
    assert_eq!(ours.last_token(), general.last_token());
    for id in [0, 2, 100, first as u32 + 1, 1 << 20] {
        assert_eq!(ours.id_to_token(id), general.id_to_token(id));
    }
}

#[test]
fn added_tokens_take_the_blanks_around_them_and_ids_are_given_in_their_order() {
    let mut file: Value = serde_json::from_slice(FILES[0]).unwrap();
    let token = |id: usize, content: &str, lstrip: bool, rstrip: bool| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": lstrip, "rstrip": rstrip,
               "normalized": false, "special": false})
    };
    let added = file["added_tokens"].as_array_mut().unwrap();
    // The ids have gaps, which neither keeps.
    added.extend([token(300, "<l>", true, false), token(310, "<r>", false, true), token(305, "<b>", true, true)]);
    let file = file.to_string().into_bytes();
    let texts = ["a  <l>  b", "a  <r>\u{3000}\u{a0} b<r>", "<b>", "  <b>\n<b>\t<l> <r>", "film<b> film <l><r><b>"];
    assert_same(&file, &texts, 64);
}

#[test]
fn both_ways_to_put_tokens_around_a_text_are_read() {
    let mut file: Value = serde_json::from_slice(FILES[0]).unwrap();
    let general = General::from_json(FILES[0]).unwrap();
    let [cls, sep] = ["[CLS]", "[SEP]"].map(|token| general.token_to_id(token).unwrap());
    let special = |token: &str, id: u32| json!({"id": token, "ids": [id], "tokens": [token]});
    let template = json!({"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
        "special_tokens": {"[CLS]": special("[CLS]", cls), "[SEP]": special("[SEP]", sep)}});
    let pair = json!({"type": "BertProcessing", "sep": ["[SEP]", sep], "cls": ["[CLS]", cls]});
    for processor in [template, pair] {
        file["post_processor"] = processor;
        assert_same(file.to_string().as_bytes(), &["a text"], 8);
    }
}

#[test]
fn parts_of_other_tokenizers_are_refused_by_name() {
    let refused = |change: fn(&mut Value)| {
        let mut file: Value = serde_json::from_slice(FILES[0]).unwrap();
        change(&mut file);
        WordPieces::from_json(file.to_string().as_bytes()).unwrap_err().to_string()
    };
    let said = refused(|file| file["normalizer"] = json!({"type": "NFC"}));
    assert!(said.contains("expected normalizer BertNormalizer, got NFC"), "{said}");
    let said = refused(|file| file["pre_tokenizer"] = Value::Null);
    assert!(said.contains("expected pre_tokenizer BertPreTokenizer, got none"), "{said}");
    let said = refused(|file| file["model"]["type"] = "BPE".into());
    assert!(said.contains("expected model WordPiece, got BPE"), "{said}");
    let said = refused(|file| file["post_processor"] = Value::Null);
    assert!(said.contains("post_processor"), "{said}");
    let said = refused(|file| {
        let part = |id: &str, type_id: u32| json!({"Sequence": {"id": id, "type_id": type_id}});
        file["post_processor"]["pair"] = json!([part("A", 0), part("B", 1)]);
        file["post_processor"]["type"] = "TemplateProcessing".into();
    });
    assert!(said.contains("post_processor"), "{said}");
    let said = refused(|file| file["added_tokens"][0]["single_word"] = true.into());
    assert!(said.contains("single_word"), "{said}");
    assert!(WordPieces::from_json(b"[]").is_err() && WordPieces::from_json(b"{").is_err());
}
