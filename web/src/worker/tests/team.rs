//! Helpers that are of no use: the worker does their share itself, and nothing else changes.
//!
//! What real helpers compute is looked at in the browser tests, where there is a script to start them with.

use super::super::team::Team;
use super::*;
use shared::Condition::{Corrupted, Healed};
use web_sys::{Blob, BlobPropertyBag, Url};

/// Scripts of helpers, and what they do.
const SCRIPTS: [(&str, &str); 4] = [
    ("never listens", ""),
    (
        "stops at its first order",
        r#"postMessage(['{"ticket":null,"body":"ready"}', new Float32Array(0)]);
        onmessage = () => { throw new Error("out of memory") };"#,
    ),
    (
        "says that it cannot",
        r#"postMessage(['{"ticket":null,"body":"ready"}', new Float32Array(0)]);
        onmessage = ({ data }) => {
            const { ticket } = JSON.parse(data[0]);
            if (ticket !== null) postMessage([JSON.stringify({ ticket, body: { failed: "no" } }), new Float32Array(0)]);
        };"#,
    ),
    (
        "answers what was not asked",
        r#"postMessage(['{"ticket":null,"body":"ready"}', new Float32Array(0)]);
        onmessage = ({ data }) => {
            const { ticket } = JSON.parse(data[0]);
            if (ticket !== null) postMessage([JSON.stringify({ ticket, body: "hidden" }), new Float32Array(3)]);
        };"#,
    ),
];

fn address_of(script: &str) -> String {
    let options = BlobPropertyBag::new();
    options.set_type("text/javascript");
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&script.into()), &options).unwrap();
    Url::create_object_url_with_blob(&blob).unwrap()
}

/// Whether all helpers listen within a few seconds. Once in some runs of this suite Chromium 156 left one of a page's many
/// workers waiting for more than a minute.
async fn has_started(page: &Page) -> bool {
    for _ in 0..500 {
        if !page.worker.context.with_session(|session| Ok(session.team.is_starting())).unwrap() {
            return true;
        }
        TimeoutFuture::new(10).await;
    }
    false
}

/// What a healing and an evaluation with these helpers come to.
async fn healed_with(script: Option<&str>) -> (String, Vec<Vec<Option<u32>>>) {
    let (page, _) = Page::loaded().await;
    if let Some(script) = script {
        let replace = |session: &mut Session| {
            session.team = Team::with_script(4, Some(address_of(script)), &session.config, &session.healthy);
            session.team.start();
            Ok(())
        };
        for n_tries in 1.. {
            page.worker.context.with_session(replace).unwrap();
            if script.is_empty() || has_started(&page).await {
                break;
            }
            assert!(n_tries < 3, "helpers do not start");
        }
    }
    page.corrupt("kaiming@all", 5).await;
    page.ask(settings(6)).await.unwrap();
    let evaluation = page.ask(Evaluate { models: vec![Corrupted, Healed] }).await.unwrap();
    (page.fingerprint(Healed).await, evaluation.rows.into_iter().map(|row| row.predicted).collect())
}

#[wasm_bindgen_test]
async fn helpers_that_are_lost_change_nothing() {
    let alone = healed_with(None).await;
    for (what, script) in SCRIPTS {
        assert!(healed_with(Some(script)).await == alone, "a helper that {what}");
    }
}
