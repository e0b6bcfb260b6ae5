//! Finite differences of every operation, fused and composite, and fused against composite.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, Var};

use super::*;
use crate::random::Seed;

/// Step of the central difference: with values of order 1 in f32 its rounding error is about 1e-4.
const STEP: f32 = 1e-2;
/// Rounding plus the truncation error of the third derivative at that step.
const TOLERANCE: f32 = 5e-3;
/// Fused and composite forms differ by the order of additions only.
const AGREEMENT: f32 = 2e-5;

fn random(name: &str, shape: &[usize]) -> Vec<f32> {
    let stream = Seed(11).stream("test/finite differences", name);
    (0..shape.iter().product::<usize>() as u64).map(|i| stream.normal_at(i) as f32).collect()
}

fn var(name: &str, shape: &[usize]) -> Var {
    Var::from_vec(random(name, shape), shape, &Device::Cpu).unwrap()
}

/// Σ w·y with fixed random weights, so that every element of the result has its own influence.
fn weighted_sum(y: &Tensor) -> f64 {
    let y: Vec<f32> = y.flatten_all().unwrap().to_vec1().unwrap();
    y.iter().zip(random("weights", &[y.len()])).map(|(y, w)| f64::from(*y) * f64::from(w)).sum()
}

type Operation<'a> = dyn Fn(&[Tensor]) -> Result<Tensor> + 'a;

fn evaluate(inputs: &[Var], operation: &Operation<'_>) -> Tensor {
    operation(&inputs.iter().map(Var::as_detached_tensor).collect::<Vec<_>>()).unwrap()
}

