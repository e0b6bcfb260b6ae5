//! Names on the hub: `org/name`, with a configuration of a dataset and a revision where they are given.

use std::fmt;

use hf_hub::{Repo, RepoType};

/// What a repository holds; models and datasets are two name spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepoKind {
    /// A checkpoint.
    Model,
    /// Rows.
    Dataset,
}

impl RepoKind {
    /// The word for messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        }
    }

    /// The first part of paths of the hub's API.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

/// A repository at a revision, and which configuration of it.
///
/// Invariant: every part is safe in a URL and as the name of a file or folder.
///
/// ```
/// use trainer::hub::{HubName, RepoKind};
/// let name = HubName::parse(RepoKind::Dataset, "nyu-mll/glue:sst2@refs/convert/parquet").unwrap();
/// assert_eq!((name.id.as_str(), name.config.as_deref()), ("nyu-mll/glue", Some("sst2")));
/// assert_eq!(name.revision, "refs/convert/parquet");
/// assert!(HubName::parse(RepoKind::Model, "../elsewhere").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubName {
    /// Model or dataset.
    pub kind: RepoKind,
    /// `org/name`, or the single name of the hub's oldest repositories.
    pub id: String,
    /// A configuration of a dataset that has several.
    pub config: Option<String>,
    /// A branch, tag or commit.
    pub revision: String,
}

/// The branch that is meant when none is said.
pub const DEFAULT_REVISION: &str = "main";

/// Where the hub keeps its own Parquet copy of a dataset, also of one that is only a script.
pub const PARQUET_REVISION: &str = "refs/convert/parquet";

impl HubName {
    /// Reads `id[:config][@revision]`; none when it cannot be such a name, as no path with `./`, `..` or a last `/` is.
    #[must_use]
    pub fn parse(kind: RepoKind, text: &str) -> Option<Self> {
        let (text, revision) = text.split_once('@').unwrap_or((text, DEFAULT_REVISION));
        let (id, config) = text.split_once(':').map_or((text, None), |(id, config)| (id, Some(config)));
        let is_allowed = id.split('/').count() <= 2
            && id.split('/').all(is_safe_part)
            && config.is_none_or(is_safe_part)
            && revision.split('/').all(is_safe_part)
            && (kind == RepoKind::Dataset || config.is_none());
        is_allowed.then(|| Self {
            kind,
            id: id.to_owned(),
            config: config.map(str::to_owned),
            revision: revision.to_owned(),
        })
    }

    /// The same repository at another revision.
    #[must_use]
    pub fn at(&self, revision: &str) -> Self {
        Self { revision: revision.to_owned(), ..self.clone() }
    }

    /// The repository for hf-hub's cache.
    pub(super) fn repo(&self) -> Repo {
        let repo_type = match self.kind {
            RepoKind::Model => RepoType::Model,
            RepoKind::Dataset => RepoType::Dataset,
        };
        Repo::with_revision(self.id.clone(), repo_type, self.revision.clone())
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(config) = &self.config {
            write!(f, ":{config}")?;
        }
        if self.revision != DEFAULT_REVISION {
            write!(f, "@{}", self.revision)?;
        }
        Ok(())
    }
}

/// The hub's rule for the parts of an id, which also keeps a name from leaving its folder.
pub(super) fn is_safe_part(part: &str) -> bool {
    part.len() <= 96
        && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !part.contains("..")
}

/// Whether a revision is a commit: forty hexadecimal digits.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_configurations_and_revisions_are_told_apart() {
        let name = HubName::parse(RepoKind::Model, "google-bert/bert-base-uncased@v1.0").unwrap();
        assert_eq!((name.id.as_str(), name.revision.as_str()), ("google-bert/bert-base-uncased", "v1.0"));
        assert_eq!(name.to_string(), "google-bert/bert-base-uncased@v1.0");
        assert_eq!(HubName::parse(RepoKind::Model, "gpt2").unwrap().revision, DEFAULT_REVISION);
        assert_eq!(HubName::parse(RepoKind::Dataset, "a/b:c").unwrap().to_string(), "a/b:c");
    }

    #[test]
    fn what_can_only_be_a_path_is_no_name() {
        for path in
            ["./model", "../model", "/model", "model/", "a/b/c", "a/../b", "", "a b", "C:\\m", "a@", "a@../x", "a:b"]
        {
            assert_eq!(HubName::parse(RepoKind::Model, path), None, "{path}");
        }
    }
}
