//! `bert-heal corrupt`: a damaged copy of a model.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use shared::checkpoint::{Treatment, WeightsHash};
use shared::corruption::{Plan, Report, TensorReport};
use shared::dataset::default_label_names;
use shared::random::Seed;

use super::input_flags::ModelFlags;
use crate::atomic;
use crate::exit_code::{ExitCode, bad_input};
use crate::open_model::ModelSource;
use crate::output::{print, print_json};
use crate::runner::checkpoint_files;
use crate::say;
use shared::card::{CARD, card};

const EXAMPLES: &str = "\
Examples:
  bert-heal corrupt --model all-MiniLM-L6-v2/ --corrupt kaiming@bottom:0.5 --seed 1 --out broken/
  bert-heal corrupt --model runs/3f2a91c07b5e/checkpoint/healthy --corrupt bitflip:1e-6@all --seed 1 --out broken/";

/// Write a damaged copy of a model
///
/// The same plan and seed give the same bits on every machine and in the browser. Prints every tensor that was changed.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CorruptArgs {
    #[command(flatten)]
    pub model: ModelFlags,

    /// What to damage, and how; `bert-heal help run` shows plans
    #[arg(long, value_name = "PLAN", help_heading = "Corruption")]
    pub corrupt: String,

    /// The seed of the corruption
    #[arg(long, value_name = "N", help_heading = "Corruption")]
    pub seed: u64,

    /// Folder for the damaged checkpoint; it must be empty or not exist yet
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,

    /// Print what was changed as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &CorruptArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::parse(&args.corrupt).map_err(bad_input).context("--corrupt")?;
    let source = ModelSource::open(&args.model.model, None, args.model.init.weights())?;
    plan.validate(source.config.anatomy()).map_err(bad_input).context("--corrupt")?;
    atomic::require_empty(&args.out).context("--out")?;
    let seed = Seed(args.seed);
    // An encoder without a head gets one for two classes, so that the copy opens as a classifier; that is said.
    let mut checkpoint = source.load_as_it_is(Some(default_label_names(2)), seed, WeightsHash::Unused)?;
    let tokenizer = source.tokenizer(&[])?;
    for note in tokenizer.note.iter().chain(&checkpoint.notes) {
        say!("note: {note}");
    }
    let resolved = plan.resolve_for(&checkpoint.config).map_err(bad_input).context("--corrupt")?;
    let report = checkpoint.parameters.corrupt(&resolved, seed)?;
    let history = checkpoint.config.history.then(Treatment::Corrupted { plan: plan.to_string(), seed });
    let config = checkpoint.config.with_history(history);
    let mut files = checkpoint_files(&config, &checkpoint.parameters, &tokenizer.files)?;
    files.push((CARD.to_owned(), card(&config, None).into_bytes()));
    atomic::write_dir(&args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    if args.json {
        print_json(&report)?;
    } else {
        print(&tensor_table(&report))?;
        for line in single_weights(&report) {
            print(&line)?;
        }
        print(&format!("{plan}, seed {}: {}\nwritten to {}", args.seed, resolved.describe(), args.out.display()))?;
    }
    Ok(ExitCode::Ok)
}

/// Each single weight that was changed, with its value before and after.
fn single_weights(report: &Report) -> Vec<String> {
    let line = |tensor: &TensorReport| {
        let weight = tensor.weight?;
        let column = weight.column.map_or(String::new(), |column| format!(", {column}"));
        let place = format!("{} [{}{column}], bit {}", tensor.name, weight.row, weight.bit);
        Some(format!("{place}: {:?} became {:?}", weight.before(), weight.after()))
    };
    report.tensors.iter().filter_map(line).collect()
}

/// Each tensor that was touched.
pub(super) fn tensor_table(report: &Report) -> String {
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
