//! Which columns of a table hold text and label.
//!
//! What is not said is guessed by name. The names are those of the hub's classification datasets and of files people
//! export; earlier ones win.

use super::lines::names_in_words;
use super::{DatasetError, Delimiter};

/// Columns that together are the text, the likeliest first.
const TEXT_GUESSES: [&[&str]; 19] = [
    &["text"],
    &["sentence"],
    &["review"],
    &["title", "content"],
    &["question_title", "question_content"],
    &["title", "description"],
    &["content"],
    &["tweet"],
    &["comment"],
    &["comment_text"],
    &["message"],
    &["utterance"],
    &["question"],
    &["document"],
    &["body"],
    &["headline"],
    &["title"],
    &["description"],
    &["phrase"],
];

/// Columns that are a pair of texts, the first and the second. Where there are both, they are the text.
const PAIR_GUESSES: [[&str; 2]; 11] = [
    ["premise", "hypothesis"],
    ["sentence1", "sentence2"],
    ["question1", "question2"],
    ["question", "sentence"],
    ["question", "passage"],
    ["query", "passage"],
    ["query", "document"],
    ["claim", "evidence"],
    ["text_a", "text_b"],
    ["text1", "text2"],
    ["sentence_A", "sentence_B"],
];

/// Columns that are the label, the likeliest first.
const LABEL_GUESSES: [&str; 14] = [
    "label",
    "labels",
    "target",
    "class",
    "category",
    "coarse_label",
    "sentiment",
    "emotion",
    "intent",
    "topic",
    "class index",
    "fine_label",
    "label_text",
    "stars",
];

/// Which columns hold what, and what separates them, where somebody has said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnChoice {
    /// The columns of the text; several are joined by one space, empty ones left out, but two that are known as a pair,
    /// such as premise and hypothesis, are one.
    pub text: Option<Vec<String>>,
    /// The column of a pair's second text.
    pub text_pair: Option<String>,
    /// The column of the label.
    pub label: Option<String>,
    /// What separates columns, in a format that is separated by something; a comma in CSV, the one tab of TSV.
    pub delimiter: Option<Delimiter>,
}

/// Columns found in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Their places for the text.
    pub text: Vec<usize>,
    /// The place of a pair's second text.
    pub text_pair: Option<usize>,
    /// The place of the label.
    pub label: usize,
    /// Their names.
    pub names: ColumnChoice,
    /// What was guessed, as a sentence.
    pub note: Option<String>,
}

impl ColumnChoice {
    /// Finds the columns in the `header` of `file`. Given names must be there as they are; guesses ignore case.
    ///
    /// # Errors
    /// When a column is missing, there twice, or stands for two things.
    pub fn locate(&self, file: &str, header: &[String]) -> Result<Columns, DatasetError> {
        let search = Search { file, header };
        let label = match &self.label {
            Some(name) => search.given("label", name)?,
            None => LABEL_GUESSES
                .iter()
                .find_map(|guess| search.guess(guess))
                .ok_or_else(|| search.missing("label", format!("{}, …", LABEL_GUESSES[..6].join(", "))))?,
        };
        let (text, text_pair) = self.locate_texts(&search)?;
        for &column in text.iter().chain(&text_pair).chain([&label]) {
            let name = &header[column];
            if header.iter().filter(|other| *other == name).count() > 1 {
                let (file, name) = (file.to_owned(), name.clone());
                return Err(DatasetError::DuplicateColumn { file, name, columns: names_in_words(header) });
            }
        }
        let twice = |column: usize, roles: &'static str| {
            let (file, name) = (file.to_owned(), header[column].clone());
            Err(DatasetError::OneColumnForTwo { file, roles, name })
        };
        if text.contains(&label) || text_pair == Some(label) {
            return twice(label, "text and label");
        }
        if let Some(column) = text_pair.filter(|column| text.contains(column)) {
            return twice(column, "both texts of a pair");
        }
        let names = ColumnChoice {
            text: Some(text.iter().map(|&column| header[column].clone()).collect()),
            text_pair: text_pair.map(|column| header[column].clone()),
            label: Some(header[label].clone()),
            delimiter: self.delimiter,
        };
        let note = self.note(&names, &search);
        Ok(Columns { text, text_pair, label, names, note })
    }

    fn locate_texts(&self, search: &Search<'_>) -> Result<(Vec<usize>, Option<usize>), DatasetError> {
        let second = self.text_pair.as_ref().map(|name| search.given("second text of a pair", name)).transpose()?;
        let mut pairs =
            PAIR_GUESSES.iter().filter_map(|[first, second]| Some((search.guess(first)?, search.guess(second)?)));
        if let Some(names) = &self.text {
            let text = names.iter().map(|name| search.given("text", name)).collect::<Result<Vec<_>, _>>()?;
            return Ok(match (text.as_slice(), second) {
                (&[first, second], None) if pairs.any(|pair| pair == (first, second)) => (vec![first], Some(second)),
                _ => (text, second),
            });
        }
        if let Some((first, second)) = pairs.find(|(_, guess)| second.is_none_or(|second| second == *guess)) {
            return Ok((vec![first], Some(second)));
        }
        let one_text = TEXT_GUESSES.iter().find_map(|guess| {
            let text = guess.iter().map(|name| search.guess(name)).collect::<Option<Vec<_>>>()?;
            text.iter().all(|column| Some(*column) != second).then_some(text)
        });
        let text = one_text
            .ok_or_else(|| search.missing("text", "text, sentence, review, title and content, …".to_owned()))?;
        Ok((text, second))
    }

    /// What was guessed to find `names`, as a sentence; none when everything was given.
    fn note(&self, names: &Self, search: &Search<'_>) -> Option<String> {
        let given = match (&self.text, &self.label) {
            (Some(_), None) => "the text was given, the label guessed",
            (None, Some(_)) => "the label was given, the text guessed",
            (None, None) => "guessed",
            (Some(_), Some(_)) if names.text_pair != self.text_pair => "two columns that are known as a pair",
            (Some(_), Some(_)) => return None,
        };
        let text = names.text.as_deref().unwrap_or_default().join(" and ");
        let texts = match &names.text_pair {
            None => format!("the text is column {text}"),
            Some(pair) => format!("each row is a pair of texts, columns {text} and {pair}"),
        };
        let label = names.label.as_deref().unwrap_or_default();
        let Search { file, header } = search;
        Some(format!("{file}: {texts}, the label column {label} ({given} among {})", names_in_words(header)))
    }
}

