//! The network as a stack of layers, the input at its bottom, with marks for what a plan touches and what is frozen.
//!
//! Every line fits in 80 columns, and nothing is told by colour alone.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use shared::corruption::ResolvedPlan;
use shared::model::{LayerModule, ModelConfig, Module, ParameterPath};

/// Blocks of a full cell.
const N_BLOCKS: usize = 3;
/// Columns between the frame's sides.
const WIDTH: usize = 43;
/// Columns before the frame.
const LABEL_WIDTH: usize = 11;

/// The parts of a layer, in the order of a forward pass, and the gap before each.
const COLUMNS: [(LayerModule, &str, &str); 8] = [
    (LayerModule::Query, "Q", " "),
    (LayerModule::Key, "K", " "),
    (LayerModule::Value, "V", " "),
    (LayerModule::AttentionOutput, "O", " "),
    (LayerModule::AttentionLayerNorm, "LN", " "),
    (LayerModule::FfnIn, "in", "  "),
    (LayerModule::FfnOut, "out", " "),
    (LayerModule::FfnLayerNorm, "LN", " "),
];

/// The colours of a drawing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Palette {
    touched: Style,
    frozen: Style,
    quiet: Style,
}

impl Palette {
    /// Colours where stdout is a terminal that wants them (no `NO_COLOR`, no `TERM=dumb`), else none.
    pub(super) fn for_stdout() -> Self {
        match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => Self::default(),
            _ => Self::colored(),
        }
    }

    fn colored() -> Self {
        Self {
            touched: AnsiColor::Red.on_default(),
            frozen: AnsiColor::Cyan.on_default(),
            quiet: Style::new().dimmed(),
        }
    }
}

/// Some parameters that are drawn as one.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    values: usize,
    touched: f64,
    frozen: usize,
}

impl Part {
    fn of(
        config: &ModelConfig,
        plan: Option<&ResolvedPlan>,
        is_frozen: impl Fn(ParameterPath) -> bool,
        is_in: impl Fn(Module) -> bool,
    ) -> Self {
        let mut part = Self::default();
        for path in config.parameters().into_iter().filter(|path| is_in(path.module)) {
            let n: usize = config.shape_of(path).iter().product();
            part.values += n;
            part.touched += plan.map_or(0.0, |plan| plan.share_touched(path)) * n as f64;
            part.frozen += if is_frozen(path) { n } else { 0 };
        }
        part
    }

    fn share_touched(&self) -> f64 {
        self.touched / self.values.max(1) as f64
    }

    fn share_frozen(&self) -> f64 {
        self.frozen as f64 / self.values.max(1) as f64
    }

    /// Blocks for the share that is touched, and a letter when some of it is frozen: four columns.
    fn cell(&self, palette: &Palette) -> String {
        // Whatever is touched shows, and only what is touched as a whole is full.
        let n_blocks = match self.share_touched() {
            0.0 => 0,
            share if share >= 1.0 => N_BLOCKS,
            share => ((share * N_BLOCKS as f64).round() as usize).clamp(1, N_BLOCKS - 1),
        };
        let letter = match self.share_frozen() {
            0.0 => " ",
            share if share >= 1.0 => "F",
            _ => "f",
        };
        let Palette { touched, frozen, quiet } = palette;
        let (blocks, dots) = ("█".repeat(n_blocks), "·".repeat(N_BLOCKS - n_blocks));
        format!("{touched}{blocks}{touched:#}{quiet}{dots}{quiet:#}{frozen}{letter}{frozen:#}")
    }
}

