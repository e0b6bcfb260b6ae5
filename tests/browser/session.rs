//! One test's browser: opened on the page, checked for silence and closed again, also when the test fails.

use crate::driver::{self, Driver};
use crate::fixture::Fixture;
use crate::page::Page;
use crate::server::Server;
use fantoccini::ClientBuilder;
use fantoccini::wd::Capabilities;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::runtime;
use tokio::task::LocalSet;

/// Opens the page at `hash` and runs `test` on it. Afterwards the console must hold no error, every request must have
/// gone to the page's own origin, and every file asked for must have been there.
pub fn with_page<F>(hash: &str, test: F)
where
    F: AsyncFnOnce(&Page) + 'static,
{
    let (dist, chromedriver) = match prerequisites() {
        Ok(found) => found,
        Err(reason) => {
            assert_ne!(requirement().as_deref(), Some("1"), "the browser is required, but {reason}");
            println!("skipped: {reason}");
            return;
        }
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let server = Rc::new(Server::start(&dist, &Fixture::get().dir));
        let driver = Driver::start(&chromedriver);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities())
            .connect(&driver.url)
            .await
            .expect("chromedriver opens a Chromium");
        let origin = format!("http://{}", server.address);
        let page = Rc::new(Page::new(client.clone(), origin.clone(), Rc::clone(&server)));
        let url = format!("{origin}/{hash}");
        // As a task, so that a panic comes back as a value and the browser is closed before it goes on.
        let outcome = tokio::task::spawn_local(async move {
            page.watch_workers().await;
            page.open(&url).await;
            test(&page).await;
            page.assert_silent().await;
        })
        .await;
        // A browser that crashed in the test is closed already; the test's own outcome says more.
        let _ = client.close().await;
        if let Err(error) = outcome {
            std::panic::resume_unwind(error.into_panic());
        }
        assert_eq!(server.failures(), Vec::<String>::new(), "every file the page asks for is there");
    });
}

fn requirement() -> Option<String> {
    std::env::var("BERT_HEAL_REQUIRE_BROWSER").ok()
}

/// The folder of the built page and the driver's path, or why there is no test.
fn prerequisites() -> Result<(PathBuf, PathBuf), &'static str> {
    if requirement().as_deref() == Some("0") {
        return Err("BERT_HEAL_REQUIRE_BROWSER is 0");
    }
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    if !dist.join("index.html").is_file() {
        return Err("there is no dist/index.html; `trunk build --release` makes it");
    }
    Ok((dist, driver::find()?))
}

/// The committed options of Chromium, as the tests of WebAssembly use them, with the logs switched on.
fn capabilities() -> Capabilities {
    let mut capabilities: Capabilities =
        serde_json::from_str(include_str!("../../webdriver.json")).expect("webdriver.json is an object");
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL", "performance": "ALL" }));
    // Another host has no address here: a request that leaves would fail and show in the console.
    let arguments = capabilities
        .get_mut("goog:chromeOptions")
        .and_then(|options| options.get_mut("args"))
        .and_then(Value::as_array_mut)
        .expect("webdriver.json lists Chromium's arguments");
    arguments.push(json!("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"));
    arguments.push(json!("--window-size=1200,1400"));
    capabilities
}
