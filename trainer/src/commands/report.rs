//! `bert-heal report`: what a run, or many, showed, as a page.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use crate::exit_code::{ExitCode, bad_input};
use crate::output::{print, print_json};
use crate::report;
use crate::report::runs::{self, Runs};
use crate::sweep::{Plan, SweepFolder};
use shared::claims::ClaimsFile;

const EXAMPLES: &str = "\
Examples:
  bert-heal report runs/3f2a91c07b5e
  bert-heal report runs/3f2a91c07b5e --out report/   # then open report/index.html
  bert-heal report runs                              # all runs: a verdict for each claim
  bert-heal report sweeps/trec6-levels               # a sweep: its own claims
  bert-heal report runs/results.jsonl --claims claims.toml --out report/";

/// Write the report of a finished run, or of many runs
///
/// Writes a self-contained page (index.html) and the same in Markdown with SVG plots (report.md): the models side by
/// side with intervals, what was damaged, weights before and after, training curves, confusion, calibration, the
/// sentences that only one of the models gets right, and where every figure comes from. A failed run has a report too.
///
/// For a folder of runs, or their results.jsonl, the report judges claims instead: each claim gets one sentence with
/// its outcome (worse, equivalent, better or undecided), effect, interval, p-value and the number of seeds that would
/// decide it. Charts and tables follow: accuracy by level, recovery by budget, what damage is worth in labels, whether
/// weights return, datasets side by side, calibration, failed runs; runs.csv, plans.csv and claims.csv have every number.
/// Only runs that differ in nothing but seeds and damage are pooled. A folder also has the predictions for
/// every row, so its intervals are over rows as well as seeds.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Run folder, folder of runs, results.jsonl, or a sweep's folder with one
    #[arg(value_name = "RUN", help_heading = "Run")]
    pub run: PathBuf,

    /// Claims to judge for many runs: a TOML file that groups them in families [default: full recovery of each plan;
    /// more damage, less recovery; bottom worse than top]
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub claims: Option<PathBuf>,

    /// Folder for the report; an earlier report in it is replaced [default: RUN/report, or report beside the file]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the judged claims of many runs as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let out = args.out.clone().unwrap_or_else(|| report::default_path(&args.run));
    if !runs::holds_many(&args.run) {
        if args.claims.is_some() || args.json {
            return Err(bad_input(anyhow!(
                "--claims and --json need a folder of runs or a results.jsonl; {} is a single run or does not exist",
                args.run.display()
            )));
        }
        let page = report::write(&args.run, &out)?;
        print(&page.display().to_string())?;
        return Ok(ExitCode::Ok);
    }
    let runs = Runs::read(&args.run, &claims(args)?)?;
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

/// The claims that were asked for, else those of a sweep, else the usual ones.
fn claims(args: &ReportArgs) -> anyhow::Result<ClaimsFile> {
    if args.claims.is_none() && SweepFolder::is_one(&args.run) {
        let claims = Plan::open(&args.run)?.claims;
        if !claims.claims.is_empty() {
            return Ok(claims);
        }
    }
    runs::claims(args.claims.as_deref())
}
