//! The report as one page that needs nothing else: no script, no request, readable in print and in the dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use shared::figure::{DataTable, Figure};

use super::document::{Block, Card, Document, Section};
use super::plots;

/// Nothing is fetched, whatever a text in the page may try.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = include_str!("report.css");

/// The page.
pub(super) fn page(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (document.title) " · bert-heal" }
                style { (PreEscaped(STYLE)) (PreEscaped(plots::style())) }
            }
            body {
                header.failed[document.is_failed] {
                    p.kicker { "bert-heal · " (document.title) }
                    h1 { (document.headline) }
                    ul.setting { @for part in &document.setting { li { (part) } } }
                    nav aria-label="Sections" {
                        @for section in &document.sections { a href={ "#" (section.id) } { (section.title) } " " }
                    }
                }
                main { @for section in &document.sections { (self::section(section)) } }
                footer { p { "Made by bert-heal solely from run records and files." } }
            }
        }
    };
    page.into_string()
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
            h2 id={ (section.id) "-title" } { (section.title) }
            @for block in &section.blocks { (self::block(block)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (text) } },
        Block::Note(text) => html! { p.note role="note" { (text) } },
        Block::Command(text) => html! { pre { code { (text) } } },
        Block::Cards(cards) => html! { dl.cards { @for card in cards { (self::card(card)) } } },
        Block::Table { caption, table } => html! { div.scroll { (self::table(Some(caption), table)) } },
        Block::Figures(figures) => {
            let n_columns = match figures.len() {
                // Two rows of two rather than three and one.
                4 => 2,
                n => n.min(3),
            };
            html! { div class={ "figures n" (n_columns) } { @for figure in figures { (self::figure(figure)) } } }
        }
    }
}

fn card(card: &Card) -> Markup {
    let role = match card.role {
        Some(condition) => condition.as_str(),
        None => "reference",
    };
    html! {
        div class={ "card " (role) } {
            dt { (card.label) }
            dd.value { (card.value) }
            dd.detail { (card.detail) }
        }
    }
}

fn figure(figure: &Figure) -> Markup {
    let title_id = format!("{}-title", figure.id);
    html! {
        figure id=(figure.id) aria-labelledby=(title_id) {
            h3 id=(title_id) { (figure.title) }
            (PreEscaped(plots::inline(figure)))
            figcaption { (figure.caption) }
            details {
                summary { "Data" }
                div.scroll { (table(None, &figure.chart.table())) }
            }
        }
    }
}

/// A table whose first column names the rows.
fn table(caption: Option<&str>, table: &DataTable) -> Markup {
    let is_named = table.header.len() > 1;
    html! {
        table {
            @if let Some(caption) = caption { caption { (caption) } }
            thead { tr { @for name in &table.header { th scope="col" { (name) } } } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 && is_named { th scope="row" { (cell) } } @else { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}
