//! Inputs of several parts.

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
