//! The report of many runs, section by section: claims first.

use std::collections::{BTreeMap, BTreeSet};

use shared::claims::{Judgement, Outcome};
use shared::evidence::{
    Experiment, Piece, Topic, differences_from_first, figures, largest, plans_caption, plans_table, runs_table, topics,
};
use shared::figure::{Chart, DataTable};
use shared::record::RunStatus;

use super::super::document::{Block, Document, Section};
use super::judged::Runs;

/// Claims whose sentences are shown; from that many on there is a table of how many came to which outcome.
const MAX_SENTENCES: usize = 100;
const MANY_CLAIMS: usize = 12;

/// Notes on what could not be read.
pub(super) const MAX_NOTES: usize = 20;

/// Experiments whose plans and runs are listed: those with the most whole runs.
const MAX_EXPERIMENTS: usize = 12;

/// Rows of the table of an experiment's runs.
const MAX_RUNS: usize = 200;

/// Groups of experiments whose differences are listed, fields of each, and values of a field.
const MAX_GROUPS: usize = 40;
const MAX_FIELDS: usize = 6;
const MAX_VALUES: usize = 6;
const MAX_VALUE_CHARS: usize = 24;

/// Settings named below the headline.
const MAX_SETTINGS: usize = 12;

const RULE: &str = "One rule decides: “worse” or “better” if an exact sign-flip test over pairs of seeds is \
                    significant after Holm's adjustment within the family of claims; “equivalent” if two one-sided \
                    tests against the margin are; otherwise “undecided”. Intervals are not adjusted for the number of \
                    claims.";

/// The whole report.
pub(in crate::report) fn document(runs: &Runs) -> Document {
    let n_failed = runs.records.iter().filter(|record| record.status != RunStatus::Ok).count();
    let n_experiments = runs.experiments.len();
    let mut sections = vec![
        Section { id: "claims", title: "Claims", blocks: claims(runs) },
        Section { id: "plans", title: "All plans", blocks: plans(runs) },
    ];
    let (topics, last): (Vec<_>, Vec<_>) = topics(&runs.records, &runs.predictions, &runs.experiments)
        .into_iter()
        .partition(|topic| topic.id != "provenance");
    sections.extend(topics.into_iter().map(section));
    sections.push(Section { id: "apart", title: "Experiments that are not pooled", blocks: apart(&runs.experiments) });
    sections.push(Section { id: "runs", title: "All runs", blocks: every_run(runs) });
    sections.extend(last.into_iter().map(section));
    Document {
        title: format!("{} runs", runs.records.len()),
        headline: format!(
            "{} runs in {n_experiments} {}, {n_failed} of them failed.",
            runs.records.len(),
            if n_experiments == 1 { "experiment" } else { "experiments" }
        ),
        setting: setting(&runs.experiments),
        is_failed: false,
        sections: sections.into_iter().filter(|section| !section.blocks.is_empty()).collect(),
    }
}

fn setting(experiments: &[Experiment]) -> Vec<String> {
    let all: BTreeSet<String> = experiments.iter().map(|experiment| experiment.common.to_string()).collect();
    let more = all.len().saturating_sub(MAX_SETTINGS);
    let more = (more > 0).then(|| format!("and {more} more"));
    all.into_iter().take(MAX_SETTINGS).chain(more).collect()
}

/// The rule, how many claims came to which outcome, and a sentence for each.
fn claims(runs: &Runs) -> Vec<Block> {
    let mut blocks = vec![Block::Text(RULE.to_owned())];
    if runs.judgements.len() >= MANY_CLAIMS {
        let caption = "How many claims came to which outcome".to_owned();
        blocks.push(Block::Table { caption, table: outcomes(&runs.judgements) });
    }
    blocks.extend(runs.sentences().into_iter().take(MAX_SENTENCES).map(Block::Text));
    let n_more = runs.judgements.len().saturating_sub(MAX_SENTENCES);
    if n_more > 0 {
        blocks.push(Block::Note(format!(
            "The first {MAX_SENTENCES} sentences are shown; claims.csv has these and {n_more} more."
        )));
    }
    blocks.extend(runs.notes.iter().take(MAX_NOTES).cloned().map(Block::Note));
    let n_more = runs.notes.len().saturating_sub(MAX_NOTES);
    blocks.extend((n_more > 0).then(|| Block::Note(format!("{n_more} more notes like these are left out."))));
    blocks
}

fn outcomes(judgements: &[Judgement]) -> DataTable {
    const ALL: [Outcome; 4] = [Outcome::Worse, Outcome::Equivalent, Outcome::Better, Outcome::Undecided];
    let mut table = DataTable::new(["claim"].into_iter().chain(ALL.map(Outcome::as_str)).chain(["all"]));
    let mut names: Vec<&str> = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for judgement in judgements {
        if !counts.contains_key(judgement.claim.as_str()) {
            names.push(&judgement.claim);
        }
        let of_claim = counts.entry(&judgement.claim).or_default();
        for (n, outcome) in of_claim.iter_mut().zip(ALL) {
            *n += usize::from(judgement.outcome == outcome);
        }
    }
    for name in names {
        let counts = counts[name];
        let all = counts.iter().sum::<usize>().to_string();
        table.push(std::iter::once(name.to_owned()).chain(counts.map(|n| n.to_string())).chain([all]));
    }
    table
}

