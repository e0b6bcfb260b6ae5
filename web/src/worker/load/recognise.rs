//! What the files are that a visitor hands over: looked at by name and size before a byte is read.

use super::super::rows::LABELS_FILE;
use crate::failure::Failure;
use crate::protocol::FileEntry;
use shared::bundle;
use shared::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, MODULES, PICKLED_ADAPTER, TRANSFORMER_FOLDER};
use shared::dataset::{FileKind, Packing, Split, SplitName, names_in_words};
use shared::model::Architecture;
use shared::words::listed;

/// A model among files; numbers are places in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A bundle of `bert-heal export --for web`.
    Bundle { manifest: usize, weights: usize, tokenizer: usize, healed: Option<usize> },
    /// A checkpoint in Hugging Face layout.
    Checkpoint(CheckpointFiles),
    /// The folder of a run.
    Run { healthy: CheckpointFiles, corrupted: Option<CheckpointFiles>, healed: Option<CheckpointFiles> },
}

/// The files of one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckpointFiles {
    pub(super) config: usize,
    pub(super) weights: Vec<usize>,
    pub(super) tokenizer: TokenizerFiles,
    /// The config and the weights of an adapter beside them.
    pub(super) adapter: Option<[usize; 2]>,
}

impl CheckpointFiles {
    /// All of them.
    pub(super) fn all(&self) -> Vec<usize> {
        let TokenizerFiles { pieces, config, special_tokens_map, added_tokens, .. } = &self.tokenizer;
        let tokenizer = [Some(*pieces), *config, *special_tokens_map, *added_tokens].into_iter().flatten();
        let adapter = self.adapter.into_iter().flatten();
        std::iter::once(self.config).chain(self.weights.iter().copied()).chain(adapter).chain(tokenizer).collect()
    }
}

/// Where the tokenizer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenizerFiles {
    /// `tokenizer.json`, else `vocab.txt`.
    pub(super) pieces: usize,
    pub(super) is_json: bool,
    /// `tokenizer_config.json`.
    pub(super) config: Option<usize>,
    /// `special_tokens_map.json`.
    pub(super) special_tokens_map: Option<usize>,
    /// `added_tokens.json`.
    pub(super) added_tokens: Option<usize>,
}

/// A model and what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    /// What to call it.
    pub(super) name: String,
    pub(super) found: Found,
    /// A table of labelled texts.
    pub(super) rows: Option<usize>,
    /// The class names that lie beside it.
    pub(super) labels: Option<usize>,
    /// What is left unread, in sentences.
    pub(super) notes: Vec<String>,
}

/// A file's folder, with a slash at its end or empty, and its name in lower case.
struct Place {
    folder: String,
    name: String,
}

/// Sorts files.
///
/// # Errors
/// [`Failure::MissingFile`] or [`Failure::WrongFile`], which say what is missing and where to get it.
pub(super) fn sort(files: &[FileEntry]) -> Result<Handed, Failure> {
    let places: Vec<Place> = files
        .iter()
        .map(|file| {
            let (folder, name) = file.path.rsplit_once('/').map_or(("", file.path.as_str()), |(f, n)| (f, n));
            let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            Place { folder, name: name.to_ascii_lowercase() }
        })
        .collect();
    let in_folder =
        |folder: &str, name: &str| places.iter().position(|place| place.folder == folder && place.name == name);
    let missing = |missing: &str, remedy: &str| Failure::MissingFile {
        missing: missing.to_owned(),
        n_files: files.len(),
        remedy: remedy.to_owned(),
    };
    if files.is_empty() {
        return Err(missing("A model", "choose config.json, model.safetensors and tokenizer.json, or their folder"));
    }
    let shallowest = |name: &str| {
        let mut folders: Vec<&Place> = places.iter().filter(|place| place.name == name).collect();
        folders.sort_by_key(|place| place.folder.matches('/').count());
        folders.first().map(|place| place.folder.clone())
    };
    let tables = |is_run: bool| {
        let mut tables: Vec<usize> =
            (0..places.len()).filter(|at| table_rank(&places[*at].name, is_run).is_some()).collect();
        tables.sort_by_key(|at| table_rank(&places[*at].name, is_run));
        tables
    };
    let handed = |name: String, found: Found, is_run: bool| {
        let tables = tables(is_run);
        let rows = tables.first().copied();
        let labels = rows.and_then(|rows| in_folder(&places[rows].folder, LABELS_FILE));
        let others: Vec<String> = tables.iter().skip(1).map(|at| files[*at].path.clone()).collect();
        let notes = rows
            .filter(|_| !others.is_empty())
            .map(|rows| format!("Of the tables {} is read, and not {}", files[rows].path, names_in_words(&others)));
        Handed { name, found, rows, labels, notes: notes.into_iter().collect() }
    };

    if let Some(folder) = shallowest(bundle::MANIFEST) {
        let need = |name: &str| {
            in_folder(&folder, name).ok_or_else(|| {
                missing(name, "choose all files of the bundle's folder, as `bert-heal export --for web` wrote them")
            })
        };
        let manifest = need(bundle::MANIFEST)?;
        let (weights, tokenizer) = (need(bundle::WEIGHTS)?, need(bundle::TOKENIZER)?);
        let healed = in_folder(&folder, bundle::HEALED);
        let name = name_of(&folder, "bundle");
        return Ok(handed(name, Found::Bundle { manifest, weights, tokenizer, healed }, false));
    }

    if let Some(root) = run_root(&places) {
        let checkpoint = |which: &str| {
            let folder = format!("{root}checkpoint/{which}/");
            let is_there = places.iter().any(|place| place.folder == folder);
            is_there.then(|| checkpoint_in(&folder, files, &places)).transpose()
        };
        let healthy = checkpoint("healthy")?
            .ok_or_else(|| missing("checkpoint/healthy/", "drop the whole folder of a run whose models were saved"))?;
        let found = Found::Run { healthy, corrupted: checkpoint("corrupted")?, healed: checkpoint("healed")? };
        return Ok(handed(name_of(&root, "run"), found, true));
    }

    let Some(folder) = transformer_folder(&places).or_else(|| shallowest("config.json")) else {
        return Err(without_config(files, &places, &missing));
    };
    let found = Found::Checkpoint(checkpoint_in(&folder, files, &places)?);
    Ok(handed(name_of(&folder, "own model"), found, false))
}

