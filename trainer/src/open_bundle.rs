//! Web bundles on disk: what `export --for web` writes and `--model` opens.
//!
//! The format is [`shared::bundle`]'s; this adds the files and says which folder an error is about.

use shared::Condition;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::Device;
use shared::Parameters;
use shared::bundle::{Bundle, BundleIndex, Delta, FileEntry, INDEX, MANIFEST, Manifest};

use crate::exit_code::bad_input;
use crate::untrusted;

/// Names the folder with the demo's bundles, instead of the source tree's.
pub const BUNDLES_VARIABLE: &str = "BERT_HEAL_BUNDLES";

/// Where the demo's bundles lie in the source tree.
const IN_SOURCE_TREE: &str = "web/assets/bundles";

/// Whether `folder` is a bundle. A checkpoint's folder may hold a file of that name, too.
#[must_use]
pub fn is_bundle(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file() && !folder.join("config.json").exists()
}

/// Reads a bundle's manifest.
pub fn manifest(folder: &Path) -> anyhow::Result<Manifest> {
    let bytes = untrusted::read(&folder.join(MANIFEST)).map_err(|e| cannot_read(folder, MANIFEST, &e))?;
    Manifest::parse(&bytes).map_err(bad_input).with_context(|| context(folder))
}

/// Reads a bundle's healthy model and its tokenizer.
pub fn open(folder: &Path) -> anyhow::Result<Bundle> {
    let manifest = manifest(folder)?;
    let weights = read(folder, &manifest.files.weights)?;
    let tokenizer = read(folder, &manifest.files.tokenizer)?;
    Bundle::open(manifest, weights, &tokenizer).map_err(bad_input).with_context(|| context(folder))
}

/// Reads what healed a bundle's corrupted model.
pub fn delta(folder: &Path, bundle: &Bundle) -> anyhow::Result<Delta> {
    let missing = || anyhow!("it has only a healthy model, no healed one");
    let entry = bundle.manifest().files.healed.as_ref().ok_or_else(missing);
    let entry = entry.map_err(bad_input).with_context(|| context(folder))?;
    bundle.delta(read(folder, entry)?).map_err(bad_input).with_context(|| context(folder))
}

/// The parameters of one of a bundle's models.
pub fn parameters(folder: &Path, bundle: &Bundle, condition: Condition, device: &Device) -> anyhow::Result<Parameters> {
    match condition {
        Condition::Control => {
            return Err(bad_input(anyhow!(
                "{}: it contains the control's figures but not its weights",
                context(folder)
            )));
        }
        Condition::Healthy => bundle.parameters(device),
        Condition::Corrupted => bundle.corrupted(device).map(|(parameters, _)| parameters),
        Condition::Healed => bundle.healed(&delta(folder, bundle)?, device),
    }
    .map_err(bad_input)
    .with_context(|| context(folder))
}

/// The bundle that the page opens by itself, when the folder with the demo's bundles is at hand: that of
/// [`BUNDLES_VARIABLE`], else that of the source tree in which the program or the current folder lies.
#[must_use]
pub fn demo() -> Option<PathBuf> {
    let bundles = match env::var_os(BUNDLES_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => [env::current_exe().ok(), env::current_dir().ok()]
            .iter()
            .flatten()
            .flat_map(|path| path.ancestors())
            .map(|folder| folder.join(IN_SOURCE_TREE))
            .find(|folder| folder.join(INDEX).is_file())?,
    };
    let index = BundleIndex::parse(&fs::read(bundles.join(INDEX)).ok()?).ok()?;
    let folder = bundles.join(&index.bundles.first()?.name);
    is_bundle(&folder).then_some(folder)
}

/// Reads a file as far as the manifest says that it goes, and one byte more: enough to see that it is another.
fn read(folder: &Path, file: &FileEntry) -> anyhow::Result<Vec<u8>> {
    untrusted::read_start(&folder.join(&file.name), file.size_bytes.saturating_add(1))
        .map_err(|e| cannot_read(folder, &file.name, &e))
}

fn cannot_read(folder: &Path, name: &str, error: &io::Error) -> anyhow::Error {
    bad_input(anyhow!("bundle {}: cannot read {name}: {error}", folder.display()))
}

fn context(folder: &Path) -> String {
    format!("bundle {}", folder.display())
}
