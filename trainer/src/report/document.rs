//! What a report says, before it is written in one format or another.

use shared::Condition;
use shared::figure::{DataTable, Figure};

/// A report.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is about, in a few words.
    pub title: String,
    /// The result, as a sentence or two.
    pub headline: String,
    /// What was done, on one line: model, dataset, plan.
    pub setting: Vec<String>,
    /// Whether the run broke off.
    pub is_failed: bool,
    /// In the order of reading.
    pub sections: Vec<Section>,
}

/// A part with its heading.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its anchor.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// In the order of reading.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph that must not be overlooked.
    Note(String),
    /// The key figures, large.
    Cards(Vec<Card>),
    /// A table with what it shows.
    Table {
        /// What it shows.
        caption: String,
        /// The cells.
        table: DataTable,
    },
    /// Charts, beside one another where there is room.
    Figures(Vec<Figure>),
    /// Something to type.
    Command(String),
}

/// A key figure.
#[derive(Clone, Debug)]
pub struct Card {
    /// What it is of.
    pub label: String,
    /// Its colour.
    pub role: Option<Condition>,
    /// The figure.
    pub value: String,
    /// Interval or reason.
    pub detail: String,
}
