//! Inputs of several parts.

use serde_json::Value;

/// Splits at the first byte 0, which no JSON has; without one everything is before it.
#[must_use]
pub fn at_nul(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// Takes a length of two bytes and so many bytes off the front, or all that there are.
#[must_use]
pub fn with_length(bytes: &[u8]) -> (&[u8], &[u8]) {
    let [l0, l1, rest @ ..] = bytes else { return (&[], &[]) };
    rest.split_at(usize::from(u16::from_le_bytes([*l0, *l1])).min(rest.len()))
}

/// The same the other way round.
///
/// # Panics
/// When the part is longer than two bytes can say.
#[must_use]
pub fn with_its_length(part: &[u8]) -> Vec<u8> {
    let length = u16::try_from(part.len()).expect("seeds are short");
    [&length.to_le_bytes(), part].concat()
}

/// A header whose tensors lie one behind the other as their types and shapes say, whatever it says of that itself: else a
/// changed shape would seldom get past its offsets. As it is where it is no header.
#[must_use]
pub fn laid_out(header: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(mut tensors)) = serde_json::from_slice(header) else { return header.to_vec() };
    let mut end = 0_u64;
    for (_, tensor) in tensors.iter_mut().filter(|(name, _)| *name != "__metadata__") {
        let Some(tensor) = tensor.as_object_mut() else { continue };
        let size = match tensor.get("dtype").and_then(Value::as_str) {
            Some("F64" | "I64" | "U64") => 8,
            Some("F16" | "BF16" | "I16" | "U16") => 2,
            Some("BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2") => 1,
            _ => 4,
        };
        let sizes = tensor.get("shape").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
        let start = end;
        end = sizes.fold(size, u64::saturating_mul).saturating_add(start);
        tensor.insert("data_offsets".to_owned(), Value::from(vec![start, end]));
    }
    Value::Object(tensors).to_string().into_bytes()
}

/// A safetensors file with this header, whose data is repeated or cut to what the header describes.
#[must_use]
pub fn safetensors(header: &[u8], data: &[u8]) -> Vec<u8> {
    /// More than any model of a target has.
    const MAX_DATA_BYTES: usize = 1 << 16;
    let metadata: Option<safetensors::tensor::Metadata> = serde_json::from_slice(header).ok();
    let n_data = metadata.map_or(data.len(), |metadata| metadata.data_len().min(MAX_DATA_BYTES));
    let data = data.iter().copied().chain(std::iter::repeat(0)).take(n_data);
    (header.len() as u64).to_le_bytes().into_iter().chain(header.iter().copied()).chain(data).collect()
}
