//! `bert-heal report`: what a run showed, as a page.

use crate::cli::report::ReportArgs;
use crate::exit_code::ExitCode;
use crate::output::print;
use crate::report;

/// Runs the command.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let out = args.out.clone().unwrap_or_else(|| report::default_path(&args.run));
    let page = report::write(&args.run, &out)?;
    print(&page.display().to_string())?;
    Ok(ExitCode::Ok)
}
