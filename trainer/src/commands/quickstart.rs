//! `bert-heal quickstart`: what the project is about, on one screen. An ordinary run with everything chosen.

mod offline;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;
use shared::Condition;
use shared::checkpoint::OtherClasses;
use shared::dataset::Limits;
use shared::evaluation::Prediction;
use shared::nn::Activations;
use shared::record::{Protocol, Seeds};
use shared::training::TrainingArgs;

use self::offline::CAVEAT;
use super::run::{carry_out, ended, summary};
use crate::dataset_request::DatasetRequest;
use crate::device::DeviceChoice;
use crate::exit_code::ExitCode;
use crate::hub::{self, ModelParts};
use crate::open_model::{ModelSource, Weights};
use crate::output::{print, print_json};
use crate::report::{self, Evidence};
use crate::runner::{Models, Prepared, RunRequest};

/// The model where none is named.
const DEFAULT_MODEL: &str = "minilm-l6";

/// The plan where none is named.
const DEFAULT_CORRUPT: &str = "kaiming@bottom:0.5";

const EXAMPLES: &str = "\
Examples:
  bert-heal quickstart
  bert-heal quickstart --corrupt kaiming@top:0.5         the same damage at the other end
  bert-heal quickstart --model my-model/ --dataset my-data/

It fine-tunes on at most 1,500 rows, which takes about a minute each time on two cores; anything
missing is fetched first and timed separately. Without a network it starts from the page's own
model (in the folder of bundles that BERT_HEAL_BUNDLES names, else in the source tree) and says
what needs data. The numbers show how it works and prove nothing; for evidence see
bert-heal help run.";

/// Damage and heal a small model in a few minutes: a demonstration
///
/// Fetches a small model and dataset, fine-tunes the model, damages it, fine-tunes it again, and shows the healthy,
/// corrupted and healed models on one screen, with a report as a web page. The run is an ordinary one: every command
/// can open its folder.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct QuickstartArgs {
    /// Catalogue name, hub id or folder
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_MODEL, help_heading = "Model and data")]
    pub model: String,

    /// Catalogue name, hub id, folder or file
    #[arg(long, value_name = "DATASET", default_value = "rotten_tomatoes", help_heading = "Model and data")]
    pub dataset: String,

    /// What to damage, and how; see bert-heal help run for plans
    #[arg(long, value_name = "PLAN", default_value = DEFAULT_CORRUPT, help_heading = "Corruption")]
    pub corrupt: String,

    /// Sets all seeds: which weights are damaged, the classifier's initial weights, the order of rows
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed: u64,

    /// Run folder, with the report in it [default: runs/<run id>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the record, the report's path and the time spent fetching as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Enough to learn something and to be hurt visibly, few enough for a minute on two cores.
const TRAIN_ROWS: usize = 1500;

/// An accuracy over so many rows is known to about three points.
const TEST_ROWS: usize = 1000;

/// Film reviews of one sentence are shorter.
const LENGTH: usize = 64;

/// Characters of an example that stand on one or two lines.
const EXAMPLE_CHARS: usize = 110;