/// How likely a file is the table that is meant, the lowest first; none for what is no table that a page can read.
fn table_rank(name: &str, is_run: bool) -> Option<u8> {
    let (FileKind { format, packing }, stem) = FileKind::of(name)?;
    // A run's folder has lines of JSON of its own.
    let is_table = format.entry().is_always_a_table && !is_run;
    let is_readable = packing == Packing::None && format.is_read_from_bytes() && (is_table || stem == "rows");
    is_readable.then(|| match (stem, SplitName::of(stem).map(SplitName::split)) {
        ("rows", _) => 0,
        (_, Some(Split::Train)) => 1,
        (_, Some(Split::Validation)) => 2,
        (_, Some(Split::Test)) => 3,
        (_, None) => 4,
    })
}

/// The folder above `checkpoint/healthy/`, `checkpoint/corrupted/` or `checkpoint/healed/`.
fn run_root(places: &[Place]) -> Option<String> {
    places.iter().find_map(|place| {
        ["healthy/", "corrupted/", "healed/"]
            .iter()
            .find_map(|which| place.folder.strip_suffix(&format!("checkpoint/{which}")).map(str::to_owned))
    })
}

/// The folder of the transformer in a model of sentence-transformers that keeps it in one of its own.
fn transformer_folder(places: &[Place]) -> Option<String> {
    let root = &places.iter().find(|place| place.name == MODULES)?.folder;
    let inner = format!("{root}{TRANSFORMER_FOLDER}/");
    places.iter().any(|place| place.folder == inner && place.name == "config.json").then_some(inner)
}

