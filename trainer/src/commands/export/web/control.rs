//! The control of a bundle, from a run that made it.

use shared::Condition;
use shared::bundle::{Answers, ControlEntry, Manifest};
use shared::checkpoint::Treatment;
use shared::evaluation::Prediction;
use shared::training::TrainingArgs;

use super::super::run_models::RunModels;
use crate::say;

/// What one of the run's models, its control or what stands for one, says of the held-out rows.
pub(super) fn control(run: &RunModels, which: Condition, budget: String) -> anyhow::Result<Option<ControlEntry>> {
    let Some(result) = run.record.result(which) else {
        say!("note: {} has no control, so the bundle has none: it was made by an older version", run.name());
        return Ok(None);
    };
    let predictions = run.predictions(which)?;
    Ok(Some(ControlEntry {
        budget,
        fine_tuned: run.fine_tuned()?,
        n: predictions.len(),
        accuracy: result.accuracy,
        answers: Answers {
            n_non_finite: result.n_non_finite,
            n_saturated: result.n_saturated,
            largest_class_share: result.largest_class_share,
        },
        predicted: predictions.iter().map(Prediction::predicted).collect(),
    }))
}

/// The budget of a run of protocol `finetuned`, whose fine-tunings are alike.
pub(super) fn first_budget(training: &TrainingArgs) -> String {
    words(&length(training.max_steps, training.epochs), training)
}

/// The budget of a bundle's healthy model that a run fine-tuned once more: that of the bundle, as far as its manifest tells,
/// and that of the run.
pub(super) fn healing_budget(manifest: &Manifest, healing: &TrainingArgs) -> anyhow::Result<String> {
    let spec = manifest.fine_tuned.as_ref().map(|fine_tuned| &fine_tuned.spec["training"]);
    let max_steps = spec.and_then(|spec| spec.get("max_steps")?.as_u64()).map(|n| n as usize);
    let Some(last) = spec.and_then(|spec| spec.get("epochs")?.as_f64()).map(|epochs| length(max_steps, epochs)) else {
        return Ok(words("the bundle's own fine-tuning", healing));
    };
    let config = manifest.config()?;
    let is_fine_tuning = |treatment: &&Treatment| matches!(treatment, Treatment::FineTuned { .. });
    Ok(match config.history.treatments().iter().filter(is_fine_tuning).count() {
        0 | 1 => words(&last, healing),
        // The manifest has the settings of the last one only.
        n => words(&format!("{n} fine-tunings, the last of {last},"), healing),
    })
}

/// `after 3 + 3 epochs`, or with both units where they differ.
fn words(first: &str, second: &TrainingArgs) -> String {
    let second = length(second.max_steps, second.epochs);
    match (first.split_once(' '), second.split_once(' ')) {
        (Some((n, unit)), Some((_, other))) if unit == other && n.parse::<f64>().is_ok() => {
            format!("after {n} + {second}")
        }
        _ => format!("after {first} + {second}"),
    }
}

fn length(max_steps: Option<usize>, epochs: f64) -> String {
    match max_steps {
        Some(n) => format!("{n} steps"),
        None => format!("{epochs} epochs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_added_up_in_words() {
        let epochs = |epochs| TrainingArgs { epochs, max_steps: None, ..TrainingArgs::default() };
        let steps = |n| TrainingArgs { max_steps: Some(n), ..TrainingArgs::default() };
        assert_eq!(first_budget(&epochs(3.0)), "after 3 + 3 epochs");
        assert_eq!(words("2 epochs", &epochs(1.0)), "after 2 + 1 epochs");
        assert_eq!(words("2 epochs", &epochs(0.5)), "after 2 + 0.5 epochs");
        assert_eq!(words("30 steps", &steps(20)), "after 30 + 20 steps");
        assert_eq!(words("3 epochs", &steps(20)), "after 3 epochs + 20 steps");
        let twice = "2 fine-tunings, the last of 1 epochs,";
        assert_eq!(words(twice, &epochs(3.0)), "after 2 fine-tunings, the last of 1 epochs, + 3 epochs");
    }
}
