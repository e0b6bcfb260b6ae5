//! A file of weights that is read where it lies: its header once, then each tensor straight into its parameter's values.
//!
//! The file is never in memory as a whole beside its values, and no value is copied again. It is read and not mapped into
//! memory: a mapped file that another program shortens ends the process with a signal, while a read of it fails like any
//! other; and the values of a parameter have to be in memory of their own in any case, so that a mapping saves no copy.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::io;

use crate::parallel::prelude::*;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::CheckpointError;
use crate::git_lfs;
use crate::model::{HISTORY_KEY, History};

/// Bytes before the header, which tell its length.
const PREFIX_BYTES: usize = 8;

/// The longest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The longest file that may be a pointer to another.
const MAX_POINTER_BYTES: u64 = 1024;

/// Values that a thread reads at once: their bytes stay in its cache until they are converted.
const VALUES_PER_READ: usize = 1 << 15;

/// Bytes that can be read from any place on, by several threads at once: those of a file, or of memory.
pub trait ReadAt: Debug + Send + Sync {
    /// How many there are.
    fn size_bytes(&self) -> u64;

    /// Fills `out` with the bytes from `start` on.
    ///
    /// # Errors
    /// When there are not as many, or they cannot be read.
    fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(start).ok().and_then(|start| self.get(start..)?.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// One file of weights.
#[derive(Debug)]
pub struct WeightFile {
    /// Its name, for messages.
    pub name: String,
    /// Its content, safetensors.
    bytes: Box<dyn ReadAt>,
}

/// What a file says of itself.
pub(super) struct Header<'f> {
    file: &'f WeightFile,
    metadata: Metadata,
    /// Where the tensors begin.
    data_start: u64,
}

/// One tensor of a file, not read yet.
pub(super) struct StoredTensor<'h> {
    file: &'h WeightFile,
    info: &'h TensorInfo,
    start: u64,
}

impl WeightFile {
    /// A file whose bytes are read as they are needed.
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: impl ReadAt + 'static) -> Self {
        Self { name: name.into(), bytes: Box::new(bytes) }
    }

    /// The header, behind the bytes that tell its length.
    ///
    /// # Errors
    /// When the file is empty or not as long as these bytes say.
    pub fn header_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let n_bytes = self.bytes.size_bytes();
        if n_bytes == 0 {
            return Err(self.unreadable(&"the file is empty"));
        }
        if n_bytes <= PREFIX_BYTES as u64 {
            return Err(self.unreadable(&format!("it breaks off after {n_bytes} bytes, before its header")));
        }
        let mut bytes = vec![0; PREFIX_BYTES];
        self.read_at(0, &mut bytes)?;
        let n_header = bytes.as_slice().try_into().map_or(u64::MAX, u64::from_le_bytes);
        if n_header > MAX_HEADER_BYTES || n_header > n_bytes - PREFIX_BYTES as u64 {
            let reason = format!("its header claims {n_header} bytes, and the file has {n_bytes}");
            return Err(self.unreadable(&reason));
        }
        bytes.resize(PREFIX_BYTES + n_header as usize, 0);
        self.read_at(PREFIX_BYTES as u64, &mut bytes[PREFIX_BYTES..])?;
        Ok(bytes)
    }

    /// Looks at the header alone.
    ///
    /// # Errors
    /// When the file is empty, a pointer to another file, no safetensors, or has more than `max_bytes` of tensors.
    pub fn check(&self, max_bytes: u64) -> Result<(), CheckpointError> {
        let n_bytes = self.header()?.metadata.data_len() as u64;
        if n_bytes > max_bytes {
            let reason = format!("it has {n_bytes} bytes of tensors, a model of this config at most {max_bytes}");
            return Err(self.unreadable(&reason));
        }
        Ok(())
    }

    /// # Errors
    /// When it is empty, a pointer to another file, or no safetensors.
    pub(super) fn header(&self) -> Result<Header<'_>, CheckpointError> {
        let n_bytes = self.bytes.size_bytes();
        if n_bytes <= MAX_POINTER_BYTES {
            let mut all = vec![0; n_bytes as usize];
            self.read_at(0, &mut all)?;
            if let Some(reason) = git_lfs::pointer(&all) {
                return Err(CheckpointError::Pointer { file: self.name.clone(), reason });
            }
        }
        let bytes = self.header_bytes()?;
        let metadata: Metadata = serde_json::from_slice(&bytes[PREFIX_BYTES..])
            .map_err(|error| self.unreadable(&format!("its header: {error}")))?;
        let data_start = bytes.len() as u64;
        let n_expected = data_start.saturating_add(metadata.data_len() as u64);
        if n_expected != n_bytes {
            let reason = format!("its header describes a file of {n_expected} bytes, and the file has {n_bytes}");
            return Err(self.unreadable(&reason));
        }
        Ok(Header { file: self, metadata, data_start })
    }

    fn read_at(&self, start: u64, out: &mut [u8]) -> Result<(), CheckpointError> {
        self.bytes.read_at(start, out).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, reason: &impl Display) -> CheckpointError {
        CheckpointError::Safetensors { file: self.name.clone(), reason: reason.to_string() }
    }
}

