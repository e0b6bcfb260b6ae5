//! What applying a plan changes, leaves alone and reports.

use super::super::{Plan, ResolvedPlan};
use super::{EVERY_SCHEME, HIDDEN, Model, N_HEADS, bits, in_layer};
use crate::model::{Kind, LayerModule, Module, ParameterPath};

fn resolved(plan: &str, model: &Model) -> ResolvedPlan {
    Plan::parse(plan).unwrap().resolve(model.anatomy).unwrap()
}

#[test]
fn strength_zero_is_the_identity() {
    let mut model = Model::new(3);
    // Bits that arithmetic would not leave alone.
    model.tensors[10].2[..4].copy_from_slice(&[-0.0, f32::from_bits(0x7fa0_0001), f32::INFINITY, 1e-45]);
    model.tensors[10].2[4..].fill(-0.0);
    for plan in [
        "kaiming@bottom:0",
        "kaiming@none",
        "gaussian:0@all",
        "zero:0@all",
        "shuffle:0@all",
        "signflip:0@all",
        "bitflip:0@all",
        "permute@top:0",
        "quantize:3@all,not-all",
    ] {
        let mut corrupted = model.clone();
        let report = corrupted.apply(plan, 1);
        assert_eq!(corrupted.all_bits(), model.all_bits(), "{plan}");
        assert_eq!(report.totals.n_changed, 0, "{plan}");
    }
}

#[test]
fn unselected_parameters_keep_their_bits_and_selected_ones_change() {
    let model = Model::new(4);
    let places = ["bottom:0.5", "layers:1-2/ffn,attention.key", "not-bottom:1L/weight", "all/layernorm,bias"];
    for scheme in EVERY_SCHEME {
        for place in places {
            let plan = scheme.replace("all", place);
            let corrupted = model.corrupted(&plan);
            let resolved = resolved(&plan, &model);
            for (path, _, values) in &model.tensors {
                let has_changed = corrupted.bits(*path) != bits(values);
                assert!(resolved.touches(*path) || !has_changed, "{plan} changed {path}");
                // Twelve values may all be spared by chance.
                let is_large = values.len() > 100;
                assert!(!resolved.touches(*path) || has_changed || !is_large, "{plan} did not change {path}");
            }
        }
    }
}

#[test]
fn selecting_more_does_not_change_what_was_selected_before() {
    let model = Model::new(4);
    for scheme in EVERY_SCHEME.iter().filter(|scheme| !scheme.starts_with("permute")) {
        let few = scheme.replace("all", "layers:2/attention.value,ffn.out");
        let many = scheme.replace("all", "all,embeddings,pooler,classifier");
        let (few_corrupted, many_corrupted) = (model.corrupted(&few), model.corrupted(&many));
        for path in resolved(&few, &model).touched() {
            assert_eq!(few_corrupted.bits(path), many_corrupted.bits(path), "{scheme} {path}");
        }
    }
}

#[test]
fn the_order_and_the_number_of_tensors_given_do_not_matter() {
    let model = Model::new(3);
    for scheme in EVERY_SCHEME {
        let plan = scheme.replace("all", "bottom:2L");
        let mut fewer = model.clone();
        let resolved = resolved(&plan, &model);
        fewer.tensors.retain(|(path, _, _)| resolved.touches(*path));
        fewer.tensors.reverse();
        let mut whole = model.clone();
        assert_eq!(fewer.apply(&plan, 1), whole.apply(&plan, 1));
        assert!(fewer.tensors.iter().all(|(path, _, values)| bits(values) == whole.bits(*path)), "{plan}");
    }
}

#[test]
fn seed_scheme_step_and_name_each_give_other_numbers() {
    let model = Model::new(2);
    let query = ParameterPath::weight(in_layer(0, LayerModule::Query));
    let key = ParameterPath::weight(in_layer(0, LayerModule::Key));
    let base = model.corrupted("kaiming@all");
    let mut other_seed = model.clone();
    other_seed.apply("kaiming@all", 2);
    assert_ne!(base.bits(query), other_seed.bits(query));
    assert_ne!(base.bits(query), base.bits(key));
    assert_ne!(base.bits(query), model.corrupted("zero:1@none;kaiming@all").bits(query));
    let scale = 6.0_f32.sqrt();
    let rescaled: Vec<f32> = model.corrupted("kaiming-linear@all").values(query).iter().map(|x| x * scale).collect();
    assert!(base.values(query).iter().zip(rescaled).any(|(a, b)| (a - b).abs() > 0.01));
}

