//! The checks, each a few commands that can also be typed.

use crate::browser::{self, Browser};
use crate::shell::{Shell, run};
use crate::{cross, module_circles, page, page_size, tools};
use anyhow::{Result, bail};
use std::env;

/// The target of the page and its worker.
const WASM: &str = "wasm32-unknown-unknown";

/// One check. The order of the variants is the order they run in: what fails fast comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// Formatting.
    Format,
    /// The reading order.
    Modules,
    /// Lints, natively and for WebAssembly.
    Clippy,
    /// Native tests and the examples in the documentation.
    Native,
    /// Tests of `shared` and `web` inside a browser.
    Wasm,
    /// The page, built as it is published.
    Page,
    /// The built page in a browser.
    Browser,
    /// The documentation.
    Docs,
    /// Licences and sources of the dependencies.
    Deny,
    /// Other machines: 64-bit Arm, Windows, macOS. Only when it is named.
    Cross,
}

impl Step {
    /// Every step in its order.
    pub const ALL: [Self; 10] = [
        Self::Format,
        Self::Modules,
        Self::Clippy,
        Self::Native,
        Self::Wasm,
        Self::Page,
        Self::Browser,
        Self::Docs,
        Self::Deny,
        Self::Cross,
    ];

    /// Whether it runs when no step is named. What needs compilers that few have, and minutes, does not.
    pub fn is_default(self) -> bool {
        self != Self::Cross
    }

    /// The name it is chosen by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Modules => "modules",
            Self::Clippy => "clippy",
            Self::Native => "native",
            Self::Wasm => "wasm",
            Self::Page => "page",
            Self::Browser => "browser",
            Self::Docs => "docs",
            Self::Deny => "deny",
            Self::Cross => "cross",
        }
    }

    /// What it does, in one line.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Format => "every file is formatted by rustfmt",
            Self::Modules => "no crate has a cycle among its modules, and their lists are in reading order",
            Self::Clippy => "clippy has no warnings, natively or for WebAssembly",
            Self::Native => "tests on this machine, and the examples in the documentation",
            Self::Wasm => "tests of `shared` and `web` in headless Chromium",
            Self::Page => "Trunk builds the page in release mode, within its size budget",
            Self::Browser => "headless Chromium tests the built page",
            Self::Docs => "rustdoc has no warnings",
            Self::Deny => "every dependency's licence and source are allowed",
            Self::Cross => {
                "the kernels' tests for 64-bit Arm in an emulator; the programs compile for Windows and macOS"
            }
        }
    }
}

/// How a step ended that did not fail.
pub enum Outcome {
    /// Everything was checked.
    Passed,
    /// It cannot run here, for this reason.
    Skipped(String),
}

/// The machine as far as it has been set up; a step sets up only what it needs itself.
pub struct Setting {
    shell: Shell,
    are_page_tools_ready: bool,
}

impl Setting {
    /// Nothing set up yet.
    pub fn new(shell: Shell) -> Self {
        Self { shell, are_page_tools_ready: false }
    }

    /// Runs one step, setting up what it needs.
    ///
    /// # Errors
    /// When a command of the step or of its set-up fails.
    pub fn run(&mut self, step: Step) -> Result<Outcome> {
        match step {
            Step::Format => self.format(),
            Step::Modules => self.modules(),
            Step::Clippy => self.clippy(),
            Step::Native => self.native(),
            Step::Wasm => self.wasm(),
            Step::Page => self.page(),
            Step::Browser => self.browser(),
            Step::Docs => self.docs(),
            Step::Deny => self.deny(),
            Step::Cross => self.cross(),
        }
    }

    fn format(&self) -> Result<Outcome> {
        tools::ensure_components(&self.shell)?;
        self.shell.cargo(&["fmt", "--all", "--check"])?;
        Ok(Outcome::Passed)
    }

    fn modules(&self) -> Result<Outcome> {
        module_circles::check(self.shell.root(), &["shared/src", "trainer/src", "web/src", "xtask/src"])?;
        Ok(Outcome::Passed)
    }

    fn clippy(&mut self) -> Result<Outcome> {
        tools::ensure_components(&self.shell)?;
        self.page_tools()?;
        let native = ["clippy", "--locked", "--workspace", "--exclude", "web", "--all-targets", "--", "-D", "warnings"];
        self.shell.cargo(&native)?;
        let wasm = ["clippy", "--locked", "-p", "shared", "-p", "web", "--all-targets", "--target", WASM];
        self.shell.cargo(&[&wasm[..], &["--", "-D", "warnings"]].concat())?;
        Ok(Outcome::Passed)
    }

    fn native(&self) -> Result<Outcome> {
        let packages = ["--locked", "--workspace", "--exclude", "web"];
        let has_nextest = self.shell.output("cargo", &["nextest", "--version"]).is_some();
        let (runner, profile): (&[_], &[_]) = if has_nextest {
            (&["nextest", "run"], &["--profile", "ci"])
        } else {
            (&["test"], &["--lib", "--bins", "--tests"])
        };
        let mut tests = self.shell.command("cargo", [runner, &packages, profile].concat())?;
        // The page it would open may be an old one; the step `browser` opens the new one.
        run(tests.env("BERT_HEAL_REQUIRE_BROWSER", "0"))?;
        self.other_instruction_sets()?;
        self.shell.cargo(&[&["test", "--doc"], &packages[..]].concat())?;
        Ok(Outcome::Passed)
    }

