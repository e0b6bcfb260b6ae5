//! Each scheme does what its equation says. Statistical tolerances are five standard errors.

use super::super::{Anatomy, Plan, TensorMut};
use super::{Model, bits, in_layer};
use crate::model::{Architecture, LayerModule, Module, ParameterPath};
use crate::random::Seed;

const ROWS: usize = 512;
const FAN_IN: usize = 96;
const N: usize = ROWS * FAN_IN;

/// A scheme on a look-up table of `[ROWS, FAN_IN]` normal values with mean 0.1 and standard deviation 0.5, before and
/// after.
fn before_and_after(scheme: &str) -> (Vec<f32>, Vec<f32>) {
    let stream = Seed(4).stream("test", "values");
    let before: Vec<f32> = (0..N as u64).map(|i| (0.1 + 0.5 * stream.normal_at(i)) as f32).collect();
    let mut after = before.clone();
    apply(scheme, &mut after);
    (before, after)
}

fn apply(scheme: &str, values: &mut [f32]) {
    let plan = Plan::parse(&format!("{scheme}@pooler/weight")).unwrap();
    let anatomy = Anatomy { architecture: Architecture::Bert, n_layers: 0, n_heads: 1 };
    let shape = vec![values.len() / FAN_IN.min(values.len()), FAN_IN.min(values.len())];
    let tensor = TensorMut { path: ParameterPath::weight(Module::Pooler), shape, data: values };
    plan.apply(Seed(11), anatomy, &mut [tensor]).unwrap();
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn std(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn as_f64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Correlation of two samples: within 5 / √n of 0 when they are independent.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let covariance: Vec<f64> = a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).collect();
    mean(&covariance) / (std(a) * std(b))
}

fn assert_fraction(n: usize, of: usize, fraction: f64) {
    let tolerance = 5.0 * (of as f64 * fraction * (1.0 - fraction)).sqrt();
    assert!((n as f64 - of as f64 * fraction).abs() <= tolerance, "{n} of {of}, expected {fraction}");
}

#[test]
fn kaiming_is_uniform_within_its_bound() {
    for (scheme, bound) in [("kaiming", (6.0 / FAN_IN as f64).sqrt()), ("kaiming-linear", 1.0 / (FAN_IN as f64).sqrt())]
    {
        let (before, after) = before_and_after(scheme);
        let values = as_f64(&after);
        let largest = values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        assert!(largest <= bound * (1.0 + 1e-7) && largest > bound * 0.999, "{scheme}: {largest} against {bound}");
        let expected_std = bound / 3.0_f64.sqrt();
        let n = N as f64;
        assert!(mean(&values).abs() < 5.0 * expected_std / n.sqrt(), "{scheme}: mean {}", mean(&values));
        // Var(s) ≈ σ² (κ − 1) / 4n with kurtosis κ = 9/5 of the uniform distribution.
        let std_error = expected_std * (0.8 / (4.0 * n)).sqrt();
        assert!((std(&values) - expected_std).abs() < 5.0 * std_error, "{scheme}: std {}", std(&values));
        // Ten equal bins, each with its binomial count.
        for bin in 0..10 {
            let is_in_bin = |x: &f64| ((x / bound + 1.0) * 5.0).floor() as usize == bin;
            assert_fraction(values.iter().filter(|x| is_in_bin(x)).count(), N, 0.1);
        }
        assert!(correlation(&as_f64(&before), &values).abs() < 5.0 / n.sqrt());
        assert!(correlation(&values[1..], &values[..N - 1]).abs() < 5.0 / n.sqrt());
    }
}

#[test]
fn normal_has_the_given_standard_deviation() {
    for (scheme, expected) in [("normal", 0.02), ("normal:0.3", 0.3)] {
        let values = as_f64(&before_and_after(scheme).1);
        let n = N as f64;
        assert!(mean(&values).abs() < 5.0 * expected / n.sqrt());
        assert!((std(&values) - expected).abs() < 5.0 * expected / (2.0 * n).sqrt(), "{scheme}: std {}", std(&values));
        assert_fraction(values.iter().filter(|x| x.abs() < expected).count(), N, 0.682_689_492);
        assert_fraction(values.iter().filter(|x| x.abs() > 3.0 * expected).count(), N, 0.002_699_796);
        assert!(correlation(&values[1..], &values[..N - 1]).abs() < 5.0 / n.sqrt());
    }
}

