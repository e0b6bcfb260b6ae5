//! What a judgement says, for people who know no p-values, and what classes mean that are called by abbreviations.

use shared::claims::{Judgement, Outcome};

/// One sentence beside a judgement; none where nothing was compared.
pub(super) fn in_plain_words(judgement: &Judgement) -> Option<String> {
    if judgement.n_pairs == 0 {
        return None;
    }
    let chance = chance(judgement.adjusted_p);
    Some(match judgement.outcome {
        Outcome::Worse | Outcome::Better => format!(
            "In plain words: if there were no difference, chance alone would show one as clear as this {chance}; that is \
             rare enough to believe it."
        ),
        Outcome::Equivalent => format!(
            "In plain words: whatever difference there is, it is most likely smaller than {} points, which counts as none.",
            judgement.margin_points
        ),
        Outcome::Undecided if judgement.p <= judgement.p_floor => format!(
            "In plain words: all {} pairs point the same way, and with {} claims judged at once so few can never be called more \
             than undecided. The interval says how large a difference was seen; more seeds could decide it.",
            judgement.n_pairs, judgement.family_size
        ),
        Outcome::Undecided => format!(
            "In plain words: if there were no difference, chance alone would show one like this {chance}; that is too often \
             to say anything."
        ),
    })
}

/// What classes stand for whose names are abbreviations: those of TREC (Li & Roth 2002).
const ABBREVIATED: [(&str, &str); 6] = [
    ("ABBR", "an abbreviation"),
    ("ENTY", "a thing"),
    ("DESC", "a description"),
    ("HUM", "a person"),
    ("LOC", "a place"),
    ("NUM", "a number"),
];

/// What all the classes stand for, where all their names are such abbreviations: `HUM asks for a person, …`.
pub(super) fn classes_in_words(labels: &[String]) -> Option<String> {
    let of = |label: &String| ABBREVIATED.iter().find(|(short, _)| short == label);
    let words: Option<Vec<String>> =
        labels.iter().map(|label| of(label).map(|(short, long)| format!("{short} ({long})"))).collect();
    words.filter(|words| !words.is_empty()).map(|words| shared::words::listed(&words, "or"))
}

/// How often a thing of this probability happens.
fn chance(p: f64) -> String {
    match 100.0 * p {
        percent if percent >= 99.5 => "practically always".to_owned(),
        percent if percent >= 1.5 => format!("about {percent:.0} times in 100"),
        percent if percent >= 0.1 => format!("about {:.0} times in 1,000", 10.0 * percent),
        _ => "less than once in 1,000 times".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn classes_with_short_names_are_said_in_words_and_others_are_left() {
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(classes_in_words(&labels(&["HUM", "LOC"])).unwrap(), "HUM (a person) or LOC (a place)");
        assert_eq!(classes_in_words(&labels(&["HUM", "sadness"])), None);
        assert_eq!(classes_in_words(&[]), None);
    }

    #[wasm_bindgen_test]
    fn a_probability_is_a_count_of_times() {
        for (p, words) in [
            (1.0, "practically always"),
            (0.031, "about 3 times in 100"),
            (0.0104, "about 10 times in 1,000"),
            (0.0049, "about 5 times in 1,000"),
            (0.0001, "less than once in 1,000 times"),
        ] {
            assert_eq!(chance(p), words);
        }
    }
}
