//! Files and folders that appear whole or not at all, also when the process is killed or the power fails.
//!
//! Content goes to a temporary name beside its place, is synced, and is then renamed; the folder is synced last, which
//! makes the rename itself durable.

use crate::exit_code::bad_input;
use crate::say;
use anyhow::{Context, anyhow};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// What names of unfinished files and folders begin with.
const TEMPORARY: &str = ".tmp-";

/// Puts `bytes` at `path`, in place of what is there.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with(path, |file| Ok(file.write_all(bytes)?))
}

/// Puts `value` as readable JSON at `path`.
pub fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    write_file(path, &bytes)
}

/// Puts what `write` writes at `path`; when it fails, nothing changes there.
pub fn write_with(path: &Path, write: impl FnOnce(&mut File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let folder = parent(path);
    create_dirs(folder)?;
    let mut file = unfinished_file(folder).with_context(context)?;
    write(file.as_file_mut()).with_context(context)?;
    finish(file, path).with_context(context)
}

fn unfinished_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    if cfg!(windows) {
        // Without the attribute of temporary files there, which would stay.
        builder.make_in(folder, |path| File::options().read(true).write(true).create_new(true).open(path))
    } else {
        builder.tempfile_in(folder)
    }
}

fn finish(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    make_readable(file.as_file())?;
    file.as_file().sync_all()?;
    // The standard library's own, which on Windows replaces also a file that is open; tempfile's does not.
    rename(file.path(), path)?;
    file.disable_cleanup(true);
    sync_dir(parent(path))
}

/// Puts a folder with these files (names and contents) at `path`, in place of what is there.
///
/// A folder cannot be replaced in one step: killed in between, the place is empty, which is absent and not torn.
pub fn write_dir(path: &Path, files: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> anyhow::Result<()> {
    write_dir_with(path, |write| files.iter().try_for_each(|(name, bytes)| write(name.as_ref(), bytes.as_ref())))
}

/// Writes one file, by name, into a folder that is being made.
pub type WriteFile<'a> = dyn FnMut(&str, &[u8]) -> anyhow::Result<()> + 'a;

/// As [`write_dir`], with the files that `fill` writes one after another.
pub fn write_dir_with(path: &Path, fill: impl FnOnce(&mut WriteFile<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let folder = parent(path);
    create_dirs(folder)?;
    let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(folder).with_context(context)?;
    fill(&mut |name, bytes| {
        let mut file = File::create(temporary.path().join(name)).with_context(context)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).with_context(context)
    })?;
    replace_dir(temporary, path).with_context(context)
}

fn replace_dir(temporary: tempfile::TempDir, path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and is not private at first.
    if cfg!(unix) {
        make_readable(&File::open(temporary.path())?)?;
    }
    sync_dir(temporary.path())?;
    let old = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(parent(path))?;
    match rename(path, &old.path().join("old")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => rename(&temporary.keep(), path)?,
    }
    sync_dir(parent(path))
}

/// The first pause of [`rename`]; every other is twice as long, 1.3 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Renames a file or a folder. Windows refuses that while a virus scanner or an indexer has the file open, or one in the
/// folder; they look at what is new, so it is tried again for a moment.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    // ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
    let is_momentary = |error: &io::Error| cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33));
    repeat_while(is_momentary, FIRST_PAUSE, || fs::rename(from, to))
}

fn repeat_while<T>(
    is_momentary: impl Fn(&io::Error) -> bool,
    first_pause: Duration,
    mut act: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    const PAUSES: u32 = 7;
    for n in 0..PAUSES {
        match act() {
            Err(error) if is_momentary(&error) => std::thread::sleep(first_pause * (1 << n)),
            outcome => return outcome,
        }
    }
    act()
}

/// Cuts a file to its first `size` bytes. Windows does not let a file that is open for appending do that itself.
pub(super) fn cut(path: &Path, size: u64) -> io::Result<()> {
    File::options().write(true).open(path)?.set_len(size)
}

/// Temporary files are private at first; results get the permissions that files usually have.
#[cfg(unix)]
pub(super) fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = if file.metadata()?.is_dir() { 0o755 } else { 0o644 };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn make_readable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the entries of a folder durable. Elsewhere than on Unix a folder cannot be opened, nor need it be.
pub(super) fn sync_dir(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Makes `folder` with all its parents and returns those that did not exist, outermost first.
pub fn create_dirs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    missing.reverse();
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    Ok(missing)
}

