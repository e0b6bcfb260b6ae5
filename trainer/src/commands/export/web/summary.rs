//! What a bundle takes and what its few bits cost, for people.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use flate2::Compression;
use flate2::write::GzEncoder;
use shared::bundle::{Comparison, Encoding, Manifest, TensorEntry};

pub(super) fn summary(out: &Path, manifest: &Manifest, files: &[(&str, &[u8])]) -> anyhow::Result<String> {
    let mut sizes = table(&["file", "bytes", "gzip"]);
    let (mut raw, mut packed) = (0, 0);
    for (name, bytes) in files {
        let gzip = gzip_len(bytes)?;
        (raw, packed) = (raw + bytes.len(), packed + gzip);
        sizes.add_row([(*name).to_owned(), bytes.len().to_string(), gzip.to_string()]);
    }
    sizes.add_row(["total".to_owned(), raw.to_string(), packed.to_string()]);
    let mut sections = vec![align(sizes)];

    let mut bits = table(&["tensors", "encoding", "values", "largest error", "mean error"]);
    add_encodings(&mut bits, "healthy", &manifest.tensors);
    if let Some(healed) = &manifest.healed {
        add_encodings(&mut bits, "healed − corrupted", &healed.tensors);
    }
    sections.push(align(bits));

    if let Some(quality) = &manifest.quality {
        let mut table = table(&["model", "accuracy f32", "accuracy here", "same class", "answers"]);
        let models = [
            ("healthy", Some(&quality.healthy)),
            ("corrupted", quality.corrupted.as_ref()),
            ("healed", quality.healed.as_ref()),
        ];
        for (name, comparison) in models {
            if let Some(Comparison { accuracy_f32, accuracy, agreement, answers }) = comparison {
                let answers = answers.and_then(|answers| answers.in_words(quality.n)).unwrap_or_default();
                table.add_row([
                    name.to_owned(),
                    percent(*accuracy_f32),
                    percent(*accuracy),
                    percent(*agreement),
                    answers,
                ]);
            }
        }
        if let Some(control) = &manifest.control {
            let answers = control.answers.in_words(control.n).unwrap_or_default();
            let none = || "–".to_owned();
            table.add_row(["control".to_owned(), percent(control.accuracy), none(), none(), answers]);
        }
        sections.push(align(table));
        sections.push(format!("measured on {} held-out rows of {}", quality.n, manifest.task.dataset));
        if let Some(control) = &manifest.control {
            let budget = &control.budget;
            sections
                .push(format!("control: the healthy model {budget}, never damaged; its weights are not in the bundle"));
        }
    }
    sections.push(format!("written to {}", out.display()));
    Ok(sections.join("\n"))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// One row for each encoding, in the order of its first tensor.
fn add_encodings(table: &mut Table, model: &str, tensors: &[TensorEntry]) {
    let mut rows: BTreeMap<usize, (Encoding, usize, f64, f64)> = BTreeMap::new();
    for tensor in tensors {
        let first = tensors.iter().position(|other| other.encoding == tensor.encoding).unwrap_or_default();
        let n: usize = tensor.shape.iter().product();
        let (_, n_all, largest, sum) = rows.entry(first).or_insert((tensor.encoding, 0, 0.0, 0.0));
        *n_all += n;
        *largest = largest.max(tensor.max_abs_error);
        *sum += tensor.mean_abs_error * n as f64;
    }
    for (encoding, n, largest, sum) in rows.into_values() {
        let encoding = match encoding {
            Encoding::F32 => "f32".to_owned(),
            Encoding::F16 => "f16".to_owned(),
            Encoding::Blocks { bits, block } => format!("{bits} bits in blocks of {block}"),
        };
        let mean = sum / n as f64;
        table.add_row([model.to_owned(), encoding, n.to_string(), format!("{largest:.1e}"), format!("{mean:.1e}")]);
    }
}

/// Bytes after gzip at its usual level, as a web server would send the file.
fn gzip_len(bytes: &[u8]) -> anyhow::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    table
}

fn align(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
