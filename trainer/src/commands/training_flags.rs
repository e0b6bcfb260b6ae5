//! The fine-tuning recipe and the seeds as flags.

use clap::{ArgAction, Args};
use shared::nn::Activations;
use shared::random::Seed;
use shared::record::Seeds;
use shared::training::{Precision, TrainingArgs};

use super::flag_values;

/// Flags of commands that train; the names are Hugging Face's.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub struct TrainingFlags {
    /// Peak learning rate, reached at the end of warm-up; it then falls linearly to 0
    #[arg(long, value_name = "RATE", default_value = "5e-5", value_parser = flag_values::above_zero)]
    pub learning_rate: f64,

    /// Rows per forward pass
    #[arg(long, value_name = "N", default_value = "32", value_parser = flag_values::count)]
    pub batch_size: usize,

    /// Passes over the training rows; fractions are allowed
    #[arg(long, value_name = "EPOCHS", default_value = "3", value_parser = flag_values::above_zero)]
    pub epochs: f64,

    /// Optimiser steps; overrides --epochs
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub max_steps: Option<usize>,

    /// Truncate texts to this many tokens, including [CLS] and [SEP] [default: 128, or what is usual for a catalogue
    /// dataset, but never more than the model has positions for]
    #[arg(long, value_name = "N", value_parser = flag_values::count)]
    pub max_length: Option<usize>,

    /// Share of all steps during which the learning rate rises linearly from 0
    #[arg(long, value_name = "FRACTION", default_value = "0.1", value_parser = flag_values::fraction)]
    pub warmup_ratio: f64,

    /// AdamW's weight decay; biases and LayerNorm weights have none
    #[arg(long, value_name = "DECAY", default_value = "0.01", value_parser = flag_values::zero_or_more)]
    pub weight_decay: f64,

    /// Scale gradients down to this norm; 0 turns clipping off
    #[arg(long, value_name = "NORM", default_value = "1", value_parser = flag_values::zero_or_more)]
    pub max_grad_norm: f64,

    /// Number of batches whose gradients are averaged for each optimiser step
    #[arg(long, value_name = "N", default_value = "1", value_parser = flag_values::count)]
    pub gradient_accumulation_steps: usize,

    /// Dropout everywhere in the model [default: as in the model's config]
    #[arg(long, value_name = "P", value_parser = flag_values::dropout)]
    pub dropout: Option<f64>,

    /// Freeze these parameters, such as embeddings,bottom:0.5 (selected as in a corruption plan)
    #[arg(long, value_name = "SELECTION")]
    pub freeze: Option<String>,

    /// Group rows of similar length into batches, to reduce padding
    #[arg(
        long,
        value_name = "BOOL",
        default_value = "true",
        num_args = 0..=1,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    pub group_by_length: bool,

    /// Stop after this many epochs (2 if no number is given) without a better accuracy on a tenth held out of the
    /// training rows, and keep the best epoch
    #[arg(long, value_name = "EPOCHS", num_args = 0..=1, default_missing_value = "2", value_parser = flag_values::count)]
    pub early_stopping: Option<usize>,

    #[command(flatten)]
    pub recompute: RecomputeFlag,
}

/// What training keeps in memory.
#[derive(Args, Clone, Copy, Debug)]
pub struct RecomputeFlag {
    /// Keep less in memory: compute each encoder layer once more in the backward pass. A step has a third more matrix products,
    /// its results are the same; on a CPU
    #[arg(long)]
    pub recompute: bool,
}

impl RecomputeFlag {
    /// What a forward pass leaves for the backward pass.
    #[must_use]
    pub fn activations(self) -> Activations {
        if self.recompute { Activations::Recomputed } else { Activations::Kept }
    }
}

impl TrainingFlags {
    /// The recipe, with Hugging Face's values for what has no flag (AdamW's betas and epsilon) and the common length, which
    /// model and dataset decide.
    #[must_use]
    pub fn training_args(&self, dtype: Precision) -> TrainingArgs {
        TrainingArgs {
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            epochs: self.epochs,
            max_steps: self.max_steps,
            warmup_ratio: self.warmup_ratio,
            weight_decay: self.weight_decay,
            max_grad_norm: self.max_grad_norm,
            gradient_accumulation_steps: self.gradient_accumulation_steps,
            dropout: self.dropout,
            freeze: self.freeze.clone(),
            group_by_length: self.group_by_length,
            early_stopping: self.early_stopping,
            dtype,
            ..TrainingArgs::default()
        }
    }
}

