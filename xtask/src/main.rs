//! Set-up, checks and the demo, so that two commands are enough on a fresh machine with rustup:
//! `cargo xtask demo` and `cargo xtask test`.

mod browser;
mod build_names;
mod class_zip;
mod cross;
mod demo;
mod files;
mod module_circles;
mod page;
mod page_size;
mod sentences;
mod shell;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Set-up, checks and the demo of bert-heal.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page and serve it on this machine.
    Demo(demo::DemoArgs),
    /// Run every check of continuous integration, stopping at the first that fails.
    Test(test::TestArgs),
    /// Pack the built page into one file for a room without a network.
    ClassZip(class_zip::ClassZipArgs),
    /// Name the files of a page that was just built, and pack it; Trunk calls it after each build.
    #[command(hide = true)]
    FinishPage(page::FinishArgs),
}

fn main() -> ExitCode {
    let result = shell::Shell::new().and_then(|shell| match Cli::parse().command {
        Command::Demo(args) => demo::run(shell, &args),
        Command::Test(args) => test::run(shell, &args),
        Command::ClassZip(args) => class_zip::run(&args),
        Command::FinishPage(args) => page::finish(&args),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
