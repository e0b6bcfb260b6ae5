//! Settings of a cell as the flags of `bert-heal run`: their names, their checks and their meaning are those of the
//! command, so that what can be asked of a run can be varied in a sweep.

use anyhow::{Context, anyhow};
use candle_core::Device;
use clap::{ArgAction, Args, Command, FromArgMatches};

use super::super::run::RunArgs;
use crate::device::{DeviceChoice, DtypeChoice};
use crate::exit_code::bad_input;
use crate::sweep::{CellRequest, Settings, in_text};
use shared::checkpoint::OtherClasses;
use shared::corruption::Selection;

/// Flags of a run that say where its output goes, which a sweep decides.
const NOT_SETTINGS: [&str; 4] = ["out", "save-steps", "dump-batches", "json"];

/// `bert-heal run` as a command by itself.
fn command() -> Command {
    let command = Command::new("run").no_binary_name(true).disable_help_flag(true).disable_version_flag(true);
    RunArgs::augment_args(command)
}

/// The keys that a grid may have.
pub fn settings() -> Vec<String> {
    command()
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .filter(|name| !NOT_SETTINGS.contains(name))
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// What a cell asks of the runner.
///
/// # Errors
/// Bad input, with what the command line would say.
pub fn request(settings: &Settings) -> anyhow::Result<CellRequest> {
    let command = command();
    let mut words = Vec::new();
    for (key, value) in settings.iter() {
        let name = key.replace('_', "-");
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name.as_str()));
        let is_switch = arg.is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
        match value.as_bool().filter(|_| is_switch) {
            Some(false) => {}
            Some(true) => words.push(format!("--{name}")),
            None if is_switch => return Err(bad_input(anyhow!("{key} = {value}: expected true or false"))),
            // With the sign of equality, a value that begins with - is no flag.
            None => words.push(format!("--{name}={}", in_text(value))),
        }
    }
    let matches = command.try_get_matches_from(words).map_err(|error| bad_input(anyhow!("{}", first_line(&error))))?;
    let args = RunArgs::from_arg_matches(&matches).map_err(|error| bad_input(anyhow!("{}", first_line(&error))))?;
    if args.device.dtype == DtypeChoice::Auto {
        return Err(bad_input(anyhow!(
            "dtype = \"auto\": expected f32 or bf16, since a cell says what it computes in"
        )));
    }
    if args.device.device == DeviceChoice::Cpu {
        args.device.dtype.precision().kernels(&Device::Cpu).map_err(bad_input).context("dtype")?;
    }
    if let Some(freeze) = &args.training.freeze {
        Selection::parse(freeze).map_err(bad_input).context("--freeze")?;
    }
    Ok(CellRequest {
        weights: args.model.init.weights(),
        model: args.model.model.clone(),
        other_classes: if args.keep_head { OtherClasses::KeepByNumber } else { OtherClasses::DrawAnew },
        dataset: args.dataset.request(),
        corruption: args.corrupt.clone().map(|plan| (args.protocol, plan)),
        training: args.training.training_args(args.device.dtype.precision()),
        max_length: args.training.max_length,
        seeds: args.seeds.seeds(),
        device: args.device.device,
        activations: args.training.recompute.activations(),
    })
}

/// What clap says, without its usage.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}
