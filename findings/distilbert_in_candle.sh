#!/usr/bin/env bash
# The DistilBERT of candle-transformers is not that of transformers in two ways that raise no error: its attention mask means
# the opposite (1 hides a token, where transformers, and BertModel of the same crate, have 1 for a token that is there), and
# its activation "gelu" is the approximation by tanh, where transformers computes erf.
#
# Seen on 2026-11-29 with candle-transformers 0.11.1 (rustc 1.95.0), transformers 5.24.0 and torch 2.15.0, on a random
# DistilBERT (dim 32, 2 layers, f32), whose hidden states are of the order of 1: without padding they are 1.0e-3 away from
# transformers with "gelu" and 2.9e-6 from "gelu_new", the approximation by tanh; the tokens of a padded row are 2.3 away with
# the tokenizer's own mask and 2.4e-6 with 1 - mask.
# Exits with 0 while that is so, with 1 when it has changed. Builds the crate: minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.24.0" "torch==2.15.0" "safetensors==0.8.0"
cd "$folder"
export HF_HUB_OFFLINE=1 HF_HOME="$folder/home"

cat > made.py <<'PYTHON'
import json
import torch
from safetensors.torch import save_file
from transformers import DistilBertConfig, DistilBertModel

torch.manual_seed(0)
sizes = dict(vocab_size=50, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=16)
config = DistilBertConfig(**sizes, activation="gelu", initializer_range=0.3, dropout=0.0, attention_dropout=0.0)
model = DistilBertModel(config).eval()
save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, "model.safetensors")
json.dump({**sizes, "activation": "gelu", "initializer_range": 0.3, "pad_token_id": 0, "model_type": "distilbert"},
          open("config.json", "w"))
ids, mask = torch.tensor([[5, 17, 33, 8, 21, 40]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
answers = {}
for activation in ["gelu", "gelu_new"]:
    other = DistilBertModel(DistilBertConfig(**sizes, activation=activation)).eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        answers[activation] = other(input_ids=ids).last_hidden_state.flatten().tolist()
        padded = other(input_ids=ids, attention_mask=mask).last_hidden_state[:, :4]
        answers[activation + " padded"] = padded.flatten().tolist()
json.dump(answers, open("transformers.json", "w"))
PYTHON
venv/bin/python made.py

mkdir -p crate/src
cat > crate/Cargo.toml <<'TOML'
[package]
name = "look"
version = "0.0.0"
edition = "2024"

[dependencies]
candle-core = "=0.11.1"
candle-nn = "=0.11.1"
candle-transformers = "=0.11.1"
serde_json = "=1.0.154"
TOML
cat > crate/src/main.rs <<'RUST'
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::distilbert::{Config, DistilBertModel};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::Cpu;
    let config: Config = serde_json::from_slice(&std::fs::read("config.json")?)?;
    let weights = VarBuilder::from_buffered_safetensors(std::fs::read("model.safetensors")?, DType::F32, &device)?;
    let model = DistilBertModel::load(weights, &config)?;
    let ids = Tensor::new(&[[5_u32, 17, 33, 8, 21, 40]], &device)?;
    let answer = |mask: [u8; 6], n: usize| -> Result<Vec<f32>, candle_core::Error> {
        let mask = Tensor::new(&mask, &device)?.reshape((1, 1, 1, 6))?;
        model.forward(&ids, &mask)?.narrow(1, 0, n)?.flatten_all()?.to_vec1()
    };
    let all = serde_json::json!({
        "nothing hidden": answer([0; 6], 6)?,
        "mask of the tokenizer": answer([1, 1, 1, 1, 0, 0], 4)?,
        "1 - mask": answer([0, 0, 0, 0, 1, 1], 4)?,
    });
    std::fs::write("candle.json", all.to_string())?;
    Ok(())
}
RUST
cargo build --quiet --release --manifest-path crate/Cargo.toml --target-dir target
target/release/look

venv/bin/python - <<'PYTHON'
import json, sys
theirs, candle = json.load(open("transformers.json")), json.load(open("candle.json"))
apart = lambda a, b: max(abs(x - y) for x, y in zip(theirs[a], candle[b], strict=True))
exact, tanh = apart("gelu", "nothing hidden"), apart("gelu_new", "nothing hidden")
as_given, turned = apart("gelu_new padded", "mask of the tokenizer"), apart("gelu_new padded", "1 - mask")
print(f"no padding: {exact:.1e} from transformers' gelu, {tanh:.1e} from its gelu_new")
print(f"padded:     {as_given:.1e} with the tokenizer's mask, {turned:.1e} with 1 - mask")
sys.exit(0 if exact > 1e-4 and tanh < 1e-5 and as_given > 0.1 and turned < 1e-5 else 1)
PYTHON
