//! The report of a run, section by section.

use shared::Condition;
use shared::evaluation::Prediction;
use shared::figure::{DataTable, Unit};
use shared::record::{Protocol, RunRecord, RunStatus};

use super::document::{Block, Card, Document, Section};
use super::evidence::{Evidence, confidence};
use shared::words::capitalised;

use super::figures::{self, accuracy_interval};
use super::words::{self, interval, percent, points};
use shared::statistics::Interval;

/// Sentences shown of each kind: enough to get an idea; the table says how many there are.
const MAX_SENTENCES: usize = 8;

/// Characters shown of a sentence.
const MAX_CHARS: usize = 320;

/// The whole report.
pub(super) fn document(evidence: &Evidence) -> anyhow::Result<Document> {
    let record = &evidence.record;
    let spec = &record.spec;
    let mut setting = vec![format!("{} on {}", spec.model.name, spec.dataset.name)];
    if let Some(plan) = &spec.corruption {
        let protocol = match spec.protocol {
            Protocol::Pretrained => "pretrained",
            Protocol::Finetuned => "finetuned",
        };
        setting.extend([plan.clone(), format!("protocol {protocol}")]);
    }
    setting.push(seeds(record));
    let mut sections = vec![result(evidence)?];
    sections.extend(damage(evidence));
    sections.extend(training(evidence));
    sections.extend(differences(evidence)?);
    sections.extend(calibration(evidence)?);
    sections.push(provenance(evidence));
    Ok(Document {
        title: format!("Run {}", record.run_id),
        headline: words::headline(record),
        setting,
        is_failed: record.status != RunStatus::Ok,
        sections,
    })
}

/// `seed 0`, or all three where they differ.
fn seeds(record: &RunRecord) -> String {
    let seeds = &record.spec.seeds;
    if seeds.corruption == seeds.head && seeds.head == seeds.data {
        format!("seed {}", seeds.head.0)
    } else {
        format!("seeds: corruption {}, head {}, data {}", seeds.corruption.0, seeds.head.0, seeds.data.0)
    }
}

fn result(evidence: &Evidence) -> anyhow::Result<Section> {
    let record = &evidence.record;
    let mut blocks = Vec::new();
    if let RunStatus::Failed { .. } = record.status {
        blocks.push(Block::Note(
            "A failed run is kept as a result, since the rate of failed runs is itself a result. The figures below \
             were measured before it failed."
                .to_owned(),
        ));
    }
    let mut cards = Vec::new();
    let mut table = DataTable::new([
        "model",
        "accuracy",
        "95 % interval",
        "macro-F1",
        "loss",
        "calibration error",
        "largest class",
        "rows",
    ]);
    for model in &evidence.models {
        let Interval { low, high, .. } = accuracy_interval(model)?.interval;
        let result = &model.result;
        let ends = format!("{} to {}", percent(low), percent(high));
        // The three columns of the experiment; the control stands in the table.
        if model.which != Condition::Control {
            cards.push(Card {
                label: model.which.as_str().to_owned(),
                role: Some(model.which),
                value: percent(result.metrics.accuracy),
                detail: format!("95 % interval {ends}{}", words::caveats(&result.metrics)),
            });
        }
        let calibration = model.predicted.as_ref().and_then(|(_, metrics)| metrics.expected_calibration_error);
        table.push([
            model_name(record, model.which),
            percent(result.metrics.accuracy),
            ends,
            percent(result.metrics.macro_f1),
            result.metrics.loss.map_or("not finite".to_owned(), |loss| Unit::Number.format(loss)),
            calibration.map_or("–".to_owned(), percent),
            result.metrics.largest_class_share.map_or("–".to_owned(), percent),
            result.metrics.rows_in_words(),
        ]);
    }
    cards.extend(comparison_cards(record));
    if !cards.is_empty() {
        blocks.push(Block::Cards(cards));
    }
    if record.is_superseded() {
        blocks.push(Block::Note(words::superseded(record)));
    }
    blocks.extend(words::one_seed(record).map(Block::Note));
    if !evidence.models.is_empty() {
        let split = match record.spec.report_split {
            shared::record::ReportSplit::Test => "test",
            shared::record::ReportSplit::Validation => "validation",
        };
        let caption = format!(
            "The models on the {split} split; intervals are Wilson's, over rows; “largest class” is the share of rows \
             assigned to the most frequently predicted class"
        );
        blocks.push(Block::Table { caption, table });
        blocks.extend(figures::accuracy(evidence)?.map(|figure| Block::Figures(vec![figure])));
    }
    Ok(Section { id: "result", title: "Result", blocks })
}

