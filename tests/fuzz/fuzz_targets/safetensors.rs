//! Safetensors files, indices of their shards, and adapters beside them, from a model's folder to its parameters.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use candle_core::Device;
use fuzz::parts;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use shared::random::Seed;
use trainer::open_model::ModelSource;

/// The file, its header as JSON and the tensors: a few times the longest input.
const MAX_MIB: usize = 64;

/// What the first byte of an input says of the rest.
const KINDS: [u8; 5] = *b"fhsia";

/// A model's folder for each of [`KINDS`].
static FOLDERS: OnceLock<[(PathBuf, ModelSource); 5]> = OnceLock::new();

fn folder_of(kind: u8) -> Option<&'static (PathBuf, ModelSource)> {
    let folders = FOLDERS.get_or_init(|| {
        let [file, header, shapes, index, adapter] = ["file", "header", "shapes", "index", "adapter"].map(fuzz::tiny_model::opened);
        for name in ["first.safetensors", "second.bin"] {
            fuzz::write(&index.0.join(name), &fuzz::tiny_model::weights());
        }
        fuzz::write(&adapter.0.join("model.safetensors"), &fuzz::tiny_model::weights());
        [file, header, shapes, index, adapter]
    });
    KINDS.iter().position(|known| *known == kind).map(|at| &folders[at])
}

fn read(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Some((folder, model)) = folder_of(*kind) else { return };
    match kind {
        // A whole file.
        b'f' => fuzz::write(&folder.join("model.safetensors"), rest),
        // A header and, behind a NUL, numbers; the file around them is valid.
        b'h' => {
            let (header, data) = parts::at_nul(rest);
            fuzz::write(&folder.join("model.safetensors"), &parts::safetensors(header, data));
        }
        // The type and the shape of one tensor of a file that is laid out accordingly.
        b's' => fuzz::write(&folder.join("model.safetensors"), &one_changed(rest)),
        // An index of shards.
        b'i' => fuzz::write(&folder.join("model.safetensors.index.json"), rest),
        // The config of an adapter, the header of its weights, and numbers.
        _ => {
            let (config, rest) = parts::at_nul(rest);
            let (header, data) = parts::at_nul(rest);
            fuzz::write(&folder.join("adapter_config.json"), config);
            fuzz::write(&folder.join("adapter_model.safetensors"), &parts::safetensors(header, data));
        }
    }
    let _ = model.load(None, Seed(0), &Device::Cpu);
}

/// The tiny model's weights, of which one tensor has another type and shape: its place, its type, how many sizes, and these.
fn one_changed(bytes: &[u8]) -> Vec<u8> {
    const TYPES: [&str; 6] = ["F32", "F16", "BF16", "F64", "I64", "U8"];
    let (mut header, data) = split();
    let mut bytes = bytes.iter().map(|byte| usize::from(*byte));
    let mut next = || bytes.next().unwrap_or_default();
    if let Some(tensors) = header.as_object_mut().filter(|tensors| !tensors.is_empty()) {
        let (place, dtype, n_sizes) = (next() % tensors.len(), TYPES[next() % TYPES.len()], next() % 4);
        let shape: Vec<usize> = (0..n_sizes).map(|_| next()).collect();
        if let Some(tensor) = tensors.values_mut().nth(place) {
            *tensor = json!({"dtype": dtype, "shape": shape});
        }
    }
    parts::safetensors(&parts::laid_out(header.to_string().as_bytes()), &data)
}

/// Header and data of the tiny model's weights.
fn split() -> (Value, Vec<u8>) {
    let file = fuzz::tiny_model::weights();
    let (prefix, rest) = file.split_at(8);
    let n_header = u64::from_le_bytes(prefix.try_into().expect("eight bytes")) as usize;
    (serde_json::from_slice(&rest[..n_header]).expect("a header is JSON"), rest[n_header..].to_vec())
}

