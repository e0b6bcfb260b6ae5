//! Distributions of weights before and after a corruption.

use serde::{Deserialize, Serialize};

use crate::model::{Kind, LayerModule, Module, ParameterPath};

/// Bins of a histogram: enough to see a bell from a box.
const N_BINS: usize = 48;

/// Values looked at to choose the range of a histogram, so that it costs nothing for large models.
const MAX_SAMPLE: usize = 1 << 16;

/// The share of values that may lie outside the range on either side.
const TAIL: f64 = 0.001;

/// The range may reach this many times as far as the values before the corruption do: flipped exponent bits make values
/// so large that nothing else would be seen.
const MAX_WIDENING: f64 = 4.0;

/// Parameters whose values are of one kind and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightGroup {
    /// Look-up tables.
    Embeddings,
    /// Query, key, value and output matrices.
    Attention,
    /// The two matrices of the feed-forward networks.
    Ffn,
    /// Gains of LayerNorms.
    LayerNorm,
    /// All biases.
    Bias,
    /// The matrices of pooler and classifier.
    Head,
}

impl WeightGroup {
    /// The group of a parameter.
    #[must_use]
    pub fn of(path: ParameterPath) -> Self {
        match (path.kind, path.module) {
            (Kind::Bias, _) => Self::Bias,
            (Kind::Weight, module) if module.is_layer_norm() => Self::LayerNorm,
            (Kind::Weight, module) if module.is_embedding() => Self::Embeddings,
            (Kind::Weight, Module::Layer(_, LayerModule::FfnIn | LayerModule::FfnOut)) => Self::Ffn,
            (Kind::Weight, Module::Layer(..)) => Self::Attention,
            (Kind::Weight, _) => Self::Head,
        }
    }

    /// What it is called on charts.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Attention => "attention weights",
            Self::Ffn => "feed-forward weights",
            Self::LayerNorm => "LayerNorm gains",
            Self::Bias => "biases",
            Self::Head => "pooler and classifier weights",
        }
    }
}

/// The values of some tensors over bins of equal width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightHistogram {
    /// Values in each bin.
    pub counts: Vec<u64>,
    /// Finite values below the first bin.
    pub n_below: u64,
    /// Finite values above the last bin.
    pub n_above: u64,
    /// Infinities and NaNs.
    pub n_non_finite: u64,
    /// Mean of the finite values; 0 without any.
    pub mean: f64,
    /// Standard deviation of the finite values about their mean; 0 without any.
    pub std: f64,
}

/// The touched tensors of one group before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightChange {
    /// Which ones.
    pub group: WeightGroup,
    /// Tensors of the group that the plan touches.
    pub n_tensors: usize,
    /// Lower end of the first bin.
    pub low: f64,
    /// Upper end of the last bin.
    pub high: f64,
    /// Before the corruption.
    pub before: WeightHistogram,
    /// After it.
    pub after: WeightHistogram,
}

/// Compares the same tensors before and after a corruption, by group. Groups without a tensor are left out.
///
/// The bins cover all but a thousandth of the values on either side, before and after; but at most four times the width
/// that those before alone need, so that a few huge values do not hide the rest.
#[must_use]
pub fn weight_changes(before: &[(ParameterPath, Vec<f32>)], after: &[(ParameterPath, Vec<f32>)]) -> Vec<WeightChange> {
    let mut groups: Vec<WeightGroup> = before.iter().map(|(path, _)| WeightGroup::of(*path)).collect();
    groups.sort_unstable();
    groups.dedup();
    let change = |group: WeightGroup| {
        let (before, after) = (of_group(before, group), of_group(after, group));
        let (low, high) = range(&before, &after);
        WeightChange {
            group,
            n_tensors: before.len(),
            low,
            high,
            before: histogram(&before, low, high),
            after: histogram(&after, low, high),
        }
    };
    groups.into_iter().map(change).collect()
}

fn of_group(tensors: &[(ParameterPath, Vec<f32>)], group: WeightGroup) -> Vec<&[f32]> {
    let of_group = tensors.iter().filter(|(path, _)| WeightGroup::of(*path) == group);
    of_group.map(|(_, values)| values.as_slice()).collect()
}

/// Both ends of the bins, `low < high`.
fn range(before: &[&[f32]], after: &[&[f32]]) -> (f64, f64) {
    let (before, after) = (spread(before), spread(after));
    let (low, high) = match (before, after) {
        (Some((low, high)), Some((after_low, after_high))) if high > low => {
            let (middle, reach) = (f64::midpoint(low, high), MAX_WIDENING * (high - low) / 2.0);
            (low.min(after_low.max(middle - reach)), high.max(after_high.min(middle + reach)))
        }
        (Some((low, high)), Some((after_low, after_high))) => (low.min(after_low), high.max(after_high)),
        (Some(ends), None) | (None, Some(ends)) => ends,
        (None, None) => (0.0, 0.0),
    };
    // The last bin is open above, and all values may be one.
    let margin = if high > low { (high - low) * 1e-3 } else { low.abs().max(1.0) / 2.0 };
    (low - margin, high + margin)
}

