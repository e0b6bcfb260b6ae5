//! Building the page as it is published.

use crate::shell::{Shell, run};
use crate::{build_names, class_zip};
use anyhow::{Context as _, Result, bail};
use std::io;
use std::path::PathBuf;

/// Options of the hook that Trunk calls after each build.
#[derive(clap::Args)]
pub struct FinishArgs {
    /// The folder in which Trunk has put the page together; Trunk tells it.
    #[arg(long, env = "TRUNK_STAGING_DIR")]
    dist: PathBuf,
}

/// Builds the page into `dist/`, passing `options` to every build; all output goes to stderr.
///
/// # Errors
/// When a build fails.
pub fn build(shell: &Shell, options: &[&str]) -> Result<()> {
    // Trunk builds one program after the other, and linking one keeps one core busy: two are built at once first. They are
    // of two profiles, so neither waits for the other.
    let program = |profile, name| {
        let programs = ["build", "--target", "wasm32-unknown-unknown", "-p", "web"];
        [&programs[..], &["--profile", profile, "--bin", name], options].concat()
    };
    let worker = shell.command("cargo", program("page", "worker"))?.spawn().context("cannot start cargo")?;
    let app = shell.cargo(&program("page-app", "app"));
    let worker = worker.wait_with_output().context("cargo was lost")?.status;
    app?;
    if !worker.success() {
        bail!("the worker cannot be built: {worker}");
    }
    // `--offline` keeps Trunk from fetching tools: those it needs are on PATH.
    run(shell.command("trunk", [&["build", "--release", "--offline"], options].concat())?.stdout(io::stderr()))
}

/// Names the files of a page that Trunk has put together, then packs it for a class: one hook, since Trunk runs those of
/// one stage at once.
///
/// # Errors
/// When the page is not as `index.html` and `Trunk.toml` say, or a file cannot be read or written.
pub fn finish(args: &FinishArgs) -> Result<()> {
    let build = build_names::give(&args.dist)?;
    class_zip::pack(&args.dist)?;
    eprintln!("the page is build {build}");
    Ok(())
}
