//! What each token contributed to a prediction: integrated gradients (Sundararajan, Taly & Yan, *Axiomatic Attribution
//! for Deep Networks*, 2017) with respect to the embeddings' output, as Captum's `LayerIntegratedGradients` takes them.
//!
//! The path runs in a straight line from a baseline's embeddings to the text's; the integral is a Gauss-Legendre sum,
//! whose points are the rows of one batch. Gradients come from the model's own backward pass. The method is *complete*:
//! scores sum to the difference between the function on the text and on the baseline, but for the quadrature, so the
//! caller can show how far a sum is off ([`Attribution::completeness_gap`]).

use candle_core::{Tensor, Var};

use crate::dataset::{Batch, EncodedExample};
use crate::error::{Error, Result};
use crate::model::{Encoder, ForwardMode, TextClassifier};

/// The scores of one text's tokens. They are NaN when the model's logits are not finite, on the text, the baseline or
/// anywhere between.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Per token, in logits: positive speaks for the class.
    pub scores: Vec<f32>,
    /// The function that is explained, on the text: the class's logit less the mean of the other classes' logits.
    pub margin: f32,
    /// The same on the baseline.
    pub baseline_margin: f32,
}

impl Attribution {
    /// `Σ scores − (margin − baseline margin)`: the error of the quadrature.
    #[must_use]
    pub fn completeness_gap(&self) -> f32 {
        self.scores.iter().sum::<f32>() - (self.margin - self.baseline_margin)
    }
}

/// Explains the margin of class `target` on the token ids `input_ids`. The baseline keeps the first and the last token,
/// `[CLS]` and `[SEP]`, and has the padding token in place of all others.
///
/// One forward and backward pass over `n_points` rows, and one forward pass over two.
///
/// # Errors
/// When there are no tokens, fewer than two classes or no such class, or no points.
pub fn integrated_gradients(
    model: &TextClassifier,
    input_ids: &[u32],
    pad_token_id: u32,
    target: u32,
    n_points: usize,
) -> Result<Attribution> {
    if input_ids.is_empty() || n_points == 0 {
        return Err(Error::Training(format!(
            "an attribution needs tokens and points, got {} tokens and {n_points} points",
            input_ids.len()
        )));
    }
    let mode = ForwardMode::Evaluation;
    let last = input_ids.len() - 1;
    let baseline_ids = input_ids.iter().enumerate();
    let baseline_ids = baseline_ids.map(|(at, id)| if at == 0 || at == last { *id } else { pad_token_id }).collect();
    let ends = [input_ids.to_vec(), baseline_ids].map(|input_ids| EncodedExample::of_one_text(input_ids, 0));
    let end_batch = Batch::new(&ends, &[0, 1], pad_token_id);
    let embedded = model.encoder().embed(&end_batch, mode)?.detach(); // [2, seq, hidden]
    let (text, baseline) = (embedded.narrow(0, 0, 1)?, embedded.narrow(0, 1, 1)?); // [1, seq, hidden]
    let margins = margin(model, &embedded, &end_batch, target)?.to_vec1::<f32>()?;

    let (points, weights) = gauss_legendre(n_points);
    let difference = (&text - &baseline)?;
    let at = Tensor::from_vec(points, (n_points, 1, 1), embedded.device())?;
    let path = Var::from_tensor(&at.broadcast_mul(&difference)?.broadcast_add(&baseline)?)?; // [points, seq, hidden]
    let path_batch = Batch::new(&ends, &vec![0; n_points], pad_token_id);
    let weights = Tensor::from_vec(weights, n_points, embedded.device())?;
    let integral = (margin(model, path.as_tensor(), &path_batch, target)? * weights)?.sum_all()?;
    // The parameters of an evaluation model have no gradients to collect.
    let gradient = match integral.backward()?.remove(path.as_tensor()) {
        Some(gradient) => gradient.sum(0)?, // [seq, hidden]
        None => difference.squeeze(0)?.zeros_like()?,
    };
    let mut scores: Vec<f32> = (gradient * difference.squeeze(0)?)?.sum(1)?.to_vec1()?; // [seq]
    // The gradient of a function may be a number where the function is none.
    if !integral.to_scalar::<f32>()?.is_finite() || margins.iter().any(|margin| !margin.is_finite()) {
        scores.fill(f32::NAN);
    }
    Ok(Attribution { scores, margin: margins[0], baseline_margin: margins[1] })
}

/// The class's logit less the mean of the others, `[batch]`, from the embeddings' output `[batch, seq, hidden]`.
fn margin(model: &TextClassifier, embedded: &Tensor, batch: &Batch, target: u32) -> Result<Tensor> {
    let mode = ForwardMode::Evaluation;
    let encoder: &Encoder = model.encoder();
    let mask = encoder.mask(batch)?;
    let hidden = encoder.first_of_embedded(embedded.clone(), &mask, mode)?; // [batch, 1, hidden]
    let logits = model.classify(&model.pool(&hidden)?, mode)?; // [batch, labels]
    let (_, n_labels) = logits.dims2()?;
    if n_labels < 2 || target as usize >= n_labels {
        return Err(Error::Training(format!("class {target} of {n_labels} cannot be compared with the others")));
    }
    let share = -1.0 / (n_labels - 1) as f32;
    let contrast = (0..n_labels).map(|label| if label == target as usize { 1.0 } else { share }).collect();
    let contrast: Tensor = Tensor::from_vec(contrast, (1, n_labels), logits.device())?;
    Ok(logits.broadcast_mul(&contrast)?.sum(1)?)
}

