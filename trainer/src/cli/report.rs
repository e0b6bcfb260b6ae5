//! `bert-heal report`.

use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bert-heal report runs/3f2a91c07b5e
  bert-heal report runs/3f2a91c07b5e --out report/   # then open report/index.html";

/// Write the report of a finished run
///
/// One page that needs nothing else (index.html) and Markdown with SVG plots beside it (report.md): the three models
/// side by side with intervals, what was damaged, weights before and after, curves, confusion, calibration, the
/// sentences only one of the three gets right, and where every figure comes from. A failed run has a report too.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Folder of the run
    #[arg(value_name = "RUN", help_heading = "Run")]
    pub run: PathBuf,

    /// Folder for the report; an earlier report in it is replaced [default: RUN/report]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,
}
