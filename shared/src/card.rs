//! The model card: the README.md of a checkpoint, in the form that Hugging Face's hub reads.
//!
//! Invariant: a card of a model that was ever corrupted says so in its title, in its tags and in its first sentence, and
//! states the plan; a figure stands in it only when the record of the very weights has it, and what is not known is
//! called unknown. Form: <https://huggingface.co/docs/hub/model-cards>.

mod front_matter;

pub use self::front_matter::{Base, MadeBy};
use crate::Condition;
use crate::checkpoint::{History, Treatment};
use crate::corruption::Plan;
use crate::model::ModelConfig;
use crate::record::{ModelResult, Protocol, RunRecord};
use crate::statistics::{Interval, wilson};

/// The file's name.
pub const CARD: &str = "README.md";

/// Confidence of the intervals around accuracies.
const LEVEL: f64 = 0.95;

impl<'a> MadeBy<'a> {
    /// What the run found of this model.
    fn result(self) -> Option<&'a ModelResult> {
        self.record.result(self.place)
    }
}

/// What is known of a model beside its config and its run.
#[derive(Clone, Debug, Default)]
pub struct Background<'a> {
    /// The model that it derives from, where its terms are known.
    pub base: Option<Base<'a>>,
    /// Full sentences about how it came about.
    pub facts: Vec<String>,
}

/// The card of a model whose config tells what was done to it, and of which `made_by` made these very weights.
#[must_use]
pub fn card(config: &ModelConfig, made_by: Option<MadeBy<'_>>) -> String {
    card_with(config, made_by, &Background::default())
}

/// As [`card`], with what else is known of the model.
#[must_use]
pub fn card_with(config: &ModelConfig, made_by: Option<MadeBy<'_>>, background: &Background<'_>) -> String {
    let condition = config.history.condition();
    let record = made_by.map(|made_by| made_by.record);
    let mut sections = vec![
        front_matter::front_matter(&config.history, made_by, background.base),
        format!("# {}", title(condition, &config.history, record)),
        introduction(condition, &config.history),
        format!("## What was done to the weights\n{}", treatments(config, record)),
    ];
    sections.extend((!background.facts.is_empty()).then(|| background.facts.join("\n")));
    if let Some(made_by) = made_by {
        sections.push(format!("## Results\n{}", results(made_by)));
        sections.push(format!("## How it was made\n{}", making(made_by.record)));
    } else {
        sections.push(
            "## Results\nUnknown: there is no record of a finished run for these weights. Measure them with `bert-heal \
             evaluate`."
                .to_owned(),
        );
    }
    sections.push(format!("## Limits\n{}", limits(condition, record)));
    sections.push(format!(
        "## Where it comes from\nWritten by bert-heal, which damages part of a BERT, fine-tunes it and measures how \
         far it heals, following *Healing Powers of BERT* (arXiv:2406.14459). None of the figures here are from that \
         paper.\n{}",
        licence(background.base)
    ));
    sections.join("\n\n") + "\n"
}

fn licence(base: Option<Base<'_>>) -> String {
    let Some(Base { name, licence, notice }) = base else {
        return "The licence is that of the model from which it was made; it was not recorded here.".to_owned();
    };
    // An empty notice asks for nothing.
    let notice = if notice.is_empty() { String::new() } else { format!("\n{notice}") };
    format!("It derives from {name}, whose licence ({licence}) applies to it as well.{notice}")
}

fn title(condition: Condition, history: &History, record: Option<&RunRecord>) -> String {
    let base = record.map_or("A model".to_owned(), |record| record.spec.model.name.clone());
    let dataset = record.map_or(String::new(), |record| format!(" on {}", record.spec.dataset.name));
    match condition {
        Condition::Healthy if history.is_empty() => format!("{base}, of unknown history"),
        Condition::Healthy => format!("{base}, fine-tuned{dataset} without damage"),
        Condition::Control => format!("{base}, fine-tuned{dataset} twice without damage (control)"),
        Condition::Corrupted => format!("{base}, CORRUPTED on purpose"),
        Condition::Healed => format!("{base}, CORRUPTED on purpose and healed by fine-tuning{dataset}"),
    }
}

