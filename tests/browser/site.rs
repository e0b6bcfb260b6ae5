//! A folder on a server with the built page, in which another build can take its place.
//!
//! Trunk is not run twice: the other build is the first one under other names, with a mark in the worker's script by which
//! a running worker says which build it is of. A build is called by a hexadecimal letter, with which its names begin.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Collects what running workers say of their build, from before the page starts them.
pub const HEAR_BUILDS: &str = "window.__builds = [];
    new BroadcastChannel('build').onmessage = ({ data }) => __builds.push(data);";

/// How long ago the first build was made: long enough that browsers use its files for days without asking.
const AGE: Duration = Duration::from_hours(60 * 24);

/// The folder.
pub struct Site {
    dist: PathBuf,
    dir: TempDir,
}

impl Site {
    /// A folder with the first build, `a`, of the page in `dist`.
    pub fn new(dist: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let site = Self { dist: dist.to_owned(), dir };
        site.deploy("a");
        site
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Replaces what is there by the build called `build`: every file is gone and comes anew, dated a day after the build
    /// before it.
    pub fn deploy(&self, build: &str) {
        for entry in fs::read_dir(self.path()).expect("the folder can be read") {
            fs::remove_file(entry.expect("the folder can be read").path()).expect("a file can be deleted");
        }
        let hashes = self.hashes();
        let renamed = |text: &str| {
            hashes.iter().fold(text.to_owned(), |text, hash| text.replace(hash, &format!("{build}{}", &hash[1..])))
        };
        let days_later = u64::from(build.as_bytes()[0] - b'a');
        let made = SystemTime::now() - AGE + Duration::from_hours(24 * days_later);
        for path in self.files() {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            let mut bytes = fs::read(&path).expect("the built page can be read");
            let has_extension = |extension: &str| path.extension().is_some_and(|own| own == extension);
            if has_extension("html") || name.ends_with("_loader.js") || name.starts_with("bench") {
                bytes = renamed(std::str::from_utf8(&bytes).expect("a document is text")).into_bytes();
            } else if name.starts_with("worker") && has_extension("js") {
                bytes.extend(format!("\nnew BroadcastChannel('build').postMessage('{build}');\n").bytes());
            }
            let target = self.path().join(renamed(&name));
            fs::write(&target, bytes).expect("the folder can be written");
            File::options()
                .write(true)
                .open(target)
                .and_then(|file| file.set_modified(made))
                .expect("a date can be set");
        }
    }

    /// Adds something to a file that keeps its name from build to build.
    pub fn append(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        let before = fs::read_to_string(&path).expect("the file is there");
        fs::write(path, before + text).expect("the folder can be written");
    }

    /// The files of the built page, its models and what is made of them left out.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dist).expect("the built page can be read");
        let paths = entries.map(|entry| entry.expect("the built page can be read").path());
        paths.filter(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "zip")).collect()
    }

    /// The hashes that stand in the names of programs and workers, and the name of the build.
    fn hashes(&self) -> Vec<String> {
        let of_name = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            let (stem, rest) = name.split_once('-')?;
            let hash: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            (["app", "worker", "worker_relaxed", "start", "bench"].contains(&stem) && hash.len() > 7).then_some(hash)
        };
        let mut hashes: Vec<String> = self.files().iter().filter_map(of_name).collect();
        let document = fs::read_to_string(self.dist.join("index.html")).expect("the built page can be read");
        let build = document.split_once("data-build=\"").and_then(|(_, rest)| rest.split_once('"'));
        hashes.push(build.expect("the document says which build it is of").0.to_owned());
        hashes.sort();
        hashes.dedup();
        assert!(hashes.len() >= 6, "the page's files are named by their content: {hashes:?}");
        hashes
    }
}