/// What lies between the two tails of the finite values; none without any.
fn spread(tensors: &[&[f32]]) -> Option<(f64, f64)> {
    let n: usize = tensors.iter().map(|tensor| tensor.len()).sum();
    let stride = n.div_ceil(MAX_SAMPLE).max(1);
    let values = tensors.iter().flat_map(|tensor| tensor.iter()).step_by(stride);
    let mut sample: Vec<f32> = values.copied().filter(|x| x.is_finite()).collect();
    sample.sort_by(f32::total_cmp);
    let last = sample.len().checked_sub(1)?;
    let tail = (TAIL * last as f64) as usize;
    Some((f64::from(sample[tail]), f64::from(sample[last - tail])))
}

fn histogram(tensors: &[&[f32]], low: f64, high: f64) -> WeightHistogram {
    let mut histogram =
        WeightHistogram { counts: vec![0; N_BINS], n_below: 0, n_above: 0, n_non_finite: 0, mean: 0.0, std: 0.0 };
    let bins_per_unit = N_BINS as f64 / (high - low);
    let (mut n, mut sum, mut squares) = (0_u64, 0.0, 0.0);
    for &x in tensors.iter().copied().flatten() {
        if !x.is_finite() {
            histogram.n_non_finite += 1;
            continue;
        }
        let x = f64::from(x);
        (n, sum, squares) = (n + 1, sum + x, squares + x * x);
        let bin = ((x - low) * bins_per_unit).floor();
        if bin < 0.0 {
            histogram.n_below += 1;
        } else if bin >= N_BINS as f64 {
            histogram.n_above += 1;
        } else {
            histogram.counts[bin as usize] += 1;
        }
    }
    if n > 0 {
        histogram.mean = sum / n as f64;
        // f64 sums of f32 values: what cancels is far below what is shown.
        histogram.std = (squares / n as f64 - histogram.mean * histogram.mean).max(0.0).sqrt();
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(layer_idx: usize) -> ParameterPath {
        ParameterPath::weight(Module::Layer(layer_idx, LayerModule::Query))
    }

    fn total(histogram: &WeightHistogram) -> u64 {
        histogram.counts.iter().sum::<u64>() + histogram.n_below + histogram.n_above + histogram.n_non_finite
    }

    /// −1 to 1.
    fn ramp(n: usize) -> Vec<f32> {
        (0..n).map(|i| 2.0 * i as f32 / (n - 1) as f32 - 1.0).collect()
    }

    #[test]
    fn every_value_is_counted_once_and_tensors_of_a_group_are_pooled() {
        let before = [(query(0), ramp(1000)), (query(1), ramp(500)), (ParameterPath::bias(Module::Pooler), ramp(10))];
        let mut after = before.clone();
        after[0].1[..3].copy_from_slice(&[f32::NAN, f32::INFINITY, 1e30]);
        let changes = weight_changes(&before, &after);
        let groups: Vec<_> = changes.iter().map(|change| (change.group, change.n_tensors)).collect();
        assert_eq!(groups, [(WeightGroup::Attention, 2), (WeightGroup::Bias, 1)]);
        let attention = &changes[0];
        assert_eq!([total(&attention.before), total(&attention.after)], [1500, 1500]);
        assert_eq!((attention.after.n_non_finite, attention.after.n_above), (2, 1));
        assert!(attention.before.mean.abs() < 1e-6, "{attention:?}");
        // A uniform distribution on −1 to 1 has the standard deviation 1/√3.
        assert!((attention.before.std - 1.0 / 3.0_f64.sqrt()).abs() < 1e-2, "{attention:?}");
    }

    #[test]
    fn huge_values_do_not_hide_the_others() {
        let before = [(query(0), ramp(1000))];
        let after = [(query(0), ramp(1000).into_iter().map(|x| x * 1e30).collect())];
        let change = &weight_changes(&before, &after)[0];
        assert!((3.5..4.5).contains(&change.high), "{change:?}");
        assert!(change.after.n_above > 400, "{change:?}");
    }

    #[test]
    fn constants_have_a_range_too() {
        let before = [(query(0), vec![0.0; 8])];
        let change = &weight_changes(&before, &before)[0];
        assert!(change.low < 0.0 && change.high > 0.0);
        assert_eq!(change.before.counts.iter().sum::<u64>(), 8);
        let after = [(query(0), vec![f32::NAN; 8])];
        assert_eq!(weight_changes(&before, &after)[0].after.n_non_finite, 8);
    }
}
