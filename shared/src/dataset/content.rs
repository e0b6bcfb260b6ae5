//! Hashes of what a dataset says, whatever file it was read from.

use sha2::{Digest, Sha256};

use super::Example;

/// Sixteen hex digits that name a row in predictions, so that runs can be paired and checked without the texts.
///
/// Equal rows have equal hashes; a row's place is not part of it.
#[must_use]
pub fn row_hash(text: &str, label: u32) -> String {
    let mut hasher = Sha256::new();
    hasher.update(label.to_le_bytes());
    hasher.update(text.as_bytes());
    hex::encode(&hasher.finalize()[..8])
}

/// See [`super::Dataset::content_hash`].
pub(super) fn content_hash<'a>(splits: impl Iterator<Item = (&'static str, &'a [Example])>) -> String {
    let mut hasher = Sha256::new();
    for (name, examples) in splits {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update((examples.len() as u64).to_le_bytes());
        for example in examples {
            hasher.update(example.label.to_le_bytes());
            hasher.update((example.text.len() as u64).to_le_bytes());
            hasher.update(example.text.as_bytes());
        }
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hashlib.sha256(struct.pack("<I", 3) + "a café".encode()).hexdigest()[:16]`
    #[test]
    fn row_hash_equals_pythons() {
        assert_eq!(row_hash("a café", 3), "ed21ea03b14db7fe");
        assert_ne!(row_hash("a café", 3), row_hash("a café", 2));
    }

    /// Computed with Python's `hashlib` and `struct` from the layout in the docs of `Dataset::content_hash`.
    #[test]
    fn content_hash_equals_pythons() {
        let train = [Example { text: "a café".to_owned(), label: 3 }, Example { text: "b".to_owned(), label: 0 }];
        let splits: [(&'static str, &[Example]); 3] = [("train", &train), ("validation", &[]), ("test", &train[1..])];
        assert_eq!(
            content_hash(splits.into_iter()),
            "977dda4cbfd8f01f74efa8e4eec5be3aff96a8d5405488169e7dea7507450594"
        );
    }
}