/// What a model is called in the table: the control tells what was done to it.
fn model_name(record: &RunRecord, condition: Condition) -> String {
    match condition {
        Condition::Control => format!("control (healthy, {})", words::control_budget(&record.spec.training)),
        other => other.as_str().to_owned(),
    }
}

fn comparison_cards(record: &RunRecord) -> Vec<Card> {
    let mut cards = Vec::new();
    if let Some(recovery) = &record.recovery {
        let kept = words::share_kept(record).map(|kept| format!("kept: {kept}"));
        let details = [recovery.interval.as_ref().map(|i| interval(i, 100.0, " %")), recovery.note.clone()];
        cards.push(Card {
            label: format!("recovery against the {}", recovery.reference),
            role: None,
            value: recovery.value.map_or("undefined".to_owned(), percent),
            detail: details.into_iter().flatten().chain(kept).collect::<Vec<_>>().join("; "),
        });
    }
    if let Some(deficit) = &record.deficit {
        cards.push(Card {
            label: format!("deficit against the {}", deficit.reference),
            role: None,
            value: points(deficit.points),
            detail: interval(&deficit.interval, 1.0, ""),
        });
    }
    cards
}

fn damage(evidence: &Evidence) -> Option<Section> {
    let record = &evidence.record;
    let summary = record.corruption.as_ref()?;
    let mut blocks = Vec::new();
    blocks.extend(evidence.corruption.as_ref().map(|detail| Block::Text(detail.sentence.clone())));
    blocks.push(Block::Text(words::protocol(record.spec.protocol).to_owned()));
    blocks.extend(figures::network(evidence).map(|figure| Block::Figures(vec![figure])));
    let mut table = DataTable::new(["tensors", "values changed", "not finite", "norm before", "norm after"]);
    table.push([
        Unit::Count.format(summary.n_tensors as f64),
        Unit::Count.format(summary.n_elements_changed as f64),
        Unit::Count.format(summary.n_non_finite as f64),
        Unit::Number.format(summary.norm_before),
        Unit::Number.format(summary.norm_after),
    ]);
    blocks.push(Block::Table { caption: "Totals over all touched tensors".to_owned(), table });
    let weights = figures::weights(evidence);
    if !weights.is_empty() {
        let before = match record.spec.protocol {
            Protocol::Pretrained => "the pre-trained model's (with the run's new head)",
            Protocol::Finetuned => "the healthy model's",
        };
        blocks.push(Block::Text(format!(
            "Weights of the touched tensors before and after the corruption. The weights before are {before}; they \
             were counted when the corruption was applied. Bars that reach the top are cut off; the tables have the \
             counts."
        )));
        blocks.push(Block::Figures(weights));
    }
    Some(Section { id: "damage", title: "What was damaged", blocks })
}

fn training(evidence: &Evidence) -> Option<Section> {
    let train = &evidence.record.train;
    if train.phases.is_empty() {
        return None;
    }
    let mut blocks = Vec::new();
    let curves = figures::curves(evidence);
    if !curves.is_empty() {
        blocks.push(Block::Figures(curves));
    }
    let mut table = DataTable::new(["model", "steps", "epochs", "rows", "tokens", "time", "first loss", "last loss"]);
    for phase in &train.phases {
        table.push([
            phase.phase.as_str().to_owned(),
            Unit::Count.format(phase.steps as f64),
            Unit::Number.format(phase.epochs),
            Unit::Count.format(phase.samples as f64),
            Unit::Count.format(phase.tokens as f64),
            phase.secs.map_or("–".to_owned(), |secs| format!("{secs:.0} s")),
            phase.loss_first.map_or("–".to_owned(), |loss| Unit::Number.format(loss)),
            phase.loss_last.map_or("–".to_owned(), |loss| Unit::Number.format(loss)),
        ]);
        if let Some(id) = &phase.reused_from {
            blocks.push(Block::Text(format!(
                "The {} model was reused from run {id}, which has the same spec; its curve is in that run's report.",
                phase.phase.as_str()
            )));
        }
    }
    blocks.push(Block::Table { caption: "The fine-tunings".to_owned(), table });
    Some(Section { id: "training", title: "Fine-tuning", blocks })
}

