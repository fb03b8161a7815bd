//! The page of one run.

use maud::{Markup, html};

use super::changes;
use super::chart::{self, Axes, Bar, Line, short};
use super::parts::{self, Card, Tone, number};
use crate::measure::join::Stage;
use crate::report::baseline::Changes;
use crate::report::context::LIMITS;
use crate::report::figure::Distribution;
use crate::report::model::{CapacityStep, Report, Series};

/// Everything of the page.
pub(super) fn body(report: &Report, since: Option<&Changes>) -> Markup {
    html! {
        (parts::header("Load test", &title(report), &report.context))
        (sentence(report))
        (cautions(report))
        (parts::cards(&cards(report)))
        (parts::conditions(&report.thresholds))
        @if let Some(changes) = since { (changes::section(changes)) }
        (latency(report))
        (joining(report))
        (over_time(report))
        (capacity(&report.capacity))
        section {
            h2 { "Participants" }
            div .scroll { (parts::kinds_table(&report.participants_by_kind)) }
        }
        (figures(report))
        (problems(&report.brief.problem_list, report.brief.problems))
        (parts::reproduce(&report.context))
    }
}

fn title(report: &Report) -> String {
    format!(
        "{}, {} participants",
        report.context.scenario, report.brief.participants
    )
}

/// What a person who reads one line should know.
fn sentence(report: &Report) -> Markup {
    let brief = &report.brief;
    let failed: Vec<String> = report
        .thresholds
        .iter()
        .filter(|verdict| verdict.failed)
        .map(|verdict| verdict.words())
        .collect();
    let heard = match brief.loss {
        Some(loss) => format!(" {} of the packets were lost.", percent(loss)),
        None => String::new(),
    };
    let failures: u64 = brief.decrypt_failures.values().sum();
    let (started, joined) = (brief.participants_started, brief.participants_joined);
    let fast = match brief.latency_ms {
        Some(time) => format!(" Of 100 sounds 99 were heard within {} ms.", short(time.p99)),
        None => String::new(),
    };
    let people = format!("{joined} of {started} participants got in.{heard}{fast}");
    if !failed.is_empty() {
        let count = format!(
            "{} of {} conditions failed",
            failed.len(),
            report.thresholds.len()
        );
        return parts::verdict(Tone::Bad, &count, &failed.join(" · "));
    }
    if joined < started || failures > 0 || brief.problems > 0 {
        let more = format!(
            "{people} {failures} frames could not be decrypted; {} problems.",
            brief.problems
        );
        return parts::verdict(Tone::Bad, "Something went wrong", &more);
    }
    let passed = if report.thresholds.is_empty() {
        "Everybody got in and nothing failed".to_owned()
    } else {
        format!("All {} conditions passed", report.thresholds.len())
    };
    parts::verdict(Tone::Good, &passed, &people)
}

fn cautions(report: &Report) -> Markup {
    html! {
        @if report.context.partial {
            (parts::verdict(Tone::Warn, "This report is partial",
                report.context.partial_reason.as_deref().unwrap_or("The run ended before its time.")))
        }
        @if report.generator.bound == Some(true) {
            (parts::verdict(Tone::Warn, "Generator-bound: the load tester was the limit, not the server",
                &format!("{}. What it says of the server is a lower bound.", report.generator.reason)))
        }
    }
}

