//! What is not a number stays visible: no operation makes an ordinary number of NaN or of an overflow, except where the
//! limit is exact (tanh of ±∞, ReLU of −∞, the softmax weight of −∞ beside a finite score).
//!
//! Every operation in both forms; natively and, by wasm-bindgen-test, in a real browser.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use shared::dataset::{Batch, EncodedExample};
use shared::model::{ForwardMode, ModelConfig, Module, ParameterPath, TextClassifier};
use shared::nn::{
    AttentionMask, Collector, Dropout, Kernel, Kernels, LayerNorm, attention, attention_probabilities, cross_entropy,
    dropout, embedding, gelu,
};
use shared::random::Seed;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn both() -> [Kernels; 2] {
    [Kernel::Fused, Kernel::Composite].map(Kernels::all)
}

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Values between −1 and 1 that differ from each other.
fn wave(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect()
}

fn norm(width: usize, kernels: &Kernels) -> LayerNorm {
    LayerNorm::new(tensor(&vec![0.5; width], &[width]), tensor(&vec![0.25; width], &[width]), 1e-12, kernels)
}

/// 37 is no multiple of any vector's width.
const WIDTH: usize = 37;

#[test]
fn layer_norm_of_a_row_whose_statistics_are_not_finite_is_nan_and_leaves_other_rows_alone() {
    // The last overflows only in the sum of squares: 1 / √∞ would be 0 and leave the bias alone.
    for bad in [NAN, INF, -INF, f32::MAX, 1e30, -1e30] {
        for at in [0, 16, WIDTH - 1] {
            let mut x = wave(3 * WIDTH);
            x[WIDTH + at] = bad;
            for kernels in both() {
                let y = floats(&norm(WIDTH, &kernels).forward(&tensor(&x, &[3, WIDTH])).unwrap());
                let [first, middle, last] = [0, 1, 2].map(|row| &y[row * WIDTH..(row + 1) * WIDTH]);
                assert!(middle.iter().all(|y| y.is_nan()), "{bad} at {at}, {:?}: {middle:?}", kernels.layer_norm);
                assert!(first.iter().chain(last).all(|y| y.is_finite()), "{bad} at {at}, {:?}", kernels.layer_norm);
            }
        }
    }
}

#[test]
fn layer_norm_of_a_row_that_overflows_has_no_ordinary_gradient() {
    let mut x = wave(2 * WIDTH);
    x[3] = 1e30;
    for kernels in both() {
        let x = Var::from_tensor(&tensor(&x, &[2, WIDTH])).unwrap();
        let gain = Var::from_vec(vec![0.5_f32; WIDTH], WIDTH, &Device::Cpu).unwrap();
        let bias = Var::from_vec(vec![0.0_f32; WIDTH], WIDTH, &Device::Cpu).unwrap();
        let norm = LayerNorm::new(gain.as_tensor().clone(), bias.as_tensor().clone(), 1e-12, &kernels);
        let y = norm.forward(x.as_tensor()).unwrap();
        let weights = tensor(&wave(2 * WIDTH), &[2, WIDTH]);
        let gradients = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
        let dx = floats(gradients.get(&x).unwrap());
        assert!(dx[..WIDTH].iter().all(|g| g.is_nan()), "{:?}: {dx:?}", kernels.layer_norm);
        assert!(dx[WIDTH..].iter().all(|g| g.is_finite()), "{:?}: {dx:?}", kernels.layer_norm);
        let dgain = floats(gradients.get(&gain).unwrap());
        assert!(dgain.iter().all(|g| g.is_nan()), "{:?}: {dgain:?}", kernels.layer_norm);
    }
}

