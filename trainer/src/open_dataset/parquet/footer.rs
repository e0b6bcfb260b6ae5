//! The footer of a Parquet file, looked over before the crate `parquet` reads it.
//!
//! The crate trusts what a footer says of its schema. What it could not bear would end the process, so it is looked for
//! here, and refused by an error.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use super::broken::Broken;
use super::known::{FILE, SCHEMA_ELEMENT};
use super::thrift::{MAX_DEPTH, byte, field, integer_32, skip_field, varint};

/// How deep groups of columns may lie in each other.
const MAX_SCHEMA_DEPTH: usize = 100;

/// Checks that there is a footer inside the file whose schema is not nested without end.
pub(super) fn check(mut file: &File) -> Result<(), Broken> {
    let n_bytes = file.metadata()?.len();
    let Some(tail) = n_bytes.checked_sub(8) else {
        return Err(format!("{n_bytes} bytes").into());
    };
    file.seek(SeekFrom::Start(tail))?;
    let mut ending = [0; 8];
    file.read_exact(&mut ending)?;
    let [l0, l1, l2, l3, magic @ ..] = ending;
    if magic != *b"PAR1" {
        return Err("an end that is not a Parquet footer's (is it whole?)".into());
    }
    let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
    let Some(start) = tail.checked_sub(length) else {
        return Err(format!("a footer of {length} bytes in a file of {n_bytes}").into());
    };
    file.seek(SeekFrom::Start(start))?;
    check_schema(&mut BufReader::new(file.take(length)))
}

/// Walks the list of schema elements, each of which is followed by its children.
fn check_schema(reader: &mut impl Read) -> Result<(), Broken> {
    let mut id = 0;
    while let Some(next) = field(reader, FILE, id)? {
        id = next.0;
        if id != 2 {
            skip_field(reader, FILE, next, MAX_DEPTH)?;
            continue;
        }
        let head = byte(reader)?;
        let n_elements = if head >> 4 == 15 { varint(reader)? } else { u64::from(head >> 4) };
        // How many children are still to come of each group that is open.
        let mut open: Vec<u32> = Vec::new();
        for n_behind in (0..n_elements).rev() {
            if let Some(n_left) = open.last_mut() {
                *n_left -= 1;
            }
            let n_children = n_children(reader)?;
            if n_children > 0 {
                open.push(n_children);
                let n_to_come = open.iter().map(|n_left| u64::from(*n_left)).sum::<u64>();
                if n_to_come > n_behind {
                    return Err(format!("{n_to_come} more columns in a schema that has {n_behind}").into());
                }
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > MAX_SCHEMA_DEPTH {
                return Err(format!("columns nested more than {MAX_SCHEMA_DEPTH} deep").into());
            }
        }
        return Ok(());
    }
    Err("a footer without a schema".into())
}

/// Reads one schema element.
fn n_children(reader: &mut impl Read) -> Result<u32, Broken> {
    let (mut id, mut n_children) = (0, 0);
    while let Some(next) = field(reader, SCHEMA_ELEMENT, id)? {
        id = next.0;
        match id {
            5 => n_children = u32::try_from(integer_32(reader)?).map_err(|_| "a group of less than no columns")?,
            _ => skip_field(reader, SCHEMA_ELEMENT, next, MAX_DEPTH)?,
        }
    }
    Ok(n_children)
}
