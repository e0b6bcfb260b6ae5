//! A zip that is made piece by piece outside of this program's memory, which never shrinks: in arrays of the browser, and
//! in blobs, which it may put on disk.

use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use std::io::{self, Seek, SeekFrom, Write};
use std::rc::Rc;
use web_sys::Blob;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Bytes that are in an array at a time.
const PIECE: u64 = 4 << 20;

/// A zip under way. Its files are stored as they are: weights do not get smaller.
pub(super) struct ZipBlob {
    writer: ZipWriter<Sink>,
    pieces: Rc<RefCell<Pieces>>,
}

impl ZipBlob {
    pub(super) fn new() -> Self {
        let pieces = Rc::<RefCell<Pieces>>::default();
        Self { writer: ZipWriter::new(Sink { pieces: Rc::clone(&pieces), position: 0 }), pieces }
    }

    /// Begins a file, whose content is then written here.
    ///
    /// # Errors
    /// When the file before cannot be ended.
    pub(super) fn begin_file(&mut self, name: &str) -> Result<&mut (impl Write + use<>), String> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        // A date that a zip cannot hold is left out.
        let options = now().map_or(options, |now| options.last_modified_time(now));
        let head = self.pieces.borrow().length;
        // It goes back to the head of the file before.
        self.writer.start_file(name, options).map_err(|error| error.to_string())?;
        self.pieces.borrow_mut().head = head;
        Ok(&mut self.writer)
    }

    /// The whole zip.
    ///
    /// # Errors
    /// When its last file cannot be ended, or the browser has no room for it.
    pub(super) fn finish(self) -> Result<Blob, String> {
        let sink = self.writer.finish().map_err(|error| error.to_string())?;
        drop(sink);
        self.pieces.borrow_mut().whole()
    }
}

fn now() -> Option<DateTime> {
    let now = js_sys::Date::new_0();
    let (year, month, day) = (now.get_full_year() as u16, now.get_month() as u8 + 1, now.get_date() as u8);
    let (hour, minute, second) = (now.get_hours() as u8, now.get_minutes() as u8, now.get_seconds() as u8);
    DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
}

/// Where the zip is written to; the program goes back only to the head of the file it is in, to note its length and sum.
struct Sink {
    pieces: Rc<RefCell<Pieces>>,
    position: u64,
}

/// What was written: pieces of [`PIECE`] bytes. Of a long file all are blobs already but the one with its head and the last.
#[derive(Default)]
struct Pieces {
    all: Vec<Piece>,
    length: u64,
    /// Where the file begins that is written, to which is gone back.
    head: u64,
}

enum Piece {
    Open(Uint8Array),
    Sealed(Blob),
}

impl Pieces {
    fn write(&mut self, position: u64, bytes: &[u8]) -> io::Result<usize> {
        let (at, offset) = (position / PIECE, (position % PIECE) as u32);
        if at as usize == self.all.len() {
            self.seal(at)?;
            self.all.push(Piece::Open(Uint8Array::new_with_length(PIECE as u32)));
        }
        let Some(Piece::Open(piece)) = self.all.get(at as usize) else {
            return Err(io::Error::other("the zip was gone back too far in"));
        };
        let n = bytes.len().min((PIECE as u32 - offset) as usize);
        piece.subarray(offset, offset + n as u32).copy_from(&bytes[..n]);
        self.length = self.length.max(position + n as u64);
        Ok(n)
    }

    /// Turns the pieces between the head of the present file and the last one before `end` into blobs; a head may reach
    /// into the next piece.
    fn seal(&mut self, end: u64) -> io::Result<()> {
        let last = end.saturating_sub(1) as usize;
        for piece in self.all.iter_mut().take(last).skip((self.head / PIECE) as usize + 2) {
            if let Piece::Open(bytes) = piece {
                *piece = Piece::Sealed(blob(&Array::of1(bytes)).map_err(io::Error::other)?);
            }
        }
        Ok(())
    }

    fn whole(&mut self) -> Result<Blob, String> {
        let rest = (self.length % PIECE) as u32;
        let n = self.all.len();
        let parts = Array::new();
        for (i, piece) in self.all.drain(..).enumerate() {
            match piece {
                Piece::Open(bytes) if i + 1 == n && rest > 0 => parts.push(&bytes.subarray(0, rest)),
                Piece::Open(bytes) => parts.push(&bytes),
                Piece::Sealed(blob) => parts.push(&blob),
            };
        }
        blob(&parts)
    }
}

fn blob(parts: &Array) -> Result<Blob, String> {
    // Any kind of part is taken by the same constructor.
    Blob::new_with_u8_array_sequence(parts).map_err(|error| crate::fetch::reason(&error))
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.pieces.borrow_mut().write(self.position, bytes)?;
        self.position += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.pieces.borrow().length;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => end.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.filter(|position| *position <= end).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gloo_file::futures::read_as_bytes;
    use std::io::{Cursor, Read as _};
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn files_of_many_pieces_come_out_as_they_went_in() {
        let contents = |n: usize, seed: usize| (0..n).map(|i| (i * 31 + i / 7919 + seed) as u8).collect::<Vec<u8>>();
        // One that ends with a piece, one of several pieces that begins in the midst of one, one without any byte.
        let sizes = [PIECE as usize - 40, 5 * PIECE as usize + 12_345, 0, 17];
        let mut zip = ZipBlob::new();
        for (i, size) in sizes.into_iter().enumerate() {
            let file = zip.begin_file(&format!("a/{i}")).unwrap();
            for piece in contents(size, i).chunks(1 << 18) {
                file.write_all(piece).unwrap();
            }
        }
        let bytes = read_as_bytes(&zip.finish().unwrap().into()).await.unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), sizes.len());
        for (i, size) in sizes.into_iter().enumerate() {
            let mut file = archive.by_name(&format!("a/{i}")).unwrap();
            let mut content = Vec::new();
            // Its sum is checked when it is read.
            file.read_to_end(&mut content).unwrap();
            assert!(content == contents(size, i), "{i}");
        }
    }
}
