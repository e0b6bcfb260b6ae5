//! Which build of the page this is, as its document says.
//!
//! The document names the files of its build (`cargo xtask finish-page`). Data that lies beside the page keeps its name,
//! so its address carries the build: a browser that still has the file of another build does not use it for this one.

/// The address of a file beside the page, for this build alone.
#[must_use]
pub fn address_of(file: &str) -> String {
    told("build").map_or_else(|| file.to_owned(), |build| format!("{file}?build={build}"))
}

/// The script of the worker: the plain one, or the one that multiplies with relaxed SIMD.
pub(crate) fn worker_script(is_relaxed: IsRelaxed) -> String {
    let (word, unnamed) = match is_relaxed {
        IsRelaxed::No => ("worker", "worker_loader.js"),
        IsRelaxed::Yes => ("worker-relaxed", "worker_relaxed_loader.js"),
    };
    told(word).unwrap_or_else(|| unnamed.to_owned())
}

/// Which of the two workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsRelaxed {
    No,
    Yes,
}

/// What the document says of its build. Documents of tests say nothing.
fn told(word: &str) -> Option<String> {
    let start = web_sys::window()?.document()?.get_element_by_id("start")?;
    start.get_attribute(&format!("data-{word}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn files_are_those_that_the_document_names() {
        assert_eq!(address_of("results.jsonl"), "results.jsonl");
        assert_eq!(worker_script(IsRelaxed::Yes), "worker_relaxed_loader.js");
        let document = web_sys::window().unwrap().document().unwrap();
        let start = document.create_element("span").unwrap();
        for (name, value) in [("id", "start"), ("data-build", "b1"), ("data-worker", "./worker-1_loader.js")] {
            start.set_attribute(name, value).unwrap();
        }
        document.body().unwrap().append_child(&start).unwrap();
        let told = (address_of("results.jsonl"), worker_script(IsRelaxed::No));
        start.remove();
        assert_eq!(told, ("results.jsonl?build=b1".to_owned(), "./worker-1_loader.js".to_owned()));
    }
}
