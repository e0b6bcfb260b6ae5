//! The page as a teacher without Rust gets it: a zip, unpacked and served by what the machine has.

use crate::server::Server;
use crate::session::Visit;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use tempfile::TempDir;

/// The zip beside the page.
const ZIP: &str = "bert-heal-class.zip";

fn unpacked(dist: &Path) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let zip = File::open(dist.join(ZIP)).expect("the zip lies beside the page");
    zip::ZipArchive::new(zip).and_then(|mut zip| zip.extract(dir.path())).expect("the zip can be unpacked");
    dir
}

#[test]
fn unpacked_zip_is_the_page_with_its_models_on_a_plain_server() {
    let folder = Rc::new(std::cell::OnceCell::<TempDir>::new());
    let of_server = Rc::clone(&folder);
    let serve = move |dist: &Path| {
        let folder = of_server.get_or_init(|| unpacked(dist)).path().join("bert-heal");
        assert!(folder.join("START.txt").is_file());
        Server::start(&folder, &folder)
    };
    // Sentences of datasets are in it only when `cargo xtask demo` has fetched them.
    Visit::to("").served_by(serve).may_miss(&["rows.json"]).run(async move |page| {
        page.model_is_ready().await;
        page.press("break-it").await;
        page.text_with("prediction-corrupted", "differs from healthy").await;
        // Another model brings a sentence of its own in the place of one that came with the first.
        let film = page.address().await;
        assert!(film.contains("film"), "{film}");
        page.go_to(&format!("{film}&view=model")).await;
        page.click("bundle-minilm-l3-trec6").await;
        page.attribute_becomes("model", "data-name", "MiniLM, 3 layers: what a question asks for").await;
        let question = page.address().await;
        assert!(question.contains("Who%20baked"), "{question}");
        // One of the visitor's own stays.
        page.go_to("#text=Mine.&view=model&bundle=minilm-l3-trec6").await;
        page.click("bundle-minilm-l3-rotten-tomatoes").await;
        page.attribute_becomes("model", "data-name", "MiniLM, 3 layers: film reviews").await;
        assert!(page.address().await.contains("text=Mine."), "{}", page.address().await);
        page.forget_expected_console_errors().await;
        drop(folder);
    });
}

#[test]
fn its_one_document_opens_by_a_double_click_and_breaks_its_model() {
    Visit::to("").run(async |page| {
        page.model_is_ready().await;
        page.label("healthy").await;
        page.forget_elsewhere().await;
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
        let folder = unpacked(&dist);
        page.open(&format!("file://{}", folder.path().join("bert-heal/bert-heal.html").display())).await;
        page.model_is_ready().await;
        page.label("healthy").await;
        page.press("break-it").await;
        page.text_with("prediction-corrupted", "differs from healthy").await;
        // A worker with helpers heals, where the page was built with sentences to heal with.
        if dist.join("bundles/minilm-l3-rotten-tomatoes/rows.json").is_file() {
            page.press("heal-it").await;
            page.text_with("tale", "still learning").await;
        }
        // Nothing was asked of anybody: a request would have been refused, and said so.
        let said = page.console().await;
        assert!(said.is_empty(), "{said:?}");
        page.forget_elsewhere().await;
        page.open_here("").await;
        page.model_is_ready().await;
    });
}

#[test]
fn its_own_server_calls_scripts_by_their_name_whatever_the_machine_thinks() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/src/class_zip/serve.py");
    let started = Command::new("python3")
        .arg(script)
        .args(["127.0.0.1", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut server) = started else {
        println!("skipped: no python3 on PATH");
        return;
    };
    let mut said = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.split_once("http://").and_then(|(_, rest)| rest.split_once('/')).map(|(address, _)| address);
    let answer = address.map(|address| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /serve.py HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    server.kill().unwrap();
    server.wait().unwrap();
    let answer = answer.unwrap_or_else(|| panic!("the server does not say where it is: {said}"));
    assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("Cache-Control: no-cache"), "{answer}");
    // What Windows may say of scripts is not asked.
    assert!(answer.contains("\".js\": \"text/javascript\""), "{answer}");
}
