//! Where the hub is, where its files are kept, and how patient to be: Hugging Face's own variables, and `--offline`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::anyhow;

use super::proxy::Proxies;
use crate::exit_code::bad_input;

/// Where Hugging Face's hub is.
pub(super) const ENDPOINT: &str = "https://huggingface.co";

/// The time limits of `huggingface_hub`, which has the same two variables.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a switch may be for "yes", as `huggingface_hub` reads it.
const YES: [&str; 4] = ["1", "ON", "YES", "TRUE"];

/// The switches of Hugging Face's programs that forbid the network, and what to say of them.
const OFFLINE_SWITCHES: [(&str, &str); 3] = [
    ("HF_HUB_OFFLINE", "HF_HUB_OFFLINE is set"),
    ("TRANSFORMERS_OFFLINE", "TRANSFORMERS_OFFLINE is set"),
    ("HF_DATASETS_OFFLINE", "HF_DATASETS_OFFLINE is set"),
];

/// How a snapshot holds its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFiles {
    /// As links to the blobs; where the file system has no links, as real files.
    Links,
    /// As real files, whatever the file system can do (`HF_HUB_DISABLE_SYMLINKS`).
    Real,
}

static OFFLINE_FLAG: OnceLock<bool> = OnceLock::new();

/// Fixes what `--offline` said for the rest of the process; to be called once, before anything is fetched.
pub fn fix_offline(is_offline: bool) {
    OFFLINE_FLAG.get_or_init(|| is_offline);
}

/// Everything that the environment decides about fetching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The server, without a slash at its end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// Who the user is to the server (`HF_TOKEN`, else the file that `huggingface-cli login` writes).
    pub token: Option<String>,
    /// Hugging Face's cache (`HF_HUB_CACHE`, else `$HF_HOME/hub`, else `~/.cache/huggingface/hub`).
    pub cache: PathBuf,
    /// What was taken from Python packages (`BERT_HEAL_CACHE`, else `~/.cache/bert-heal`).
    pub package_cache: PathBuf,
    /// The switch that forbids the network, for messages; none when it is allowed.
    pub offline_because: Option<&'static str>,
    /// Whether snapshots are made of links.
    pub snapshot_files: SnapshotFiles,
    /// The ways to the server.
    pub proxies: Proxies,
    /// How long an answer may take to begin (`HF_HUB_ETAG_TIMEOUT`).
    pub answer_timeout: Duration,
    /// How long a download may stand still (`HF_HUB_DOWNLOAD_TIMEOUT`).
    pub read_timeout: Duration,
}

impl Settings {
    /// What this process' environment says.
    ///
    /// # Errors
    /// Bad input when a variable cannot be understood, or there is no home folder and no variable instead of it.
    pub fn from_env() -> anyhow::Result<Self> {
        let is_offline = OFFLINE_FLAG.get().copied().unwrap_or(false);
        Self::from(|name| std::env::var(name).ok(), std::env::home_dir().as_deref(), is_offline)
    }

    fn from(variable: impl Fn(&str) -> Option<String>, home: Option<&Path>, is_offline: bool) -> anyhow::Result<Self> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(|value| expand_home(&value, home));
        let caches = path("XDG_CACHE_HOME").or_else(|| home.map(|home| home.join(".cache")));
        let in_caches = |name: &str, instead: &str| {
            caches.as_ref().map(|caches| caches.join(name)).ok_or_else(|| {
                bad_input(anyhow!("there is no home folder for fetched files: set {instead} to a folder"))
            })
        };
        let hf_home = path("HF_HOME").map_or_else(|| in_caches("huggingface", "HF_HOME"), Ok)?;
        let token_path = path("HF_TOKEN_PATH").unwrap_or_else(|| hf_home.join("token"));
        let is_on = |name: &str| set(name).is_some_and(|value| YES.contains(&value.to_uppercase().as_str()));
        Ok(Self {
            endpoint: endpoint(set("HF_ENDPOINT"))?,
            token: set("HF_TOKEN").or_else(|| token_in(&token_path)),
            cache: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| hf_home.join("hub")),
            package_cache: path("BERT_HEAL_CACHE")
                .map_or_else(|| in_caches("bert-heal", "BERT_HEAL_CACHE"), Ok)?
                .join("packages"),
            offline_because: if is_offline {
                Some("--offline was given")
            } else {
                OFFLINE_SWITCHES.iter().find(|(name, _)| is_on(name)).map(|(_, because)| *because)
            },
            snapshot_files: if is_on("HF_HUB_DISABLE_SYMLINKS") { SnapshotFiles::Real } else { SnapshotFiles::Links },
            proxies: Proxies::from(set).map_err(|name| {
                bad_input(anyhow!("{name}: expected a proxy's URL such as http://proxy:3128, got something else"))
            })?,
            answer_timeout: seconds("HF_HUB_ETAG_TIMEOUT", set("HF_HUB_ETAG_TIMEOUT"))?,
            read_timeout: seconds("HF_HUB_DOWNLOAD_TIMEOUT", set("HF_HUB_DOWNLOAD_TIMEOUT"))?,
        })
    }

    /// What an empty environment says, for tests.
    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self::from(|_| None, Some(Path::new("/home/u")), false).expect("there is a home folder")
    }

    /// The server's name for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        self.endpoint.split_once("://").map_or(self.endpoint.as_str(), |(_, host)| host)
    }
}

