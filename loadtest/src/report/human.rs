//! The report as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::brief::Brief;
use super::figure::{Better, Figure};
use super::model::{Comparison, Report};

/// The table, with a line end.
pub fn table(report: &Report) -> String {
    let mut table = Table::default();
    let context = &report.context;
    let ended = match &context.partial_reason {
        Some(reason) => format!(", partial: {reason}"),
        None => String::new(),
    };
    table.row(
        "scenario",
        format!("{} for {:.1} s{ended}", context.scenario, context.duration_s),
    );
    table.row(
        "participants",
        format!(
            "{} at a time, {} started, {} got in",
            report.brief.participants, report.brief.participants_started, report.brief.participants_joined
        ),
    );
    table.times(report);
    table.packets(report);
    table.as_noticed(report);
    table.server(report);
    let generator = &report.generator;
    if generator.bound == Some(true) {
        table.row(
            "GENERATOR-BOUND",
            format!("the load tester was the limit: {}", generator.reason),
        );
    }
    for problem in &report.brief.problem_list {
        table.row("problem", problem.clone());
    }
    table.0
}

/// Lines of a label and what it says.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, label: &str, says: String) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "  {label:<22} {says}");
    }

    /// How long things took.
    fn times(&mut self, report: &Report) {
        for (label, parts) in [
            (
                "join",
                &[
                    ("p50", "join_p50_ms"),
                    ("p95", "join_p95_ms"),
                    ("max", "join_max_ms"),
                ][..],
            ),
            (
                "latency (sound)",
                &[
                    ("p50", "latency_p50_ms"),
                    ("p95", "latency_p95_ms"),
                    ("p99", "latency_p99_ms"),
                ],
            ),
            (
                "added by the server",
                &[("p50", "added_latency_p50_ms"), ("p99", "added_latency_p99_ms")],
            ),
        ] {
            self.row(label, together(report, parts));
        }
        let brief = &report.brief;
        for (label, name, time) in [
            ("rekey", "rekey_ms", brief.rekey_ms),
            ("leave to rekey", "removal_ms", brief.removal_ms),
        ] {
            self.row(
                label,
                time.map_or_else(
                    || missing(brief, name),
                    |time| format!("p50 {:.0} ms, max {:.0} ms", time.p50, time.max),
                ),
            );
        }
    }

    /// What was sent, what came, and whether it could be read.
    fn packets(&mut self, report: &Report) {
        let brief = &report.brief;
        let share = brief
            .loss
            .map_or_else(|| missing(brief, "loss"), |loss| format!("{:.4} %", loss * 100.0));
        self.row(
            "packets",
            format!(
                "{} sent; after each stream's first second {} received, {} lost ({share})",
                brief.packets_sent, brief.packets_received, brief.packets_lost,
            ),
        );
        if brief.packets_overrun > 0 {
            self.row(
                "",
                format!(
                    "{} dropped here: this machine is too slow for the load",
                    brief.packets_overrun
                ),
            );
        }
        self.row(
            "frames",
            format!(
                "{} sent, {} received, {} incomplete, {} decrypted{}",
                brief.frames_sent,
                brief.frames_received,
                brief.frames_incomplete,
                brief.frames_decrypted,
                report
                    .context
                    .sample()
                    .map_or_else(String::new, |share| format!(" (by light participants {share})")),
            ),
        );
        if brief.frames_before_join > 0 {
            self.row(
                "",
                format!(
                    "{} of epochs from before the receiver came",
                    brief.frames_before_join
                ),
            );
        }
        let failures: Vec<String> = brief
            .decrypt_failures
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        self.row(
            "decrypt failures",
            if failures.is_empty() {
                match report.figures.value("decrypt_failures") {
                    Some(_) => "none".to_owned(),
                    None => told(report, "decrypt_failures"),
                }
            } else {
                failures.join(", ")
            },
        );
        let compared = &brief.compared;
        self.row(
            "compared with source",
            if compared.audio_frames + compared.video_frames > 0 {
                format!(
                    "sound {} frames, {} different; pictures {} frames, {} different",
                    compared.audio_frames,
                    compared.audio_different,
                    compared.video_frames,
                    compared.video_different
                )
            } else {
                told(report, "audio_frames_different")
            },
        );
    }

    /// What a person in the call would notice.
    fn as_noticed(&mut self, report: &Report) {
        for (label, parts) in [
            (
                "freezes",
                &[("", "video_freezes"), ("longest", "video_freeze_max_ms")][..],
            ),
            (
                "gaps in the sound",
                &[("", "audio_gaps"), ("longest", "audio_gap_max_ms")],
            ),
            (
                "speaker heard after",
                &[("p50", "speaker_heard_p50_ms"), ("p95", "speaker_heard_p95_ms")],
            ),
            (
                "sound quality",
                &[("median", "audio_mos_median"), ("worst", "audio_mos_min")],
            ),
        ] {
            self.row(label, together(report, parts));
        }
        if report.figures.value("browser_packets_received").is_some() {
            self.row(
                "browsers say",
                together(
                    report,
                    &[
                        ("received", "browser_packets_received"),
                        ("lost", "browser_packets_lost"),
                        ("freezes", "browser_freezes"),
                    ],
                ),
            );
        }
        if report
            .figures
            .value("joins_turned_away")
            .is_some_and(|times| times > 0.0)
        {
            self.row("turned away", told(report, "joins_turned_away"));
        }
    }

    /// What it cost.
    fn server(&mut self, report: &Report) {
        let brief = &report.brief;
        self.row(
            "server",
            match (brief.server.cpu_s, brief.server.rss_mb) {
                (Some(cpu), Some(memory)) => format!("{cpu:.2} s of CPU time, {memory:.1} MiB of memory"),
                _ => missing(brief, "server.cpu_s"),
            },
        );
        if let Some(memory) = brief.memory {
            self.row(
                "server's memory",
                format!(
                    "{:.1} MiB before, {:.1} after the warm-up, {:.1} at the end, {:.1} when all had left; {}",
                    memory.before_mb,
                    memory.warm_mb,
                    memory.end_mb,
                    memory.after_mb,
                    memory.slope_mb_per_hour.map_or_else(
                        || "too short a run for a slope per hour".to_owned(),
                        |slope| format!("{slope:+.1} MiB per hour")
                    )
                ),
            );
        }
        for (label, name) in [
            ("server per packet", "server_cpu_us_per_packet"),
            ("server per participant", "server_memory_per_participant_kb"),
            ("load tester per packet", "generator_cpu_us_per_packet"),
            ("load tester to server", "generator_to_server_cpu_ratio"),
        ] {
            self.row(label, told(report, name));
        }
        if !report.capacity.is_empty() {
            self.row(
                "largest load",
                together(
                    report,
                    &[
                        ("", "capacity_participants"),
                        ("delivered", "capacity_packets_per_s"),
                        (
                            "per second of the server's CPU",
                            "capacity_packets_per_cpu_second",
                        ),
                    ],
                ),
            );
        }
    }
}