fn gradients(inputs: &[Var], operation: &Operation<'_>) -> Vec<Vec<f32>> {
    let y = operation(&inputs.iter().map(|input| input.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
    let weights = Tensor::from_vec(random("weights", &[y.elem_count()]), y.shape(), &Device::Cpu).unwrap();
    let store = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let of = |input: &Var| store.get(input).expect("every input gets a gradient").flatten_all().unwrap();
    inputs.iter().map(|input| of(input).to_vec1().unwrap()).collect()
}

/// Compares every gradient with central differences at up to 24 elements of each input.
fn check(name: &str, inputs: &[Var], operation: &Operation<'_>) {
    for (input_idx, (input, gradient)) in inputs.iter().zip(gradients(inputs, operation)).enumerate() {
        let values: Vec<f32> = input.flatten_all().unwrap().to_vec1().unwrap();
        let stride = values.len().div_ceil(24);
        for element in (0..values.len()).step_by(stride) {
            let moved = |by: f32| {
                let mut values = values.clone();
                values[element] += by;
                input.set(&Tensor::from_vec(values, input.shape(), &Device::Cpu).unwrap()).unwrap();
                weighted_sum(&evaluate(inputs, operation))
            };
            let difference = ((moved(STEP) - moved(-STEP)) / (2.0 * f64::from(STEP))) as f32;
            moved(0.0);
            let scale = difference.abs().max(1.0);
            assert!(
                (gradient[element] - difference).abs() <= TOLERANCE * scale,
                "{name}, input {input_idx}, element {element}: gradient {} but difference {difference}",
                gradient[element]
            );
        }
    }
}

/// Checks both forms by finite differences, and that they agree in values and gradients.
fn check_both(name: &str, inputs: &[Var], operation: impl Fn(&[Tensor], &Kernels) -> Result<Tensor>) {
    for kernel in [Kernel::Fused, Kernel::Composite] {
        check(&format!("{name} {kernel:?}"), inputs, &|x| operation(x, &Kernels::all(kernel)));
    }
    check_agreement(name, inputs, operation);
}

/// Checks that both forms agree in values and gradients.
fn check_agreement(name: &str, inputs: &[Var], operation: impl Fn(&[Tensor], &Kernels) -> Result<Tensor>) {
    let forms = [Kernel::Fused, Kernel::Composite].map(|kernel| {
        let operation = |x: &[Tensor]| operation(x, &Kernels::all(kernel));
        let values: Vec<f32> = evaluate(inputs, &operation).flatten_all().unwrap().to_vec1().unwrap();
        (values, gradients(inputs, &operation))
    });
    let [(fused, fused_gradients), (composite, composite_gradients)] = forms;
    let agree = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= AGREEMENT * a.abs().max(1.0));
    assert!(agree(&fused, &composite), "{name}: values differ");
    for (input_idx, (a, b)) in fused_gradients.iter().zip(&composite_gradients).enumerate() {
        assert!(agree(a, b), "{name}: gradients of input {input_idx} differ");
    }
}

#[test]
fn linear_has_its_gradients() {
    let inputs = [var("x", &[2, 5, 7]), var("w", &[3, 7]), var("b", &[3])];
    check_both("linear", &inputs, |x, kernels| Linear::new(x[1].clone(), x[2].clone(), kernels).forward(&x[0]));
}

#[test]
fn layer_norm_has_its_gradients() {
    let inputs = [var("x", &[2, 3, 19]), var("gain", &[19]), var("bias", &[19])];
    check_both("layer norm", &inputs, |x, kernels| {
        LayerNorm::new(x[1].clone(), x[2].clone(), 1e-12, kernels).forward(&x[0])
    });
}

#[test]
fn gelu_has_its_gradient() {
    check_both("gelu", &[var("x", &[40])], |x, kernels| gelu(&x[0], kernels));
}

#[test]
fn embedding_has_its_gradient_also_for_repeated_ids() {
    let ids = Arc::new(vec![3, 0, 3, 1, 3]);
    let collector = Collector::default();
    check_both("embedding", &[var("table", &[5, 4])], |x, kernels| {
        embedding(&[(&x[0], Arc::clone(&ids))], kernels, &collector)
    });
    let others = Arc::new(vec![1, 1, 0, 2, 2]);
    let tables = [var("table", &[5, 4]), var("second", &[3, 4]), var("third", &[5, 4])];
    check_both("embedding of two tables", &tables[..2], |x, kernels| {
        embedding(&[(&x[0], Arc::clone(&ids)), (&x[1], Arc::clone(&others))], kernels, &collector)
    });
    check_both("embedding of three tables", &tables, |x, kernels| {
        let tables = [(&x[0], Arc::clone(&ids)), (&x[1], Arc::clone(&others)), (&x[2], Arc::clone(&ids))];
        embedding(&tables, kernels, &collector)
    });
}

#[test]
fn cross_entropy_has_its_gradient() {
    let labels = Arc::new(vec![2, 0, 1, 1]);
    check_both("cross-entropy", &[var("logits", &[4, 3])], |x, kernels| cross_entropy(&x[0], &labels, kernels));
}

#[test]
fn dropout_has_its_gradient_and_drops_the_same_elements_in_both_forms() {
    let site = Dropout::new(&Seed(1).stream("dropout", ""), 5, 0.4).unwrap();
    check_both("dropout", &[var("x", &[6, 8])], |x, kernels| dropout(&x[0], Some(&site), kernels));
}

#[test]
fn attention_has_its_gradients_with_padding_holes_and_dropout() {
    let (rows, tokens, hidden, heads) = (3, 5, 12, 3);
    // A full row, a row with a hole and padding, and a row with one token.
    let mask = Arc::new(vec![1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0]);
    let inputs = ["q", "k", "v"].map(|name| var(name, &[rows, tokens, hidden]));
    for probability in [0.0, 0.3] {
        let site = Dropout::new(&Seed(2).stream("dropout", ""), 1, probability);
        check_both(&format!("attention with dropout {probability}"), &inputs, |x, kernels| {
            let mask = AttentionMask::new(Arc::clone(&mask), rows, tokens, &Device::Cpu, kernels)?;
            attention(&x[0], &x[1], &x[2], &mask, heads, site.as_ref(), kernels)
        });
    }
}

/// Beside `f32::MIN` a score is rounded away, so finite differences are 0 while automatic differentiation, here and in
/// PyTorch, passes the sum's gradient on: the forms are only compared with each other.
#[test]
fn a_row_without_any_token_is_attended_to_evenly_and_not_nan() {
    let (tokens, hidden) = (4, 6);
    let inputs = ["q", "k", "v"].map(|name| var(name, &[1, tokens, hidden]));
    check_agreement("attention over nothing", &inputs, |x, kernels| {
        let mask = AttentionMask::new(Arc::new(vec![0; tokens]), 1, tokens, &Device::Cpu, kernels)?;
        attention(&x[0], &x[1], &x[2], &mask, 2, None, kernels)
    });
}

/// Mean 1000 and spread 1: the one-pass E[x²] − mean² has no correct digit left in f32.
#[test]
fn layer_norm_keeps_its_digits_where_the_mean_is_large() {
    let n = 64;
    let x: Vec<f32> = random("x", &[n]).into_iter().map(|x| 1000.0 + x).collect();
    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
    let variance = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n as f64;
    let expected: Vec<f32> = x.iter().map(|x| ((f64::from(*x) - mean) / variance.sqrt()) as f32).collect();
    let x = Tensor::from_vec(x, (1, n), &Device::Cpu).unwrap();
    let (gain, bias) = (Tensor::ones(n, DType::F32, &Device::Cpu), Tensor::zeros(n, DType::F32, &Device::Cpu));
    let (gain, bias) = (gain.unwrap(), bias.unwrap());
    for kernel in [Kernel::Fused, Kernel::Composite] {
        let norm = LayerNorm::new(gain.clone(), bias.clone(), 1e-12, &Kernels::all(kernel));
        let y: Vec<f32> = norm.forward(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let worst = y.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // f32 holds 1000 to 6e-5.
        assert!(worst < 2e-4, "{kernel:?}: {worst}");
    }
    let constant = Tensor::full(3.7_f32, (1, n), &Device::Cpu).unwrap();
    for kernel in [Kernel::Fused, Kernel::Composite] {
        let norm = LayerNorm::new(gain.clone(), bias.clone(), 1e-12, &Kernels::all(kernel));
        let y: Vec<f32> = norm.forward(&constant).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert!(y.iter().all(|y| y.is_finite()), "{kernel:?}: a constant row is not finite");
    }
}

#[test]
fn collected_gradients_are_those_of_a_plain_backward_pass() {
    let table = var("table", &[6, 4]);
    let (weight, bias) = (var("w", &[3, 4]), var("b", &[3]));
    let ids = Arc::new(vec![1, 4, 1]);
    let (kernels, collector) = (Kernels::all(Kernel::Fused), Collector::default());
    let loss = || {
        let x = embedding(&[(&table, Arc::clone(&ids))], &kernels, &collector).unwrap();
        let linear = Linear::new(weight.as_tensor().clone(), bias.as_tensor().clone(), &kernels).collecting(&collector);
        // The same weights twice, so that gradients are summed.
        let y = (linear.forward(&x).unwrap() + linear.forward(&(&x * 2.0).unwrap()).unwrap()).unwrap();
        cross_entropy(&y, &Arc::new(vec![0, 2, 1]), &kernels).unwrap()
    };
    let plain = loss().backward().unwrap();
    let mut collected = collect(&loss(), &collector).unwrap();
    for var in [&table, &weight, &bias] {
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let gradient = collected.remove(var).unwrap().unwrap();
        assert_eq!(flat(&gradient.to_dense(var).unwrap()), flat(plain.get(var).unwrap()));
        let norm: f64 = flat(plain.get(var).unwrap()).iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!((gradient.squared_norm().unwrap() - norm).abs() < 1e-6 * norm);
    }
}

fn adamw(args: &crate::training::TrainingArgs) -> AdamW {
    let betas = (args.adam_beta1, args.adam_beta2);
    AdamW::new(betas, args.adam_epsilon, args.weight_decay, &Kernels::all(Kernel::Fused))
}

#[test]
fn adamw_on_rows_is_adamw_on_the_dense_gradient() {
    let args = crate::training::TrainingArgs { weight_decay: 0.1, ..Default::default() };
    let optimizer = adamw(&args);
    let (by_row, dense) = (var("table", &[7, 3]), var("table", &[7, 3]));
    let mut states = [optimizer.initial_state(&by_row).unwrap(), optimizer.initial_state(&dense).unwrap()];
    for step in 1..=4 {
        // Other rows each time: some are touched once and then have no gradient, one never is.
        let ids = [vec![0, 2, 2], vec![1], vec![2, 5], vec![6]][step - 1].clone();
        let values = random(&format!("gradient {step}"), &[ids.len(), 3]);
        let rows = Gradient::Rows(RowGradient::new(&ids, &values, 3));
        let full = Gradient::Dense(rows.to_dense(&dense).unwrap());
        let scale = UpdateScale { learning_rate: 0.1, gradient_scale: 0.5, step };
        optimizer.update(&by_row, &rows, &mut states[0], WeightDecay::Applies, scale).unwrap();
        optimizer.update(&dense, &full, &mut states[1], WeightDecay::Applies, scale).unwrap();
        let flat = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(flat(&by_row), flat(&dense), "step {step}");
    }
}

/// A second moment of one step is (1−β₂)·g² and a mean (1−β₁)·g, which f32 can hold to 6e-8; 1 − 0.999 formed in f32 would
/// be off by 1.3e-5.
#[test]
fn moments_of_adamw_agree_with_f64_to_the_last_digits() {
    let args = crate::training::TrainingArgs::default();
    let optimizer = adamw(&args);
    let parameter = var("w", &[40]);
    let gradients = random("gradient", &[3, 40]);
    let mut state = optimizer.initial_state(&parameter).unwrap();
    let (mut m, mut v) = ([0.0_f64; 40], [0.0_f64; 40]);
    for (step, gradient) in (1..).zip(gradients.chunks_exact(40)) {
        let tensor = Tensor::from_slice(gradient, 40, &Device::Cpu).unwrap();
        let scale = UpdateScale { learning_rate: 0.1, gradient_scale: 1.0, step };
        optimizer.update(&parameter, &Gradient::Dense(tensor), &mut state, WeightDecay::Exempt, scale).unwrap();
        for ((m, v), g) in m.iter_mut().zip(&mut v).zip(gradient) {
            let g = f64::from(*g);
            (*m, *v) = (0.9 * *m + (1.0 - 0.9) * g, 0.999 * *v + (1.0 - 0.999) * g * g);
        }
    }
    let AdamWState::Host { mean, mean_square, .. } = state else { panic!("fused moments are on the host") };
    // Four roundings a step. Means of both signs may cancel, so their error is held against the gradient's size.
    for ((got, expected), scale) in mean.iter().zip(m).zip(&v) {
        assert!((f64::from(*got) - expected).abs() < 5e-7 * (scale / 0.003).sqrt(), "m: {got}, expected {expected}");
    }
    for (got, expected) in mean_square.iter().zip(v) {
        assert!((f64::from(*got) / expected - 1.0).abs() < 8e-7, "v: {got}, expected {expected}");
    }
}

/// The square of 1e-24 is 0 in f32: the row has m ≠ 0 and v = 0.
#[test]
fn a_table_row_with_a_tiny_gradient_goes_on_the_same_after_restoring() {
    let args = crate::training::TrainingArgs { adam_epsilon: 1e-30, ..Default::default() };
    let optimizer = adamw(&args);
    let (through, resumed) = (var("table", &[3, 2]), var("table", &[3, 2]));
    let mut state = optimizer.initial_state(&through).unwrap();
    let scale = |step| UpdateScale { learning_rate: 1e-6, gradient_scale: 1.0, step };
    let step_on = |table: &Var, state: &mut AdamWState, row: u32, g: f32, step| {
        let rows = Gradient::Rows(RowGradient::new(&[row], &[g, -g], 2));
        optimizer.update(table, &rows, state, WeightDecay::Exempt, scale(step)).unwrap();
    };
    step_on(&through, &mut state, 0, 1e-24, 1);
    let AdamWState::Host { mean, mean_square, .. } = &state else { panic!("fused moments are on the host") };
    assert!(mean[0] != 0.0 && mean_square[0] == 0.0, "{mean:?}, {mean_square:?}");
    resumed.set(through.as_tensor()).unwrap();
    let mut restored = optimizer.restored_state(&resumed, mean.clone(), mean_square.clone()).unwrap();
    let flat = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let before = flat(&through);
    for (table, state) in [(&through, &mut state), (&resumed, &mut restored)] {
        step_on(table, state, 2, 0.5, 2);
    }
    assert_ne!(flat(&through)[..2], before[..2], "the row still moves");
    assert_eq!(flat(&resumed), flat(&through));
}

#[test]
fn a_norm_that_is_no_number_clips_to_none() {
    assert!(clip_factor(f64::NAN, 1.0).is_nan());
    assert_eq!((clip_factor(0.5, 1.0), clip_factor(4.0 - 1e-6, 1.0), clip_factor(4.0, 0.0)), (1.0, 0.25, 1.0));
}