fn cards(report: &Report) -> Vec<Card> {
    let brief = &report.brief;
    let card = |name, figure: &str, unit, note: &str| Card {
        name,
        value: report.figures.value(figure).map(|value| (number(value), unit)),
        note: match report
            .figures
            .find(figure)
            .and_then(|figure| figure.reason.clone())
        {
            Some(reason) => reason,
            None => note.to_owned(),
        },
    };
    let cores = report.figures.value("server_cores_used");
    let largest = card(
        "Largest load",
        "capacity_participants",
        "participants",
        &report.context.settings.get(LIMITS).map_or_else(
            || "that was carried well".to_owned(),
            |limits| format!("carried with {limits}"),
        ),
    );
    let tried = report.context.sample().map_or_else(
        || "received".to_owned(),
        |share| format!("received, of which light participants tried {share}"),
    );
    let found = (!report.capacity.is_empty()).then_some(largest);
    let always = [
        Card {
            name: "Participants who got in",
            value: Some((
                format!("{} of {}", brief.participants_joined, brief.participants_started),
                "",
            )),
            note: format!("{} at a time", brief.participants),
        },
        Card {
            name: "Packets lost",
            value: brief.loss.map(|loss| (percent(loss), "")),
            note: format!(
                "{} of {} delivered",
                number_of(brief.packets_received),
                number_of(brief.packets_received + brief.packets_lost)
            ),
        },
        card(
            "End-to-end latency",
            "latency_p99_ms",
            "ms",
            "99 of 100 frames are faster, encryption and decryption included",
        ),
        card(
            "Frames not decrypted",
            "decrypt_failures",
            "",
            &format!("of {} {tried}", number_of(brief.frames_received)),
        ),
        card(
            "Time to join",
            "join_p95_ms",
            "ms",
            "95 of 100 are faster: from the first connection to a decrypted frame",
        ),
        card(
            "Sound quality",
            "audio_mos_median",
            "of 4.64",
            "PESQ wideband, 1 to 4.64. The bots hum, which scores 3 to 4 when nothing is lost",
        ),
        card(
            "Server CPU per packet",
            "server_cpu_us_per_packet",
            "µs",
            &cores.map_or_else(String::new, |cores| format!("{cores:.2} cores busy on average")),
        ),
        card(
            "Server memory",
            "server_memory_mb",
            "MiB",
            "resident, while all were there",
        ),
    ];
    found.into_iter().chain(always).collect()
}

fn latency(report: &Report) -> Markup {
    let told: Vec<(&str, &Distribution)> = [
        ("end to end", "latency"),
        ("added by the server", "added_latency"),
    ]
    .into_iter()
    .filter_map(|(label, name)| Some((label, report.distributions.get(name)?)))
    .collect();
    html! {
        section {
            h2 { "Latency" }
            p .about {
                "How many frames arrive within how many milliseconds. The further to the right, the rarer: at 99 % one of a hundred "
                "frames takes at least as long. Measured by a time stamp inside the encrypted frame."
            }
            @if told.is_empty() {
                p .soft { (report.figures.find("latency_p99_ms").and_then(|figure| figure.reason.clone()).unwrap_or_default()) }
            } @else {
                (percentile_chart(&told))
            }
        }
    }
}

/// Distributions over each other: the rank on a scale that widens the rare end.
pub(super) fn percentile_chart(told: &[(&str, &Distribution)]) -> Markup {
    // Ten times rarer is one step to the right.
    let step = |rank: f64| -(1.0 - rank).max(1e-4).log10();
    let lines: Vec<Line> = told
        .iter()
        .enumerate()
        .map(|(colour, (_, told))| Line {
            colour,
            points: told
                .quantiles
                .iter()
                .filter(|(rank, _)| *rank <= 0.9999)
                .map(|(rank, value)| (step(*rank), Some(*value)))
                .collect(),
            marks: Vec::new(),
        })
        .collect();
    let top = told
        .iter()
        .filter_map(|(_, told)| told.at(0.9999))
        .fold(0.0, f64::max);
    let axes = Axes {
        x: 0.0..4.0,
        y: 0.0..(top * 1.1).max(0.001),
        x_name: "share of frames that arrive within",
        y_name: "milliseconds",
        x_label: &|at| format!("{} %", 100.0 - 100.0 / 10f64.powf(at.round())),
        x_labels: 5,
    };
    let says: Vec<String> = told
        .iter()
        .map(|(label, told)| {
            format!(
                "{label}: median {}, 99 percent within {} milliseconds",
                parts::optional(told.at(0.5)),
                parts::optional(told.at(0.99))
            )
        })
        .collect();
    let legend: Vec<(usize, &str)> = told
        .iter()
        .enumerate()
        .map(|(colour, (label, _))| (colour, *label))
        .collect();
    parts::chart(
        &format!("Latency by percentile. {}", says.join(". ")),
        chart::lines(&axes, &lines),
        &legend,
        &parts::percentiles("Latency in milliseconds", told),
    )
}

