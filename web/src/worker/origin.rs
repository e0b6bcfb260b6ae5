//! What a model came with and goes on with when it leaves the page: its tokenizer's files, and on whose terms.

use crate::failure::{Failure, computation};
use crate::protocol::ModelSource;
use sha2::{Digest, Sha256};
use shared::bundle::{BaseModel, Manifest, NOTICE, TOKENIZER};
use shared::model::ModelConfig;
use shared::tokenizer::TokenizerFiles;

const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Where the loaded model comes from.
pub(super) struct Origin {
    /// SHA-256 (hex) of its config, as the native program has it.
    pub(super) config_sha256: String,
    /// SHA-256 (hex) of its tokenizer's files. The native program also digests what it makes of them, which is not here, so
    /// it never is the same hash.
    pub(super) tokenizer_sha256: String,
    /// The tokenizer's files as a folder gets them.
    pub(super) tokenizer: Vec<(String, Vec<u8>)>,
    /// The dataset that a bundle brings rows of.
    pub(super) dataset: Option<String>,
    /// The model that a bundle derives from.
    pub(super) base: Option<BaseModel>,
    /// The address of the base model's licence, where the bundle is on the page's server.
    pub(super) notice_url: Option<String>,
}

impl Origin {
    /// That of a bundle.
    pub(super) fn of_bundle(
        manifest: &Manifest,
        config: &ModelConfig,
        tokenizer: &[u8],
        source: &ModelSource,
    ) -> Result<Self, Failure> {
        let files = TokenizerFiles { json: Some(tokenizer), are_our_own: true, ..TokenizerFiles::default() };
        let origin = Self::of_checkpoint(&config.to_json(), config, &files).map_err(|e| computation(&e))?;
        let notice_url = match source {
            ModelSource::Bundle { url, .. } => Some(format!("{url}{NOTICE}")),
            ModelSource::Files { .. } | ModelSource::Run { .. } => None,
        };
        let dataset = Some(manifest.task.dataset.clone());
        Ok(Self { dataset, base: Some(manifest.base_model.clone()), notice_url, ..origin })
    }

    /// That of files in Hugging Face's layout, which do not tell on whose terms they may be used.
    pub(super) fn of_checkpoint(
        config_json: &[u8],
        config: &ModelConfig,
        files: &TokenizerFiles<'_>,
    ) -> shared::Result<Self> {
        let given = [
            (TOKENIZER, files.json),
            ("vocab.txt", files.vocabulary),
            ("added_tokens.json", files.added_tokens),
            ("special_tokens_map.json", files.special_tokens_map),
        ];
        let given = given.into_iter().filter_map(|(name, bytes)| Some((name.to_owned(), bytes?.to_vec())));
        let mut tokenizer: Vec<(String, Vec<u8>)> = given.collect();
        tokenizer.push((TOKENIZER_CONFIG.to_owned(), files.written_config(config.max_positions)?));
        let mut hash = Sha256::new();
        for (name, bytes) in &tokenizer {
            // Each with its length, so that no two lists of files read alike.
            for part in [name.as_bytes(), bytes] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        Ok(Self {
            config_sha256: hex::encode(Sha256::digest(config_json)),
            tokenizer_sha256: hex::encode(hash.finalize()),
            tokenizer,
            dataset: None,
            base: None,
            notice_url: None,
        })
    }
}
