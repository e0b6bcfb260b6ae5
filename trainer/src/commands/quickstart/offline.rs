//! `quickstart` where the model is out of reach: it starts from the page's own bundle, which lies in the source tree.
//!
//! Sentences to fine-tune on are not part of a bundle. Where they are at hand (given, cached, or fetched for the page) the
//! run is an ordinary one; else the bundle's three models are shown on sentences of the project's own, with the figures
//! that were measured when the bundle was made, and it is said what needs data.

use shared::Condition;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use candle_core::Device;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};
use shared::bundle::{Answers, Comparison, Manifest, Outcome, ROWS, Sample, ServedRows};
use shared::dataset::{Example, Split};
use shared::evaluation::rows_in_words;
use shared::statistics::{Interval, wilson};
use tempfile::TempDir;

use crate::commands::export::outcomes;
use crate::dataset_request::DatasetRequest;
use crate::exit_code::bad_input;
use crate::open_bundle;
use crate::open_dataset::{Purpose, RowSeeds};
use crate::say;

/// What every word of the screen stands under.
pub(super) const CAVEAT: &str = "a demonstration, not evidence";

/// Confidence of the accuracies' intervals.
const LEVEL: f64 = 0.95;

/// How to go on.
pub(super) enum Start {
    /// With a run.
    Run {
        /// The bundle.
        model: String,
        /// A folder of rows.
        dataset: String,
        /// Holds the rows until the run is over.
        rows: Option<TempDir>,
    },
    /// With what the bundle itself can show.
    Show(PathBuf),
}

/// What is left when fetching ended in `error`; that error when nothing is.
pub(super) fn start(dataset: &str, error: anyhow::Error) -> anyhow::Result<Start> {
    let Some(folder) = open_bundle::demo() else { return Err(error) };
    let manifest = open_bundle::manifest(&folder)?;
    say!("note: {error:#}");
    say!("note: starting from the page's own bundle instead, {} ({})", manifest.title, folder.display());
    let model = folder.to_string_lossy().into_owned();
    if Path::new(dataset).exists() {
        return Ok(Start::Run { model, dataset: dataset.to_owned(), rows: None });
    }
    let Some(rows) = rows(&folder, &manifest) else { return Ok(Start::Show(folder)) };
    let temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
    let dataset = temporary.path().join(&manifest.task.dataset);
    fs::create_dir(&dataset)?;
    fs::write(dataset.join("labels.txt"), manifest.task.label_names.join("\n") + "\n")?;
    for (split, rows) in [("train", &rows.train), ("test", &rows.held_out)] {
        let lines = rows.iter().map(|row| serde_json::to_string(row).map(|line| line + "\n"));
        fs::write(dataset.join(format!("{split}.jsonl")), lines.collect::<Result<String, _>>()?)?;
    }
    let dataset = dataset.to_string_lossy().into_owned();
    Ok(Start::Run { model, dataset, rows: Some(temporary) })
}

/// The bundle's rows: those that were fetched for the page, else those that the cache has.
fn rows(folder: &Path, manifest: &Manifest) -> Option<ServedRows> {
    let served = fs::read(folder.join(ROWS)).ok().and_then(|bytes| ServedRows::parse(manifest, &bytes).ok());
    served.or_else(|| {
        let given = DatasetRequest::new(&manifest.task.dataset);
        let names = &manifest.task.label_names;
        let (opened, _) = given.open(Purpose::Train, RowSeeds::default(), Some(names.clone())).ok()?;
        let opened = opened.matched_with(names, "the bundle").ok()?;
        let all = Split::ALL.into_iter().flat_map(|split| opened.dataset.split(split));
        ServedRows::choose(manifest, all.cloned().collect::<Vec<Example>>(), usize::MAX).ok()
    })
}

/// What the bundle shows, for scripts and for people.
pub(super) struct Shown {
    pub(super) json: Value,
    pub(super) text: String,
}

