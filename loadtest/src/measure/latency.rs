//! End-to-end latency: from before a frame's encryption at its sender to after its decoding at a receiver.
//!
//! The time of sending travels inside the encrypted frame. Sender and receiver are in this process, so both times are of
//! one clock. A full participant's latency is of its sound, with SFrame, SRTP, the network and the decoder on the way.

use super::{Durations, percentile};
use crate::report::figure::{Entry, Figures};

const NONE: &str = "no stamped frame was decrypted";

/// Median.
pub const P50: Entry = Entry::lower(
    "latency_p50_ms",
    "ms",
    "End-to-end latency of a frame, median",
    NONE,
);
/// 95 of 100.
pub const P95: Entry = Entry::lower(
    "latency_p95_ms",
    "ms",
    "End-to-end latency of a frame, 95th percentile",
    NONE,
);
/// 99 of 100.
pub const P99: Entry = Entry::lower(
    "latency_p99_ms",
    "ms",
    "End-to-end latency of a frame, 99th percentile",
    NONE,
);
/// The slowest.
pub const MAX: Entry = Entry::lower(
    "latency_max_ms",
    "ms",
    "End-to-end latency of the slowest frame",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 4] = [P50, P95, P99, MAX];

/// Tells the figures.
pub fn tell(latency: &Durations, figures: &mut Figures) {
    let Some(latency) = latency.snapshot() else {
        return;
    };
    for (entry, rank) in [(P50, 0.5), (P95, 0.95), (P99, 0.99), (MAX, 1.0)] {
        figures.set(&entry, percentile(&latency, rank));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(delay: Duration) -> Figures {
        let latency = Durations::default();
        for millisecond in 1..=100 {
            latency.record(Duration::from_millis(millisecond) + delay);
        }
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&latency, &mut figures);
        figures
    }

    #[test]
    fn a_delay_moves_every_percentile_by_itself() {
        let (before, after) = (told(Duration::ZERO), told(Duration::from_millis(80)));
        for entry in ENTRIES {
            let moved = after.value(entry.name).unwrap() - before.value(entry.name).unwrap();
            assert!((moved - 80.0).abs() < 0.2, "{}: {moved}", entry.name);
        }
        assert!((before.value("latency_p99_ms").unwrap() - 99.0).abs() < 0.2);
    }

    #[test]
    fn nothing_received_is_not_measured() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Durations::default(), &mut figures);
        assert!(
            figures
                .iter()
                .all(|(_, figure)| figure.value.is_none() && figure.reason.is_some())
        );
    }
}