#[test]
fn gelu_keeps_nan_and_infinity_and_lets_nothing_ordinary_come_of_them() {
    let x = [NAN, INF, -INF, 1.0, -1e30, f32::MIN, f32::MAX];
    for kernels in both() {
        // Alone and within a whole vector of each width.
        for repeats in [1, 4, 9] {
            let x = x.repeat(repeats);
            let y = floats(&gelu(&tensor(&x, &[x.len()]), &kernels).unwrap());
            for (x, y) in x.iter().zip(&y) {
                let is_right = match *x {
                    x if x.is_nan() => y.is_nan(),
                    x if x == INF || x == f32::MAX => *y == x,
                    x if x == -INF => y.is_nan() || *y == -INF,
                    1.0 => (y - 0.841_344_7).abs() < 1e-6,
                    // Φ is 0 there.
                    _ => *y == 0.0,
                };
                assert!(is_right, "{:?}: gelu({x}) = {y}", kernels.gelu);
            }
            let x = Var::from_vec(x.clone(), x.len(), &Device::Cpu).unwrap();
            let gradients = gelu(x.as_tensor(), &kernels).unwrap().sum_all().unwrap().backward().unwrap();
            let dx = floats(gradients.get(&x).unwrap());
            for (x, dx) in floats(&x).iter().zip(&dx) {
                assert!(x.is_finite() || !dx.is_finite(), "{:?}: gelu'({x}) = {dx}", kernels.gelu);
            }
        }
    }
}

/// Attention of one head whose scores for every query are `scores`: queries are 1, keys the scores, of size 1.
fn attend(scores: &[f32], mask: &[u32], kernels: &Kernels) -> (Vec<f32>, Vec<f32>) {
    let n = scores.len();
    let mask = AttentionMask::new(Arc::new(mask.to_vec()), 1, n, &Device::Cpu, kernels).unwrap();
    let (q, k) = (tensor(&vec![1.0; n], &[1, n, 1]), tensor(scores, &[1, n, 1]));
    let v = tensor(&(0..n).map(|i| i as f32 + 1.0).collect::<Vec<_>>(), &[1, n, 1]);
    let out = attention(&q, &k, &v, &mask, 1, None, kernels).unwrap();
    let probabilities = attention_probabilities(&q, &k, &mask, 1, kernels).unwrap();
    (floats(&out), floats(&probabilities))
}

#[test]
fn a_row_of_scores_with_nan_or_infinity_or_without_a_finite_one_gives_nan() {
    for n in [1, 3, 4, 5, 16, 19] {
        let mask = vec![1; n];
        for bad in [NAN, INF] {
            for at in [0, n / 2, n - 1] {
                let mut scores = wave(n);
                scores[at] = bad;
                for kernels in both() {
                    let (out, probabilities) = attend(&scores, &mask, &kernels);
                    let all = out.iter().chain(&probabilities);
                    assert!(
                        all.into_iter().all(|y| y.is_nan()),
                        "{bad} at {at} of {n}, {:?}: {out:?}",
                        kernels.attention
                    );
                }
            }
        }
        for kernels in both() {
            let (out, _) = attend(&vec![-INF; n], &mask, &kernels);
            assert!(out.iter().all(|y| y.is_nan()), "−∞ only, {n}, {:?}: {out:?}", kernels.attention);
        }
    }
}

#[test]
fn a_score_of_minus_infinity_beside_a_finite_one_has_weight_zero() {
    for n in [2, 5, 19] {
        let mut scores = vec![-INF; n];
        scores[n - 1] = 0.5;
        for kernels in both() {
            let (out, _) = attend(&scores, &vec![1; n], &kernels);
            assert!(out.iter().all(|y| *y == n as f32), "{n}, {:?}: {out:?}", kernels.attention);
        }
    }
}

/// The deliberate difference from an eager batch of transformers, where a padding key of NaN spoils its row.
#[test]
fn keys_behind_the_last_token_take_no_part_whatever_they_are() {
    let mask = [1, 1, 1, 0, 0];
    for bad in [NAN, INF, -INF] {
        for kernels in both() {
            let (out, _) = attend(&[0.1, 0.2, 0.3, bad, 7.0], &mask, &kernels);
            let (expected, _) = attend(&[0.1, 0.2, 0.3, 0.0, 0.0], &mask, &kernels);
            assert_eq!(out, expected, "{bad}, {:?}", kernels.attention);
            // Nor do they stand in for tokens that have no finite score.
            let (out, _) = attend(&[-INF, -INF, -INF, 1.0, bad], &mask, &kernels);
            assert!(out.iter().all(|y| y.is_nan()), "{bad}, {:?}: {out:?}", kernels.attention);
        }
    }
}

#[test]
fn losses_of_logits_that_are_not_finite_are_not_finite() {
    let labels = Arc::new(vec![1, 0]);
    for row in [[NAN, 0.0, 1.0], [0.0, NAN, 1.0], [INF, 0.0, 1.0], [0.0, INF, 1.0], [-INF; 3], [0.0, -INF, 1.0]] {
        for kernels in both() {
            let logits = tensor(&[&row[..], &[0.5, 1.0, 2.0]].concat(), &[2, 3]);
            let loss = cross_entropy(&logits, &labels, &kernels).unwrap().to_scalar::<f32>().unwrap();
            assert!(!loss.is_finite(), "{row:?}, {:?}: {loss}", kernels.cross_entropy);
        }
    }
}