    /// The kernels once more for the instruction sets that are not the best one, which alone has run so far.
    fn other_instruction_sets(&self) -> Result<()> {
        let is_there = |set: &&str| match *set {
            "avx512" => has_avx512(),
            "avx2" => has_avx2(),
            "neon" => cfg!(target_arch = "aarch64"),
            _ => true,
        };
        for set in ["avx512", "avx2", "neon"].iter().filter(|set| !is_there(set)) {
            eprintln!("skipped: this processor has no {set}, so BERT_HEAL_ISA={set} is not tested");
        }
        // All packages, as above: naming some would select other features and compile everything again.
        let build = ["test", "--locked", "--workspace", "--exclude", "web"];
        let best = ["avx512", "avx2"].into_iter().find(|set| is_there(set)).unwrap_or("gemm");
        for set in ["avx2", "neon", "gemm", "scalar"].into_iter().filter(|set| *set != best && is_there(set)) {
            for tests in [&["--lib", "--", "nn::", "random::", "corruption::"][..], &["--test", "parity"]] {
                run(self.shell.command("cargo", [&build[..], tests].concat())?.env("BERT_HEAL_ISA", set))?;
            }
        }
        Ok(())
    }

    fn wasm(&mut self) -> Result<Outcome> {
        let chromedriver = match browser::ensure(&self.shell)? {
            Browser::Driver(chromedriver) => chromedriver,
            Browser::Missing(reason) => return without_browser(reason, env::var("CI").ok().as_deref()),
        };
        self.page_tools()?;
        // `--lib --tests` leaves out the documentation's examples, which have run natively.
        let args = ["test", "--locked", "--target", WASM, "-p", "shared", "-p", "web", "--lib", "--tests"];
        run(self.shell.command("cargo", args)?.env("CHROMEDRIVER", chromedriver))?;
        Ok(Outcome::Passed)
    }

    fn page(&mut self) -> Result<Outcome> {
        self.page_tools()?;
        page::build(&self.shell, &["--locked"])?;
        page_size::check(&self.shell.root().join("dist"))?;
        Ok(Outcome::Passed)
    }

    fn browser(&self) -> Result<Outcome> {
        let chromedriver = match browser::ensure(&self.shell)? {
            Browser::Driver(chromedriver) => chromedriver,
            Browser::Missing(reason) => return without_browser(reason, env::var("CI").ok().as_deref()),
        };
        // All packages, as in `native`: naming one would select other features and compile everything again.
        let args = ["test", "--locked", "--workspace", "--exclude", "web", "--test", "browser"];
        let mut tests = self.shell.command("cargo", args)?;
        run(tests.env("CHROMEDRIVER", chromedriver).env("BERT_HEAL_REQUIRE_BROWSER", "1"))?;
        Ok(Outcome::Passed)
    }

    fn docs(&mut self) -> Result<Outcome> {
        self.page_tools()?;
        let native = ["doc", "--locked", "--no-deps", "--workspace", "--exclude", "web"];
        let wasm = ["doc", "--locked", "--no-deps", "-p", "web", "--target", WASM];
        for args in [&native[..], &wasm] {
            run(self.shell.command("cargo", args)?.env("RUSTDOCFLAGS", "-D warnings"))?;
        }
        Ok(Outcome::Passed)
    }

    fn deny(&self) -> Result<Outcome> {
        if self.shell.output("cargo", &["deny", "--version"]).is_none() {
            return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
        }
        // Advisories change without a commit and need the network: ask for them with `cargo deny check advisories`.
        self.shell.cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"])?;
        Ok(Outcome::Passed)
    }

    fn cross(&self) -> Result<Outcome> {
        let reasons = cross::check(&self.shell)?;
        Ok(if reasons.len() < cross::N_MACHINES { Outcome::Passed } else { Outcome::Skipped(reasons.join("; ")) })
    }

    fn page_tools(&mut self) -> Result<()> {
        if !self.are_page_tools_ready {
            tools::ensure_page_tools(&mut self.shell)?;
            self.are_page_tools_ready = true;
        }
        Ok(())
    }
}

/// A step that needs a browser, on a machine without one: skipped, or failed in continuous integration, by the value of
/// the variable `CI`, which every such service sets.
fn without_browser(reason: &str, ci: Option<&str>) -> Result<Outcome> {
    if ci.is_some_and(|value| !["", "0", "false"].contains(&value)) {
        bail!("{reason}; continuous integration (CI is set) needs them, or leaves them out by `--skip wasm,browser`");
    }
    Ok(Outcome::Skipped(reason.to_owned()))
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// As `shared::nn::InstructionSet` sees it, nearly: the program that runs here knows no `shared`.
fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_tested_only_by_name() {
        let by_default: Vec<&str> = Step::ALL.into_iter().filter(|step| step.is_default()).map(Step::name).collect();
        assert_eq!(by_default, ["format", "modules", "clippy", "native", "wasm", "page", "browser", "docs", "deny"]);
    }

    #[test]
    fn missing_browser_skips_a_developers_step_and_fails_one_of_continuous_integration() {
        for ci in [None, Some(""), Some("false"), Some("0")] {
            let outcome = without_browser("there is none", ci);
            assert!(matches!(outcome, Ok(Outcome::Skipped(reason)) if reason == "there is none"), "{ci:?}");
        }
        for ci in ["true", "1"] {
            let Err(error) = without_browser("there is none", Some(ci)) else { panic!("{ci} passed") };
            assert!(error.to_string().starts_with("there is none; continuous integration"), "{error}");
        }
    }
}
