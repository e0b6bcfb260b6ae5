//! Which files of a repository are needed.

use shared::checkpoint::TOKENIZER_FILES;
use shared::dataset::Split;

use super::error::HubError;
use super::name::HubName;

/// How much of a model is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelParts {
    /// Config and tokenizer, for random weights.
    Shape,
    /// Also the weights.
    Everything,
}

/// What data files may end in, best first: the first kind that has a training split is taken.
const DATA_ENDINGS: [&str; 4] = [".parquet", ".jsonl", ".csv", ".tsv"];

/// Compressions that may follow.
const COMPRESSIONS: [&str; 2] = [".gz", ".zst"];

/// The words for a split in names of files and folders.
const SPLIT_WORDS: [(Split, &[&str]); 3] = [
    (Split::Train, &["train", "training"]),
    (Split::Validation, &["validation", "valid", "val", "dev"]),
    (Split::Test, &["test", "testing", "eval"]),
];

/// Config, tokenizer and weights: `model.safetensors` or its shards, else `pytorch_model.bin`.
pub(super) fn model_files(name: &HubName, all: &[&str], parts: ModelParts) -> Result<Vec<String>, HubError> {
    let missing = |expected: &str| HubError::NoSuchFiles {
        what: format!("model {name}"),
        problem: format!("expected {expected}, got {}", some_of(all)),
    };
    if !all.contains(&"config.json") {
        return Err(missing("config.json"));
    }
    let mut files: Vec<&str> = vec!["config.json"];
    files.extend(TOKENIZER_FILES.into_iter().filter(|file| all.contains(file)));
    if !files.contains(&"tokenizer.json") && !files.contains(&"vocab.txt") {
        return Err(missing("tokenizer.json or vocab.txt"));
    }
    if parts == ModelParts::Everything {
        let shards: Vec<&str> = all.iter().copied().filter(|file| is_shard(file)).collect();
        if all.contains(&"model.safetensors") {
            files.push("model.safetensors");
        } else if all.contains(&"model.safetensors.index.json") && has_all_shards(&shards) {
            files.push("model.safetensors.index.json");
            files.extend(shards);
        } else if all.contains(&"pytorch_model.bin") {
            files.push("pytorch_model.bin");
        } else {
            return Err(missing("model.safetensors, its shards, or pytorch_model.bin"));
        }
    }
    Ok(files.into_iter().map(str::to_owned).collect())
}

/// `model-00001-of-00003.safetensors`.
fn is_shard(file: &str) -> bool {
    file.starts_with("model-") && file.ends_with(".safetensors") && shard_of(file).is_some()
}

/// The number of a shard and how many there are, as in `train-00000-of-00002.parquet`.
fn shard_of(file: &str) -> Option<(usize, usize)> {
    let (before, after) = file.rsplit_once("-of-")?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    Some((before.rsplit('-').next()?.parse().ok()?, digits(after).parse().ok()?))
}

/// Whether as many shards are there as they say themselves; files that are no shards are whole.
fn has_all_shards<S: AsRef<str>>(files: &[S]) -> bool {
    let counts: Vec<usize> = files.iter().filter_map(|file| shard_of(file.as_ref())).map(|(_, count)| count).collect();
    !files.is_empty() && counts.iter().all(|count| *count == counts.len())
}

/// The files of each split, in order.
pub(super) type SplitFiles = Vec<(Split, Vec<String>)>;

/// The data files of each split, in name order: of one format, and of the configuration that is asked for.
///
/// A split is known by a word in the name of the file or, from the innermost outward, of its folders, as in
/// `data/train-00000-of-00001.parquet` and `default/train/0000.parquet`.
pub(super) fn dataset_files(name: &HubName, all: &[&str]) -> Result<SplitFiles, HubError> {
    let what = || format!("dataset {name}");
    let mut folders: Vec<&str> = Vec::new();
    for ending in DATA_ENDINGS {
        let files: Vec<&str> = all.iter().copied().filter(|file| has_ending(file, ending)).collect();
        let in_train: Vec<&str> = files.iter().copied().filter(|file| split_of(file) == Some(Split::Train)).collect();
        if in_train.is_empty() {
            continue;
        }
        let mut configs: Vec<&str> = in_train.iter().map(|file| config_of(file)).collect();
        configs.sort_unstable();
        configs.dedup();
        let config = match (&name.config, configs.as_slice()) {
            (Some(asked), _) => configs.iter().copied().find(|config| config == asked),
            (None, [only]) => Some(*only),
            (None, several) => several.iter().copied().find(|config| ["default", "data", ""].contains(config)),
        };
        // Files without a folder of their own belong to a repository's only configuration, whatever it is called.
        let config = config.or_else(|| configs.iter().copied().find(|config| ["", "data"].contains(config)));
        let Some(config) = config else {
            folders.extend(configs);
            continue;
        };
        let splits: SplitFiles = Split::ALL
            .into_iter()
            .map(|split| {
                let of_split = |file: &&str| split_of(file) == Some(split) && config_of(file) == config;
                (split, files.iter().copied().filter(of_split).map(str::to_owned).collect::<Vec<_>>())
            })
            .filter(|(_, files)| !files.is_empty())
            .collect();
        if let Some((split, _)) = splits.iter().find(|(_, files)| !has_all_shards(files)) {
            return Err(HubError::NoSuchFiles { what: what(), problem: format!("some files of {split} are missing") });
        }
        return Ok(splits);
    }
    let problem = if folders.is_empty() {
        format!("expected Parquet, JSONL, CSV or TSV files with \"train\" in their names, got {}", some_of(all))
    } else {
        format!("it has the configurations {}: choose one, as in {}:{}", folders.join(", "), name.id, folders[0])
    };
    Err(HubError::NoSuchFiles { what: what(), problem })
}