#[test]
fn re_initialising_sets_layer_norms_to_one_and_biases_to_zero() {
    let model = Model::new(2);
    for scheme in ["kaiming", "kaiming-linear", "normal"] {
        let corrupted = model.corrupted(&format!("{scheme}@all,embeddings,pooler,classifier"));
        for (path, _, values) in &corrupted.tensors {
            let expected = match path.kind {
                crate::model::Kind::Bias => Some(0.0_f32),
                crate::model::Kind::Weight => path.module.is_layer_norm().then_some(1.0),
            };
            if let Some(expected) = expected {
                assert!(values.iter().all(|x| x.to_bits() == expected.to_bits()), "{scheme} {path}");
            }
        }
        // Only what the components include.
        let corrupted = model.corrupted(&format!("{scheme}@all/weight"));
        let bias = ParameterPath::bias(in_layer(0, LayerModule::FfnIn));
        assert_eq!(corrupted.bits(bias), model.bits(bias));
    }
}

#[test]
fn fan_in_is_the_last_dimension() {
    let corrupted = Model::new(1).corrupted("kaiming@all");
    let largest = |module| {
        let values = corrupted.values(ParameterPath::weight(in_layer(0, module)));
        f64::from(values.iter().fold(0.0, |largest: f32, x| largest.max(x.abs())))
    };
    let bound = |fan_in: f64| (6.0 / fan_in).sqrt();
    for (module, fan_in) in [(LayerModule::FfnIn, 12.0), (LayerModule::FfnOut, 20.0)] {
        let ratio = largest(module) / bound(fan_in);
        assert!(ratio <= 1.0 + 1e-7 && ratio > 0.95, "{module:?}: {ratio}");
    }
}

#[test]
fn gaussian_adds_noise_in_units_of_the_tensors_own_deviation() {
    let (before, after) = before_and_after("gaussian:0.3");
    let noise: Vec<f64> = as_f64(&after).iter().zip(as_f64(&before)).map(|(new, old)| new - old).collect();
    let expected = 0.3 * std(&as_f64(&before));
    let n = N as f64;
    assert!(mean(&noise).abs() < 5.0 * expected / n.sqrt());
    assert!((std(&noise) - expected).abs() < 5.0 * expected / (2.0 * n).sqrt(), "{} for {expected}", std(&noise));
    assert!(correlation(&noise, &as_f64(&before)).abs() < 5.0 / n.sqrt());
    // A tensor without spread gets no noise, and what is not finite stays and does not spread.
    let mut constant = vec![1.0; 96];
    apply("gaussian:5", &mut constant);
    assert_eq!(constant, vec![1.0; 96]);
    let mut values = vec![1.0, -1.0, f32::INFINITY, f32::NAN];
    apply("gaussian:1", &mut values);
    assert!(values[0].is_finite() && values[1].is_finite() && values[0].to_bits() != 1.0_f32.to_bits());
    assert_eq!(bits(&values[2..]), bits(&[f32::INFINITY, f32::NAN]));
}

#[test]
fn fractions_choose_that_many_values_anywhere() {
    type Effect = fn(f32) -> f32;
    let schemes: [(&str, Effect); 2] = [("zero", |_| 0.0), ("signflip", |x| -x)];
    for (scheme, effect) in schemes {
        for fraction in [0.01, 0.3, 0.9] {
            let (before, after) = before_and_after(&format!("{scheme}:{fraction}"));
            let chosen: Vec<f64> =
                before.iter().zip(&after).map(|(old, new)| f64::from(old.to_bits() != new.to_bits())).collect();
            assert_fraction(chosen.iter().sum::<f64>() as usize, N, fraction);
            assert_fraction(chosen[..N / 2].iter().sum::<f64>() as usize, N / 2, fraction);
            assert!(correlation(&chosen[1..], &chosen[..N - 1]).abs() < 5.0 / (N as f64).sqrt());
            let is_as_it_should =
                |(old, new): (&f32, &f32)| [*old, effect(*old)].iter().any(|x| x.to_bits() == new.to_bits());
            assert!(before.iter().zip(&after).all(is_as_it_should), "{scheme}");
        }
        let (before, after) = before_and_after(&format!("{scheme}:1"));
        assert!(before.iter().zip(&after).all(|(old, new)| effect(*old).to_bits() == new.to_bits()));
    }
}

#[test]
fn a_larger_fraction_chooses_the_same_values_and_more() {
    let (before, few) = before_and_after("zero:0.2");
    let (_, many) = before_and_after("zero:0.5");
    let n_grown =
        before.iter().zip(few.iter().zip(&many)).filter(|(_, (few, many))| few.to_bits() != many.to_bits()).count();
    assert!(few.iter().zip(&many).all(|(few, many)| *few != 0.0 || *many == 0.0));
    assert_fraction(n_grown, N, 0.3);
}

