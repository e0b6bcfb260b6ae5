//! Building the page as it is published.

use crate::shell::{Shell, run};
use anyhow::Result;
use std::io;

/// Builds the page into `dist/`, passing `options` to every build; all output goes to stderr.
///
/// # Errors
/// When a build fails.
pub fn build(shell: &Shell, options: &[&str]) -> Result<()> {
    // Trunk builds one program after the other, and linking one keeps one core busy: two are linked at once first.
    let programs = ["build", "--profile", "page", "--target", "wasm32-unknown-unknown", "-p", "web"];
    shell.cargo(&[&programs[..], &["--bin", "app", "--bin", "worker"], options].concat())?;
    // `--offline` keeps Trunk from fetching tools: those it needs are on PATH.
    run(shell.command("trunk", [&["build", "--release", "--offline"], options].concat())?.stdout(io::stderr()))
}
