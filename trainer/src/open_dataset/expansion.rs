//! How far a packed file may expand: what keeps a few kilobytes from becoming all of the memory.

use shared::dataset::DatasetError;

/// The most bytes that the texts of one file may take.
pub(super) const MAX_BYTES: u64 = 2 << 30;

/// The most bytes out for each byte in. Text packs to a third or a tenth; a hundredth is already one sentence over and
/// over.
const MAX_RATIO: u64 = 200;

/// Up to here the ratio does not matter: small files may be repetitive.
const FREE_BYTES: u64 = 64 << 20;

/// A count of the bytes that came out of a file, with the most there may be.
#[derive(Debug)]
pub(super) struct Expansion {
    max: u64,
    so_far: u64,
}

impl Expansion {
    /// For a file of `n_bytes`.
    pub(super) fn of(n_bytes: u64) -> Self {
        Self { max: n_bytes.saturating_mul(MAX_RATIO).clamp(FREE_BYTES, MAX_BYTES), so_far: 0 }
    }

    /// Counts `n_bytes` more, to be called before they are made or kept.
    pub(super) fn add(&mut self, file: &str, n_bytes: u64) -> Result<(), DatasetError> {
        self.so_far = self.so_far.saturating_add(n_bytes);
        if self.so_far <= self.max {
            return Ok(());
        }
        Err(DatasetError::Syntax {
            file: file.to_owned(),
            expected: "an ordinary file, which unpacks to at most 200 times its size or 64 MiB, and to 2 GiB in all",
            got: format!("more than {} bytes", self.max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_are_free_large_ones_bound_by_ratio_and_all_by_a_total() {
        let max = |n_bytes| Expansion::of(n_bytes).max;
        assert_eq!(max(10), 64 << 20);
        assert_eq!(max(1 << 20), 200 << 20);
        assert_eq!(max(u64::MAX), 2 << 30);
        let mut expansion = Expansion::of(0);
        assert!(expansion.add("a.gz", 64 << 20).is_ok());
        let error = expansion.add("a.gz", 1).unwrap_err().to_string();
        assert!(error.starts_with("a.gz: expected ") && error.ends_with("got more than 67108864 bytes"), "{error}");
        assert!(expansion.add("a.gz", u64::MAX).is_err(), "and no overflow");
    }
}
