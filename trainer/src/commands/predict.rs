//! `bert-heal predict`: texts through one model or several.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use candle_core::{DType, Device};
use clap::Args;
use comfy_table::{Table, presets};
use shared::checkpoint::{OtherClasses, WeightsHash};
use shared::dataset::EncodedExample;
use shared::evaluation::{predicted_class, softmax};
use shared::model::TextClassifier;
use shared::nn::Kernels;
use shared::random::Seed;
use shared::record::TextPrediction;
use shared::tokenizer::Input;
use shared::training::logits;

use super::device_flags::DeviceFlags;
use super::input_flags::{BatchFlags, WhichFlag};
use crate::exit_code::{ExitCode, bad_input};
use crate::open_model::{ModelSource, Weights};
use crate::output::{print, print_json};
use crate::runner::{cuts_in_words, max_length};
use crate::say;

const EXAMPLES: &str = "\
Examples:
  echo 'Who wrote Hamlet?' | bert-heal predict --model runs/3f2a91c07b5e
  bert-heal predict --model RUN/checkpoint/healthy --model RUN/checkpoint/healed --input texts.txt --json";

/// Classify texts, one per line, with one model or several side by side
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PredictArgs {
    /// Catalogue name, hub id, or a folder: a checkpoint, a run or a web bundle; repeat the flag to compare models
    #[arg(long = "model", value_name = "MODEL", required = true, help_heading = "Model and data")]
    pub models: Vec<String>,

    #[command(flatten)]
    pub which: WhichFlag,

    /// UTF-8 file of texts, one per line [default: stdin]
    #[arg(long, value_name = "FILE", help_heading = "Model and data")]
    pub input: Option<PathBuf>,

    /// Each line is a pair of texts, such as premise and hypothesis, with a tab between them
    #[arg(long, help_heading = "Model and data")]
    pub pairs: bool,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Print a JSON array of predictions; with several models, one for each text and model
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let (device, _, kernels) = args.device.open()?;
    let (text, name) = if let Some(path) = &args.input {
        (fs::read(path).map_err(bad_input).with_context(|| path.display().to_string())?, path.display().to_string())
    } else {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("stdin")?;
        (bytes, "stdin".into())
    };
    let texts = lines(&text, &name, args.pairs)?;
    let columns = args
        .models
        .iter()
        .map(|model| predict(model, args, &texts, &device, &kernels))
        .collect::<anyhow::Result<Vec<Vec<TextPrediction>>>>()?;
    // Texts outermost, so that what the models say of one text stands together.
    let by_text = (0..texts.len()).map(|i| columns.iter().map(|column| &column[i]).collect::<Vec<_>>());
    if args.json {
        print_json(&by_text.flatten().collect::<Vec<_>>())?;
        return Ok(ExitCode::Ok);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(std::iter::once("text").chain(args.models.iter().map(String::as_str)));
    for predictions in by_text {
        let of_pair = |text_pair: &String| format!(" [SEP] {text_pair}");
        let text = predictions.first().map_or(String::new(), |prediction| {
            prediction.text.clone() + &prediction.text_pair.as_ref().map(of_pair).unwrap_or_default()
        });
        table.add_row(std::iter::once(text).chain(predictions.iter().map(|prediction| say(prediction))));
    }
    print(&table.to_string())?;
    Ok(ExitCode::Ok)
}

fn say(prediction: &TextPrediction) -> String {
    match (&prediction.label, prediction.label_id.and_then(|id| prediction.probabilities.get(id))) {
        (Some(label), Some(p)) => format!("{label} {:.1} %", 100.0 * p),
        _ => "not finite".into(),
    }
}

fn predict(
    name: &str,
    args: &PredictArgs,
    texts: &[Input<'_>],
    device: &Device,
    kernels: &Kernels,
) -> anyhow::Result<Vec<TextPrediction>> {
    let source = ModelSource::open(name, args.which.which, Weights::Read)?;
    let max_length = max_length(args.batches.max_length, source.max_length, None, &source.config)?;
    let (tokenizer, checkpoint) = rayon::join(
        || source.tokenizer_to_encode(&[]),
        || source.load_with(None, OtherClasses::default(), Seed(0), device, WeightsHash::Unused),
    );
    let ((tokenizer, note), checkpoint) = (tokenizer?, checkpoint?);
    let encoded = tokenizer.encode_inputs(texts, max_length)?;
    let n_cut = encoded.iter().filter(|encoded| encoded.is_cut).count();
    let cuts = cuts_in_words(n_cut, texts.len(), "given", max_length);
    for note in note.iter().chain(&checkpoint.notes).chain(&cuts) {
        say!("note: {name}: {note}");
    }
    let config = &checkpoint.config;
    let model = TextClassifier::for_evaluation(config, &checkpoint.parameters, kernels, DType::F32)?;
    let examples: Vec<EncodedExample> = encoded.into_iter().map(|encoded| EncodedExample::new(encoded, 0)).collect();
    let rows = logits(&model, &examples, args.batches.batch_size, config.pad_token_id, |_| {})?;
    let is_one_of_several = args.models.len() > 1;
    Ok(texts
        .iter()
        .zip(rows)
        .map(|(text, output)| {
            let logits = output.logits;
            let label_id = predicted_class(&logits).map(|label| label as usize);
            let probabilities = if label_id.is_some() { softmax(&logits) } else { vec![f64::NAN; logits.len()] };
            TextPrediction {
                model: is_one_of_several.then(|| name.to_owned()),
                text: text.text.to_owned(),
                text_pair: text.text_pair.map(str::to_owned),
                label: label_id.map(|id| config.label_names[id].clone()),
                label_id,
                probabilities: probabilities.into_iter().map(|p| p as f32).collect(),
                logits,
            }
        })
        .collect())
}

/// The texts, one a line, or pairs with a tab between them; a last line without a line feed counts.
fn lines<'a>(bytes: &'a [u8], name: &str, are_pairs: bool) -> anyhow::Result<Vec<Input<'a>>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        bad_input(anyhow!("{name} line {line}: not UTF-8"))
    })?;
    let input = |(i, line): (usize, &'a str)| {
        if !are_pairs {
            return Ok(line.into());
        }
        match line.split('\t').collect::<Vec<_>>()[..] {
            [text, text_pair] => Ok(Input { text, text_pair: Some(text_pair) }),
            ref parts => Err(bad_input(anyhow!(
                "{name} line {}: expected two texts with one tab between them (--pairs), got {} tabs",
                i + 1,
                parts.len() - 1
            ))),
        }
    };
    let texts = text.lines().enumerate().map(input).collect::<anyhow::Result<Vec<_>>>()?;
    if texts.is_empty() {
        return Err(bad_input(anyhow!("{name}: there are no texts; expected one per line")));
    }
    Ok(texts)
}
