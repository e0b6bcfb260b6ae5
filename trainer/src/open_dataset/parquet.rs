//! Parquet: the columns of text and label, read as they are stored.
//!
//! A Parquet file says of itself where everything is and how large it becomes. None of that is believed: the footer and
//! the pages are looked over first ([`footer`], [`pages`]), what comes out is counted, and a panic of the crate
//! `parquet`, whose own tests do not cover hostile files throughout, becomes an error.

mod broken;
mod footer;
mod known;
mod label_kind;
mod pages;
mod thrift;

use std::fs::File;
use std::path::Path;

use ::parquet::basic::Type;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::file::metadata::{FileMetaData, ParquetMetaData};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use shared::dataset::{BadRowReason, ColumnChoice, DatasetError, LabelCell, Place, RawTable, RowText};

use self::broken::Broken;
use self::label_kind::{LabelKind, Value};
use super::error::OpenDatasetError;
use super::expansion::Expansion;
use crate::untrusted;

/// The most rows that are decoded at once.
const MAX_BATCH_ROWS: u64 = 1024;

/// The most bytes that a batch may come to if each of its values were as large as the largest page.
const MAX_BATCH_BYTES: u64 = 64 << 20;

/// What a row counts for beside its text, so that rows of nothing are counted too.
const ROW_BYTES: u64 = 64;

/// Reads the text and label columns of a Parquet file without judging labels.
///
/// # Errors
/// When it cannot be opened, is damaged, lacks a column, or a column is of another kind.
pub(super) fn read_parquet(path: &Path, choice: &ColumnChoice) -> Result<RawTable, OpenDatasetError> {
    let file = File::open(path).map_err(|source| OpenDatasetError::Read { path: path.to_owned(), source })?;
    let name = path.display().to_string();
    let outcome = untrusted::caught(|| read(&file, &name, choice))
        .unwrap_or_else(|| Err("something that its reader did not expect".into()));
    outcome.map_err(|broken| match broken {
        Broken::Dataset(error) => error.into(),
        Broken::Syntax(got) => DatasetError::Syntax { file: name, expected: "a whole Parquet file", got }.into(),
    })
}

fn read(file: &File, name: &str, choice: &ColumnChoice) -> Result<RawTable, Broken> {
    footer::check(file)?;
    let mut expansion = Expansion::of(file.metadata()?.len());
    let reader = SerializedFileReader::new(file.try_clone()?)?;
    let metadata = reader.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let header: Vec<String> = schema.root_schema().get_fields().iter().map(|column| column.name().to_owned()).collect();
    let columns = choice.locate(name, &header)?;
    let label = leaf(metadata, columns.label, &header)?;
    let descriptor = schema.column(label.index);
    let kind = LabelKind::of(&descriptor)
        .map_err(|got| format!("{got} in column {}, which should hold whole numbers or strings", label.name))?;
    let (texts, is_pair) = columns.texts();
    let texts = texts.into_iter().map(|column| text_leaf(metadata, column, &header));
    let texts = texts.collect::<Result<Vec<Leaf>, _>>()?;

    let mut table = RawTable::new(columns);
    // Strings are names themselves, whatever the metadata says.
    table.label_names = class_names(metadata.file_metadata(), &label.name).filter(|_| kind != LabelKind::Text);
    let mut n_rows = 0;
    for i in 0..metadata.num_row_groups() {
        let n_before = n_rows;
        read_row_group(file, &reader, i, name, (&label, kind, &texts), &mut expansion, |cells| {
            n_rows += 1;
            let cells = cells.map(|(label, texts)| {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                (label, RowText::from_cells(&texts, is_pair))
            });
            table.push(Place::Row(n_rows), cells);
        })?;
        let (read, expected) = (n_rows - n_before, metadata.row_group(i).num_rows());
        if i64::try_from(read) != Ok(expected) {
            return Err(format!("{read} rows in row group {i}, where its footer says {expected}").into());
        }
    }
    Ok(table)
}

/// A column to read.
struct Leaf {
    name: String,
    /// Its place among the columns that hold values.
    index: usize,
    /// The definition level of a value that is there; 0 when none can be null.
    max_definition: i16,
}

/// The values of a top-level column.
fn leaf(metadata: &ParquetMetaData, column: usize, header: &[String]) -> Result<Leaf, Broken> {
    let schema = metadata.file_metadata().schema_descr();
    let name = &header[column];
    let found = schema.columns().iter().enumerate().find(|(leaf, _)| schema.get_column_root_idx(*leaf) == column);
    let Some((index, leaf)) = found.filter(|(_, leaf)| leaf.path().parts().len() == 1 && leaf.max_rep_level() == 0)
    else {
        return Err(format!("lists or groups in column {name}, where each row has one value").into());
    };
    Ok(Leaf { name: name.clone(), index, max_definition: leaf.max_def_level() })
}

/// The values of a top-level column of strings.
fn text_leaf(metadata: &ParquetMetaData, column: usize, header: &[String]) -> Result<Leaf, Broken> {
    let leaf = leaf(metadata, column, header)?;
    let descriptor = metadata.file_metadata().schema_descr().column(leaf.index);
    let kind = LabelKind::of(&descriptor);
    if descriptor.physical_type() == Type::BYTE_ARRAY && kind == Ok(LabelKind::Text) {
        return Ok(leaf);
    }
    let got = descriptor.physical_type();
    Err(format!("{got} in column {}, which should hold strings", leaf.name).into())
}

