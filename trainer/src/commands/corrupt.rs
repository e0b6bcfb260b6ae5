//! `bert-heal corrupt`: a damaged copy of a model.

use anyhow::{Context, anyhow};
use candle_core::Device;
use comfy_table::{CellAlignment, Table, presets};
use shared::checkpoint::Treatment;
use shared::corruption::{Plan, Report};
use shared::seed::Seed;

use crate::card::{CARD, card};
use crate::cli::corrupt::CorruptArgs;
use crate::exit_code::{ExitCode, bad_input};
use crate::models::ModelSource;
use crate::output::{print, print_json};
use crate::run_dir::atomic;
use crate::runner::checkpoint_files;
use crate::say;

/// Runs the command.
pub fn run(args: &CorruptArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::parse(&args.corrupt).map_err(bad_input).context("--corrupt")?;
    let source = ModelSource::open(&args.model.model, None, args.model.init.random_init)?;
    let resolved = plan.resolve(source.config.anatomy()).map_err(bad_input).context("--corrupt")?;
    atomic::require_empty(&args.out).context("--out")?;
    let seed = Seed(args.seed);
    // An encoder without a head gets one for two classes, so that the copy opens as a classifier; that is said.
    let mut checkpoint = match source.load(None, seed, &Device::Cpu) {
        Ok(checkpoint) => checkpoint,
        Err(_) => source.load(Some(vec!["LABEL_0".into(), "LABEL_1".into()]), seed, &Device::Cpu)?,
    };
    let tokenizer = source.tokenizer(&[])?;
    for note in tokenizer.note.iter().chain(&checkpoint.notes) {
        say!("note: {note}");
    }
    let report = checkpoint.parameters.corrupt(&resolved, seed)?;
    let history = checkpoint.config.history.then(Treatment::Corrupted { plan: plan.to_string(), seed });
    let config = checkpoint.config.with_history(history);
    let mut files = checkpoint_files(&config, &checkpoint.parameters, &tokenizer.files)?;
    files.push((CARD.to_owned(), card(&config, None).into_bytes()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    atomic::write_dir(&args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    if args.json {
        print_json(&report)?;
    } else {
        print(&table(&report))?;
        print(&format!("{plan}, seed {}: {}\nwritten to {}", args.seed, resolved.describe(), args.out.display()))?;
    }
    Ok(ExitCode::Ok)
}

/// Each tensor that was touched.
fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["tensor", "scheme", "values", "changed", "norm before", "norm after", "not finite"]);
    for tensor in &report.tensors {
        table.add_row([
            tensor.name.clone(),
            tensor.scheme.clone(),
            tensor.n_elements.to_string(),
            tensor.n_changed.to_string(),
            format!("{:.4}", tensor.norm_before),
            format!("{:.4}", tensor.norm_after),
            tensor.n_non_finite.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
