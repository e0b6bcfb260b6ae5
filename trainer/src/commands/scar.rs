//! `bert-heal scar`: how far weights are from the healthy ones before and after healing.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use shared::figure::draw::{draw, svg};
use shared::figure::{Chart, Figure, HeatCell, HeatChart, HeatRow};
use shared::inspection::{Part, SCAR_COMPONENTS, Scar, scars};

use super::device_flags::DeviceFlags;
use super::two_models::FittingModels;
use crate::atomic;
use crate::exit_code::ExitCode;
use crate::output::{print, print_json};

const EXAMPLES: &str = "\
Examples:
  bert-heal scar --healthy RUN/checkpoint/healthy --corrupted RUN/checkpoint/corrupted --healed RUN/checkpoint/healed
  bert-heal scar --healthy healthy/ --corrupted broken/ --healed healed/ --out scar/ --json";

/// Show where the weights stand before and after healing
///
/// For every part and component: how far the corrupted and the healed weights are from the healthy ones, how far healing
/// moved them, and whether it moved them back. The distance is relative to the healthy weights' norm: 0 is the same, 1 is as
/// far as weights of 0 are. The way back is the angle between the way healing took and the straight way back: 0° is straight
/// back, 90° is sideways.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ScarArgs {
    /// The model before the damage, or the control: catalogue name, hub id, or a folder
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub healthy: String,

    /// The model after the damage, of the same shape
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub corrupted: String,

    /// The corrupted model after healing
    #[arg(long, value_name = "MODEL", help_heading = "Model and data")]
    pub healed: String,

    #[command(flatten)]
    pub device: DeviceFlags,

    /// Folder for scar.json and the maps before.svg, after.svg and way-back.svg; those that are there are replaced
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Print the figures as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &ScarArgs) -> anyhow::Result<ExitCode> {
    let (device, _, _) = args.device.open()?;
    let named = [("--healthy", &args.healthy), ("--corrupted", &args.corrupted), ("--healed", &args.healed)];
    let models = FittingModels::open(&named.map(|(flag, name)| (flag, name.as_str())), &device)?;
    let [healthy, corrupted, healed] = [0, 1, 2].map(|i| &models.checkpoints[i].parameters);
    let scars = scars(healthy, corrupted, healed)?;
    let model = |i: usize| anyhow::Ok(json!({"model": named[i].1, "weights": models.weights_hash(i)?}));
    let value = json!({
        "healthy": model(0)?,
        "corrupted": model(1)?,
        "healed": model(2)?,
        "scars": scars,
        "provenance": models.fetched_from,
    });
    if let Some(out) = &args.out {
        let write = || -> anyhow::Result<()> {
            atomic::write_json(&out.join("scar.json"), &value)?;
            for figure in figures(&scars) {
                let file = svg::file(&figure, &draw(&figure.chart, 960.0), "");
                atomic::write_file(&out.join(format!("{}.svg", figure.id)), file.as_bytes())?;
            }
            Ok(())
        };
        write().context("--out")?;
    }
    if args.json {
        print_json(&value)?;
    } else {
        print(&table(&scars))?;
    }
    Ok(ExitCode::Ok)
}

fn degrees(cosine: f64) -> f64 {
    cosine.clamp(-1.0, 1.0).acos().to_degrees()
}

fn part_name(part: Part) -> String {
    match part {
        Part::Embeddings => "embeddings".into(),
        Part::Layer(layer_idx) => format!("layer {layer_idx}"),
        Part::Head => "head".into(),
    }
}

fn table(scars: &[Scar]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let header = ["part", "distance corrupted", "healed", "moved", "angle corrupted, °", "healed, °", "way back, °"];
    table.set_header(header);
    let three = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    let angle = |cosine: Option<f64>| cosine.map_or("–".to_owned(), |cosine| format!("{:.1}", degrees(cosine)));
    for scar in scars {
        let name = scar.component.as_ref().map_or_else(|| part_name(scar.part), |component| format!("  {component}"));
        table.add_row([
            name,
            three(scar.distance_before),
            three(scar.distance_after),
            three(scar.moved),
            angle(scar.cosine_before),
            angle(scar.cosine_after),
            angle(scar.way_back),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A map for each figure: layers from top to bottom, their components from left to right.
fn figures(scars: &[Scar]) -> Vec<Figure> {
    let columns = &SCAR_COMPONENTS[4..12];
    let n_layers = scars.iter().filter(|scar| matches!(scar.part, Part::Layer(_)) && scar.component.is_none()).count();
    let map = |value: &dyn Fn(&Scar) -> Option<f64>| {
        let cell = |layer_idx: usize, column: &str| {
            let is_it = |scar: &&Scar| {
                scar.part == Part::Layer(layer_idx) && scar.component.as_deref().is_some_and(|name| name == column)
            };
            let value = scars.iter().find(is_it).and_then(value)?;
            Some(HeatCell { value, note: String::new() })
        };
        let row = |layer_idx| {
            let cells = columns.iter().map(|column| cell(layer_idx, column)).collect();
            HeatRow { label: format!("layer {layer_idx}"), cells }
        };
        Chart::Heat(HeatChart {
            row_label: "layer".into(),
            column_label: "component".into(),
            columns: columns.iter().map(|name| name.replace("attention.", "")).collect(),
            rows: (0..n_layers).rev().map(row).collect(),
        })
    };
    let percent = "in percent of the healthy weights' norm";
    let figures = [
        (
            "before",
            "The scar before healing",
            format!("Distance of the corrupted weights, {percent}"),
            map(&|scar| Some(100.0 * scar.distance_before?)),
        ),
        (
            "after",
            "The scar after healing",
            format!("Distance of the healed weights, {percent}"),
            map(&|scar| Some(100.0 * scar.distance_after?)),
        ),
        (
            "way-back",
            "The way healing took",
            "Angle between the way healing took and the straight way back, in degrees: \
            0 is straight back, 90 is sideways; none where nothing was damaged"
                .to_owned(),
            map(&|scar| Some(degrees(scar.way_back?))),
        ),
    ];
    let figure = |(id, title, caption, chart): (&str, &str, String, Chart)| Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        description: format!("{caption}, for each component of {n_layers} layers."),
        caption: format!("{caption}."),
        chart,
    };
    figures.into_iter().map(figure).collect()
}
