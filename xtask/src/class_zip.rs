//! The built page as one zip, for a room without a network: with what serves it there, and with the page once more as one
//! document that opens by a double click.

mod one_file;

use crate::files::files;
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
    let document = one_file::of(dist)?;
    for (name, text) in ADDED.into_iter().chain([(one_file::NAME, &*document)]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    /// The page as Trunk and `finish-page` leave it, as far as it matters here.
    const PAGE: [(&str, &str); 12] = [
        (
            "index.html",
            "<html><head>\n<meta http-equiv=\"Content-Security-Policy\" content=\"connect-src 'self'\">\n\
             <link rel=\"stylesheet\" href=\"./base-1.css\"/>\n<link rel=\"icon\" href=\"./icon.svg\"/>\n\
             <script type=\"module\" id=\"start\" src=\"./start-1.js\" data-js=\"./app-1.js\" data-wasm=\"./app-1_bg.wasm\" \
             data-worker=\"./worker-1_loader.js\" data-worker-relaxed=\"./worker_relaxed-1_loader.js\" \
             data-build=\"b1\"></script>\n</head>\n<body><p>On its way.</p></body>\n</html>\n",
        ),
        ("base-1.css", "p { color: red }\n"),
        ("start-1.js", "start"),
        ("app-1.js", "app"),
        ("app-1_bg.wasm", "program"),
        ("worker-1.js", "worker"),
        ("worker-1_bg.wasm", "worker's program"),
        ("worker_relaxed-1.js", "relaxed"),
        ("worker_relaxed-1_bg.wasm", "relaxed program"),
        ("results.jsonl", "{}\n"),
        ("bundles/index.json", "{\"bundles\":[{\"name\":\"one\"},{\"name\":\"two\"}]}"),
        ("bundles/one/weights.bin", "\0\u{1}\u{2}"),
    ];

    #[test]
    fn zip_holds_the_page_as_it_is_and_as_one_document_and_how_to_open_it_but_not_itself() -> Result<()> {
        let dist = std::env::temp_dir().join(format!("bert-heal-class-zip-{}", std::process::id()));
        fs::create_dir_all(dist.join("bundles/one"))?;
        for (name, content) in PAGE {
            fs::write(dist.join(name), content)?;
        }
        // Twice, as a second build over the first: the zip of the first is not part of the second.
        for _ in 0..2 {
            pack(&dist)?;
        }
        let mut zip = zip::ZipArchive::new(File::open(dist.join(NAME))?)?;
        assert_eq!(zip.len(), ADDED.len() + 1 + PAGE.len());
        let mut text_of = |name: &str| -> Result<String> {
            let mut file = zip.by_name(&format!("{FOLDER}/{name}"))?;
            let dated = file.last_modified();
            assert!(dated.is_some_and(|date| date.year() > 2020), "{name}: {dated:?}");
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(text)
        };
        for (name, content) in ADDED.into_iter().chain(PAGE) {
            assert_eq!(text_of(name)?, content, "{name}");
        }
        let document = text_of(one_file::NAME)?;
        // What stands beside a page that was opened from a disk cannot be read, and nothing else may be.
        assert!(
            !document.contains("<link") && !document.contains("'self'") && !document.contains(" src="),
            "{document}"
        );
        assert!(document.contains("p { color: red }") && document.contains("<p>On its way.</p>"), "{document}");
        let weights = "data-file=\"bundles/one/weights.bin\" data-type=\"application/octet-stream\">AAEC</script>";
        assert!(document.contains(weights), "{document}");
        assert_eq!(document.matches("data-file=").count(), PAGE.len() - 2, "{document}");
        // A file that is named and not there is an error, not a document that stays empty.
        fs::remove_file(dist.join("worker-1_bg.wasm"))?;
        assert!(format!("{:#}", pack(&dist).unwrap_err()).contains("worker-1_bg.wasm"));
        fs::remove_dir_all(&dist)?;
        Ok(())
    }
}
