//! What the words of a selection mean, and how they are printed.

use super::super::{Anatomy, Plan, Selection};
use super::in_layer;
use crate::model::{Architecture, LayerModule, Module, ParameterPath};

fn anatomy(n_layers: usize) -> Anatomy {
    Anatomy { architecture: Architecture::Bert, n_layers, n_heads: 12 }
}

fn layers(selection: &str, n_layers: usize) -> Vec<usize> {
    Selection::parse(selection).unwrap().resolve(anatomy(n_layers)).unwrap().layer_indices()
}

/// The selected parameters of a model with one layer, without the `bert.` and `encoder.layer.0.` before them.
fn parameters(selection: &str) -> Vec<String> {
    let plan = Plan::parse(&format!("zero:1@{selection}")).unwrap();
    let strip = |path: &ParameterPath| path.to_string().replace("bert.", "").replace("encoder.layer.0.", "");
    plan.touched(anatomy(1)).unwrap().iter().map(strip).collect()
}

fn canonical(plan: &str) -> String {
    Plan::parse(plan).unwrap().to_string()
}

#[test]
fn plans_have_one_canonical_form() {
    assert_eq!(canonical(" Kaiming @ bottom : 50 % "), "kaiming@bottom:0.5");
    assert_eq!(canonical("kaiming@embeddings ; kaiming@bottom:.25"), "kaiming@embeddings;kaiming@bottom:0.25");
    assert_eq!(
        canonical("bitflip:0.000001,EXPONENT@layers:2.0-1/attention.query"),
        "bitflip:1e-6,exponent@layers:0-2/attention.query"
    );
    assert_eq!(canonical("gaussian:30%@all;zero:1e-1@top:0.50/ffn"), "gaussian:0.3@all;zero:0.1@top:0.5/ffn");
    assert_eq!(canonical("normal:2e-2@all"), "normal@all");
    assert_eq!(canonical("normal:0.05@all"), "normal:0.05@all");
    assert_eq!(canonical("zero:7%@all"), "zero:0.07@all");
    assert_eq!(
        canonical("zero:100%@classifier,top:2l,all,pooler,embeddings,all"),
        "zero:1@all,top:2L,embeddings,pooler,classifier"
    );
    assert_eq!(canonical("zero:1@not-layers:5,layers:7.1,layers:2-3"), "zero:1@layers:1-3.7,not-layers:5");
    assert_eq!(canonical("zero:1@not- top:1L"), "zero:1@all,not-top:1L");
    assert_eq!(canonical("zero:1@none,top:1L,not-none"), "zero:1@top:1L");
    assert_eq!(canonical("zero:1@not-none"), "zero:1@all");
    assert_eq!(
        canonical("zero:1@all/bias,ffn.out,attention.head:5,attention.head:3-4,bias"),
        "zero:1@all/attention.head:3-5,ffn.out,bias"
    );
}

#[test]
fn fractions_of_layers_are_rounded_half_up_to_at_least_one() {
    assert_eq!(layers("bottom:0.5", 6), [0, 1, 2]);
    assert_eq!(layers("top:50%", 6), [3, 4, 5]);
    assert_eq!(layers("bottom:0.25", 6), [0, 1]);
    assert_eq!(layers("bottom:0.01", 6), [0]);
    assert_eq!(layers("top:0.01", 6), [5]);
    assert_eq!(layers("bottom:0", 6), [0; 0]);
    assert_eq!(layers("bottom:1", 6), [0, 1, 2, 3, 4, 5]);
    assert_eq!(layers("bottom:2L", 6), [0, 1]);
    assert_eq!(layers("top:0L", 6), [0; 0]);
    assert_eq!(layers("bottom:0.29", 50).len(), 15);
    assert_eq!(layers("bottom:0.5", 0), [0; 0]);
}

#[test]
fn parts_add_and_not_parts_take_away_in_any_order() {
    assert_eq!(layers("alternate", 6), [0, 2, 4]);
    assert_eq!(layers("layers:0-2.5", 6), [0, 1, 2, 5]);
    assert_eq!(layers("bottom:1L,top:1L", 6), [0, 5]);
    assert_eq!(layers("all,not-alternate", 6), [1, 3, 5]);
    assert_eq!(layers("not-layers:1,all", 3), [0, 2]);
    assert_eq!(layers("not-top:0.5", 6), [0, 1, 2]);
    assert_eq!(layers("none", 6), [0; 0]);
    assert_eq!(layers("all,not-all", 6), [0; 0]);
}