/// Means over seeds with their charts, experiment by experiment.
fn plans(runs: &Runs) -> Vec<Block> {
    let shown = largest(&runs.experiments, MAX_EXPERIMENTS);
    let note = left_out(runs.experiments.len(), shown.len(), "plans.csv");
    shown.into_iter().flat_map(of_experiment).chain(note).collect()
}

/// Means over seeds with their charts; the deficits, whose rows have long names, across the whole page.
fn of_experiment(experiment: &Experiment) -> Vec<Block> {
    let (deficits, levels): (Vec<_>, Vec<_>) =
        figures(experiment).into_iter().partition(|figure| matches!(figure.chart, Chart::Intervals(_)));
    let means = [table(experiment, plans_table(experiment)), Block::Text(plans_caption(experiment))];
    let charts = [levels, deficits].into_iter().filter(|figures| !figures.is_empty()).map(Block::Figures);
    means.into_iter().chain(charts).collect()
}

fn every_run(runs: &Runs) -> Vec<Block> {
    let shown = largest(&runs.experiments, MAX_EXPERIMENTS);
    let note = left_out(runs.experiments.len(), shown.len(), "runs.csv");
    shown.into_iter().map(|one| table(one, runs_table(one))).chain(note).collect()
}

fn left_out(n_all: usize, n_shown: usize, file: &str) -> Option<Block> {
    (n_all > n_shown).then(|| {
        Block::Note(format!("Shown are the {n_shown} experiments with the most runs; {file} has those of all {n_all}."))
    })
}

fn table(experiment: &Experiment, mut table: DataTable) -> Block {
    let common = &experiment.common;
    let n_more = table.rows.len().saturating_sub(MAX_RUNS);
    table.rows.truncate(MAX_RUNS);
    let more = if n_more == 0 { String::new() } else { format!("; {n_more} more rows are in the CSV files") };
    Block::Table { caption: format!("{common}; {}{more}", common.budget()), table }
}

fn section(topic: Topic) -> Section {
    let block = |piece| match piece {
        Piece::Text(text) => Block::Text(text),
        Piece::Table { caption, table } => Block::Table { caption, table },
        Piece::Figures(figures) => Block::Figures(figures),
    };
    Section { id: topic.id, title: topic.title, blocks: topic.pieces.into_iter().map(block).collect() }
}

/// Which fields keep experiments of one model, dataset and protocol apart, with their values.
fn apart(experiments: &[Experiment]) -> Vec<Block> {
    let mut groups: Vec<(String, usize, BTreeMap<String, Vec<String>>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (experiment, differences) in experiments.iter().zip(differences_from_first(experiments)) {
        let name = experiment.common.to_string();
        let place = *places.entry(name.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((name, 0, BTreeMap::new()));
        }
        let (_, n, fields) = &mut groups[place];
        *n += 1;
        for difference in differences {
            let values = fields.entry(difference.path).or_default();
            for value in [difference.first, difference.other] {
                if !values.contains(&value) && values.len() <= MAX_VALUES {
                    values.push(value);
                }
            }
        }
    }
    let several: Vec<_> = groups.into_iter().filter(|(_, n, _)| *n > 1).collect();
    let n_more = several.len().saturating_sub(MAX_GROUPS);
    let sentence = |(name, n, fields): (String, usize, BTreeMap<String, Vec<String>>)| {
        let n_fields = fields.len();
        let shown: Vec<String> =
            fields.into_iter().take(MAX_FIELDS).map(|(path, values)| in_words(&path, &values)).collect();
        let more = n_fields.saturating_sub(MAX_FIELDS);
        let more = if more > 0 { format!("; and {more} more fields") } else { String::new() };
        Block::Text(format!(
            "{name}: {n} experiments that are not pooled, because they differ in {}{more}.",
            shown.join("; ")
        ))
    };
    let mut blocks: Vec<Block> = several.into_iter().take(MAX_GROUPS).map(sentence).collect();
    blocks.extend((n_more > 0).then(|| Block::Note(format!("{n_more} more groups like these are left out."))));
    blocks
}

/// `training.epochs (1.0, 3.0)`.
fn in_words(path: &str, values: &[String]) -> String {
    let short = |value: &String| {
        let value = value.trim_matches('"');
        let is_long = value.chars().count() > MAX_VALUE_CHARS;
        if is_long { value.chars().take(MAX_VALUE_CHARS - 1).chain(['…']).collect() } else { value.to_owned() }
    };
    let mut shown: Vec<String> = values.iter().take(MAX_VALUES).map(short).collect();
    if values.len() > MAX_VALUES {
        shown.push("…".to_owned());
    }
    format!("{path} ({})", shown.join(", "))
}