impl<'f> Header<'f> {
    /// The file that it stands in.
    pub(super) fn file(&self) -> &'f WeightFile {
        self.file
    }

    /// What was done to the weights.
    pub(super) fn history(&self) -> Result<History, CheckpointError> {
        let Some(text) = self.metadata.metadata().as_ref().and_then(|metadata| metadata.get(HISTORY_KEY)) else {
            return Ok(History::default());
        };
        let history = serde_json::from_str(text).and_then(|value| History::from_json(&value));
        history.map_err(|error| self.file.unreadable(&format!("{HISTORY_KEY} in its metadata: {error}")))
    }

    /// All tensors, by name.
    pub(super) fn tensors(&self) -> BTreeMap<String, StoredTensor<'_>> {
        let stored = |info: &'_ TensorInfo| self.data_start + info.data_offsets.0 as u64;
        let tensors = self.metadata.tensors().into_iter();
        tensors.map(|(name, info)| (name, StoredTensor { file: self.file, info, start: stored(info) })).collect()
    }
}

impl StoredTensor<'_> {
    pub(super) fn shape(&self) -> &[usize] {
        &self.info.shape
    }

    pub(super) fn dtype(&self) -> Dtype {
        self.info.dtype
    }

    /// The values of a float tensor; none for other numbers.
    ///
    /// # Errors
    /// When the file cannot be read to its end.
    pub(super) fn to_f32(&self) -> Result<Option<Vec<f32>>, CheckpointError> {
        match self.dtype() {
            Dtype::F32 => self.convert(f32::from_le_bytes),
            Dtype::F16 => self.convert(|bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => self.convert(|bytes| bf16::from_le_bytes(bytes).to_f32()),
            Dtype::F64 => self.convert(|bytes| f64::from_le_bytes(bytes) as f32),
            _ => return Ok(None),
        }
        .map(Some)
    }

    fn convert<const N: usize>(&self, value: impl Fn([u8; N]) -> f32 + Sync) -> Result<Vec<f32>, CheckpointError> {
        let (start, end) = self.info.data_offsets;
        let mut values = vec![0.0; (end - start) / N];
        let n_buffered = values.len().min(VALUES_PER_READ);
        values.par_chunks_mut(VALUES_PER_READ).enumerate().try_for_each_init(
            || vec![0; n_buffered * N],
            |bytes, (index, values)| {
                let bytes = &mut bytes[..values.len() * N];
                self.file.read_at(self.start + (index * VALUES_PER_READ * N) as u64, bytes)?;
                for (out, bytes) in values.iter_mut().zip(bytes.as_chunks::<N>().0) {
                    *out = value(*bytes);
                }
                Ok(())
            },
        )?;
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use candle_core::Device;
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::checkpoint::{Checkpoint, LoadOptions, WeightsHash, save_weights};
    use crate::model::ModelConfig;
    use crate::random::Seed;

    /// Bytes that keep the places where they were read.
    #[derive(Debug)]
    struct Watched {
        bytes: Vec<u8>,
        /// Start and length.
        reads: Arc<Mutex<Vec<(u64, usize)>>>,
    }

    impl ReadAt for Watched {
        fn size_bytes(&self) -> u64 {
            self.bytes.size_bytes()
        }

        fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
            self.reads.lock().unwrap().push((start, out.len()));
            self.bytes.read_at(start, out)
        }
    }

    /// Bytes of which there are fewer than there were.
    #[derive(Debug)]
    struct Shortened {
        n_before: u64,
        bytes: Vec<u8>,
    }

    impl ReadAt for Shortened {
        fn size_bytes(&self) -> u64 {
            self.n_before
        }

        fn read_at(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
            self.bytes.read_at(start, out)
        }
    }

    fn model() -> (ModelConfig, Vec<u8>, LoadOptions) {
        let config = br#"{"model_type": "bert", "vocab_size": 2000, "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 16, "num_labels": 2}"#;
        let config = ModelConfig::from_json(config).unwrap();
        let options =
            LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Wanted };
        let bytes = save_weights(&Checkpoint::random(&config, &options).unwrap().parameters).unwrap();
        (config, bytes, options)
    }

    #[test]
    fn every_byte_of_a_checkpoint_is_read_once() {
        let (config, bytes, options) = model();
        let reads = Arc::new(Mutex::new(Vec::new()));
        let n_bytes = bytes.len();
        let file = WeightFile::new("model.safetensors", Watched { bytes, reads: Arc::clone(&reads) });
        Checkpoint::load(&config, vec![file], &options).unwrap();
        let mut reads = reads.lock().unwrap().clone();
        reads.sort_unstable();
        let mut end = 0;
        for (start, n_read) in reads {
            assert_eq!(start, end, "read twice, or not at all");
            end = start + n_read as u64;
        }
        assert_eq!(end, n_bytes as u64);
    }

    #[test]
    fn weights_are_hashed_where_the_hash_is_asked_for() {
        let (config, bytes, options) = model();
        let load = |hash| {
            let file = WeightFile::new("model.safetensors", bytes.clone());
            Checkpoint::load(&config, vec![file], &LoadOptions { hash, ..options.clone() }).unwrap()
        };
        let (hashed, not_hashed) = (load(WeightsHash::Wanted), load(WeightsHash::Unused));
        assert_eq!(hashed.weights_hash.map(|hash| hash.len()), Some(64));
        assert_eq!(not_hashed.weights_hash, None);
        assert_eq!(save_weights(&not_hashed.parameters).unwrap(), save_weights(&hashed.parameters).unwrap());
    }

    #[test]
    fn a_file_that_is_shortened_while_it_is_read_is_refused() {
        let (config, mut bytes, options) = model();
        let n_before = bytes.len() as u64;
        bytes.truncate(bytes.len() - 4);
        let file = WeightFile::new("model.safetensors", Shortened { n_before, bytes });
        let error = Checkpoint::load(&config, vec![file], &options).unwrap_err().to_string();
        assert!(error.starts_with("model.safetensors: not a readable safetensors file: "), "{error}");
    }

    #[test]
    fn values_of_every_float_format_arrive_in_their_order_across_reads() {
        let n = VALUES_PER_READ + 3;
        let of = |i: usize| (i % 251) as f32 * 0.5 - 60.0; // exact in all four
        let expected: Vec<f32> = (0..n).map(of).collect();
        let formats: [(Dtype, Vec<u8>); 4] = [
            (Dtype::F32, (0..n).flat_map(|i| of(i).to_le_bytes()).collect()),
            (Dtype::F16, (0..n).flat_map(|i| f16::from_f32(of(i)).to_le_bytes()).collect()),
            (Dtype::BF16, (0..n).flat_map(|i| bf16::from_f32(of(i)).to_le_bytes()).collect()),
            (Dtype::F64, (0..n).flat_map(|i| f64::from(of(i)).to_le_bytes()).collect()),
        ];
        for (dtype, bytes) in formats {
            let view = TensorView::new(dtype, vec![n], &bytes).unwrap();
            let file = safetensors::serialize([("x", view)], None).unwrap();
            let file = WeightFile::new("x.safetensors", file);
            let header = file.header().unwrap();
            assert_eq!(header.tensors()["x"].to_f32().unwrap().unwrap(), expected, "{dtype:?}");
        }
    }
}