fn endpoint(set: Option<String>) -> anyhow::Result<String> {
    let endpoint = set.map_or_else(|| ENDPOINT.to_owned(), |set| set.trim_end_matches('/').to_owned());
    match url::Url::parse(&endpoint) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Ok(endpoint),
        _ => Err(bad_input(anyhow!("HF_ENDPOINT: expected a URL such as {ENDPOINT}, got {endpoint}"))),
    }
}

fn seconds(name: &str, set: Option<String>) -> anyhow::Result<Duration> {
    let Some(text) = set else { return Ok(DEFAULT_TIMEOUT) };
    let duration = text.parse().ok().filter(|secs: &f64| *secs > 0.0).map(Duration::try_from_secs_f64);
    match duration {
        Some(Ok(duration)) => Ok(duration),
        _ => Err(bad_input(anyhow!("{name}: expected a number of seconds above 0, got {text}"))),
    }
}

fn expand_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~').and_then(|rest| rest.strip_prefix(std::path::is_separator)), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The token that `huggingface-cli login` has kept.
fn token_in(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|token| token.trim().to_owned()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::from(variable, Some(Path::new("/home/u")), false)
    }

    #[test]
    fn without_variables_everything_is_where_hugging_face_has_it() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.endpoint, ENDPOINT);
        assert_eq!(settings.host(), "huggingface.co");
        assert_eq!(settings.cache, Path::new("/home/u/.cache/huggingface/hub"));
        assert_eq!(settings.package_cache, Path::new("/home/u/.cache/bert-heal/packages"));
        assert_eq!((settings.token, settings.offline_because), (None, None));
    }

    #[test]
    fn the_more_special_variable_wins() {
        let cache = |variables: &[(&str, &str)]| settings(variables).unwrap().cache;
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")]), Path::new("/home/u/hf/hub"));
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(cache(&[("HF_HOME", "")]), Path::new("/home/u/.cache/huggingface/hub"), "empty is not set");
    }

    #[test]
    fn the_token_is_the_variable_or_what_the_login_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        assert_eq!(settings(&[("HF_HOME", home)]).unwrap().token.unwrap(), "hf_file");
        assert_eq!(settings(&[("HF_HOME", home), ("HF_TOKEN", "hf_env")]).unwrap().token.unwrap(), "hf_env");
    }

    #[test]
    fn every_way_to_say_yes_turns_the_network_off() {
        for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"] {
            for value in ["1", "true", "Yes", "ON"] {
                let because = settings(&[(name, value)]).unwrap().offline_because.unwrap();
                assert!(because.starts_with(name), "{value}: {because}");
            }
        }
        for value in ["0", "", "no"] {
            assert!(settings(&[("HF_HUB_OFFLINE", value)]).unwrap().offline_because.is_none(), "{value}");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_understood_is_named_with_its_value() {
        for (name, value) in
            [("HF_ENDPOINT", "huggingface.co"), ("HF_ENDPOINT", "ftp://a"), ("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]
        {
            let error = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
