//! `bert-heal fetch`: models and datasets onto this machine.

mod rows;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::cli::fetch::FetchArgs;
use crate::exit_code::ExitCode;
use crate::hub::catalogue::{Catalogue, ExpectedRows, catalogue};
use crate::hub::{self, Fetched, ModelParts, NotFetched, RepoKind};
use crate::output::{print, print_json};

/// Runs the command.
pub fn run(args: &FetchArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        let printed = if args.json { print_json(catalogue()) } else { print(&tables(catalogue())) };
        return printed.map(|()| ExitCode::Ok);
    }
    if let (Some(bundle), Some(out)) = (&args.rows_of, &args.out) {
        let summary = rows::fetch(bundle, args.dataset.as_deref(), args.max_rows, out)?;
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
        "{models}\n\n{datasets}\nrows: train / validation / test, with labels, on the hub; length: tokens that others cut \
         texts to.\npackage: a Python package with the same bytes (of datasets the training rows only), for machines that \
         do not reach the hub."
    )
}

fn rows(rows: &ExpectedRows) -> String {
    let number = |rows: Option<usize>| rows.map_or("-".to_owned(), |rows| rows.to_string());
    format!("{} / {} / {}", rows.train, number(rows.validation), number(rows.test))
}
