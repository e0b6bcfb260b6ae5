//! A file of weights on disk, read where it is needed.

use std::fs::File;
use std::io;
use std::path::Path;

use shared::checkpoint::{ReadAt, WeightFile};

/// A file that stays open, so that what is read is one file's even when another is put in its place.
#[derive(Debug)]
pub(super) struct OpenFile {
    #[cfg(unix)]
    file: File,
    /// Where there is only one place in a file to read from.
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
    n_bytes: u64,
}

/// A file of weights that this program wrote.
pub(crate) fn own_weights(path: &Path) -> io::Result<WeightFile> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(WeightFile::new(name, OpenFile::open(path)?))
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let n_bytes = file.metadata()?.len();
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        Ok(Self { file, n_bytes })
    }
}

impl ReadAt for OpenFile {
    fn size_bytes(&self) -> u64 {
        self.n_bytes
    }

    #[cfg(unix)]
    fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, out, start)
    }

    #[cfg(not(unix))]
    fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        io::Seek::seek(&mut *file, io::SeekFrom::Start(start))?;
        io::Read::read_exact(&mut *file, out)
    }
}
