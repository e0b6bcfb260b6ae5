//! Just enough of Thrift's compact protocol to look for a few numbers and skip everything else
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).
//!
//! Nothing is kept and nothing is allocated, so no length in the input can do harm. Fields that the crate `parquet` knows
//! must be of their kind, and numbers that matter in their range: it takes a field for what its number says ([`Fields`])
//! and cuts numbers to 32 bits, so that it would read on elsewhere than we do.

use std::io::{self, Read};
use std::mem::discriminant;

use super::broken::Broken;

/// How deep structures may lie in each other; those of Parquet reach 5.
pub(super) const MAX_DEPTH: usize = 16;

/// What the crate takes the fields of a structure for, by their numbers; others it skips by their kind.
pub(super) type Fields = &'static [Field];

/// A field of a structure.
pub(super) struct Field {
    pub(super) id: i16,
    pub(super) kind: Kind,
    /// Its own fields, where it is a structure.
    pub(super) fields: Fields,
}

/// The kinds of values that are written alike.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// True and false are kinds of their own and take no bytes as a field.
    Bool(bool),
    Byte,
    Integer,
    Double,
    Bytes,
    List,
    Map,
    Struct,
}

impl Kind {
    fn of(code: u8) -> Result<Self, Broken> {
        Ok(match code {
            1 | 2 => Self::Bool(code == 1),
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Bytes,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return Err("a structure that is none".into()),
        })
    }
}

/// Reads the head of the next field of a structure of such `fields`, whose last had the id `last`; none at its end.
pub(super) fn field(reader: &mut impl Read, fields: Fields, last: i16) -> Result<Option<(i16, Kind)>, Broken> {
    let head = byte(reader)?;
    if head == 0 {
        return Ok(None);
    }
    let id = match head >> 4 {
        0 => i16::try_from(integer(reader)?).ok(),
        step => last.checked_add(i16::from(step)),
    };
    let id = id.ok_or("a structure with too large a field number")?;
    let kind = Kind::of(head & 0xF)?;
    match known(fields, id) {
        Some(known) if discriminant(&known.kind) != discriminant(&kind) => {
            Err("a structure with a field of another kind".into())
        }
        _ => Ok(Some((id, kind))),
    }
}

fn known(fields: Fields, id: i16) -> Option<&'static Field> {
    fields.iter().find(|field| field.id == id)
}

/// Skips what the field of that id among `fields` holds.
pub(super) fn skip_field(
    reader: &mut impl Read,
    fields: Fields,
    (id, kind): (i16, Kind),
    depth: usize,
) -> Result<(), Broken> {
    match (known(fields, id), kind) {
        (Some(known), Kind::Struct) => skip_struct(reader, known.fields, deeper(depth)?),
        _ => skip(reader, kind, depth),
    }
}

fn deeper(depth: usize) -> Result<usize, Broken> {
    depth.checked_sub(1).ok_or("structures of endless depth".into())
}

fn skip_struct(reader: &mut impl Read, fields: Fields, depth: usize) -> Result<(), Broken> {
    let mut id = 0;
    while let Some(next) = field(reader, fields, id)? {
        id = next.0;
        skip_field(reader, fields, next, depth)?;
    }
    Ok(())
}

fn skip(reader: &mut impl Read, kind: Kind, depth: usize) -> Result<(), Broken> {
    let depth = deeper(depth)?;
    match kind {
        Kind::Bool(_) => {}
        Kind::Byte => skip_bytes(reader, 1)?,
        Kind::Double => skip_bytes(reader, 8)?,
        Kind::Integer => {
            varint(reader)?;
        }
        Kind::Bytes => {
            let n_bytes = varint(reader)?;
            skip_bytes(reader, n_bytes)?;
        }
        Kind::List => {
            let head = byte(reader)?;
            let n = if head >> 4 == 15 { varint(reader)? } else { u64::from(head >> 4) };
            // Some write 0 as the kind of no elements.
            if n > 0 {
                let element = Kind::of(head & 0xF)?;
                for _ in 0..n {
                    skip_element(reader, element, depth)?;
                }
            }
        }
        Kind::Map => {
            let n = varint(reader)?;
            if n > 0 {
                let kinds = byte(reader)?;
                let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0xF)?);
                for _ in 0..n {
                    skip_element(reader, key, depth)?;
                    skip_element(reader, value, depth)?;
                }
            }
        }
        Kind::Struct => skip_struct(reader, &[], depth)?,
    }
    Ok(())
}

