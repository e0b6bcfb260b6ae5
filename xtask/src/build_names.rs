//! Names for the files of one build, so that a browser cannot take a file of one build for that of another.
//!
//! Trunk puts a hash into the names of the page's program and style sheets, but not into those of workers and of files
//! that it copies. A server that sends no `Cache-Control`, as Python's and nginx as it is installed, lets a browser use
//! such a file for days after another build has taken its place. So these files are named by their content as well, who
//! names them is rewritten, and the page's document, which keeps its name, says which build it is of.

use crate::class_zip;
use crate::files::files;
use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;

/// Files that name one another and so share a hash.
struct Group {
    /// The beginning of their names.
    stem: &'static str,
    /// The ends of their names.
    endings: &'static [&'static str],
    /// Other files, each of which names one of them.
    named_in: &'static [&'static str],
}

/// A worker with its parts, as Trunk calls them.
const WORKER_ENDINGS: &[&str] = &[".js", "_bg.wasm", "_loader.js"];

/// In an order in which each group names only those before it.
const GROUPS: [Group; 4] = [
    Group { stem: "worker", endings: WORKER_ENDINGS, named_in: &[DOCUMENT, "bench.js"] },
    Group { stem: "worker_relaxed", endings: WORKER_ENDINGS, named_in: &[DOCUMENT, "bench.js"] },
    Group { stem: "start", endings: &[".js"], named_in: &[DOCUMENT] },
    Group { stem: "bench", endings: &[".js"], named_in: &["bench.html"] },
];

/// The page's document, and what stands in it until the build has a name.
const DOCUMENT: &str = "index.html";
const UNNAMED: &str = "data-build=\"unnamed\"";

/// Bytes of a hash that stand in a name: enough that two builds never meet.
const HASH_BYTES: usize = 8;

/// Names the files of the page that Trunk has built in `dist`; returns the name of the build.
///
/// # Errors
/// When a file is not there or cannot be read or written, or nobody names it.
pub fn give(dist: &Path) -> Result<String> {
    for group in &GROUPS {
        rename(dist, group)?;
    }
    let document = dist.join(DOCUMENT);
    let text = read_text(&document)?;
    if !text.contains(UNNAMED) {
        bail!("{}: expected {UNNAMED}, which `pattern_script` in Trunk.toml writes", document.display());
    }
    let build = hash_of_all(dist)?;
    fs::write(&document, text.replace(UNNAMED, &format!("data-build=\"{build}\"")))?;
    Ok(build)
}

fn is_script(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "js")
}

fn rename(dist: &Path, group: &Group) -> Result<()> {
    let mut hasher = Sha256::new();
    for ending in group.endings {
        let path = dist.join(format!("{}{ending}", group.stem));
        hasher.update(fs::read(&path).with_context(|| path.display().to_string())?);
    }
    let hash = short(hasher);
    let old_and_new = |ending: &&str| (format!("{}{ending}", group.stem), format!("{}-{hash}{ending}", group.stem));
    let names: Vec<(String, String)> = group.endings.iter().map(old_and_new).collect();
    for (old, new) in &names {
        fs::rename(dist.join(old), dist.join(new))?;
    }
    for (_, script) in names.iter().filter(|(_, new)| is_script(new)) {
        // Of a worker only the loader names the other two.
        name_anew(&dist.join(script), &names)?;
    }
    for file in group.named_in {
        if name_anew(&dist.join(file), &names)? == 0 {
            bail!("{file} names no file of {}", group.stem);
        }
    }
    Ok(())
}

/// Replaces old names by new ones in a file; how many there were.
fn name_anew(path: &Path, names: &[(String, String)]) -> Result<usize> {
    let (mut text, mut n_named) = (read_text(path)?, 0);
    for (old, new) in names {
        let (renamed, n) = replace_name(&text, old, new);
        text = renamed;
        n_named += n;
    }
    if n_named > 0 {
        fs::write(path, text)?;
    }
    Ok(n_named)
}

/// Replaces a file's name wherever it stands on its own, not as a part of another name; and how often it did.
fn replace_name(text: &str, old: &str, new: &str) -> (String, usize) {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let (mut replaced, mut n, mut done) = (String::with_capacity(text.len()), 0, 0);
    for (start, found) in text.match_indices(old) {
        let end = start + found.len();
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        replaced.push_str(&text[done..start]);
        if before.is_some_and(is_of_name) || after.is_some_and(is_of_name) {
            replaced.push_str(found);
        } else {
            replaced.push_str(new);
            n += 1;
        }
        done = end;
    }
    replaced.push_str(&text[done..]);
    (replaced, n)
}

