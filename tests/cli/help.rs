//! What `--help` says; a change shows in the review as a change of these snapshots.

use crate::bert_heal;
use clap::CommandFactory;
use trainer::commands::Cli;

fn help(arguments: &[&str]) -> String {
    let output = bert_heal().args(arguments).assert().success().stderr("");
    String::from_utf8(output.get_output().stdout.clone()).expect("help is text")
}

#[test]
fn help_of_the_program() {
    insta::assert_snapshot!(help(&["--help"]));
}

#[test]
fn help_of_fetch() {
    insta::assert_snapshot!(help(&["help", "fetch"]));
}

#[test]
fn help_of_run() {
    insta::assert_snapshot!(help(&["help", "run"]));
    assert_eq!(help(&["run", "--help"]), help(&["help", "run"]));
}

#[test]
fn help_of_evaluate() {
    insta::assert_snapshot!(help(&["help", "evaluate"]));
}

#[test]
fn help_of_predict() {
    insta::assert_snapshot!(help(&["help", "predict"]));
}

#[test]
fn help_of_corrupt() {
    insta::assert_snapshot!(help(&["help", "corrupt"]));
}

#[test]
fn help_of_inspect() {
    insta::assert_snapshot!(help(&["help", "inspect"]));
}

#[test]
fn help_of_export() {
    insta::assert_snapshot!(help(&["help", "export"]));
}

#[test]
fn help_of_bench() {
    insta::assert_snapshot!(help(&["help", "bench"]));
    for what in ["train", "evaluate", "corrupt"] {
        insta::assert_snapshot!(format!("help_of_bench_{what}"), help(&["help", "bench", what]));
    }
}

#[test]
fn help_of_completions() {
    insta::assert_snapshot!(help(&["help", "completions"]));
}

#[test]
fn help_of_man() {
    insta::assert_snapshot!(help(&["help", "man"]));
}

/// `bench train` and the like have theirs at `bench`.
#[test]
fn every_command_shows_examples() {
    for command in Cli::command().get_subcommands() {
        let help = help(&[command.get_name(), "--help"]);
        assert!(help.contains("Examples:\n  "), "{} has no examples:\n{help}", command.get_name());
    }
}

#[test]
fn definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_of_report() {
    insta::assert_snapshot!(help(&["help", "report"]));
}

#[test]
fn help_of_quickstart() {
    insta::assert_snapshot!(help(&["help", "quickstart"]));
}
