//! The built page as one file, for a room without a network, with what serves it there.

use anyhow::{Context as _, Result, bail};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zip::DateTime;
use zip::write::{SimpleFileOptions, ZipWriter};

/// Its name beside the page, which links to it.
pub const NAME: &str = "bert-heal-class.zip";

/// The folder in the zip.
const FOLDER: &str = "bert-heal";

/// What to do with it, and a server for it.
const ADDED: [(&str, &str); 2] =
    [("START.txt", include_str!("class_zip/START.txt")), ("serve.py", include_str!("class_zip/serve.py"))];

/// Options of `cargo xtask class-zip`.
#[derive(clap::Args)]
pub struct ClassZipArgs {
    /// The folder with the built page.
    #[arg(long, default_value = "dist")]
    dist: PathBuf,
}

/// Packs the page in the folder that `args` name.
///
/// # Errors
/// When there is no page or a file cannot be read or written.
pub fn run(args: &ClassZipArgs) -> Result<()> {
    let document = args.dist.join("index.html");
    if !document.is_file() {
        bail!("{} is not there: `cargo xtask demo` or `trunk build --release` builds the page", document.display());
    }
    pack(&args.dist)?;
    println!("{}", args.dist.join(NAME).display());
    Ok(())
}

/// Packs all files of the built page.
///
/// # Errors
/// When a file cannot be read or written.
pub fn pack(dist: &Path) -> Result<()> {
    let path = dist.join(NAME);
    let part = path.with_extension("part");
    let mut zip = ZipWriter::new(File::create(&part).with_context(|| part.display().to_string())?);
    for (name, text) in ADDED {
        zip.start_file(format!("{FOLDER}/{name}"), dated_now())?;
        zip.write_all(text.as_bytes())?;
    }
    for file in files(dist)? {
        if file == path || file == part {
            continue;
        }
        let name = file.strip_prefix(dist)?.components().map(|part| part.as_os_str().to_string_lossy());
        let name = [FOLDER.into()].into_iter().chain(name).collect::<Vec<_>>().join("/");
        zip.start_file(name, dated_now())?;
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        zip.write_all(&bytes)?;
    }
    zip.finish()?;
    fs::rename(&part, &path).with_context(|| path.display().to_string())
}

/// A server that goes by dates must see that a page unpacked over an older one has changed.
fn dated_now() -> SimpleFileOptions {
    SimpleFileOptions::default().last_modified_time(DateTime::default_for_write())
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
            pack(&dist)?;
        }
        let mut zip = zip::ZipArchive::new(File::open(dist.join(NAME))?)?;
        let mut expected: Vec<_> = ADDED.map(|(name, text)| (format!("bert-heal/{name}"), text)).into();
        expected.extend(page.map(|(name, content)| (format!("bert-heal/{name}"), content)));
        assert_eq!(zip.len(), expected.len());
        for (name, content) in expected {
            let mut text = String::new();
            zip.by_name(&name)?.read_to_string(&mut text)?;
            assert_eq!(text, content, "{name}");
            let dated = zip.by_name(&name)?.last_modified();
            assert!(dated.is_some_and(|date| date.year() > 2020), "{name}: {dated:?}");
        }
        fs::remove_dir_all(&dist)?;
        Ok(())
    }
}