/// The hash of every file's name and content, of all but the zip that is made of them.
fn hash_of_all(dist: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    for path in files(dist)? {
        let name = path.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
        if name == class_zip::NAME {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        hasher.update(format!("{name}\n{}\n", bytes.len()));
        hasher.update(&bytes);
    }
    Ok(short(hasher))
}

fn short(hasher: Sha256) -> String {
    hex::encode(&hasher.finalize()[..HASH_BYTES])
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// What Trunk leaves, so far as it matters here.
    fn built(name: &str) -> Result<PathBuf> {
        let dist = std::env::temp_dir().join(format!("bert-heal-build-names-{name}-{}", std::process::id()));
        fs::create_dir_all(dist.join("bundles"))?;
        let loader = |worker: &str| format!("importScripts(\"./{worker}.js\");wasm_bindgen(\"./{worker}_bg.wasm\");");
        let document = "<script src=\"./start.js\" data-js=\"./app-1.js\" data-worker=\"./worker_loader.js\" \
                        data-worker-relaxed=\"./worker_relaxed_loader.js\" data-build=\"unnamed\"></script>";
        for (file, content) in [
            ("index.html", document),
            ("app-1.js", "// start.js is none of its business"),
            ("bench.html", "<script src=\"bench.js\"></script>"),
            ("bench.js", "new Worker(isRelaxed ? \"worker_relaxed_loader.js\" : \"worker_loader.js\")"),
            ("start.js", "register(\"service_worker.js\")"),
            ("service_worker.js", ""),
            ("worker.js", "let wasm_bindgen"),
            ("worker_bg.wasm", "\0asm plain"),
            ("worker_loader.js", &loader("worker")),
            ("worker_relaxed.js", "let wasm_bindgen"),
            ("worker_relaxed_bg.wasm", "\0asm relaxed"),
            ("worker_relaxed_loader.js", &loader("worker_relaxed")),
            ("bundles/weights.bin", "1"),
        ] {
            fs::write(dist.join(file), content)?;
        }
        Ok(dist)
    }

    fn names(dist: &Path) -> Result<Vec<String>> {
        files(dist)?.iter().map(|path| Ok(path.strip_prefix(dist)?.to_string_lossy().into_owned())).collect()
    }

    #[test]
    fn every_script_and_program_has_a_name_by_its_content_and_is_named_so() -> Result<()> {
        let dist = built("all")?;
        let build = give(&dist)?;
        let names = names(&dist)?;
        let named = |start: &str, end: &str| {
            let found = names.iter().find(|name| {
                let hash = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
                hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
            });
            found.unwrap_or_else(|| panic!("{start}HASH{end} is not in {names:?}")).clone()
        };
        let document = read_text(&dist.join("index.html"))?;
        for (start, end) in [("start-", ".js"), ("worker-", "_loader.js"), ("worker_relaxed-", "_loader.js")] {
            assert!(document.contains(&format!("\"./{}\"", named(start, end))), "{document}");
        }
        assert!(document.contains(&format!("data-build=\"{build}\"")), "{document}");
        for start in ["worker-", "worker_relaxed-"] {
            let loader = read_text(&dist.join(named(start, "_loader.js")))?;
            let expected = format!(
                "importScripts(\"./{}\");wasm_bindgen(\"./{}\");",
                named(start, ".js"),
                named(start, "_bg.wasm")
            );
            assert_eq!(loader, expected);
        }
        let bench = read_text(&dist.join(named("bench-", ".js")))?;
        assert!(bench.contains(&named("worker_relaxed-", "_loader.js")), "{bench}");
        assert!(read_text(&dist.join("bench.html"))?.contains(&named("bench-", ".js")));
        // The page asks for this one by its name, and whole names only are replaced.
        assert_eq!(read_text(&dist.join(named("start-", ".js")))?, "register(\"service_worker.js\")");
        for old in ["start.js", "bench.js", "worker.js", "worker_bg.wasm", "worker_relaxed_loader.js"] {
            assert!(!names.contains(&old.to_owned()), "{old} is still there");
        }
        fs::remove_dir_all(&dist)?;
        Ok(())
    }

    #[test]
    fn a_changed_worker_has_another_name_and_changed_data_make_another_build() -> Result<()> {
        let (one, two, three) = (built("one")?, built("two")?, built("three")?);
        fs::write(two.join("worker_bg.wasm"), "\0asm changed")?;
        fs::write(three.join("bundles/weights.bin"), "2")?;
        let builds = [give(&one)?, give(&two)?, give(&three)?];
        assert!(builds[0] != builds[1] && builds[1] != builds[2] && builds[0] != builds[2], "{builds:?}");
        let of_worker = |dist: &Path| -> Result<Vec<String>> {
            Ok(names(dist)?.into_iter().filter(|name| name.starts_with("worker-")).collect())
        };
        assert_eq!(of_worker(&one)?, of_worker(&three)?);
        assert!(of_worker(&one)?.iter().all(|name| !of_worker(&two).unwrap_or_default().contains(name)));
        for dist in [one, two, three] {
            fs::remove_dir_all(dist)?;
        }
        Ok(())
    }

    #[test]
    fn a_page_that_does_not_name_its_files_is_refused() -> Result<()> {
        let whole = read_text(&built("whole")?.join(DOCUMENT))?;
        for (name, missing, expected) in [
            ("no-start", "start.js", "index.html names no file of start"),
            ("no-worker", "worker_loader.js", "index.html names no file of worker"),
            ("no-build", "unnamed", "expected data-build"),
        ] {
            let dist = built(name)?;
            fs::write(dist.join(DOCUMENT), whole.replace(missing, "else"))?;
            let error = give(&dist).expect_err(name);
            assert!(error.to_string().contains(expected), "{error:#}");
            fs::remove_dir_all(&dist)?;
        }
        Ok(())
    }
}
