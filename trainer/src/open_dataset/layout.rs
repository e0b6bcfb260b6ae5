//! Which of many files are which split of a dataset: by what its README says, else by their names.
//!
//! The same rules hold for a repository on the hub and for a copy of it in a folder; paths have slashes everywhere.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobBuilder;
use shared::dataset::{FileKind, Format, Packing, Split, split_of_word};
use shared::words::listed;

use super::readme::{self, Config};

/// The files of each split, in order.
pub(crate) type SplitFiles = Vec<(Split, Vec<String>)>;

/// The files that were chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub splits: SplitFiles,
    /// What decided; a README that did is part of the dataset.
    pub basis: Basis,
    /// Sentences about what was decided.
    pub notes: Vec<String>,
}

/// What tells which files are which split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    Readme,
    Names,
}

/// The data files of each split among `all`, of the configuration that is asked for or meant.
///
/// # Errors
/// What was expected and what is there. `as_in` shows how the configuration that it is given is chosen.
pub(crate) fn layout(
    all: &[&str],
    readme: Option<&str>,
    asked: Option<&str>,
    as_in: &dyn Fn(&str) -> String,
) -> Result<Layout, String> {
    let configs = readme.map_or(Ok(Vec::new()), readme::configs)?;
    let several = |names: &[&str]| {
        format!("it has the configurations {}: choose one, as in {}", names.join(", "), as_in(names[0]))
    };
    let config = match readme::choose(&configs, asked) {
        Ok(config) => config,
        Err(names) if !names.is_empty() => return Err(several(&names)),
        Err(_) => None,
    };
    let Some(config) = config else {
        // Beside a README with configurations only a folder of that very name can be meant.
        let may_be_meant = |file: &&str| configs.is_empty() || asked == Some(config_of(file));
        let all: Vec<&str> = all.iter().copied().filter(may_be_meant).collect();
        return match by_names(&all, asked) {
            Ok(splits) => {
                let notes = put_together(&splits).into_iter().chain(not_read(&all, &splits)).collect();
                Ok(Layout { splits, basis: Basis::Names, notes })
            }
            Err(_) if !configs.is_empty() => {
                let names: Vec<&str> = configs.iter().map(Config::name).collect();
                let asked = asked.unwrap_or_default();
                Err(format!("it has no configuration {asked}: {} names {}", readme::README, names.join(", ")))
            }
            Err(Unclear::Folders(folders)) => Err(several(&folders.iter().map(String::as_str).collect::<Vec<_>>())),
            Err(Unclear::Problem(problem)) => Err(problem),
        };
    };
    of_config(all, config)
}

/// The files that a configuration of a README names.
fn of_config(all: &[&str], config: &Config) -> Result<Layout, String> {
    let name = config.name();
    let folder = config.data_dir.as_deref().map_or(String::new(), |folder| {
        let folder = folder.trim_start_matches("./").trim_matches('/');
        if folder.is_empty() { String::new() } else { format!("{folder}/") }
    });
    let mut notes = Vec::new();
    if !config.others().is_empty() {
        let others = config.others().join(", ");
        notes.push(format!("{others} of the configuration {name} in {} is not followed", readme::README));
    }
    let Some(patterns) = config.patterns() else {
        let inside: Vec<&str> = all.iter().copied().filter(|file| file.starts_with(&folder)).collect();
        // Within its folder a configuration is the only one.
        let inner: Vec<&str> = inside.iter().map(|file| &file[folder.len()..]).collect();
        let splits = by_names(&inner, None).map_err(|unclear| match unclear {
            Unclear::Problem(problem) => format!("configuration {name} of {}: {problem}", readme::README),
            Unclear::Folders(folders) => {
                format!("configuration {name} of {}: which of {} is not said", readme::README, folders.join(", "))
            }
        })?;
        let full = |files: Vec<String>| files.into_iter().map(|file| format!("{folder}{file}")).collect();
        let splits: SplitFiles = splits.into_iter().map(|(split, files)| (split, full(files))).collect();
        notes.extend(not_read(all, &splits));
        return Ok(Layout { splits, basis: Basis::Readme, notes });
    };
    let mut found: BTreeMap<Split, Vec<String>> = BTreeMap::new();
    for (split, pattern) in patterns {
        let full = format!("{folder}{}", pattern.trim_start_matches("./"));
        let files = matching(all, &full)
            .map_err(|problem| format!("{}: data_files of {name}: {pattern}: {problem}", readme::README))?;
        if files.is_empty() {
            return Err(format!(
                "{}: data_files of {name} names {pattern}: expected such a table, got {}",
                readme::README,
                some_of(all)
            ));
        }
        match split_of_word(split) {
            Some(split) => found.entry(split).or_default().extend(files),
            None => notes.push(format!("the split {split} of {} is not used", readme::README)),
        }
    }
    for (split, files) in &mut found {
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        if let Some(missing) = missing_shard(files) {
            return Err(format!("some files of {split} are missing: {missing}"));
        }
    }
    if found.is_empty() {
        return Err(format!(
            "{}: data_files of {name}: expected a split called train, validation or test",
            readme::README
        ));
    }
    notes.push(format!("files are those of the configuration {name} in {}", readme::README));
    let splits = Split::ALL.into_iter().filter_map(|split| Some((split, found.remove(&split)?))).collect();
    notes.extend(not_read(all, &splits));
    Ok(Layout { splits, basis: Basis::Readme, notes })
}

