//! The page as its visitor sees it: what can be done and read, in the page's own words.
//!
//! Tests find elements by `data-testid`, and read numbers from the data attributes beside them, so that neither words
//! nor looks of the page are fixed by a test. These are the ones that stand:
//!
//! | `data-testid` | element | data attributes |
//! | --- | --- | --- |
//! | `model` | the region about the model, `role=status` inside | `data-state`: `none`, `loading`, `ready`, `failed`; `data-name` |
//! | `load-progress` | `<progress>` with bytes as `value` and `max` while a model arrives | `data-stage` |
//! | `load-files`, `load-folder`, `load-rows` | `<input type=file>`; the first takes several, the second a folder | |
//! | `plan`, `seed` | `<input>`; Enter applies | |
//! | `corrupt`, `roll-seed` | `<button>` | |
//! | `damage` | what the plan did, once the worker has said so | `data-plan` (canonical), `data-seed`, `data-changed`, `data-non-finite` |
//! | `fingerprint` | the button that asks for it; then beside it `fingerprint-value` with the digits as text | |
//! | `text`, `classify` | `<input>` or `<textarea>`, `<button>`; Enter asks | |
//! | `prediction-healthy`, `-corrupted`, `-healed` | one model's answer to the text | `data-text`, `data-label` (id, or `none`), `data-probability` |
//! | `evaluate` | `<button>` | |
//! | `accuracy-healthy`, `-corrupted`, `-healed` | one model's accuracy on all held-out rows | `data-value` (0 to 1), `data-n`, `data-correct` |
//! | `heal-start`, `heal-pause`, `heal-resume`, `heal-step`, `heal-stop`, `heal-reset` | `<button>` | |
//! | `heal` | the region about healing | `data-state`: `idle`, `running`, `paused`, `done`; `data-step`, `data-n-steps`, `data-loss` |
//! | `moments` | `<input type=range>` over the moments | `data-count`, `data-step` (of the one that is chosen) |
//! | `storage`, `purge` | what is kept, `<button>` | `data-models-bytes`, `data-moments-bytes` |
//! | `failure` | `role=alert`; empty when nothing is wrong | |
//! | `restart` | `<button>` that starts the worker again after it stopped | |
//! | `layer-N`, `component-N-NAME` | what can be clicked in the drawing of the network; NAME as in the grammar, such as `attention.query`, `attention.head:3`, `ffn.in`, `layernorm` | `aria-pressed` |
//! | `part-embeddings`, `part-pooler`, `part-classifier` | the parts without insides | `aria-pressed` |
//! | `plan-error` | `role=alert` at the plan's field, with a caret; the plan is not applied | |
//! | `refusals` | what of the address was refused | |
//! | `bottom`, `top`, `scheme`, `strength` | sliders over layers, `<select>` and number of the scheme | |
//! | `drift`, `attention`, `attribution`, `tensor` | regions of the view `inside` | |
//! | `history`, `import-sentences` | sentences that were tried, `<input type=file>` | |
//! | `runs`, `run-N`, `curve-N`, `remove-run-N` | the healings of this page, a row each, its checkbox and `<button>` | `data-record` (the run's id, once it has its record) |
//! | `export-runs`, `export-healed`, `remove-runs`, `put-runs-back`, `runs-note`, `recording`, `no-runs` | `<button>`s, what there is to say, the record under way, and what stands there without runs | |
//! | `evidence`, `evidence-summary`, `load-results` | recorded runs, `<input type=file>` | |
//! | `tour`, `lesson`, `next-lesson`, `reveal` | the lessons | |
//! | `break-it`, `heal-it`, `heal-enough`, `start-again`, `break-again` | the large buttons of the main line and what follows them | |
//! | `known-healing` | `<button>` for the damage whose healed model came with the bundle | |
//! | `tale`, `part-words` | what has just happened, in words; what the part of the drawing does that is pointed at | |
//! | `more` | `<details>` with the exact damage and the settings of healing | `open` |
//! | `clear`, `heal-obstacle` | `<button>` that takes all damage away, why no healing can be started | |
//! | `waiting-change`, `change-back`, `change-now` | a change that waits for a healing, `<button>`s | |
//! | `drop`, `model-facts`, `import-note` | where files are dropped, what is known of the model, what became of an import | |
//! | `purge-models`, `purge-moments`, `bundle-NAME` | `<button>`s of the view `model` | |
//! | `copy-link`, `link-note`, `link` | `<button>`, what there is to say about the link, a field with it to be copied by hand | |
//!
//! `evaluate`, `accuracy-*`, runs and history are in the view `measure` (`#view=measure`), `load-*`, `storage` and `purge` in `model`; the
//! others in `operate`, which is shown first.

