//! How the labels of a table are meant: as ids, as names, or as ids of names that the file itself carries.
//!
//! Names come before numbers. A label that is a number is an id only where no class is called by a number; whole numbers
//! that are not counted from 0 are the names of their classes. What cannot be told is refused, and what was guessed comes
//! back as a sentence.

use std::collections::{BTreeMap, BTreeSet};

use super::label_cell::{ClassIndex, whole};
use super::label_names::{are_generic, places_among};
use super::lines::{excerpt, names_in_words};
use super::{DatasetError, LabelCell};

/// The highest label that is believed when no row says how many classes there are, and so one below the most classes
/// that are.
pub(super) const HIGHEST_UNNAMED_LABEL: u32 = 9_999;

/// So many classes may be of one row each: small tables are made to try things out.
const FEW_CLASSES: usize = 20;

/// The rows that a class has at least, on average, where nobody says what the classes are.
const MIN_ROWS_PER_CLASS: usize = 2;

/// Which labels are classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRange {
    /// `0..n`, since that many classes are known.
    Below(usize),
    /// Not known, since no row has a label: any up to 9,999.
    Unknown,
}

/// How labels are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelScheme {
    /// A label is the id of a class.
    Ids(LabelRange),
    /// A label is the name of a class, whose id is its place among these.
    Names(Vec<String>),
    /// A label is the id of one of the file's own names.
    Encoded(Encoded),
}

/// Ids by a file's own names, as Hugging Face's `ClassLabel` has them, and the classes that these names are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The file's names, by its ids.
    pub own: Vec<String>,
    /// The class of each; none for a name that no class has.
    pub classes: Vec<Option<usize>>,
    /// The names of the classes.
    pub names: Vec<String>,
}

impl Encoded {
    /// The file's `own` names among those of the classes, exactly or but for capital letters.
    #[must_use]
    pub fn new(own: Vec<String>, names: &[String]) -> Self {
        Self { classes: places_among(&own, names), own, names: names.to_vec() }
    }

    /// The file's `own` names as classes that are called otherwise: the first is the first, and so on.
    #[must_use]
    pub fn by_number(own: Vec<String>, names: &[String]) -> Self {
        let classes = (0..own.len()).map(|id| (id < names.len()).then_some(id)).collect();
        Self { classes, own, names: names.to_vec() }
    }
}

/// What is known of the classes before the rows are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// Nothing.
    Nothing,
    /// Their names, since the dataset says so, in `labels.txt` or by a flag.
    Declared(&'a [String]),
    /// The names that a model has for them, where the dataset has none.
    Model(&'a [String]),
}

/// How the labels of a table are meant, and what was guessed about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelling {
    /// How they are meant.
    pub scheme: LabelScheme,
    /// What was guessed, as a sentence.
    pub note: Option<String>,
}

impl From<LabelScheme> for Labelling {
    fn from(scheme: LabelScheme) -> Self {
        Self { scheme, note: None }
    }
}

impl Labelling {
    /// Decides how the `labels` of a `column` of `file` are meant.
    ///
    /// Where class names are declared and one of them is a number, all labels are names; else they are ids or names,
    /// whichever more of them can be. Where none are, the classes are the words that occur, sorted, or the whole numbers in
    /// their order: ids where they are counted from 0, else each is the name of its class.
    ///
    /// # Errors
    /// When there are more than 10,000 classes or, of more than 20, fewer than two rows a class; when one number is written
    /// in several ways with zeros in front; when words are none of the model's classes.
    pub fn decide<'a>(
        file: &str,
        column: &str,
        labels: impl Iterator<Item = &'a LabelCell>,
        known: Known<'_>,
    ) -> Result<Self, DatasetError> {
        let tally = Tally::new(labels);
        match known {
            Known::Nothing => tally.classes(file, column),
            Known::Declared(names) => Ok(tally.among_declared(names).into()),
            Known::Model(names) if are_generic(names) => tally.of_generic_model(file, names),
            Known::Model(names) => tally.of_model(file, names),
        }
    }
}

/// The labels of a table, counted.
struct Tally<'a> {
    /// Words, which are neither numbers nor what stands for a missing value, with their rows.
    words: BTreeMap<&'a str, usize>,
    /// Whole numbers from 0 up, and how they are written.
    numbers: BTreeMap<i64, Number<'a>>,
}

/// How a number is written.
#[derive(Default)]
struct Number<'a> {
    n_rows: usize,
    /// As such, or as 1.0.
    is_plain: bool,
    with_zeros: BTreeSet<&'a str>,
}

