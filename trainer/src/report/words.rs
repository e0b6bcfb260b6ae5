//! Sentences about a run.

use shared::Condition;
use shared::claims::{ClaimsFile, Run, judge};
use shared::evaluation::Metrics;
use shared::record::{NUMERICS_VERSION, Protocol, RunRecord, RunStatus, SCHEMA_VERSION};
use shared::statistics::Interval;
use shared::training::TrainingArgs;

/// A share 0–1 as percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A number of percentage points.
pub(super) fn points(points: f64) -> String {
    format!("{points:.1} {}", if format!("{:.1}", points.abs()) == "1.0" { "point" } else { "points" })
}

/// `95 % interval 1.2 to 3.4`, each end times `factor` and with `unit`.
pub(super) fn interval(interval: &Interval, factor: f64, unit: &str) -> String {
    let Interval { low, high, level } = interval;
    format!("{:.0} % interval {:.1} to {:.1}{unit}", 100.0 * level, factor * low, factor * high)
}

/// The share of rows in one class from which on a model is said to be stuck in it.
const STUCK_SHARE: f64 = 0.9;

/// The result in words.
#[must_use]
pub fn headline(record: &RunRecord) -> String {
    if let RunStatus::Failed { phase, step, learning_rate, reason } = &record.status {
        let model = match phase {
            Condition::Healthy => "the healthy model",
            Condition::Control => "the control",
            Condition::Corrupted | Condition::Healed => "the corrupted model",
        };
        return format!(
            "This run failed: fine-tuning {model} stopped at step {step} because {reason} (learning rate \
             {learning_rate:e})."
        );
    }
    let accuracy = |condition: Condition| record.result(condition).map(|result| result.metrics.accuracy);
    let plan = record.spec.corruption.as_deref().unwrap_or("no corruption");
    let [healthy, corrupted, healed] = [Condition::Healthy, Condition::Corrupted, Condition::Healed].map(accuracy);
    match (healthy, corrupted, healed, &record.deficit) {
        (Some(healthy), Some(corrupted), Some(healed), Some(deficit)) => {
            let (healthy_text, healed_text) = (percent(healthy), percent(healed));
            match record.spec.protocol {
                Protocol::Finetuned => {
                    let verb = if corrupted < healthy { "Accuracy fell" } else { "Accuracy went" };
                    let recovered = record.recovery.as_ref().and_then(|recovery| recovery.value);
                    let share = match recovered {
                        Some(value) => format!(", {:.0} % of what was lost", 100.0 * value),
                        None => String::new(),
                    };
                    let control = match accuracy(Condition::Control) {
                        Some(control) => {
                            format!(" The undamaged model, fine-tuned as often, reaches {}.", percent(control))
                        }
                        None => String::new(),
                    };
                    format!(
                        "{verb} from {healthy_text} to {} under {plan}; fine-tuning again brought it to \
                         {healed_text}{share}.{control}",
                        percent(corrupted)
                    )
                }
                Protocol::Pretrained => {
                    let rest = if deficit.points > 0.0 {
                        format!("{} fewer", points(deficit.points))
                    } else if deficit.points < 0.0 {
                        format!("{} more", points(-deficit.points))
                    } else {
                        "no difference".to_owned()
                    };
                    format!(
                        "Damaged by {plan} before fine-tuning, the model reaches {healed_text}, whereas the healthy \
                         one reaches {healthy_text}: {rest} ({}).",
                        interval(&deficit.interval, 1.0, "")
                    )
                }
            }
        }
        (Some(healthy), ..) => format!("Fine-tuned without damage, the model reaches {}.", percent(healthy)),
        _ => "This run has no figures.".to_owned(),
    }
}

/// Which share of the undamaged model's accuracy the healed one keeps, as the pruning literature has it: `96.3 % of the
/// control's accuracy`.
#[must_use]
pub fn share_kept(record: &RunRecord) -> Option<String> {
    let reference = record.deficit.as_ref()?.reference;
    let accuracy = |condition: Condition| record.result(condition).map(|result| result.metrics.accuracy);
    let kept = shared::statistics::share_kept(accuracy(reference)?, accuracy(Condition::Healed)?)?;
    Some(format!("{} of the {reference}'s accuracy", percent(kept)))
}

/// What one run allows to be said, by the rule for many; none without a deficit, and of a superseded run.
///
/// # Panics
/// Never: the usual claims are in range.
#[must_use]
pub fn one_seed(record: &RunRecord) -> Option<String> {
    record.deficit.as_ref()?;
    let judgements =
        judge(&ClaimsFile::default(), &[Run::from_record(record)?]).expect("the usual claims are in range");
    let judgement = judgements.first()?;
    Some(format!(
        "One seed: {judgement} The intervals here are over the rows of this one seed and say nothing about other seeds."
    ))
}

/// What a run of another version is worth.
pub(super) fn superseded(record: &RunRecord) -> String {
    format!(
        "Superseded: this run was made by another version of the program (schema {}, numerics {}; the current ones are \
         {SCHEMA_VERSION} and {NUMERICS_VERSION}). Its figures are shown as recorded and are not pooled with those of \
         current runs.",
        record.spec.schema, record.spec.numerics_version
    )
}

/// What a control has had: `after 3 + 3 epochs`.
#[must_use]
pub fn control_budget(training: &TrainingArgs) -> String {
    match training.max_steps {
        Some(n) => format!("after {n} + {n} steps"),
        None => format!("after {0} + {0} epochs", training.epochs),
    }
}

