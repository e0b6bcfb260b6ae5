//! `bert-heal bridge`: accuracy and loss along the straight lines between models.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, anyhow};
use candle_core::DType;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use shared::dataset::Split;
use shared::evaluation::evaluate;
use shared::figure::draw::{draw, svg};
use shared::figure::{Axis, Chart, Figure, LineChart, Mark, Point, Series, Unit};
use shared::model::TextClassifier;
use shared::random::Seed;
use shared::surgery::{BRIDGE_POINTS, BridgePoint, barrier, bridge_places, interpolate};

use super::device_flags::DeviceFlags;
use super::flag_values;
use super::input_flags::{BatchFlags, DatasetFlags};
use super::training_flags::SplitSeedFlag;
use super::two_models::{FittingModels, RowRequest};
use crate::atomic;
use crate::exit_code::{ExitCode, interrupted};
use crate::interrupt::{AtTheEnd, Interrupt};
use crate::open_dataset::RowSeeds;
use crate::output::{print, print_json};
use crate::progress::Progress;
use crate::runner::predictions_of;

const EXAMPLES: &str = "\
Examples:
  bert-heal bridge --from RUN/checkpoint/healthy --to RUN/checkpoint/healed --dataset trec6/
  bert-heal bridge --from healthy/ --via healed/ --to broken/ --dataset trec6/ --out bridge/";

/// Measure the models on the straight line between two models
///
/// Mixes the weights of two models of one shape in 11 steps, from all of the first to all of the second, and measures every
/// mix on held-out rows. Where the loss does not rise on the way, both lie in one basin: healing came back to where the
/// healthy model is. A rise above the line between the two ends is a barrier: healing found another place.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BridgeArgs {
    /// Where the line starts: catalogue name, hub id, or a folder: a checkpoint or a run
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub from: String,

    /// A model on the way, where one line ends and the next starts; may be repeated
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub via: Vec<String>,

    /// Where the line ends
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub to: String,

    #[command(flatten)]
    pub dataset: DatasetFlags,

    /// Split whose rows are used [default: test if it has labels, else validation]
    #[arg(long, value_parser = flag_values::split(), help_heading = "Model and data")]
    pub split: Option<Split>,

    /// Seed for the rows that --train-limit keeps; use that of the run that trained on them
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Seeds")]
    pub seed_data: u64,

    #[command(flatten)]
    pub split_seed: SplitSeedFlag,

    #[command(flatten)]
    pub batches: BatchFlags,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder for bridge.json, accuracy.svg and loss.svg; those that are there are replaced
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the figures as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// One straight line.
struct Leg {
    from: String,
    to: String,
    points: Vec<BridgePoint>,
}

/// Runs the command.
pub fn run(args: &BridgeArgs) -> anyhow::Result<ExitCode> {
    let (device, _, kernels) = args.device.open()?;
    let mut named = vec![("--from", args.from.as_str())];
    named.extend(args.via.iter().map(|via| ("--via", via.as_str())));
    named.push(("--to", &args.to));
    let models = FittingModels::open(&named, &device)?;
    let dataset = args.dataset.request();
    let held_out = models.held_out(&RowRequest {
        dataset: &dataset,
        split: args.split,
        seeds: RowSeeds { train: Seed(args.seed_data), split: args.split_seed.seed() },
        max_length: args.batches.max_length,
    })?;
    let config = models.config();
    let interrupt = Interrupt::install_for(AtTheEnd::NothingIsSaved)?;
    let started = Instant::now();

    let mut target = models.checkpoints[0].parameters.snapshot()?;
    let model = TextClassifier::for_evaluation(config, &target, &kernels, DType::F32)?;
    let n_points = 1 + (named.len() - 1) * (BRIDGE_POINTS - 1);
    let mut bar = Progress::phase("models on the line", n_points);
    let mut legs: Vec<Leg> = Vec::new();
    for (checkpoints, names) in models.checkpoints.windows(2).zip(named.windows(2)) {
        let mut points: Vec<BridgePoint> = Vec::with_capacity(BRIDGE_POINTS);
        for t in bridge_places() {
            // The end of one line is the start of the next.
            if let Some(last) = legs.last().and_then(|leg| leg.points.last()).filter(|_| t == 0.0) {
                points.push(BridgePoint { t, ..last.clone() });
                continue;
            }
            if interrupt.is_requested() {
                return Err(interrupted(anyhow!("stopped before every model was measured; nothing was written")));
            }
            interpolate(&mut target, &checkpoints[0].parameters, &checkpoints[1].parameters, t)?;
            let (batch_size, pad) = (args.batches.batch_size, config.pad_token_id);
            let predictions = predictions_of(&model, &held_out.rows, batch_size, pad, |_| {})?;
            points.push(BridgePoint::new(t, &evaluate(&predictions, config.label_names.len())?));
            bar.advance(predictions.len(), 0);
        }
        legs.push(Leg { from: names[0].1.to_owned(), to: names[1].1.to_owned(), points });
    }
    bar.finish("done");

    let weights = (0..named.len()).map(|i| models.weights_hash(i)).collect::<anyhow::Result<Vec<_>>>()?;
    let path = named.iter().zip(&weights).map(|((_, model), weights)| json!({"model": model, "weights": weights}));
    let value = json!({
        "path": path.collect::<Vec<_>>(),
        "dataset": held_out.dataset.dataset.name,
        "split": held_out.split.name(),
        "n": held_out.rows.examples.len(),
        "max_length": held_out.max_length,
        "data": held_out.dataset.dataset.content_hash(),
        "wall_secs": started.elapsed().as_secs_f64(),
        "legs": legs.iter().map(Leg::value).collect::<Vec<_>>(),
        "provenance": {"models": models.fetched_from, "dataset": held_out.fetched_from},
    });
    if let Some(out) = &args.out {
        let write = || -> anyhow::Result<()> {
            atomic::write_json(&out.join("bridge.json"), &value)?;
            for figure in figures(&legs, &held_out.dataset.dataset.name) {
                let file = svg::file(&figure, &draw(&figure.chart, 720.0), "");
                atomic::write_file(&out.join(format!("{}.svg", figure.id)), file.as_bytes())?;
            }
            Ok(())
        };
        write().context("--out")?;
    }
    if args.json {
        print_json(&value)?;
    } else {
        print(&text(&legs, held_out.rows.examples.len()))?;
    }
    Ok(ExitCode::Ok)
}

