//! The page of a comparison.

use maud::{Markup, html};

use super::changes;
use super::chart::{self, Bar, short};
use super::parts::{self, Card, Tone, change_class, number};
use super::run::{capacity_chart, percentile_chart, problems};
use crate::report::baseline::Changes;
use crate::report::figure::{Better, Distribution};
use crate::report::model::{CapacityStep, Comparison, Spread, TargetFigure};

/// Figures of the summary, in the order of what people ask first.
const FIRST: [(&str, &str, &str); 6] = [
    ("packets_per_cpu_second", "Packets per CPU second", ""),
    ("added_latency_p50_ms", "Added latency, median", "ms"),
    ("added_latency_p99_ms", "Added latency, 99 of 100 below", "ms"),
    ("server_memory_mb", "Server memory", "MiB"),
    ("join_ms", "Time to join", "ms"),
    ("capacity_participants", "Largest load", "participants"),
];

/// Everything of the page.
pub(super) fn body(comparison: &Comparison, since: Option<&Changes>) -> Markup {
    let names: Vec<&str> = comparison.target_names();
    let title = format!("{}: {}", comparison.context.scenario, names.join(", "));
    html! {
        (parts::header("Comparison of SFUs under the same load", &title, &comparison.context))
        (sentence(comparison))
        (cautions(comparison))
        (parts::cards(&cards(comparison)))
        (parts::conditions(&comparison.thresholds))
        @if let Some(changes) = since { (changes::section(changes)) }
        section {
            h2 { "Ratios" }
            p .about {
                "Each bar is the figure of " (comparison.baseline) " divided by that of another server, from rounds that follow each other; "
                "whiskers are the smallest and the largest round. The line is 1: as much as the other server."
            }
            (ratios(comparison))
        }
        (measured(comparison))
        (latency(comparison))
        (capacity(comparison))
        section {
            h2 { "Servers" }
            @for name in comparison.target_names() { @if let Some(target) = comparison.targets.get(name) {
                h3 { (name) @if let Some(version) = &target.version { " " (version) } }
                @if let Some(differs) = &target.differs { p { (differs) } }
                @if let Some(command) = &target.command { pre { code { (command) } } }
                @if !target.problems.is_empty() { ul .plain { @for problem in &target.problems { li { (problem) } } } }
            } }
            @for (name, reason) in &comparison.unavailable { h3 { (name) } p .soft { "not compared: " (reason) } }
        }
        section {
            h2 { "Participants" }
            p { (comparison.participants_by_kind.light.asked) " light ones at a time at every server, and those who come late." }
        }
        (problems(&comparison.problems, u64::try_from(comparison.problems.len()).unwrap_or(u64::MAX)))
        (parts::reproduce(&comparison.context))
    }
}

/// What the main figure says, per target.
fn sentence(comparison: &Comparison) -> Markup {
    let said = comparison.sentences();
    let unavailable: Vec<String> = comparison
        .unavailable
        .iter()
        .map(|(target, reason)| format!("{target} was not compared: {reason}"))
        .collect();
    let failed = comparison.thresholds.iter().any(|verdict| verdict.failed);
    let tone = match (failed, said.is_empty()) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Warn,
        (false, false) => Tone::Good,
    };
    let first = if said.is_empty() {
        "Nothing could be compared".to_owned()
    } else {
        said.join("; ")
    };
    parts::verdict(tone, &first, &unavailable.join(" · "))
}

fn cautions(comparison: &Comparison) -> Markup {
    let bound: Vec<String> = comparison
        .targets
        .iter()
        .filter(|(_, target)| target.generator_bound_rounds > 0)
        .map(|(name, target)| {
            format!(
                "{name} in {} of {} rounds",
                target.generator_bound_rounds, comparison.rounds
            )
        })
        .collect();
    html! {
        @if comparison.context.partial {
            (parts::verdict(Tone::Warn, "This comparison is partial",
                comparison.context.partial_reason.as_deref().unwrap_or("It ended before its time.")))
        }
        @if !bound.is_empty() {
            (parts::verdict(Tone::Warn, "Generator-bound: the load tester was the limit, not the server",
                &format!("{}. What such a round says of the server is a lower bound.", bound.join(", "))))
        }
    }
}

fn about<'a>(comparison: &'a Comparison, name: &str) -> Option<&'a TargetFigure> {
    comparison
        .targets
        .values()
        .find_map(|target| target.figures.get(name))
}

fn ratios(comparison: &Comparison) -> Markup {
    html! {
        @for name in comparison.figure_names() {
            @let told = ratio_bars(comparison, name);
            @if !told.is_empty() {
                h3 { (about(comparison, name).map_or(name, |figure| figure.about.as_str())) (preference(comparison, name)) }
                (parts::chart(
                    &format!("{name}: {}", told.iter().map(|(target, spread)| format!("{} times {target}", short(spread.median))).collect::<Vec<_>>().join(", ")),
                    chart::bars(&format!("{} as a multiple of the other", comparison.baseline), &|at| short(at), &bars_of(&told), Some(1.0)),
                    &[],
                    &parts::table(&format!("{name}: {} divided by the other", comparison.baseline), &["Target", "Smallest", "Median", "Largest"],
                        &told.iter().map(|(target, spread)| vec![(*target).to_owned(), number(spread.min), number(spread.median), number(spread.max)]).collect::<Vec<_>>()),
                ))
            }
        }
    }
}

