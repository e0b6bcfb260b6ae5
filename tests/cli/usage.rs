//! The command line itself: what it takes, what it refuses and how, and that it explains itself.

use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory, Parser};
use shared::corruption::Scheme;
use shared::dataset::{Endings, Format, endings};
use shared::record::{Protocol, Seeds};
use shared::training::{Precision, TrainingArgs};
use trainer::commands::{self, Cli};

use crate::bert_heal;
use crate::fixture::refused;

const README: &str = include_str!("../../README.md");

/// Parses words as the program does.
fn parse(words: &str) -> Result<Cli, String> {
    Cli::try_parse_from(words.split_whitespace()).map_err(|error| error.to_string())
}

#[test]
fn an_instruction_set_that_cannot_be_chosen_is_bad_input() {
    for value in ["", "sse2"] {
        let output = bert_heal().args(["fetch", "--list"]).env("BERT_HEAL_ISA", value).assert().code(2).stdout("");
        let message = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        let expected =
            format!("error: BERT_HEAL_ISA is {value:?}; expected avx512, avx2, neon, gemm or scalar, of which");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn version_has_the_version_and_the_commit() {
    let output = bert_heal().arg("--version").assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    let expected = format!("bert-heal {} (commit {})\n", trainer::environment::VERSION, trainer::environment::COMMIT);
    assert_eq!(text, expected);
    let commit = trainer::environment::COMMIT;
    let commit = commit.strip_suffix("-dirty").unwrap_or(commit);
    assert!(commit == "unknown" || (commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())));
}

#[test]
fn wrong_usage_ends_with_2_one_message_on_stderr_and_nothing_on_stdout() {
    for (arguments, expected) in [
        (vec!["frobnicate"], "frobnicate"),
        (vec!["--frobnicate"], "--frobnicate"),
        (vec!["--threads", "0"], "invalid value '0' for '--threads <N>': expected a whole number, 1 or more"),
        (vec!["--threads", "2"], "Usage: bert-heal"),
        (vec![], "Usage: bert-heal"),
    ] {
        let stderr = refused(&arguments);
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_of_the_program() {
    let output = bert_heal().arg("--help").assert().success().stderr("");
    insta::assert_snapshot!(String::from_utf8_lossy(&output.get_output().stdout));
}

/// All commands, those of commands included, with the words that lead to them.
fn walk(command: &Command, words: &str, visit: &mut impl FnMut(&str, &Command)) {
    visit(words, command);
    for inner in command.get_subcommands() {
        walk(inner, &format!("{words} {}", inner.get_name()), visit);
    }
}

#[test]
fn every_command_and_every_flag_is_explained() {
    walk(&Cli::command(), "bert-heal", &mut |words, command| {
        assert!(command.get_about().is_some(), "{words} does not say what it does");
        for argument in command.get_arguments() {
            let id = argument.get_id();
            let help = argument.get_help().unwrap_or_else(|| panic!("{words}: {id} is not explained")).to_string();
            assert!(!help.trim().is_empty(), "{words}: {id} is not explained");
            for value in argument.get_possible_values().iter().filter(|_| argument.get_action().takes_values()) {
                let is_yes_or_no = ["true", "false"].contains(&value.get_name());
                let is_shell = argument.get_id() == "shell";
                assert!(value.get_help().is_some() || is_yes_or_no || is_shell, "{words}: {id} {}", value.get_name());
            }
        }
    });
}

/// The examples at the end of a command's help. Of a line of shell it is what comes after the program's name and before
/// a redirection, another command or a remark.
fn examples(command: &Command) -> Vec<Vec<String>> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let call = |line: &str| {
        let (before, words) = line.split_once("bert-heal ")?;
        (line.starts_with("  ") && before.chars().last().is_none_or(char::is_whitespace)).then_some(())?;
        let end = [" > ", " && ", " # ", "   "].iter().filter_map(|end| words.find(end)).min();
        let words = &words[..end.unwrap_or(words.len())];
        // Every other piece between quotes is one word as it stands.
        let pieces = words.split('\'').enumerate();
        let words = pieces.flat_map(|(i, piece)| match i % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        });
        Some(std::iter::once("bert-heal".to_owned()).chain(words).collect())
    };
    help.lines().filter_map(call).collect()
}

#[test]
fn every_command_has_examples_and_they_are_what_it_takes() {
    let program = Cli::command();
    for command in std::iter::once(&program).chain(program.get_subcommands()) {
        let examples = examples(command);
        assert!(!examples.is_empty(), "{} has no examples", command.get_name());
        for example in examples {
            match Cli::try_parse_from(&example) {
                Err(error) if error.kind() != ErrorKind::DisplayHelp => panic!("{example:?}: {error}"),
                _ => {}
            }
        }
    }
}

/// Names that scripts rely on.
#[test]
fn the_documented_commands_have_the_documented_flags() {
    let training = "learning-rate batch-size epochs max-steps max-length warmup-ratio weight-decay max-grad-norm \
                    gradient-accumulation-steps dropout dtype device seed seed-corruption seed-head seed-data \
                    train-limit validation-limit test-limit freeze group-by-length early-stopping recompute";
    let all = [
        ("quickstart", ""),
        ("fetch", "revision offline json"),
        ("inspect", "corrupt random-init json"),
        ("run", "model dataset random-init corrupt protocol out json save-steps skip-bad-rows dump-batches threads"),
        ("run", training),
        ("evaluate", "model dataset json"),
        ("predict", "model input json"),
        ("corrupt", "model corrupt seed out"),
        ("census", "model dataset flips seed limit out json"),
        ("transplant", "from to parts out json"),
        ("blame", "healthy damaged dataset split text rest permutations seed out json"),
        ("bridge", "from via to dataset split out json"),
        ("scar", "healthy corrupted healed out json"),
        ("export", "model which for out"),
        ("report", "out"),
        ("bench train", "model dataset json compare max-steps"),
        ("bench evaluate", "model dataset json compare"),
        ("bench corrupt", "model dataset json compare"),
    ];
    let mut program = Cli::command();
    program.build();
    for (words, flags) in all {
        let command = words.split(' ').fold(&program, |command, word| {
            command.find_subcommand(word).unwrap_or_else(|| panic!("there is no command {words}"))
        });
        let given: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
        for flag in flags.split_whitespace() {
            assert!(given.contains(&flag), "{words} has no --{flag}");
        }
    }
}

#[test]
fn run_has_the_documented_defaults() {
    let commands::Command::Run(args) = parse("bert-heal run --model m --dataset d").unwrap().command else {
        panic!("another command")
    };
    assert_eq!(args.training.training_args(args.device.dtype.precision()), TrainingArgs::default());
    assert_eq!(args.protocol, Protocol::Pretrained);
    assert_eq!(args.seeds.seeds(), Seeds::all(0));
    assert_eq!(args.device.dtype.precision(), Precision::F32);
    assert_eq!((args.save_steps, args.corrupt, args.out), (50, None, None));
}

#[test]
fn what_is_missing_or_unknown_is_named_with_what_would_do() {
    for (words, expected) in [
        ("run --dataset d", &["--model <MODEL>"][..]),
        ("run --model m", &["--dataset <DATASET>"]),
        ("predict --json", &["--model <MODEL>"]),
        ("corrupt --model m --corrupt signflip:0.1@all --out o", &["--seed <N>"]),
        ("run --model m --dataset d --protocol finetune", &["pretrained, finetuned"]),
        ("run --model m --dataset d --device gpu", &["'gpu'", "cuda:N"]),
        ("export --model m --out o --for floppy", &["hub"]),
        ("bench everything", &["everything"]),
    ] {
        let error = parse(&format!("bert-heal {words}")).map(|_| ()).expect_err(words);
        assert!(expected.iter().all(|expected| error.contains(expected)), "{words}: {error}");
    }
}

/// The rows of the README's table with this heading, without the bars at both ends.
fn rows(heading: &str) -> Vec<&'static str> {
    let (_, table) = README.split_once(heading).unwrap_or_else(|| panic!("the README has no table {heading}"));
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.collect()
}

#[test]
fn the_readme_lists_every_scheme_and_format() {
    let schemes = Scheme::ALL.map(|scheme| format!("`{}` | {}", scheme.usage(), scheme.entry().help));
    assert_eq!(rows("| scheme | what it does to the selected values |"), schemes);
    let formats = Format::ALL.map(|format| {
        let endings: Vec<String> = format.entry().endings.iter().map(|ending| format!("`{ending}`")).collect();
        format!("{} | {}", endings.join(", "), format.entry().help)
    });
    assert_eq!(rows("| ending | what it holds |"), formats);
}

#[test]
fn the_help_of_run_lists_every_scheme_and_format() {
    let output = bert_heal().args(["help", "run"]).assert().success();
    let help = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    // A line may be broken where the terminal ends.
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let help = words(&help);
    for scheme in Scheme::ALL {
        let line = words(&format!("{} {}", scheme.usage(), scheme.entry().help));
        assert!(help.contains(&line), "{line}");
    }
    for format in Format::ALL {
        let line = words(&format!("{} {}", format.entry().endings.join(", "), format.entry().help.replace('`', "")));
        assert!(help.contains(&line), "{line}");
    }
    assert!(help.contains(&endings(Endings::Usual)), "{help}");
}
