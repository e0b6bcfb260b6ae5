//! Chromium and its driver, which the page's tests run in.

use crate::shell::{Shell, run};
use anyhow::{Context as _, Result};
use std::env;
use std::path::PathBuf;

/// The names Chromium and Chrome go by.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// What to do without them.
const MISSING: &str = "Chromium and chromedriver are not on PATH (on Debian: `sudo apt-get install chromium \
                       chromium-driver`)";

/// Whether there is a browser.
#[derive(Debug, PartialEq, Eq)]
pub enum Browser {
    /// There is one, with its driver at this path.
    Driver(PathBuf),
    /// There is none, and this is what to do.
    Missing(&'static str),
}

/// Finds Chromium and chromedriver, or installs them from Debian's packages when this is root.
///
/// # Errors
/// When their installation fails.
pub fn ensure(shell: &Shell) -> Result<Browser> {
    if let Some(driver) = find() {
        eprintln!("chromedriver: found at {}", driver.display());
        return Ok(Browser::Driver(driver));
    }
    let is_root = shell.output("id", &["-u"]).as_deref() == Some("0");
    if !is_root || shell.output("apt-get", &["--version"]).is_none() {
        return Ok(Browser::Missing(MISSING));
    }
    eprintln!("chromium, chromium-driver: installing Debian's packages (about 1 minute)");
    for args in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"]] {
        // Another installation may be going on: apt waits for it rather than fail.
        let args = [&["-o", "DPkg::Lock::Timeout=300"], args].concat();
        run(shell.command("apt-get", args)?.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    let driver = find();
    let driver = driver
        .context("the packages chromium and chromium-driver are installed, yet their programs are not on PATH")?;
    Ok(Browser::Driver(driver))
}

/// The driver, if a browser is there as well.
fn find() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|name| on_path(name))?;
    let named = env::var_os("CHROMEDRIVER").map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| on_path("chromedriver"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let program = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path).map(|dir| dir.join(&program)).find(|file| file.is_file())
}
