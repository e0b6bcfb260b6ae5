//! The report as Markdown, with its plots as SVG files beside it.

use std::fmt::Write;

use shared::figure::{DataTable, Figure};

use super::document::{Block, Document};
use super::plots;

/// The Markdown file's name in the report's folder; its plots are in `plots/` beside it.
const MARKDOWN: &str = "report.md";

/// Every file by its path in the report's folder.
pub(super) fn files(document: &Document) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut text = String::new();
    push(&mut text, &format!("# {}", escaped(&document.title)));
    push(&mut text, &format!("**{}**", escaped(&document.headline)));
    push(&mut text, &escaped(&document.setting.join(" · ")));
    for section in &document.sections {
        push(&mut text, &format!("## {}", escaped(section.title)));
        for block in &section.blocks {
            match block {
                Block::Text(paragraph) => push(&mut text, &escaped(paragraph)),
                Block::Note(paragraph) => push(&mut text, &format!("> {}", escaped(paragraph))),
                Block::Command(command) => push(&mut text, &format!("```\n{command}\n```")),
                Block::Cards(cards) => {
                    let line = |card: &super::document::Card| {
                        let (label, value, detail) =
                            (escaped(&card.label), escaped(&card.value), escaped(&card.detail));
                        format!("- {label}: **{value}** ({detail})")
                    };
                    push(&mut text, &cards.iter().map(line).collect::<Vec<_>>().join("\n"));
                }
                Block::Table { caption, table } => {
                    push(&mut text, &escaped(caption));
                    push(&mut text, &table_text(table));
                }
                Block::Figures(figures) => {
                    for figure in figures {
                        let name = format!("plots/{}.svg", figure.id);
                        push(&mut text, &figure_text(figure, &name));
                        files.push((name, plots::stand_alone(figure)));
                    }
                }
            }
        }
    }
    files.push((MARKDOWN.to_owned(), text));
    files
}

fn push(text: &mut String, block: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(block);
    text.push('\n');
}

fn figure_text(figure: &Figure, path: &str) -> String {
    format!(
        "### {}\n\n![{}]({path})\n\n{}\n\n<details><summary>Data</summary>\n\n{}\n\n</details>",
        escaped(&figure.title),
        escaped(&figure.description),
        escaped(&figure.caption),
        table_text(&figure.chart.table())
    )
}

fn table_text(table: &DataTable) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        text.push('|');
        for cell in cells {
            // Writing into a string cannot fail.
            let _ = write!(text, " {} |", escaped(cell));
        }
        text.push('\n');
    };
    line(&table.header);
    line(&vec!["---".to_owned(); table.header.len()]);
    table.rows.iter().for_each(|row| line(row));
    text.truncate(text.trim_end().len());
    text
}

/// Text that Markdown shows as it is: nothing in it is markup, HTML or the end of a cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_never_markup() {
        assert_eq!(escaped("<script>alert(1)</script>"), "&lt;script&gt;alert(1)&lt;/script&gt;");
        assert_eq!(escaped("a|b\n# ![x](http://y) *c*"), "a\\|b \\# \\!\\[x\\](http://y) \\*c\\*");
        let mut table = DataTable::new(["text"]);
        table.push(["a | b"]);
        assert_eq!(table_text(&table), "| text |\n| --- |\n| a \\| b |");
    }
}
