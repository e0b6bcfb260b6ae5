//! Pickles of tensors as PyTorch writes them, protocol 2.

/// A tensor in its storage.
pub struct Entry<'a> {
    pub name: &'a str,
    /// Such as `FloatStorage`.
    pub class: &'a str,
    /// The storage's key.
    pub key: &'a str,
    /// The storage's elements.
    pub n_elements: u16,
    pub offset: u16,
    pub shape: &'a [u16],
    pub strides: &'a [u16],
}

/// What stands at the end of the description of a storage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Zip,
    /// With the view of a storage, which is none.
    Stream,
}

/// A table of tensors.
#[must_use]
pub fn table(entries: &[Entry<'_>], layout: Layout) -> Vec<u8> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for entry in entries {
        string(&mut out, entry.name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        string(&mut out, "storage");
        out.extend(format!("ctorch\n{}\n", entry.class).bytes());
        string(&mut out, entry.key);
        string(&mut out, "cpu");
        integer(&mut out, entry.n_elements);
        if layout == Layout::Stream {
            out.push(b'N');
        }
        out.extend(b"tQ");
        integer(&mut out, entry.offset);
        for list in [entry.shape, entry.strides] {
            out.push(b'(');
            list.iter().for_each(|n| integer(&mut out, *n));
            out.push(b't');
        }
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

/// What a stream has before its table: magic number, protocol and the facts of a little-endian machine.
#[must_use]
pub fn stream_start() -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}(".to_vec();
    string(&mut out, "little_endian");
    out.extend(b"\x88u.");
    out
}

/// What a stream has behind its table: the keys of its storages and their numbers.
#[must_use]
pub fn stream_end(storages: &[(&str, &[u8], usize)]) -> Vec<u8> {
    let mut out = b"\x80\x02](".to_vec();
    storages.iter().for_each(|(key, ..)| string(&mut out, key));
    out.extend(b"e.");
    for (_, bytes, size) in storages {
        out.extend(((bytes.len() / size) as u64).to_le_bytes());
        out.extend(*bytes);
    }
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

fn integer(out: &mut Vec<u8>, n: u16) {
    out.push(b'M');
    out.extend(n.to_le_bytes());
}