/// What to know beside an accuracy, from `; ` on: rows that are not finite, and a model that says the same of every row.
pub(super) fn caveats(metrics: &Metrics) -> String {
    let counts = [(metrics.n_non_finite, "not finite"), (metrics.n_saturated, "saturated")];
    let counted =
        counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("; {n} of {} rows {what}", metrics.n));
    let stuck = metrics.largest_class_share.filter(|share| *share >= STUCK_SHARE);
    counted.chain(stuck.map(|share| format!("; {} of the rows were assigned to one class", percent(share)))).collect()
}

/// The protocol as a sentence.
pub(super) fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Pretrained => {
            "Protocol pretrained: the pre-trained model was corrupted and then fine-tuned. The corrupted model has an \
             untrained head, so its accuracy is that of guessing, and the deficit is the figure to read."
        }
        Protocol::Finetuned => {
            "Protocol finetuned: the model was fine-tuned, corrupted, and fine-tuned again with the same budget. The \
             control was fine-tuned again in the same way without damage; recovery and deficit are measured against \
             it."
        }
    }
}

/// Words of a command as they can be pasted into a shell.
pub(super) fn shell(words: &[String]) -> String {
    let quote = |word: &String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%^".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_dir::tests::record;
    use shared::record::ModelResult;
    use shared::statistics::{Deficit, Recovery};

    fn result(accuracy: f64) -> ModelResult {
        let predictions = String::new();
        ModelResult {
            metrics: Metrics {
                accuracy,
                macro_f1: accuracy,
                loss: Some(0.5),
                expected_calibration_error: None,
                n: 100,
                n_non_finite: 0,
                n_saturated: 0,
                largest_class_share: None,
            },
            predictions,
        }
    }

    fn finished(protocol: Protocol, [healthy, corrupted, healed]: [f64; 3]) -> RunRecord {
        let mut record = record();
        record.spec.protocol = protocol;
        record.spec.corruption = Some("kaiming@bottom:0.5".into());
        [record.healthy, record.corrupted, record.healed] = [healthy, corrupted, healed].map(|x| Some(result(x)));
        let interval = Interval { low: -1.0, high: 3.5, level: 0.95 };
        let reference = Condition::Healthy;
        record.deficit = Some(Deficit { points: 100.0 * (healthy - healed), interval, reference });
        let value = Some((healed - corrupted) / (healthy - corrupted));
        record.recovery = Some(Recovery { value, interval: None, reference, note: None });
        record
    }

    #[test]
    fn the_headline_says_what_was_measured() {
        assert_eq!(
            headline(&finished(Protocol::Finetuned, [0.9, 0.5, 0.8])),
            "Accuracy fell from 90.0 % to 50.0 % under kaiming@bottom:0.5; fine-tuning again brought it to 80.0 %, \
             75 % of what was lost."
        );
        assert_eq!(
            headline(&finished(Protocol::Pretrained, [0.9, 0.5, 0.88])),
            "Damaged by kaiming@bottom:0.5 before fine-tuning, the model reaches 88.0 %, whereas the healthy one reaches \
             90.0 %: 2.0 points fewer (95 % interval -1.0 to 3.5)."
        );
        assert!(headline(&finished(Protocol::Pretrained, [0.9, 0.5, 0.91])).contains("91.0 %, whereas the healthy"));
        assert!(headline(&finished(Protocol::Pretrained, [0.9, 0.5, 0.91])).contains("1.0 point more"));
    }

    #[test]
    fn the_headline_names_the_control_and_the_caveats_name_a_model_that_is_stuck() {
        let mut record = finished(Protocol::Finetuned, [0.9, 0.5, 0.8]);
        record.control = Some(result(0.92));
        assert!(headline(&record).ends_with("The undamaged model, fine-tuned as often, reaches 92.0 %."));
        let metrics = |n_non_finite, n_saturated, share| Metrics {
            n_non_finite,
            n_saturated,
            largest_class_share: Some(share),
            ..result(0.2).metrics
        };
        let expected =
            "; 3 of 100 rows not finite; 1 of 100 rows saturated; 97.0 % of the rows were assigned to one class";
        assert_eq!(caveats(&metrics(3, 1, 0.97)), expected);
        assert_eq!(caveats(&metrics(0, 0, 0.5)), "");
    }

    #[test]
    fn an_undefined_recovery_is_not_made_up() {
        let mut record = finished(Protocol::Finetuned, [0.5, 0.5, 0.6]);
        let (reference, note) = (Condition::Healthy, Some("undefined: noise".into()));
        record.recovery = Some(Recovery { value: None, interval: None, reference, note });
        assert_eq!(
            headline(&record),
            "Accuracy went from 50.0 % to 50.0 % under kaiming@bottom:0.5; fine-tuning again brought it to 60.0 %."
        );
    }

    #[test]
    fn a_failed_run_says_so_first() {
        let mut record = record();
        let (phase, reason) = (Condition::Healed, "the loss is NaN".to_owned());
        record.status = RunStatus::Failed { phase, step: 12, learning_rate: 1e-2, reason };
        assert_eq!(
            headline(&record),
            "This run failed: fine-tuning the corrupted model stopped at step 12 because the loss is NaN (learning \
             rate 1e-2)."
        );
    }

    #[test]
    fn commands_can_be_pasted() {
        let words = ["bert-heal", "run", "--corrupt", "zero:0.1@all;kaiming@top:1L", "it's", ""].map(str::to_owned);
        assert_eq!(shell(&words), r"bert-heal run --corrupt 'zero:0.1@all;kaiming@top:1L' 'it'\''s' ''");
    }
}