mod builds;
mod downloads;
mod gestures;
mod links;
mod visitor;

use crate::server::Server;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use http::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use url::{ParseError, Url};

/// How long the page may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// An open page.
pub struct Page {
    client: Client,
    origin: String,
    server: Rc<Server>,
}

impl Page {
    /// The page in `client`, which `server` serves at `origin`.
    pub fn new(client: Client, origin: String, server: Rc<Server>) -> Self {
        Self { client, origin, server }
    }

    /// Goes to `url`.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// Changes the address to `hash` without loading the page anew, and waits until the page has followed.
    pub async fn go_to(&self, hash: &str) {
        let script = "location.hash = arguments[0]; const done = arguments[1];
            requestAnimationFrame(() => setTimeout(done, 300));";
        self.client.execute_async(script, vec![json!(hash)]).await.expect("the page follows its address");
    }

    /// What axe-core, whose script is `axe`, finds wrong with the page as it is: rule, help and elements.
    pub async fn violations(&self, axe: &str) -> Vec<String> {
        self.client.execute(axe, Vec::new()).await.expect("axe-core starts");
        let script = "const done = arguments[0];
            axe.run().then(({ violations }) => done(violations.map(({ id, help, nodes }) =>
                `${id}: ${help}: ${nodes.map(node => node.html.slice(0, 120)).join(' | ')}`)));";
        let violations = self.client.execute_async(script, Vec::new()).await.expect("axe-core answers");
        serde_json::from_value(violations).expect("the scan is a list of texts")
    }

    /// The title of the document.
    pub async fn title(&self) -> String {
        self.client.title().await.expect("the page has a title")
    }

