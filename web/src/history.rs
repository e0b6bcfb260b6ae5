//! The sentences that were tried, with what each model said: kept in the browser, imported and exported.

use crate::download::csv_line;
use crate::protocol::Classification;
use crate::state::MAX_TEXT_CHARS;
use serde::{Deserialize, Serialize};
use shared::Condition;
use shared::dataset::Delimiter;

/// The most sentences that are kept; the oldest without a pin goes first.
pub const MAX_ENTRIES: usize = 200;

/// One sentence that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The sentence.
    pub text: String,
    /// Whether it stays, and is watched while healing.
    pub is_pinned: bool,
    /// What was said of it last; none before it was asked.
    pub said: Option<Classification>,
    /// The damage under which it was said: plan and seed.
    pub damage: String,
}

/// Newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The sentences, each once.
    pub entries: Vec<Entry>,
}

impl History {
    /// Puts a sentence at the top; what is said of it now replaces what was said before.
    pub fn remember(&mut self, said: Classification, damage: &str) {
        let before = self.entries.iter().position(|entry| entry.text == said.text);
        let is_pinned = before.is_some_and(|at| self.entries.remove(at).is_pinned);
        let entry = Entry { text: said.text.clone(), is_pinned, said: Some(said), damage: damage.to_owned() };
        self.entries.insert(0, entry);
        self.trim();
    }

    /// Replaces what was said of sentences that are there already, in their places.
    pub fn update(&mut self, said: Vec<Classification>, damage: &str) {
        for said in said {
            if let Some(entry) = self.entries.iter_mut().find(|entry| entry.text == said.text) {
                damage.clone_into(&mut entry.damage);
                entry.said = Some(said);
            }
        }
    }

    /// Adds sentences that nothing was said of yet at the top, in their order; how many were new.
    pub fn import(&mut self, texts: Vec<String>) -> usize {
        let mut new: Vec<String> = Vec::new();
        for text in texts {
            let is_known = new.contains(&text) || self.entries.iter().any(|entry| entry.text == text);
            if !text.trim().is_empty() && !is_known {
                new.push(text);
            }
        }
        let n_new = new.len();
        let entry = |text| Entry { text, is_pinned: false, said: None, damage: String::new() };
        self.entries.splice(0..0, new.into_iter().map(entry));
        self.trim();
        n_new
    }

    /// The sentences to watch.
    #[must_use]
    pub fn pinned(&self) -> Vec<String> {
        self.entries.iter().filter(|entry| entry.is_pinned).map(|entry| entry.text.clone()).collect()
    }

    /// All of it as CSV: a sentence a line, with each model's class and its probability.
    #[must_use]
    pub fn to_csv(&self, labels: &[String]) -> String {
        let models = [Condition::Healthy, Condition::Corrupted, Condition::Healed];
        let columns = models
            .iter()
            .flat_map(|model| [format!("{}_label", model.as_str()), format!("{}_probability", model.as_str())]);
        let header: Vec<String> = ["text", "pinned", "damage"].into_iter().map(str::to_owned).chain(columns).collect();
        let mut text = csv_line(header.iter().map(String::as_str));
        for entry in &self.entries {
            let mut cells = vec![entry.text.clone(), entry.is_pinned.to_string(), entry.damage.clone()];
            for model in models {
                let said = entry.said.as_ref().and_then(|said| said.models.iter().find(|said| said.model == model));
                let label_idx = said.and_then(|said| said.label).map(|label| label as usize);
                // Not asked is empty; asked without a finite answer is no class either, but something else.
                let label = match (said, label_idx) {
                    (Some(_), None) => "not finite".to_owned(),
                    (_, label_idx) => {
                        label_idx.and_then(|label_idx| labels.get(label_idx)).cloned().unwrap_or_default()
                    }
                };
                let probability = label_idx.and_then(|label_idx| *said?.probabilities.get(label_idx)?);
                cells.push(label);
                cells.push(probability.map_or(String::new(), |probability| format!("{probability:.6}")));
            }
            text += &csv_line(cells.iter().map(String::as_str));
        }
        text
    }

    fn trim(&mut self) {
        while self.entries.len() > MAX_ENTRIES {
            // Should all be pinned, the oldest goes.
            let at = self.entries.iter().rposition(|entry| !entry.is_pinned).unwrap_or(self.entries.len() - 1);
            self.entries.remove(at);
        }
    }
}

/// The sentences in a file: CSV, whatever separates its columns, with a header that names a column of texts, else one
/// sentence a line.
///
/// # Errors
/// A sentence when the file is no text, or holds none.
pub fn texts_of(name: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(format!("{name} is not text in UTF-8: expected a CSV file or one sentence a line."));
    };
    let is_csv = name.to_lowercase().ends_with(".csv");
    let texts = if is_csv {
        csv_texts(name, bytes)?
    } else {
        text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty()).map(cut).collect()
    };
    if texts.is_empty() { Err(format!("{name} holds no sentence.")) } else { Ok(texts) }
}

