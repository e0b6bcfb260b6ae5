//! `bert-heal completions`: the command line as a shell's completion script.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::completions::CompletionsArgs;
use crate::exit_code::ExitCode;
use crate::output::print;

/// The program's name without a hyphen. For a name with one, `clap_complete` 4.6 writes a bash script whose labels of
/// subcommands never match, so that it offers nothing behind a subcommand.
const PLAIN_NAME: &str = "bert_heal";

/// Runs the command.
pub fn run(args: CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let script = if args.shell == Shell::Bash {
        let script = generate(args.shell, &mut command, PLAIN_NAME);
        // The only place that says which program it is for.
        script.replace(&format!(" -o default {PLAIN_NAME}\n"), &format!(" -o default {name}\n"))
    } else {
        generate(args.shell, &mut command, &name)
    };
    print(script.trim_end())?;
    Ok(ExitCode::Ok)
}

fn generate(shell: Shell, command: &mut clap::Command, name: &str) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
