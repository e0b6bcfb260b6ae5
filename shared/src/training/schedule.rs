//! How many steps a fine-tuning has, and the learning rate of each.

use super::TrainingArgs;

/// Linear warm-up from 0 to the peak, then linear decay to 0: `get_linear_schedule_with_warmup` of `transformers`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearSchedule {
    peak: f64,
    n_warmup_steps: usize,
    n_steps: usize,
}

impl LinearSchedule {
    /// The schedule of a training set with `n_rows` rows. As in `transformers.Trainer`, an epoch's last step may see
    /// fewer rows, and the numbers of steps and of warm-up steps are rounded up.
    #[must_use]
    pub fn new(args: &TrainingArgs, n_rows: usize) -> Self {
        let n_steps =
            args.max_steps.unwrap_or_else(|| (args.epochs * steps_per_epoch(args, n_rows) as f64).ceil() as usize);
        let n_warmup_steps = (n_steps as f64 * args.warmup_ratio).ceil() as usize;
        Self { peak: args.learning_rate, n_warmup_steps, n_steps }
    }

    /// Optimiser steps in all.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// The learning rate of optimiser step `step`, counted from 1; the first has rate 0 when there is a warm-up.
    #[must_use]
    pub fn learning_rate(&self, step: usize) -> f64 {
        let done = step.saturating_sub(1);
        if done < self.n_warmup_steps {
            return self.peak * done as f64 / self.n_warmup_steps as f64;
        }
        let left = self.n_steps.saturating_sub(done) as f64;
        self.peak * left / (self.n_steps - self.n_warmup_steps).max(1) as f64
    }
}

/// Optimiser steps in one pass over `n_rows` rows.
pub(super) fn steps_per_epoch(args: &TrainingArgs, n_rows: usize) -> usize {
    n_rows.div_ceil(args.batch_size).div_ceil(args.gradient_accumulation_steps).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_linearly_and_falls_to_zero() {
        let args =
            TrainingArgs { learning_rate: 1.0, warmup_ratio: 0.3, max_steps: Some(10), ..TrainingArgs::default() };
        let schedule = LinearSchedule::new(&args, 100);
        let rates: Vec<f64> = (1..=11).map(|step| schedule.learning_rate(step)).collect();
        let expected =
            [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 6.0 / 7.0, 5.0 / 7.0, 4.0 / 7.0, 3.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0, 0.0];
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn steps_are_rounded_up_at_every_level() {
        let args =
            TrainingArgs { batch_size: 8, gradient_accumulation_steps: 2, epochs: 1.5, ..TrainingArgs::default() };
        // 100 rows: 13 batches, 7 steps an epoch, 10.5 steps.
        assert_eq!(LinearSchedule::new(&args, 100).n_steps(), 11);
    }
}
