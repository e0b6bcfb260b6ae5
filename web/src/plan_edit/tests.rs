use super::*;
use shared::corruption::{Anatomy, Plan, Scheme};
use shared::model::{Architecture, ParameterPath};
use wasm_bindgen_test::wasm_bindgen_test;

const L3: Anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 3, n_heads: 4 };

fn damage(plan: &str) -> Damage {
    Damage::read(plan, L3).unwrap()
}

/// What the plan touches, whatever its words.
fn touched(plan: &str) -> Vec<(ParameterPath, f64)> {
    let resolved = Plan::parse(plan).unwrap().resolve(L3).unwrap();
    resolved.touched().into_iter().map(|path| (path, resolved.share_touched(path))).collect()
}

#[wasm_bindgen_test]
fn a_plan_that_is_read_and_written_touches_the_same_values() {
    for plan in [
        "kaiming@bottom:0.67",
        "kaiming@top:1L",
        "kaiming@all",
        "zero:0.5@alternate/attention",
        "kaiming@not-layers:1",
        "normal:0.05@embeddings,layers:0.2,classifier",
        "gaussian:0.3@all;zero:0.1@top:0.34/ffn",
        "bitflip:1e-6,exponent@layers:0-1/attention.query,attention.head:1-2",
        "signflip:1@embeddings,all,pooler/layernorm,bias",
        "permute@all/ffn.in",
        "zero:1@embeddings,layers:1/ffn.in.bias,layernorm.attention,word",
        "flip:3.17,bit30@layers:0/attention.query;flip:3.17,bit30@layers:1/attention.query",
        "flip:3,bit31@layers:2/layernorm.ffn.weight;flip:0.1,bit2@pooler",
        "skip@layers:1;zero:1@all/bias",
    ] {
        assert_eq!(touched(&damage(plan).to_text()), touched(plan), "{plan}: {}", damage(plan).to_text());
    }
}

#[wasm_bindgen_test]
fn a_damage_is_said_in_words() {
    for (plan, words) in [
        ("kaiming@bottom:1L", Some("layer 0")),
        ("kaiming@layers:0.2", Some("layers 0 and 2")),
        ("gaussian:0.1@all", Some("all 3 layers")),
        ("kaiming@layers:0;zero:0.5@layers:1/attention", Some("layer 0, and parts of layer 1")),
        ("zero:0.5@layers:1/attention;zero:1@layers:1", Some("layer 1")),
        ("kaiming@embeddings,classifier", Some("the embeddings, the classifier")),
        ("zero:0.1@pooler/bias", Some("parts of the pooler")),
        ("kaiming@none", None),
        ("", None),
    ] {
        assert_eq!(damage(plan).in_words().as_deref(), words, "{plan}");
    }
}

#[wasm_bindgen_test]
fn what_a_person_would_type_is_what_is_written() {
    for plan in
        ["kaiming@bottom:0.67", "kaiming@top:0.33", "kaiming@all", "zero:0.5@layers:1/attention", "kaiming@embeddings"]
    {
        assert_eq!(damage(plan).to_text(), plan);
    }
    assert_eq!(damage(" ").to_text(), "");
}

#[wasm_bindgen_test]
fn clicking_a_part_twice_leaves_the_plan_as_it_was() {
    let mut edited = damage("kaiming@bottom:1L");
    edited.toggle_part(Part::Layer(2));
    assert_eq!(edited.to_text(), "kaiming@layers:0.2");
    edited.toggle_part(Part::Layer(2));
    edited.toggle_part(Part::Layer(0));
    assert_eq!(edited.to_text(), "");
    edited.toggle_part(Part::Embeddings);
    assert_eq!(edited.to_text(), "kaiming@embeddings");
}

#[wasm_bindgen_test]
fn components_are_taken_out_of_a_whole_layer_and_put_back() {
    let mut edited = damage("zero:1@layers:1");
    edited.toggle_component(Part::Layer(1), Component::FfnOut);
    assert_eq!(edited.to_text(), "zero:1@layers:1/attention,ffn.in,layernorm");
    assert!(!edited.has(Part::Layer(1), Component::FfnOut) && edited.has(Part::Layer(1), Component::Head(3)));
    edited.toggle_component(Part::Layer(1), Component::FfnOut);
    assert_eq!(edited.to_text(), "zero:1@layers:1");
}

#[wasm_bindgen_test]
fn one_head_can_be_spared() {
    let mut edited = damage("zero:1@layers:0/attention");
    edited.toggle_component(Part::Layer(0), Component::Head(1));
    assert_eq!(edited.to_text(), "zero:1@bottom:0.33/attention.head:0,attention.head:2-3");
    edited.toggle_component(Part::Layer(0), Component::Head(1));
    assert_eq!(edited.to_text(), "zero:1@bottom:0.33/attention.head:0-3");
}

#[wasm_bindgen_test]
fn sliders_set_and_read_the_ends() {
    let mut edited = damage("kaiming@embeddings,layers:1");
    assert_eq!(edited.ends(), (0, 0));
    edited.set_ends(1, 1);
    assert_eq!((edited.to_text().as_str(), edited.ends()), ("kaiming@layers:0.2,embeddings", (1, 1)));
    edited.set_ends(3, 0);
    assert_eq!((edited.to_text().as_str(), edited.ends()), ("kaiming@all,embeddings", (3, 0)));
}

#[wasm_bindgen_test]
fn earlier_groups_stay_when_the_last_one_is_changed() {
    let mut edited = damage("gaussian:0.3@all;zero:0.1@layers:1");
    edited.set_scheme(Scheme::SignFlip { fraction: 0.5 });
    edited.toggle_part(Part::Layer(2));
    assert_eq!(edited.to_text(), "gaussian:0.3@all;signflip:0.5@top:0.67");
}

#[wasm_bindgen_test]
fn fractions_mean_the_layers_they_stand_for_in_every_depth() {
    for n_layers in 1..=24 {
        let anatomy = Anatomy { n_layers, ..L3 };
        for n in 1..=n_layers {
            let mut damage = Damage::read("", anatomy).unwrap();
            damage.set_ends(n, 0);
            let resolved = Plan::parse(&damage.to_text()).unwrap().steps()[0].selection().resolve(anatomy).unwrap();
            assert_eq!(resolved.layer_indices().len(), n, "{}", damage.to_text());
        }
    }
}

#[wasm_bindgen_test]
fn a_plan_that_does_not_fit_is_refused_at_its_character() {
    assert_eq!(Damage::read("kaiming@layers:0-9", L3).unwrap_err().position, 15);
    assert_eq!(Damage::read("kaimin@all", L3).unwrap_err().position, 0);
}
