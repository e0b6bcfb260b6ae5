//! Completion scripts and manual pages, tried out in the programs they are for.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use clap::CommandFactory;
use trainer::commands::Cli;

use crate::bert_heal;
use crate::fixture::{refused, text};

fn script(shell: &str) -> String {
    let output = bert_heal().args(["completions", shell]).assert().success().stderr("");
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

/// What bash offers when `words` are typed and Tab is pressed.
fn bash_offers(words: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("completions.bash");
    let script = script("bash");
    fs::write(&path, &script).unwrap();
    let function = script.lines().find_map(|line| line.trim().strip_prefix("complete -F ")?.split(' ').next()).unwrap();
    let quoted: Vec<String> = words.split(' ').map(|word| format!("'{word}'")).collect();
    let program = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; {function} bert-heal '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        path.display(),
        quoted.join(" "),
        quoted.len() - 1,
        words.split(' ').next_back().unwrap(),
        words.split(' ').nth_back(1).unwrap(),
    );
    let output = Command::new("bash").args(["--norc", "-c", &program]).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn every_shell_gets_a_script_that_names_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = script(shell);
        for word in ["evaluate", "protocol"] {
            assert!(script.contains(word), "{shell} has no {word}");
        }
        // The scripts of these two know no values of flags.
        let has_values = !["powershell", "elvish"].contains(&shell);
        assert_eq!(script.contains("finetuned"), has_values, "{shell}");
    }
}

#[test]
fn bash_accepts_its_script_and_completes_flags_values_and_commands() {
    let checked = Command::new("bash").args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = checked else {
        eprintln!("skipped: there is no bash");
        return;
    };
    child.stdin.take().unwrap().write_all(script("bash").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    assert_eq!(bash_offers("bert-heal run --prot").unwrap(), ["--protocol"]);
    assert_eq!(bash_offers("bert-heal run --protocol f").unwrap(), ["finetuned"]);
    assert_eq!(bash_offers("bert-heal bench tr").unwrap(), ["train"]);
    assert_eq!(bash_offers("bert-heal ins").unwrap(), ["inspect"]);
}

#[test]
fn there_is_a_page_for_each_command_and_man_renders_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    bert_heal().args(["man", "--out"]).arg(&out).assert().success();
    for command in Cli::command().get_subcommands() {
        let page = fs::read_to_string(out.join(format!("bert-heal-{}.1", command.get_name()))).unwrap();
        assert!(page.contains("Examples:"), "{} has no examples", command.get_name());
    }
    let Ok(output) =
        Command::new("mandoc").args(["-T", "lint", "-W", "error"]).arg(out.join("bert-heal-run.1")).output()
    else {
        return render_with_man(&out.join("bert-heal-run.1"));
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// `man` alone finds fewer mistakes than mandoc, but shows what a reader sees.
fn render_with_man(page: &std::path::Path) {
    match Command::new("man").args(["--warnings", "-l"]).arg(page).env("MANPAGER", "cat").env("MANWIDTH", "80").output()
    {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("--protocol") && text.contains("kaiming@bottom:0.5"), "{text}");
        }
        Ok(output) => eprintln!("skipped: man cannot render here: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: neither mandoc nor man: {error}"),
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_bad_input() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(refused(&["man", "--out", text(&file.path().join("man1"))]).contains("--out"));
}
