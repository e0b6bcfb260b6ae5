//! What a damage did, reduced to what the page shows.

use super::session::{Damaged, Session};
use super::summary::part_of;
use crate::failure::{Failure, computation};
use crate::protocol::{Corrupted, DifferenceHistogram, HealedOrigin, TensorChange, TensorView, Tiles};
use shared::Condition;
use shared::Parameters;
use shared::corruption::Totals;
use shared::inspection::{WeightGroup, weight_changes};
use shared::model::ParameterPath;
use shared::random::Seed;
use std::collections::BTreeMap;

/// Bins of a histogram of differences: odd, so that 0 is in the middle of one.
const N_BINS: usize = 49;

/// The share of differences that may lie outside the bins.
const TAIL: f64 = 0.001;

/// Values looked at to choose the range of a histogram or colour scale.
const MAX_SAMPLE: usize = 1 << 16;

/// A parameter and its values, row by row.
type Values = (ParameterPath, Vec<f32>);

impl Session {
    /// What the damage did, if there is any.
    pub(super) fn corrupted_view(&self) -> Result<Corrupted, Failure> {
        let healed = self.healed.as_ref().map(|healed| healed.origin.clone());
        match &self.corrupted {
            Some(damaged) => view(self, damaged, healed),
            None => Ok(none(healed)),
        }
    }
}

/// What the damage of a model did.
fn view(session: &Session, damaged: &Damaged, healed: Option<HealedOrigin>) -> Result<Corrupted, Failure> {
    let config = &session.config;
    let damage = &damaged.damage;
    let touched = damage.resolved.touched();
    let before = values(&session.healthy.parameters, &touched)?;
    let after = values(&damaged.model.parameters, &touched)?;
    let histograms = weight_changes(&before, &after);
    let differences = histograms.iter().map(|change| difference_of_group(&before, &after, change.group)).collect();

    let kinds: Vec<_> = session.summary.parts.iter().map(|part| part.kind).collect();
    let part_of_name: BTreeMap<String, usize> = config
        .parameters()
        .into_iter()
        .filter_map(|path| {
            let part_idx = kinds.iter().position(|kind| *kind == part_of(path))?;
            Some((path.name(config.architecture), part_idx))
        })
        .collect();
    let names = touched.iter().map(|path| path.name(config.architecture));
    // Steps may change the same values, so that their counts do not add up: the weights tell.
    let changed: BTreeMap<String, usize> = names.zip(before.iter().zip(&after).map(|(a, b)| n_changed(a, b))).collect();
    let reports = damage.report.iter().flat_map(|report| &report.tensors);
    let finite = |norm: f64| norm.is_finite().then_some(norm);
    Ok(Corrupted {
        plan: damage.plan.clone(),
        seed: damage.seed,
        description: damage.resolved.describe(),
        tensors: reports
            .map(|report| TensorChange {
                name: report.name.clone(),
                part_idx: part_of_name.get(&report.name).copied().unwrap_or_default(),
                step_idx: report.step_idx,
                scheme: report.scheme.clone(),
                n_elements: report.n_elements,
                n_selected: report.n_selected,
                n_changed: report.n_changed,
                n_changed_in_all: changed.get(&report.name).copied().unwrap_or(report.n_changed),
                norm_before: finite(report.norm_before),
                norm_after: finite(report.norm_after),
                n_non_finite: report.n_non_finite,
            })
            .collect(),
        totals: damage.report.as_ref().map(|report| report.totals).unwrap_or_default(),
        histograms,
        differences,
        size_bytes: 4 * before.iter().map(|(_, values)| values.len() as u64).sum::<u64>(),
        healed,
    })
}

/// No damage.
fn none(healed: Option<HealedOrigin>) -> Corrupted {
    Corrupted {
        plan: String::new(),
        seed: Seed(0),
        description: "Nothing is damaged.".to_owned(),
        tensors: Vec::new(),
        totals: Totals::default(),
        histograms: Vec::new(),
        differences: Vec::new(),
        size_bytes: 0,
        healed,
    }
}