/// Points and weights of the Gauss-Legendre rule on 0 to 1, which integrates polynomials of degree `2n − 1` exactly.
/// The points are the roots of the Legendre polynomial of degree n, by Newton's method.
fn gauss_legendre(n: usize) -> (Vec<f32>, Vec<f32>) {
    (0..n)
        .map(|i| {
            let mut x = libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
            let mut slope = 1.0;
            // Quadratic convergence from this start: five steps reach the last bit, the others cost nothing.
            for _ in 0..10 {
                let (mut previous, mut value) = (1.0, x);
                for degree in 2..=n {
                    let k = degree as f64;
                    (previous, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * previous) / k);
                }
                slope = n as f64 * (x * value - previous) / (x * x - 1.0);
                x -= value / slope;
            }
            (f64::midpoint(1.0, -x) as f32, (1.0 / ((1.0 - x * x) * slope * slope)) as f32)
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
    use crate::model::{ModelConfig, Module, ParameterPath};
    use crate::nn::{Kernel, Kernels};
    use crate::random::Seed;
    use candle_core::{DType, Device};

    const POINTS: usize = 24;

    /// A random model whose weights are large enough for its function to be far from linear.
    fn model(std: f64, kernel: Kernel) -> TextClassifier {
        evaluation(&checkpoint(std), kernel)
    }

    fn checkpoint(std: f64) -> Checkpoint {
        let config = serde_json::json!({
            "model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 16,
            "initializer_range": std, "id2label": {"0": "a", "1": "b", "2": "c"}
        });
        let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
        let options =
            LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Unused };
        Checkpoint::random(&config, &options).unwrap()
    }

    fn evaluation(checkpoint: &Checkpoint, kernel: Kernel) -> TextClassifier {
        let kernels = Kernels::all(kernel);
        TextClassifier::for_evaluation(&checkpoint.config, &checkpoint.parameters, &kernels, DType::F32).unwrap()
    }

    #[test]
    fn gauss_legendre_integrates_powers() {
        let (points, weights) = gauss_legendre(5);
        for power in 0..10 {
            let sum: f64 = points.iter().zip(&weights).map(|(x, w)| f64::from(*w) * f64::from(*x).powi(power)).sum();
            assert!((sum - 1.0 / f64::from(power + 1)).abs() < 1e-6, "x^{power}: {sum}");
        }
    }

    #[test]
    fn scores_sum_to_what_the_text_changes() {
        for kernel in [Kernel::Fused, Kernel::Composite] {
            let model = model(0.2, kernel);
            for target in 0..3 {
                let attribution = integrated_gradients(&model, &[2, 9, 17, 33, 5, 3], 0, target, POINTS).unwrap();
                let explained: f32 = attribution.scores.iter().map(|score| score.abs()).sum();
                assert!(explained > 0.05, "there is something to explain: {attribution:?}");
                assert!(attribution.completeness_gap().abs() < 1e-3 * explained, "{attribution:?}");
                // Those that are in the baseline as they are cannot matter.
                assert_eq!((attribution.scores[0], attribution.scores[5]), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn the_fused_backward_pass_gives_the_scores_of_the_composite_one() {
        let ids = [2, 9, 17, 33, 5, 3];
        let scores = |kernel| integrated_gradients(&model(0.2, kernel), &ids, 0, 1, POINTS).unwrap().scores;
        for (fused, composite) in scores(Kernel::Fused).iter().zip(scores(Kernel::Composite)) {
            assert!((fused - composite).abs() < 1e-5, "{fused} {composite}");
        }
    }

    /// The gradient of logits does not depend on the classifier's bias, so it is a number where they are none.
    #[test]
    fn a_model_without_finite_logits_is_not_explained() {
        for kernel in [Kernel::Fused, Kernel::Composite] {
            let mut checkpoint = checkpoint(0.2);
            checkpoint.parameters.set(ParameterPath::bias(Module::Classifier), vec![f32::NAN; 3]).unwrap();
            let attribution = integrated_gradients(&evaluation(&checkpoint, kernel), &[2, 9, 17, 3], 0, 1, 4).unwrap();
            assert!(attribution.margin.is_nan());
            assert!(attribution.scores.iter().all(|score| score.is_nan()), "{attribution:?}");
        }
    }

    #[test]
    fn margins_of_all_classes_sum_to_zero_and_impossible_questions_are_refused() {
        let model = model(0.2, Kernel::Fused);
        let margins = (0..3).map(|target| integrated_gradients(&model, &[2, 7, 3], 0, target, 2).unwrap().margin);
        assert!(margins.sum::<f32>().abs() < 1e-6);
        assert!(integrated_gradients(&model, &[2, 7, 3], 0, 3, 2).is_err());
        assert!(integrated_gradients(&model, &[], 0, 0, 2).is_err());
        assert!(integrated_gradients(&model, &[2, 7, 3], 0, 0, 0).is_err());
    }
}
