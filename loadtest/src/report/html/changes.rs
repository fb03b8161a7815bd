//! The part of a page that says what changed since another report.

use maud::{Markup, html};

use super::parts::optional;
use crate::report::baseline::{Change, Changes, Direction};

/// The section: what is worse first, what is the same folded away.
pub(super) fn section(changes: &Changes) -> Markup {
    let of = |direction: Direction| -> Vec<(&String, &Change)> {
        changes
            .figures
            .iter()
            .filter(|(_, change)| change.direction == direction)
            .collect()
    };
    let (worse, better) = (of(Direction::Worse), of(Direction::Better));
    html! {
        section {
            h2 { "What changed" }
            p .about { (format!("Compared with the report of {}: figures worse {}, better {}. Less than 5 % is no change.",
                changes.baseline.replace('T', " ").replace('Z', " UTC"), worse.len(), better.len())) }
            @if !changes.conditions.is_empty() {
                p { span .tag.warn { "! not the same conditions" } }
                ul .plain { @for condition in &changes.conditions { li { (condition) } } }
            }
            (rows("Worse", "▲ worse", "bad", &worse))
            (rows("Better", "▼ better", "good", &better))
            @let others: Vec<(&String, &Change)> = [Direction::Different, Direction::Unknown, Direction::Same]
                .into_iter().flat_map(of).collect();
            details { summary { (format!("{} others", others.len())) } (rows("Others", "", "", &others)) }
        }
    }
}

fn rows(caption: &str, word: &str, class: &str, changes: &[(&String, &Change)]) -> Markup {
    html! {
        @if !changes.is_empty() {
            div .scroll { table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "Figure" } th scope="col" .number { "Before" } th scope="col" .number { "Now" }
                    th scope="col" { "Unit" } th scope="col" .number { "Change" } th scope="col" { "" }
                } }
                tbody {
                    @for (name, change) in changes {
                        tr {
                            th scope="row" { (change.about) " " code .soft { (name) } }
                            td .number { (optional(change.before)) }
                            td .number { (optional(change.after)) }
                            td { (change.unit) }
                            td .number { @if let Some(share) = change.share { (format!("{:+.0} %", share * 100.0)) } }
                            td { @if !word.is_empty() { span class=(format!("tag {class}")) { (word) } } }
                        }
                    }
                }
            } }
        }
    }
}