/// The three models of the bundle on its own sentences; `plan` is what damage would need data.
pub(super) fn show(folder: &Path, plan: &str) -> anyhow::Result<Shown> {
    let started = Instant::now();
    let bundle = open_bundle::open(folder)?;
    let manifest = bundle.manifest();
    let healed = manifest.healed().map_err(bad_input).with_context(|| format!("bundle {}", folder.display()))?;
    let texts: Vec<&str> = manifest.samples.iter().map(|sample| sample.text.as_str()).collect();
    let said_by = |condition| -> anyhow::Result<Vec<Outcome>> {
        outcomes(&bundle, &open_bundle::parameters(folder, &bundle, condition, &Device::Cpu)?, &texts)
    };
    let healthy = said_by(Condition::Healthy)?;
    let (corrupted, healed_says) = (said_by(Condition::Corrupted)?, said_by(Condition::Healed)?);
    let said = texts.iter().zip(healthy).zip(corrupted.into_iter().zip(healed_says));
    let samples: Vec<Sample> = said
        .map(|((text, healthy), (corrupted, healed))| Sample {
            text: (*text).to_owned(),
            healthy,
            corrupted: Some(corrupted),
            healed: Some(healed),
        })
        .collect();
    let needs_data = format!(
        "To damage it with {plan}, heal it and write a report, bert-heal needs sentences to train on: give --dataset \
         FILE with columns label and text, or run bert-heal fetch {} where there is a network.",
        manifest.task.dataset
    );
    let json = json!({
        "caveat": CAVEAT,
        "bundle": manifest.name,
        "plan": healed.plan,
        "seed": healed.seed,
        "quality": manifest.quality,
        "control": manifest.control.as_ref().map(|control| json!({
            "budget": control.budget,
            "accuracy": control.accuracy,
            "n": control.n,
            "answers": control.answers,
        })),
        "samples": samples,
        "needs_data": needs_data,
        "secs": started.elapsed().as_secs_f64(),
    });
    let mut lines =
        vec![format!("{}, damaged by {} with seed {}\n{CAVEAT}\n", manifest.title, healed.plan, healed.seed.0)];
    lines.extend(quality(manifest));
    lines.push(sentences(manifest, &samples));
    lines.push(needs_data);
    lines.push(format!("computed  the answers above in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(Shown { json, text: lines.join("\n") })
}

/// The accuracies that were measured when the bundle was made.
fn quality(manifest: &Manifest) -> Option<String> {
    let quality = manifest.quality.as_ref()?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["model", "accuracy", "95 % interval", "rows"]);
    let of = |comparison: &Comparison| (comparison.accuracy, comparison.answers.unwrap_or_default());
    let control = manifest.control.as_ref();
    let models = [
        ("healthy", Some(of(&quality.healthy))),
        ("control", control.map(|control| (control.accuracy, control.answers))),
        ("corrupted", quality.corrupted.as_ref().map(of)),
        ("healed", quality.healed.as_ref().map(of)),
    ];
    for (name, figures) in models {
        let Some((accuracy, answers)) = figures else { continue };
        let Answers { n_non_finite, n_saturated, .. } = answers;
        let n = quality.n as u64;
        let interval = wilson((accuracy * n as f64).round() as u64, n, LEVEL).map_or("–".into(), |estimate| {
            let Interval { low, high, .. } = estimate.interval;
            format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
        });
        let rows = rows_in_words(quality.n, n_non_finite, n_saturated);
        table.add_row([name.to_owned(), format!("{:.1} %", 100.0 * accuracy), interval, rows]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let control = control.map_or_else(String::new, |control| {
        format!("control: the healthy model {}, never damaged; compare the healed model with it\n", control.budget)
    });
    Some(format!(
        "{table}\n{control}measured when the bundle was made, on rows of {} that it was not trained on",
        manifest.task.dataset
    ))
}

fn sentences(manifest: &Manifest, samples: &[Sample]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["sentence", "healthy", "corrupted", "healed"]);
    let say = |outcome: Option<&Outcome>| {
        let answer = outcome.and_then(|outcome| {
            let id = outcome.label_id? as usize;
            Some((manifest.task.label_names.get(id)?, outcome.probabilities.get(id)?))
        });
        answer.map_or_else(|| "not finite".to_owned(), |(label, p)| format!("{label} {:.0} %", 100.0 * p))
    };
    for sample in samples {
        table.add_row([
            sample.text.clone(),
            say(Some(&sample.healthy)),
            say(sample.corrupted.as_ref()),
            say(sample.healed.as_ref()),
        ]);
    }
    table.to_string()
}
