//! `bert-heal completions`.

use clap::Args;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  bert-heal completions bash > ~/.local/share/bash-completion/completions/bert-heal
  bert-heal completions zsh > ~/.zfunc/_bert-heal          (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  bert-heal completions fish > ~/.config/fish/completions/bert-heal.fish";

/// Print a script with which a shell completes commands and flags
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}
