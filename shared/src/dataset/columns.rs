//! Which columns of a table hold text and label.
//!
//! What is not said is guessed by name. The names are those of the hub's classification datasets and of files people
//! export; earlier ones win.

use super::excerpt::names_in_words;
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
    /// The columns of the text; several are joined by one space, empty ones left out.
    pub text: Option<Vec<String>>,
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
    /// When a column is missing, there twice, or both text and label.
    pub fn locate(&self, file: &str, header: &[String]) -> Result<Columns, DatasetError> {
        let missing = |role: &'static str, wanted: String| DatasetError::NoColumn {
            file: file.to_owned(),
            role,
            wanted,
            columns: names_in_words(header),
        };
        let label = match &self.label {
            Some(name) => {
                header.iter().position(|other| other == name).ok_or_else(|| missing("label", name.clone()))?
            }
            None => LABEL_GUESSES
                .iter()
                .find_map(|guess| position_of_guess(header, guess))
                .ok_or_else(|| missing("label", format!("{}, …", LABEL_GUESSES[..6].join(", "))))?,
        };
        let text = match &self.text {
            Some(names) => names
                .iter()
                .map(|name| header.iter().position(|other| other == name).ok_or_else(|| missing("text", name.clone())))
                .collect::<Result<Vec<_>, _>>()?,
            None => TEXT_GUESSES
                .iter()
                .find_map(|guess| guess.iter().map(|name| position_of_guess(header, name)).collect::<Option<Vec<_>>>())
                .ok_or_else(|| missing("text", "text, sentence, review, title and content, …".to_owned()))?,
        };
        for &column in text.iter().chain([&label]) {
            let name = &header[column];
            if header.iter().filter(|other| *other == name).count() > 1 {
                return Err(DatasetError::DuplicateColumn {
                    file: file.to_owned(),
                    name: name.clone(),
                    columns: names_in_words(header),
                });
            }
        }
        if text.contains(&label) {
            return Err(DatasetError::TextIsLabel { file: file.to_owned(), name: header[label].clone() });
        }

        let text_names: Vec<String> = text.iter().map(|&column| header[column].clone()).collect();
        let note = (self.text.is_none() || self.label.is_none()).then(|| {
            let given = match (&self.text, &self.label) {
                (Some(_), None) => "the text was given, the label guessed",
                (None, Some(_)) => "the label was given, the text guessed",
                _ => "guessed",
            };
            format!(
                "{file}: the text is column {}, the label column {} ({given} among {})",
                text_names.join(" and "),
                header[label],
                names_in_words(header)
            )
        });
        let names =
            ColumnChoice { text: Some(text_names), label: Some(header[label].clone()), delimiter: self.delimiter };
        Ok(Columns { text, label, names, note })
    }
}

/// Texts of several columns as one: joined by a space, empty ones left out.
pub fn join_texts<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn position_of_guess(header: &[String], guess: &str) -> Option<usize> {
    header
        .iter()
        .position(|name| name == guess)
        .or_else(|| header.iter().position(|name| name.eq_ignore_ascii_case(guess)))
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
