//! Every scheme gives the same bits on every target.
//!
//! The same check runs natively and, by wasm-bindgen-test, in a real browser, against bits that the native build
//! wrote. After a change that is meant to alter them (which raises `numerics_version`), or for a new scheme (which does
//! not, as all lines that are there stay), make them anew:
//! `cargo test -p shared --test behaviour corruption_bits -- --ignored --nocapture | grep '^|' > shared/tests/golden/corruption_bits.txt`

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use shared::corruption::{Anatomy, Plan, TensorMut};
use shared::model::{Architecture, Kind, LayerModule, Module, ParameterPath};
use shared::random::Seed;

/// For each plan a line with the digest of its report, one for each tensor that it touches (name, the first half of the
/// SHA-256 of its values' bits, the bits of three values) and one for all others together.
const GOLDEN: &str = include_str!("golden/corruption_bits.txt");

/// Each scheme, some of them with values that reach rarely used paths.
const SCHEMES: [&str; 19] = [
    "kaiming",
    "kaiming-linear",
    "normal",
    "normal:0.3",
    "gaussian:0.5",
    "zero:0.3",
    "zero:1",
    "shuffle:0.6",
    "shuffle:1",
    "signflip:0.2",
    "bitflip:1e-3",
    "bitflip:0.1,sign",
    "bitflip:0.1,exponent",
    "bitflip:0.1,mantissa",
    "bitflip:0.25,bit22",
    "quantize:8",
    "quantize:2",
    "quantize:1",
    "permute",
];

/// Some of these select heads, single weights or several steps, delete a layer, and damage what a scheme before them has
/// made infinite or NaN.
const PLANS: [&str; 6] = [
    "kaiming@all/attention.head:1",
    "gaussian:0.3@all;zero:0.1@top:0.5/ffn",
    "bitflip:0.05,exponent@layers:0;gaussian:1@layers:0;quantize:5@layers:0;signflip:0.5@layers:0",
    "shuffle:0.5@layers:2/attention.head:0;permute@all;normal@bottom:1L/bias",
    // One of the bits makes another NaN of a NaN.
    "flip:430.23,bit30@embeddings/word;flip:4,bit0@layers:1/ffn.in;flip:3,bit31@layers:0/layernorm.ffn.bias",
    "kaiming@layers:0-1/ffn.in;skip@layers:1;gaussian:0.5@layers:0-1/bias",
];

const HIDDEN: usize = 24;
const N_LAYERS: usize = 3;

fn shape(path: ParameterPath) -> Vec<usize> {
    let [out, input] = match path.module {
        // More than one chunk, and not a whole number of them.
        Module::WordEmbeddings => [431, HIDDEN],
        Module::PositionEmbeddings => [17, HIDDEN],
        Module::TokenTypeEmbeddings => [2, HIDDEN],
        Module::Classifier => [3, HIDDEN],
        Module::Layer(_, LayerModule::FfnIn) => [37, HIDDEN],
        Module::Layer(_, LayerModule::FfnOut) => [HIDDEN, 37],
        _ => [HIDDEN, HIDDEN],
    };
    if path.kind == Kind::Bias || path.module.is_layer_norm() { vec![out] } else { vec![out, input] }
}

/// Normal weights, with values in one bias that arithmetic likes to change.
fn model() -> Vec<(ParameterPath, Vec<f32>)> {
    let awkward =
        [0x8000_0000, 0x0000_0001, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc1_2345, 0x7f7f_ffff, 0x807f_ffff];
    ParameterPath::all(Architecture::DistilBert, N_LAYERS)
        .into_iter()
        .map(|path| {
            let n: usize = shape(path).iter().product();
            let stream = Seed(2024).stream("golden model", &path.name(Architecture::DistilBert));
            let mut values: Vec<f32> = (0..n as u64).map(|i| (0.04 * stream.normal_at(i)) as f32).collect();
            if path == ParameterPath::bias(Module::Layer(1, LayerModule::FfnIn)) {
                for (value, bits) in values.iter_mut().zip(awkward) {
                    *value = f32::from_bits(bits);
                }
            }
            (path, values)
        })
        .collect()
}

/// The golden file's lines for one plan.
fn lines(plan_text: &str) -> String {
    let anatomy = Anatomy { architecture: Architecture::DistilBert, n_layers: N_LAYERS, n_heads: 4 };
    let plan = Plan::parse(plan_text).expect("the plans of this file are right");
    let mut model = model();
    let mut tensors: Vec<_> =
        model.iter_mut().map(|(path, data)| TensorMut { path: *path, shape: shape(*path), data }).collect();
    let report = plan.apply(Seed(7), anatomy, &mut tensors).expect("every tensor is there");
    // Norms are sums: their bits too must not depend on the target.
    let report = serde_json::to_string(&report).expect("a report is JSON");
    let mut lines = format!("| {plan_text} | {} |\n", hex::encode(Sha256::digest(report)));
    let touched = plan.touched(anatomy).expect("the plan was applied");
    let mut untouched = Sha256::new();
    for (path, values) in &model {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_bits().to_le_bytes()).collect();
        if touched.contains(path) {
            let first: Vec<String> = values[..3].iter().map(|x| format!("{:08x}", x.to_bits())).collect();
            let hash = hex::encode(Sha256::digest(bytes));
            let name = path.name(Architecture::DistilBert);
            writeln!(lines, "| {name} | {} | {} |", &hash[..32], first.join(" ")).expect("text has room");
        } else {
            untouched.update(bytes);
        }
    }
    writeln!(lines, "| the rest | {} |", hex::encode(untouched.finalize())).expect("text has room");
    lines
}

/// The golden file's first line: normal samples before they are rounded to f32, which hides most of what another
/// logarithm or cosine would change.
fn normal_samples() -> String {
    let stream = Seed(3).stream("golden", "normal");
    let bytes: Vec<u8> = (0..20_000).flat_map(|i| stream.normal_at(i).to_bits().to_le_bytes()).collect();
    format!("| normal samples | {} |\n", hex::encode(Sha256::digest(bytes)))
}

/// Everything that the golden file holds.
fn all_lines() -> String {
    let plans = all_plans();
    normal_samples() + &plans.iter().map(|plan| lines(plan)).collect::<String>()
}

/// Each scheme on the embeddings, on one layer's attention and on the awkward values (a permutation on two layers).
fn all_plans() -> Vec<String> {
    let on = |scheme: &&str| match *scheme {
        "permute" => "permute@layers:0-1".to_owned(),
        scheme => format!("{scheme}@embeddings,layers:1/weight,ffn.in"),
    };
    SCHEMES.iter().map(on).chain(PLANS.iter().map(|plan| (*plan).to_owned())).collect()
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_scheme_gives_the_golden_bits() {
    let lines = all_lines();
    for (i, (line, golden)) in lines.lines().zip(GOLDEN.lines()).enumerate() {
        assert_eq!(line, golden, "line {} of the golden file", i + 1);
    }
    assert_eq!(lines.lines().count(), GOLDEN.lines().count());
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
#[ignore = "prints the golden file"]
fn print_the_golden_bits() {
    print!("\n{}", all_lines());
}