/// The seeds.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Seeds")]
pub struct SeedFlags {
    /// Sets the corruption, head and data seeds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Seed for which weights are damaged, and how [default: --seed]
    #[arg(long, value_name = "N")]
    pub seed_corruption: Option<u64>,

    /// Seed for the classifier's initial weights and for dropout [default: --seed]
    #[arg(long, value_name = "N")]
    pub seed_head: Option<u64>,

    /// Seed for the order of training rows and for those that --train-limit keeps [default: --seed]
    #[arg(long, value_name = "N")]
    pub seed_data: Option<u64>,

    #[command(flatten)]
    pub split: SplitSeedFlag,
}

/// The seed that all runs of an experiment share.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Seeds")]
pub struct SplitSeedFlag {
    /// Seed for the rows held out where a split is missing and for those that --validation-limit and --test-limit keep;
    /// not set by --seed, so that runs with different seeds are evaluated on the same rows
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed_split: u64,
}

impl SplitSeedFlag {
    /// The seed.
    #[must_use]
    pub fn seed(self) -> Seed {
        Seed(self.seed_split)
    }
}

impl SeedFlags {
    /// Each seed's own flag, else `--seed`.
    #[must_use]
    pub fn seeds(&self) -> Seeds {
        let own = |seed: Option<u64>| Seed(seed.unwrap_or(self.seed));
        Seeds {
            corruption: own(self.seed_corruption),
            head: own(self.seed_head),
            data: own(self.seed_data),
            split: self.split.seed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        training: TrainingFlags,
        #[command(flatten)]
        seeds: SeedFlags,
    }

    fn parse(flags: &[&str]) -> Result<Flags, String> {
        Flags::try_parse_from([&["test"], flags].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_flag_reaches_the_recipe() {
        let flags = "--learning-rate 1e-4 --batch-size 8 --epochs 0.5 --max-steps 7 --max-length 64 --warmup-ratio 0.2 \
                     --weight-decay 0 --max-grad-norm 0 --gradient-accumulation-steps 4 --dropout 0 \
                     --freeze embeddings,bottom:0.5 --group-by-length false --early-stopping 3";
        let flags = parse(&flags.split_whitespace().collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{error}"));
        let expected = TrainingArgs {
            learning_rate: 1e-4,
            batch_size: 8,
            epochs: 0.5,
            max_steps: Some(7),
            max_length: 128, // not the recipe's: model and dataset have a say in it
            warmup_ratio: 0.2,
            weight_decay: 0.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 0.0,
            gradient_accumulation_steps: 4,
            dropout: Some(0.0),
            freeze: Some("embeddings,bottom:0.5".into()),
            group_by_length: false,
            early_stopping: Some(3),
            dtype: Precision::Bf16,
        };
        assert_eq!(flags.training.training_args(Precision::Bf16), expected);
        assert_eq!(flags.training.max_length, Some(64));
    }

    #[test]
    fn flags_with_an_optional_value_also_stand_alone() {
        let flags = parse(&["--early-stopping", "--group-by-length"]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((flags.training.early_stopping, flags.training.group_by_length), (Some(2), true));
    }

    #[test]
    fn a_wrong_value_is_refused_with_flag_value_and_what_was_expected() {
        for (flag, value, expected) in [
            ("--learning-rate", "0", "a number above 0"),
            ("--learning-rate", "nan", "a number above 0"),
            ("--batch-size", "0", "1 or more"),
            ("--epochs", "0", "a number above 0"),
            ("--warmup-ratio", "1.5", "from 0 to 1"),
            ("--dropout", "1", "below 1"),
            ("--max-grad-norm", "inf", "0 or more"),
        ] {
            let error = parse(&[flag, value]).map(|_| ()).unwrap_err();
            assert!(
                error.contains(flag) && error.contains(&format!("'{value}'")) && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn one_seed_sets_three_and_each_has_its_own_flag_but_the_split_stays() {
        let seeds = |flags: &[&str]| parse(flags).unwrap_or_else(|error| panic!("{error}")).seeds.seeds();
        assert_eq!(seeds(&["--seed", "5"]), Seeds::all(5));
        let expected = Seeds { head: Seed(6), ..Seeds::all(5) };
        assert_eq!(seeds(&["--seed-head", "6", "--seed", "5"]), expected);
        assert_eq!(seeds(&["--seed", "5"]).split, Seed(0));
        assert_eq!(seeds(&["--seed-split", "7"]), Seeds { split: Seed(7), ..Seeds::all(0) });
    }
}
