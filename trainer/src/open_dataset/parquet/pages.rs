//! What the pages of a column expand to, before anything is made of them.
//!
//! A page says how large it is unpacked, and the crate `parquet` believes it, up to 2 GiB a page; of a gzip page it
//! does not even ask. So the page headers are walked here first.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

use super::broken::Broken;
use super::thrift::{Kind, MAX_DEPTH, field, integer, skip};
use crate::open_dataset::expansion::Expansion;

/// Counts what the pages of a column chunk expand to; returns the size of the largest.
pub(super) fn count(
    file: &File,
    name: &str,
    chunk: &ColumnChunkMetaData,
    expansion: &mut Expansion,
) -> Result<u64, Broken> {
    let (mut position, length) = chunk.byte_range();
    let end = position.checked_add(length).ok_or("a column that ends outside the file")?;
    if end > file.metadata()?.len() {
        return Err("a column that ends outside the file".into());
    }
    let mut largest = 0;
    while position < end {
        let mut reader = file;
        reader.seek(SeekFrom::Start(position))?;
        let mut reader = Counted { reader: BufReader::new(reader.take(end - position)), n_read: 0 };
        let (unpacked, packed) = page_sizes(&mut reader)?;
        let data = position + reader.n_read;
        if packed > end - data {
            return Err("a page that ends outside its column".into());
        }
        let size = if let Compression::GZIP(_) = chunk.compression() {
            let mut page = file;
            page.seek(SeekFrom::Start(data))?;
            expand(MultiGzDecoder::new(BufReader::new(page.take(packed))), name, expansion)?
        } else {
            expansion.add(name, unpacked)?;
            unpacked
        };
        largest = largest.max(size);
        position = data + packed;
    }
    Ok(largest)
}

/// Unpacks to nowhere.
fn expand(mut reader: impl Read, name: &str, expansion: &mut Expansion) -> Result<u64, Broken> {
    let mut chunk = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        match reader.read(&mut chunk)? as u64 {
            0 => return Ok(size),
            n_read => {
                expansion.add(name, n_read)?;
                size += n_read;
            }
        }
    }
}

/// Reads a page header to its end; returns the page's size unpacked and packed.
fn page_sizes(reader: &mut impl Read) -> Result<(u64, u64), Broken> {
    let (mut unpacked, mut packed) = (None, None);
    let mut id = 0;
    while let Some((next, kind)) = field(reader, id)? {
        id = next;
        match (id, kind) {
            (2, Kind::Integer) => unpacked = Some(integer(reader)?),
            (3, Kind::Integer) => packed = Some(integer(reader)?),
            _ => skip(reader, kind, MAX_DEPTH)?,
        }
    }
    let size = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok());
    Ok((size(unpacked).ok_or("a page without its size")?, size(packed).ok_or("a page without its size")?))
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    n_read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.reader.read(buffer)?;
        self.n_read += n_read as u64;
        Ok(n_read)
    }
}