/// A header in which columns are looked for.
struct Search<'a> {
    file: &'a str,
    header: &'a [String],
}

impl Search<'_> {
    fn given(&self, role: &'static str, name: &String) -> Result<usize, DatasetError> {
        self.header.iter().position(|other| other == name).ok_or_else(|| self.missing(role, name.clone()))
    }

    fn guess(&self, guess: &str) -> Option<usize> {
        self.header
            .iter()
            .position(|name| name == guess)
            .or_else(|| self.header.iter().position(|name| name.eq_ignore_ascii_case(guess)))
    }

    fn missing(&self, role: &'static str, wanted: String) -> DatasetError {
        DatasetError::NoColumn { file: self.file.to_owned(), role, wanted, columns: names_in_words(self.header) }
    }
}

impl Columns {
    /// Places of all columns with text, the second text of a pair last, and whether there is one.
    #[must_use]
    pub fn texts(&self) -> (Vec<usize>, IsPair) {
        (self.text.iter().copied().chain(self.text_pair).collect(), IsPair::of(self.text_pair.as_ref()))
    }
}

/// Whether a row has a second text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsPair {
    /// It has: the last of its cells.
    Yes,
    /// All its cells are one text.
    No,
}

impl IsPair {
    /// Whether there is a column of second texts.
    #[must_use]
    pub fn of<T>(second: Option<&T>) -> Self {
        if second.is_some() { Self::Yes } else { Self::No }
    }
}

/// What a row says: a text, or a pair of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowText {
    /// The text, or the first of a pair.
    pub text: String,
    /// The second text of a pair.
    pub text_pair: Option<String>,
}

impl RowText {
    /// From the cells of the columns with text: joined by a space, empty ones left out, but for the second of a pair.
    #[must_use]
    pub fn from_cells(cells: &[&str], is_pair: IsPair) -> Self {
        let (cells, text_pair) = match (is_pair, cells.split_last()) {
            (IsPair::Yes, Some((last, others))) => (others, Some((*last).to_owned())),
            _ => (cells, None),
        };
        let texts: Vec<&str> = cells.iter().copied().filter(|text| !text.is_empty()).collect();
        Self { text: texts.join(" "), text_pair }
    }
}

