//! What separates the columns of a CSV file.

use super::DatasetError;
use super::lines::excerpt;

/// What separates columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delimiter {
    /// As in RFC 4180.
    #[default]
    Comma,
    /// As spreadsheets write where the comma separates decimals.
    Semicolon,
    /// As in TSV.
    Tab,
    /// `|`
    Bar,
}

impl Delimiter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    /// The character itself.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }

    /// How a command line takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Bar => "bar",
        }
    }

    /// Several of them, in sentences.
    fn plural(self) -> &'static str {
        match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
            Self::Bar => "bars",
        }
    }

    /// What is most frequent in the first line of a file; a comma where nothing is.
    ///
    /// ```
    /// use shared::dataset::Delimiter;
    /// assert_eq!(Delimiter::of_header(b"label;text\n1;one, two, three\n"), Delimiter::Semicolon);
    /// assert_eq!(Delimiter::of_header(b"text\n"), Delimiter::Comma);
    /// ```
    #[must_use]
    pub fn of_header(bytes: &[u8]) -> Self {
        let header =
            bytes.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
        // The first among equals, which is the comma: `max_by_key` returns the last.
        Self::ALL.into_iter().rev().max_by_key(|delimiter| delimiter.count_in(header)).unwrap_or_default()
    }

    fn count_in(self, header: &[u8]) -> usize {
        header.iter().filter(|byte| **byte == self.byte()).count()
    }

    /// Why a `header` that has not the columns that are looked for may be read wrongly: something else is there more often.
    pub(super) fn suspicion(self, file: &str, header: &[u8]) -> Option<DatasetError> {
        let found = Self::of_header(header);
        (found.count_in(header) > self.count_in(header)).then(|| DatasetError::Delimiter {
            file: file.to_owned(),
            expected: self.plural().to_owned(),
            found: found.plural(),
            flag: found.name(),
            header: excerpt(header),
        })
    }
}
