//! The network of a model as a chart, with what a corruption did to it.

use super::{NetworkChart, NetworkModule, NetworkRow, Touched};
use crate::corruption::Report;
use crate::model::{LayerModule, ModelConfig, Module};

impl NetworkChart {
    /// The modules of a model, from the embeddings to the classifier, and what `report` says of them.
    #[must_use]
    pub fn new(config: &ModelConfig, report: &Report) -> Self {
        let paths = config.parameters();
        let chart_module = |label: &str, module: Module| {
            let mut touched = Touched { n_elements: 0, n_changed: 0, is_upper_bound: false };
            let mut is_touched = false;
            for path in paths.iter().filter(|path| path.module == module) {
                let n_elements = config.shape_of(*path).iter().product::<usize>() as u64;
                touched.n_elements += n_elements;
                let name = path.name(config.architecture);
                let steps = report.tensors.iter().filter(|tensor| tensor.name == name);
                let changed_by_step: Vec<u64> = steps.map(|tensor| tensor.n_changed as u64).collect();
                is_touched |= !changed_by_step.is_empty();
                // A report counts by step and does not tell which values: two steps may have changed the same ones.
                touched.n_changed += changed_by_step.iter().sum::<u64>().min(n_elements);
                touched.is_upper_bound |= changed_by_step.iter().filter(|n_changed| **n_changed > 0).count() > 1;
            }
            NetworkModule { label: label.to_owned(), touched: is_touched.then_some(touched) }
        };
        let has = |module: Module| paths.iter().any(|path| path.module == module);
        let embeddings = [
            ("words", Module::WordEmbeddings),
            ("positions", Module::PositionEmbeddings),
            ("token types", Module::TokenTypeEmbeddings),
            ("LayerNorm", Module::EmbeddingsLayerNorm),
        ];
        let embeddings = embeddings.into_iter().filter(|(_, module)| has(*module));
        let mut rows = vec![NetworkRow {
            label: "embeddings".to_owned(),
            modules: embeddings.map(|(label, module)| chart_module(label, module)).collect(),
        }];
        rows.extend((0..config.n_layers).map(|layer_idx| NetworkRow {
            label: format!("layer {layer_idx}"),
            modules:
                LayerModule::ALL.map(|module| chart_module(label_of(module), Module::Layer(layer_idx, module))).into(),
        }));
        rows.extend(
            [("pooler", Module::Pooler), ("classifier", Module::Classifier)].map(|(label, module)| NetworkRow {
                label: label.to_owned(),
                modules: vec![chart_module(label, module)],
            }),
        );
        Self { rows }
    }
}

/// The words of corruption plans, as far as they have one.
fn label_of(module: LayerModule) -> &'static str {
    match module {
        LayerModule::Query => "query",
        LayerModule::Key => "key",
        LayerModule::Value => "value",
        LayerModule::AttentionOutput => "output",
        LayerModule::AttentionLayerNorm | LayerModule::FfnLayerNorm => "LayerNorm",
        LayerModule::FfnIn => "ffn.in",
        LayerModule::FfnOut => "ffn.out",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chart;
    use super::*;
    use crate::corruption::{Plan, TensorReport, Totals};
    use crate::model::Parameters;
    use crate::random::Seed;
    use candle_core::{Device, Tensor};

    /// Hidden size 4, feed-forward size 8.
    fn config() -> ModelConfig {
        let json = br#"{"model_type": "bert", "vocab_size": 10, "hidden_size": 4, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16, "type_vocab_size": 2,
            "hidden_act": "gelu", "layer_norm_eps": 1e-12}"#;
        ModelConfig::from_json(json).unwrap()
    }

    fn tensor(name: &str, step_idx: usize, n_changed: usize) -> TensorReport {
        TensorReport {
            name: name.into(),
            step_idx,
            scheme: "zero:1".into(),
            n_elements: 16,
            n_selected: 16,
            n_changed,
            norm_before: 1.0,
            norm_after: 0.0,
            n_non_finite: 0,
            weight: None,
        }
    }

    #[test]
    fn modules_show_the_share_of_all_their_values_that_changed() {
        let query = "bert.encoder.layer.1.attention.self.query.weight";
        let tensors = vec![tensor(query, 0, 16), tensor(query, 1, 0), tensor("bert.pooler.dense.bias", 0, 0)];
        let chart = NetworkChart::new(&config(), &Report { tensors, totals: Totals::default() });
        let labels: Vec<&str> = chart.rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["embeddings", "layer 0", "layer 1", "pooler", "classifier"]);
        assert!(chart.rows[1].modules.iter().all(|module| module.touched.is_none()));
        // A weight of 16 values and a bias of 4.
        assert_eq!(
            chart.rows[2].modules[0].touched,
            Some(Touched { n_elements: 20, n_changed: 16, is_upper_bound: false })
        );
        assert_eq!(
            chart.rows[3].modules[0].touched,
            Some(Touched { n_elements: 20, n_changed: 0, is_upper_bound: false }),
            "touched, unchanged"
        );
    }
    #[test]
    fn two_steps_on_one_tensor_never_show_less_than_they_changed() {
        let config = config();
        let tensors = config.parameters().into_iter().map(|path| {
            let shape = config.shape_of(path);
            (path, Tensor::full(0.5_f32, shape, &Device::Cpu).unwrap())
        });
        let mut parameters = Parameters::new(config.architecture, tensors.collect::<Vec<_>>()).unwrap();
        let path = parameters.paths().find(|path| path.module == Module::WordEmbeddings).unwrap();
        let before = parameters.to_vec(path).unwrap();
        // Of 40 values each step changes about a tenth, mostly others.
        let plan = Plan::parse("zero:0.1@embeddings;signflip:0.1@embeddings").unwrap();
        let report = parameters.corrupt(&plan.resolve(config.anatomy()).unwrap(), Seed(3)).unwrap();
        let after = parameters.to_vec(path).unwrap();
        let n_changed = before.iter().zip(&after).filter(|(a, b)| a.to_bits() != b.to_bits()).count() as u64;
        let by_step =
            |step| report.tensors.iter().find(|t| t.step_idx == step && t.name == path.name(config.architecture));
        let most = [0, 1].map(|step| by_step(step).unwrap().n_changed as u64).into_iter().max().unwrap();
        assert!(most < n_changed, "{most} of {n_changed}: the steps share their values, which tests nothing");
        let touched = NetworkChart::new(&config, &report).rows[0].modules[0].touched.unwrap();
        assert!(touched.n_changed >= n_changed && touched.n_changed <= touched.n_elements, "{touched:?}");
        assert!(touched.is_upper_bound);
        let table = Chart::Network(NetworkChart::new(&config, &report)).table();
        assert!(table.rows.iter().any(|row| row[1] == "words" && row[3].starts_with("≤ ")), "{:?}", table.rows);
    }
}