/// Runs the command.
pub fn run(args: &QuickstartArgs) -> anyhow::Result<ExitCode> {
    let (model, dataset, fetching, _rows) = match fetch(args) {
        Ok(fetching) => (args.model.clone(), args.dataset.clone(), fetching, None),
        Err(error) if args.model != DEFAULT_MODEL => return Err(error),
        Err(error) => match offline::start(&args.dataset, error)? {
            offline::Start::Run { model, dataset, rows } => (model, dataset, Duration::ZERO, rows),
            offline::Start::Show(bundle) => return show(args, &bundle),
        },
    };
    let started = Instant::now();
    let max_positions = ModelSource::open(&model, None, Weights::Read)?.config.max_positions;
    let max_length = Some(max_positions.min(LENGTH));
    let dataset = DatasetRequest {
        limits: Limits { train: Some(TRAIN_ROWS), validation: None, test: Some(TEST_ROWS) },
        ..DatasetRequest::new(dataset)
    };
    let prepared = Prepared::new(RunRequest {
        model: &model,
        weights: Weights::Read,
        other_classes: OtherClasses::default(),
        dataset: &dataset,
        corruption: Some((Protocol::Finetuned, &args.corrupt)),
        // A higher rate and shorter texts than the defaults, since there are few steps and little time.
        training: TrainingArgs { learning_rate: 1e-4, ..TrainingArgs::default() },
        max_length,
        seeds: Seeds::all(args.seed),
        device: DeviceChoice::Auto,
        activations: Activations::Kept,
        save_steps: 50,
        dump: None,
        models: Models::Keep,
    })?;
    let (path, record) = carry_out(&prepared, args.out.as_deref())?;
    let page = report::write(&path, &report::default_path(&path))?;
    let computing = started.elapsed();
    if args.json {
        print_json(&json!({
            "caveat": CAVEAT,
            "record": record,
            "report": page,
            "fetch_secs": fetching.as_secs_f64(),
            "secs": computing.as_secs_f64(),
        }))?;
    } else {
        let evidence = Evidence::read(&path)?;
        let mut lines = vec![format!("{}\n{CAVEAT}\n", report::headline(&record))];
        lines.push(summary(&record, &path.display().to_string()));
        lines.extend(examples(&evidence));
        lines.push(format!(
            "fetching  {:.0} s, everything else {:.0} s",
            fetching.as_secs_f64(),
            computing.as_secs_f64()
        ));
        lines.push(format!("report    {}", page.display()));
        print(&lines.join("\n"))?;
    }
    Ok(ended(&record))
}

/// What can be shown where there is nothing to learn from.
fn show(args: &QuickstartArgs, bundle: &Path) -> anyhow::Result<ExitCode> {
    let plan = if args.corrupt == DEFAULT_CORRUPT { "another plan" } else { &args.corrupt };
    let shown = offline::show(bundle, plan)?;
    if args.json {
        print_json(&shown.json)?;
    } else {
        print(&shown.text)?;
    }
    Ok(ExitCode::Ok)
}

/// Brings what is not here to this machine, before anything else, and says how long that took.
fn fetch(args: &QuickstartArgs) -> anyhow::Result<Duration> {
    let started = Instant::now();
    if !Path::new(&args.model).exists() {
        hub::model(&args.model, ModelParts::Everything).map_err(|failed| failed.error)?;
    }
    if !Path::new(&args.dataset).exists() {
        hub::dataset(&args.dataset).map_err(|failed| failed.error)?;
    }
    Ok(started.elapsed())
}

/// Up to three rows with what each model says of them, each of another kind.
fn examples(evidence: &Evidence) -> Option<String> {
    let predictions = |which| evidence.model(which).and_then(|model| Some(model.predicted.as_ref()?.0.as_slice()));
    let [healthy, corrupted, healed] =
        [predictions(Condition::Healthy)?, predictions(Condition::Corrupted)?, predictions(Condition::Healed)?];
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["text", "true", "healthy", "corrupted", "healed"]);
    // Healed, still ill, and what shows that healing is no copy of the healthy model.
    for kind in [[true, false, true], [true, false, false], [false, false, true]] {
        let is_kind = |(row, _): &(usize, &Prediction)| {
            [healthy, corrupted, healed].map(|predictions| predictions[*row].is_correct()) == kind
        };
        let rows = healthy.iter().enumerate().filter(is_kind);
        let mut texts = rows.filter_map(|(row, prediction)| Some((row, evidence.text(prediction)?)));
        let Some((row, text)) = texts.find(|(_, text)| text.chars().count() <= EXAMPLE_CHARS) else { continue };
        let answers = [healthy, corrupted, healed].map(|predictions| evidence.answer(&predictions[row]));
        table.add_row([text, evidence.label(healthy[row].label)].into_iter().chain(answers));
    }
    (table.row_count() > 0).then(|| table.to_string())
}