#[test]
fn dropout_and_look_up_pass_on_what_is_not_finite() {
    let site = Dropout::new(&Seed(1).stream("dropout", ""), 5, 0.5).unwrap();
    for kernels in both() {
        for bad in [NAN, INF] {
            let y = floats(&dropout(&tensor(&[bad; 40], &[40]), Some(&site), &kernels).unwrap());
            assert!(y.iter().all(|y| !y.is_finite()), "{:?}: {y:?}", kernels.dropout);
            let table = tensor(&[1.0, 2.0, bad, 3.0], &[2, 2]);
            let ids = Arc::new(vec![1]);
            let row = floats(&embedding(&[(&table, Arc::clone(&ids))], &kernels, &Collector::default()).unwrap());
            assert!(!row[0].is_finite() && row[1] == 3.0, "{:?}: {row:?}", kernels.embedding);
        }
    }
}

/// A random model of two layers, `hidden_size` 16.
fn checkpoint(model_type: &str) -> Checkpoint {
    let config = serde_json::json!({
        "model_type": model_type, "vocab_size": 40, "hidden_size": 16, "dim": 16, "num_hidden_layers": 2, "n_layers": 2,
        "num_attention_heads": 2, "n_heads": 2, "intermediate_size": 32, "hidden_dim": 32, "max_position_embeddings": 64,
        "id2label": {"0": "a", "1": "b", "2": "c"}
    });
    let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
    Checkpoint::random(
        &config,
        &LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Unused },
    )
    .unwrap()
}

#[test]
fn nan_in_any_parameter_of_a_model_leaves_no_finite_logits() {
    for model_type in ["bert", "distilbert"] {
        let mut checkpoint = checkpoint(model_type);
        let paths: Vec<_> = checkpoint.parameters.paths().collect();
        let row = EncodedExample::of_one_text(vec![2, 9, 17, 3], 0);
        for path in paths {
            let values = checkpoint.parameters.to_vec(path).unwrap();
            checkpoint.parameters.set(path, vec![NAN; values.len()]).unwrap();
            for kernels in both() {
                let (config, parameters) = (&checkpoint.config, &checkpoint.parameters);
                let model = TextClassifier::for_evaluation(config, parameters, &kernels, DType::F32).unwrap();
                let batch = Batch::new(std::slice::from_ref(&row), &[0], 0);
                let logits = floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap());
                assert!(logits.iter().all(|x| x.is_nan()), "{model_type}, {path}, {:?}: {logits:?}", kernels.linear);
            }
            checkpoint.parameters.set(path, values).unwrap();
        }
    }
}

#[test]
fn a_row_of_a_model_is_nan_whatever_its_padding_and_only_that_row() {
    // Token 9 is NaN, and so is the padding token 0, which nobody may notice.
    let mut checkpoint = checkpoint("bert");
    let path = ParameterPath::weight(Module::WordEmbeddings);
    let mut table = checkpoint.parameters.to_vec(path).unwrap();
    table[9 * 16 + 5] = NAN;
    table[5] = NAN;
    checkpoint.parameters.set(path, table).unwrap();
    let rows = [vec![2, 9, 17, 3], vec![2, 17, 3], vec![2, 4, 5, 6, 7, 3]];
    let rows = rows.map(|input_ids| EncodedExample::of_one_text(input_ids, 0));
    for kernels in both() {
        let (config, parameters) = (&checkpoint.config, &checkpoint.parameters);
        let model = TextClassifier::for_evaluation(config, parameters, &kernels, DType::F32).unwrap();
        let logits = model.forward(&Batch::new(&rows, &[0, 1, 2], 0), ForwardMode::Evaluation).unwrap();
        let logits: Vec<Vec<f32>> = logits.to_vec2().unwrap();
        let is_finite = logits.iter().map(|row| row.iter().all(|x| x.is_finite())).collect::<Vec<_>>();
        assert_eq!(is_finite, [false, true, true], "{:?}: {logits:?}", kernels.attention);
    }
}