impl Leg {
    /// By how much the loss rises above the line between its ends.
    fn loss_barrier(&self) -> Option<f64> {
        barrier(&self.points, |point| point.loss)
    }

    /// By how much the accuracy falls below the line between its ends.
    fn accuracy_dip(&self) -> Option<f64> {
        barrier(&self.points, |point| Some(-point.accuracy))
    }

    fn value(&self) -> Value {
        json!({
            "from": self.from,
            "to": self.to,
            "points": self.points,
            "loss_barrier": self.loss_barrier(),
            "accuracy_dip": self.accuracy_dip(),
        })
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

fn loss_in_words(loss: Option<f64>) -> String {
    loss.map_or("not finite".into(), |loss| format!("{loss:.4}"))
}

fn text(legs: &[Leg], n_rows: usize) -> String {
    let mut lines = Vec::new();
    for leg in legs {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["share of the way", "accuracy", "loss"]);
        for point in &leg.points {
            table.add_row([format!("{:.1}", point.t), percent(point.accuracy), loss_in_words(point.loss)]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        lines.push(format!("{} → {}, {n_rows} rows", leg.from, leg.to));
        lines.push(table.to_string());
        lines.push(format!(
            "barrier: the loss rises {} above the line between the ends, the accuracy falls {} points below it\n",
            loss_in_words(leg.loss_barrier()),
            leg.accuracy_dip().map_or("–".into(), |dip| format!("{:.1}", 100.0 * dip))
        ));
    }
    lines.join("\n").trim_end().to_owned()
}

/// Accuracy and loss along the whole way.
fn figures(legs: &[Leg], dataset: &str) -> Vec<Figure> {
    let way = legs.iter().map(|leg| leg.to.as_str());
    let way = legs.iter().take(1).map(|leg| leg.from.as_str()).chain(way).collect::<Vec<_>>().join(" → ");
    let chart = |value: &dyn Fn(&BridgePoint) -> Option<f64>, y: Axis| {
        let series = legs.iter().enumerate().map(|(i, leg)| {
            let point =
                |point: &BridgePoint| Some(Point { x: i as f64 + point.t, y: value(point)?, interval: None, n: None });
            let points = leg.points.iter().filter_map(point).collect();
            Series { label: format!("{} → {}", leg.from, leg.to), role: None, mark: Mark::Nth(i), points }
        });
        let x = Axis::linear("share of the way, line by line", 0.0, legs.len() as f64, Unit::Number);
        Chart::Lines(LineChart { x, y, series: series.collect(), diagonal: false })
    };
    let losses = legs.iter().flat_map(|leg| &leg.points).filter_map(|point| point.loss);
    let highest = losses.fold(0.1, f64::max);
    let loss_axis = Axis::linear("cross-entropy, nats", 0.0, 1.05 * highest, Unit::Number);
    let barriers: Vec<String> = legs.iter().map(|leg| loss_in_words(leg.loss_barrier())).collect();
    [
        ("accuracy", "Accuracy", chart(&|point| Some(point.accuracy), Axis::percent("accuracy"))),
        ("loss", "Loss", chart(&|point| point.loss, loss_axis)),
    ]
    .map(|(id, what, chart)| Figure {
        id: id.into(),
        title: format!("{what} on the straight line between models"),
        caption: format!("{what} on {dataset} of the weights (1 − t)·a + t·b along {way}."),
        description: format!("{what} along {way}; barriers of the loss: {}.", barriers.join(", ")),
        chart,
    })
    .into()
}