fn skip_element(reader: &mut impl Read, kind: Kind, depth: usize) -> Result<(), Broken> {
    match kind {
        // One byte by the specification, none for the crate, which would read on elsewhere than we do. No structure that is
        // read here has one.
        Kind::Bool(_) => Err("a list of true and false".into()),
        kind => skip(reader, kind, depth),
    }
}

fn skip_bytes(reader: &mut impl Read, n_bytes: u64) -> Result<(), Broken> {
    let skipped = io::copy(&mut reader.take(n_bytes), &mut io::sink())?;
    if skipped == n_bytes { Ok(()) } else { Err("a structure that breaks off".into()) }
}

pub(super) fn byte(reader: &mut impl Read) -> Result<u8, Broken> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Seven bits a byte, the lowest first.
pub(super) fn varint(reader: &mut impl Read) -> Result<u64, Broken> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(reader)?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a structure that is none".into())
}

/// A number of 32 bits.
pub(super) fn integer_32(reader: &mut impl Read) -> Result<i32, Broken> {
    i32::try_from(integer(reader)?).map_err(|_| "a structure with too large a number".into())
}

/// Zigzag: 0, −1, 1, −2, …
fn integer(reader: &mut impl Read) -> Result<i64, Broken> {
    let value = varint(reader)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_number_or_a_number_out_of_its_range_is_refused() {
        // A field of 16 bits behind its number: −1, 32,767 and 32,768.
        let id = |bytes: &[u8]| field(&mut &*bytes, &[], 0).ok().flatten().map(|(id, _)| id);
        assert_eq!(id(&[0x04, 0x01]), Some(-1));
        assert_eq!(id(&[0x04, 0xFE, 0xFF, 0x03]), Some(i16::MAX));
        assert_eq!(id(&[0x04, 0x80, 0x80, 0x04]), None);
        assert!(field(&mut &[0x14_u8][..], &[], i16::MAX).is_err(), "the number after the last");
        let number = |bytes: &[u8]| integer_32(&mut &*bytes).ok();
        assert_eq!(number(&[0xFE, 0xFF, 0xFF, 0xFF, 0x0F]), Some(i32::MAX));
        assert_eq!(number(&[0x80, 0x80, 0x80, 0x80, 0x10]), None);
    }

    #[test]
    fn a_known_field_must_be_of_its_kind_however_deep_it_lies() {
        const INNER: Fields = &[Field { id: 1, kind: Kind::Bool(true), fields: &[] }];
        const OUTER: Fields = &[Field { id: 1, kind: Kind::Struct, fields: INNER }];
        let skipped = |bytes: &[u8]| skip_struct(&mut &*bytes, OUTER, 2).is_ok();
        assert!(skipped(&[0x1C, 0x11, 0x00, 0x00]), "true");
        assert!(skipped(&[0x1C, 0x12, 0x00, 0x00]), "false");
        assert!(skipped(&[0x1C, 0x25, 0x00, 0x00, 0x00]), "a field that is not known");
        assert!(!skipped(&[0x1C, 0x15, 0x00, 0x00, 0x00]), "a number instead");
        assert!(!skipped(&[0x11, 0x00]), "no structure");
        assert!(!skipped(&[0x1C, 0x3C, 0x1C, 0x00, 0x00, 0x00, 0x00]), "too deep");
    }

    #[test]
    fn lists_and_maps_of_true_and_false_are_refused() {
        let skipped = |kind, bytes: &[u8]| skip(&mut &*bytes, kind, 2).is_ok();
        assert!(skipped(Kind::List, &[0x23, 0x01, 0x02]), "two bytes");
        assert!(!skipped(Kind::List, &[0x21, 0x01, 0x02]));
        assert!(skipped(Kind::Map, &[0x01, 0x33, 0x01, 0x02]), "a byte by a byte");
        assert!(!skipped(Kind::Map, &[0x01, 0x31, 0x01, 0x02]));
    }

    #[test]
    fn an_empty_list_may_be_of_no_kind() {
        assert!(skip(&mut &[0x00_u8][..], Kind::List, 1).is_ok());
        assert!(skip(&mut &[0x10_u8, 0x00][..], Kind::List, 2).is_err());
    }
}