fn differences(evidence: &Evidence) -> anyhow::Result<Option<Section>> {
    let confusion = figures::confusions(evidence)?;
    if confusion.is_empty() {
        return Ok(None);
    }
    let mut blocks = vec![Block::Figures(confusion)];
    blocks.extend(only_right(evidence));
    Ok(Some(Section { id: "differences", title: "Where the models differ", blocks }))
}

/// The sentences that only one of the three models gets right.
fn only_right(evidence: &Evidence) -> Vec<Block> {
    let predictions: Vec<(Condition, &[Prediction])> = evidence
        .models
        .iter()
        .filter_map(|model| Some((model.which, model.predicted.as_ref()?.0.as_slice())))
        .collect();
    // The control is a yardstick, not one of the three columns.
    let predictions: Vec<_> = predictions.into_iter().filter(|(which, _)| *which != Condition::Control).collect();
    let [(_, first), (_, second), (_, third)] = predictions[..] else { return Vec::new() };
    let is_paired = first.len() == second.len()
        && first.len() == third.len()
        && (0..first.len()).all(|i| first[i].row_hash == second[i].row_hash && first[i].row_hash == third[i].row_hash);
    if !is_paired {
        return vec![Block::Note("The three models were not evaluated on the same rows in the same order.".to_owned())];
    }
    let mut blocks = Vec::new();
    for (which, right) in &predictions {
        let is_only_right = |row: &usize| {
            right[*row].is_correct()
                && predictions.iter().all(|(other, rows)| other == which || !rows[*row].is_correct())
        };
        let mut rows: Vec<usize> = (0..right.len()).filter(is_only_right).collect();
        let n = rows.len();
        // The surest first; equal ones in the dataset's order.
        rows.sort_by(|a, b| confidence(&right[*b]).total_cmp(&confidence(&right[*a])));
        rows.truncate(MAX_SENTENCES);
        let name = which.as_str();
        if rows.is_empty() {
            blocks.push(Block::Text(format!("There are no rows that only the {name} model gets right.")));
            continue;
        }
        let mut table = DataTable::new(["text", "true class", "healthy", "corrupted", "healed"]);
        for row in &rows {
            let prediction = &right[*row];
            let text = evidence.text(prediction).map_or_else(
                || format!("(the text of row {} was not kept)", prediction.row_hash),
                |text| shortened(&text, MAX_CHARS),
            );
            let label = evidence.label(prediction.label);
            let answers = predictions.iter().map(|(_, rows)| evidence.answer(&rows[*row]));
            table.push([text, label].into_iter().chain(answers));
        }
        let shown = if n > rows.len() {
            format!(", showing the {} it is most confident of", rows.len())
        } else {
            String::new()
        };
        let caption = format!(
            "{} only the {name} model gets right ({} of {}){shown}",
            capitalised("rows that"),
            Unit::Count.format(n as f64),
            Unit::Count.format(right.len() as f64)
        );
        blocks.push(Block::Table { caption, table });
    }
    blocks
}

