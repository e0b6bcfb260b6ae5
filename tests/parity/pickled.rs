//! `pytorch_model.bin` as PyTorch writes it: the same weights as in safetensors, whatever is done to the file.

use std::fs;
use std::path::Path;

use candle_core::Device;
use shared::checkpoint::Checkpoint;
use shared::model::ForwardMode;
use shared::nn::{Kernel, Kernels};
use shared::random::Seed;
use trainer::open_model::{ModelSource, Weights};

use crate::files;
use crate::harness::{self, Expected, FORWARD_TOLERANCE, assert_close, floats};

const PICKLED: &str = "variants/tiny-bert-pickled";

fn open(folder: &Path) -> anyhow::Result<Checkpoint> {
    ModelSource::open(folder.to_str().unwrap(), None, Weights::Read)?.load(None, Seed(0), &Device::Cpu)
}

/// A folder with the golden pickle's config and these bytes as weights.
fn folder_with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), files::read(&format!("{PICKLED}/config.json"))).unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), bytes).unwrap();
    folder
}

#[test]
fn a_pickled_checkpoint_is_the_same_as_its_safetensors() {
    let expected = Expected::read("tiny-bert/expected.safetensors");
    let checkpoint = open(&files::path(PICKLED)).unwrap();
    assert_eq!(checkpoint.weights_hash, harness::load("tiny-bert").weights_hash);
    assert_eq!(checkpoint.notes, Vec::<String>::new());
    let batch = expected.batch("", checkpoint.config.architecture);
    let model = harness::model(&checkpoint.config, &checkpoint.parameters, &Kernels::all(Kernel::Fused));
    let logits = floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap());
    assert_close("logits", &logits, &expected.floats("logits"), FORWARD_TOLERANCE);
}

/// Every other tensor is f16, the rest bf16, as `make_golden.py` deals them out.
#[test]
fn shards_and_half_precision_hold_the_rounded_weights() {
    let mixed = open(&files::path("variants/tiny-bert-pickled-sharded")).unwrap();
    let halves = ["f16", "bf16"].map(|format| harness::load(&format!("variants/tiny-bert-{format}")));
    let mut n_of = [0, 0];
    for path in mixed.parameters.paths() {
        let values = mixed.parameters.to_vec(path).unwrap();
        let matching = halves.iter().position(|half| half.parameters.to_vec(path).unwrap() == values);
        n_of[matching.unwrap_or_else(|| panic!("{path} is neither"))] += 1;
    }
    assert!(n_of.iter().all(|n| *n > 10), "{n_of:?}");
}

#[test]
fn safetensors_are_taken_where_both_are() {
    let folder = folder_with(b"not read");
    fs::write(folder.path().join("model.safetensors"), files::read("tiny-bert/model.safetensors")).unwrap();
    open(folder.path()).unwrap();
}

/// The pickle and the zip's directory, every byte changed; the numbers between them are not looked at.
#[test]
fn no_single_changed_byte_takes_the_program_down() {
    let good = files::read(&format!("{PICKLED}/pytorch_model.bin"));
    let pickle_ends = good.windows(4).enumerate().skip(1).find(|(_, window)| window == b"PK\x03\x04").unwrap().0;
    let directory = good.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut n_refused = 0;
    for at in (0..pickle_ends).chain(directory..good.len()).step_by(3) {
        let mut bytes = good.clone();
        bytes[at] ^= if at % 2 == 0 { 0xFF } else { 0x01 };
        if let Err(error) = open(folder_with(&bytes).path()) {
            n_refused += 1;
            let message = format!("{error:#}");
            assert!(message.contains("pytorch_model.bin") && message.len() < 2000, "byte {at}: {message}");
        }
    }
    assert!(n_refused > 1000, "most changes are noticed: {n_refused}");
    for length in [0, 3, 1000, good.len() / 2, good.len() - 1] {
        assert!(open(folder_with(&good[..length]).path()).is_err(), "cut at {length}");
    }
}