fn joining(report: &Report) -> Markup {
    let mut bars = Vec::new();
    let mut told = Vec::new();
    for (colour, stage) in Stage::ALL.into_iter().enumerate() {
        let name = stage.distribution();
        let took = report.distributions.get(name);
        let began = report.distributions.get(&format!("{name}_began"));
        if let (Some(took), Some(began)) = (took, began)
            && let (Some(start), Some(median), Some(tail)) = (began.at(0.5), took.at(0.5), took.at(0.95))
        {
            bars.push(Bar {
                label: stage.label().to_owned(),
                from: start,
                to: start + median,
                whisker: Some((start + median, start + tail)),
                text: format!("{} ms", short(median)),
                colour,
            });
            told.push((stage.label(), took));
        }
    }
    if let Some(whole) = report.distributions.get("join") {
        told.push(("whole", whole));
    }
    let says: Vec<String> = bars
        .iter()
        .map(|bar| format!("{} {}", bar.label, bar.text))
        .collect();
    html! {
        section {
            h2 { "Joining" }
            p .about {
                "Where the time goes between the first connection and the first decrypted frame of somebody else. Bars are medians, "
                "whiskers reach to the 95th percentile. The media connection comes up while the group admits the newcomer, so stages overlap."
            }
            @if bars.is_empty() {
                p .soft { "Nobody joined a call with others in it." }
            } @else {
                (parts::chart(&format!("Stages of joining, medians. {}", says.join(", ")),
                    chart::bars("milliseconds since the beginning of the join", &|at| short(at), &bars, None), &[],
                    &parts::percentiles("Stages of joining in milliseconds", &told)))
            }
        }
    }
}

fn over_time(report: &Report) -> Markup {
    let groups: [(&str, &[(&str, &str)]); 5] = [
        (
            "Packets",
            &[
                ("packets_per_second", "delivered"),
                ("packets_sent_per_second", "sent"),
            ],
        ),
        (
            "Processor",
            &[("server_cores", "server"), ("generator_cores", "load tester")],
        ),
        ("Participants", &[("participants", "in the call")]),
        ("Loss", &[("loss", "lost of all that should have come")]),
        ("Server memory", &[("server_memory_mb", "resident memory")]),
    ];
    let charts: Vec<(&str, Markup)> = groups
        .into_iter()
        .filter_map(|(name, members)| {
            let told: Vec<(&str, &Series)> = members
                .iter()
                .filter_map(|(key, label)| Some((*label, report.series.get(*key)?)))
                .filter(|(_, series)| series.points.iter().any(|(_, value)| value.is_some()))
                .collect();
            (!told.is_empty()).then(|| (name, series_chart(name, &told)))
        })
        .collect();
    html! {
        @if !charts.is_empty() {
            section {
                h2 { "Over time" }
                p .about { "One look per second. A hole in a line is a second that could not be measured." }
                div .two { @for (name, chart) in &charts { div { h3 { (name) } (chart) } } }
            }
        }
    }
}

fn series_chart(name: &str, told: &[(&str, &Series)]) -> Markup {
    // People read shares as per cent.
    let told: Vec<(&str, Series)> = told
        .iter()
        .map(|(label, series)| (*label, in_percent(series)))
        .collect();
    let values = || told.iter().flat_map(|(_, series)| &series.points);
    let end = values().map(|(at, _)| *at).fold(1.0, f64::max);
    let top = values().filter_map(|(_, value)| *value).fold(0.0, f64::max);
    let unit = told.first().map_or("", |(_, series)| series.unit.as_str());
    let axes = Axes {
        x: 0.0..end,
        y: 0.0..if top > 0.0 { top * 1.15 } else { 1.0 },
        x_name: "seconds",
        y_name: unit,
        x_label: &|at| short(at),
        x_labels: 6,
    };
    let lines: Vec<Line> = told
        .iter()
        .enumerate()
        .map(|(colour, (_, series))| Line {
            colour,
            points: series.points.clone(),
            marks: Vec::new(),
        })
        .collect();
    let rows: Vec<Vec<String>> = told
        .iter()
        .map(|(label, series)| {
            let known: Vec<f64> = series.points.iter().filter_map(|(_, value)| *value).collect();
            let least = known.iter().copied().fold(f64::INFINITY, f64::min);
            let most = known.iter().copied().fold(0.0, f64::max);
            #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 seconds")]
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            vec![(*label).to_owned(), number(least), number(mean), number(most)]
        })
        .collect();
    let says: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            Some(format!(
                "{}: {} on average, at most {} {unit}",
                row.first()?,
                row.get(2)?,
                row.get(3)?
            ))
        })
        .collect();
    let legend: Vec<(usize, &str)> = told
        .iter()
        .enumerate()
        .map(|(colour, (label, _))| (colour, *label))
        .collect();
    parts::chart(
        &format!("{name} over time. {}", says.join(". ")),
        chart::narrow_lines(&axes, &lines),
        &legend,
        &parts::table(&format!("{name}, {unit}"), &["", "Least", "Mean", "Most"], &rows),
    )
}

