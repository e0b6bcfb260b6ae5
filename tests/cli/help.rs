//! What `--help` says; a change shows in the review as a change of these snapshots.

use crate::bert_heal;
use clap::{Args, CommandFactory};
use trainer::cli::{Cli, bench, corrupt, evaluate, export, inspect, predict, run};

/// The command of these flags as `bert-heal` has it.
fn command<A: Args>(name: &'static str) -> clap::Command {
    let bert_heal = Cli::command().mut_subcommands(|_| clap::Command::new("unused").hide(true));
    let mut bert_heal = bert_heal.subcommand(A::augment_args(clap::Command::new(name)));
    bert_heal.build();
    bert_heal.find_subcommand(name).expect("it was just added").clone()
}

fn help<A: Args>(name: &'static str) -> String {
    command::<A>(name).render_long_help().to_string()
}

#[test]
fn help_of_the_program() {
    let output = bert_heal().arg("--help").assert().success();
    insta::assert_snapshot!(String::from_utf8_lossy(&output.get_output().stdout));
}

#[test]
fn help_of_run() {
    insta::assert_snapshot!(help::<run::RunArgs>("run"));
}

#[test]
fn help_of_evaluate() {
    insta::assert_snapshot!(help::<evaluate::EvaluateArgs>("evaluate"));
}

#[test]
fn help_of_predict() {
    insta::assert_snapshot!(help::<predict::PredictArgs>("predict"));
}

#[test]
fn help_of_corrupt() {
    insta::assert_snapshot!(help::<corrupt::CorruptArgs>("corrupt"));
}

#[test]
fn help_of_inspect() {
    insta::assert_snapshot!(help::<inspect::InspectArgs>("inspect"));
}

#[test]
fn help_of_export() {
    insta::assert_snapshot!(help::<export::ExportArgs>("export"));
}

#[test]
fn help_of_bench() {
    let mut bench = command::<bench::BenchArgs>("bench");
    insta::assert_snapshot!(bench.render_long_help());
    for what in ["train", "evaluate", "corrupt"] {
        let what_help = bench.find_subcommand_mut(what).expect("a benchmark").render_long_help();
        insta::assert_snapshot!(format!("help_of_bench_{what}"), what_help);
    }
}

#[test]
fn definitions_are_consistent() {
    Cli::command().debug_assert();
    for command in [
        command::<run::RunArgs>("run"),
        command::<evaluate::EvaluateArgs>("evaluate"),
        command::<predict::PredictArgs>("predict"),
        command::<corrupt::CorruptArgs>("corrupt"),
        command::<inspect::InspectArgs>("inspect"),
        command::<export::ExportArgs>("export"),
        command::<bench::BenchArgs>("bench"),
    ] {
        command.debug_assert();
    }
}
