//! The report as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::figure::{Better, Figure};
use super::model::{Comparison, Report};

/// The table, with a line end.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<22} {value}");
    };
    let (context, figures, generator) = (&report.context, &report.figures, &report.generator);
    let steps = &report.capacity;
    let report = &report.brief;
    let ended = match &context.partial_reason {
        Some(reason) => format!(", partial: {reason}"),
        None => String::new(),
    };
    row(
        "scenario",
        format!("{} for {:.1} s{ended}", context.scenario, context.duration_s),
    );
    row(
        "participants",
        format!(
            "{} at a time, {} started, {} got in",
            report.participants, report.participants_started, report.participants_joined
        ),
    );
    let missing = |name: &str| match report.unmeasured.get(name) {
        Some(reason) => format!("not measured: {reason}"),
        None => "not measured".to_owned(),
    };
    row(
        "join",
        report.join_ms.map_or_else(
            || missing("join_ms"),
            |time| {
                format!(
                    "p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms",
                    time.p50, time.p95, time.max
                )
            },
        ),
    );
    row(
        "latency (sound)",
        report.latency_ms.map_or_else(
            || missing("latency_ms"),
            |time| {
                format!(
                    "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
                    time.p50, time.p95, time.p99
                )
            },
        ),
    );
    let told = |name: &str| figures.find(name).map_or_else(|| missing(name), measured);
    row(
        "added by the server",
        format!(
            "p50 {}, p99 {}",
            told("added_latency_p50_ms"),
            told("added_latency_p99_ms")
        ),
    );
    for (label, name, time) in [
        ("rekey", "rekey_ms", report.rekey_ms),
        ("leave to rekey", "removal_ms", report.removal_ms),
    ] {
        row(
            label,
            time.map_or_else(
                || missing(name),
                |time| format!("p50 {:.0} ms, max {:.0} ms", time.p50, time.max),
            ),
        );
    }
    row(
        "packets",
        format!(
            "{} sent, {} received, {} lost ({})",
            report.packets_sent,
            report.packets_received,
            report.packets_lost,
            report
                .loss
                .map_or_else(|| missing("loss"), |loss| format!("{:.4} %", loss * 100.0)),
        ),
    );
    if report.packets_overrun > 0 {
        row(
            "",
            format!(
                "{} dropped here: this machine is too slow for the load",
                report.packets_overrun
            ),
        );
    }
    row(
        "frames",
        format!(
            "{} sent, {} received, {} incomplete, {} decrypted",
            report.frames_sent, report.frames_received, report.frames_incomplete, report.frames_decrypted
        ),
    );
    if report.frames_before_join > 0 {
        row(
            "",
            format!(
                "{} of epochs from before the receiver came",
                report.frames_before_join
            ),
        );
    }
    let failures: Vec<String> = report
        .decrypt_failures
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    row(
        "decrypt failures",
        if failures.is_empty() {
            "none".to_owned()
        } else {
            failures.join(", ")
        },
    );
    row(
        "compared with source",
        format!(
            "sound {} frames, {} different; pictures {} frames, {} different",
            report.compared.audio_frames,
            report.compared.audio_different,
            report.compared.video_frames,
            report.compared.video_different
        ),
    );
    row(
        "server",
        match (report.server.cpu_s, report.server.rss_mb) {
            (Some(cpu), Some(memory)) => format!("{cpu:.2} s of CPU time, {memory:.1} MiB of memory"),
            _ => missing("server.cpu_s"),
        },
    );
    if let Some(memory) = report.memory {
        row(
            "server's memory",
            format!(
                "{:.1} MiB before, {:.1} after the warm-up, {:.1} at the end, {:.1} when all had left; {:+.1} MiB per hour",
                memory.before_mb, memory.warm_mb, memory.end_mb, memory.after_mb, memory.slope_mb_per_hour
            ),
        );
    }
    for (label, name) in [
        ("server per packet", "server_cpu_us_per_packet"),
        ("server per participant", "server_memory_per_participant_kb"),
        ("load tester per packet", "generator_cpu_us_per_packet"),
    ] {
        if let Some(figure) = figures.find(name) {
            row(label, measured(figure));
        }
    }
    if !steps.is_empty() {
        row(
            "largest load",
            format!(
                "{}; {} of the server's CPU time",
                told("capacity_participants"),
                told("capacity_packets_per_cpu_second")
            ),
        );
    }
    if generator.bound == Some(true) {
        row(
            "GENERATOR-BOUND",
            format!("the load tester was the limit: {}", generator.reason),
        );
    }
    for problem in &report.problem_list {
        row("problem", problem.clone());
    }
    text
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
    }
}
