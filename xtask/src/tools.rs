//! The tools that build the page, at pinned versions.
//!
//! A tool on `PATH` of exactly the pinned version is used as it is. Otherwise it is installed into the user's cache
//! folder, one folder a version, where it disturbs nothing and the next checkout finds it.

use crate::shell::{Shell, run};
use anyhow::{Context as _, Result, bail};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A program to be had from the package registry at one version.
struct Tool {
    package: &'static str,
    version: &'static str,
    /// Programs of the package that are needed; all must be there at the version.
    programs: &'static [&'static str],
    /// Options of `cargo install`.
    install_args: &'static [&'static str],
    /// How long the installation from source took on two cores.
    duration: &'static str,
}

/// Builds the page. Newer ones ask for a newer compiler than the workspace does. Without default features it needs no
/// TLS library; nothing is downloaded by it here.
const TRUNK: Tool = Tool {
    package: "trunk",
    version: "0.21.14",
    programs: &["trunk"],
    install_args: &["--locked", "--no-default-features"],
    duration: "about 4 minutes",
};

/// Must equal the version of `wasm-bindgen` in the workspace's `Cargo.toml`. Not locked: its lock file is stale.
const WASM_BINDGEN: Tool = Tool {
    package: "wasm-bindgen-cli",
    version: "0.2.130",
    programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
    install_args: &[],
    duration: "about 2 minutes",
};

/// The folder that tools are built in, there while they are.
const BUILD: &str = "build";

/// Makes the WebAssembly target, trunk and wasm-bindgen available to `shell`.
///
/// # Errors
/// When one of them can neither be found nor installed.
pub fn ensure_page_tools(shell: &mut Shell) -> Result<()> {
    ensure_target(shell)?;
    for tool in [&TRUNK, &WASM_BINDGEN] {
        ensure(shell, tool)?;
    }
    match fs::remove_dir_all(tools_dir()?.join(BUILD)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context("cannot remove what built the tools")
        }
        _ => Ok(()),
    }
}

/// Makes rustfmt and clippy available; a minimal toolchain comes without.
///
/// # Errors
/// When they can neither be found nor installed.
pub fn ensure_components(shell: &Shell) -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if shell.output("cargo", &[subcommand, "--version"]).is_none() {
            eprintln!("{component}: adding it to the toolchain (seconds)");
            run(&mut shell.command("rustup", ["component", "add", component])?)?;
        }
    }
    Ok(())
}

fn ensure_target(shell: &Shell) -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    if has_target(shell, TARGET) {
        eprintln!("{TARGET}: installed");
        return Ok(());
    }
    eprintln!("{TARGET}: adding it to the toolchain (seconds)");
    run(&mut shell.command("rustup", ["target", "add", TARGET])?)
        .with_context(|| format!("the compiler has no {TARGET} target; with rustup: `rustup target add {TARGET}`"))
}

/// Whether the compiler has the standard library of `target`.
pub fn has_target(shell: &Shell, target: &str) -> bool {
    let libraries = shell.output("rustc", &["--print", "target-libdir", "--target", target]);
    libraries.is_some_and(|dir| Path::new(&dir).is_dir())
}

fn ensure(shell: &mut Shell, tool: &Tool) -> Result<()> {
    let Tool { package, version, .. } = tool;
    if has_version(shell, None, tool) {
        eprintln!("{package} {version}: found on PATH");
        return Ok(());
    }
    let root = tools_dir()?.join(format!("{package}-{version}"));
    let bin_dir = root.join("bin");
    if has_version(shell, Some(&bin_dir), tool) {
        eprintln!("{package} {version}: found in {}", bin_dir.display());
    } else {
        install(shell, tool, &root)?;
        if !has_version(shell, Some(&bin_dir), tool) {
            bail!("{package} was installed in {} but does not report version {version}", bin_dir.display());
        }
    }
    shell.add_tool_dir(bin_dir);
    Ok(())
}

/// Whether every program of `tool`, in `dir` or else on `PATH`, says it is of the pinned version.
fn has_version(shell: &Shell, dir: Option<&Path>, tool: &Tool) -> bool {
    tool.programs.iter().all(|program| {
        let program = dir.map_or_else(|| PathBuf::from(program), |dir| dir.join(program));
        let answer = shell.output(&program.to_string_lossy(), &["--version"]);
        // For example `wasm-bindgen 0.2.130 (1a2b3c)`.
        answer.is_some_and(|text| text.split_whitespace().nth(1) == Some(tool.version))
    })
}

/// Installs into `root`: ready-made where `cargo binstall` can, else from source.
fn install(shell: &Shell, tool: &Tool, root: &Path) -> Result<()> {
    let Tool { package, version, install_args, duration, .. } = tool;
    let root = root.to_str().context("the cache folder's name is not UTF-8")?;
    if shell.output("cargo", &["binstall", "-V"]).is_some() {
        eprintln!("{package} {version}: fetching the prebuilt program (seconds)");
        let spec = format!("{package}@{version}");
        let args = ["binstall", "--no-confirm", "--disable-strategies", "compile", "--root", root, &spec];
        match shell.cargo(&args) {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("{package} {version}: {error:#}; building it instead"),
        }
    }
    eprintln!("{package} {version}: building it from source into {root} ({duration} on 2 cores, once)");
    let mut command = shell.command("cargo", ["install", package, "--version", version, "--root", root])?;
    command.args(*install_args);
    // The tools run for seconds: half the time to build them is worth more than their last bit of speed.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    // What the tools have in common is built once.
    command.env("CARGO_TARGET_DIR", tools_dir()?.join(BUILD));
    run(&mut command)
}

/// Where the tools are, a folder each.
fn tools_dir() -> Result<PathBuf> {
    Ok(cache_dir()?.join("bert-heal").join("tools"))
}

/// The user's cache folder, by the XDG base directory specification.
fn cache_dir() -> Result<PathBuf> {
    // The specification: a path that is not absolute is to be ignored.
    if let Some(dir) = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        return Ok(dir);
    }
    let home = env::home_dir().context("neither XDG_CACHE_HOME nor the home folder is known")?;
    Ok(home.join(".cache"))
}
