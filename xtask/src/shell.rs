//! Running other programs from the workspace's root.

use anyhow::{Context as _, Result, bail};
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where commands run, and the folders of pinned tools that come before the user's own `PATH`.
pub struct Shell {
    root: PathBuf,
    tool_dirs: Vec<PathBuf>,
}

impl Shell {
    /// A shell in the workspace's root.
    ///
    /// # Errors
    /// When the program was not started by cargo.
    pub fn new() -> Result<Self> {
        // Read at run time: a root compiled in would outlive a moved checkout.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").context("run this program as `cargo xtask`")?;
        let root = Path::new(&manifest_dir).parent().context("xtask lies directly in the workspace's root")?;
        Ok(Self { root: root.to_owned(), tool_dirs: Vec::new() })
    }

    /// The workspace's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lets commands find the programs in `dir` before all others.
    pub fn add_tool_dir(&mut self, dir: PathBuf) {
        self.tool_dirs.insert(0, dir);
    }

    /// A command in the workspace's root.
    ///
    /// # Errors
    /// When a tool folder's name cannot stand in `PATH`.
    pub fn command<I: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = I>) -> Result<Command> {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(self.tool_dirs.iter().cloned().chain(env::split_paths(&inherited)))?;
        let mut command = Command::new(program);
        // Looked up in our `PATH`, not in that of this process: std honours a `PATH` set on the command.
        command.current_dir(&self.root).env("PATH", path).args(args);
        Ok(command)
    }

    /// Runs `cargo` with `args`, shown to the user.
    ///
    /// # Errors
    /// When it fails.
    pub fn cargo(&self, args: &[&str]) -> Result<()> {
        run(&mut self.command("cargo", args)?)
    }

    /// What `program args` prints on stdout, or `None` when it is absent or fails.
    pub fn output(&self, program: &str, args: &[&str]) -> Option<String> {
        let output = self.command(program, args).ok()?.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Runs `command`, shown to the user, to its end.
///
/// # Errors
/// When it cannot start or fails.
pub fn run(command: &mut Command) -> Result<()> {
    let line = display(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// The command as one would type it, without the environment.
pub fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
