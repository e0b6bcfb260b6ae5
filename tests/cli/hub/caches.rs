//! Caches that others filled in part, without links, and without a network.

use super::{DATASET, MODEL, MODEL_PATH, Machine, assert_success, hub, refusal, stderr};
use std::fs;
use std::os::unix::fs::symlink;

use super::server::Hub;

/// The model as another program left it that only needed some files; of the others it remembers nothing.
fn fill(machine: &Machine, hub: &Hub, names: &[&str]) {
    let repository = hub.repository(MODEL_PATH);
    let (cached, commit) = (machine.cached(MODEL_PATH), repository.commit());
    let snapshot = cached.join("snapshots").join(&commit);
    for folder in [cached.join("refs"), cached.join("blobs"), snapshot.clone()] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(cached.join("refs/main"), &commit).unwrap();
    for name in names {
        let bytes = repository.file(name);
        let etag = if name.ends_with(".safetensors") {
            crate::fixture::hash(&crate::fixture::tiny_model().join(name))
        } else {
            super::server::git_sha1(bytes)
        };
        fs::write(cached.join("blobs").join(&etag), bytes).unwrap();
        symlink(format!("../../blobs/{etag}"), snapshot.join(name)).unwrap();
    }
}

#[test]
fn a_cache_that_is_filled_in_part_is_completed_at_its_commit() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    fill(&machine, &hub, &["config.json", "model.safetensors", "vocab.txt"]);
    assert_success(&machine.fetch(&[MODEL]));
    let commit = hub.repository(MODEL_PATH).commit();
    let snapshot = machine.cached(MODEL_PATH).join("snapshots").join(&commit);
    for name in ["tokenizer_config.json", "tokenizer.json"] {
        assert_eq!(fs::read(snapshot.join(name)).unwrap(), hub.repository(MODEL_PATH).file(name), "{name}");
    }
    // The weights were there, and the commit is not asked for again.
    assert_eq!(hub.downloads().len(), 0);
    assert!(hub.log().iter().all(|asked| !asked.path.contains("/revision/")), "{:?}", hub.log());
    // What the hub does not have is remembered where huggingface_hub looks for it.
    assert!(machine.cached(MODEL_PATH).join(".no_exist").join(&commit).join("special_tokens_map.json").is_file());
    let n_requests = hub.log().len();
    assert_success(&machine.fetch(&[MODEL]));
    assert_eq!(hub.log().len(), n_requests);
}

#[test]
fn a_cache_of_which_all_is_known_is_complete_without_a_request() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    fill(&machine, &hub, &["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
    let absent = machine.cached(MODEL_PATH).join(".no_exist").join(hub.repository(MODEL_PATH).commit());
    fs::create_dir_all(&absent).unwrap();
    for name in ["vocab.txt", "special_tokens_map.json", "added_tokens.json", "adapter_config.json"] {
        fs::write(absent.join(name), "").unwrap();
    }
    let output = machine.fetch(&[MODEL]);
    assert_success(&output);
    assert!(hub.log().is_empty(), "{:?}", hub.log());
    assert!(!stderr(&output).contains("note:"), "{}", stderr(&output));
}

#[test]
fn without_the_hub_a_cache_that_is_filled_in_part_is_used_and_said() {
    let hub = hub();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, flags) in [(hub.endpoint.clone(), &["--offline"][..]), (format!("http://{nobody}"), &[])] {
        let machine = Machine::at(&endpoint);
        fill(&machine, &hub, &["config.json", "model.safetensors", "vocab.txt"]);
        let output = machine.fetch(&[&[MODEL], flags].concat());
        assert_success(&output);
        let said = stderr(&output);
        let unknown = "the hub was not asked for it: tokenizer.json, tokenizer_config.json, special_tokens_map.json, \
                       added_tokens.json, adapter_config.json";
        assert!(said.contains(unknown), "{said}");
    }
    // A hub that refuses is not one that is out of reach, and the cache is as good.
    hub.with(|faults| faults.required = Some("Bearer hf_other".to_owned()));
    let machine = Machine::at(&hub.endpoint);
    fill(&machine, &hub, &["config.json", "model.safetensors", "vocab.txt"]);
    let output = machine.fetch(&[MODEL]);
    assert_success(&output);
    assert!(stderr(&output).contains("access denied (401)"), "{}", stderr(&output));
}

#[test]
fn without_links_a_snapshot_holds_the_files_and_nothing_lies_there_twice() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    let fetch = |flags: &[&str]| {
        let mut command = machine.command();
        command.env("HF_HUB_DISABLE_SYMLINKS", "1").arg("fetch").arg(MODEL).args(flags).output().unwrap()
    };
    assert_success(&fetch(&[]));
    assert_eq!(machine.blobs(MODEL_PATH), Vec::<String>::new());
    let snapshot = machine.cached(MODEL_PATH).join("snapshots").join(hub.repository(MODEL_PATH).commit());
    for name in ["config.json", "model.safetensors"] {
        assert!(!fs::symlink_metadata(snapshot.join(name)).unwrap().is_symlink());
        assert_eq!(fs::read(snapshot.join(name)).unwrap(), hub.repository(MODEL_PATH).file(name));
    }
    assert_success(&fetch(&["--offline"]));
    // The listing has the hashes that links have in their names.
    let mut damaged = fs::read(snapshot.join("model.safetensors")).unwrap();
    damaged[2000] ^= 1;
    fs::write(snapshot.join("model.safetensors"), &damaged).unwrap();
    let output = fetch(&[]);
    assert_success(&output);
    assert!(stderr(&output).contains("in the cache: expected SHA-256"), "{}", stderr(&output));
    assert_eq!(
        fs::read(snapshot.join("model.safetensors")).unwrap(),
        hub.repository(MODEL_PATH).file("model.safetensors")
    );
}

#[test]
fn every_switch_of_hugging_face_forbids_the_network() {
    let hub = hub();
    let machine = Machine::at(&hub.endpoint);
    for switch in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"] {
        for name in [MODEL, DATASET] {
            let error = refusal(&machine.command().env(switch, "1").args(["fetch", name]).output().unwrap());
            assert!(error.contains("not in the cache") && error.contains(&format!("{switch} is set")), "{error}");
        }
    }
    assert!(hub.log().is_empty());
}
