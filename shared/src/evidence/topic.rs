//! One thing that many runs show, in words, tables and charts, for the report and the page alike.

use std::collections::BTreeMap;

use super::Experiment;
use crate::claims;
use crate::figure::{DataTable, Figure};

/// Charts that one topic draws at most: what is left out is in its table.
pub(super) const MAX_FIGURES: usize = 12;

/// Rows of a table at most: a page with more is not read.
pub(super) const MAX_ROWS: usize = 200;

/// Experiments whose own tables a topic has: those with the most whole runs.
pub(super) const MAX_EXPERIMENTS: usize = 12;

/// A part of what many runs show.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Its anchor.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// In the order of reading.
    pub pieces: Vec<Piece>,
}

/// A piece of a topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// A paragraph.
    Text(String),
    /// A table with what it shows.
    Table {
        /// What it shows.
        caption: String,
        /// The cells.
        table: DataTable,
    },
    /// Charts, beside one another where there is room.
    Figures(Vec<Figure>),
}

impl Topic {
    /// None where nothing but an introduction would be shown.
    pub(super) fn new(id: &'static str, title: &'static str, introduction: String, pieces: Vec<Piece>) -> Option<Self> {
        let pieces: Vec<Piece> = std::iter::once(Piece::Text(introduction)).chain(pieces).collect();
        (pieces.len() > 1).then_some(Self { id, title, pieces })
    }
}

impl Piece {
    /// A table of which at most [`MAX_ROWS`] rows are shown, with a word on those that are not.
    pub(super) fn table(caption: impl Into<String>, mut table: DataTable) -> Self {
        let caption = caption.into();
        let n_more = table.rows.len().saturating_sub(MAX_ROWS);
        table.rows.truncate(MAX_ROWS);
        let more = match n_more {
            0 => String::new(),
            n => format!(" The first {MAX_ROWS} rows are shown, {n} more are left out."),
        };
        Self::Table { caption: caption + &more, table }
    }

    /// Charts of which at most [`MAX_FIGURES`] are drawn; those drawn, and a word on those that are not.
    pub(super) fn figures(mut figures: Vec<Figure>) -> Vec<Self> {
        let n_more = figures.len().saturating_sub(MAX_FIGURES);
        figures.truncate(MAX_FIGURES);
        let note = (n_more > 0).then(|| {
            Self::Text(format!(
                "The first {MAX_FIGURES} charts are drawn; the numbers of {n_more} more are in the table."
            ))
        });
        let figures = (!figures.is_empty()).then_some(Self::Figures(figures));
        figures.into_iter().chain(note).collect()
    }
}

/// Experiments of this version that are alike in `key`, in the order of the first of each.
pub(super) fn alike(experiments: &[Experiment], key: impl Fn(&claims::Experiment) -> String) -> Vec<Vec<&Experiment>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Experiment>> = Vec::new();
    for experiment in experiments.iter().filter(|experiment| experiment.common.superseded.is_none()) {
        let place = *places.entry(key(&experiment.common)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(experiment);
    }
    groups
}

/// `1 seed`, `3 seeds`.
pub(super) fn seeds_in_words(n: usize) -> String {
    if n == 1 { "1 seed".to_owned() } else { format!("{n} seeds") }
}

/// `6 seeds`, or `3 to 6 seeds` where they differ.
pub(super) fn range_of_seeds(numbers: impl Iterator<Item = usize> + Clone) -> String {
    let (least, most) = (numbers.clone().min().unwrap_or(0), numbers.max().unwrap_or(0));
    if least == most { seeds_in_words(most) } else { format!("{least} to {most} seeds") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_said() {
        let mut table = DataTable::new(["a"]);
        (0..MAX_ROWS + 3).for_each(|i| table.push([i.to_string()]));
        let Piece::Table { caption, table } = Piece::table("All.", table) else { panic!("a table") };
        assert_eq!(table.rows.len(), MAX_ROWS);
        assert!(caption.ends_with("3 more are left out."), "{caption}");
        assert_eq!(
            (range_of_seeds([3, 6].into_iter()), range_of_seeds([1, 1].into_iter())),
            ("3 to 6 seeds".into(), "1 seed".into())
        );
    }
}