    /// Runs `script` in every document from now on, before anything of the page.
    pub async fn before_each_document(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Notes every worker that the page starts, and every message of theirs, from the next page on.
    pub async fn watch_workers(&self) {
        self.before_each_document(
            "window.__workers = []; window.__messages = [];
            window.Worker = class extends Worker {
                constructor(...args) {
                    super(...args);
                    __workers.push(this);
                    this.addEventListener('message', event => __messages.push(event.data));
                }
            };",
        )
        .await;
    }

    /// Waits until a model is there.
    pub async fn model_is_ready(&self) {
        self.attribute_becomes("model", "data-state", "ready").await;
    }

    /// Waits until the plan, in its canonical form, and the seed have damaged the model.
    pub async fn damage_is(&self, plan: &str, seed: u64) {
        self.attribute_becomes("damage", "data-plan", plan).await;
        self.attribute_becomes("damage", "data-seed", &seed.to_string()).await;
    }

    /// Waits until the damage has another seed.
    pub async fn damage_leaves_seed(&self, seed: u64) {
        let script = "const seed = document.querySelector('[data-testid=damage]')?.dataset.seed;
            return seed !== undefined && seed !== arguments[0]";
        self.wait_until(script, &seed.to_string()).await;
    }

    /// Asks for the fingerprint of the corrupted weights.
    pub async fn fingerprint(&self) -> String {
        self.click("fingerprint").await;
        self.wait_until("return document.querySelector('[data-testid=fingerprint-value]') !== null", "").await;
        self.text_of("[data-testid=fingerprint-value]").await
    }

    /// What one model says of `text` once it has said so: the class and the probability of it.
    pub async fn prediction(&self, model: &str, text: &str) -> (String, f64) {
        let card = format!("prediction-{model}");
        self.attribute_becomes(&card, "data-text", text).await;
        self.wait_until(
            "return document.querySelector(`[data-testid=${arguments[0]}]`)?.dataset.label !== undefined",
            &card,
        )
        .await;
        let label = self.attribute(&card, "data-label").await;
        let probability = self.attribute(&card, "data-probability").await;
        (label.expect("it has answered"), probability.map_or(f64::NAN, |text| text.parse().expect("a share")))
    }

    /// Waits until a model gives its class this probability.
    pub async fn prediction_becomes(&self, model: &str, probability: f64, tolerance: f64) {
        let script = format!(
            "const shown = document.querySelector('[data-testid=prediction-{model}]')?.dataset.probability;
             return shown !== undefined && Math.abs(shown - {probability}) < +arguments[0]"
        );
        self.wait_until(&script, &tolerance.to_string()).await;
    }

    /// Waits until a model gives its class another probability than this.
    pub async fn prediction_leaves(&self, model: &str, probability: f64) {
        let script = format!(
            "const shown = document.querySelector('[data-testid=prediction-{model}]')?.dataset.probability;
             return shown !== undefined && Math.abs(shown - {probability}) > +arguments[0]"
        );
        self.wait_until(&script, "1e-9").await;
    }

    /// The text of an element once it holds `part`.
    pub async fn text_with(&self, id: &str, part: &str) -> String {
        let script =
            format!("return document.querySelector('{}')?.textContent.includes(arguments[0]) === true", selector(id));
        self.wait_until(&script, part).await;
        self.text_of(&selector(id)).await
    }

    /// The step that a paused healing stays at.
    pub async fn settled_heal_step(&self) -> usize {
        // The step it was in when it was paused still ends.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let step = self.heal_step().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(self.heal_step().await, step, "it is paused");
        step
    }

    /// Heals by a single step and stops.
    pub async fn heals_a_step(&self) {
        self.click("heal-step").await;
        self.attribute_becomes("heal", "data-state", "paused").await;
        self.click("heal-step").await;
        self.heal_reaches(1).await;
        self.click("heal-stop").await;
        self.attribute_becomes("heal", "data-state", "done").await;
    }

    /// Has all models judged on the held-out rows; the share that `model` gets right.
    pub async fn accuracy(&self, model: &str) -> f64 {
        // The damage stays as it is.
        self.run(
            "const hash = new URLSearchParams(location.hash.slice(1));
             hash.set('view', 'measure');
             location.hash = hash.toString();",
        )
        .await;
        self.click("evaluate").await;
        self.wait_until(
            "return document.querySelector(`[data-testid=accuracy-${arguments[0]}]`) !== null
                && !document.querySelector('[data-testid=evaluate]').disabled",
            model,
        )
        .await;
        let value = self.attribute(&format!("accuracy-{model}"), "data-value").await;
        value.expect("it was judged").parse().expect("a share")
    }

    /// The steps that the healing has done.
    pub async fn heal_step(&self) -> usize {
        let step = self.attribute("heal", "data-step").await;
        step.expect("the panel is there").parse().expect("a count")
    }

    /// Waits until the healing has done so many steps.
    pub async fn heal_reaches(&self, step: usize) {
        let script = "return +document.querySelector('[data-testid=heal]')?.dataset.step >= +arguments[0]";
        self.wait_until(script, &step.to_string()).await;
    }

    /// Ends the worker as a browser does that has no memory left for it.
    pub async fn kill_worker(&self) {
        self.run(
            "const worker = __workers.at(-1);
             worker.terminate();
             worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }));",
        )
        .await;
    }

    /// Workers that the page has started so far.
    pub async fn n_workers(&self) -> u64 {
        self.run("return __workers.length").await.as_u64().expect("a count")
    }

    /// The most bytes of a transfer that the worker has told of, and the bytes it said there are.
    pub async fn told_transfer(&self) -> (u64, u64) {
        let script = "const told = __messages.filter(([header]) => JSON.parse(header).body[1] === 'progress')
                .map(([, body]) => JSON.parse(body)).filter(({ stage }) => stage === 'transfer');
            return [Math.max(...told.map(({ done }) => done)), told.at(-1).total]";
        serde_json::from_value(self.run(script).await).expect("bytes are whole numbers")
    }

    /// Chooses files by their paths.
    pub async fn choose_files(&self, id: &str, paths: &[String]) {
        let field = self.client.find(Locator::Css(&selector(id))).await.expect("there is such a field");
        field.send_keys(&paths.join("\n")).await.expect("the field takes files");
    }

    /// Moves a slider.
    pub async fn slide(&self, id: &str, value: usize) {
        let script = "const slider = document.querySelector(arguments[0]);
            slider.value = arguments[1];
            for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind, { bubbles: true }));";
        let arguments = vec![json!(selector(id)), json!(value)];
        self.client.execute(script, arguments).await.expect("the slider is there");
    }

    /// Presses a button.
    pub async fn click(&self, id: &str) {
        let script = "const button = document.querySelector(arguments[0]);
            if (!button || button.disabled) return false;
            button.click();
            return true";
        self.wait_until(script, &selector(id)).await;
    }

    /// An attribute of an element, if both are there.
    pub async fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null";
        let value = self.client.execute(script, vec![json!(selector(id)), json!(name)]).await.expect("the script runs");
        value.as_str().map(str::to_owned)
    }

    /// Waits until an attribute has a value.
    pub async fn attribute_becomes(&self, id: &str, name: &str, value: &str) {
        let script =
            format!("return document.querySelector('{}')?.getAttribute('{name}') === arguments[0]", selector(id));
        self.wait_until(&script, value).await;
    }

    /// Waits until an element has no such attribute.
    pub async fn attribute_is_gone(&self, id: &str, name: &str) {
        let script = format!("return document.querySelector('{}')?.hasAttribute('{name}') === false", selector(id));
        self.wait_until(&script, "").await;
    }

    /// Replaces what stands in the field called `id` and confirms it with Enter, by the keyboard only.
    pub async fn type_into(&self, id: &str, text: &str) {
        let field = self.client.find(Locator::Css(&selector(id))).await.expect("there is such a field");
        let select_all = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
        field.send_keys(&select_all).await.expect("the field takes keys");
        field.send_keys(&format!("{text}{}", char::from(Key::Enter))).await.expect("the field takes keys");
    }

    /// The part of the address after the path.
    pub async fn address(&self) -> String {
        let hash = self.run("return location.hash").await;
        hash.as_str().expect("the address is text").to_owned()
    }

    /// The browser's back button.
    pub async fn go_back(&self) {
        self.client.back().await.expect("there is a page before");
    }

    /// The sentence about what went wrong; empty when nothing did.
    pub async fn failure(&self) -> String {
        self.text_of("[data-testid=failure]").await
    }

    /// Waits for such a sentence that holds `part`.
    pub async fn failure_with(&self, part: &str) -> String {
        let script = "return document.querySelector('[data-testid=failure]')?.textContent.includes(arguments[0])";
        self.wait_until(script, part).await;
        self.failure().await
    }

    /// Takes the size and the pixels of a phone; a window alone cannot get that narrow.
    pub async fn become_a_phone(&self) {
        let metrics = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Takes the dark theme of the visitor's system.
    pub async fn become_dark(&self) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// The sums of red, green and blue, each up to 255, of the text's colour and the background's.
    pub async fn brightness_of_ink_and_ground(&self) -> (u64, u64) {
        let script = "const { color, backgroundColor } = getComputedStyle(document.body);
            return [color, backgroundColor].map(rgb => rgb.match(/[0-9]+/g).slice(0, 3).reduce((a, b) => a + +b, 0))";
        serde_json::from_value(self.run(script).await).expect("colours are numbers")
    }

    /// The widths of the content and of the screen; a phone widens the window to what does not fit.
    pub async fn widths(&self) -> (u64, u64) {
        let widths = self.run("return [document.documentElement.scrollWidth, screen.width]").await;
        serde_json::from_value(widths).expect("widths are whole numbers")
    }

    /// The names by which a screen reader announces the elements that match `selector` and can be seen.
    pub async fn accessible_names(&self, selector: &str) -> Vec<String> {
        let mut names = Vec::new();
        for element in self.client.find_all(Locator::Css(selector)).await.expect("the selector is right") {
            if !element.is_displayed().await.expect("the element is there") {
                continue;
            }
            let id = element.element_id();
            let command = Command { path: format!("element/{}/computedlabel", &*id), body: None };
            let name = self.client.issue_cmd(command).await.expect("chromedriver computes names");
            names.push(name.as_str().expect("a name is text").to_owned());
        }
        names
    }

    /// Lets the page fetch from an origin other than its own; what its Content-Security-Policy said about it.
    pub async fn try_to_reach_another_origin(&self) -> String {
        let script = "const done = arguments[0];
            addEventListener('securitypolicyviolation', event => done(`${event.violatedDirective} blocked`));
            const late = () => setTimeout(() => done('nothing blocked'), 1000);
            fetch('http://127.0.0.1:9/').then(late, late);";
        let answer = self.client.execute_async(script, Vec::new()).await.expect("the script runs");
        answer.as_str().expect("the script answers with text").to_owned()
    }

    /// Reads the console away, where the test itself caused what stands there.
    pub async fn forget_expected_console_errors(&self) {
        self.log("browser").await;
    }

    /// Fails when the console holds an error or a request went to another origin.
    pub async fn assert_silent(&self) {
        let errors: Vec<Value> =
            self.log("browser").await.into_iter().filter(|entry| entry["level"] == "SEVERE").collect();
        assert!(errors.is_empty(), "the console holds errors: {errors:#?}");

        let urls: Vec<String> = self.log("performance").await.iter().filter_map(requested_url).collect();
        assert!(!urls.is_empty(), "the performance log lists requests");
        let own = format!("{}/", self.origin);
        let foreign: Vec<_> = urls
            .iter()
            .filter(|url| !url.starts_with(&own) && !url.starts_with("data:") && !url.starts_with("blob:"))
            .collect();
        assert!(foreign.is_empty(), "requests left the page's origin: {foreign:?}");
    }

    /// Writes what is on the screen to `target/screenshots/<name>.png`.
    pub async fn save_screenshot(&self, name: &str) {
        let image = self.client.screenshot().await.expect("the screen can be captured");
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        fs::create_dir_all(&dir).expect("target/ can be written");
        fs::write(dir.join(format!("{name}.png")), image).expect("target/ can be written");
    }

    async fn text_of(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0]).textContent";
        let text = self.client.execute(script, vec![json!(selector)]).await.expect("the element is there");
        text.as_str().expect("an element has a text").to_owned()
    }

    /// What `bench.html` leaves: figures as JSON, or what went wrong. It takes seven measurements of over a second.
    pub async fn bench_figures(&self) -> String {
        let script = "const [done] = arguments;
            (function wait() { window.__done ? done(window.__done) : setTimeout(wait, 50) })()";
        let done = self.client.execute_async(script, Vec::new()).await.expect("the page measures in time");
        done.as_str().expect("the page leaves a text").to_owned()
    }

    async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// Waits until `script`, given `argument`, returns true.
    async fn wait_until(&self, script: &str, argument: &str) {
        let is_true = async {
            while self.client.execute(script, vec![json!(argument)]).await.expect("the script runs") != json!(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, is_true).await.is_err() {
            let text = self.run("return document.body.innerText").await;
            panic!("waited in vain for `{script}` with {argument:?}; the page says {text}");
        }
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let command = Command { path: "se/log".to_owned(), body: Some(json!({ "type": kind })) };
        let entries = self.client.issue_cmd(command).await.expect("chromedriver keeps a log");
        entries.as_array().expect("a log is a list").clone()
    }

    async fn devtools(&self, name: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": name, "params": parameters });
        let command = Command { path: "goog/cdp/execute".to_owned(), body: Some(body) };
        self.client.issue_cmd(command).await.expect("chromedriver passes the command on")
    }
}

/// The element that is called so.
fn selector(id: &str) -> String {
    format!("[data-testid={id}]")
}

/// The address of a request, if that is what the entry of the performance log is about.
fn requested_url(entry: &Value) -> Option<String> {
    let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
    let message = &message["message"];
    (message["method"] == "Network.requestWillBeSent")
        .then(|| message["params"]["request"]["url"].as_str().map(str::to_owned))?
}

/// A command of chromedriver that the client crate has no function for.
#[derive(Debug)]
struct Command {
    /// What follows the session's own path.
    path: String,
    /// Posted when there is one.
    body: Option<Value>,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        let session_id = session_id.expect("a session is open");
        base_url.join(&format!("session/{session_id}/{}", self.path))
    }

    fn method_and_body(&self, _request_url: &Url) -> (Method, Option<String>) {
        match &self.body {
            Some(body) => (Method::POST, Some(body.to_string())),
            None => (Method::GET, None),
        }
    }
}
