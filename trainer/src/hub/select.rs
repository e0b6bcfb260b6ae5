//! Which files of a repository are needed.

use shared::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, MODULES, PICKLED_ADAPTER, TOKENIZER_FILES, TRANSFORMER_FOLDER,
};

use super::error::HubError;
use super::name::HubName;
use crate::open_dataset::layout::{Layout, layout, shard_of, some_of};

/// How much of a model is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelParts {
    /// Config and tokenizer, for random weights.
    Shape,
    /// Also the weights.
    Everything,
}

/// Config, tokenizer and weights: `model.safetensors` or its shards, else `pytorch_model.bin`; with a LoRA adapter beside
/// them. Of sentence-transformers' older layout those in the folder of its transformer.
pub(super) fn model_files(name: &HubName, all: &[&str], parts: ModelParts) -> Result<Vec<String>, HubError> {
    let missing = |expected: &str| HubError::NoSuchFiles {
        what: format!("model {name}"),
        problem: format!("expected {expected}, got {}", some_of(all)),
    };
    let inner = format!("{TRANSFORMER_FOLDER}/");
    let is_nested = all.contains(&MODULES) && all.contains(&format!("{inner}config.json").as_str());
    let prefix = if is_nested { inner.as_str() } else { "" };
    let everything = all;
    let all: Vec<&str> = everything.iter().filter_map(|file| file.strip_prefix(prefix)).collect();
    if !all.contains(&"config.json") {
        return Err(missing(if all.contains(&ADAPTER_CONFIG) {
            "config.json and the weights of the base model beside the adapter"
        } else {
            "config.json"
        }));
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
        files.extend([ADAPTER_CONFIG, ADAPTER_WEIGHTS, PICKLED_ADAPTER].into_iter().filter(|file| all.contains(file)));
    }
    let modules = is_nested.then_some(MODULES.to_owned());
    Ok(files.into_iter().map(|file| format!("{prefix}{file}")).chain(modules).collect())
}

/// `model-00001-of-00003.safetensors`.
fn is_shard(file: &str) -> bool {
    file.starts_with("model-") && file.ends_with(".safetensors") && shard_of(file).is_some()
}

/// Whether as many shards are there as they say themselves; files that are no shards are whole.
fn has_all_shards<S: AsRef<str>>(files: &[S]) -> bool {
    let counts: Vec<usize> = files.iter().filter_map(|file| shard_of(file.as_ref())).map(|(.., count)| count).collect();
    !files.is_empty() && counts.iter().all(|count| *count == counts.len())
}

/// The files of a dataset's splits, by its README or by their names.
pub(super) fn dataset_layout(name: &HubName, all: &[&str], readme: Option<&str>) -> Result<Layout, HubError> {
    layout(all, readme, name.config.as_deref(), &|config| format!("{}:{config}", name.id))
        .map_err(|problem| HubError::NoSuchFiles { what: format!("dataset {name}"), problem })
}

#[cfg(test)]
mod tests {
    use super::super::name::RepoKind;
    use super::*;

    fn model(all: &[&str], parts: ModelParts) -> Result<Vec<String>, String> {
        let name = HubName::parse(RepoKind::Model, "org/name").unwrap();
        model_files(&name, all, parts).map_err(|error| error.to_string())
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
    fn an_adapter_and_the_folder_of_a_sentence_transformer_are_taken_with_the_model() {
        let adapted =
            ["adapter_config.json", "adapter_model.safetensors", "config.json", "model.safetensors", "vocab.txt"];
        let files = model(&adapted, ModelParts::Everything).unwrap();
        assert_eq!(files[2..], ["model.safetensors", "adapter_config.json", "adapter_model.safetensors"]);
        let error = model(&adapted[..2], ModelParts::Everything).unwrap_err();
        assert!(error.contains("the base model beside the adapter"), "{error}");
        let nested = [
            "0_Transformer/config.json",
            "0_Transformer/pytorch_model.bin",
            "0_Transformer/vocab.txt",
            "1_Pooling/config.json",
            "config.json",
            "modules.json",
        ];
        let files = model(&nested, ModelParts::Everything).unwrap();
        assert_eq!(
            files,
            ["0_Transformer/config.json", "0_Transformer/vocab.txt", "0_Transformer/pytorch_model.bin", "modules.json"]
        );
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
}