fn checkpoint_in(folder: &str, files: &[FileEntry], places: &[Place]) -> Result<CheckpointFiles, Failure> {
    let in_folder = |name: &str| places.iter().position(|place| place.folder == folder && place.name == name);
    let missing = |missing: String, remedy: &str| Failure::MissingFile {
        missing,
        n_files: files.len(),
        remedy: remedy.to_owned(),
    };
    let config = in_folder("config.json").ok_or_else(|| {
        missing(format!("{folder}config.json"), "it lies beside the weights, also on the model's page of the hub")
    })?;
    let has_extension = |place: &Place, extension: &str| place.folder == folder && place.name.ends_with(extension);
    let weights: Vec<usize> = match in_folder("model.safetensors") {
        Some(weights) => vec![weights],
        None => (0..places.len())
            .filter(|at| has_extension(&places[*at], ".safetensors") && places[*at].name != ADAPTER_WEIGHTS)
            .collect(),
    };
    if weights.is_empty() {
        if let Some(at) = (0..places.len()).find(|at| has_extension(&places[*at], ".bin")) {
            return Err(Failure::WrongFile {
                file: files[at].path.clone(),
                reason: "its weights are pickled, which a page cannot read safely: take model.safetensors from the \
                         model's page of the hub, or write it with `bert-heal export --for hub`"
                    .to_owned(),
            });
        }
        return Err(missing(
            format!("{folder}model.safetensors"),
            "choose it as well, or the whole folder; it is on the model's page of the hub",
        ));
    }
    let (pieces, is_json) = match (in_folder("tokenizer.json"), in_folder("vocab.txt")) {
        (Some(pieces), _) => (pieces, true),
        (None, Some(pieces)) => (pieces, false),
        (None, None) => {
            return Err(missing(
                format!("{folder}tokenizer.json"),
                "choose it as well (or vocab.txt); it is on the model's page of the hub",
            ));
        }
    };
    let tokenizer = TokenizerFiles {
        pieces,
        is_json,
        config: in_folder("tokenizer_config.json"),
        special_tokens_map: in_folder("special_tokens_map.json"),
        added_tokens: in_folder("added_tokens.json"),
    };
    let adapter = match (in_folder(ADAPTER_CONFIG), in_folder(ADAPTER_WEIGHTS), in_folder(PICKLED_ADAPTER)) {
        (Some(config), Some(weights), _) => Some([config, weights]),
        (_, None, Some(at)) => {
            return Err(Failure::WrongFile {
                file: files[at].path.clone(),
                reason: "it is a pickled adapter, which a page cannot read safely: save it with a newer PEFT as \
                         adapter_model.safetensors, or take it away to use the model without it"
                    .to_owned(),
            });
        }
        (None, None, None) => None,
        (config, ..) => {
            let lacking = if config.is_some() { ADAPTER_WEIGHTS } else { ADAPTER_CONFIG };
            return Err(missing(
                format!("{folder}{lacking}"),
                "an adapter has a config and weights: choose both, or neither to use the model without the adapter",
            ));
        }
    };
    Ok(CheckpointFiles { config, weights, tokenizer, adapter })
}

/// What to say of files without any `config.json`.
fn without_config(files: &[FileEntry], places: &[Place], missing: &dyn Fn(&str, &str) -> Failure) -> Failure {
    let foreign = [
        (".gguf", "a quantised model of another kind"),
        (".onnx", "an ONNX graph"),
        (".zip", "an archive: unpack it first"),
        (".h5", "TensorFlow weights"),
        (".msgpack", "Flax weights"),
    ];
    for (extension, what) in foreign {
        if let Some(at) = places.iter().position(|place| place.name.ends_with(extension)) {
            return Failure::WrongFile {
                file: files[at].path.clone(),
                reason: format!(
                    "it is {what}; this page reads {} in Hugging Face layout: config.json, model.safetensors and \
                     tokenizer.json",
                    listed(&Architecture::ALL.map(|known| known.family().name), "and")
                ),
            };
        }
    }
    missing(
        "config.json",
        "choose config.json, model.safetensors and tokenizer.json together, or their folder; they are on the model's page \
         of the hub",
    )
}

