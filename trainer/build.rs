//! Tells the program which commit it is built from, with `-dirty` behind it when the sources differ from that commit;
//! a build outside a repository says `unknown`.

use std::path::Path;
use std::process::Command;

/// What the program is made of, from this package's folder.
const SOURCES: [&str; 5] = ["src", "Cargo.toml", "../shared/src", "../shared/Cargo.toml", "../Cargo.lock"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for path in SOURCES {
        println!("cargo:rerun-if-changed={path}");
    }
    // Both move with every commit and checkout; in a linked worktree they do not lie in `.git/`. A path that does not
    // exist would make every build run this again.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let is_dirty = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat()).is_some();
    println!("cargo:rustc-env=BERT_HEAL_COMMIT={commit}{}", if is_dirty { "-dirty" } else { "" });
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
