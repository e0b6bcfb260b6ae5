//! Arrow streams, as Hugging Face's `datasets` saves them with `save_to_disk`: the columns of text and label.
//!
//! arrow-ipc reads no further than the file goes, whatever lengths it claims, and checks every column; what comes out is
//! counted, and a panic becomes an error.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType};
use shared::dataset::{BadRowReason, ColumnChoice, DatasetError, LabelCell, Place, RawTable, RowText};

use super::error::OpenDatasetError;
use super::expansion::Expansion;
use super::saved::INFO;
use crate::untrusted;

/// How the other of Arrow's two formats begins, which has a footer.
const FILE_MAGIC: &[u8] = b"ARROW1";

/// How a stream ends; without it the file may be cut between two batches.
const END_OF_STREAM: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

/// What a row counts for beside its text, so that rows of nothing are counted too.
const ROW_BYTES: u64 = 64;

/// Why a file cannot be read.
enum Broken {
    /// What is there instead of a whole stream.
    Syntax(String),
    Dataset(DatasetError),
}

impl From<ArrowError> for Broken {
    fn from(error: ArrowError) -> Self {
        Self::Syntax(error.to_string())
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Syntax(error.to_string())
    }
}

impl From<DatasetError> for Broken {
    fn from(error: DatasetError) -> Self {
        Self::Dataset(error)
    }
}

/// Reads the text and label columns of an Arrow stream without judging labels.
///
/// # Errors
/// When it cannot be opened, is damaged, lacks a column, or a column is of another kind.
pub(super) fn read_arrow(path: &Path, choice: &ColumnChoice) -> Result<RawTable, OpenDatasetError> {
    let file = File::open(path).map_err(|source| OpenDatasetError::Read { path: path.to_owned(), source })?;
    let name = path.display().to_string();
    let outcome = untrusted::caught(|| read(file, path, &name, choice))
        .unwrap_or_else(|| Err(Broken::Syntax("something that its reader did not expect".into())));
    outcome.map_err(|broken| match broken {
        Broken::Dataset(error) => error.into(),
        Broken::Syntax(got) => DatasetError::Syntax { file: name, expected: "a whole Arrow stream", got }.into(),
    })
}

