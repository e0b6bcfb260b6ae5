//! Which build runs, what of it the browser keeps, and what is read before any runs.

use super::Page;
use crate::server::Behaviour;
use fantoccini::Locator;
use fantoccini::wd::TimeoutConfiguration;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// A reload that takes longer hangs: on a busy machine the page stands after a few seconds.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);

/// The builds that parts of an open page are of, as `Site` marks them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Builds {
    /// In the document.
    pub document: String,
    /// In the names of the page's program and of the worker's script.
    pub programs: Vec<String>,
    /// What the workers say that run.
    pub workers: Vec<String>,
}

impl Page {
    /// Lets no page load and no script take for ever.
    pub async fn limit_waiting(&self) {
        self.client.update_timeouts(TimeoutConfiguration::default()).await.expect("chromedriver takes time limits");
    }

    /// Loads the page anew as its visitor does; how long it took.
    pub async fn reload(&self) -> Duration {
        let started = Instant::now();
        if let Err(error) = self.client.refresh().await {
            panic!("the page did not load anew within {:?}: {error}", started.elapsed());
        }
        let took = started.elapsed();
        assert!(took < RELOAD_LIMIT, "the page hung for {took:?}");
        took
    }

    /// Waits until the browser keeps what the page needs without a network.
    pub async fn is_kept(&self) {
        let script = "const done = arguments[0];
            const count = async () => {
                const build = document.getElementById('start').dataset.build;
                const kept = await Promise.all((await caches.keys()).map(async name =>
                    [name, (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)]));
                const page = kept.find(([name]) => name.startsWith('bert-heal-page-') && name.endsWith(build))?.[1] ?? [];
                const has = ending => page.some(path => ending.test(path));
                return has(/\\/$/) && has(/worker(_relaxed)?-\\w+_bg.wasm$/) && has(/app-\\w+_bg.wasm$/) && has(/index.json$/)
                    && kept.filter(([name]) => name.startsWith('bert-heal-page-')).length === 1
                    && kept.some(([name]) => name.startsWith('bert-heal-models-'));
            };
            const wait = async () => await count() ? done(true) : setTimeout(wait, 200);
            wait();";
        self.client.execute_async(script, Vec::new()).await.expect("what is kept can be looked at");
    }

    /// Waits until the page is kept, then pulls the server's plug and loads it anew.
    pub async fn go_offline(&self) {
        self.is_kept().await;
        self.server.stop();
        self.client.refresh().await.expect("the page opens without its server");
    }

    /// The builds that this page is of, once its worker has said so.
    pub async fn builds(&self) -> Builds {
        self.wait_until("return window.__builds.length > 0", "").await;
        let script = "const names = performance.getEntriesByType('resource').map(({ name }) => name)
                .filter(name => /(app|worker|worker_relaxed)-\\w+(_loader)?\\.js$/.test(name));
            return {
                document: document.getElementById('start').dataset.build.slice(0, 1),
                programs: names.map(name => name.match(/-(\\w)\\w+\\.js$/)[1]),
                workers: __builds,
            }";
        serde_json::from_value(self.run(script).await).expect("a page has builds")
    }

    /// Waits until the words that are in sight hold `part`; all of them.
    pub async fn words_in_sight_with(&self, part: &str) -> String {
        self.wait_until("return document.body.innerText.includes(arguments[0])", part).await;
        let text = self.run("return document.body.innerText").await;
        text.as_str().expect("a document has words").to_owned()
    }

    /// Looks into the page's first frame from here on.
    pub async fn enter_frame(&self) {
        let frame = self.client.find(Locator::Css("iframe")).await.expect("there is a frame");
        frame.enter_frame().await.expect("the frame can be entered");
    }

    /// Looks at the page itself again.
    pub async fn leave_frame(&self) {
        self.client.enter_parent_frame().await.expect("the frame can be left");
    }

    /// Milliseconds after its start at which this page showed that its program is on its way; see `WATCH_STARTING`.
    pub async fn starting_seen_ms(&self) -> Vec<f64> {
        serde_json::from_value(self.run("return __starting").await).expect("times are numbers")
    }

    /// Goes to the page at `hash` in this server's folder.
    pub async fn open_here(&self, hash: &str) {
        self.open(&format!("{}/{hash}", self.origin)).await;
    }

    /// Forgets what the test itself asked for elsewhere and what came of it.
    pub async fn forget_elsewhere(&self) {
        for kind in ["browser", "performance"] {
            self.log(kind).await;
        }
    }

    /// What the page and its workers have written to the console since the log was last read.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        entries.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Has the server behave in another way from now on.
    pub fn server_behaves(&self, behaviour: Behaviour) {
        self.server.behave(behaviour);
    }
}
