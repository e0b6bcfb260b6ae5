//! What the crate `parquet` takes the fields of footers and page headers for, as far as they are walked here
//! (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>).

use super::thrift::{Field, Fields, Kind};

/// `FileMetaData` up to its schema.
pub(super) const FILE: Fields = &[field(1, Kind::Integer), field(2, Kind::List)];

/// `SchemaElement`.
pub(super) const SCHEMA_ELEMENT: Fields = &[
    field(1, Kind::Integer),
    field(2, Kind::Integer),
    field(3, Kind::Integer),
    field(4, Kind::Bytes),
    field(5, Kind::Integer),
    field(6, Kind::Integer),
    field(7, Kind::Integer),
    field(8, Kind::Integer),
    field(9, Kind::Integer),
    structure(10, LOGICAL_TYPE),
];

const LOGICAL_TYPE: Fields = &[
    structure(1, &[]),
    structure(2, &[]),
    structure(3, &[]),
    structure(4, &[]),
    // Decimal: scale and precision.
    structure(5, &[field(1, Kind::Integer), field(2, Kind::Integer)]),
    structure(6, &[]),
    structure(7, TIME),
    structure(8, TIME),
    // Integer: bits and whether there is a sign.
    structure(10, &[field(1, Kind::Byte), field(2, Kind::Bool(true))]),
    structure(11, &[]),
    structure(12, &[]),
    structure(13, &[]),
    structure(14, &[]),
    structure(15, &[]),
    // Variant, geometry and geography.
    structure(16, &[field(1, Kind::Byte)]),
    structure(17, &[field(1, Kind::Bytes)]),
    structure(18, &[field(1, Kind::Bytes), field(2, Kind::Integer)]),
    structure(19, &[]),
];

/// Times and timestamps: whether they are UTC's, and their unit.
const TIME: Fields =
    &[field(1, Kind::Bool(true)), structure(2, &[structure(1, &[]), structure(2, &[]), structure(3, &[])])];

/// `PageHeader`, of whose statistics the crate reads nothing.
pub(super) const PAGE: Fields = &[
    field(1, Kind::Integer),
    field(2, Kind::Integer),
    field(3, Kind::Integer),
    field(4, Kind::Integer),
    structure(5, &[field(1, Kind::Integer), field(2, Kind::Integer), field(3, Kind::Integer), field(4, Kind::Integer)]),
    structure(6, &[]),
    structure(7, &[field(1, Kind::Integer), field(2, Kind::Integer), field(3, Kind::Bool(true))]),
    structure(8, DATA_PAGE_2),
];

/// `DataPageHeaderV2`.
pub(super) const DATA_PAGE_2: Fields = &[
    field(1, Kind::Integer),
    field(2, Kind::Integer),
    field(3, Kind::Integer),
    field(4, Kind::Integer),
    field(5, Kind::Integer),
    field(6, Kind::Integer),
    field(7, Kind::Bool(true)),
];

const fn field(id: i16, kind: Kind) -> Field {
    Field { id, kind, fields: &[] }
}

const fn structure(id: i16, fields: Fields) -> Field {
    Field { id, kind: Kind::Struct, fields }
}