#[test]
fn shuffling_keeps_the_values_and_loses_their_places() {
    for fraction in [0.25, 1.0] {
        let (before, after) = before_and_after(&format!("shuffle:{fraction}"));
        let sorted = |values: &[f32]| {
            let mut sorted = bits(values);
            sorted.sort_unstable();
            sorted
        };
        assert_eq!(sorted(&before), sorted(&after));
        // A value moves unless it is not chosen, or chosen and sent to an equal one.
        let n_moved = before.iter().zip(&after).filter(|(old, new)| old.to_bits() != new.to_bits()).count();
        assert!((n_moved as f64 / N as f64 - fraction).abs() < 0.02, "{n_moved} of {N}");
        let moved: Vec<(f64, f64)> = as_f64(&before)
            .into_iter()
            .zip(as_f64(&after))
            .filter(|(old, new)| old.to_bits() != new.to_bits())
            .collect();
        let (old, new): (Vec<f64>, Vec<f64>) = moved.into_iter().unzip();
        assert!(correlation(&old, &new).abs() < 5.0 / (old.len() as f64).sqrt());
    }
}

#[test]
fn each_bit_of_the_field_flips_at_the_given_rate() {
    for (field, low, high) in
        [("", 0, 31), (",sign", 31, 31), (",exponent", 23, 30), (",mantissa", 0, 22), (",bit7", 7, 7)]
    {
        for rate in [1e-3, 0.4, 1.0] {
            let (before, after) = before_and_after(&format!("bitflip:{rate}{field}"));
            for bit in 0..32 {
                let flipped = before.iter().zip(&after).filter(|(a, b)| (a.to_bits() ^ b.to_bits()) >> bit & 1 == 1);
                assert_fraction(flipped.count(), N, if (low..=high).contains(&bit) { rate } else { 0.0 });
            }
        }
    }
    // 1.6 million bits: a rate of 1e-6 flips one or two, one of 1e-9 none.
    let n_flipped = |scheme: &str| {
        let (before, after) = before_and_after(scheme);
        before.iter().zip(&after).map(|(a, b)| (a.to_bits() ^ b.to_bits()).count_ones()).sum::<u32>()
    };
    assert!(n_flipped("bitflip:1e-6") < 9);
    assert_eq!(n_flipped("bitflip:1e-9"), 0);
    let n = n_flipped("bitflip:1e-4");
    assert!((f64::from(n) - 157.3).abs() < 5.0 * 157.3_f64.sqrt(), "{n} flips");
}

#[test]
fn quantising_rounds_to_the_nearest_of_equally_spaced_levels() {
    for n_bits in 2..=16_u32 {
        let (before, after) = before_and_after(&format!("quantize:{n_bits}"));
        let n_levels = f64::from((1_u32 << (n_bits - 1)) - 1);
        let max = before.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
        let step = f64::from(max) / n_levels;
        for (old, new) in as_f64(&before).into_iter().zip(as_f64(&after)) {
            // Half a step, and the last bit of an f32.
            assert!((old - new).abs() <= step / 2.0 + new.abs() * 1e-7, "{n_bits} bits: {old} became {new}");
            let level = new / step;
            assert!(
                (level - level.round()).abs() < 1e-2 && level.abs() <= n_levels + 1e-2,
                "{n_bits} bits: level {level}"
            );
        }
        let mut twice = after.clone();
        apply(&format!("quantize:{n_bits}"), &mut twice);
        assert_eq!(bits(&twice), bits(&after), "{n_bits} bits twice");
    }
    // Half to even: with steps of 1 (7 levels on either side of 0), 0.5 goes to 0, 1.5 and 2.5 to 2.
    let mut values = vec![7.0, 0.5, 1.5, 2.5, -0.5, -1.5, f32::NAN, f32::INFINITY];
    apply("quantize:4", &mut values);
    assert_eq!(bits(&values), bits(&[7.0, 0.0, 2.0, 2.0, -0.0, -2.0, f32::NAN, f32::INFINITY]));
    // One bit: the sign times the mean absolute value.
    let mut values = vec![3.0, -1.0, 0.0, -0.0, 1.0, f32::NAN];
    apply("quantize:1", &mut values);
    assert_eq!(bits(&values), bits(&[1.0, -1.0, 1.0, 1.0, 1.0, f32::NAN]));
    let mut zeros = vec![0.0; 4];
    apply("quantize:8", &mut zeros);
    assert_eq!(zeros, [0.0; 4]);
}