#[test]
fn one_and_two_threads_give_the_same_bits_and_report() {
    let mut model = Model::new(3);
    // Larger than one chunk, so that threads share it.
    let big: Vec<f32> = model.values(ParameterPath::weight(Module::WordEmbeddings)).repeat(7);
    model.tensors[0].1[0] *= 7;
    model.tensors[0].2 = big;
    let on = |n_threads: usize, plan: &str| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let mut corrupted = model.clone();
        let report = pool.install(|| corrupted.apply(plan, 3));
        (corrupted.all_bits(), report)
    };
    for scheme in EVERY_SCHEME {
        let plan = if scheme.starts_with("permute") { scheme.into() } else { scheme.replace("all", "all,embeddings") };
        assert_eq!(on(1, &plan), on(2, &plan), "{plan}");
    }
}

#[test]
fn heads_own_rows_of_the_projections_and_columns_of_the_output() {
    let model = Model::new(2);
    let head_size = HIDDEN / N_HEADS;
    // Marks every place: re-initialising hits each value of the region.
    let corrupted = model.corrupted("kaiming@layers:1/attention.head:1-2");
    let is_in_heads = |i: usize| i / head_size >= 1;
    for module in LayerModule::ALL {
        for kind in [Kind::Weight, Kind::Bias] {
            let path = ParameterPath { module: in_layer(1, module), kind };
            let changed: Vec<bool> =
                model.bits(path).iter().zip(corrupted.bits(path)).map(|(old, new)| *old != new).collect();
            let expected = (0..changed.len()).map(|i| match (module, kind) {
                (LayerModule::Query | LayerModule::Key | LayerModule::Value, Kind::Weight) => is_in_heads(i / HIDDEN),
                (LayerModule::Query | LayerModule::Key | LayerModule::Value, Kind::Bias) => is_in_heads(i),
                (LayerModule::AttentionOutput, Kind::Weight) => is_in_heads(i % HIDDEN),
                _ => false,
            });
            assert_eq!(changed, expected.collect::<Vec<_>>(), "{path}");
        }
    }
}

#[test]
fn a_heads_values_become_what_they_would_with_the_whole_tensor() {
    let model = Model::new(1);
    let path = ParameterPath::weight(in_layer(0, LayerModule::Key));
    let rows = HIDDEN / N_HEADS * HIDDEN;
    for scheme in EVERY_SCHEME.iter().filter(|scheme| !scheme.starts_with("permute") && !scheme.starts_with("shuffle"))
    {
        let head = model.corrupted(&scheme.replace("all", "all/attention.head:1"));
        let whole = model.corrupted(scheme);
        assert_eq!(head.bits(path)[rows..2 * rows], whole.bits(path)[rows..2 * rows], "{scheme}");
        assert_eq!(head.bits(path)[2 * rows..], model.bits(path)[2 * rows..], "{scheme}");
    }
    let shuffled = model.corrupted("shuffle:1@all/attention.head:1");
    let sorted = |model: &Model| {
        let mut bits = model.bits(path)[rows..2 * rows].to_vec();
        bits.sort_unstable();
        bits
    };
    assert_eq!(sorted(&shuffled), sorted(&model));
    assert_ne!(shuffled.bits(path), model.bits(path));
}

