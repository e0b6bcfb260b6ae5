//! JSON and JSONL.

#![no_main]

use fuzz::table::{self, ANY};
use libfuzzer_sys::fuzz_target;
use shared::dataset::{read_json, read_json_lines};

/// A row takes a hundred bytes beside its text, and an input has a few thousand at most.
const MAX_MIB: usize = 64;

fn read(bytes: &[u8]) {
    match bytes {
        [b'l', choice, rest @ ..] => table::read(read_json_lines, rest, &table::choice(*choice)),
        [b'a', choice, rest @ ..] => table::read(read_json, rest, &table::choice(*choice)),
        _ => {}
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let objects: [&str; 16] = [
        r#"{"text": "a", "label": 1}"#,
        r#"{"text": "b", "label": "pos"}"#,
        r#"{"label": 0.5, "text": "c"}"#,
        r#"{"text": "d", "label": null}"#,
        r#"{"text": null, "label": 1}"#,
        r#"{"text": 7, "label": 18446744073709551615}"#,
        r#"{"text": 0.25, "label": -1}"#,
        r#"{"text": ["e"], "label": {"x": [1, {}]}}"#,
        r#"{"text": "f", "label": true}"#,
        r#"{"text": "g", "text": "h", "label": 1}"#,
        r#"{"label": 1}"#,
        r#"{"text": "\ud83d\ude00\n", "label": " 1 "}"#,
        r#"{"premise": "a", "hypothesis": "b", "label": 2}"#,
        r#"{"title": "a", "content": "", "label": "neg"}"#,
        r#"{"a": "x", "b": "y", "label": 1e300}"#,
        r#"{"text": "\u0000", "label": ""}"#,
    ];
    let others = ["7", "-7", "1.5", "true", "null", "\"x\"", "[1, [2]]", "{", "[", "{\"text\": \"a\", \"label\": 1} x"];
    let mut texts = vec![objects.join("\n"), format!("[{}]", objects.join(",\n")), "[]".to_owned(), String::new()];
    for object in objects {
        texts.push(format!("{object}\n\r\n{object}\n{}\n", objects[0]));
        texts.push(format!("\u{FEFF} [{object}, {}]", objects[0]));
    }
    for other in others {
        texts.push(format!("{other}\n{}\n{other}\n", objects[0]));
        texts.push(format!("[{}, {other}]", objects[1]));
    }
    let mut seeds = Vec::new();
    for text in &texts {
        seeds.extend([b'l', b'a'].map(|kind| [&[kind, ANY], text.as_bytes()].concat()));
    }
    for choice in [ANY | 1 << 3 | 1 << 5, ANY | 2 << 3, ANY | 3 << 3, ANY | 3 << 3 | 2 << 5] {
        seeds.extend(texts[..2].iter().map(|text| [b"l", &[choice][..], text.as_bytes()].concat()));
    }
    seeds.push(b"l\x07{\"\xFF\": 1}\n{\"text\": \"a\", \"label\": 1}".to_vec());
    seeds.push(b"a\x07[\n\xFF]".to_vec());
    seeds
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || read(b"l\x07{\"text\": \"a\", \"label\": 1}")),
    |bytes: &[u8]| read(bytes)
);