fn capacity(steps: &[CapacityStep]) -> Markup {
    html! {
        @if !steps.is_empty() {
            section {
                h2 { "Capacity" }
                p .about { "Packets delivered per second at each load that was tried. A filled point met the thresholds, an open one did not." }
                (capacity_chart(&[("this server", steps)]))
            }
        }
    }
}

/// Delivered packets per second over participants, per target.
pub(super) fn capacity_chart(told: &[(&str, &[CapacityStep])]) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "participants are far fewer than 2^53")]
    let points = |steps: &[CapacityStep]| {
        let mut points: Vec<(f64, f64, bool)> = steps
            .iter()
            .map(|step| (step.participants as f64, step.delivered_per_second, step.met))
            .collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        points
    };
    let all: Vec<Vec<(f64, f64, bool)>> = told.iter().map(|(_, steps)| points(steps)).collect();
    let end = all.iter().flatten().map(|point| point.0).fold(1.0, f64::max);
    let top = all.iter().flatten().map(|point| point.1).fold(1.0, f64::max);
    let axes = Axes {
        x: 0.0..end * 1.05,
        y: 0.0..top * 1.15,
        x_name: "participants",
        y_name: "packets delivered per second",
        x_label: &|at| short(at),
        x_labels: 8,
    };
    let lines: Vec<Line> = all
        .into_iter()
        .enumerate()
        .map(|(colour, marks)| Line {
            colour,
            points: marks.iter().map(|(x, y, _)| (*x, Some(*y))).collect(),
            marks,
        })
        .collect();
    let says: Vec<String> = told
        .iter()
        .map(|(label, steps)| {
            match steps
                .iter()
                .filter(|step| step.met)
                .map(|step| step.participants)
                .max()
            {
                Some(most) => format!("{label}: up to {most} participants meet the thresholds"),
                None => format!("{label}: no load met the thresholds"),
            }
        })
        .collect();
    let legend: Vec<(usize, &str)> = told
        .iter()
        .enumerate()
        .map(|(colour, (label, _))| (colour, *label))
        .collect();
    let tables = html! {
        @for (label, steps) in told { h3 { (label) } (parts::capacity_table(steps)) }
    };
    parts::chart(
        &format!("Capacity. {}", says.join(". ")),
        chart::lines(&axes, &lines),
        &legend,
        &tables,
    )
}

fn figures(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Every figure" }
            p .about { "Names are those of --fail-if. What could not be measured says why." }
            details {
                summary { (format!("{} figures", report.figures.iter().count())) }
                div .scroll { table {
                    thead { tr { th scope="col" { "Figure" } th scope="col" .number { "Value" } th scope="col" { "Unit" } th scope="col" { "What it says" } } }
                    tbody {
                        @for (name, figure) in report.figures.iter() {
                            tr {
                                th scope="row" { code { (name) } }
                                @match figure.value {
                                    Some(value) => td .number { (number(value)) },
                                    None => td .number { "–" },
                                }
                                td { (figure.unit) }
                                td .reason {
                                    (figure.about)
                                    @if let Some(reason) = &figure.reason { " — not measured: " (reason) }
                                }
                            }
                        }
                        @for (reason, count) in &report.brief.decrypt_failures {
                            tr {
                                th scope="row" { code { "decrypt_failures." (reason) } }
                                td .number { (count) } td { "frames" } td .reason { "Frames that could not be decrypted for this reason" }
                            }
                        }
                    }
                } }
            }
        }
    }
}

pub(super) fn problems(problems: &[String], count: u64) -> Markup {
    html! {
        @if count > 0 {
            section {
                h2 { "Problems" }
                p .about { (format!("{count} things that should not have happened; the first of them:")) }
                ul .plain { @for problem in problems { li { (problem) } } }
            }
        }
    }
}

/// A share in per cent; a small one with the digits that count and no more.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 {
        return format!("{percent:.4} %");
    }
    format!("{} %", short(percent))
}

/// A share in per cent; anything else as it is.
fn in_percent(series: &Series) -> Series {
    if series.unit != "ratio" {
        return series.clone();
    }
    let percent = |(at, value): &(f64, Option<f64>)| (*at, value.map(|share| share * 100.0));
    Series {
        about: series.about.clone(),
        unit: "%".to_owned(),
        points: series.points.iter().map(percent).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people, who read three digits")]
fn number_of(count: u64) -> String {
    number(count as f64)
}
