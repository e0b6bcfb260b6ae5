//! TensorFlow's record format: length, its checksum, content, its checksum.
//!
//! ```text
//! u64 length | u32 masked CRC-32C of the length's 8 bytes | length bytes | u32 masked CRC-32C of them      little-endian
//! ```
//!
//! Source: `tensorflow/core/lib/io/record_writer.h`.

use super::event::Event;
use anyhow::{Context, ensure};
use prost::Message;
use std::path::Path;

/// Added to a rotated checksum, so that one of data that hold checksums is no plain checksum (`crc32c.h`).
const MASK_DELTA: u32 = 0xa282_ead8;
const HEADER: usize = 12;
const FOOTER: usize = 4;

/// An event as a record.
pub(super) fn encode(event: &Event) -> Vec<u8> {
    let content = event.encode_to_vec();
    let length = (content.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), &content, &masked_crc(&content)].concat()
}

/// All events of a file.
///
/// # Errors
/// When the file cannot be read, a record is cut off or a checksum is not that of its bytes.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Event>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let (events, rest) = decode_until_broken(&bytes);
    let at = bytes.len() - rest.len();
    ensure!(rest.is_empty(), "{}: the record at byte {at} is cut off or damaged", path.display());
    Ok(events)
}

/// The events up to the first record that is cut off or damaged, and the bytes from there on.
pub(super) fn decode_until_broken(mut bytes: &[u8]) -> (Vec<Event>, &[u8]) {
    let mut events = Vec::new();
    while let Some((event, rest)) = decode(bytes) {
        events.push(event);
        bytes = rest;
    }
    (events, bytes)
}

fn decode(bytes: &[u8]) -> Option<(Event, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let (length, crc) = header.split_at(size_of::<u64>());
    if masked_crc(length) != crc {
        return None;
    }
    let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
    let (content, rest) = rest.split_at_checked(length)?;
    let (crc, rest) = rest.split_at_checked(FOOTER)?;
    if masked_crc(content) != crc {
        return None;
    }
    Some((Event::decode(content).ok()?, rest))
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK_DELTA).to_le_bytes()
}
