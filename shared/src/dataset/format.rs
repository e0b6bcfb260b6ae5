//! What kinds of files a table may come in, and how a file's name tells.

use super::{ColumnChoice, DatasetError, RawTable, read_csv, read_json, read_json_lines, read_tsv};
use crate::words::listed;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `label<TAB>text`, unquoted.
    Tsv,
    /// RFC 4180.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// An array of JSON objects, or one a line.
    Json,
    /// Columns in row groups, as the hub keeps them.
    Parquet,
    /// Columns in batches, as `save_to_disk` of Hugging Face's `datasets` keeps them.
    Arrow,
}

/// All that the program says of a format. Readers, messages, the command line's help and the page are made from it.
#[derive(Clone, Copy, Debug)]
pub struct FormatEntry {
    /// What sentences call it.
    pub name: &'static str,
    /// What names of such files end in; the first is the usual one.
    pub endings: &'static [&'static str],
    /// What such a file holds, for lists of all formats.
    pub help: &'static str,
    /// What reads it.
    pub reader: Reader,
    /// Whether such a file among others is always a table: JSON is also used for much else.
    pub is_always_a_table: bool,
    /// Its place among those that are looked for by names in a repository of the hub, best first; none is not looked for.
    pub place_on_hub: Option<u8>,
}

/// Reads a table from a whole file's bytes without judging labels; the first argument is what messages call the file.
pub type ReadBytes = fn(&str, &[u8], &ColumnChoice) -> Result<RawTable, DatasetError>;

/// What reads a format.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// This crate, everywhere; such files may be packed.
    Bytes(ReadBytes),
    /// Only the native program, from a file: the libraries are too large for the page.
    File(FileFormat),
}

/// A format that only the native program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// [`Format::Parquet`], which packs its own pages.
    Parquet,
    /// [`Format::Arrow`], whose streams are not packed.
    Arrow,
}

impl Format {
    /// Every format, in the order of lists.
    pub const ALL: [Self; 6] = [Self::Tsv, Self::Csv, Self::JsonLines, Self::Json, Self::Parquet, Self::Arrow];

    /// What the program says of the format. A new format is a variant, a word in [`Format::ALL`], an arm here and its
    /// reader.
    #[must_use]
    pub fn entry(self) -> FormatEntry {
        match self {
            Self::Tsv => FormatEntry {
                name: "TSV",
                endings: &[".tsv"],
                help: "a header `label<TAB>text`, then one row per line, unquoted",
                reader: Reader::Bytes(read_tsv),
                is_always_a_table: true,
                place_on_hub: Some(4),
            },
            Self::Csv => FormatEntry {
                name: "CSV",
                endings: &[".csv"],
                help: "a header, then comma-separated rows, as in RFC 4180",
                reader: Reader::Bytes(read_csv),
                is_always_a_table: true,
                place_on_hub: Some(3),
            },
            Self::JsonLines => FormatEntry {
                name: "JSONL",
                endings: &[".jsonl", ".ndjson"],
                help: "one JSON object per line",
                reader: Reader::Bytes(read_json_lines),
                is_always_a_table: true,
                place_on_hub: Some(2),
            },
            Self::Json => FormatEntry {
                name: "JSON",
                endings: &[".json"],
                help: "an array of JSON objects, or one object per line",
                reader: Reader::Bytes(read_json),
                is_always_a_table: false,
                place_on_hub: None,
            },
            Self::Parquet => FormatEntry {
                name: "Parquet",
                endings: &[".parquet"],
                help: "columns, as the hub stores them",
                reader: Reader::File(FileFormat::Parquet),
                is_always_a_table: true,
                place_on_hub: Some(1),
            },
            Self::Arrow => FormatEntry {
                name: "Arrow",
                endings: &[".arrow"],
                help: "columns in a stream, as `save_to_disk` stores them",
                reader: Reader::File(FileFormat::Arrow),
                is_always_a_table: true,
                place_on_hub: None,
            },
        }
    }

