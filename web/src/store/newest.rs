//! Of several waits for the same thing only the newest counts.

use std::cell::Cell;
use std::rc::Rc;

/// Counts what was begun. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Newest(Rc<Cell<u64>>);

/// One of the things that were begun.
#[derive(Clone)]
pub(super) struct Turn {
    newest: Rc<Cell<u64>>,
    number: u64,
}

impl Newest {
    /// Begins another one, which makes all before it outdated.
    pub(super) fn begin(&self) -> Turn {
        self.0.set(self.0.get() + 1);
        Turn { newest: Rc::clone(&self.0), number: self.0.get() }
    }
}

impl Turn {
    /// Whether none was begun since.
    pub(super) fn is_newest(&self) -> bool {
        self.number == self.newest.get()
    }

    /// What `wait` brings, unless another one was begun meanwhile.
    pub(super) async fn unless_outdated<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        let found = wait.await;
        self.is_newest().then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_futures::JsFuture;
    use wasm_bindgen_test::wasm_bindgen_test;

    async fn arrives_after(ms: i32, what: &'static str) -> &'static str {
        let promise = js_sys::Promise::new(&mut |resolve, _| {
            web_sys::window().unwrap().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms).unwrap();
        });
        JsFuture::from(promise).await.unwrap();
        what
    }

    #[wasm_bindgen_test]
    async fn a_manifest_that_arrives_after_the_next_ones_is_not_used() {
        let newest = Newest::default();
        let shown = Rc::new(Cell::new("nothing"));
        let open = |ms, what| {
            let (turn, shown) = (newest.begin(), Rc::clone(&shown));
            async move {
                if let Some(manifest) = turn.unless_outdated(arrives_after(ms, what)).await {
                    shown.set(manifest);
                }
            }
        };
        // Two quick switches: the first one's manifest is slow.
        let (slow, quick) = (open(60, "first"), open(1, "second"));
        wasm_bindgen_futures::spawn_local(slow);
        quick.await;
        assert_eq!(shown.get(), "second");
        arrives_after(120, "").await;
        assert_eq!(shown.get(), "second");
    }
}
