//! What the pages of a column expand to, before anything is made of them.
//!
//! A page says how large it is unpacked, and the crate `parquet` believes it, up to 2 GiB a page; of a page that is packed by
//! gzip, brotli or in frames of LZ4 it does not even ask. So the page headers are walked here first, and such pages unpacked
//! to nowhere. In a data page of version 2 the levels lie before what is packed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

use super::broken::Broken;
use super::known::{DATA_PAGE_2, PAGE};
use super::thrift::{Kind, MAX_DEPTH, field, integer_32, skip_field};
use crate::open_dataset::expansion::Expansion;

/// How the frames of LZ4 begin (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>).
const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4D, 0x18];

const BROTLI_BUFFER_BYTES: usize = 1 << 12;

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
        let page = Page::read(&mut reader)?;
        let data = position + reader.n_read;
        if page.packed > end - data {
            return Err("a page that ends outside its column".into());
        }
        let size = page.expand(file, data, name, chunk.compression(), expansion)?;
        largest = largest.max(size);
        position = data + page.packed;
    }
    Ok(largest)
}

/// What a page header says of its page, in bytes.
struct Page {
    unpacked: u64,
    packed: u64,
    /// What is at its beginning and never packed.
    levels: u64,
    is_packed: bool,
}

impl Page {
    /// Reads a page header to its end.
    fn read(reader: &mut impl Read) -> Result<Self, Broken> {
        let (mut unpacked, mut packed) = (None, None);
        let (mut levels, mut is_packed) = (0, true);
        let mut id = 0;
        while let Some(next) = field(reader, PAGE, id)? {
            id = next.0;
            match id {
                2 => unpacked = Some(integer_32(reader)?),
                3 => packed = Some(integer_32(reader)?),
                // Data page header of version 2.
                8 => (levels, is_packed) = version_2(reader)?,
                _ => skip_field(reader, PAGE, next, MAX_DEPTH)?,
            }
        }
        let size = |size: Option<i32>| size.and_then(|size| u64::try_from(size).ok()).ok_or("a page without its size");
        let page = Self { unpacked: size(unpacked)?, packed: size(packed)?, levels, is_packed };
        if page.levels > page.unpacked.min(page.packed) {
            return Err("a page that is shorter than its levels".into());
        }
        Ok(page)
    }

    /// Counts what the page, whose bytes begin at `data`, expands to.
    fn expand(
        &self,
        file: &File,
        data: u64,
        name: &str,
        packing: Compression,
        expansion: &mut Expansion,
    ) -> Result<u64, Broken> {
        let mut page = file;
        page.seek(SeekFrom::Start(data + self.levels))?;
        let mut packed = BufReader::new(page.take(self.packed - self.levels));
        let is_empty = self.unpacked == self.levels;
        let reader: Box<dyn Read + '_> = match packing {
            Compression::GZIP(_) if self.is_packed && !is_empty => Box::new(MultiGzDecoder::new(packed)),
            Compression::BROTLI(_) if self.is_packed && !is_empty => {
                Box::new(brotli::Decompressor::new(packed, BROTLI_BUFFER_BYTES))
            }
            Compression::LZ4 if self.is_packed && packed.fill_buf()?.starts_with(&LZ4_FRAME) => {
                Box::new(lz4_flex::frame::FrameDecoder::new(packed))
            }
            _ => {
                expansion.add(name, self.unpacked)?;
                return Ok(self.unpacked);
            }
        };
        let size = self.levels + count_bytes(reader, name, expansion)?;
        if size != self.unpacked {
            return Err(format!("a page of {size} bytes that says it has {}", self.unpacked).into());
        }
        Ok(size)
    }
}

/// Reads the header of a data page of version 2: the bytes of its levels, and whether what follows them is packed.
fn version_2(reader: &mut impl Read) -> Result<(u64, bool), Broken> {
    let (mut levels, mut is_packed) = (0_u64, true);
    let mut id = 0;
    while let Some(next) = field(reader, DATA_PAGE_2, id)? {
        id = next.0;
        match next {
            (5 | 6, _) => {
                let n_bytes = u64::try_from(integer_32(reader)?).map_err(|_| "levels of less than no bytes")?;
                levels = levels.saturating_add(n_bytes);
            }
            (7, Kind::Bool(value)) => is_packed = value,
            _ => skip_field(reader, DATA_PAGE_2, next, MAX_DEPTH)?,
        }
    }
    Ok((levels, is_packed))
}

/// Reads to the end and keeps nothing.
fn count_bytes(mut reader: impl Read, name: &str, expansion: &mut Expansion) -> Result<u64, Broken> {
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
