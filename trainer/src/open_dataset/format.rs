//! What kind of table a file is, by its name.

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
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
    /// Columns in batches, as `save_to_disk` keeps them.
    Arrow,
}

/// How a text format is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packing {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

/// What kind of table a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileKind {
    pub format: Format,
    pub packing: Packing,
}

impl FileKind {
    /// The kind of a file of this name, and its name without the endings that say so.
    pub(super) fn of(name: &str) -> Option<(Self, &str)> {
        let (rest, packing) = [(".gz", Packing::Gzip), (".zst", Packing::Zstd)]
            .into_iter()
            .find_map(|(ending, packing)| Some((strip_ending(name, ending)?, packing)))
            .unwrap_or((name, Packing::None));
        let (stem, format) = [
            (".tsv", Format::Tsv),
            (".csv", Format::Csv),
            (".jsonl", Format::JsonLines),
            (".ndjson", Format::JsonLines),
            (".json", Format::Json),
            (".parquet", Format::Parquet),
            (".arrow", Format::Arrow),
        ]
        .into_iter()
        .find_map(|(ending, format)| Some((strip_ending(rest, ending)?, format)))?;
        // Parquet packs its own pages, and Arrow's streams are not packed.
        let packs_itself = [Format::Parquet, Format::Arrow].contains(&format);
        (!packs_itself || packing == Packing::None).then_some((Self { format, packing }, stem))
    }
}

/// The name without an ending of ASCII characters in either case.
fn strip_ending<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let (stem, found) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
    found.eq_ignore_ascii_case(ending).then_some(stem)
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
}