fn read(mut file: File, path: &Path, name: &str, choice: &ColumnChoice) -> Result<RawTable, Broken> {
    let mut magic = Vec::new();
    (&mut file).take(FILE_MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic == FILE_MAGIC {
        return Err(Broken::Syntax("Arrow's format of files with a footer (Feather)".into()));
    }
    let mut end = [0; END_OF_STREAM.len()];
    let has_end = file.seek(SeekFrom::End(-(END_OF_STREAM.len() as i64))).and_then(|_| file.read_exact(&mut end));
    if has_end.is_err() || end != END_OF_STREAM {
        return Err(Broken::Syntax("a stream without an end".into()));
    }
    file.rewind()?;
    let mut expansion = Expansion::of(file.metadata()?.len());
    let schema = StreamReader::try_new(BufReader::new(&file), None)?.schema();
    let header: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let columns = choice.locate(name, &header)?;
    let label_place = columns.label;
    let label = header[label_place].clone();
    let (texts, is_pair) = columns.texts();
    let projection: Vec<usize> = texts.iter().copied().chain([columns.label]).collect();
    let texts: Vec<String> = texts.into_iter().map(|column| header[column].clone()).collect();
    let mut table = RawTable::new(columns);
    let holds_ids = schema.field(label_place).data_type().is_numeric();
    let in_stream = schema.metadata().get("huggingface").and_then(|json| names_in(json, &["info"], &label));
    // Strings are names themselves, whatever is said beside them.
    table.label_names = in_stream.or_else(|| names_beside(path, &label)).filter(|_| holds_ids);
    file.rewind()?;
    let mut n_rows = 0;
    for batch in StreamReader::try_new(BufReader::new(&file), Some(projection))? {
        let batch = batch?;
        let mut n_bytes = ROW_BYTES * batch.num_rows() as u64;
        for column in batch.columns() {
            n_bytes += column.to_data().get_slice_memory_size()? as u64;
        }
        expansion.add(name, n_bytes)?;
        let label_column = column(&batch, &label)?;
        let text_columns = texts.iter().map(|text| column(&batch, text)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            n_rows += 1;
            let cells = label_cell(label_column, row, &label)?;
            let cells = match cells {
                Ok(label) => {
                    cells_of(&text_columns, row, &texts)?.map(|cells| (label, RowText::from_cells(&cells, is_pair)))
                }
                Err(reason) => Err(reason),
            };
            table.push(Place::Row(n_rows), cells);
        }
    }
    Ok(table)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, Broken> {
    let column = batch.column_by_name(name);
    column.map(AsRef::as_ref).ok_or_else(|| Broken::Syntax(format!("a batch without column {name}")))
}

/// The string of a row; none when the column holds other things.
fn string(column: &dyn Array, row: usize) -> Option<&str> {
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Some(column.as_string::<i64>().value(row)),
        DataType::Utf8View => Some(column.as_string_view().value(row)),
        _ => None,
    }
}

fn integer(column: &dyn Array, row: usize) -> Option<i64> {
    Some(match column.data_type() {
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => i64::try_from(column.as_primitive::<UInt64Type>().value(row)).unwrap_or(i64::MAX),
        DataType::Boolean => column.as_boolean().value(row).into(),
        _ => return None,
    })
}

fn wrong(column: &str, expected: &str, got: &str) -> BadRowReason {
    BadRowReason::Value { column: column.to_owned(), expected: expected.to_owned(), got: got.to_owned() }
}

/// A number that may have a fraction; the label that it is, or what stands there instead of one.
fn number(column: &dyn Array, row: usize) -> Option<Result<LabelCell, String>> {
    Some(match column.data_type() {
        DataType::Float16 => LabelCell::from_float(column.as_primitive::<Float16Type>().value(row).into()),
        // The shortest text of a single is another than that of the double that it is.
        DataType::Float32 => match column.as_primitive::<Float32Type>().value(row) {
            value if value.is_finite() && value.fract() != 0.0 => Ok(LabelCell::Name(value.to_string())),
            value => LabelCell::from_float(value.into()),
        },
        DataType::Float64 => LabelCell::from_float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal32(_, scale) => decimal(column.as_primitive::<Decimal32Type>().value(row).into(), *scale),
        DataType::Decimal64(_, scale) => decimal(column.as_primitive::<Decimal64Type>().value(row).into(), *scale),
        DataType::Decimal128(_, scale) => decimal(column.as_primitive::<Decimal128Type>().value(row), *scale),
        _ => return None,
    })
}

fn decimal(unscaled: i128, scale: i8) -> Result<LabelCell, String> {
    let scale = u32::try_from(scale).map_err(|_| format!("a decimal of scale {scale}"))?;
    Ok(LabelCell::from_decimal(unscaled, scale))
}

fn label_cell(column: &dyn Array, row: usize, name: &str) -> Result<Result<LabelCell, BadRowReason>, Broken> {
    let missing = |got: String| BadRowReason::missing_label(name, got);
    if let Some(dictionary) = column.as_any_dictionary_opt() {
        if dictionary.is_null(row) {
            return Ok(Err(missing("null".to_owned())));
        }
        let key = integer(dictionary.keys(), row).and_then(|key| usize::try_from(key).ok());
        let values = dictionary.values().as_ref();
        let key = key.filter(|key| *key < values.len());
        let key = key.ok_or_else(|| Broken::Syntax(format!("a key of column {name} without a value")))?;
        return label_cell(values, key, name);
    }
    if column.is_null(row) {
        return Ok(Err(missing("null".to_owned())));
    }
    if let Some(id) = integer(column, row) {
        return Ok(Ok(LabelCell::Integer(id)));
    }
    if let Some(number) = number(column, row) {
        return Ok(number.map_err(missing));
    }
    let text = string(column, row).ok_or_else(|| kind(column, name, "whole numbers or strings"))?;
    Ok(LabelCell::from_text(text).ok_or_else(|| missing("nothing".to_owned())))
}

fn cells_of<'a>(
    columns: &[&'a dyn Array],
    row: usize,
    names: &[String],
) -> Result<Result<Vec<&'a str>, BadRowReason>, Broken> {
    let mut parts = Vec::new();
    for (column, name) in columns.iter().zip(names) {
        if column.is_null(row) {
            return Ok(Err(wrong(name, "a string", "null")));
        }
        parts.push(string(*column, row).ok_or_else(|| kind(*column, name, "strings"))?);
    }
    Ok(Ok(parts))
}