impl From<String> for RowText {
    fn from(text: String) -> Self {
        Self { text, text_pair: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(choice: &ColumnChoice, header: &[&str]) -> Result<(Vec<usize>, usize), String> {
        let header: Vec<String> = header.iter().map(ToString::to_string).collect();
        let found = choice.locate("toy.csv", &header).map_err(|error| error.to_string())?;
        assert_eq!(found.names.locate("toy.csv", &header), Ok(Columns { note: None, ..found.clone() }));
        Ok((found.text, found.label))
    }

    #[test]
    fn columns_of_well_known_datasets_are_guessed() {
        let guess = |header: &[&str]| located(&ColumnChoice::default(), header).unwrap();
        assert_eq!(guess(&["idx", "sentence", "label"]), (vec![1], 2));
        assert_eq!(guess(&["label", "title", "content"]), (vec![1, 2], 0));
        assert_eq!(guess(&["text", "coarse_label", "fine_label"]), (vec![0], 1));
        assert_eq!(guess(&["Class Index", "Title", "Description"]), (vec![1, 2], 0));
        assert_eq!(guess(&["Review", "Sentiment"]), (vec![0], 1));
    }

    #[test]
    fn pairs_of_texts_are_guessed_before_single_texts_and_kept_apart_when_given() {
        let header = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let pair = |choice: &ColumnChoice, names: &[&str]| {
            let found = choice.locate("toy.csv", &header(names)).unwrap();
            assert_eq!(found.names.locate("toy.csv", &header(names)), Ok(Columns { note: None, ..found.clone() }));
            (found.text, found.text_pair, found.note)
        };
        let guess = ColumnChoice::default();
        let (text, second, note) = pair(&guess, &["index", "question", "sentence", "label"]);
        assert_eq!((text, second), (vec![1], Some(2)));
        assert_eq!(
            note.unwrap(),
            "toy.csv: each row is a pair of texts, columns question and sentence, the label column label (guessed among \
             index, question, sentence, label)"
        );
        assert_eq!(pair(&guess, &["Hypothesis", "Premise", "label"]).1, Some(0));
        assert_eq!(pair(&guess, &["question", "answer", "label"]).1, None);
        let joined = |names: &[&str], second: Option<&str>| ColumnChoice {
            text: Some(header(names)),
            text_pair: second.map(str::to_owned),
            label: Some("label".to_owned()),
            ..ColumnChoice::default()
        };
        let all = ["premise", "hypothesis", "sentence", "label"];
        assert_eq!(pair(&joined(&["premise", "hypothesis"], None), &all).1, Some(1));
        assert_eq!(pair(&joined(&["hypothesis", "premise"], None), &all).1, None); // joined, as it always was
        assert_eq!(pair(&joined(&["sentence"], None), &all), (vec![2], None, None));
        assert_eq!(pair(&joined(&["hypothesis"], Some("premise")), &all), (vec![1], Some(0), None));
        let only_second = ColumnChoice { text_pair: Some("premise".to_owned()), ..ColumnChoice::default() };
        assert_eq!(pair(&only_second, &all).0, [2]);
        let error = joined(&["premise"], Some("premise")).locate("toy.csv", &header(&all)).unwrap_err().to_string();
        assert_eq!(error, "toy.csv: expected different columns for both texts of a pair, got premise for both");
    }

    #[test]
    fn a_pair_keeps_its_second_text_and_one_text_joins_its_columns() {
        let cells = ["a", "", "b"];
        assert_eq!(RowText::from_cells(&cells, IsPair::No), RowText::from("a b".to_owned()));
        let pair = RowText::from_cells(&cells, IsPair::Yes);
        assert_eq!((pair.text.as_str(), pair.text_pair.as_deref()), ("a", Some("b")));
    }

    #[test]
    fn given_columns_win_and_guesses_are_said() {
        let choice = ColumnChoice {
            text: Some(vec!["b".into(), "a".into()]),
            label: Some("c".into()),
            ..ColumnChoice::default()
        };
        assert_eq!(located(&choice, &["a", "text", "b", "c", "label"]), Ok((vec![2, 0], 3)));
        let header = ["id", "text", "label"].map(str::to_owned);
        let note = ColumnChoice::default().locate("toy.csv", &header).unwrap().note.unwrap();
        assert_eq!(note, "toy.csv: the text is column text, the label column label (guessed among id, text, label)");
    }

    #[test]
    fn missing_repeated_and_confused_columns_are_refused_with_what_is_there() {
        let refused = |text: Option<&str>, label: Option<&str>, header: &[&str]| {
            let text = text.map(|name| vec![name.to_owned()]);
            let choice = ColumnChoice { text, label: label.map(str::to_owned), ..ColumnChoice::default() };
            located(&choice, header).unwrap_err()
        };
        assert_eq!(
            refused(None, None, &["id", "text"]),
            "toy.csv: expected a column for the label (label, labels, target, class, category, coarse_label, …), \
             got the columns id, text"
        );
        assert_eq!(
            refused(Some("body"), None, &["label", "text"]),
            "toy.csv: expected a column for the text (body), got the columns label, text"
        );
        assert_eq!(
            refused(None, None, &["text", "label", "text"]),
            "toy.csv: expected one column text, got several: text, label, text"
        );
        assert_eq!(
            refused(Some("label"), None, &["text", "label"]),
            "toy.csv: expected different columns for text and label, got label for both"
        );
    }
}
