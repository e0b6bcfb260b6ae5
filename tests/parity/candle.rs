//! BERT's encoder against that of candle-transformers, which reads the same files with code of its own.
//!
//! Its DistilBERT is not compared: it takes "gelu" for the approximation by tanh (0.11.1), where `transformers` has erf.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use shared::inspection::Trace;

use crate::files::{kernel_sets, read};
use crate::harness::{Expected, FORWARD_TOLERANCE, assert_close, config, floats, load, model};

#[test]
fn the_encoder_computes_what_that_of_candle_transformers_computes() {
    let name = "tiny-bert";
    let theirs: Config = serde_json::from_slice(&read("tiny-bert/config.json")).unwrap();
    let weights = read("tiny-bert/model.safetensors");
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).unwrap();
    let theirs = BertModel::load(weights, &theirs).unwrap();
    let batch = Expected::read("tiny-bert/expected.safetensors").batch("", config(name).architecture);
    let shape = (batch.n_rows, batch.n_columns);
    let tensor = |values: &[u32]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
    let [ids, types, mask] = [&batch.input_ids, &batch.token_type_ids, &batch.attention_mask].map(|of| tensor(of));
    let expected = floats(&theirs.forward(&ids, &types, Some(&mask)).unwrap());
    let checkpoint = load(name);
    for (set, kernels) in kernel_sets() {
        let trace = Trace::capture(&model(&checkpoint.config, &checkpoint.parameters, &kernels), &batch).unwrap();
        let last = trace.hidden_states.last().unwrap();
        assert_close(set, &floats(last), &expected, FORWARD_TOLERANCE);
    }
}
