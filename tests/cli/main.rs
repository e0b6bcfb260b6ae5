//! The command line as users and scripts see it.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod bundle;
mod cards;
mod census;
mod classes;
mod control;
mod demo_bundles;
mod experiment;
mod faults;
mod fixture;
mod formats;
mod heads;
mod hostile;
mod hub;
mod identity;
mod model_files;
mod models;
mod pairs;
mod quickstart;
mod report;
mod report_many;
mod schemas;
mod shell;
#[cfg(unix)]
mod signals;
mod skip;
mod surgery;
mod sweep;
mod usage;

use assert_cmd::Command;

/// The program, away from the environment of whoever runs the tests.
fn bert_heal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bert-heal-under-test"));
    command.env_remove("RAYON_NUM_THREADS").env("NO_COLOR", "1");
    for variable in [
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_HUB_DOWNLOAD_TIMEOUT",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "TRANSFORMERS_OFFLINE",
        "HF_DATASETS_OFFLINE",
        "HF_HUB_DISABLE_SYMLINKS",
    ] {
        command.env_remove(variable);
    }
    // What a test does not serve itself is not to be had.
    command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", "/nonexistent").env("BERT_HEAL_CACHE", "/nonexistent");
    command
}
