//! `bert-heal transplant`: parts of one model in another.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;
use shared::card::{CARD, card};
use shared::checkpoint::{Treatment, WeightsHash};
use shared::corruption::{Report, Selection};
use shared::dataset::default_label_names;
use shared::model::{Module, ParameterPath};
use shared::random::Seed;
use shared::surgery::{Named, fit, reorder_classes, transplant};

use super::corrupt::tensor_table;
use crate::atomic;
use crate::exit_code::{ExitCode, bad_input};
use crate::open_model::{ModelSource, Weights};
use crate::output::{print, print_json};
use crate::runner::checkpoint_files;
use crate::say;

const EXAMPLES: &str = "\
Examples:
  bert-heal transplant --from RUN/checkpoint/healthy --to RUN/checkpoint/corrupted --parts layers:0 --out mixed/
  bert-heal transplant --from healthy/ --to broken/ --parts all/attention.head:0-3 --out mixed/
  bert-heal transplant --from healed/ --to healthy/ --parts embeddings,pooler,classifier --out mixed/";

/// Write a model with some parts of another
///
/// Takes the selected layers, components or heads out of one model and puts them into another of the same shape, where
/// everything else keeps its bits. The result opens in transformers and tells in its history where its parts come from.
/// Classes are matched by name when the classifier moves; when the embeddings move, both models need the same tokenizer.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TransplantArgs {
    /// The donor: catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub from: String,

    /// The receiver, which is not changed itself: a copy of it is written
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub to: String,

    /// What to take: a selection as in plans, such as layers:0-1, all/ffn, layers:2/attention.head:0-3, or
    /// embeddings,pooler,classifier
    #[arg(long, value_name = "SELECTION", help_heading = "Surgery")]
    pub parts: String,

    /// Folder for the new checkpoint; it must be empty or not exist yet
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,

    /// Print what was taken as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &TransplantArgs) -> anyhow::Result<ExitCode> {
    let parts = Selection::parse_with_heads(&args.parts).map_err(bad_input).context("--parts")?;
    let [donor_source, receiver_source] = [(&args.from, "--from"), (&args.to, "--to")]
        .map(|(name, flag)| ModelSource::open(name, None, Weights::Read).context(flag));
    let (donor_source, receiver_source) = (donor_source?, receiver_source?);
    let anatomy = receiver_source.config.anatomy();
    let resolved = parts.resolve(anatomy).map_err(bad_input).context("--parts")?;
    let moved: Vec<ParameterPath> =
        receiver_source.config.parameters().into_iter().filter(|path| resolved.contains(*path)).collect();
    let moves = |is_it: fn(Module) -> bool| moved.iter().any(|path| is_it(path.module));
    atomic::require_empty(&args.out).context("--out")?;

    let no_names = || Some(default_label_names(2));
    let mut donor = donor_source.load_as_it_is(no_names(), Seed(0), WeightsHash::Wanted).context("--from")?;
    let names = if moves(|module| module == Module::Classifier) {
        // Where the receiver has no classifier it gets the donor's.
        Some(donor.config.label_names.clone())
    } else {
        no_names()
    };
    let receiver = receiver_source.load_as_it_is(names, Seed(0), WeightsHash::Unused).context("--to")?;
    let (from, to) = (format!("--from {}", args.from), format!("--to {}", args.to));
    if let Some(path) = donor.created.iter().find(|path| resolved.contains(**path)) {
        let part = if path.module == Module::Classifier { "classifier" } else { "pooler" };
        return Err(bad_input(anyhow!(
            "{from} has no {part} of its own to take: leave {part} out of --parts, or take it from a fine-tuned model"
        )));
    }
    let named = (Named { name: &to, config: &receiver.config }, Named { name: &from, config: &donor.config });
    let fitted = fit(named.0, named.1, |path| resolved.contains(path)).map_err(bad_input)?;
    let tokenizer = receiver_source.tokenizer(&[])?;
    if moves(Module::is_embedding) && !tokenizer.reads_as(&donor_source.tokenizer(&[])?)? {
        return Err(bad_input(anyhow!(
            "{from} and {to} have different tokenizers, so the embeddings of one mean nothing in the other: leave \
             embeddings out of --parts"
        )));
    }
    for note in tokenizer.note.iter().chain(&fitted.note) {
        say!("note: {note}");
    }
    for (flag, notes) in [("--from", &donor.notes), ("--to", &receiver.notes)] {
        for note in notes {
            say!("note: {flag}: {note}");
        }
    }
    if let Some(places) = &fitted.places {
        reorder_classes(&mut donor.parameters, places)?;
    }
    let mut parameters = receiver.parameters;
    let report = transplant(&mut parameters, &donor.parameters, &resolved, anatomy)?;
    let donor_hash = donor.weights_hash.ok_or_else(|| anyhow!("the donor's weights were not hashed"))?;
    let donor_condition = donor.config.history.condition();
    let history = if report.tensors.is_empty() {
        receiver.config.history.clone()
    } else {
        let (parts, donor) = (parts.to_string(), donor_hash.clone());
        receiver.config.history.then(Treatment::Transplanted { parts, donor, donor_condition })
    };
    let config = receiver.config.with_history(history);
    let mut files = checkpoint_files(&config, &parameters, &tokenizer.files)?;
    files.push((CARD.to_owned(), card(&config, None).into_bytes()));
    atomic::write_dir(&args.out, &files).map_err(|e| anyhow!("--out: {e:#}"))?;
    if args.json {
        let Report { tensors, totals } = &report;
        print_json(&json!({
            "from": args.from,
            "to": args.to,
            "parts": parts.to_string(),
            "donor": {"weights": donor_hash, "condition": donor_condition},
            "tensors": tensors,
            "totals": totals,
            "out": args.out,
        }))?;
    } else {
        print(&tensor_table(&report))?;
        print(&format!(
            "{} values of {} tensors were taken from {} ({} of them had other bits)\nwritten to {}",
            report.totals.n_selected,
            report.totals.n_tensors,
            args.from,
            report.totals.n_changed,
            args.out.display()
        ))?;
    }
    Ok(ExitCode::Ok)
}