fn kind(column: &dyn Array, name: &str, expected: &str) -> Broken {
    Broken::Syntax(format!("{} in column {name}, which should hold {expected}", column.data_type()))
}

/// The class names in the file that `save_to_disk` writes beside its streams.
fn names_beside(path: &Path, label: &str) -> Option<Vec<String>> {
    let info = path.with_file_name(INFO);
    if fs::metadata(&info).is_err() {
        return None;
    }
    names_in(&String::from_utf8_lossy(&untrusted::read(&info).ok()?), &[], label)
}

/// The names of a `ClassLabel` among the features that `datasets` keeps as JSON.
fn names_in(json: &str, inside: &[&str], label: &str) -> Option<Vec<String>> {
    let json: serde_json::Value = serde_json::from_str(json).ok()?;
    let info = inside.iter().try_fold(&json, |json, key| json.get(key))?;
    let names = info.get("features")?.get(label)?.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
        StringArray, UInt32Array,
    };

    use super::*;

    fn cells(column: &dyn Array) -> Vec<Result<LabelCell, String>> {
        let cell = |row| match label_cell(column, row, "label") {
            Ok(Ok(label)) => Ok(label),
            Ok(Err(reason)) => Err(format!("{reason:?}")),
            Err(Broken::Syntax(got)) => Err(got),
            Err(Broken::Dataset(error)) => Err(error.to_string()),
        };
        (0..column.len()).map(cell).collect()
    }

    #[test]
    fn labels_of_every_kind_of_column_are_the_same_as_in_other_formats() {
        let ids = [Ok(LabelCell::Integer(0)), Ok(LabelCell::Integer(1))];
        let decimal = Decimal128Array::from(vec![0, 100]).with_precision_and_scale(5, 2).unwrap();
        let columns: [&dyn Array; 6] = [
            &Int8Array::from(vec![0, 1]),
            &UInt32Array::from(vec![0, 1]),
            &Float32Array::from(vec![0.0, 1.0]),
            &Float64Array::from(vec![0.0, 1.0]),
            &BooleanArray::from(vec![false, true]),
            &decimal,
        ];
        for column in columns {
            assert_eq!(cells(column), ids, "{}", column.data_type());
        }
        let words = StringArray::from(vec!["pos ", "neg"]);
        let keys = Int8Array::from(vec![Some(1), Some(0), None]);
        let dictionary = DictionaryArray::new(keys, Arc::new(words));
        let found = cells(&dictionary);
        let name = |name: &str| Ok(LabelCell::Name(name.to_owned()));
        assert_eq!(found[..2], [name("neg"), name("pos")]);
        assert!(found[2].as_ref().is_err_and(|reason| reason.contains("MissingLabel")), "{found:?}");
        assert_eq!(cells(&Float32Array::from(vec![0.1])), [name("0.1")]);
        let dates = cells(&Date32Array::from(vec![1]));
        assert_eq!(dates, [Err("Date32 in column label, which should hold whole numbers or strings".to_owned())]);
    }
}
