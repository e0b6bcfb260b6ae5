//! An accessibility scan of every view with axe-core, which npm fetches when the test runs.
//!
//! axe-core (MPL-2.0) is not kept here and is no part of the product. Without npm, or where npm reaches no registry, the
//! test says "skipped: why"; what it looked at and how is in axe-core's own documentation (rules `wcag2a` to
//! `wcag22aa` and `best-practice`).

use crate::address;
use crate::fixture::{PLAN, SEED};
use crate::session::with_page;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Pinned, so that a new rule is met on purpose.
const AXE_CORE: &str = "axe-core@4.14.1";

/// Every view, the first one also broken and with all its controls, and one lesson, as addresses.
const VIEWS: [&str; 7] = [
    "#view=operate",
    "#plan=kaiming@all&more=1",
    "#view=inside",
    "#view=measure",
    "#view=evidence",
    "#view=model",
    "#lesson=4",
];

#[test]
fn no_view_has_a_barrier_that_axe_finds_in_the_light_or_in_the_dark() {
    let axe = match axe_core() {
        Ok(axe) => axe,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    with_page(&address(PLAN, SEED, ""), async move |page| {
        page.model_is_ready().await;
        // What fills the views: confusion matrices, a sentence in the history, and a run with its curves.
        page.accuracy("corrupted").await;
        page.go_to(&address(PLAN, SEED, "&view=operate")).await;
        page.click("classify").await;
        page.heals_a_step().await;
        for theme in ["light", "dark"] {
            for view in VIEWS {
                // Of a broken model: there is more to see.
                let view = view.replacen("#view", &format!("#plan={PLAN}&seed={SEED}&view"), 1);
                page.go_to(&format!("{view}&theme={theme}")).await;
                if view.ends_with("inside") {
                    page.text_with("tensor", "Each tile").await;
                    page.text_with("attribution", "Margin").await;
                    page.text_with("attention", "[CLS]").await;
                }
                if view.ends_with("measure") {
                    page.click("curve-1").await;
                }
                let violations = page.violations(&axe).await;
                assert_eq!(violations, Vec::<String>::new(), "{view}, {theme}");
            }
        }
    });
}

/// The script that npm brings, kept in `target/` from run to run.
fn axe_core() -> Result<String, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(AXE_CORE.replace('@', "-"));
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.is_file() {
        fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made ({error})", folder.display()))?;
        let install = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
        let status = Command::new("npm")
            .args(install)
            .arg(&folder)
            .arg(AXE_CORE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("npm cannot be started ({error})"))?;
        if !status.success() {
            return Err(format!("npm could not fetch {AXE_CORE} ({status})"));
        }
    }
    fs::read_to_string(&script).map_err(|error| format!("{} cannot be read ({error})", script.display()))
}