fn read_row_group(
    file: &File,
    reader: &SerializedFileReader<File>,
    row_group: usize,
    name: &str,
    (label, kind, texts): (&Leaf, LabelKind, &[Leaf]),
    expansion: &mut Expansion,
    mut push: impl FnMut(Result<(LabelCell, Vec<String>), BadRowReason>),
) -> Result<(), Broken> {
    let group = reader.get_row_group(row_group)?;
    let mut largest = 1;
    for leaf in texts.iter().chain([label]) {
        let chunk = group.metadata().column(leaf.index);
        largest = pages::count(file, name, chunk, expansion)?.max(largest);
    }
    let n_batch = (MAX_BATCH_BYTES / largest).clamp(1, MAX_BATCH_ROWS) as usize;
    let mut label_reader = group.get_column_reader(label.index)?;
    let mut text_readers =
        texts.iter().map(|leaf| group.get_column_reader(leaf.index)).collect::<Result<Vec<_>, _>>()?;
    loop {
        let labels = batch(&mut label_reader, label, n_batch)?;
        let mut columns = Vec::new();
        for (reader, leaf) in text_readers.iter_mut().zip(texts) {
            let column = batch(reader, leaf, n_batch)?;
            if column.len() != labels.len() {
                return Err(format!("columns {} and {} of different lengths", leaf.name, label.name).into());
            }
            columns.push(column.into_iter());
        }
        if labels.is_empty() {
            return Ok(());
        }
        for value in labels {
            let parts: Vec<Option<Value>> = columns.iter_mut().filter_map(Iterator::next).collect();
            let n_bytes: u64 = parts.iter().chain([&value]).flatten().map(Value::n_bytes).sum();
            expansion.add(name, n_bytes + ROW_BYTES)?;
            push(label_cell(value, label, kind).and_then(|label| Ok((label, cells(parts, texts)?))));
        }
    }
}

/// The next rows of a column, fewer than `n` only at its end.
fn batch(reader: &mut ColumnReader, leaf: &Leaf, n: usize) -> Result<Vec<Option<Value>>, Broken> {
    fn typed<T: DataType>(
        reader: &mut ColumnReaderImpl<T>,
        leaf: &Leaf,
        n: usize,
        value: impl Fn(T::T) -> Value,
    ) -> Result<Vec<Option<Value>>, Broken> {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (n_read, ..) = reader.read_records(n, Some(&mut levels), None, &mut values)?;
        let mut values = values.into_iter().map(value);
        let rows: Vec<Option<Value>> = if leaf.max_definition == 0 {
            values.map(Some).collect()
        } else {
            levels.into_iter().map(|level| (level == leaf.max_definition).then(|| values.next()).flatten()).collect()
        };
        if rows.len() == n_read { Ok(rows) } else { Err(format!("a torn page in column {}", leaf.name).into()) }
    }
    match reader {
        ColumnReader::ByteArrayColumnReader(reader) => typed(reader, leaf, n, Value::Bytes),
        ColumnReader::Int32ColumnReader(reader) => typed(reader, leaf, n, |value| Value::Integer(value.into())),
        ColumnReader::Int64ColumnReader(reader) => typed(reader, leaf, n, Value::Integer),
        ColumnReader::BoolColumnReader(reader) => typed(reader, leaf, n, |value| Value::Integer(value.into())),
        ColumnReader::FloatColumnReader(reader) => typed(reader, leaf, n, |value| Value::Float(value.into())),
        ColumnReader::DoubleColumnReader(reader) => typed(reader, leaf, n, Value::Float),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            typed(reader, leaf, n, |value| Value::Bytes(value.into()))
        }
        ColumnReader::Int96ColumnReader(_) => Err("a column of another kind than its schema says".into()),
    }
}

fn label_cell(value: Option<Value>, leaf: &Leaf, kind: LabelKind) -> Result<LabelCell, BadRowReason> {
    let value = value.ok_or_else(|| BadRowReason::missing_label(&leaf.name, "null"))?;
    kind.label(value).map_err(|got| BadRowReason::missing_label(&leaf.name, got))
}

fn cells(values: Vec<Option<Value>>, leaves: &[Leaf]) -> Result<Vec<String>, BadRowReason> {
    let parts = values.into_iter().zip(leaves).map(|(value, leaf)| {
        let wrong = |expected: &str, got: &str| BadRowReason::Value {
            column: leaf.name.clone(),
            expected: expected.to_owned(),
            got: got.to_owned(),
        };
        match value {
            Some(Value::Bytes(bytes)) => String::from_utf8(bytes.data().to_vec()).map_err(|error| {
                let byte = error.utf8_error().valid_up_to() + 1;
                wrong("UTF-8", &format!("an invalid byte at position {byte}"))
            }),
            None => Err(wrong("a string", "null")),
            Some(Value::Integer(_) | Value::Float(_)) => Err(wrong("a string", "a number")),
        }
    });
    parts.collect()
}

/// The names of the classes, where the file was written by Hugging Face's `datasets`, which keeps them as JSON.
fn class_names(metadata: &FileMetaData, label: &str) -> Option<Vec<String>> {
    let entry = metadata.key_value_metadata()?.iter().find(|entry| entry.key == "huggingface")?;
    let json: serde_json::Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    let names = json.get("info")?.get("features")?.get(label)?.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}
