//! The lists in the README and in the help are those of the library's tables.

use crate::bert_heal;
use shared::corruption::Scheme;
use shared::dataset::{Endings, Format, endings};

const README: &str = include_str!("../../README.md");

/// The rows of the README's table with this heading, without the bars at both ends.
fn rows(heading: &str) -> Vec<&'static str> {
    let (_, table) = README.split_once(heading).unwrap_or_else(|| panic!("the README has no table {heading}"));
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.collect()
}

#[test]
fn the_readme_lists_every_scheme_and_format() {
    let schemes = Scheme::ALL.map(|scheme| format!("`{}` | {}", scheme.usage(), scheme.entry().help));
    assert_eq!(rows("| scheme | what it does to the selected values |"), schemes);
    let formats = Format::ALL.map(|format| {
        let endings: Vec<String> = format.entry().endings.iter().map(|ending| format!("`{ending}`")).collect();
        format!("{} | {}", endings.join(", "), format.entry().help)
    });
    assert_eq!(rows("| ending | what it holds |"), formats);
}

#[test]
fn the_help_of_run_lists_every_scheme_and_format() {
    let output = bert_heal().args(["help", "run"]).assert().success();
    let help = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    // A line may be broken where the terminal ends.
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let help = words(&help);
    for scheme in Scheme::ALL {
        let line = words(&format!("{} {}", scheme.usage(), scheme.entry().help));
        assert!(help.contains(&line), "{line}");
    }
    for format in Format::ALL {
        let line = words(&format!("{} {}", format.entry().endings.join(", "), format.entry().help.replace('`', "")));
        assert!(help.contains(&line), "{line}");
    }
    assert!(help.contains(&endings(Endings::Usual)), "{help}");
}
