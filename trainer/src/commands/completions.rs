//! `bert-heal completions`: the command line as a shell's completion script.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit_code::ExitCode;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  bert-heal completions bash > ~/.local/share/bash-completion/completions/bert-heal
  bert-heal completions zsh > ~/.zfunc/_bert-heal          (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  bert-heal completions fish > ~/.config/fish/completions/bert-heal.fish";

/// Print a completion script for a shell
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// The program's name without a hyphen. For a name with one, `clap_complete` 4.6 writes a bash script whose labels of
/// subcommands never match, so that it offers nothing behind a subcommand.
const PLAIN_NAME: &str = "bert_heal";

/// Runs the command; `command` is the whole command line.
pub fn run(args: CompletionsArgs, mut command: Command) -> anyhow::Result<ExitCode> {
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

fn generate(shell: Shell, command: &mut Command, name: &str) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
