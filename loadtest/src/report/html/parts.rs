//! The pieces both kinds of reports are made of: verdict, cards, charts with their tables, conditions.

use maud::{Markup, PreEscaped, html};

use super::chart::{colour_variable, short};
use crate::report::context::Context;
use crate::report::figure::{Better, Distribution};
use crate::report::model::{CapacityStep, Kinds, Verdict};

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be read with care.
    Warn,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
        }
    }

    /// A sign that is told apart without its colour.
    fn sign(self) -> Markup {
        let path = match self {
            Self::Good => "M4 13l5 5L20 6",
            Self::Bad => "M6 6l12 12M18 6L6 18",
            Self::Warn => "M12 4v10M12 18v2",
        };
        html! {
            svg aria-hidden="true" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="3"
                stroke-linecap="round" stroke-linejoin="round" { path d=(path) {} }
        }
    }
}

/// The name of the report, and when and where it was made.
pub(super) fn header(kicker: &str, title: &str, context: &Context) -> Markup {
    html! {
        header {
            p .kicker { (kicker) }
            h1 { (title) }
            p .soft {
                time datetime=(context.started_at) { (context.started_at.replace('T', " ").replace('Z', " UTC")) }
                " · " (format!("{:.0} s", context.duration_s))
                @if let Some(model) = &context.machine.cpu_model { " · " (model) ", " (cores(context.machine.cores)) }
            }
        }
    }
}

fn cores(count: u32) -> String {
    match count {
        1 => "1 core for the load".to_owned(),
        count => format!("{count} cores"),
    }
}

/// One sentence, and one more.
pub(super) fn verdict(tone: Tone, sentence: &str, more: &str) -> Markup {
    html! {
        div class=(format!("verdict {}", tone.class())) {
            (tone.sign())
            div { strong { (sentence) } @if !more.is_empty() { span { (more) } } }
        }
    }
}

