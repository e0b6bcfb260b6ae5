//! The link to the page as it is, and the browser's history.

use super::Page;

impl Page {
    /// The link that was copied last, where a script has put a stand-in in the clipboard's place.
    pub async fn copied(&self) -> String {
        self.wait_until("return window.__copied !== undefined", "").await;
        self.run("return __copied").await.as_str().expect("a text was copied").to_owned()
    }

    /// The link that the page offers to be copied by hand, once it has the focus, and whether it is selected as a whole and
    /// cannot be changed.
    pub async fn offered_link(&self) -> (String, bool) {
        self.wait_until("return document.activeElement?.dataset.testid === arguments[0]", "link").await;
        let script = "const field = document.querySelector('[data-testid=link]');
            return [field.value,
                field.readOnly && field.selectionStart === 0 && field.selectionEnd === field.value.length]";
        serde_json::from_value(self.run(script).await).expect("a field has a value and a selection")
    }

    /// Entries of the browser's history, once the address has followed what is shown.
    pub async fn n_history_entries(&self) -> u64 {
        let script = "const done = arguments[0];
            requestAnimationFrame(() => setTimeout(() => done(history.length), 200));";
        let n = self.client.execute_async(script, Vec::new()).await.expect("the page draws");
        n.as_u64().expect("a count")
    }
}
