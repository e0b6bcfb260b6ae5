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
            let mut touched = Touched { n_elements: 0, n_changed: 0 };
            let mut is_touched = false;
            for path in paths.iter().filter(|path| path.module == module) {
                touched.n_elements += config.shape_of(*path).iter().product::<usize>() as u64;
                let name = path.name(config.architecture);
                let steps = report.tensors.iter().filter(|tensor| tensor.name == name);
                if let Some(n_changed) = steps.map(|tensor| tensor.n_changed as u64).max() {
                    is_touched = true;
                    touched.n_changed += n_changed;
                }
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
    use super::*;
    use crate::corruption::{TensorReport, Totals};

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
        }
    }

    #[test]
    fn modules_show_the_share_of_all_their_values_that_changed() {
        let query = "bert.encoder.layer.1.attention.self.query.weight";
        let tensors = vec![tensor(query, 0, 16), tensor(query, 1, 4), tensor("bert.pooler.dense.bias", 0, 0)];
        let chart = NetworkChart::new(&config(), &Report { tensors, totals: Totals::default() });
        let labels: Vec<&str> = chart.rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["embeddings", "layer 0", "layer 1", "pooler", "classifier"]);
        assert!(chart.rows[1].modules.iter().all(|module| module.touched.is_none()));
        // A weight of 16 values and a bias of 4.
        assert_eq!(chart.rows[2].modules[0].touched, Some(Touched { n_elements: 20, n_changed: 16 }));
        assert_eq!(
            chart.rows[3].modules[0].touched,
            Some(Touched { n_elements: 20, n_changed: 0 }),
            "touched, unchanged"
        );
    }
}
