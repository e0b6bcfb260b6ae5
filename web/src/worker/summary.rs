//! What a model is made of, for drawing it and for saying what it costs.

use crate::protocol::{ModelSummary, PartKind, PartSummary, TensorSummary};
use shared::model::{Kind, LayerModule, ModelConfig, Module, ParameterPath};

/// Rows and tokens of the step whose memory is told.
const STEP_ROWS: usize = 16;
const STEP_TOKENS: usize = 32;

/// Bytes of an f32.
const F32_BYTES: u64 = 4;

pub(super) fn model(name: String, config: &ModelConfig, max_length: usize) -> ModelSummary {
    let n_parameters = config.n_parameters();
    ModelSummary {
        name,
        architecture: config.architecture,
        n_layers: config.n_layers,
        n_heads: config.n_heads,
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        vocab_size: config.vocab_size,
        max_length,
        labels: config.label_names.clone(),
        n_parameters,
        size_bytes: n_parameters as u64 * F32_BYTES,
        healing_bytes: healing_bytes(n_parameters) + activation_bytes(config),
        parts: parts(config),
    }
}

/// Memory for learning `n_trained` scalars: their own copy, a gradient and AdamW's two moments.
pub(super) fn healing_bytes(n_trained: usize) -> u64 {
    4 * n_trained as u64 * F32_BYTES
}

/// What a step keeps for its backward pass: of each layer nine arrays of the hidden width and two of the inner one, as
/// `shared::nn::encoder_layer` saves them, and about as much again while the gradients go down.
fn activation_bytes(config: &ModelConfig) -> u64 {
    let per_token = config.n_layers * (9 * config.hidden_size + 2 * config.intermediate_size);
    (STEP_ROWS * STEP_TOKENS * per_token) as u64 * F32_BYTES * 2
}

fn parts(config: &ModelConfig) -> Vec<PartSummary> {
    let paths = config.parameters();
    paths
        .chunk_by(|a, b| part_of(*a) == part_of(*b))
        .map(|paths| {
            let kind = part_of(paths[0]);
            let tensors = paths.iter().map(|path| TensorSummary {
                name: path.name(config.architecture),
                component: component_of(*path),
                shape: config.shape_of(*path),
            });
            PartSummary {
                kind,
                name: match kind {
                    PartKind::Embeddings => "Embeddings".to_owned(),
                    PartKind::Layer(layer_idx) => format!("Layer {layer_idx}"),
                    PartKind::Pooler => "Pooler".to_owned(),
                    PartKind::Classifier => "Classifier".to_owned(),
                },
                selection: match kind {
                    PartKind::Embeddings => "embeddings".to_owned(),
                    PartKind::Layer(layer_idx) => format!("layers:{layer_idx}"),
                    PartKind::Pooler => "pooler".to_owned(),
                    PartKind::Classifier => "classifier".to_owned(),
                },
                n_values: paths.iter().map(|path| config.shape_of(*path).iter().product::<usize>()).sum(),
                tensors: tensors.collect(),
            }
        })
        .collect()
}

/// The part a parameter belongs to.
pub(super) fn part_of(path: ParameterPath) -> PartKind {
    match path.module {
        Module::Layer(layer_idx, _) => PartKind::Layer(layer_idx),
        Module::Pooler => PartKind::Pooler,
        Module::Classifier => PartKind::Classifier,
        _ => PartKind::Embeddings,
    }
}

/// The component of the plan grammar that a parameter is in; weight and bias of a dense layer are in the same.
fn component_of(path: ParameterPath) -> Option<String> {
    let component = match path.module {
        Module::Layer(_, LayerModule::Query) => "attention.query",
        Module::Layer(_, LayerModule::Key) => "attention.key",
        Module::Layer(_, LayerModule::Value) => "attention.value",
        Module::Layer(_, LayerModule::AttentionOutput) => "attention.output",
        Module::Layer(_, LayerModule::FfnIn) => "ffn.in",
        Module::Layer(_, LayerModule::FfnOut) => "ffn.out",
        module if module.is_layer_norm() => "layernorm",
        Module::Pooler | Module::Classifier => match path.kind {
            Kind::Weight => "weight",
            Kind::Bias => "bias",
        },
        _ => return None,
    };
    Some(component.to_owned())
}
