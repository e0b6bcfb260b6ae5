//! What the values of a label column mean, by the annotation of its type: a stored integer may be a decimal without its
//! point, a number without a sign, or a date.

use ::parquet::basic::{ConvertedType, LogicalType, Type};
use ::parquet::schema::types::ColumnDescriptor;
use shared::dataset::LabelCell;

/// The bytes of the longest decimal that is read: what fits an `i128`, 38 digits.
const MAX_DECIMAL_BYTES: usize = 16;

/// One value, not null.
#[derive(Debug)]
pub(super) enum Value {
    Bytes(::parquet::data_type::ByteArray),
    Integer(i64),
    Float(f64),
}

impl Value {
    pub(super) fn n_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Integer(_) | Self::Float(_) => 8,
        }
    }
}

/// How a stored value becomes a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelKind {
    /// A string.
    Text,
    /// A whole number, or true and false.
    Integer,
    /// A whole number whose highest bit is no sign, stored in so many bits.
    Unsigned(u32),
    /// A floating-point number, always of 32 or 64 bits.
    Float { is_single: bool },
    /// A whole number with so many of its digits behind the point.
    Decimal(u32),
}

impl LabelKind {
    /// The kind of a column's values.
    ///
    /// # Errors
    /// What they are instead of labels.
    pub(super) fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        let logical = column.logical_type_ref();
        let unfit = |what: &dyn std::fmt::Debug| Err(format!("{what:?}"));
        match (column.physical_type(), logical, column.converted_type()) {
            (Type::INT96, ..) => unfit(&Type::INT96),
            (_, Some(LogicalType::Decimal(decimal)), _) => Self::decimal(decimal.scale),
            (_, None, ConvertedType::DECIMAL) => Self::decimal(column.type_scale()),
            (Type::FIXED_LEN_BYTE_ARRAY, Some(logical), _) => unfit(logical),
            (Type::FIXED_LEN_BYTE_ARRAY, None, _) => unfit(&Type::FIXED_LEN_BYTE_ARRAY),
            (Type::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) | None, _) => {
                Ok(Self::Text)
            }
            (Type::BOOLEAN, ..) => Ok(Self::Integer),
            (Type::FLOAT, ..) => Ok(Self::Float { is_single: true }),
            (Type::DOUBLE, ..) => Ok(Self::Float { is_single: false }),
            (Type::INT32 | Type::INT64, Some(LogicalType::Integer(int)), _) if int.is_signed => Ok(Self::Integer),
            (physical, Some(LogicalType::Integer(_)), _)
            | (
                physical,
                None,
                ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
            ) => Ok(Self::Unsigned(bits(physical))),
            (
                _,
                None,
                ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64,
            ) => Ok(Self::Integer),
            (_, None, converted) => unfit(&converted),
            (_, Some(logical), _) => unfit(logical),
        }
    }

    fn decimal(scale: i32) -> Result<Self, String> {
        u32::try_from(scale).map(Self::Decimal).map_err(|_| format!("a decimal of scale {scale}"))
    }

    /// The label that a value is.
    ///
    /// # Errors
    /// What it is instead.
    pub(super) fn label(self, value: Value) -> Result<LabelCell, String> {
        match (self, value) {
            (Self::Decimal(scale), Value::Integer(unscaled)) => Ok(LabelCell::from_decimal(unscaled.into(), scale)),
            (Self::Decimal(scale), Value::Bytes(bytes)) => {
                let unscaled = big_endian(bytes.data()).ok_or("a decimal of more than 38 digits")?;
                Ok(LabelCell::from_decimal(unscaled, scale))
            }
            (Self::Unsigned(32), Value::Integer(value)) => Ok(LabelCell::Integer(i64::from(value as u32))),
            (Self::Unsigned(_), Value::Integer(value)) if value < 0 => Ok(LabelCell::Name((value as u64).to_string())),
            (_, Value::Integer(value)) => Ok(LabelCell::Integer(value)),
            // The shortest text of a single is another than that of the double that it is.
            (Self::Float { is_single: true }, Value::Float(value)) if value.is_finite() && value.fract() != 0.0 => {
                Ok(LabelCell::Name((value as f32).to_string()))
            }
            (_, Value::Float(value)) => LabelCell::from_float(value),
            (_, Value::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes.data()).map_err(|_| "bytes that are not UTF-8")?;
                LabelCell::from_text(text).ok_or_else(|| "nothing".to_owned())
            }
        }
    }
}

fn bits(physical: Type) -> u32 {
    if physical == Type::INT32 { 32 } else { 64 }
}

/// A number in two's complement, its highest byte first; none when it is too long.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let mut all = if bytes.first()? & 0x80 == 0 { [0; MAX_DECIMAL_BYTES] } else { [0xFF; MAX_DECIMAL_BYTES] };
    let start = MAX_DECIMAL_BYTES.checked_sub(bytes.len())?;
    all[start..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_integers_are_read_as_their_type_says() {
        let label = |kind: LabelKind, value: i64| kind.label(Value::Integer(value)).unwrap();
        assert_eq!(label(LabelKind::Decimal(1), 10), LabelCell::Integer(1));
        assert_eq!(label(LabelKind::Decimal(2), 150), LabelCell::Name("1.5".into()));
        assert_eq!(label(LabelKind::Unsigned(32), -1), LabelCell::Integer(u32::MAX.into()));
        assert_eq!(label(LabelKind::Unsigned(64), -1), LabelCell::Name(u64::MAX.to_string()));
        assert_eq!(label(LabelKind::Integer, -1), LabelCell::Integer(-1));
        assert_eq!(big_endian(&[0xFF, 0x38]), Some(-200));
        assert_eq!(big_endian(&[0, 200]), Some(200));
        assert_eq!(big_endian(&[1; 17]), None);
        let single = LabelKind::Float { is_single: true }.label(Value::Float(f64::from(0.1_f32)));
        assert_eq!(single, Ok(LabelCell::Name("0.1".into())));
    }
}
