//! `bert-heal quickstart`: what the project is about, on one screen. An ordinary run with everything chosen.

mod offline;

use shared::Condition;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;
use shared::evaluation::Prediction;
use shared::record::{Protocol, RunStatus, Seeds};
use shared::training::TrainingArgs;

use crate::cli::device::DeviceChoice;
use crate::cli::input::{ColumnFlags, DatasetFlags, InitFlags, ModelFlags, RowFlags};
use crate::cli::quickstart::QuickstartArgs;
use crate::exit_code::ExitCode;
use crate::hub::{self, ModelParts};
use crate::interrupt::Interrupt;
use crate::models::ModelSource;
use crate::output::{print, print_json};
use crate::report::{self, Evidence};
use crate::run_dir::RunDir;
use crate::runner::{self, Prepared, RunRequest};

/// What every word of the screen stands under.
const CAVEAT: &str = "a demonstration, not evidence";

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
        Err(error) => match offline::start(args, error)? {
            offline::Start::Run { model, dataset, rows } => (model, dataset, Duration::ZERO, rows),
            offline::Start::Show(bundle) => return offline::show(args, &bundle),
        },
    };
    let started = Instant::now();
    let max_positions = ModelSource::open(&model, None, false)?.config.max_positions;
    let max_length = Some(max_positions.min(LENGTH));
    let model = ModelFlags { model, init: InitFlags { random_init: false } };
    let rows = RowFlags {
        skip_bad_rows: false,
        train_limit: Some(TRAIN_ROWS),
        validation_limit: None,
        test_limit: Some(TEST_ROWS),
    };
    let columns = ColumnFlags { text_column: None, label_column: None, label_names: None };
    let dataset = DatasetFlags { dataset, config: None, columns, rows };
    let prepared = Prepared::new(RunRequest {
        model: &model,
        dataset: &dataset,
        corruption: Some((Protocol::Finetuned, &args.corrupt)),
        // A higher rate and shorter texts than the defaults, since there are few steps and little time.
        training: TrainingArgs { learning_rate: 1e-4, ..TrainingArgs::default() },
        max_length,
        seeds: Seeds::all(args.seed),
        device: DeviceChoice::Auto,
        save_steps: 50,
        dump: None,
    })?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(prepared.spec.id().as_str()));
    let run_dir = RunDir::open(&path, &prepared.spec, &prepared.numerics)?;
    let record = runner::run(&prepared, &run_dir, &Interrupt::install()?)?;
    drop(run_dir);
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
        lines.push(super::run::summary(&record, &path.display().to_string()));
        lines.extend(examples(&evidence));
        lines.push(format!(
            "fetching  {:.0} s, and {:.0} s for the rest",
            fetching.as_secs_f64(),
            computing.as_secs_f64()
        ));
        lines.push(format!("report    {}", page.display()));
        print(&lines.join("\n"))?;
    }
    Ok(match record.status {
        RunStatus::Ok => ExitCode::Ok,
        RunStatus::Failed { .. } => ExitCode::CellsFailed,
    })
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
        table.add_row([text.to_owned(), evidence.label(healthy[row].label)].into_iter().chain(answers));
    }
    (table.row_count() > 0).then(|| table.to_string())
}