fn introduction(condition: Condition, history: &History) -> String {
    match (condition, history.warning()) {
        (Condition::Corrupted, Some(warning)) => format!(
            "> **Warning, this is a damaged model: {warning}.**\n> Its answers are worthless; it exists to study what \
             damage does."
        ),
        (_, Some(warning)) => format!(
            "> **Warning, this model was damaged: {warning}.**\n> Do not mistake it for the original, or for a model \
             that was fine-tuned without damage."
        ),
        (_, None) if history.is_empty() => {
            "bert-heal wrote this folder and does not know what was done to the weights before: the checkpoint from \
             which it was made records no history. Whether they were ever damaged is unknown."
                .to_owned()
        }
        (Condition::Control, None) => {
            "The control of an experiment: fine-tuned as usual, then once more in the same way as the corrupted model, \
             but without damage. The healed model is measured against it."
                .to_owned()
        }
        (_, None) => {
            "The healthy model of an experiment: fine-tuned as usual, not corrupted. The corrupted and healed models \
             of the same run are compared with it."
                .to_owned()
        }
    }
}

/// Each treatment in words, with the plan as it is typed.
fn treatments(config: &ModelConfig, record: Option<&RunRecord>) -> String {
    let mut items = vec![match record {
        Some(record) if record.spec.model.random => {
            format!("Weights initialised at random in the shape of {}.", record.spec.model.name)
        }
        Some(record) => format!("Started from {}.", record.spec.model.name),
        None => "Started from a checkpoint that is not recorded.".to_owned(),
    }];
    items.extend(config.history.treatments().iter().map(|treatment| match treatment {
        Treatment::Corrupted { plan, seed } => {
            // A plan for another number of layers cannot have been applied to this config, but the card must not fail.
            let words = Plan::parse(plan).and_then(|plan| plan.describe(config.anatomy()));
            let words = words.map_or(String::new(), |words| format!(" {words}"));
            format!("**Corrupted** by the plan `{plan}` with seed {}:{words}", seed.0)
        }
        Treatment::Transplanted { parts, donor, donor_condition } => {
            format!(
                "**Transplanted**: `{parts}` were replaced by those of a {donor_condition} model (weights `{donor}`)."
            )
        }
        Treatment::FineTunedAgain { run } => {
            format!("Fine-tuned once more in the same way, without damage (control of run `{run}`).")
        }
        Treatment::FineTuned { run } => {
            let on = record
                .filter(|record| [record.spec.id(), record.spec.healthy().id()].contains(run))
                .map_or(String::new(), |record| format!(" on {}", record.spec.dataset.name));
            format!("Fine-tuned{on} (run `{run}`).")
        }
    }));
    if config.history.is_empty() {
        items.push("What happened since is unknown.".to_owned());
    }
    numbered(&items)
}

