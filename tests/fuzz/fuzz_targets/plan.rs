//! The grammar of plans: what is read is written in one form, which reads back as the same plan.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::corruption::{Anatomy, Plan, Selection};
use shared::model::Architecture;

/// A plan of 1,000 characters and a model of 12 layers are far below.
const MAX_MIB: usize = 32;

const SEEDS: [&str; 30] = [
    "kaiming@bottom:0.5",
    "Kaiming @ bottom: 50%; zero:0.1@pooler/bias",
    "gaussian:0.3@all;zero:0.1@top:0.5/ffn",
    "bitflip:1e-6,exponent@layers:0-2/attention.query",
    "bitflip:1e-6,sign@layers:0.2.4-5/attention.head:0-1",
    "bitflip:.5,mantissa@embeddings",
    "bitflip:1,what@all",
    "permute@top:3L",
    "permute:0.5@not-embeddings,not-layers:11/weight",
    "permute@pooler",
    "permute@all/attention.head:3",
    "signflip:1%@alternate/layernorm,bias",
    "quantize:4@all/attention.key,attention.value,attention.output,ffn.in,ffn.out",
    "shuffle:90%@all,not-pooler,not-classifier",
    "kaiming-linear@classifier",
    "kaiming:1@classifier",
    "normal@none;normal:.02@all",
    "zero:1.@none",
    "zero:1e400@all",
    "gaussian:1e99999@all",
    "noise@all",
    "zero:1@layers:5-2",
    "zero:1@bottom:1.5L",
    "zero:1@bottom:3",
    "zero:1@bottom:99999999999999999999",
    "zero:1@embeddings/attention",
    "zero:1@all/attention.",
    "zero:1@not- all/ffn.up",
    "zäro@all",
    "top:0.5/ffn",
];

fn anatomies() -> [Anatomy; 2] {
    [(Architecture::Bert, 12), (Architecture::DistilBert, 6)].map(|(architecture, n_layers)| Anatomy {
        architecture,
        n_layers,
        n_heads: 12,
    })
}

fn read(text: &str) {
    if let Ok(plan) = Plan::parse(text) {
        let canonical = plan.to_string();
        assert_eq!(Plan::parse(&canonical).as_ref(), Ok(&plan), "{canonical:?} of {text:?}");
        for anatomy in anatomies() {
            let _ = plan.describe(anatomy);
            if let Ok(resolved) = plan.resolve(anatomy) {
                let touched = plan.touched(anatomy).expect("a plan that is resolved");
                assert!(touched.iter().all(|path| resolved.share_touched(*path) > 0.0), "{text:?}");
            }
        }
    }
    if let Ok(selection) = Selection::parse(text) {
        let canonical = selection.to_string();
        assert_eq!(Selection::parse(&canonical).as_ref(), Ok(&selection), "{canonical:?} of {text:?}");
        for anatomy in anatomies() {
            if let Ok(resolved) = selection.resolve(anatomy) {
                assert!(resolved.layer_indices().iter().all(|layer| *layer < anatomy.n_layers), "{text:?}");
            }
        }
    }
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, || SEEDS.map(|plan| plan.as_bytes().to_vec()).to_vec(), || read(SEEDS[0])),
    |bytes: &[u8]| {
        match std::str::from_utf8(bytes) {
            Ok(text) => read(text),
            // The command line and the page hand over strings; the places in them need not be those of ASCII.
            Err(_) => read(&String::from_utf8_lossy(bytes)),
        }
    }
);