/// Refuses a folder that holds something, so that nothing of the user's is replaced.
pub fn require_empty(folder: &Path) -> anyhow::Result<()> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(bad_input(anyhow!("{}: the folder is not empty", folder.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(bad_input(anyhow!("{}: {error}", folder.display()))),
    }
}

/// Removes what processes that were killed left unfinished, directly in `folder`; nobody else may be writing there.
pub fn remove_leftovers(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let path = entry.path();
            let removed = if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Removes a file that may not be there, on the way out of an error that matters more than this one.
pub(super) fn remove_file_if_there(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        say!("note: cannot remove {}: {error}", path.display());
    }
}

/// The folder that a path lies in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_whose_writing_fails_keeps_its_old_content_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write_file(&path, b"old").unwrap();
        let result = write_with(&path, |file| {
            file.write_all(b"half of the new")?;
            anyhow::bail!("killed")
        });
        assert_eq!(format!("{:#}", result.unwrap_err()), format!("cannot write {}: killed", path.display()));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["run.json"]);
    }

    #[test]
    fn what_is_refused_for_a_moment_is_tried_again_and_what_is_refused_for_good_is_said() {
        let is_momentary = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let outcome = |n_refusals: usize, kind: io::ErrorKind| {
            let mut n = 0;
            let done = repeat_while(is_momentary, Duration::ZERO, || {
                n += 1;
                if n > n_refusals { Ok(()) } else { Err(kind.into()) }
            });
            (done.map_err(|error| error.kind()), n)
        };
        assert_eq!(outcome(0, io::ErrorKind::PermissionDenied), (Ok(()), 1));
        assert_eq!(outcome(7, io::ErrorKind::PermissionDenied), (Ok(()), 8));
        assert_eq!(outcome(8, io::ErrorKind::PermissionDenied), (Err(io::ErrorKind::PermissionDenied), 8));
        assert_eq!(outcome(1, io::ErrorKind::StorageFull), (Err(io::ErrorKind::StorageFull), 1));
    }

    #[test]
    fn a_file_that_is_open_for_appending_goes_on_where_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut file = File::options().append(true).create(true).open(&path).unwrap();
        file.write_all(b"whole\ntor").unwrap();
        cut(&path, 6).unwrap();
        file.write_all(b"next\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole\nnext\n");
    }

    #[test]
    fn a_file_that_is_open_is_replaced_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        write_file(&path, b"old").unwrap();
        let open = File::options().append(true).open(&path).unwrap();
        write_file(&path, b"new").unwrap();
        drop(open);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["metrics.jsonl"]);
    }

    #[test]
    fn a_folder_is_replaced_with_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint/healthy");
        write_dir(&path, &[("config.json", "{}"), ("old.txt", "old")]).unwrap();
        write_dir(&path, &[("config.json", b"{\"a\":1}")]).unwrap();
        assert_eq!(names(&path), ["config.json"]);
        assert_eq!(fs::read(path.join("config.json")).unwrap(), b"{\"a\":1}");
        assert_eq!(names(path.parent().unwrap()), ["healthy"]);
    }

    #[cfg(unix)]
    #[test]
    fn results_can_be_read_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        write_dir(&folder.path().join("a"), &[("file", b"x")]).unwrap();
        write_file(&folder.path().join("b"), b"x").unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("a"), mode("a/file") & 0o600, mode("b")], [0o755, 0o600, 0o644]);
    }

    #[test]
    fn only_the_folders_that_were_missing_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let made = create_dirs(&folder.path().join("a/b")).unwrap();
        assert_eq!(made, [folder.path().join("a"), folder.path().join("a/b")]);
        assert_eq!(create_dirs(&folder.path().join("a/b")).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn leftovers_of_a_killed_process_go_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".tmp-dir")).unwrap();
        fs::write(folder.path().join(".tmp-dir/x"), b"").unwrap();
        fs::write(folder.path().join(".tmp-file"), b"").unwrap();
        fs::write(folder.path().join("metrics.jsonl"), b"").unwrap();
        remove_leftovers(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["metrics.jsonl"]);
    }
}