/// One parameter of the healthy model and of another.
pub(super) fn tensor(session: &Session, name: &str, model: Condition, max_tiles: usize) -> Result<TensorView, Failure> {
    let config = &session.config;
    let path = config.parameters().into_iter().find(|path| path.name(config.architecture) == name);
    let path = path.ok_or_else(|| Failure::BadSetting {
        setting: "The parameter".to_owned(),
        expected: "one of this model's".to_owned(),
        got: format!("“{name}”"),
    })?;
    let before = values(&session.healthy.parameters, &[path])?;
    let after = values(&session.existing_model(model)?.parameters, &[path])?;
    let shape = config.shape_of(path);
    let n_columns = shape.last().copied().unwrap_or(1);
    let change: Vec<f32> = before[0].1.iter().zip(&after[0].1).map(|(before, after)| (after - before).abs()).collect();
    let histogram = weight_changes(&before, &after).into_iter().next().ok_or(Failure::NoModel)?;
    Ok(TensorView {
        name: name.to_owned(),
        shape,
        histogram,
        difference: difference(|| before[0].1.iter().zip(&after[0].1)),
        scale: magnitude(before[0].1.iter().copied()) as f32,
        before: tiles(&before[0].1, n_columns, max_tiles),
        after: tiles(&after[0].1, n_columns, max_tiles),
        change: tiles(&change, n_columns, max_tiles),
    })
}

fn values(parameters: &Parameters, paths: &[ParameterPath]) -> Result<Vec<Values>, Failure> {
    paths.iter().map(|path| Ok((*path, parameters.to_vec(*path).map_err(|e| computation(&e))?))).collect()
}

/// Values with other bits.
fn n_changed((_, before): &Values, (_, after): &Values) -> usize {
    before.iter().zip(after).filter(|(before, after)| before.to_bits() != after.to_bits()).count()
}

fn difference_of_group(before: &[Values], after: &[Values], group: WeightGroup) -> DifferenceHistogram {
    difference(|| {
        let pairs = before.iter().zip(after).filter(|((path, _), _)| WeightGroup::of(*path) == group);
        pairs.flat_map(|((_, before), (_, after))| before.iter().zip(after))
    })
}

/// The histogram of after − before over pairs that can be gone through twice.
fn difference<'a, I: Iterator<Item = (&'a f32, &'a f32)>>(pairs: impl Fn() -> I) -> DifferenceHistogram {
    let differences = || pairs().map(|(before, after)| f64::from(*after) - f64::from(*before));
    let reach = match magnitude(differences().map(|difference| difference as f32)) {
        reach if reach > 0.0 => reach,
        // All are 0: any range shows that.
        _ => 1.0,
    };
    let mut histogram = DifferenceHistogram {
        low: -reach,
        high: reach,
        counts: vec![0; N_BINS],
        n_zero: 0,
        n_outside: 0,
        n_non_finite: 0,
    };
    for difference in differences() {
        if !difference.is_finite() {
            histogram.n_non_finite += 1;
            continue;
        }
        histogram.n_zero += u64::from(difference == 0.0);
        let bin = ((difference + reach) / (2.0 * reach) * N_BINS as f64).floor();
        // The upper end belongs to the last bin.
        let bin = if difference == reach { N_BINS as f64 - 1.0 } else { bin };
        if (0.0..N_BINS as f64).contains(&bin) {
            histogram.counts[bin as usize] += 1;
        } else {
            histogram.n_outside += 1;
        }
    }
    histogram
}

/// What all but a thousandth of the finite magnitudes do not exceed; 0 without any.
fn magnitude(values: impl Iterator<Item = f32>) -> f64 {
    let mut magnitudes: Vec<f32> = Vec::new();
    let mut stride = 1;
    // Every value first; whenever the sample is full, every second of those so far and from there on.
    for (at, value) in values.enumerate() {
        if at % stride == 0 && value.is_finite() {
            magnitudes.push(value.abs());
        }
        if magnitudes.len() == MAX_SAMPLE {
            let mut keep = false;
            magnitudes.retain(|_| {
                keep = !keep;
                keep
            });
            stride *= 2;
        }
    }
    magnitudes.sort_by(f32::total_cmp);
    let Some(last) = magnitudes.len().checked_sub(1) else { return 0.0 };
    f64::from(magnitudes[last - (TAIL * last as f64) as usize])
}