/// One of the numbers at the top.
pub(super) struct Card {
    /// What it is.
    pub(super) name: &'static str,
    /// The number and its unit; `None` when it was not measured.
    pub(super) value: Option<(String, &'static str)>,
    /// A line below it.
    pub(super) note: String,
}

/// The numbers at the top.
pub(super) fn cards(cards: &[Card]) -> Markup {
    html! {
        ul .cards {
            @for card in cards {
                li .card {
                    div .name { (card.name) }
                    @match &card.value {
                        Some((value, unit)) => div .value { (value) @if !unit.is_empty() { small { (unit) } } },
                        None => div .value.none { "not measured" },
                    }
                    div .note { (card.note) }
                }
            }
        }
    }
}

/// A chart with what it says in words, its legend, and its numbers as a table.
pub(super) fn chart(says: &str, svg: String, legend: &[(usize, &str)], table: &Markup) -> Markup {
    html! {
        @if svg.is_empty() {
            div .scroll { (table) }
        } @else {
            figure {
                div role="img" aria-label=(says) { (PreEscaped(svg)) }
                @if legend.len() > 1 {
                    ul .legend {
                        @for (colour, label) in legend {
                            li { i style=(format!("background:{}", colour_variable(*colour))) {} (label) }
                        }
                    }
                }
            }
            details { summary { "The numbers" } div .scroll { (table) } }
        }
    }
}

/// A table of texts; the first column is the rows' head, the others are numbers.
pub(super) fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        table {
            caption { (caption) }
            thead { tr {
                @for (place, name) in head.iter().enumerate() {
                    th scope="col" .number[place > 0] { (name) }
                }
            } }
            tbody {
                @for row in rows {
                    tr {
                        @for (place, cell) in row.iter().enumerate() {
                            @if place == 0 { th scope="row" { (cell) } } @else { td .number { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

/// What the conditions came to.
pub(super) fn conditions(verdicts: &[Verdict]) -> Markup {
    html! {
        @if !verdicts.is_empty() {
            section {
                h2 { "Conditions" }
                p .about { "The run fails when one of these holds, or when its figure was not measured." }
                div .scroll { table {
                    thead { tr { th scope="col" { "Fails if" } th scope="col" .number { "Measured" } th scope="col" { "Outcome" } } }
                    tbody {
                        @for verdict in verdicts {
                            tr {
                                th scope="row" { code { (verdict.condition) } }
                                td .number { (optional(verdict.value)) }
                                td {
                                    @if verdict.failed { span .tag.bad { "✗ failed" } } @else { span .tag.good { "✓ passed" } }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Participants by kind: only those there were.
pub(super) fn kinds_table(kinds: &Kinds) -> Markup {
    let rows: Vec<Vec<String>> = [
        ("full: real codecs, everything decrypted and compared", kinds.full),
        ("light: pre-encoded media, real MLS and SFrame", kinds.light),
        ("phantom: members of the group without media", kinds.phantom),
        ("browser: headless browsers", kinds.browser),
    ]
    .into_iter()
    .filter(|(_, count)| count.asked + count.started > 0)
    .map(|(name, count)| {
        let mut row = vec![name.to_owned()];
        row.extend([count.asked, count.started, count.joined, count.left].map(|count| count.to_string()));
        row
    })
    .collect();
    table(
        "Participants by kind",
        &["Kind", "At a time", "Started", "Got in", "Left"],
        &rows,
    )
}

/// How it was made: command, settings, versions, machine.
pub(super) fn reproduce(context: &Context) -> Markup {
    let machine = &context.machine;
    let unknown = || "unknown".to_owned();
    let machine_rows = [
        ("Processor", machine.cpu_model.clone().unwrap_or_else(unknown)),
        ("Cores", machine.cores.to_string()),
        (
            "Memory",
            machine
                .memory_mb
                .map_or_else(unknown, |memory| format!("{memory:.0} MiB")),
        ),
        ("Kernel", machine.kernel.clone().unwrap_or_else(unknown)),
        ("System", machine.system.clone().unwrap_or_else(unknown)),
    ];
    html! {
        section {
            h2 { "Do it again" }
            p .about { "The command that made this report." }
            pre { code { (context.command) } }
            div .two {
                div { h3 { "Settings" } (pairs(context.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())))) }
                div {
                    h3 { "Machine" } (pairs(machine_rows.iter().map(|(name, value)| (*name, value.as_str()))))
                    h3 { "Versions" } (pairs(context.versions.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
                }
            }
        }
    }
}

fn pairs<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    html! {
        div .scroll { table { tbody {
            @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } }
        } } }
    }
}

/// The usual percentiles of distributions, one per row.
pub(super) fn percentiles(caption: &str, distributions: &[(&str, &Distribution)]) -> Markup {
    let rows: Vec<Vec<String>> = distributions
        .iter()
        .map(|(label, told)| {
            let mut row = vec![(*label).to_owned(), told.count.to_string()];
            row.extend([0.5, 0.9, 0.95, 0.99, 0.999].map(|rank| optional(told.at(rank))));
            row.push(number(told.max));
            row
        })
        .collect();
    table(
        caption,
        &["", "Count", "Median", "90 %", "95 %", "99 %", "99.9 %", "Max"],
        &rows,
    )
}

/// Loads of a capacity search.
pub(super) fn capacity_table(steps: &[CapacityStep]) -> Markup {
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            vec![
                step.participants.to_string(),
                number(step.delivered_per_second),
                optional(step.delivered_per_cpu_second),
                step.loss
                    .map_or_else(|| "–".to_owned(), |loss| format!("{} %", number(loss * 100.0))),
                optional(step.added_latency_p99_ms),
                match (step.met, step.generator_bound) {
                    (true, _) => "yes".to_owned(),
                    (false, false) => "no".to_owned(),
                    (false, true) => "load tester was the limit".to_owned(),
                },
            ]
        })
        .collect();
    table(
        "Loads that were tried",
        &[
            "Participants",
            "Packets/s",
            "Packets per CPU second",
            "Loss",
            "Added latency p99, ms",
            "Met the thresholds",
        ],
        &rows,
    )
}

/// A number for people.
pub(super) fn number(value: f64) -> String {
    short(value)
}

/// A number, or a dash where it was not measured.
pub(super) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// The class of a change from `before` to `after`, where one of them is better.
pub(super) fn change_class(better: Better, before: f64, after: f64) -> Option<&'static str> {
    let up = after > before;
    match better {
        _ if (after - before).abs() <= before.abs() * 0.02 => None,
        Better::Neither => None,
        Better::Higher => Some(if up { "better" } else { "worse" }),
        Better::Lower => Some(if up { "worse" } else { "better" }),
    }
}
