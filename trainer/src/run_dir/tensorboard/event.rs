//! The part of TensorBoard's protocol buffers that a log of scalars needs, in TensorFlow's records: length, its checksum,
//! content, its checksum.
//!
//! ```text
//! u64 length | u32 masked CRC-32C of the length's 8 bytes | length bytes | u32 masked CRC-32C of them      little-endian
//! ```
//!
//! Source: `tensorflow/core/lib/io/record_writer.h`.
//!
//! Field numbers are those of `tensorboard/compat/proto/{event,summary,tensor,tensor_shape}.proto`; fields that are not
//! here are skipped on reading, as protocol buffers do.

use std::path::Path;

use anyhow::{Context, ensure};
use prost::{Message, Oneof};

/// `SessionStatus.START`: readers forget what they had at this step and later.
pub const SESSION_START: i32 = 1;
/// `DataType.DT_STRING`.
const DT_STRING: i32 = 7;
/// `DataClass.DATA_CLASS_TENSOR`.
const DATA_CLASS_TENSOR: i32 = 2;
/// Added to a rotated checksum, so that one of data that hold checksums is no plain checksum (`crc32c.h`).
const MASK_DELTA: u32 = 0xa282_ead8;
const HEADER: usize = 12;
const FOOTER: usize = 4;

/// One entry of a log.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Optimiser steps taken.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// What happened.
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// What an entry tells.
#[derive(Clone, PartialEq, Oneof)]
pub enum What {
    /// The first entry of every file: the version of the format.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Measured values.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// Where a process started.
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// Values measured at one step.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// One for each tag.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// One value with its name.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// The name of its chart; what stands before a slash groups charts.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// How to show it; a plain number needs none.
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<SummaryMetadata>,
    /// The value.
    #[prost(oneof = "Content", tags = "2, 8")]
    pub content: Option<Content>,
}

/// A value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Content {
    /// A number.
    #[prost(float, tag = "2")]
    Scalar(f32),
    /// Here always text.
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

/// Which of TensorBoard's panels shows a value.
#[derive(Clone, PartialEq, Message)]
pub struct SummaryMetadata {
    /// The panel.
    #[prost(message, optional, tag = "1")]
    pub plugin_data: Option<PluginData>,
    /// Whether it is a number, a tensor or a file.
    #[prost(int32, tag = "4")]
    pub data_class: i32,
}

/// One of TensorBoard's panels.
#[derive(Clone, PartialEq, Message)]
pub struct PluginData {
    /// Its name.
    #[prost(string, tag = "1")]
    pub plugin_name: String,
}

/// A tensor of strings.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Always [`DT_STRING`].
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// Empty for a scalar.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShape>,
    /// UTF-8.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub strings: Vec<Vec<u8>>,
}

/// The shape of a scalar: no dimensions.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct TensorShape {}

/// Where a process started or stopped.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct SessionLog {
    /// Such as [`SESSION_START`].
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl Value {
    /// A number.
    pub(super) fn scalar(tag: &str, value: f64) -> Self {
        Self { tag: tag.to_owned(), metadata: None, content: Some(Content::Scalar(value as f32)) }
    }

    /// Markdown for the panel Text.
    pub(super) fn text(tag: &str, markdown: &str) -> Self {
        let plugin_data = PluginData { plugin_name: "text".to_owned() };
        let strings = vec![markdown.as_bytes().to_vec()];
        Self {
            tag: tag.to_owned(),
            metadata: Some(SummaryMetadata { plugin_data: Some(plugin_data), data_class: DATA_CLASS_TENSOR }),
            content: Some(Content::Tensor(Tensor { dtype: DT_STRING, shape: Some(TensorShape {}), strings })),
        }
    }
}

impl Event {
    /// The number called `tag`, if this entry has one.
    #[must_use]
    pub fn scalar(&self, tag: &str) -> Option<f32> {
        let Some(What::Summary(summary)) = &self.what else { return None };
        let value = summary.values.iter().find(|value| value.tag == tag)?;
        match value.content {
            Some(Content::Scalar(number)) => Some(number),
            _ => None,
        }
    }
}

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