#[test]
fn the_report_says_what_was_changed() {
    let mut model = Model::new(2);
    let before = model.clone();
    let report = model.apply("zero:1@layers:0/attention.query;bitflip:1,bit31@layers:0/attention.head:2", 5);
    let names: Vec<(usize, &str)> = report.tensors.iter().map(|t| (t.step_idx, t.name.as_str())).collect();
    let prefix = "bert.encoder.layer.0.attention";
    assert_eq!(
        names[..3],
        [
            (0, format!("{prefix}.self.query.weight").as_str()),
            (0, format!("{prefix}.self.query.bias").as_str()),
            (1, format!("{prefix}.self.query.weight").as_str()),
        ]
    );
    assert_eq!(names.len(), 2 + 7);
    let norm = |values: &[f32]| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let query = ParameterPath::weight(in_layer(0, LayerModule::Query));
    let zeroed = &report.tensors[0];
    assert_eq!(
        (zeroed.scheme.as_str(), zeroed.n_elements, zeroed.n_selected, zeroed.n_changed),
        ("zero:1", 144, 144, 144)
    );
    assert!((zeroed.norm_before - norm(before.values(query))).abs() < 1e-12);
    assert!(zeroed.norm_after.abs() < 1e-300);
    // The sign of 0 flips too: one head of three, and no norm changes.
    let flipped = &report.tensors[2];
    assert_eq!((flipped.scheme.as_str(), flipped.n_selected, flipped.n_changed), ("bitflip:1,bit31", 48, 48));
    let output = report.tensors.last().unwrap();
    assert_eq!((output.n_elements, output.n_selected, output.n_changed), (144, 48, 48));
    assert!(output.norm_before > 0.0 && output.norm_before.to_bits() == output.norm_after.to_bits());
    assert_eq!(report.totals.n_tensors, 7);
    assert_eq!(report.totals.n_selected, 144 + 12 + 4 * 48 + 3 * 4);
    assert_eq!(report.totals.n_changed, report.totals.n_selected);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<super::Report>(&json).unwrap(), report);
}

#[test]
fn values_that_are_not_finite_are_counted_and_left_out_of_norms() {
    let mut model = Model::new(1);
    let report = model.apply("bitflip:1,exponent@all/ffn.in;bitflip:0.5,exponent@all/ffn.out;zero:1@all/ffn.out", 5);
    let of = |step_idx| report.tensors.iter().filter(move |t| t.step_idx == step_idx);
    assert!(of(0).chain(of(1)).all(|t| t.norm_after.is_finite()));
    let n = of(1).map(|t| t.n_non_finite).sum::<usize>();
    assert!(n > 0, "half of all exponent bits flipped should make some exponent 255");
    assert_eq!(of(2).map(|t| t.n_non_finite).sum::<usize>(), 0);
    assert_eq!(report.totals.n_non_finite, of(0).map(|t| t.n_non_finite).sum::<usize>());
}

#[test]
fn permuting_moves_every_layer_and_keeps_every_value() {
    let model = Model::new(5);
    for seed in 0..20 {
        let mut permuted = model.clone();
        let report = permuted.apply("permute@layers:0-3", seed);
        let query = |layer_idx| ParameterPath::weight(in_layer(layer_idx, LayerModule::Query));
        let source = |layer_idx: usize| {
            (0..5).find(|other| model.bits(query(*other)) == permuted.bits(query(layer_idx))).unwrap()
        };
        let sources: Vec<usize> = (0..5).map(source).collect();
        assert!((0..4).all(|layer_idx| sources[layer_idx] != layer_idx), "{sources:?}");
        assert_eq!(sources[4], 4);
        // Every other parameter moved with the query.
        for module in LayerModule::ALL {
            for (layer_idx, source) in sources.iter().enumerate() {
                let path = |idx| ParameterPath::bias(in_layer(idx, module));
                assert_eq!(permuted.bits(path(layer_idx)), model.bits(path(*source)));
            }
        }
        let moved = report.tensors.iter().find(|t| t.name == query(2).to_string()).unwrap();
        let norm = |values: &[f32]| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!((moved.norm_before - norm(model.values(query(2)))).abs() < 1e-12);
        assert!((moved.norm_after - norm(permuted.values(query(2)))).abs() < 1e-12);
        assert_eq!(moved.n_changed, 144);
    }
    let permuted = model.corrupted("permute@all/ffn");
    let key = ParameterPath::weight(in_layer(0, LayerModule::Key));
    let ffn = ParameterPath::weight(in_layer(0, LayerModule::FfnIn));
    assert_eq!(permuted.bits(key), model.bits(key));
    assert_ne!(permuted.bits(ffn), model.bits(ffn));
}
