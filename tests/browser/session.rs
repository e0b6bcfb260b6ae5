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
    Visit::to(hash).run(test);
}

/// A visit of the page: as [`with_page`] makes it, but for what is said otherwise.
pub struct Visit {
    address: String,
    host: &'static str,
    serve: Box<dyn FnOnce(&Path) -> Server>,
    scripts: Vec<&'static str>,
    may_miss: &'static [&'static str],
}

impl Visit {
    /// A visit that begins at `address`, relative to the page's folder.
    pub fn to(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            host: LOOPBACK,
            serve: Box::new(|dist| Server::start(dist, &Fixture::get().dir)),
            scripts: Vec::new(),
            may_miss: &[],
        }
    }

    /// By a host whose pages browsers do not trust: it is this machine, but neither called so nor reached by TLS.
    pub fn at_insecure_host(mut self) -> Self {
        self.host = INSECURE_HOST;
        self
    }

    /// From another server; `serve` gets the folder of the built page.
    pub fn served_by(mut self, serve: impl FnOnce(&Path) -> Server + 'static) -> Self {
        self.serve = Box::new(serve);
        self
    }

    /// In a browser that differs by what `script` does to every document before it loads.
    pub fn after_script(mut self, script: &'static str) -> Self {
        self.scripts.push(script);
        self
    }

    /// Files that this server need not have, by the ends of their names.
    pub fn may_miss(mut self, names: &'static [&'static str]) -> Self {
        self.may_miss = names;
        self
    }

    /// Opens the page in a browser with a fresh profile and runs `test` on it.
    pub fn run<F>(self, test: F)
    where
        F: AsyncFnOnce(&Page) + 'static,
    {
        let (dist, chromedriver) = match prerequisites() {
            Ok(found) => found,
            Err(reason) => {
                match without_page(reason, variable(REQUIRE).as_deref(), variable(CI).as_deref()) {
                    Ok(skipped) => println!("{skipped}"),
                    Err(failure) => panic!("{failure}"),
                }
                return;
            }
        };
        let Self { address, host, serve, scripts, may_miss } = self;
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            let server = Rc::new(serve(&dist));
            let driver = Driver::start(&chromedriver);
            let client = ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities())
                .connect(&driver.url)
                .await
                .expect("chromedriver opens a Chromium");
            let origin = format!("http://{host}:{}", server.address.port());
            let page = Rc::new(Page::new(client.clone(), origin.clone(), Rc::clone(&server)));
            let url = format!("{origin}/{address}");
            // As a task, so that a panic comes back as a value and the browser is closed before it goes on.
            let outcome = tokio::task::spawn_local(async move {
                page.limit_waiting().await;
                page.watch_workers().await;
                for script in scripts {
                    page.before_each_document(script).await;
                }
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
            let is_missed = |failure: &String| !may_miss.iter().any(|name| failure.contains(name));
            let failures: Vec<String> = server.failures().into_iter().filter(is_missed).collect();
            assert_eq!(failures, Vec::<String>::new(), "every file the page asks for is there");
        });
    }
}

/// The host that browsers trust without TLS.
const LOOPBACK: &str = "127.0.0.1";

/// A name of loopback that they do not trust.
const INSECURE_HOST: &str = "teacher.test";

/// Whether these tests must run: `1`, must not: `0`, or run where they can.
const REQUIRE: &str = "BERT_HEAL_REQUIRE_BROWSER";

/// Every service of continuous integration sets it, most of them to `true`.
const CI: &str = "CI";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a test says and does that cannot open the page, for this reason: it is skipped on a developer's machine, and
/// fails where somebody relies on it, by the values of the two variables.
fn without_page(reason: &str, required: Option<&str>, ci: Option<&str>) -> Result<String, String> {
    let is_ci = ci.is_some_and(|value| !["", "0", "false"].contains(&value));
    match required {
        Some("1") => Err(format!("{REQUIRE}=1 asks for the page in a browser, but {reason}")),
        None if is_ci => Err(format!(
            "continuous integration ({CI} is set) opens the page in a browser, but {reason}; {REQUIRE}=0 leaves that out"
        )),
        _ => Ok(format!("skipped: {reason}")),
    }
}

/// The folder of the built page and the driver's path, or why there is no test.
fn prerequisites() -> Result<(PathBuf, PathBuf), &'static str> {
    if variable(REQUIRE).as_deref() == Some("0") {
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
    arguments.push(json!(format!(
        "--host-resolver-rules=MAP {INSECURE_HOST} {LOOPBACK}, MAP * ~NOTFOUND, EXCLUDE {LOOPBACK}"
    )));
    arguments.push(json!("--window-size=1200,1400"));
    // A page's second file without a visitor's gesture would wait for an answer that nobody gives.
    capabilities["goog:chromeOptions"]["prefs"] =
        json!({ "profile.default_content_setting_values.automatic_downloads": 1 });
    capabilities
}

#[test]
fn missing_browser_is_a_sentence_on_a_developers_machine_and_a_failure_in_continuous_integration() {
    let reason = "no Chromium on PATH";
    let skipped = Ok("skipped: no Chromium on PATH".to_owned());
    for ci in [None, Some(""), Some("false"), Some("0")] {
        assert_eq!(without_page(reason, None, ci), skipped);
    }
    for ci in ["true", "1", "woodpecker"] {
        let failure = without_page(reason, None, Some(ci)).unwrap_err();
        assert!(failure.starts_with("continuous integration (CI is set) opens the page"), "{failure}");
        assert!(failure.contains(reason), "{failure}");
        // The step that runs before the page is built says that it is not meant.
        assert_eq!(without_page(reason, Some("0"), Some(ci)), skipped);
    }
    for ci in [None, Some("true")] {
        assert!(without_page(reason, Some("1"), ci).unwrap_err().contains(reason));
    }
}
