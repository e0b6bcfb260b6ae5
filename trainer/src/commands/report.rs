//! `bert-heal report`: what a run, or many, showed, as a page.

use anyhow::anyhow;
use serde_json::json;

use crate::cli::report::ReportArgs;
use crate::exit_code::{ExitCode, bad_input};
use crate::output::{print, print_json};
use crate::report;
use crate::report::runs::{self, Runs};

/// Runs the command.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let out = args.out.clone().unwrap_or_else(|| report::default_path(&args.run));
    if !runs::holds_many(&args.run) {
        if args.claims.is_some() || args.json {
            return Err(bad_input(anyhow!(
                "--claims and --json are about many runs: {} is one run, or there is nothing",
                args.run.display()
            )));
        }
        let page = report::write(&args.run, &out)?;
        print(&page.display().to_string())?;
        return Ok(ExitCode::Ok);
    }
    let runs = Runs::read(&args.run, &runs::claims(args.claims.as_deref())?)?;
    runs::say_notes(&runs);
    let page = report::write_runs(&runs, &out)?;
    if args.json {
        print_json(&json!({"runs": runs.records.len(), "judgements": runs.judgements_json(), "report": page}))?;
    } else {
        let sentences = runs.sentences();
        print(
            &sentences.iter().chain([&page.display().to_string()]).map(String::as_str).collect::<Vec<_>>().join("\n"),
        )?;
    }
    Ok(ExitCode::Ok)
}