/// Why a figure of the short form is not there.
fn missing(brief: &Brief, name: &str) -> String {
    match brief.unmeasured.get(name) {
        Some(reason) => format!("not measured: {reason}"),
        None => "not measured".to_owned(),
    }
}

/// A figure with its unit, or why there is none.
fn told(report: &Report, name: &str) -> String {
    report
        .figures
        .find(name)
        .map_or_else(|| "not measured".to_owned(), measured)
}

/// Figures that belong together, each after its label; what all of them lack for the same reason is said once.
fn together(report: &Report, parts: &[(&str, &str)]) -> String {
    let mut says: Vec<String> = Vec::new();
    for (label, name) in parts {
        let told = told(report, name);
        let is_said = says.iter().any(|said| said.ends_with(&told));
        if is_said && told.starts_with("not measured") {
            continue;
        }
        let alone = label.is_empty() || told.starts_with("not measured");
        says.push(if alone { told } else { format!("{label} {told}") });
    }
    says.join(", ")
}

/// A comparison as a table, with a line end.
pub fn comparison_table(comparison: &Comparison) -> String {
    let mut text = String::new();
    let context = &comparison.context;
    let partial = match &context.partial_reason {
        Some(reason) => format!(", partial: {reason}"),
        None => String::new(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {}: {} rounds, {:.0} s{partial}",
        context.scenario, comparison.rounds, context.duration_s
    );
    for sentence in comparison.sentences() {
        let _ = writeln!(text, "  {sentence}");
    }
    ratio_table(&mut text, comparison);
    for target in comparison.target_names() {
        let Some(result) = comparison.targets.get(target) else {
            continue;
        };
        let version = result.version.as_deref().unwrap_or("unknown version");
        let _ = writeln!(text, "\n  {target} ({version})");
        let named = |name| Some((name, result.figures.get(name)?));
        for (name, figure) in comparison.figure_names().into_iter().filter_map(named) {
            let value = match (&figure.spread, &figure.reason) {
                (Some(spread), _) => format!(
                    "{} {} ({} to {})",
                    digits(spread.median),
                    figure.unit,
                    digits(spread.min),
                    digits(spread.max)
                ),
                (None, reason) => format!("not measured: {}", reason.as_deref().unwrap_or("no reason given")),
            };
            let _ = writeln!(text, "    {name:<36} {value}");
        }
        for problem in &result.problems {
            let _ = writeln!(text, "    problem: {problem}");
        }
        if let Some(differs) = &result.differs {
            let _ = writeln!(text, "    {differs}");
        }
        if result.generator_bound_rounds > 0 {
            let _ = writeln!(
                text,
                "    GENERATOR-BOUND in {} rounds: the load tester was the limit",
                result.generator_bound_rounds
            );
        }
    }
    for (target, reason) in &comparison.unavailable {
        let _ = writeln!(text, "\n  {target} was not compared: {reason}");
    }
    for problem in &comparison.problems {
        let _ = writeln!(text, "  problem: {problem}");
    }
    text
}

/// The ratios, figure by figure, under a heading that says which way they are.
fn ratio_table(text: &mut String, comparison: &Comparison) {
    let baseline = &comparison.baseline;
    if comparison.ratios.values().all(BTreeMap::is_empty) {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n  {baseline}'s figure divided by that of:");
    let _ = writeln!(
        text,
        "    {:<28} {:<8} {:<10} {:>8} {:>8} {:>8}",
        "figure", "good is", "server", "min", "median", "max"
    );
    for name in comparison.figure_names() {
        for (target, ratios) in &comparison.ratios {
            let Some(spread) = ratios.get(name) else {
                continue;
            };
            let result = comparison.targets.get(target);
            let better = match result.and_then(|result| result.figures.get(name)) {
                Some(figure) if figure.better == Better::Higher => "over 1",
                Some(figure) if figure.better == Better::Lower => "under 1",
                _ => "",
            };
            let _ = writeln!(
                text,
                "    {name:<28} {better:<8} {target:<10} {:>8.2} {:>8.2} {:>8.2}",
                spread.min, spread.median, spread.max
            );
        }
    }
}

/// A number with as many digits as are worth reading.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.001 || size == 0.0 => format!("{value:.4}"),
        // One packet of a million that is lost is not none.
        _ => format!("{value:.7}"),
    }
}