/// The splits that are made of files whose names differ in more than a number, in words.
fn put_together(splits: &SplitFiles) -> Vec<String> {
    let without_digits = |file: &String| file.replace(|c: char| c.is_ascii_digit(), "");
    let of_several = |files: &Vec<String>| files.iter().map(without_digits).collect::<BTreeSet<_>>().len() > 1;
    let splits = splits.iter().filter(|(_, files)| of_several(files));
    let in_words = |(split, files): &(Split, Vec<String>)| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        format!("{split} is put together of {}", some_of(&files))
    };
    splits.map(in_words).collect()
}

/// The tables beside those that were chosen, in words.
fn not_read(all: &[&str], splits: &SplitFiles) -> Option<String> {
    let folder_of = |file: &str| file.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let chosen: BTreeSet<&str> = splits.iter().flat_map(|(_, files)| files).map(String::as_str).collect();
    let folders: BTreeSet<String> = chosen.iter().map(|file| folder_of(file)).collect();
    let others = all.iter().copied().filter(|file| folders.contains(&folder_of(file)) && !chosen.contains(file));
    tables_not_read(others)
}

/// The tables among files that are left unread, in words; none when there are none.
pub(super) fn tables_not_read<'a>(files: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_table = |file: &&str| {
        let kind = FileKind::of(file.rsplit('/').next().unwrap_or(file));
        kind.is_some_and(|(kind, _)| kind.format.entry().is_always_a_table)
    };
    let tables: Vec<&str> = files.filter(is_table).collect();
    (!tables.is_empty()).then(|| format!("not read, though beside what was: {}", some_of(&tables)))
}

/// The tables that a pattern matches, in the order of their names; `*` stays within a folder, `**` does not.
fn matching(all: &[&str], pattern: &str) -> Result<Vec<String>, String> {
    let is_table = |file: &&&str| FileKind::of(file.rsplit('/').next().unwrap_or(file)).is_some();
    // A name may have brackets of its own.
    if all.contains(&pattern) {
        return Ok(all.iter().filter(|file| **file == pattern).filter(is_table).map(ToString::to_string).collect());
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| error.kind().to_string())?;
    let matcher = glob.compile_matcher();
    let mut files: Vec<String> =
        all.iter().filter(|file| matcher.is_match(file)).filter(is_table).map(ToString::to_string).collect();
    files.sort_unstable();
    Ok(files)
}

/// Why names of files do not tell.
enum Unclear {
    /// Several folders might be meant.
    Folders(Vec<String>),
    /// There is no training split.
    Problem(String),
}

