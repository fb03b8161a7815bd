//! Counters in the Prometheus text format (0.0.4). None carries a room or a person.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use conclave_signaling_core::Stats;

use crate::files::FileStats;
use crate::process::Usage;

/// The content type of [`Page`].
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the HTTP and WebSocket side counts; the core and the SFU count for themselves.
pub(crate) struct Metrics {
    /// Responses by class of status.
    pub(crate) http_responses: Family<5>,
    /// WebSocket connections that ended, by reason.
    pub(crate) connections_closed: Family<4>,
    /// Connections and rooms refused because a bound was reached.
    pub(crate) quota_rejected: Family<4>,
    /// Requests for shared files refused because a bound was reached.
    pub(crate) files_refused: Family<6>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            http_responses: Family::new(["1xx", "2xx", "3xx", "4xx", "5xx"]),
            connections_closed: Family::new(["peer", "lost", "slow", "refused"]),
            quota_rejected: Family::new(["ip", "room", "total", "create"]),
            files_refused: Family::new(["too_large", "participant", "room", "total", "rate", "busy"]),
        }
    }
}

/// One counter per value of a label; the values are fixed, so the number of series is.
pub(crate) struct Family<const N: usize> {
    values: [&'static str; N],
    cells: [AtomicU64; N],
}

impl<const N: usize> Family<N> {
    fn new(values: [&'static str; N]) -> Self {
        Self {
            values,
            cells: [const { AtomicU64::new(0) }; N],
        }
    }

    /// Counts one. A value that is not of this family is not counted.
    pub(crate) fn count(&self, value: &str) {
        debug_assert!(self.values.contains(&value), "{value} is not of this family");
        if let Some((_, cell)) = self.iter().find(|(known, _)| *known == value) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, &AtomicU64)> {
        self.values.iter().copied().zip(&self.cells)
    }
}

/// A scrape's answer while it is written.
#[derive(Default)]
pub(crate) struct Page(String);

impl Page {
    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// What the HTTP and WebSocket side counted.
    pub(crate) fn server(&mut self, metrics: &Metrics, live: usize, draining: bool, media: bool) {
        self.head("conclave_build_info", "gauge", "The version that runs.");
        self.sample(
            "conclave_build_info",
            Some(("version", env!("CARGO_PKG_VERSION"))),
            1,
        );
        self.gauge("conclave_connections", "WebSocket connections now.", live);
        self.gauge("conclave_draining", "1 while the server shuts down.", draining);
        self.gauge(
            "conclave_media_available",
            "1 while the SFU can be reached.",
            media,
        );
        self.family(
            "conclave_http_responses_total",
            "class",
            "HTTP responses.",
            &metrics.http_responses,
        );
        let ended = "WebSocket connections that ended.";
        self.family(
            "conclave_connections_closed_total",
            "reason",
            ended,
            &metrics.connections_closed,
        );
        let refused = "Connections and rooms refused at a limit.";
        self.family(
            "conclave_quota_rejected_total",
            "kind",
            refused,
            &metrics.quota_rejected,
        );
        let refused = "Requests for shared files refused at a limit.";
        self.family(
            "conclave_files_refused_total",
            "kind",
            refused,
            &metrics.files_refused,
        );
    }

    /// What the core counted.
    pub(crate) fn service(&mut self, stats: &Stats) {
        self.gauge(
            "conclave_sessions",
            "Sessions of the signaling service now.",
            stats.sessions,
        );
        self.gauge(
            "conclave_rooms",
            "Rooms remembered now, empty ones too.",
            stats.rooms,
        );
        self.gauge(
            "conclave_participants",
            "Participants now, suspended ones too.",
            stats.participants,
        );
        self.gauge(
            "conclave_overloaded",
            "1 while new participants are turned away.",
            stats.overloaded,
        );
        self.counter(
            "conclave_messages_total",
            "Client messages handled.",
            stats.messages,
        );
        self.head(
            "conclave_group_epochs_total",
            "counter",
            "MLS epochs by how their vote ended.",
        );
        self.sample(
            "conclave_group_epochs_total",
            Some(("result", "final")),
            stats.finals,
        );
        self.sample(
            "conclave_group_epochs_total",
            Some(("result", "rollback")),
            stats.rollbacks,
        );
        self.counter(
            "conclave_refused_total",
            "Requests of clients refused with an error.",
            stats.refused,
        );
    }

