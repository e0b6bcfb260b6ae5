//! The page on servers as they are: another build takes its place, they fall silent, they call scripts plain text.

use crate::fixture::{Fixture, PLAN, SEED};
use crate::page::Page;
use crate::server::{Behaviour, Headers, Server};
use crate::session::Visit;
use crate::site::{HEAR_BUILDS, Site};
use crate::{TEXT, address};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Reloads after another build has taken the place of the first.
const N_RELOADS: usize = 20;

/// How long a kept page may take to stand where the server says nothing: the page's patience, twice, and a busy machine.
const KEPT_LIMIT: Duration = Duration::from_secs(20);

/// Notes when the page shows that its program is on its way.
const WATCH_STARTING: &str = "window.__starting = [];
    const look = () => {
        const starting = document.getElementById('starting');
        if (starting?.getBoundingClientRect().height > 0 && getComputedStyle(starting).visibility === 'visible')
            __starting.push(performance.now());
        requestAnimationFrame(look);
    };
    look();";

/// Visits the first build on a server with `headers`, keeps it, puts another one in its place and loads the page again
/// and again, sooner and later after the browser has found the new build.
fn redeploy(headers: Headers, of_service_worker: &'static str) {
    redeploy_on(move |dir, overlay| Server::start_with(dir, overlay, headers), of_service_worker);
}

fn redeploy_on(start: impl FnOnce(&Path, &Path) -> Server + 'static, of_service_worker: &'static str) {
    let site = Rc::new(std::cell::OnceCell::<Site>::new());
    let of_server = Rc::clone(&site);
    let serve = move |dist: &Path| {
        let site = of_server.get_or_init(|| Site::new(dist));
        start(site.path(), &Fixture::get().dir)
    };
    Visit::to(&address(PLAN, SEED, "")).served_by(serve).after_script(HEAR_BUILDS).run(async move |page| {
        page.model_is_ready().await;
        is_of_one_build(page, "a").await;
        page.is_kept().await;
        for _ in 0..2 {
            page.reload().await;
            page.model_is_ready().await;
            is_of_one_build(page, "a").await;
        }
        let site = site.get().unwrap();
        site.deploy("b");
        site.append("service_worker.js", of_service_worker);
        for i in 0..N_RELOADS {
            page.reload().await;
            is_of_one_build(page, "b").await;
            tokio::time::sleep(Duration::from_millis([0, 300, 1_200, 3_500][i % 4])).await;
        }
        page.model_is_ready().await;
        page.prediction("corrupted", TEXT).await;
        // The kept page is the new one, too, and whole.
        page.go_offline().await;
        page.model_is_ready().await;
        is_of_one_build(page, "b").await;
        page.forget_expected_console_errors().await;
    });
}

async fn is_of_one_build(page: &Page, build: &str) {
    let builds = page.builds().await;
    assert_eq!(builds.document, build, "{builds:?}");
    assert!(builds.programs.len() >= 2 && builds.programs.iter().all(|program| program == build), "{builds:?}");
    assert!(builds.workers.iter().all(|worker| worker == build), "{builds:?}");
}

#[test]
fn new_build_runs_its_own_worker_on_a_server_that_only_dates_its_files() {
    redeploy(Headers::default(), "");
}

#[test]
fn new_build_runs_its_own_worker_on_a_server_whose_files_hold_for_ten_minutes() {
    redeploy(Headers { cache_control: Some("max-age=600"), ..Headers::default() }, "");
}

#[test]
fn new_build_runs_its_own_worker_on_nginx_as_it_is_installed() {
    if Server::nginx(&Fixture::get().dir, &Fixture::get().dir).is_none() {
        println!("skipped: no nginx on PATH");
        return;
    }
    redeploy_on(|dir, overlay| Server::nginx(dir, overlay).expect("nginx started a moment ago"), "");
}

#[test]
fn reloads_end_also_while_a_new_service_worker_waits() {
    redeploy(Headers::default(), "\n// Another build, whose program has changed.\n");
}

#[test]
fn kept_page_comes_where_the_server_says_nothing_or_that_it_cannot() {
    Visit::to(&address(PLAN, SEED, "")).run(async |page| {
        page.model_is_ready().await;
        let before = page.prediction("corrupted", TEXT).await;
        page.is_kept().await;
        for behaviour in [
            Behaviour::Unavailable,
            Behaviour::SilentAbout(&["manifest.json", "rows.json"]),
            Behaviour::SilentAbout(&["index.json"]),
            Behaviour::Silent,
        ] {
            page.server_behaves(behaviour);
            let started = std::time::Instant::now();
            page.reload().await;
            page.model_is_ready().await;
            let took = started.elapsed();
            assert!(took < KEPT_LIMIT, "{behaviour:?}: {took:?}");
            assert_eq!(page.prediction("corrupted", TEXT).await, before, "{behaviour:?}");
            page.heals_a_step().await;
        }
        page.server_behaves(Behaviour::Well);
        page.forget_expected_console_errors().await;
    });
}

#[test]
fn page_whose_scripts_are_called_plain_text_says_so() {
    let headers = Headers { script_type: Some("text/plain"), ..Headers::default() };
    let serve = move |dist: &Path| Server::start_with(dist, &Fixture::get().dir, headers);
    Visit::to("").served_by(serve).run(async |page| {
        let words = page.words_in_sight_with("plain text").await;
        assert!(words.contains("serve.py") && words.contains("text/javascript"), "{words}");
        page.forget_expected_console_errors().await;
    });
}

#[test]
fn page_in_a_sandbox_says_so() {
    // The folder lives as long as its server is asked for files.
    let site = Rc::new(std::cell::OnceCell::<Site>::new());
    let of_server = Rc::clone(&site);
    let serve = move |dist: &Path| {
        let site = of_server.get_or_init(|| Site::new(dist));
        let frame = "<!DOCTYPE html><title>A lesson</title><link rel=icon href=data:,>\
                     <iframe sandbox=allow-scripts src=index.html width=900 height=900></iframe>";
        std::fs::write(site.path().join("frame.html"), frame).unwrap();
        Server::start(site.path(), &Fixture::get().dir)
    };
    Visit::to("frame.html").served_by(serve).run(async move |page| {
        page.enter_frame().await;
        page.words_in_sight_with("sandbox").await;
        page.leave_frame().await;
        page.forget_expected_console_errors().await;
        drop(site);
    });
}

#[test]
fn page_opened_by_a_double_click_says_what_to_do() {
    Visit::to("").run(async |page| {
        page.model_is_ready().await;
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/index.html").canonicalize().unwrap();
        page.open(&format!("file://{}", dist.display())).await;
        let words = page.words_in_sight_with("“file:”").await;
        assert!(words.contains("python3 serve.py") && words.contains("START.txt"), "{words}");
        page.forget_elsewhere().await;
        page.open_here("").await;
        page.model_is_ready().await;
    });
}

#[test]
fn browser_without_webassembly_is_told() {
    Visit::to("").after_script("delete globalThis.WebAssembly;").run(async |page| {
        let words = page.words_in_sight_with("did not start").await;
        assert!(words.contains("no WebAssembly") && !words.contains("plain text"), "{words}");
        page.forget_expected_console_errors().await;
    });
}

#[test]
fn nothing_of_what_may_be_wrong_flashes_where_all_is_well() {
    Visit::to("").after_script(WATCH_STARTING).run(async |page| {
        page.model_is_ready().await;
        let seen = page.starting_seen_ms().await;
        assert!(seen.iter().all(|ms| *ms > 2_000.0), "{seen:?}");
        assert!(!page.words_in_sight_with("bert-heal").await.contains("on its way"));
    });
}
