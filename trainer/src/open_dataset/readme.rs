//! What the README of a dataset says of its files: the `configs` of its front matter, as Hugging Face's `datasets` reads
//! them.
//!
//! ```yaml
//! configs:
//! - config_name: clean
//!   default: true
//!   data_files:
//!   - split: train
//!     path: "data/train-*.csv"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file with the front matter.
pub(crate) const README: &str = "README.md";

/// What a configuration without a name is called.
const DEFAULT_NAME: &str = "default";

/// The split of files of which none is named.
const DEFAULT_SPLIT: &str = "train";

/// Files that belong together, of a dataset that may have several such sets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Config {
    #[serde(rename = "config_name")]
    name: Option<String>,
    default: Option<bool>,
    data_files: Option<DataFiles>,
    /// The folder that its files are in.
    pub(crate) data_dir: Option<String>,
    /// What else `datasets` would hand to its reader.
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected data_files to be a path, a list of paths, or a list of split and path")]
enum DataFiles {
    One(String),
    Many(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a path, or split and path")]
enum Entry {
    Path(String),
    Split { split: String, path: Paths },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a path or a list of paths")]
enum Paths {
    One(String),
    Many(Vec<String>),
}

impl Config {
    /// What `--config` calls it.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(DEFAULT_NAME)
    }

    /// The split and pattern of each of its sets of files, in order; none where only names of files tell splits.
    pub(crate) fn patterns(&self) -> Option<Vec<(&str, &str)>> {
        Some(match self.data_files.as_ref()? {
            DataFiles::One(path) => vec![(DEFAULT_SPLIT, path.as_str())],
            DataFiles::Many(entries) => entries
                .iter()
                .flat_map(|entry| match entry {
                    Entry::Path(path) => vec![(DEFAULT_SPLIT, path.as_str())],
                    Entry::Split { split, path: Paths::One(path) } => vec![(split.as_str(), path.as_str())],
                    Entry::Split { split, path: Paths::Many(paths) } => {
                        paths.iter().map(|path| (split.as_str(), path.as_str())).collect()
                    }
                })
                .collect(),
        })
    }

    /// The names of its other settings, which are not followed.
    pub(crate) fn others(&self) -> Vec<&str> {
        self.others.keys().map(String::as_str).collect()
    }
}

/// The configurations that a README names; none when it names none.
///
/// # Errors
/// What is wrong with the front matter, with its line.
pub(crate) fn configs(readme: &str) -> Result<Vec<Config>, String> {
    #[derive(Deserialize)]
    struct FrontMatter {
        configs: Option<Vec<Config>>,
    }
    let Some(yaml) = front_matter(readme).filter(|yaml| !yaml.trim().is_empty()) else { return Ok(Vec::new()) };
    let parsed: Result<FrontMatter, _> = serde_saphyr::from_str(yaml);
    parsed.map(|front_matter| front_matter.configs.unwrap_or_default()).map_err(|error| {
        let text = error.to_string();
        let first_line = text.lines().next().unwrap_or_default();
        format!("{README}: expected YAML between its lines of three dashes, got an error: {first_line}")
    })
}

/// The configuration that is asked for, else the one that is meant when none is.
///
/// # Errors
/// Their names when there are several and it is not clear which is meant; none is found when another is asked for.
pub(crate) fn choose<'a>(configs: &'a [Config], asked: Option<&str>) -> Result<Option<&'a Config>, Vec<&'a str>> {
    let named = |name: &str| configs.iter().find(|config| config.name() == name);
    match (asked, configs) {
        (Some(asked), _) => Ok(named(asked)),
        (None, [only]) => Ok(Some(only)),
        (None, several) => {
            let default = several.iter().find(|config| config.default == Some(true)).or_else(|| named(DEFAULT_NAME));
            default.map(Some).ok_or_else(|| several.iter().map(Config::name).collect())
        }
    }
}

/// What is between the first line, which is three dashes, and the next such line.
fn front_matter(readme: &str) -> Option<&str> {
    let text = readme.strip_prefix('\u{feff}').unwrap_or(readme);
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == "---")?;
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == "---" {
            return Some(&text[first.len()..end]);
        }
        end += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(yaml: &str) -> Config {
        configs(&format!("---\nlicense: mit\n{yaml}---\n# Rows\n")).unwrap().remove(0)
    }

    #[test]
    fn data_files_are_a_path_a_list_or_splits() {
        let train = |yaml: &str| {
            only(yaml).patterns().unwrap().iter().map(|(split, path)| format!("{split} {path}")).collect::<Vec<_>>()
        };
        assert_eq!(train("configs:\n- config_name: a\n  data_files: train.csv\n"), ["train train.csv"]);
        assert_eq!(train("configs:\n- data_files: [a.csv, b.csv]\n"), ["train a.csv", "train b.csv"]);
        let splits = "configs:\n- config_name: a\n  default: true\n  data_files:\n  - split: train\n    path: data/t-*\n  \
                      - split: test\n    path:\n    - x.csv\n    - 'y*.csv'\n";
        assert_eq!(train(splits), ["train data/t-*", "test x.csv", "test y*.csv"]);
        assert_eq!(only("configs:\n- config_name: a\n  data_dir: a\n  sep: ';'\n").others(), ["sep"]);
    }

    #[test]
    fn the_default_is_marked_or_called_so_or_the_only_one() {
        let readme = |marked: &str| {
            let readme = format!("---\nconfigs:\n- config_name: a\n- config_name: b\n{marked}---\n");
            configs(&readme).unwrap()
        };
        let name = |configs: &[Config], asked: Option<&str>| {
            choose(configs, asked).map(|config| config.map(|config| config.name().to_owned())).map_err(|_| ())
        };
        assert_eq!(name(&readme("  default: true\n"), None).unwrap().unwrap(), "b");
        assert_eq!(name(&readme("- config_name: default\n"), None).unwrap().unwrap(), "default");
        assert_eq!(name(&readme(""), Some("a")).unwrap().unwrap(), "a");
        assert_eq!(name(&readme(""), Some("c")).unwrap(), None);
        assert_eq!(choose(&readme(""), None).unwrap_err(), ["a", "b"]);
    }

    #[test]
    fn a_readme_need_not_have_configurations_but_its_yaml_must_be_whole() {
        for readme in ["# Rows", "---\nno end", "---\nlicense: mit\n---\n", "---\n---\n", "---\nconfigs:\n---\n", ""] {
            assert!(configs(readme).unwrap().is_empty(), "{readme}");
        }
        let nulls = only("configs:\n- config_name: null\n  default: null\n  data_files: null\n  data_dir: ~\n");
        assert_eq!((nulls.name(), nulls.patterns(), nulls.data_dir.as_deref()), (DEFAULT_NAME, None, None));
        let error = configs("---\nconfigs:\n- config_name: [\n---\n").unwrap_err();
        assert!(error.starts_with("README.md: expected YAML"), "{error}");
        let error = configs("---\nconfigs:\n- data_files: {train: a.csv}\n---\n").unwrap_err();
        assert!(error.contains("a list of split and path"), "{error}");
    }
}
