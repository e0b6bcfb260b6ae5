//! The command line as users and scripts see it.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod experiment;
mod faults;
mod fixture;
mod help;
mod models;
mod report;
mod schemas;
mod usage;

use assert_cmd::Command;

/// The program, away from the environment of whoever runs the tests.
fn bert_heal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bert-heal-under-test"));
    command.env_remove("RAYON_NUM_THREADS").env("NO_COLOR", "1");
    command
}
