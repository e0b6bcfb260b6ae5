//! The same table in every format that datasets come in.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use flate2::write::GzEncoder;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A label as it is written, and a text.
pub type Row = (String, String);

/// A format, its file ending and the bytes of a table in it.
pub type Variant = (&'static str, Vec<u8>);

/// The table in every format and packing.
#[must_use]
pub fn variants(rows: &[Row]) -> Vec<Variant> {
    let (tsv, csv, lines) = (tsv(rows), csv(rows), json_lines(rows));
    vec![
        ("csv.gz", gzip(&csv)),
        ("tsv.zst", zstd::encode_all(tsv.as_slice(), 3).unwrap()),
        ("jsonl.gz", gzip(&lines)),
        ("ndjson", lines.clone()),
        ("json", json(rows)),
        ("tsv", tsv),
        ("csv", csv),
        ("jsonl", lines),
        ("parquet", parquet(rows, Compression::SNAPPY, None)),
    ]
}

/// `label<TAB>text`.
#[must_use]
pub fn tsv(rows: &[Row]) -> Vec<u8> {
    let rows: Vec<String> = rows.iter().map(|(label, text)| format!("{label}\t{text}\n")).collect();
    format!("label\ttext\n{}", rows.concat()).into_bytes()
}

/// As spreadsheets export it, with an index in front.
#[must_use]
pub fn csv(rows: &[Row]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(["id", "text", "label"]).unwrap();
    for (i, (label, text)) in rows.iter().enumerate() {
        writer.write_record([&i.to_string(), text, label]).unwrap();
    }
    writer.into_inner().unwrap()
}

/// One object a line; labels are numbers where they can be.
#[must_use]
pub fn json_lines(rows: &[Row]) -> Vec<u8> {
    rows.iter().map(|row| object(row) + "\n").collect::<String>().into_bytes()
}

/// One array of objects.
pub fn json(rows: &[Row]) -> Vec<u8> {
    format!("[{}]", rows.iter().map(object).collect::<Vec<_>>().join(",\n")).into_bytes()
}

fn object((label, text): &Row) -> String {
    let label = label.parse::<i64>().map_or_else(|_| label.as_str().into(), serde_json::Value::from);
    serde_json::json!({"text": text, "label": label}).to_string()
}

/// Two row groups; labels that are all integers are a column of them. `huggingface` is metadata as the hub's files have it.
#[must_use]
pub fn parquet(rows: &[Row], compression: Compression, huggingface: Option<&str>) -> Vec<u8> {
    let ids: Option<Vec<i64>> = rows.iter().map(|(label, _)| label.parse().ok()).collect();
    let label = if ids.is_some() { "required int64 label;" } else { "optional binary label (UTF8);" };
    let schema = parse_message_type(&format!("message schema {{ optional binary text (UTF8); {label} }}")).unwrap();
    let metadata = huggingface.map(|json| vec![KeyValue::new("huggingface".to_owned(), json.to_owned())]);
    let properties = WriterProperties::builder().set_compression(compression).set_key_value_metadata(metadata).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    for group_rows in rows.chunks(rows.len().div_ceil(2).max(1)) {
        let present = vec![1; group_rows.len()];
        let texts: Vec<ByteArray> = group_rows.iter().map(|(_, text)| text.as_str().into()).collect();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&present), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        if ids.is_some() {
            let labels: Vec<i64> = group_rows.iter().map(|(label, _)| label.parse().unwrap()).collect();
            column.typed::<Int64Type>().write_batch(&labels, None, None).unwrap();
        } else {
            let labels: Vec<ByteArray> = group_rows.iter().map(|(label, _)| label.as_str().into()).collect();
            column.typed::<ByteArrayType>().write_batch(&labels, Some(&present), None).unwrap();
        }
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// A Parquet file of columns of strings.
#[must_use]
pub fn parquet_of_strings<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> Vec<u8> {
    let columns: Vec<String> = names.iter().map(|name| format!("required binary {name} (UTF8);")).collect();
    let schema = parse_message_type(&format!("message schema {{ {} }}", columns.join(" "))).unwrap();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for place in 0..N {
        let values: Vec<ByteArray> = rows.iter().map(|row| row[place].as_str().into()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// A label column of Parquet that is no plain integers or strings.
#[derive(Clone, Debug)]
pub enum Labels {
    /// Stored as 32 bits, with what the schema says of them, such as `(DECIMAL(4, 1))`.
    Int32(&'static str, Vec<i32>),
    /// Stored as so many bytes each, the highest first, with what the schema says of them.
    Fixed(&'static str, Vec<Vec<u8>>),
    /// `double`
    Double(Vec<f64>),
    /// `boolean`
    Boolean(Vec<bool>),
    /// Strings, with nulls.
    Strings(Vec<Option<&'static str>>),
}

/// A Parquet file of one row group with a text for each label.
#[must_use]
pub fn parquet_with(labels: &Labels, properties: WriterProperties) -> Vec<u8> {
    let (kind, n_rows) = match labels {
        Labels::Int32(kind, labels) => (format!("required int32 label {kind}"), labels.len()),
        Labels::Fixed(kind, labels) => {
            (format!("required fixed_len_byte_array({}) label {kind}", labels[0].len()), labels.len())
        }
        Labels::Double(labels) => ("required double label".to_owned(), labels.len()),
        Labels::Boolean(labels) => ("required boolean label".to_owned(), labels.len()),
        Labels::Strings(labels) => ("optional binary label (UTF8)".to_owned(), labels.len()),
    };
    let schema = parse_message_type(&format!("message schema {{ required binary text (UTF8); {kind}; }}")).unwrap();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = (0..n_rows).map(|row| format!("text {row}").as_str().into()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    match labels {
        Labels::Int32(_, labels) => column.typed::<Int32Type>().write_batch(labels, None, None).unwrap(),
        Labels::Double(labels) => column.typed::<DoubleType>().write_batch(labels, None, None).unwrap(),
        Labels::Boolean(labels) => column.typed::<BoolType>().write_batch(labels, None, None).unwrap(),
        Labels::Fixed(_, labels) => {
            let labels: Vec<FixedLenByteArray> = labels.iter().map(|bytes| bytes.clone().into()).collect();
            column.typed::<FixedLenByteArrayType>().write_batch(&labels, None, None).unwrap()
        }
        Labels::Strings(labels) => {
            let present: Vec<i16> = labels.iter().map(|label| label.is_some().into()).collect();
            let labels: Vec<ByteArray> = labels.iter().flatten().map(|label| (*label).into()).collect();
            column.typed::<ByteArrayType>().write_batch(&labels, Some(&present), None).unwrap()
        }
    };
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// A stream of two batches whose labels are integers, with the metadata that `datasets` writes into it.
#[must_use]
pub fn arrow(rows: &[Row], huggingface: &str) -> Vec<u8> {
    let fields = vec![Field::new("text", DataType::Utf8, true), Field::new("label", DataType::Int64, true)];
    let metadata = HashMap::from([("huggingface".to_owned(), huggingface.to_owned())]);
    let schema = Arc::new(Schema::new(fields).with_metadata(metadata));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    for rows in rows.chunks(rows.len().div_ceil(2).max(1)) {
        let texts = StringArray::from_iter_values(rows.iter().map(|(_, text)| text));
        let labels = Int64Array::from_iter_values(rows.iter().map(|(label, _)| label.parse::<i64>().unwrap()));
        let columns: Vec<arrow_array::ArrayRef> = vec![Arc::new(texts), Arc::new(labels)];
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).unwrap();
    }
    writer.into_inner().unwrap()
}

/// What `datasets` keeps of the features of these tables, under `info` in Parquet's and Arrow's own metadata.
#[must_use]
pub fn features(label_names: &[&str]) -> serde_json::Value {
    serde_json::json!({"features": {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": label_names, "_type": "ClassLabel"},
    }})
}

/// As `gzip` packs it.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