/// A figure with its unit, or why there is none.
fn measured(figure: &Figure) -> String {
    match (figure.value, &figure.reason) {
        (Some(value), _) if figure.unit == "count" => format!("{value:.0}"),
        // Every count is whole.
        (Some(value), _) if value.fract() == 0.0 => format!("{value:.0} {}", figure.unit),
        (Some(value), _) => format!("{value:.1} {}", figure.unit),
        (None, reason) => format!("not measured: {}", reason.as_deref().unwrap_or("no reason given")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measures;

    #[test]
    fn a_ratio_says_who_delivers_more_than_whom() {
        let table = comparison_table(&crate::report::tests::comparison());
        for line in [
            "conclave delivers 3.00 times as many packets per CPU-second as janus (2.50 to 3.50)",
            "conclave's figure divided by that of:",
            "packets_per_cpu_second       over 1   janus          2.50     3.00     3.50",
            "livekit was not compared: Go is not installed",
        ] {
            assert!(table.contains(line), "{table}");
        }
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let table = table(&Report::new(crate::report::tests::run(), &Measures::default()));
        assert!(
            table.contains("not measured: nobody joined a call with others in it"),
            "{table}"
        );
        assert!(table.contains("not measured: no /metrics"), "{table}");
        let added = table
            .lines()
            .find(|line| line.contains("added by the server"))
            .unwrap();
        assert_eq!(added.matches("not measured").count(), 1, "said once: {added}");
        assert!(
            !table.contains("failures       none"),
            "nothing was received: {table}"
        );
    }
}