/// The last folder's name.
fn name_of(folder: &str, otherwise: &str) -> String {
    let name = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn sorted(paths: &[&str]) -> Result<Handed, Failure> {
        let files: Vec<FileEntry> =
            paths.iter().map(|path| FileEntry { path: (*path).to_owned(), size_bytes: 1 }).collect();
        sort(&files)
    }

    fn tokenizer(pieces: usize, is_json: bool) -> TokenizerFiles {
        TokenizerFiles { pieces, is_json, config: None, special_tokens_map: None, added_tokens: None }
    }

    #[wasm_bindgen_test]
    fn an_adapter_and_added_tokens_belong_to_the_checkpoint_beside_them() {
        let model = ["config.json", "model.safetensors", "vocab.txt"];
        let with = |more: &[&str]| sorted(&[&model[..], more].concat());
        let handed = with(&["adapter_config.json", "adapter_model.safetensors", "added_tokens.json"]).unwrap();
        let Found::Checkpoint(checkpoint) = handed.found else { panic!("{handed:?}") };
        assert_eq!((checkpoint.adapter, checkpoint.weights.clone()), (Some([3, 4]), vec![1]));
        assert_eq!((checkpoint.tokenizer.added_tokens, checkpoint.all().len()), (Some(5), 6));
        let said = with(&["adapter_config.json"]).unwrap_err().to_string();
        assert!(said.starts_with("adapter_model.safetensors is missing"), "{said}");
        let said = with(&["adapter_config.json", "adapter_model.bin"]).unwrap_err().to_string();
        assert!(said.contains("pickled adapter"), "{said}");
    }

    #[wasm_bindgen_test]
    fn the_transformer_of_a_sentence_transformer_is_found_in_its_folder() {
        let paths = ["m/modules.json", "m/config.json", "m/1_Pooling/config.json"];
        let inner = ["config.json", "model.safetensors", "vocab.txt"].map(|file| format!("m/0_Transformer/{file}"));
        let paths: Vec<&str> = paths.into_iter().chain(inner.iter().map(String::as_str)).collect();
        let handed = sorted(&paths).unwrap();
        let Found::Checkpoint(checkpoint) = handed.found else { panic!("{handed:?}") };
        assert_eq!((checkpoint.config, checkpoint.weights), (3, vec![4]));
    }

    fn sentence(paths: &[&str]) -> String {
        sorted(paths).unwrap_err().to_string()
    }

    #[wasm_bindgen_test]
    fn loose_files_and_folders_are_checkpoints() {
        let files = sorted(&["tokenizer.json", "model.safetensors", "config.json", "train.tsv"]).unwrap();
        let checkpoint = CheckpointFiles { config: 2, weights: vec![1], tokenizer: tokenizer(0, true), adapter: None };
        assert_eq!((files.found, files.rows), (Found::Checkpoint(checkpoint), Some(3)));
        assert_eq!(files.name, "own model");

        let folder =
            sorted(&["m/config.json", "m/vocab.txt", "m/model-1-of-2.safetensors", "m/model-2-of-2.safetensors"]);
        let folder = folder.unwrap();
        let tokenizer = tokenizer(1, false);
        let checkpoint = CheckpointFiles { config: 0, weights: vec![2, 3], tokenizer, adapter: None };
        assert_eq!(folder.found, Found::Checkpoint(checkpoint));
        assert_eq!((folder.name.as_str(), folder.rows), ("m", None));
    }

    #[wasm_bindgen_test]
    fn of_several_tables_the_training_rows_are_read_and_the_others_named() {
        let model = ["config.json", "model.safetensors", "tokenizer.json"];
        let tables = ["data/test_data.csv", "data/Labels.txt", "data/Train.csv", "labels.txt"];
        let handed = sorted(&[&model[..], &tables].concat()).unwrap();
        assert_eq!((handed.rows, handed.labels), (Some(5), Some(4)));
        assert_eq!(handed.notes, ["Of the tables data/Train.csv is read, and not data/test_data.csv"]);
        assert_eq!(sorted(&model).unwrap().notes, Vec::<String>::new());
    }

    #[wasm_bindgen_test]
    fn a_runs_folder_brings_up_to_three_models_and_its_logs_are_no_tables() {
        let files = ["config.json", "model.safetensors", "tokenizer.json"];
        let mut paths = vec!["runs/a/metrics.jsonl".to_owned(), "runs/a/run.json".to_owned()];
        for which in ["healthy", "healed"] {
            paths.extend(files.map(|file| format!("runs/a/checkpoint/{which}/{file}")));
        }
        let handed = sorted(&paths.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let Found::Run { healthy, corrupted: None, healed: Some(healed) } = handed.found else { panic!("{handed:?}") };
        assert_eq!((healthy.config, healed.config, handed.rows), (2, 5, None));
        assert_eq!(handed.name, "a");
    }

    #[wasm_bindgen_test]
    fn a_bundle_is_told_by_its_manifest() {
        let handed = sorted(&["b/weights.bin", "b/manifest.json", "b/tokenizer.json", "b/rows.json"]).unwrap();
        assert_eq!(handed.found, Found::Bundle { manifest: 1, weights: 0, tokenizer: 2, healed: None });
        assert_eq!(handed.rows, Some(3));
        assert!(sentence(&["b/manifest.json"]).starts_with("weights.bin is missing beside the one file"));
    }

    #[wasm_bindgen_test]
    fn what_is_missing_or_foreign_is_said_with_a_way_out() {
        assert!(sentence(&[]).contains("choose config.json, model.safetensors and tokenizer.json"));
        assert!(sentence(&["config.json", "tokenizer.json"]).starts_with("model.safetensors is missing among the 2"));
        assert!(sentence(&["config.json", "model.safetensors"]).starts_with("tokenizer.json is missing"));
        assert!(sentence(&["model.safetensors"]).starts_with("config.json is missing"));
        assert!(sentence(&["config.json", "pytorch_model.bin"]).contains("pickled"));
        assert!(sentence(&["model.gguf"]).starts_with("model.gguf cannot be used: it is a quantised model"));
        assert!(sentence(&["holiday.png"]).contains("config.json is missing"));
        assert!(
            sentence(&["r/checkpoint/healed/model.safetensors"]).contains("checkpoint/healthy/ is missing")
                || sentence(&["r/checkpoint/healed/model.safetensors"]).contains("config.json is missing")
        );
    }
}
