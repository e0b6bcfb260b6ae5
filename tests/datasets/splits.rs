//! Which file is which split, by one table of words.

use shared::dataset::Split;
use trainer::open_dataset::{OpenOptions, Purpose, open};

use crate::{folder, message, options, sizes, tsv};

/// A tenth of train must not stand for rows that lie beside it.
#[test]
fn a_split_is_known_by_any_of_its_words_in_any_letters() {
    for (name, split) in [
        ("val.tsv", Split::Validation),
        ("Dev.tsv", Split::Validation),
        ("VALID.tsv", Split::Validation),
        ("validation_data.tsv", Split::Validation),
        ("my-val-v2.tsv", Split::Validation),
        ("eval.tsv", Split::Test),
        ("Test.tsv", Split::Test),
        ("test_data.tsv", Split::Test),
        ("testing.tsv", Split::Test),
        ("imdb.test.tsv", Split::Test),
    ] {
        let folder = folder(&[("train.tsv", &tsv("train", 40)), (name, &tsv("other", 8))]);
        let opened = open(folder.path(), &options()).unwrap();
        let expected = if split == Split::Test { [40, 0, 8] } else { [40, 8, 0] };
        assert_eq!((sizes(&opened), opened.report_split), (expected, split), "{name}");
        let is_guessed = opened.notes.contains(&format!("{split} is {name}, by a word of its name"));
        assert_eq!(
            is_guessed,
            name.contains(['_', '-']) || name.matches('.').count() > 1,
            "{name}: {:?}",
            opened.notes
        );
    }
    let folder = folder(&[("Training.tsv", &tsv("train", 40)), ("eval.tsv", &tsv("other", 8))]);
    assert_eq!(sizes(&open(folder.path(), &options()).unwrap()), [40, 0, 8]);
}

#[test]
fn the_split_itself_comes_before_a_word_and_what_is_left_unread_is_listed() {
    let csv = b"text,label\na,0\nb,1\n";
    let folder = folder(&[
        ("train.tsv", &tsv("train", 40)),
        ("train_noisy.tsv", &tsv("noisy", 40)),
        ("test.tsv", &tsv("test", 8)),
        ("extra.csv", csv),
        ("train_test.csv", csv),
        ("eval_results.json", b"{\"accuracy\": 0.9}"),
        (".test.csv", csv),
        ("notes.txt", b"nothing"),
    ]);
    let opened = open(folder.path(), &options()).unwrap();
    assert_eq!(sizes(&opened), [40, 0, 8]);
    let note = "not read, though beside what was: extra.csv, train_noisy.tsv, train_test.csv";
    assert!(opened.notes.iter().any(|other| other == note), "{:?}", opened.notes);
    std::fs::remove_file(folder.path().join("test.tsv")).unwrap();
    std::fs::write(folder.path().join("test_a.tsv"), tsv("a", 8)).unwrap();
    std::fs::write(folder.path().join("test_b.tsv"), tsv("b", 8)).unwrap();
    let expected = "dataset DIR: expected one file for test, got test_a.tsv and test_b.tsv (move the other away)";
    assert_eq!(message(&folder, &options()), expected);
}

#[test]
fn folders_are_known_by_the_same_words() {
    let folder = folder(&[
        ("data/Train/a.tsv", &tsv("train", 40)),
        ("data/Val/a.tsv", &tsv("val", 8)),
        ("data/Evaluation/a.tsv", &tsv("eval", 9)),
    ]);
    let opened = open(&folder.path().join("data"), &options()).unwrap();
    assert_eq!(sizes(&opened), [40, 8, 9]);
    let evaluated =
        open(&folder.path().join("data"), &OpenOptions { purpose: Purpose::Evaluate, ..options() }).unwrap();
    assert_eq!(evaluated.report_split, Split::Test);
}