/// At most so many characters, and an ellipsis where there were more.
fn shortened(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

fn calibration(evidence: &Evidence) -> anyhow::Result<Option<Section>> {
    let figures = figures::reliability(evidence)?;
    if figures.is_empty() {
        return Ok(None);
    }
    let text = "A model is calibrated if, for example, it is right nine times out of ten when its confidence is 90 %. \
                The expected calibration error is the mean gap between confidence and accuracy over 15 bins, weighted \
                by rows (Guo et al. 2017).";
    let blocks = vec![Block::Text(text.to_owned()), Block::Figures(figures)];
    Ok(Some(Section { id: "calibration", title: "Calibration", blocks }))
}

fn provenance(evidence: &Evidence) -> Section {
    let record = &evidence.record;
    let spec = &record.spec;
    let mut blocks = Vec::new();
    if let Some(command) = &evidence.command {
        blocks.push(Block::Text(
            "The command that completed this run. Repeated in the same folder it finds the run finished; elsewhere it \
             repeats the run."
                .to_owned(),
        ));
        blocks.push(Block::Command(words::shell(command)));
    }
    if !record.notes.is_empty() {
        let mut table = DataTable::new(["notes on the run"]);
        record.notes.iter().for_each(|note| table.push([note.clone()]));
        blocks.push(Block::Table { caption: "What to know when reading the figures".to_owned(), table });
    }
    blocks.extend(evidence.missing.iter().map(|sentence| Block::Note(sentence.clone())));
    let mut table = DataTable::new(["what", "value"]);
    let mut fact = |what: &str, value: String| table.push([what.to_owned(), value]);
    fact("run", record.run_id.to_string());
    fact("program", format!("bert-heal {} (commit {})", record.environment.version, record.environment.commit));
    let environment = &record.environment;
    let dtype = serde_json::to_value(environment.dtype).ok();
    let dtype = dtype.as_ref().and_then(|value| value.as_str()).unwrap_or("?").to_owned();
    let threads = environment.threads.map_or(String::new(), |threads| format!(", {threads} threads"));
    fact("machine", format!("{}, {dtype}{threads}", environment.device));
    if let Some(numerics) = &record.numerics {
        fact("numerics", numerics.to_string());
    }
    if let Some(peak) = record.peak_rss_mib {
        fact("peak memory", format!("{peak:.0} MiB"));
    }
    let train = &record.train;
    let secs = train.secs.map_or(String::new(), |secs| format!(" in {secs:.0} s"));
    fact("training", format!("{} steps{secs}", Unit::Count.format(train.steps as f64)));
    if let (Some(samples), Some(tokens)) = (train.samples_per_sec, train.tokens_per_sec) {
        fact("speed", format!("{samples:.1} rows/s, {} tokens/s", Unit::Count.format(tokens)));
    }
    let resumed: Vec<String> = train.resumed_from.iter().map(usize::to_string).collect();
    let never = "never interrupted".to_owned();
    fact("resumed from step", if resumed.is_empty() { never } else { resumed.join(", ") });
    let (rows, count) = (&spec.dataset.rows, |n: usize| Unit::Count.format(n as f64));
    fact(
        "rows",
        format!("train {}, validation {}, test {}", count(rows.train), count(rows.validation), count(rows.test)),
    );
    let hashes = &record.hashes;
    let weights = hashes.weights.clone().unwrap_or_else(|| "initialised from the head seed".to_owned());
    fact("SHA-256 of the weights read", weights);
    fact("SHA-256 of the rows", hashes.data.clone());
    let made = &hashes.checkpoints;
    for condition in Condition::ALL {
        if let Some(hash) = made.of(condition) {
            fact(&format!("SHA-256 of the {condition} weights"), hash.to_owned());
        }
    }
    blocks.push(Block::Table { caption: "Where the figures come from".to_owned(), table });
    blocks.push(Block::Table { caption: "The fully resolved spec".to_owned(), table: spec_table(record) });
    Section { id: "provenance", title: "Provenance", blocks }
}

/// Every field of the spec by its path.
fn spec_table(record: &RunRecord) -> DataTable {
    fn walk(path: &str, value: &serde_json::Value, table: &mut DataTable) {
        match value {
            serde_json::Value::Object(fields) => {
                for (key, value) in fields {
                    walk(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, table);
                }
            }
            serde_json::Value::String(text) => table.push([path, text.as_str()]),
            serde_json::Value::Null => table.push([path, "–"]),
            other => table.push([path.to_owned(), other.to_string()]),
        }
    }
    let mut table = DataTable::new(["field", "value"]);
    // A spec has string keys only, so it is always a value.
    walk("", &serde_json::to_value(&record.spec).unwrap_or_default(), &mut table);
    table
}