#[test]
fn embeddings_pooler_and_classifier_are_only_selected_by_name() {
    assert!(
        parameters("all")
            .iter()
            .all(|name| !name.contains("embeddings") && !name.contains("pooler") && name != "classifier")
    );
    assert_eq!(parameters("all").len(), 16);
    assert_eq!(parameters("embeddings").len(), 5);
    assert_eq!(parameters("pooler"), ["pooler.dense.weight", "pooler.dense.bias"]);
    assert_eq!(parameters("classifier"), ["classifier.weight", "classifier.bias"]);
    assert_eq!(parameters("embeddings,not-embeddings,pooler/bias"), ["pooler.dense.bias"]);
}

#[test]
fn components_select_parts_of_a_layer() {
    assert_eq!(parameters("all/attention.query"), ["attention.self.query.weight", "attention.self.query.bias"]);
    let heads = [
        "attention.self.query.weight",
        "attention.self.query.bias",
        "attention.self.key.weight",
        "attention.self.key.bias",
        "attention.self.value.weight",
        "attention.self.value.bias",
        "attention.output.dense.weight",
    ];
    assert_eq!(parameters("all/attention.head:3"), heads);
    assert_eq!(parameters("all/attention")[..7], heads);
    assert_eq!(parameters("all/attention")[7], "attention.output.dense.bias");
    assert_eq!(parameters("all/ffn.in"), ["intermediate.dense.weight", "intermediate.dense.bias"]);
    assert_eq!(parameters("all/ffn").len(), 4);
    assert_eq!(parameters("all/layernorm").len(), 4);
    assert_eq!(parameters("all/weight").len(), 8);
    assert_eq!(parameters("all/bias").len(), 8);
    // A list of components, like a list of parts, adds up.
    assert_eq!(parameters("all/attention.query,layernorm").len(), 6);
    assert_eq!(parameters("embeddings/layernorm"), ["embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"]);
}

#[test]
fn a_selection_says_what_is_frozen() {
    let selection = Selection::parse("embeddings, bottom:2L / weight").unwrap();
    assert_eq!(selection.to_string(), "bottom:2L,embeddings/weight");
    let frozen = selection.resolve(anatomy(6)).unwrap();
    assert!(frozen.contains(ParameterPath::weight(Module::WordEmbeddings)));
    assert!(frozen.contains(ParameterPath::weight(in_layer(1, LayerModule::Key))));
    assert!(!frozen.contains(ParameterPath::bias(in_layer(1, LayerModule::Key))));
    assert!(!frozen.contains(ParameterPath::weight(in_layer(2, LayerModule::Key))));
    let json = serde_json::to_string(&selection).unwrap();
    assert_eq!(serde_json::from_str::<Selection>(&json).unwrap(), selection);
}

#[test]
fn plans_are_text_in_json() {
    let plan = Plan::parse("zero: 10% @ all").unwrap();
    assert_eq!(serde_json::to_string(&plan).unwrap(), "\"zero:0.1@all\"");
    assert_eq!(serde_json::from_str::<Plan>("\"zero:0.1@all\"").unwrap(), plan);
}

#[test]
fn descriptions_are_sentences() {
    let describe = |plan: &str| Plan::parse(plan).unwrap().describe(anatomy(6)).unwrap();
    assert_eq!(
        describe("kaiming@bottom:0.5"),
        "Re-initialise layers 0–2 of 6 (uniformly in ±√(6 / fan-in); LayerNorm weights to 1, biases to 0)."
    );
    assert_eq!(
        describe("zero:12.5%@embeddings,layers:0-2.5/weight;signflip:1%@all;permute@top:2L/ffn"),
        "Set 12.5 % of the values to zero in the weights of the embeddings and layers 0–2 and 5 of 6; \
         then flip the sign of 1 % of the values in all 6 layers; \
         then swap the feed-forward network of layers 4–5 of 6 with one another in a random cycle."
    );
    assert_eq!(
        describe("bitflip:1e-6,exponent@layers:3"),
        "Flip each exponent bit with probability 1e-6 in layer 3 of 6."
    );
    assert_eq!(
        describe("quantize:8@all/attention.head:0-3,layernorm"),
        "Round to 8 bits in heads 0–3 and the LayerNorms of all 6 layers."
    );
    assert_eq!(describe("quantize:8@top:0"), "Change nothing, since no parameter is selected.");
}