/// The drawing, with a legend of the marks that occur.
pub(super) fn draw(
    config: &ModelConfig,
    plan: Option<&ResolvedPlan>,
    is_frozen: impl Fn(ParameterPath) -> bool,
    palette: &Palette,
) -> String {
    let part = |is_in: &dyn Fn(Module) -> bool| Part::of(config, plan, &is_frozen, is_in);
    let whole = part(&|_| true);
    let line = |label: &str, content: &str, width: usize, part: &Part| {
        let filling = " ".repeat(WIDTH.saturating_sub(width));
        format!("{label:>LABEL_WIDTH$} │{content}{filling}│{}", numbers(part, &whole, palette))
    };
    let rule = |left: char, right: char| format!("{:LABEL_WIDTH$} {left}{}{right}", "", "─".repeat(WIDTH));
    // One cell for the whole of it.
    let single = |label: &str, module: Module| {
        let part = part(&|other| other == module);
        line(label, &format!(" {}", part.cell(palette)), 5, &part)
    };

    let mut lines = head(&whole);
    lines.push(rule('╭', '╮'));
    lines.push(single("classifier", Module::Classifier));
    lines.push(single("pooler", Module::Pooler));
    lines.push(rule('├', '┤'));
    for layer_idx in (0..config.n_layers).rev() {
        let cells = COLUMNS.map(|(layer_module, _, gap)| {
            format!("{gap}{}", part(&|module| module == Module::Layer(layer_idx, layer_module)).cell(palette))
        });
        let layer = part(&|module| matches!(module, Module::Layer(of, _) if of == layer_idx));
        lines.push(line(&format!("layer {layer_idx}"), &cells.concat(), columns_width(), &layer));
    }
    lines.push(rule('├', '┤'));
    let embeddings = [
        ("words", Module::WordEmbeddings),
        ("pos", Module::PositionEmbeddings),
        ("types", Module::TokenTypeEmbeddings),
        ("LN", Module::EmbeddingsLayerNorm),
    ];
    let (mut content, mut width) = (String::new(), 0);
    for (name, module) in embeddings {
        let part = part(&|other| other == module);
        if part.values > 0 {
            content.extend([" ", name, " ", &part.cell(palette)]);
            width += 1 + name.len() + 5;
        }
    }
    let all = part(&|module| embeddings.iter().any(|(_, of)| *of == module));
    lines.push(line("embeddings", &content, width, &all));
    lines.push(rule('╰', '╯'));
    lines.extend(legend(&whole));
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// The names of the columns.
fn head(whole: &Part) -> Vec<String> {
    let names = COLUMNS.map(|(_, name, gap)| format!("{gap}{name:<4}")).concat();
    let touched = if whole.touched > 0.0 { "   plan" } else { "" };
    let frozen = if whole.frozen > 0 { " frozen" } else { "" };
    let filling = " ".repeat(WIDTH.saturating_sub(columns_width()));
    vec![
        format!("{:LABEL_WIDTH$}   attention                 feed-forward", ""),
        format!("{:LABEL_WIDTH$}  {names}{filling}   values{touched}{frozen}", ""),
    ]
}

fn columns_width() -> usize {
    COLUMNS.iter().map(|(_, _, gap)| gap.len() + N_BLOCKS + 1).sum()
}

/// How many values a row has and which shares of them are touched and frozen; only what occurs has its column.
fn numbers(part: &Part, whole: &Part, palette: &Palette) -> String {
    let Palette { touched, frozen, .. } = palette;
    let mut figures = vec![format!(" {:>8}", count(part.values))];
    if whole.touched > 0.0 {
        figures.push(format!("{touched}{:>7}{touched:#}", percent(part.share_touched())));
    }
    if whole.frozen > 0 {
        figures.push(format!("{frozen}{:>7}{frozen:#}", percent(part.share_frozen())));
    }
    figures.concat()
}

fn legend(whole: &Part) -> Option<String> {
    let mut marks = Vec::new();
    if whole.touched > 0.0 {
        marks.push("███ touched by the plan, █·· partly");
    }
    if whole.frozen > 0 {
        marks.push("F frozen, f partly");
    }
    (!marks.is_empty()).then(|| format!("{:LABEL_WIDTH$}  {}", "", marks.join("; ")))
}

/// Whole percents; what is there is never shown as 0 %, nor what is missing as 100 %.
fn percent(share: f64) -> String {
    match share {
        0.0 => "·".to_owned(),
        share if share < 0.01 => "<1 %".to_owned(),
        share if share < 1.0 => format!("{:.0} %", (100.0 * share).clamp(1.0, 99.0)),
        _ => "100 %".to_owned(),
    }
}

/// A number of values, to three digits or so.
pub(super) fn count(n: usize) -> String {
    if n < 100_000 { n.to_string() } else { format!("{:.1} M", n as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::corruption::{Plan, Selection};
    use shared::model::shape_config;

    fn drawing(shape: &str, plan: &str, freeze: &str, palette: &Palette) -> String {
        let config = shape_config(shape).unwrap().with_labels(vec!["no".into(), "yes".into()]);
        let plan = Plan::parse(plan).unwrap().resolve(config.anatomy()).unwrap();
        let freeze = Selection::parse(freeze).unwrap().resolve(config.anatomy()).unwrap();
        draw(&config, Some(&plan), |path| freeze.contains(path), palette)
    }

    fn row<'a>(drawing: &'a str, label: &str) -> &'a str {
        drawing.lines().find(|line| line.trim_start().starts_with(label)).unwrap_or_else(|| panic!("{drawing}"))
    }

    #[test]
    fn every_line_of_every_shape_fits_in_80_columns() {
        for shape in ["bert-large", "bert-base", "distilbert"] {
            let drawing = drawing(shape, "kaiming@all,embeddings", "embeddings,bottom:0.5/bias", &Palette::default());
            let widths = drawing.lines().map(|line| line.chars().count());
            assert!(widths.clone().all(|width| width <= 80), "{:?}\n{drawing}", widths.max());
            assert!(!drawing.contains('\u{1b}'));
        }
    }

    #[test]
    fn the_top_layer_is_on_top_and_the_embeddings_are_at_the_bottom() {
        let drawing = drawing("bert-large", "kaiming@bottom:0.5", "none", &Palette::default());
        let at = |label: &str| drawing.find(label).unwrap();
        assert!(
            at("classifier") < at("layer 23") && at("layer 23") < at("layer 0 ") && at("layer 0 ") < at("embeddings")
        );
        assert!(row(&drawing, "layer 11").contains("███") && !row(&drawing, "layer 12").contains('█'));
        assert!(row(&drawing, "layer 11").ends_with("100 %"), "{drawing}");
    }

    #[test]
    fn heads_fill_a_part_of_their_projections() {
        let drawing = drawing("distilbert", "zero:1@layers:2/attention.head:0-3", "none", &Palette::default());
        // Four of twelve heads of query, key, value and output; nothing of LayerNorm and feed-forward.
        assert!(row(&drawing, "layer 2").contains("█··  █··  █··  █··  ···   ···  ···  ···"), "{drawing}");
        assert!(row(&drawing, "layer 2").ends_with("11 %"), "{drawing}");
    }

    #[test]
    fn what_is_touched_a_little_is_not_hidden() {
        let drawing = drawing("bert-base", "zero:1@layers:3/bias", "layers:3/layernorm", &Palette::default());
        assert!(row(&drawing, "layer 3").contains("█·· "), "{drawing}");
        assert!(row(&drawing, "layer 3").contains("<1 %"), "{drawing}");
        assert!(row(&drawing, "layer 3").contains('F'), "{drawing}");
    }

    #[test]
    fn colours_change_no_column() {
        let strip = |text: String| anstream::adapter::strip_str(&text).to_string();
        let (plan, freeze) = ("kaiming@bottom:0.5", "embeddings");
        let colored = drawing("bert-base", plan, freeze, &Palette::colored());
        assert!(colored.contains("\u{1b}[31m███"));
        assert_eq!(strip(colored), drawing("bert-base", plan, freeze, &Palette::default()));
    }
}