/// The models of the run side by side, so that a figure is never read alone.
fn results(made_by: MadeBy<'_>) -> String {
    let record = made_by.record;
    let dataset = &record.spec.dataset;
    let mut lines = vec![
        format!(
            "On {} rows of {} that were not used for training; the 95 % intervals are over these rows (Wilson's).\n",
            made_by.result().map_or(0, |result| result.metrics.n),
            dataset.name
        ),
        "| model | accuracy | 95 % interval | macro-F1 | cross-entropy | largest class | rows |".to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for other in Condition::ALL {
        if let Some(result) = record.result(other) {
            let name = if other == made_by.place {
                format!("**{} (this one)**", other.as_str())
            } else {
                other.as_str().into()
            };
            lines.push(format!(
                "| {name} | {} | {} | {} | {} | {} | {} |",
                percent(result.metrics.accuracy),
                accuracy_interval(result),
                percent(result.metrics.macro_f1),
                result.metrics.loss.map_or("not finite".into(), |loss| format!("{loss:.4}")),
                result.metrics.largest_class_share.map_or("–".to_owned(), percent),
                result.metrics.rows_in_words()
            ));
        }
    }
    lines.push(String::new());
    if let Some(recovery) = &record.recovery {
        let value = recovery.value.map_or("undefined".to_owned(), percent);
        let interval = recovery.interval.map_or(String::new(), |interval| range(&interval, 100.0, "%"));
        let note = recovery.note.as_ref().map_or(String::new(), |note| format!(" Note: {note}."));
        let reference = recovery.reference;
        lines.push(format!("Recovery, (healed − corrupted) / ({reference} − corrupted): {value}{interval}.{note}"));
    }
    if let Some(deficit) = &record.deficit {
        let interval = range(&deficit.interval, 1.0, "points");
        lines.push(format!("Deficit, {} − healed: {:.1} points{interval}.", deficit.reference, deficit.points));
    }
    lines.join("\n").trim_end().to_owned()
}

fn making(record: &RunRecord) -> String {
    let (spec, seeds) = (&record.spec, record.spec.seeds);
    let corruption = match (&spec.corruption, spec.protocol) {
        (None, _) => "none in this run".to_owned(),
        (Some(plan), Protocol::Pretrained) => format!("`{plan}`, before fine-tuning (protocol `pretrained`)"),
        (Some(plan), Protocol::Finetuned) => format!("`{plan}`, after a first fine-tuning (protocol `finetuned`)"),
    };
    let training = &spec.training;
    let length = match training.max_steps {
        Some(n) => format!("{n} steps"),
        None => format!("{} epochs", training.epochs),
    };
    [
        format!(
            "- Run: `{}`, bert-heal {} (commit {})",
            record.run_id, record.environment.version, record.environment.commit
        ),
        format!("- Corruption: {corruption}"),
        format!(
            "- Seeds: corruption {}, head and dropout {}, data {}, split {}",
            seeds.corruption.0, seeds.head.0, seeds.data.0, seeds.split.0
        ),
        format!(
            "- Data: {}, {} training rows, {} classes",
            spec.dataset.name, spec.dataset.rows.train, spec.dataset.n_labels
        ),
        format!(
            "- Fine-tuning: {length}, learning rate {:e}, batch size {}, at most {} tokens, AdamW with weight decay {}",
            training.learning_rate, training.batch_size, training.max_length, training.weight_decay
        ),
        format!("- SHA-256 of the data: `{}`", record.hashes.data),
    ]
    .join("\n")
}

fn limits(condition: Condition, record: Option<&RunRecord>) -> String {
    let mut lines =
        vec!["- Made for an experiment, not for use: it has not been checked for bias or safety, or on other texts."];
    match condition {
        Condition::Corrupted => lines.push("- Damaged weights: its predictions are not those of the original model."),
        Condition::Healed => lines.push("- Healed on one task only: other abilities of the original may be lost."),
        Condition::Healthy | Condition::Control => {}
    }
    if record.is_some() {
        lines.push("- One run with one set of seeds: the intervals are over rows and say nothing about other seeds.");
    }
    lines.join("\n")
}

fn accuracy_interval(result: &ModelResult) -> String {
    let n_right = (result.metrics.accuracy * result.metrics.n as f64).round() as u64;
    wilson(n_right, result.metrics.n as u64, LEVEL).map_or("unknown".into(), |estimate| {
        format!("{} to {}", percent(estimate.interval.low), percent(estimate.interval.high))
    })
}

fn range(interval: &Interval, factor: f64, unit: &str) -> String {
    let (low, high) = (factor * interval.low, factor * interval.high);
    format!(" ({:.0} % interval {low:.1} to {high:.1} {unit})", 100.0 * interval.level)
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

fn numbered(items: &[String]) -> String {
    let lines: Vec<String> = items.iter().enumerate().map(|(i, item)| format!("{}. {item}", i + 1)).collect();
    lines.join("\n")
}
