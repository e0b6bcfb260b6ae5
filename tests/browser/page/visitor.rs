//! Visitors of every kind: with files in their hands, two tabs, a translator, colours of their own, paper or a small screen.

use super::{Page, selector};
use fantoccini::Locator;
use fantoccini::wd::WindowHandle;
use serde_json::{Value, json};

/// A function of the element whose texts it translates.
const TRANSLATOR: &str = include_str!("../translator.js");

impl Page {
    /// Lets the browser translate the page, as far as that changes the document.
    pub async fn translate(&self) {
        self.run(&format!("{}(document.body);", TRANSLATOR.trim_end())).await;
    }

    /// Drops files in the middle of the first element that matches `css`, as a hand does; whether the browser left them to
    /// the page.
    pub async fn drop_files(&self, css: &str, paths: &[String]) -> bool {
        let script = "const element = document.querySelector(arguments[0]);
            element.scrollIntoView({ block: 'center' });
            window.__drops = [];
            for (const kind of ['dragover', 'drop'])
                addEventListener(kind, event => __drops.push(event.defaultPrevented), { once: true });
            const { x, y, width, height } = element.getBoundingClientRect();
            return [x + width / 2, y + height / 2]";
        let place = self.client.execute(script, vec![json!(css)]).await.expect("the element is there");
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({ "items": [], "files": paths, "dragOperationsMask": 1 });
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "data": data });
            self.devtools("Input.dispatchDragEvent", event).await;
        }
        let drops = self.run("return __drops").await;
        let drops: Vec<bool> = serde_json::from_value(drops).expect("the page was asked");
        !drops.is_empty() && drops.iter().all(|is_prevented| *is_prevented)
    }

    /// Chooses a file as the browser's own dialogue does, which tells the page nothing when the field has it already.
    pub async fn choose_in_dialogue(&self, id: &str, path: &str) {
        let expression = format!("document.querySelector('{}')", selector(id));
        let field = self.devtools("Runtime.evaluate", json!({ "expression": expression })).await;
        let files = json!({ "files": [path], "objectId": field["result"]["objectId"] });
        self.devtools("DOM.setFileInputFiles", files).await;
    }

    /// Opens another tab at `hash` of the page and goes to it; the tab before it.
    pub async fn open_tab(&self, hash: &str) -> WindowHandle {
        let before = self.client.window().await.expect("a tab is open");
        let tab = self.client.new_window(true).await.expect("another tab opens");
        self.client.switch_to_window(tab.handle).await.expect("it is there");
        self.open(&format!("{}/{hash}", self.origin)).await;
        before
    }

    /// Goes to a tab; the one before.
    pub async fn switch_to_tab(&self, tab: WindowHandle) -> WindowHandle {
        let before = self.client.window().await.expect("a tab is open");
        self.client.switch_to_window(tab).await.expect("it is there");
        before
    }

    /// Clicks the first element that matches `css`, with the mouse.
    pub async fn click_on(&self, css: &str) {
        let element = self.client.wait().for_element(Locator::Css(css)).await.expect("the element is there");
        element.click().await.expect("it can be clicked");
    }

    /// Elements that match `css`.
    pub async fn count(&self, css: &str) -> u64 {
        let script = "return document.querySelectorAll(arguments[0]).length";
        let n = self.client.execute(script, vec![json!(css)]).await.expect("the selector is right");
        n.as_u64().expect("a count")
    }

    /// A property of the style that the first element that matches `css` has on the screen.
    pub async fn style(&self, css: &str, property: &str) -> String {
        let script = "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])";
        let value = self.client.execute(script, vec![json!(css), json!(property)]).await.expect("the element is there");
        value.as_str().expect("a style is text").to_owned()
    }

    /// That property of all elements that match `css`.
    pub async fn styles(&self, css: &str, property: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])]
                .map(element => getComputedStyle(element).getPropertyValue(arguments[1]))";
        let values =
            self.client.execute(script, vec![json!(css), json!(property)]).await.expect("the selector is right");
        serde_json::from_value(values).expect("a list of texts")
    }

    /// How wide the content is, however narrow the screen.
    pub async fn content_width(&self) -> u64 {
        self.run("return document.documentElement.scrollWidth").await.as_u64().expect("a width is a whole number")
    }

    /// Takes colours of the visitor's own, for a dark or a light ground.
    pub async fn force_colors(&self, scheme: &str) {
        let features = [("forced-colors", "active"), ("prefers-color-scheme", scheme)];
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Shows the page as it is on paper.
    pub async fn become_paper(&self) {
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    }

    /// Takes a screen of this size, as a phone or as a computer has it.
    pub async fn become_a_screen(&self, width: u64, height: u64) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Slows the page's own thread down so many times.
    pub async fn become_slower(&self, times: u64) {
        self.devtools("Emulation.setCPUThrottlingRate", json!({ "rate": times })).await;
    }

    /// Waits until an element is there and nothing moves, and fails unless all of it is on the screen.
    pub async fn is_in_sight(&self, id: &str) {
        let css = selector(id);
        let script = "const place = document.querySelector(arguments[0])?.getBoundingClientRect();
            const before = window.__place;
            window.__place = place?.top;
            return place?.height > 0 && place.top === before";
        self.wait_until(script, &css).await;
        let script =
            "const { top, bottom, left, right } = document.querySelector(arguments[0]).getBoundingClientRect();
            return top >= 0 && left >= 0 && bottom <= innerHeight + 0.5 && right <= innerWidth + 0.5 ? ''
                : `${left},${top} to ${right},${bottom} on ${innerWidth} by ${innerHeight}, scrolled by ${scrollY}`";
        let outside = self.client.execute(script, vec![json!(css)]).await.expect("the element is there");
        if outside != json!("") {
            self.save_screenshot("out-of-sight").await;
            panic!("{id} is not in sight: {outside}");
        }
    }

    /// Notes every text that an element has from now on: some stand there for a moment only.
    pub async fn note_texts(&self, id: &str) {
        let script = format!(
            "const text = () => document.querySelector('{}')?.textContent ?? '';
             window.__texts = [text()];
             new MutationObserver(() => __texts.push(text()))
                 .observe(document.body, {{ subtree: true, childList: true, characterData: true }});",
            selector(id)
        );
        self.run(&script).await;
    }

    /// The texts that were noted.
    pub async fn noted_texts(&self) -> Vec<String> {
        serde_json::from_value(self.run("return [...new Set(__texts)]").await).expect("a list of texts")
    }

    /// Presses a button as soon as it can be, which has to be in sight.
    pub async fn press_in_sight(&self, id: &str) {
        self.wait_until("return document.querySelector(arguments[0])?.disabled === false", &selector(id)).await;
        self.is_in_sight(id).await;
        self.click_on(&selector(id)).await;
    }

    /// The class that one model names, once it has named one.
    pub async fn label(&self, model: &str) -> String {
        let card = format!("prediction-{model}");
        let script = "return document.querySelector(`[data-testid=${arguments[0]}]`)?.dataset.label !== undefined";
        self.wait_until(script, &card).await;
        self.attribute(&card, "data-label").await.expect("it has answered")
    }

    /// Waits until a healing has come to its end, however busy the machine is.
    pub async fn healing_has_ended(&self) {
        loop {
            let step = self.heal_step().await;
            if self.attribute("heal", "data-state").await.as_deref() == Some("done") {
                return;
            }
            // It goes on, or fails here.
            let script = "const { state, step } = document.querySelector('[data-testid=heal]').dataset;
                return state === 'done' || +step > +arguments[0]";
            self.wait_until(script, &step.to_string()).await;
        }
    }

    /// How far the page is scrolled down.
    pub async fn scrolled(&self) -> u64 {
        self.run("return Math.round(scrollY)").await.as_u64().expect("a whole number")
    }

    /// Takes a screen of this width.
    pub async fn become_as_wide_as(&self, width: u64) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What can be pressed and is smaller than 24 pixels in either direction, but for links in sentences.
    pub async fn small_targets(&self) -> Vec<String> {
        let script = "const targets = document.querySelectorAll('button, input, select, textarea, summary, nav a');
            return [...targets].map(target => [target, target.getBoundingClientRect()])
                .filter(([target, { width, height }]) => width > 0 && !target.matches('.visually-hidden')
                    && (width < 24 || height < 24))
                .map(([target, { width, height }]) =>
                    `${target.dataset.testid ?? target.textContent}: ${width} by ${height}`)";
        serde_json::from_value(self.run(script).await).expect("a list of texts")
    }
}
