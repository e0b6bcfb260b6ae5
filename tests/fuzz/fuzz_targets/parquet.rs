//! Parquet files, from the file to a dataset.
//!
//! Mutations of whole files go everywhere but seldom past the first offset that does not fit any more, so an input may
//! also be the footer and the rest of a file, put together so that length and magic numbers fit.

#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use fuzz::parts;
use libfuzzer_sys::fuzz_target;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use shared::dataset::{Limits, OnBadRow};
use trainer::open_dataset::{OpenOptions, Purpose, RowSeeds, open};

/// 64 MiB a batch of rows, and as much in rows and in a page.
const MAX_MIB: usize = 512;

const MAGIC: &[u8] = b"PAR1";

static FILE: OnceLock<PathBuf> = OnceLock::new();

fn read(bytes: &[u8]) {
    let path = FILE.get_or_init(|| fuzz::folder("parquet").join("rows.parquet"));
    let file = match bytes {
        // A whole file.
        [b'f', rest @ ..] => rest.to_vec(),
        // A footer behind its length, and the pages.
        [b'p', rest @ ..] => {
            let (footer, pages) = parts::with_length(rest);
            let length = (footer.len() as u32).to_le_bytes();
            [MAGIC, pages, footer, &length, MAGIC].concat()
        }
        _ => return,
    };
    fuzz::write(path, &file);
    let options = OpenOptions {
        purpose: Purpose::Train,
        on_bad_row: OnBadRow::Skip,
        limits: Limits::default(),
        seeds: RowSeeds::default(),
        label_names: None,
    };
    let _ = open(path, &options);
}

/// A file's footer and pages apart.
fn in_parts(file: &[u8]) -> Vec<u8> {
    let (rest, end) = file.split_at(file.len() - 8);
    let n_footer = u32::from_le_bytes(end[..4].try_into().expect("four bytes")) as usize;
    let (pages, footer) = rest.split_at(rest.len() - n_footer);
    [b"p", &parts::with_its_length(footer)[..], &pages[MAGIC.len()..]].concat()
}

/// Few bytes without statistics and dictionaries, so that mutations meet what is read.
fn properties(compression: Compression, version: WriterVersion, names: Option<&str>) -> Arc<WriterProperties> {
    let names = names.map(|json| vec![KeyValue::new("huggingface".to_owned(), json.to_owned())]);
    let properties = WriterProperties::builder().set_compression(compression).set_writer_version(version);
    let properties = properties.set_statistics_enabled(parquet::file::properties::EnabledStatistics::None);
    Arc::new(properties.set_created_by("f".to_owned()).set_key_value_metadata(names).build())
}

/// A file of these labels and as many texts.
fn file<T: DataType>(label: &str, labels: &[T::T], properties: Arc<WriterProperties>) -> Vec<u8> {
    let (is_optional, is_repeated) = (label.starts_with("optional"), label.starts_with("repeated"));
    let schema = format!("message m {{ required binary text (UTF8); {label} }}");
    let schema = Arc::new(parse_message_type(&schema).expect("a valid schema"));
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).expect("memory can be written");
    let mut group = writer.next_row_group().expect("memory can be written");
    let texts: Vec<ByteArray> = (0..labels.len()).map(|i| format!("t{i}").as_str().into()).collect();
    let levels = vec![1; labels.len()];
    let mut column = group.next_column().expect("two columns").expect("two columns");
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("memory can be written");
    column.close().expect("memory can be written");
    let mut column = group.next_column().expect("two columns").expect("two columns");
    let definition = (is_optional || is_repeated).then_some(levels.as_slice());
    let repetition = is_repeated.then_some([].as_slice());
    column.typed::<T>().write_batch(labels, definition, repetition).expect("memory can be written");
    column.close().expect("memory can be written");
    group.close().expect("memory can be written");
    writer.into_inner().expect("memory can be written")
}

fn seeds() -> Vec<Vec<u8>> {
    let plain = || properties(Compression::UNCOMPRESSED, WriterVersion::PARQUET_1_0, None);
    let ids = [0_i64, 1, 0, 1, 2];
    let mut files = Vec::new();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            files.push(file::<Int64Type>("required int64 label;", &ids, properties(compression, version, None)));
        }
        let repeated = vec![1_i64; 100];
        let properties = properties(compression, WriterVersion::PARQUET_2_0, None);
        files.push(file::<Int64Type>("optional int64 label;", &repeated, properties));
    }
    let names = r#"{"info":{"features":{"label":{"names":["a","b","c"],"_type":"ClassLabel"}}}}"#;
    let named = properties(Compression::UNCOMPRESSED, WriterVersion::PARQUET_1_0, Some(names));
    files.push(file::<Int64Type>("required int64 label;", &ids, named));
    for kind in ["", "(INTEGER(64,true))", "(UINT_64)", "(INTEGER(64,false))", "(DECIMAL(9,2))", "(TIMESTAMP_MILLIS)"] {
        files.push(file::<Int64Type>(&format!("required int64 label {kind};"), &[0, -1, 250, i64::MIN], plain()));
    }
    for kind in ["", "(UINT_32)", "(INT_8)", "(DATE)", "(DECIMAL(9,1))"] {
        files.push(file::<Int32Type>(&format!("optional int32 label {kind};"), &[0, -1, 250], plain()));
    }
    let words = ["neg", "pos", "", "\u{e9}"].map(ByteArray::from);
    for kind in ["", "(UTF8)", "(STRING)", "(ENUM)", "(JSON)", "(BSON)", "(DECIMAL(20,3))"] {
        files.push(file::<ByteArrayType>(&format!("required binary label {kind};"), &words, plain()));
    }
    let fixed = [[0, 0, 1, 0], [0xFF; 4]].map(|bytes| FixedLenByteArray::from(bytes.to_vec()));
    for kind in ["", "(DECIMAL(9,2))"] {
        files.push(file::<FixedLenByteArrayType>(
            &format!("required fixed_len_byte_array(4) label {kind};"),
            &fixed,
            plain(),
        ));
    }
    files.push(file::<BoolType>("optional boolean label;", &[true, false], plain()));
    files.push(file::<FloatType>("required float label;", &[0.0, 0.1, f32::NAN], plain()));
    files.push(file::<DoubleType>("required double label;", &[1.0, 2.5, f64::INFINITY], plain()));
    files.push(file::<Int96Type>("required int96 label;", &[Int96::new()], plain()));
    // Columns that are nested, of another kind or there twice.
    for label in ["required group label { required int64 a; }", "repeated int64 label;"] {
        files.push(file::<Int64Type>(label, &[], plain()));
    }
    files.push(file::<Int64Type>("required int64 text;", &ids, plain()));
    files.push(file::<Int64Type>("required int64 other;", &ids, plain()));

    let mut seeds: Vec<Vec<u8>> = files.iter().map(|file| in_parts(file)).collect();
    seeds.extend(files.iter().step_by(3).map(|file| [b"f", &file[..]].concat()));
    seeds.push(b"fPAR1".to_vec());
    seeds.push(b"fPAR1\x00\x00\x00\x00PAR1".to_vec());
    seeds.push(b"fPAR1\xFF\x00\x00\x00PAR1".to_vec());
    seeds
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || read(b"f")),
    |bytes: &[u8]| read(bytes)
);