fn csv_texts(name: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    // A column of labels is not needed here, so the reader's own guess about it is not asked for.
    let delimiter = Delimiter::of_header(bytes).byte();
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|error| format!("{name} cannot be read as CSV: {error}."))?.clone();
    let names = ["text", "sentence", "review", "question", "content"];
    let column = header
        .iter()
        .position(|column| names.contains(&column.trim().to_lowercase().as_str()))
        .or_else(|| (header.len() == 1).then_some(0))
        .ok_or_else(|| {
            format!(
                "{name} has no column named {}: rename the column with the sentences to one of these.",
                names.join(", ")
            )
        })?;
    let mut texts = Vec::new();
    for (i, row) in reader.records().enumerate() {
        let row = row.map_err(|error| format!("{name}, row {}: {error}.", i + 1))?;
        texts.extend(row.get(column).map(str::trim).filter(|text| !text.is_empty()).map(cut));
    }
    Ok(texts)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ModelPrediction;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn said(text: &str) -> Classification {
        let model = Condition::Healthy;
        let models = vec![ModelPrediction { model, label: Some(1), probabilities: vec![Some(0.25), Some(0.75)] }];
        Classification { text: text.into(), tokens: vec![], is_cut: false, models }
    }

    #[wasm_bindgen_test]
    fn a_sentence_is_kept_once_newest_first_with_its_pin() {
        let mut history = History::default();
        history.import(vec!["a".into(), "b".into(), "a".into(), " ".into()]);
        history.entries[1].is_pinned = true;
        history.remember(said("b"), "kaiming@all 1");
        let kept: Vec<_> = history.entries.iter().map(|entry| (entry.text.as_str(), entry.is_pinned)).collect();
        assert_eq!(kept, [("b", true), ("a", false)]);
        assert_eq!(history.pinned(), ["b"]);
    }

    #[wasm_bindgen_test]
    fn pins_outlive_what_is_newer() {
        let mut history = History::default();
        history.remember(said("first"), "");
        history.entries[0].is_pinned = true;
        for i in 0..2 * MAX_ENTRIES {
            history.remember(said(&i.to_string()), "");
        }
        assert_eq!(history.entries.len(), MAX_ENTRIES);
        assert_eq!(history.pinned(), ["first"]);
    }

    #[wasm_bindgen_test]
    fn export_has_every_model_and_import_reads_it_back() {
        let mut history = History::default();
        history.remember(said("Good, \"really\" good\nfilm"), "kaiming@all 1");
        let csv = history.to_csv(&["negative".into(), "positive".into()]);
        assert!(csv.contains("positive,0.750000,,,,"), "{csv}");
        assert_eq!(texts_of("export.csv", csv.as_bytes()).unwrap(), ["Good, \"really\" good\nfilm"]);
    }

    #[wasm_bindgen_test]
    fn an_answer_that_is_not_finite_has_no_class_in_the_export() {
        let mut history = History::default();
        let mut broken = said("a film");
        broken.models[0] = ModelPrediction { label: None, probabilities: vec![None, None], ..broken.models[0].clone() };
        history.remember(broken, "");
        let csv = history.to_csv(&["negative".into(), "positive".into()]);
        assert!(csv.ends_with("a film,false,,not finite,,,,,\r\n"), "{csv}");
    }

    #[wasm_bindgen_test]
    fn plain_text_is_one_sentence_a_line_and_wrong_files_say_what_is_expected() {
        assert_eq!(texts_of("a.txt", "\u{feff}one\r\n\n two \n".as_bytes()).unwrap(), ["one", "two"]);
        assert!(texts_of("a.csv", b"label,words\n1,x\n").unwrap_err().contains("has no column named text"));
        assert!(texts_of("a.bin", &[0xff, 0xfe]).unwrap_err().contains("is not text in UTF-8"));
        assert!(texts_of("a.txt", b" \n").unwrap_err().contains("holds no sentence"));
    }

    #[wasm_bindgen_test]
    fn columns_may_be_separated_as_a_spreadsheet_writes_them() {
        for (separator, text) in [(";", "one; \"two\", three"), ("\t", "one\ttwo"), (",", "one, two")] {
            let cell = text.replace('"', "\"\"");
            let table = format!("\u{feff}id{separator}Text\r\n1{separator}\"{cell}\"\r\n");
            assert_eq!(texts_of("a.csv", table.as_bytes()).unwrap(), [text], "{separator:?}");
        }
        assert!(texts_of("a.csv", b"1;Hello\n2;You\n").unwrap_err().contains("has no column named text"));
        assert_eq!(texts_of("a.txt", b"one; two\nthree\n").unwrap(), ["one; two", "three"]);
    }
}