/// The data files of each split, in name order: of the first format on the hub that has a training split, and of the
/// configuration that is asked for.
///
/// A split is known by a word in the name of the file or, from the innermost outward, of its folders, as in
/// `data/train-00000-of-00001.parquet` and `default/train/0000.parquet`.
fn by_names(all: &[&str], asked: Option<&str>) -> Result<SplitFiles, Unclear> {
    let mut folders: Vec<String> = Vec::new();
    for ending in Format::on_hub().into_iter().map(Format::ending) {
        let files: Vec<&str> = all.iter().copied().filter(|file| has_ending(file, ending)).collect();
        let in_train: Vec<&str> = files.iter().copied().filter(|file| split_of(file) == Some(Split::Train)).collect();
        if in_train.is_empty() {
            continue;
        }
        let mut configs: Vec<&str> = in_train.iter().map(|file| config_of(file)).collect();
        configs.sort_unstable();
        configs.dedup();
        let config = match (asked, configs.as_slice()) {
            (Some(asked), _) => configs.iter().copied().find(|config| *config == asked),
            (None, [only]) => Some(*only),
            (None, several) => several.iter().copied().find(|config| ["default", "data", ""].contains(config)),
        };
        // Files without a folder of their own belong to a repository's only configuration, whatever it is called.
        let config = config.or_else(|| configs.iter().copied().find(|config| ["", "data"].contains(config)));
        let Some(config) = config else {
            folders.extend(configs.into_iter().map(str::to_owned));
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
        if let Some((split, missing)) = splits.iter().find_map(|(split, files)| Some((split, missing_shard(files)?))) {
            return Err(Unclear::Problem(format!("some files of {split} are missing: {missing}")));
        }
        return Ok(splits);
    }
    if !folders.is_empty() {
        return Err(Unclear::Folders(folders));
    }
    let formats: Vec<&str> = Format::on_hub().into_iter().map(|format| format.entry().name).collect();
    Err(Unclear::Problem(format!(
        "expected {} files with \"train\" in their names, got {}",
        listed(&formats, "or"),
        some_of(all)
    )))
}

fn has_ending(file: &str, ending: &str) -> bool {
    let plain = Packing::PACKED.iter().find_map(|packing| file.strip_suffix(packing.ending())).unwrap_or(file);
    plain.ends_with(ending)
}

/// The split that a path names, looked for from its end.
fn split_of(path: &str) -> Option<Split> {
    path.rsplit('/').find_map(|part| {
        // Only the part before the first dot: `test.csv` is a split, `notes.test` is not.
        let stem = part.split('.').next().unwrap_or(part);
        stem.split(|c: char| !c.is_ascii_alphanumeric()).find_map(split_of_word)
    })
}

/// The configuration that a path belongs to: its first folder, unless that names the split.
fn config_of(path: &str) -> &str {
    match path.split_once('/') {
        Some((folder, _)) if split_of(folder).is_none() => folder,
        _ => "",
    }
}

/// The first shard that is not among the files, by what the others say of their number.
fn missing_shard(files: &[String]) -> Option<String> {
    let mut families: BTreeMap<(&str, usize), Vec<usize>> = BTreeMap::new();
    for (family, number, count) in files.iter().filter_map(|file| shard_of(file)) {
        families.entry((family, count)).or_default().push(number);
    }
    families.into_iter().find_map(|((family, count), numbers)| {
        let missing = (0..count).find(|number| !numbers.contains(number))?;
        Some(format!("{family}-{missing:05}-of-{count:05}"))
    })
}

/// What shards have in common, the number of one and how many there are, as in `train-00000-of-00002.parquet`.
pub(crate) fn shard_of(file: &str) -> Option<(&str, usize, usize)> {
    let (before, after) = file.rsplit_once("-of-")?;
    let (family, number) = before.rsplit_once('-')?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some((family, number.parse().ok()?, digits.parse().ok()?))
}

/// The first names of a list, for a message.
pub(crate) fn some_of(all: &[&str]) -> String {
    const MAX_NAMES: usize = 6;
    let more = if all.len() > MAX_NAMES { format!(" and {} more", all.len() - MAX_NAMES) } else { String::new() };
    match all {
        [] => "no files".into(),
        _ => all[..all.len().min(MAX_NAMES)].join(", ") + &more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(split: Split, files: &[&str]) -> (Split, Vec<String>) {
        (split, files.iter().map(|file| (*file).to_owned()).collect())
    }

    fn splits(all: &[&str], readme: Option<&str>, asked: Option<&str>) -> Result<SplitFiles, String> {
        layout(all, readme, asked, &|config| format!("org/name:{config}")).map(|layout| layout.splits)
    }

    #[test]
    fn splits_are_known_by_the_words_in_their_paths() {
        let imdb = [
            "README.md",
            "plain_text/test-00000-of-00001.parquet",
            "plain_text/train-00000-of-00001.parquet",
            "plain_text/unsupervised-00000-of-00001.parquet",
        ];
        assert_eq!(splits(&imdb, None, None).unwrap(), [of(Split::Train, &imdb[2..3]), of(Split::Test, &imdb[1..2])]);
        let converted = ["default/test/0000.parquet", "default/train/0000.parquet", "default/train/0001.parquet"];
        let expected = [of(Split::Train, &converted[1..]), of(Split::Test, &converted[..1])];
        assert_eq!(splits(&converted, None, None).unwrap(), expected);
        let csv = ["topic_train.csv", "topic_valid.csv"];
        let expected = [of(Split::Train, &csv[..1]), of(Split::Validation, &csv[1..])];
        assert_eq!(splits(&csv, None, None).unwrap(), expected);
        let gz = splits(&["train.csv", "train.jsonl.gz"], None, None).unwrap();
        assert_eq!(gz, [of(Split::Train, &["train.jsonl.gz"])]);
    }

    #[test]
    fn what_is_put_together_and_what_is_left_unread_is_said() {
        let notes = |all: &[&str]| layout(all, None, None, &str::to_owned).unwrap().notes;
        let all = ["Train.csv", "train_noisy.csv", "VAL.csv", "extra.csv", "sub/extra.csv", "test.tsv"];
        assert_eq!(
            notes(&all),
            [
                "train is put together of Train.csv, train_noisy.csv",
                "not read, though beside what was: extra.csv, test.tsv"
            ]
        );
        assert_eq!(notes(&["data/train-0.csv", "data/train-1.csv", "data/eval.csv"]), Vec::<String>::new());
    }

    #[test]
    fn of_several_configurations_one_has_to_be_chosen() {
        let all = [
            "split/test-00000-of-00001.parquet",
            "split/train-00000-of-00001.parquet",
            "unsplit/train-00000-of-00001.parquet",
        ];
        let error = splits(&all, None, None).unwrap_err();
        assert!(error.contains("split, unsplit") && error.contains("org/name:split"), "{error}");
        assert_eq!(splits(&all, None, Some("split")).unwrap().len(), 2);
        assert!(splits(&all, None, Some("other")).is_err());
    }

    #[test]
    fn a_half_cached_split_and_a_script_are_not_taken_for_a_dataset() {
        let error = splits(&["train-00001-of-00002.parquet"], None, None).unwrap_err();
        assert!(error.contains("missing: train-00000-of-00002"), "{error}");
        let error = splits(&["README.md", "trec.py"], None, None).unwrap_err();
        assert!(error.contains("got README.md, trec.py"), "{error}");
    }

    #[test]
    fn a_readme_decides_over_names() {
        let all = ["README.md", "data/a/x.csv", "test.csv", "train.csv", "train_noisy.csv"];
        let readme = |files: &str| format!("---\nconfigs:\n- config_name: clean\n  data_files:\n{files}---\n");
        let clean = readme("  - split: train\n    path: train.csv\n  - split: test\n    path: 'te*.csv'\n");
        let expected = [of(Split::Train, &["train.csv"]), of(Split::Test, &["test.csv"])];
        assert_eq!(splits(&all, Some(&clean), None).unwrap(), expected);
        let below = readme("  - split: train\n    path: 'data/**'\n");
        assert_eq!(splits(&all, Some(&below), None).unwrap(), [of(Split::Train, &["data/a/x.csv"])]);
        // A star stays within its folder.
        let error = splits(&all, Some(&readme("  - 'data/*.csv'\n")), None).unwrap_err();
        assert!(error.contains("README.md: data_files of clean names data/*.csv: expected such a table"), "{error}");
        let error = splits(&all, Some(&clean), Some("other")).unwrap_err();
        assert!(error.contains("no configuration other: README.md names clean"), "{error}");
        let folder = "---\nconfigs:\n- config_name: inner\n  data_dir: data\n---\n";
        let inner = ["data/test.csv", "data/train.csv", "train.csv"];
        let expected = [of(Split::Train, &inner[1..2]), of(Split::Test, &inner[..1])];
        assert_eq!(splits(&inner, Some(folder), None).unwrap(), expected);
    }
}