    /// What most of its files end in.
    #[must_use]
    pub fn ending(self) -> &'static str {
        self.entry().endings[0]
    }

    /// Whether this crate reads it, so that the page does, too, and files may be packed.
    #[must_use]
    pub fn is_read_from_bytes(self) -> bool {
        matches!(self.entry().reader, Reader::Bytes(_))
    }

    /// The formats that are looked for by names in a repository of the hub, best first.
    #[must_use]
    pub fn on_hub() -> Vec<Self> {
        let mut formats: Vec<Self> =
            Self::ALL.into_iter().filter(|format| format.entry().place_on_hub.is_some()).collect();
        formats.sort_by_key(|format| format.entry().place_on_hub);
        formats
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

impl Packing {
    /// How a packed file may be packed.
    pub const PACKED: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// What follows the format's own ending.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// What kind of table a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileKind {
    /// How rows are written.
    pub format: Format,
    /// How the file is packed.
    pub packing: Packing,
}

impl FileKind {
    /// The kind of a file of this name, and its name without the endings that say so; capital letters do not matter.
    ///
    /// ```
    /// use shared::dataset::{FileKind, Format, Packing};
    /// let (kind, stem) = FileKind::of("dev.jsonl.gz").unwrap();
    /// assert_eq!((kind.format, kind.packing, stem), (Format::JsonLines, Packing::Gzip, "dev"));
    /// assert_eq!(FileKind::of("photo.png"), None);
    /// ```
    #[must_use]
    pub fn of(name: &str) -> Option<(Self, &str)> {
        let (rest, packing) = Packing::PACKED
            .into_iter()
            .find_map(|packing| Some((strip_ending(name, packing.ending())?, packing)))
            .unwrap_or((name, Packing::None));
        let (format, stem) = Format::ALL.into_iter().find_map(|format| {
            Some((format, format.entry().endings.iter().find_map(|ending| strip_ending(rest, ending))?))
        })?;
        (packing == Packing::None || format.is_read_from_bytes()).then_some((Self { format, packing }, stem))
    }
}

/// The name without an ending of ASCII characters in either case.
fn strip_ending<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let (stem, found) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
    found.eq_ignore_ascii_case(ending).then_some(stem)
}

/// Which of a format's endings a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endings {
    /// The usual one of each format.
    Usual,
    /// All of them.
    All,
}

/// The endings that the page reads, such as `.tsv, .csv or .json`.
#[must_use]
pub fn unpacked_endings() -> String {
    listed(&endings_of(Endings::Usual, true), "or")
}

/// The endings that the native program reads, such as `.tsv or .csv (also with .gz), .parquet or .arrow`.
#[must_use]
pub fn endings(which: Endings) -> String {
    let text = endings_of(which, true).join(", ");
    let packed = listed(&Packing::PACKED.map(Packing::ending), "or");
    listed(&[&[format!("{text} (also with {packed})").as_str()], endings_of(which, false).as_slice()].concat(), "or")
}

/// The endings of the formats that are, or are not, read from bytes.
fn endings_of(which: Endings, is_read_from_bytes: bool) -> Vec<&'static str> {
    let formats = Format::ALL.into_iter().filter(|format| format.is_read_from_bytes() == is_read_from_bytes);
    formats
        .flat_map(|format| match which {
            Endings::Usual => &format.entry().endings[..1],
            Endings::All => format.entry().endings,
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_the_last_endings() {
        let kind = |name| FileKind::of(name).map(|(kind, stem)| (kind.format, kind.packing, stem));
        assert_eq!(kind("train.tsv"), Some((Format::Tsv, Packing::None, "train")));
        assert_eq!(kind("my.data.CSV.gz"), Some((Format::Csv, Packing::Gzip, "my.data")));
        assert_eq!(kind("x.ndjson.zst"), Some((Format::JsonLines, Packing::Zstd, "x")));
        assert_eq!(
            kind("train-00000-of-00001.parquet"),
            Some((Format::Parquet, Packing::None, "train-00000-of-00001"))
        );
        assert_eq!(kind("data-00000-of-00001.arrow").unwrap().0, Format::Arrow);
        for name in ["train.parquet.gz", "train.txt", "train", ".gz", "é", ""] {
            assert_eq!(kind(name), None, "{name}");
        }
    }

    #[test]
    fn every_ending_tells_its_own_format() {
        for format in Format::ALL {
            for ending in format.entry().endings {
                assert_eq!(FileKind::of(&format!("train{ending}")).unwrap().0.format, format, "{ending}");
            }
        }
    }

    #[test]
    fn lists_of_endings_read_as_sentences() {
        assert_eq!(unpacked_endings(), ".tsv, .csv, .jsonl or .json");
        assert_eq!(endings(Endings::Usual), ".tsv, .csv, .jsonl, .json (also with .gz or .zst), .parquet or .arrow");
        assert!(endings(Endings::All).starts_with(".tsv, .csv, .jsonl, .ndjson, .json (also"));
        assert_eq!(Format::on_hub(), [Format::Parquet, Format::JsonLines, Format::Csv, Format::Tsv]);
    }
}