/// Which side of the line is the good one.
fn preference(comparison: &Comparison, name: &str) -> &'static str {
    match about(comparison, name).map(|figure| figure.better) {
        Some(Better::Higher) => ": more is better",
        Some(Better::Lower) => ": less is better",
        Some(Better::Neither) | None => "",
    }
}

/// The baseline's main figures, with those of the others below.
fn cards(comparison: &Comparison) -> Vec<Card> {
    FIRST
        .into_iter()
        .filter_map(|(name, label, unit)| {
            let median = |target: &str| {
                let figure = comparison.targets.get(target)?.figures.get(name)?;
                figure.spread.map(|spread| number(spread.median))
            };
            about(comparison, name)?;
            let others: Vec<String> = comparison
                .targets
                .keys()
                .filter(|target| **target != comparison.baseline)
                .map(|target| format!("{target} {}", median(target).unwrap_or_else(|| "–".to_owned())))
                .collect();
            Some(Card {
                name: label,
                value: median(&comparison.baseline).map(|value| (value, unit)),
                note: others.join(" · "),
            })
        })
        .collect()
}

fn ratio_bars<'a>(comparison: &'a Comparison, name: &str) -> Vec<(&'a str, Spread)> {
    comparison
        .ratios
        .iter()
        .filter(|(target, _)| **target != comparison.baseline)
        .filter_map(|(target, ratios)| Some((target.as_str(), *ratios.get(name)?)))
        .collect()
}

fn bars_of(told: &[(&str, Spread)]) -> Vec<Bar> {
    told.iter()
        .enumerate()
        .map(|(place, (target, spread))| Bar {
            label: (*target).to_owned(),
            from: 0.0,
            to: spread.median,
            whisker: Some((spread.min, spread.max)),
            text: format!("{}×", short(spread.median)),
            colour: place + 1,
        })
        .collect()
}

fn measured(comparison: &Comparison) -> Markup {
    html! {
        section {
            h2 { "Measured" }
            p .about { "Median over " (comparison.rounds) " rounds, smallest and largest in brackets. The first round of each server is thrown away." }
            div .scroll { table {
                thead { tr {
                    th scope="col" { "Figure" }
                    @for name in comparison.targets.keys() { th scope="col" .number { (name) } }
                } }
                tbody {
                    @for name in comparison.figure_names() {
                        @let first = about(comparison, name);
                        tr {
                            th scope="row" {
                                (first.map_or(name, |figure| figure.about.as_str()))
                                @if let Some(figure) = first { ", " (figure.unit) }
                            }
                            @for (target, result) in &comparison.targets {
                                (cell(comparison, name, target, result.figures.get(name)))
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn cell(comparison: &Comparison, name: &str, target: &str, figure: Option<&TargetFigure>) -> Markup {
    let Some(figure) = figure else {
        return html! { td .number { "–" } };
    };
    let baseline = comparison
        .targets
        .get(&comparison.baseline)
        .and_then(|result| result.figures.get(name)?.spread);
    html! {
        @match figure.spread {
            Some(spread) => {
                @let class = baseline
                    .filter(|_| target != comparison.baseline)
                    .and_then(|baseline| change_class(figure.better, baseline.median, spread.median));
                td class=(format!("number {}", class.unwrap_or_default())) {
                    (number(spread.median)) " (" (number(spread.min)) "–" (number(spread.max)) ")"
                    @if let Some(class) = class { " " (class) }
                }
            }
            None => td .reason { "not measured: " (figure.reason.as_deref().unwrap_or("no reason given")) },
        }
    }
}

fn latency(comparison: &Comparison) -> Markup {
    let told: Vec<(&str, &Distribution)> = comparison
        .targets
        .iter()
        .filter_map(|(name, target)| Some((name.as_str(), target.distributions.get("added_latency")?)))
        .collect();
    html! {
        @if !told.is_empty() {
            section { h2 { "Added latency" } p .about { "How much longer a packet takes through the server than without one: this share of them at most so many milliseconds." } (percentile_chart(&told)) }
        }
    }
}

fn capacity(comparison: &Comparison) -> Markup {
    let told: Vec<(&str, &[CapacityStep])> = comparison
        .targets
        .iter()
        .filter(|(_, target)| !target.capacity.is_empty())
        .map(|(name, target)| (name.as_str(), target.capacity.as_slice()))
        .collect();
    html! {
        @if !told.is_empty() {
            section {
                h2 { "Capacity" }
                p .about { "Packets delivered per second at each load that was tried. A filled point met the thresholds, an open one did not." }
                (capacity_chart(&told))
            }
        }
    }
}