fn seeds() -> Vec<Vec<u8>> {
    let input = |kind: u8, parts: &[&[u8]]| [&[kind], parts.join(&0_u8).as_slice()].concat();
    let (header, data) = split();
    let text = header.to_string();
    let mut seeds = vec![
        input(b'f', &[&fuzz::tiny_model::weights()]),
        input(b'f', &[b""]),
        input(b'f', &[b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"]),
        input(b'f', &[b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12\n"]),
        input(b'h', &[text.as_bytes(), &data]),
        input(b'h', &[b"{}"]),
        vec![b's', 1, 0, 1, 2],
        vec![b's', 4, 1, 2, 2, 2],
        input(b'h', &[br#"{"__metadata__":{"format":"pt","bert_heal":"[]"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#]),
        input(b'i', &[br#"{"metadata":{},"weight_map":{"a":"first.safetensors"}}"#]),
        input(b'i', &[br#"{"weight_map":{"a":"first.safetensors","b":"second.bin","c":"missing.safetensors"}}"#]),
        input(b'i', &[br#"{"weight_map":{"a":"../first.safetensors","b":1}}"#]),
        input(b'i', &[br#"{"weight_map":{}}"#]),
    ];
    // The same model in other number formats, one of them for each tensor in turn, and under other names.
    for (dtype, size) in [("F16", 2), ("BF16", 2), ("F64", 8), ("I64", 8), ("F8_E4M3", 1)] {
        let mut end = 0;
        let tensors = header.as_object().into_iter().flatten().filter(|(name, _)| *name != "__metadata__");
        let tensors = tensors.map(|(name, tensor)| {
            let n: u64 = tensor["shape"].as_array().into_iter().flatten().filter_map(Value::as_u64).product();
            let start = end;
            end += n * size;
            (name.clone(), json!({"dtype": dtype, "shape": tensor["shape"], "data_offsets": [start, end]}))
        });
        let converted: serde_json::Map<String, Value> = tensors.collect();
        seeds.push(input(b'h', &[Value::from(converted).to_string().as_bytes()]));
    }
    for (from, to) in [
        ("bert.", ""),
        ("bert.", "module.bert."),
        ("LayerNorm.weight", "LayerNorm.gamma"),
        ("classifier.", "cls.seq_relationship."),
        ("classifier.", "qa_outputs."),
        ("bert.pooler.", "pooler."),
        ("classifier.bias", "module.classifier.weight"),
        ("LayerNorm.bias", "LayerNorm.beta"),
        ("bert.embeddings.token_type_embeddings.weight", "bert.embeddings.position_ids"),
        ("bert.pooler.dense.weight", "roberta.pooler.dense.weight"),
    ] {
        seeds.push(input(b'h', &[text.replace(from, to).as_bytes(), &data]));
    }
    let lora = |r: u64, more: &str| {
        format!(
            r#"{{"peft_type":"LORA","r":{r},"lora_alpha":2,"target_modules":["query","value"],"task_type":"SEQ_CLS"{more}}}"#
        )
    };
    let tensor = |shape: [u64; 2], start: u64| json!({"dtype": "F32", "shape": shape, "data_offsets": [start, start + 4 * shape[0] * shape[1]]});
    let prefix = "base_model.model.bert.encoder.layer.0.attention.self.query";
    let weights = json!({
        format!("{prefix}.lora_A.weight"): tensor([1, 2], 0), format!("{prefix}.lora_B.weight"): tensor([2, 1], 8),
        "base_model.model.classifier.weight": tensor([2, 2], 16),
    });
    let weights = weights.to_string();
    for more in [
        "",
        r#","use_rslora":true,"fan_in_fan_out":true"#,
        r#","bias":"all","modules_to_save":["classifier"]"#,
        r#","rank_pattern":{"query":1},"alpha_pattern":{"value":4}"#,
        r#","use_dora":true"#,
        r#","layers_to_transform":[0]"#,
    ] {
        seeds.push(input(b'a', &[lora(1, more).as_bytes(), weights.as_bytes()]));
    }
    let word = json!({
        "base_model.model.bert.embeddings.word_embeddings.lora_embedding_A": tensor([1, 4], 0),
        "base_model.model.bert.embeddings.word_embeddings.lora_embedding_B": tensor([2, 1], 16),
    });
    seeds.push(input(b'a', &[lora(1, "").as_bytes(), word.to_string().as_bytes()]));
    let elsewhere = weights.replace("attention.self.query", "output.LayerNorm");
    seeds.push(input(b'a', &[br#"{"peft_type":"LORA","r":1,"lora_alpha":2}"#, elsewhere.as_bytes()]));
    seeds.push(input(b'a', &[br#"{"peft_type":"IA3"}"#, weights.as_bytes()]));
    seeds
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || KINDS.iter().for_each(|kind| read(&[*kind]))),
    |bytes: &[u8]| read(bytes)
);