impl<'a> Tally<'a> {
    fn new(labels: impl Iterator<Item = &'a LabelCell>) -> Self {
        let mut tally = Self { words: BTreeMap::new(), numbers: BTreeMap::new() };
        for label in labels {
            match (label.whole(), label) {
                (Some(value @ 0..), _) => {
                    let number = tally.numbers.entry(value).or_default();
                    number.n_rows += 1;
                    match label {
                        LabelCell::Name(text) if label.has_leading_zeros() => {
                            number.with_zeros.insert(text);
                        }
                        LabelCell::Name(_) | LabelCell::Integer(_) => number.is_plain = true,
                    }
                }
                (None, LabelCell::Name(text)) if !label.is_fraction() && !label.is_missing() => {
                    *tally.words.entry(text).or_default() += 1;
                }
                _ => {}
            }
        }
        tally
    }

    fn n_words(&self) -> usize {
        self.words.values().sum()
    }

    fn n_numbers(&self) -> usize {
        self.numbers.values().map(|number| number.n_rows).sum()
    }

    /// Rows whose label is an id of `n` classes.
    fn n_ids(&self, n: usize) -> usize {
        self.numbers.range(..n as i64).map(|(_, number)| number.n_rows).sum()
    }

    fn words(&self) -> Vec<String> {
        self.words.keys().map(ToString::to_string).collect()
    }

    /// The classes that the rows themselves have.
    fn classes(&self, file: &str, column: &str) -> Result<Labelling, DatasetError> {
        let (n_words, n_numbers) = (self.n_words(), self.n_numbers());
        let (n_classes, n_rows) =
            if n_words > n_numbers { (self.words.len(), n_words) } else { (self.numbers.len(), n_numbers) };
        let is_sparse = n_classes > FEW_CLASSES && n_rows < MIN_ROWS_PER_CLASS * n_classes;
        if is_sparse || n_classes > HIGHEST_UNNAMED_LABEL as usize + 1 {
            return Err(DatasetError::TooManyClasses {
                file: file.to_owned(),
                column: column.to_owned(),
                n_classes,
                n_rows,
            });
        }
        if n_words > n_numbers {
            return Ok(LabelScheme::Names(self.words()).into());
        }
        if self.numbers.is_empty() {
            return Ok(LabelScheme::Ids(LabelRange::Unknown).into());
        }
        let mut names = Vec::new();
        for (value, number) in &self.numbers {
            let plain = number.is_plain.then(|| value.to_string());
            let mut ways = number.with_zeros.iter().map(ToString::to_string).chain(plain);
            match (ways.next(), ways.next()) {
                (Some(way), None) => names.push(way),
                (first, second) => {
                    let ways = first.into_iter().chain(second).chain(ways);
                    let ways: Vec<String> = ways.map(|way| excerpt(way.as_bytes())).collect();
                    let written = ways.join(" and ");
                    return Err(DatasetError::SameNumber { file: file.to_owned(), column: column.to_owned(), written });
                }
            }
        }
        let are_ids = names.iter().enumerate().all(|(id, name)| *name == id.to_string());
        if are_ids {
            return Ok(LabelScheme::Ids(LabelRange::Below(names.len())).into());
        }
        let note = format!(
            "{file}: the labels are numbers that are not simply counted from 0, so each is a class of that name: {}",
            names_in_words(&names)
        );
        Ok(Labelling { scheme: LabelScheme::Names(names), note: Some(note) })
    }

    fn among_declared(&self, names: &[String]) -> LabelScheme {
        let as_names = || LabelScheme::Names(names.to_vec());
        if names.iter().any(|name| whole(name).is_some()) {
            return as_names();
        }
        let index = ClassIndex::new(names);
        let is_class = |word: &&str| index.position(&LabelCell::Name((*word).to_owned())).is_some();
        let n_named: usize = self.words.iter().filter(|(word, _)| is_class(word)).map(|(_, n_rows)| n_rows).sum();
        let n_ids = self.n_ids(names.len());
        if n_named > n_ids || (n_ids == 0 && self.n_words() > self.n_numbers()) {
            as_names()
        } else {
            LabelScheme::Ids(LabelRange::Below(names.len()))
        }
    }

