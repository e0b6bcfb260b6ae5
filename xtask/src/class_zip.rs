//! The built page as one file, for a room without a network: Trunk calls this after each build of the page.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Its name beside the page, which links to it.
pub const NAME: &str = "bert-heal-class.zip";

/// The folder in the zip.
const FOLDER: &str = "bert-heal";

/// What to do with it.
const START: &str = "\
This folder is a web page that needs no network. A browser cannot run it from a file: serve the folder on this machine with

    python3 -m http.server --bind 127.0.0.1 8000

or any other web server, and open http://127.0.0.1:8000/ . To let a class open it from your machine, leave out --bind and
give them your machine's address; over plain HTTP their browsers then keep nothing between visits.
";

/// Options of the hook.
#[derive(clap::Args)]
pub struct ClassZipArgs {
    /// The folder with the built page; Trunk tells it.
    #[arg(long, env = "TRUNK_STAGING_DIR")]
    dist: PathBuf,
}

/// Packs all files of the built page.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(args: &ClassZipArgs) -> Result<()> {
    let path = args.dist.join(NAME);
    let part = path.with_extension("part");
    let mut zip = ZipWriter::new(File::create(&part).with_context(|| part.display().to_string())?);
    zip.start_file(format!("{FOLDER}/START.txt"), SimpleFileOptions::default())?;
    zip.write_all(START.as_bytes())?;
    for file in files(&args.dist)? {
        if file == path || file == part {
            continue;
        }
        let name = file.strip_prefix(&args.dist)?.components().map(|part| part.as_os_str().to_string_lossy());
        let name = [FOLDER.into()].into_iter().chain(name).collect::<Vec<_>>().join("/");
        zip.start_file(name, SimpleFileOptions::default())?;
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        zip.write_all(&bytes)?;
    }
    zip.finish()?;
    fs::rename(&part, &path).with_context(|| path.display().to_string())
}

/// All files below `folder`, in the order of their names.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn zip_holds_the_page_as_it_is_and_how_to_open_it_but_not_itself() -> Result<()> {
        let dist = std::env::temp_dir().join(format!("bert-heal-class-zip-{}", std::process::id()));
        fs::create_dir_all(dist.join("bundles/one"))?;
        let page = [("index.html", "<title>page</title>"), ("bundles/one/weights.bin", "\0\u{1}\u{2}")];
        for (name, content) in page {
            fs::write(dist.join(name), content)?;
        }
        // Twice, as a second build over the first: the zip of the first is not part of the second.
        for _ in 0..2 {
            run(&ClassZipArgs { dist: dist.clone() })?;
        }
        let mut zip = zip::ZipArchive::new(File::open(dist.join(NAME))?)?;
        let mut expected = vec![("bert-heal/START.txt".to_owned(), START)];
        expected.extend(page.map(|(name, content)| (format!("bert-heal/{name}"), content)));
        assert_eq!(zip.len(), expected.len());
        for (name, content) in expected {
            let mut text = String::new();
            zip.by_name(&name)?.read_to_string(&mut text)?;
            assert_eq!(text, content, "{name}");
        }
        fs::remove_dir_all(&dist)?;
        Ok(())
    }
}