    /// What is held for `GET /t/<hash>`.
    pub(crate) fn trees(&mut self, count: usize, bytes: usize) {
        self.gauge("conclave_trees", "Ratchet trees held for fetching.", count);
        self.gauge("conclave_tree_bytes", "Their size.", bytes);
    }

    /// What is held of shared files.
    pub(crate) fn files(&mut self, stats: &FileStats) {
        self.gauge("conclave_files", "Shared files held now.", stats.files);
        self.gauge("conclave_file_bytes", "Space reserved for them.", stats.bytes);
        self.head("conclave_file_chunks_total", "counter", "Chunks of shared files.");
        for (direction, count) in [("in", stats.chunks_in), ("out", stats.chunks_out)] {
            self.sample(
                "conclave_file_chunks_total",
                Some(("direction", direction)),
                count,
            );
        }
        self.head(
            "conclave_files_ended_total",
            "counter",
            "Shared files that are gone: everybody had them, or not.",
        );
        for (result, count) in [("delivered", stats.delivered), ("dropped", stats.dropped)] {
            self.sample("conclave_files_ended_total", Some(("result", result)), count);
        }
    }

    /// What the process used.
    pub(crate) fn process(&mut self, usage: &Usage) {
        self.counter(
            "process_cpu_seconds_total",
            "User and system CPU time in seconds.",
            usage.cpu_seconds,
        );
        self.gauge(
            "process_resident_memory_bytes",
            "Resident memory in bytes.",
            usage.resident_bytes,
        );
        self.gauge("process_open_fds", "Open file descriptors.", usage.files);
        self.gauge("process_threads", "Threads.", usage.threads);
    }

    /// Families that somebody else wrote.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.0);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Sample) {
        self.head(name, "gauge", help);
        self.sample(name, None, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Sample) {
        self.head(name, "counter", help);
        self.sample(name, None, value);
    }

    fn family<const N: usize>(&mut self, name: &str, label: &str, help: &str, family: &Family<N>) {
        self.head(name, "counter", help);
        for (value, cell) in family.iter() {
            self.sample(name, Some((label, value)), cell.load(Ordering::Relaxed));
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl Sample) {
        let _ = match label {
            Some((label, text)) => writeln!(self.0, "{name}{{{label}=\"{text}\"}} {}", value.text()),
            None => writeln!(self.0, "{name} {}", value.text()),
        };
    }
}

/// A value of a sample.
trait Sample {
    fn text(&self) -> String;
}

macro_rules! plain_samples {
    ($($number:ty),*) => {
        $(impl Sample for $number {
            fn text(&self) -> String {
                self.to_string()
            }
        })*
    };
}

plain_samples!(i32, u64, usize, f64);

impl Sample for bool {
    fn text(&self) -> String {
        u8::from(*self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_values_are_on_the_page() {
        let metrics = Metrics::new();
        metrics.http_responses.count("2xx");
        metrics.http_responses.count("2xx");
        let mut page = Page::default();
        page.server(&metrics, 3, true, false);
        page.service(&Stats {
            overloaded: true,
            ..Stats::default()
        });
        page.process(&Usage {
            cpu_seconds: 1.25,
            ..Usage::default()
        });
        let text = page.into_text();
        for line in [
            "conclave_http_responses_total{class=\"2xx\"} 2",
            "conclave_connections 3",
            "conclave_draining 1",
            "conclave_media_available 0",
            "conclave_overloaded 1",
            "process_cpu_seconds_total 1.25",
            "# TYPE conclave_quota_rejected_total counter",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} not in\n{text}");
        }
    }
}