    /// The classes of a model that are called `LABEL_0` and so on.
    fn of_generic_model(&self, file: &str, names: &[String]) -> Result<Labelling, DatasetError> {
        let ids = LabelScheme::Ids(LabelRange::Below(names.len()));
        if self.n_words() <= self.n_numbers() {
            return Ok(ids.into());
        }
        if self.words.keys().any(|word| names.iter().any(|name| name == word)) {
            return Ok(LabelScheme::Names(names.to_vec()).into());
        }
        let words = self.words();
        if words.len() != names.len() {
            return Err(other_classes(file, &words, names));
        }
        let note = format!(
            "{file}: the model's classes have no names ({} to {}), so the labels are matched with them by number, in the order \
             of the alphabet: {} (labels.txt or --label-names can give another order)",
            names.first().map_or("", String::as_str),
            names.last().map_or("", String::as_str),
            names_in_words(&words)
        );
        Ok(Labelling { scheme: LabelScheme::Names(words), note: Some(note) })
    }

    /// The classes of a model that have names.
    fn of_model(&self, file: &str, names: &[String]) -> Result<Labelling, DatasetError> {
        if names.iter().any(|name| whole(name).is_some()) {
            return Ok(LabelScheme::Names(names.to_vec()).into());
        }
        if self.n_words() > self.n_ids(names.len()) {
            let words = self.words();
            let mut as_written = names.to_vec();
            let places = places_among(&words, names);
            if places.iter().all(Option::is_none) {
                return Err(other_classes(file, &words, names));
            }
            for (word, place) in words.into_iter().zip(places) {
                if let Some(place) = place.filter(|place| !self.words.contains_key(names[*place].as_str())) {
                    as_written[place] = word;
                }
            }
            return Ok(LabelScheme::Names(as_written).into());
        }
        let numbered: Vec<String> = names.iter().enumerate().map(|(id, name)| format!("{id} {name}")).collect();
        let note = format!("{file}: the labels are taken as the numbers of the classes: {}", names_in_words(&numbered));
        let scheme = LabelScheme::Ids(LabelRange::Below(names.len()));
        Ok(Labelling { scheme, note: (!self.numbers.is_empty()).then_some(note) })
    }
}