fn has_ending(file: &str, ending: &str) -> bool {
    let plain = COMPRESSIONS.iter().find_map(|compression| file.strip_suffix(compression)).unwrap_or(file);
    plain.ends_with(ending)
}

/// The split that a path names, looked for from its end.
fn split_of(path: &str) -> Option<Split> {
    path.rsplit('/').find_map(|part| {
        // Only the part before the first dot: `test.csv` is a split, `notes.test` is not.
        let stem = part.split('.').next().unwrap_or(part);
        let words = || stem.split(|c: char| !c.is_ascii_alphanumeric());
        SPLIT_WORDS.iter().find(|(_, names)| words().any(|word| names.contains(&word))).map(|(split, _)| *split)
    })
}

/// The configuration that a path belongs to: its first folder, unless that names the split.
fn config_of(path: &str) -> &str {
    match path.split_once('/') {
        Some((folder, _)) if split_of(folder).is_none() => folder,
        _ => "",
    }
}

/// The first names of a list, for a message.
fn some_of(all: &[&str]) -> String {
    const MAX_NAMES: usize = 6;
    let more = if all.len() > MAX_NAMES { format!(" and {} more", all.len() - MAX_NAMES) } else { String::new() };
    match all {
        [] => "no files".into(),
        _ => all[..all.len().min(MAX_NAMES)].join(", ") + &more,
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::RepoKind;
    use super::*;

    fn model(all: &[&str], parts: ModelParts) -> Result<Vec<String>, String> {
        let name = HubName::parse(RepoKind::Model, "org/name").unwrap();
        model_files(&name, all, parts).map_err(|error| error.to_string())
    }

    fn dataset(name: &str, all: &[&str]) -> Result<SplitFiles, String> {
        let name = HubName::parse(RepoKind::Dataset, name).unwrap();
        dataset_files(&name, all).map_err(|error| error.to_string())
    }

    #[test]
    fn of_a_model_only_what_is_read_is_taken() {
        let all = [
            "README.md",
            "config.json",
            "model.safetensors",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tf_model.h5",
            "tokenizer.json",
            "vocab.txt",
        ];
        let files = model(&all, ModelParts::Everything).unwrap();
        assert_eq!(files, ["config.json", "tokenizer.json", "vocab.txt", "model.safetensors"]);
        assert_eq!(model(&all, ModelParts::Shape).unwrap(), ["config.json", "tokenizer.json", "vocab.txt"]);
        let old = ["config.json", "pytorch_model.bin", "vocab.txt"];
        assert_eq!(model(&old, ModelParts::Everything).unwrap(), ["config.json", "vocab.txt", "pytorch_model.bin"]);
    }

    #[test]
    fn shards_are_taken_with_their_index_and_only_all_together() {
        let shards = [
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "vocab.txt",
        ];
        assert_eq!(model(&shards, ModelParts::Everything).unwrap().len(), 5);
        let error = model(&[&shards[..2], &shards[3..]].concat(), ModelParts::Everything).unwrap_err();
        assert!(error.contains("its shards"), "{error}");
        let error = model(&["README.md"], ModelParts::Everything).unwrap_err();
        assert!(error.contains("expected config.json, got README.md"), "{error}");
    }

    #[test]
    fn splits_are_known_by_the_words_in_their_paths() {
        let of = |split, files: &[&str]| (split, files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>());
        let imdb = [
            "README.md",
            "plain_text/test-00000-of-00001.parquet",
            "plain_text/train-00000-of-00001.parquet",
            "plain_text/unsupervised-00000-of-00001.parquet",
        ];
        assert_eq!(
            dataset("stanfordnlp/imdb", &imdb).unwrap(),
            [of(Split::Train, &imdb[2..3]), of(Split::Test, &imdb[1..2])]
        );
        let converted = ["default/test/0000.parquet", "default/train/0000.parquet", "default/train/0001.parquet"];
        assert_eq!(
            dataset("CogComp/trec", &converted).unwrap(),
            [of(Split::Train, &converted[1..]), of(Split::Test, &converted[..1])]
        );
        let csv = ["topic_train.csv", "topic_valid.csv"];
        assert_eq!(
            dataset("zeroshot/x", &csv).unwrap(),
            [of(Split::Train, &csv[..1]), of(Split::Validation, &csv[1..])]
        );
        let gz = dataset("a/b", &["train.csv", "train.jsonl.gz"]).unwrap();
        assert_eq!(gz, [of(Split::Train, &["train.jsonl.gz"])]);
    }

    #[test]
    fn of_several_configurations_one_has_to_be_chosen() {
        let all = [
            "split/test-00000-of-00001.parquet",
            "split/train-00000-of-00001.parquet",
            "unsplit/train-00000-of-00001.parquet",
        ];
        let error = dataset("dair-ai/emotion", &all).unwrap_err();
        assert!(error.contains("split, unsplit") && error.contains("dair-ai/emotion:split"), "{error}");
        assert_eq!(dataset("dair-ai/emotion:split", &all).unwrap().len(), 2);
        assert!(dataset("dair-ai/emotion:other", &all).is_err());
    }

    #[test]
    fn a_half_cached_split_and_a_script_are_not_taken_for_a_dataset() {
        let error = dataset("a/b", &["train-00001-of-00002.parquet"]).unwrap_err();
        assert!(error.contains("missing"), "{error}");
        let error = dataset("CogComp/trec", &["README.md", "trec.py"]).unwrap_err();
        assert!(error.contains("got README.md, trec.py"), "{error}");
    }
}