/// Cuts a matrix of `n_columns` columns into at most `max_tiles` tiles down and across, each of as many whole rows and
/// columns as any other but for the last ones.
fn tiles(values: &[f32], n_columns: usize, max_tiles: usize) -> Tiles {
    let max_tiles = max_tiles.max(1);
    let n_columns = n_columns.max(1);
    let n_rows = values.len() / n_columns;
    let (height, width) = (n_rows.div_ceil(max_tiles).max(1), n_columns.div_ceil(max_tiles));
    let (n_tile_rows, n_tile_columns) = (n_rows.div_ceil(height), n_columns.div_ceil(width));
    let mut means = Vec::with_capacity(n_tile_rows * n_tile_columns);
    for band in values.chunks(height * n_columns) {
        let mut sums = vec![0.0_f64; n_tile_columns];
        let mut counts = vec![0_u32; n_tile_columns];
        for row in band.chunks(n_columns) {
            for ((tile, sum), count) in row.chunks(width).zip(&mut sums).zip(&mut counts) {
                // One value that is no number makes the sum none, and so the tile.
                *sum += tile.iter().map(|value| f64::from(*value)).sum::<f64>();
                *count += tile.len() as u32;
            }
        }
        means.extend(sums.iter().zip(&counts).map(|(sum, count)| {
            let mean = sum / f64::from(*count);
            mean.is_finite().then_some(mean as f32)
        }));
    }
    Tiles { n_rows: n_tile_rows, n_columns: n_tile_columns, means }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn histogram(before: &[f32], after: &[f32]) -> DifferenceHistogram {
        difference(|| before.iter().zip(after))
    }

    #[wasm_bindgen_test]
    fn every_difference_is_counted_once() {
        let before = vec![0.0_f32; 200_000];
        let mut after: Vec<f32> = (0..200_000).map(|i| (i % 201) as f32 - 100.0).collect();
        after[..4].copy_from_slice(&[f32::NAN, f32::INFINITY, 1e30, 0.0]);
        let histogram = histogram(&before, &after);
        assert_eq!((histogram.n_non_finite, histogram.n_outside), (2, 1));
        assert_eq!(histogram.counts.iter().sum::<u64>(), 199_997);
        assert_eq!((histogram.low, histogram.high), (-100.0, 100.0));
        assert!(histogram.n_zero > 900, "{}", histogram.n_zero);
        // 201 different values over 49 bins: four or five each, about 995 times.
        assert!(histogram.counts.iter().all(|count| (3_900..5_100).contains(count)), "{:?}", histogram.counts);
    }

    #[wasm_bindgen_test]
    fn what_did_not_change_is_one_bar_in_the_middle() {
        let histogram = histogram(&[1.0, -2.0], &[1.0, -2.0]);
        assert_eq!((histogram.n_zero, histogram.counts[N_BINS / 2]), (2, 2));
    }

    #[wasm_bindgen_test]
    fn small_matrices_are_drawn_value_by_value() {
        let tiles = tiles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 8);
        assert_eq!((tiles.n_rows, tiles.n_columns), (2, 3));
        assert_eq!(tiles.means, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(Some));
    }

    #[wasm_bindgen_test]
    fn large_ones_by_the_means_of_tiles_the_last_of_which_may_be_smaller() {
        let values: Vec<f32> = (0..15).map(|i| i as f32).collect();
        // Rows 0 to 4 5 to 9 10 to 14; tiles of 2 × 3.
        let tiles = tiles(&values, 5, 2);
        assert_eq!((tiles.n_rows, tiles.n_columns), (2, 2));
        assert_eq!(tiles.means, [3.5, 6.0, 11.0, 13.5].map(Some));
    }

    #[wasm_bindgen_test]
    fn a_tile_with_a_value_that_is_no_number_has_none() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(tiles(&[1.0, bad, 3.0, 5.0], 4, 2).means, [None, Some(4.0)]);
        }
        assert_eq!(tiles(&[], 4, 2).means, []);
    }
}
