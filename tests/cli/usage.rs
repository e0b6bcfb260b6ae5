//! Wrong usage ends with exit code 2 and one message that says what is wrong; results go to stdout only.

use crate::bert_heal;
use clap::{Args, FromArgMatches};
use shared::record::{Protocol, Seeds};
use shared::training::{Precision, TrainingArgs};
use trainer::commands::bench::{BenchArgs, BenchWhat};
use trainer::commands::corrupt::CorruptArgs;
use trainer::commands::export::ExportArgs;
use trainer::commands::inspect::InspectArgs;
use trainer::commands::predict::PredictArgs;
use trainer::commands::run::RunArgs;

#[test]
fn an_instruction_set_that_cannot_be_chosen_is_bad_input() {
    for value in ["", "avx2"] {
        let output = bert_heal().args(["fetch", "--list"]).env("BERT_HEAL_ISA", value).assert().code(2).stdout("");
        let message = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        let expected = format!("error: BERT_HEAL_ISA is {value:?}; expected one of avx512, gemm, scalar, of which");
        assert!(message.starts_with(&expected), "{message}");
    }
}

/// Parses one command's flags as the program does.
fn parse<A: Args + FromArgMatches>(flags: &str) -> Result<A, String> {
    let command = A::augment_args(clap::Command::new("bert-heal"));
    let matches = command.try_get_matches_from(format!("bert-heal {flags}").split_whitespace());
    let matches = matches.map_err(|error| error.to_string())?;
    A::from_arg_matches(&matches).map_err(|error| error.to_string())
}

fn parsed<A: Args + FromArgMatches>(flags: &str) -> A {
    parse(flags).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal<A: Args + FromArgMatches>(flags: &str) -> String {
    parse::<A>(flags).map(|_| ()).expect_err("these flags are wrong")
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
        let output = bert_heal().args(&arguments).assert().code(2).stdout("");
        let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn run_has_the_documented_defaults() {
    let args: RunArgs = parsed("--model m --dataset d");
    assert_eq!(args.training.training_args(args.device.dtype), TrainingArgs::default());
    assert_eq!(args.protocol, Protocol::Pretrained);
    assert_eq!(args.seeds.seeds(), Seeds::all(0));
    assert_eq!(args.device.dtype, Precision::F32);
    assert_eq!((args.save_steps, args.corrupt, args.out), (50, None, None));
}

#[test]
fn run_takes_every_documented_flag() {
    let args: RunArgs = parsed(
        "--model m --dataset d --random-init --corrupt kaiming@bottom:0.5 --protocol finetuned --learning-rate 1e-4 \
         --batch-size 8 --epochs 1 --max-steps 5 --max-length 64 --warmup-ratio 0 --weight-decay 0 --max-grad-norm 0 \
         --gradient-accumulation-steps 2 --dropout 0 --dtype bf16 --device cuda:1 --seed 3 --seed-corruption 4 \
         --seed-head 5 --seed-data 6 --train-limit 100 --validation-limit 10 --test-limit 20 --freeze embeddings \
         --group-by-length false --early-stopping 2 --save-steps 10 --skip-bad-rows --dump-batches b --out o --json",
    );
    assert_eq!(args.corrupt.as_deref(), Some("kaiming@bottom:0.5"));
    assert!(args.model.init.random_init && args.dataset.rows.skip_bad_rows && args.json);
    assert_eq!(args.dataset.rows.test_limit, Some(20));
}

#[test]
fn a_missing_model_or_dataset_is_named() {
    let error = refusal::<RunArgs>("--dataset d");
    assert!(error.contains("--model <MODEL>"), "{error}");
    let error = refusal::<RunArgs>("--model m");
    assert!(error.contains("--dataset <DATASET>"), "{error}");
}

#[test]
fn an_unknown_choice_is_answered_with_the_possible_ones() {
    let error = refusal::<RunArgs>("--model m --dataset d --protocol finetune");
    assert!(error.contains("pretrained, finetuned"), "{error}");
    let error = refusal::<RunArgs>("--model m --dataset d --device gpu");
    assert!(error.contains("'gpu'") && error.contains("cuda:N"), "{error}");
    let error = refusal::<ExportArgs>("--model m --out o --for floppy");
    assert!(error.contains("hub"), "{error}");
}

#[test]
fn predict_compares_several_models() {
    let args: PredictArgs = parsed("--model a --model b --json");
    assert_eq!(args.models, ["a", "b"]);
    let error = refusal::<PredictArgs>("--json");
    assert!(error.contains("--model <MODEL>"), "{error}");
}

#[test]
fn corrupt_wants_its_seed_said() {
    assert_eq!(parsed::<CorruptArgs>("--model m --corrupt signflip:0.1@all --seed 7 --out o").seed, 7);
    let error = refusal::<CorruptArgs>("--model m --corrupt signflip:0.1@all --out o");
    assert!(error.contains("--seed <N>"), "{error}");
}

#[test]
fn inspect_takes_its_model_as_an_argument() {
    let args: InspectArgs = parsed("bert-large --random-init --corrupt kaiming@all");
    assert_eq!((args.model.as_str(), args.init.random_init), ("bert-large", true));
}

#[test]
fn bench_measures_one_of_three_things() {
    let args: BenchArgs = parsed("train --model m --dataset d --max-steps 33 --json");
    let BenchWhat::Train(train) = args.what else { panic!("not train") };
    assert_eq!((train.training.max_steps, train.output.json), (Some(33), true));
    assert!(matches!(parsed::<BenchArgs>("evaluate --model m --dataset d").what, BenchWhat::Evaluate(_)));
    assert!(matches!(parsed::<BenchArgs>("corrupt --model m").what, BenchWhat::Corrupt(_)));
    let error = refusal::<BenchArgs>("everything");
    assert!(error.contains("everything"), "{error}");
}