fn other_classes(file: &str, words: &[String], names: &[String]) -> DatasetError {
    DatasetError::OtherClasses {
        of: file.to_owned(),
        got: names_in_words(words),
        other: "the model".to_owned(),
        expected: names_in_words(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn decide(labels: &[&str], known: Known<'_>) -> Result<Labelling, DatasetError> {
        let labels: Vec<LabelCell> = labels.iter().filter_map(|label| LabelCell::from_text(label)).collect();
        Labelling::decide("toy.csv", "label", labels.iter(), known)
    }

    fn found(labels: &[&str]) -> LabelScheme {
        decide(labels, Known::Nothing).unwrap().scheme
    }

    fn declared(labels: &[&str], names: &[&str]) -> LabelScheme {
        decide(labels, Known::Declared(&owned(names))).unwrap().scheme
    }

    fn names(names: &[&str]) -> LabelScheme {
        LabelScheme::Names(owned(names))
    }

    fn ids(n: usize) -> LabelScheme {
        LabelScheme::Ids(LabelRange::Below(n))
    }

    #[test]
    fn labels_are_ids_or_names_by_what_most_rows_can_be() {
        assert_eq!(found(&["0", "1", "x"]), ids(2));
        assert_eq!(found(&["good", "bad", "good", "3"]), names(&["bad", "good"]));
        assert_eq!(declared(&["1", "0"], &["bad", "good"]), ids(2));
        assert_eq!(declared(&["good", "bad"], &["good", "bad"]), names(&["good", "bad"]));
        assert_eq!(declared(&["fine", "awful"], &["good", "bad"]), names(&["good", "bad"]));
        assert_eq!(found(&["-1", "-1"]), LabelScheme::Ids(LabelRange::Unknown));
    }

    /// Stars: whichever of them occur, a label is the name of its class.
    #[test]
    fn where_declared_names_are_numbers_labels_are_names_whatever_the_rows_allow() {
        let stars = ["1", "2", "3"];
        for labels in [&["1", "2", "3"][..], &["1", "2"], &["1"], &["0", "1", "2"], &[]] {
            assert_eq!(declared(labels, &stars), names(&stars), "{labels:?}");
            assert_eq!(decide(labels, Known::Model(&owned(&stars))).unwrap().scheme, names(&stars), "{labels:?}");
        }
        assert_eq!(declared(&["3", "few"], &["3", "few", "many"]), names(&["3", "few", "many"]));
    }

    #[test]
    fn numbers_that_are_not_counted_from_zero_are_classes_by_value() {
        assert_eq!(found(&["4", "1", "2", "3"]), names(&["1", "2", "3", "4"]));
        assert_eq!(found(&["0", "4"]), names(&["0", "4"]));
        assert_eq!(found(&["10", "9", "101"]), names(&["9", "10", "101"]));
        assert_eq!(found(&["02", "01", "10"]), names(&["01", "02", "10"]));
        assert_eq!(found(&["00", "01"]), names(&["00", "01"]));
        assert_eq!(found(&["0.0", "1.0", "1"]), ids(2));
        assert_eq!(found(&["20240131", "20240201"]), names(&["20240131", "20240201"]));
        let note = decide(&["1", "2"], Known::Nothing).unwrap().note.unwrap();
        assert!(note.ends_with("each is a class of that name: 1, 2"), "{note}");
        assert_eq!(decide(&["0", "1"], Known::Nothing).unwrap().note, None);
        let error = decide(&["1", "01", "2"], Known::Nothing).unwrap_err().to_string();
        assert!(
            error.starts_with("toy.csv: column label has the labels \"01\" and \"1\", which are one number"),
            "{error}"
        );
    }

    #[test]
    fn missing_values_and_fractions_are_no_classes() {
        assert_eq!(found(&["good", "NaN", "bad", "N/A"]), names(&["bad", "good"]));
        assert_eq!(found(&["0.5", "1", "0"]), ids(2));
        assert_eq!(declared(&["None", "some"], &["None", "some"]), names(&["None", "some"]));
    }

    #[test]
    fn a_column_with_hardly_two_rows_a_class_is_not_taken_for_classes() {
        let error = |labels: &[String]| {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            decide(&labels, Known::Nothing).unwrap_err().to_string()
        };
        for kind in ["sentence ", "10", ""] {
            let labels: Vec<String> = (0..30).map(|i| format!("{kind}{i:02}")).collect();
            let message = error(&labels);
            assert!(message.contains("column label has 30 different labels in 30 rows, 1.0 rows a class"), "{message}");
            assert!(message.contains("--label-column") && message.contains("--label-names"), "{message}");
        }
        let two_each: Vec<String> = (0..60).map(|i| format!("{}", 100 + i / 2)).collect();
        let two_each: Vec<&str> = two_each.iter().map(String::as_str).collect();
        assert!(matches!(found(&two_each), LabelScheme::Names(names) if names.len() == 30));
        let many: Vec<String> = (0..30_003).map(|i| format!("sentence {}", i / 3)).collect();
        assert!(error(&many).contains("10001 different labels in 30003 rows"));
        assert_eq!(found(&["7", "8"]), names(&["7", "8"]), "a few rows may be few");
    }

    #[test]
    fn rows_are_matched_with_a_models_classes_by_name_before_number() {
        let of = |labels: &[&str], model: &[&str]| decide(labels, Known::Model(&owned(model)));
        let model = ["negative", "neutral", "positive"];
        assert_eq!(of(&["positive", "negative"], &model).unwrap(), names(&model).into());
        let capitals = of(&["Positive", "Negative"], &model).unwrap().scheme;
        assert_eq!(capitals, names(&["Negative", "neutral", "Positive"]));
        let numbers = of(&["2", "0"], &model).unwrap();
        assert_eq!(numbers.scheme, ids(3));
        assert!(numbers.note.unwrap().ends_with("the numbers of the classes: 0 negative, 1 neutral, 2 positive"));
        let error = of(&["cat", "dog"], &model).unwrap_err().to_string();
        assert!(
            error.starts_with("toy.csv has the classes cat, dog, the model has negative, neutral, positive"),
            "{error}"
        );

        let generic = ["LABEL_0", "LABEL_1"];
        assert_eq!(of(&["1", "0"], &generic).unwrap(), ids(2).into());
        assert_eq!(of(&["LABEL_1", "LABEL_0"], &generic).unwrap(), names(&generic).into());
        let by_alphabet = of(&["pos", "neg"], &generic).unwrap();
        assert_eq!(by_alphabet.scheme, names(&["neg", "pos"]));
        assert!(by_alphabet.note.unwrap().contains("by number, in the order of the alphabet: neg, pos"));
        assert!(of(&["a", "b", "c"], &generic).is_err());
    }

    #[test]
    fn a_files_own_names_lead_to_the_classes() {
        let classes = owned(&["neg", "pos"]);
        assert_eq!(Encoded::new(owned(&["pos", "NEG", "other"]), &classes).classes, [Some(1), Some(0), None]);
        assert_eq!(Encoded::by_number(owned(&["0", "1", "2"]), &classes).classes, [Some(0), Some(1), None]);
    }
}
