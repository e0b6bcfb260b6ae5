//! Where the figures of many runs come from.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::topic::{Piece, Topic};
use crate::figure::{DataTable, Unit};
use crate::record::{RunRecord, RunStatus, Source};

/// Programs, numerics, models and data that made the records, with how many runs each has; none without records.
///
/// # Panics
/// Never: a record has string keys only.
#[must_use]
pub fn provenance_topic(records: &[RunRecord]) -> Option<Topic> {
    let mut facts = DataTable::new(["what", "value", "runs"]);
    let mut push = |what: &str, of: &dyn Fn(&RunRecord) -> String| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for record in records {
            *counts.entry(of(record)).or_default() += 1;
        }
        for (value, n) in counts {
            facts.push([what.to_owned(), value, Unit::Count.format(n as f64)]);
        }
    };
    push("status", &|record| match record.status {
        RunStatus::Ok => "ok".to_owned(),
        RunStatus::Failed { .. } => "failed".to_owned(),
    });
    push("program", &|record| {
        format!("bert-heal {} (commit {})", record.environment.version, record.environment.commit)
    });
    push("versions", &|record| {
        let is_old = if record.is_superseded() { ", superseded: supports no claims" } else { "" };
        format!("schema {}, numerics {}{is_old}", record.spec.schema, record.spec.numerics_version)
    });
    push("numerics", &|record| record.numerics.as_ref().map_or("not recorded".to_owned(), ToString::to_string));
    let models = table(records, ["model", "SHA-256 of weights", "of config", "of tokenizer"], |record| {
        let model = &record.spec.model;
        let weights = record.hashes.weights.as_ref().or(model.weights_sha256.as_ref());
        let weights = weights.cloned().unwrap_or_else(|| "drawn from the head seed".to_owned());
        let of = [model.name.clone(), model.config_sha256.clone(), model.tokenizer_sha256.clone()];
        (of, weights, record.provenance.model.as_ref())
    });
    let data = table(records, ["dataset", "SHA-256 of rows", "train, validation, test", "classes"], |record| {
        let dataset = &record.spec.dataset;
        let rows = format!("{}, {}, {}", dataset.rows.train, dataset.rows.validation, dataset.rows.test);
        let of = [dataset.name.clone(), rows, dataset.n_labels.to_string()];
        (of, record.hashes.data.clone(), record.provenance.dataset.as_ref())
    });
    let digest = records_sha256(records);
    let introduction = format!(
        "{} records. The SHA-256 of their lines, sorted by run id, is {digest}: records are equal where it is.",
        Unit::Count.format(records.len() as f64)
    );
    let pieces = if records.is_empty() {
        Vec::new()
    } else {
        vec![
            Piece::table("What made the records.", facts),
            Piece::table("Models that runs started from.", models),
            Piece::table("Rows that runs learnt from and were judged on, after limits.", data),
        ]
    };
    Topic::new("provenance", "Provenance", introduction, pieces)
}

/// SHA-256 (hex) over the records' JSON, each with a line feed, in the order of their ids.
fn records_sha256(records: &[RunRecord]) -> String {
    let mut sorted: Vec<&RunRecord> = records.iter().collect();
    sorted.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    let mut hasher = Sha256::new();
    for record in sorted {
        hasher.update(serde_json::to_vec(record).expect("a record has string keys only"));
        hasher.update(b"\n");
    }
    hex::encode(hasher.finalize())
}

/// A row for each difference in anything but the hash; the hash, or how many there are where a limit drew rows by seed.
fn table<'a>(
    records: &'a [RunRecord],
    header: [&str; 4],
    of: impl Fn(&'a RunRecord) -> ([String; 3], String, Option<&'a Source>),
) -> DataTable {
    let mut groups: BTreeMap<([String; 3], String), BTreeMap<String, usize>> = BTreeMap::new();
    for record in records {
        let (cells, hash, source) = of(record);
        let source = source.map_or("files on the machine".to_owned(), |source| match &source.revision {
            Some(revision) => format!("{} at {revision}", source.id),
            None => source.id.clone(),
        });
        *groups.entry((cells, source)).or_default().entry(hash).or_default() += 1;
    }
    let mut table = DataTable::new(header.into_iter().chain(["from", "runs"]));
    for (([name, second, third], source), hashes) in groups {
        let n: usize = hashes.values().sum();
        let hash = match hashes.len() {
            1 => hashes.into_keys().next().unwrap_or_default(),
            n => format!("{n} different ones, which runs.csv lists"),
        };
        table.push([name, hash, second, third, source, Unit::Count.format(n as f64)]);
    }
    table
}
