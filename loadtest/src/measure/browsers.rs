//! What headless browsers say about their calls: sums of their own statistics (W3C webrtc-stats), counted apart.

use std::sync::Mutex;

use super::{Durations, percentile};
use crate::report::figure::{Entry, Figures, rounded};

const NONE: &str = "no browser took part (--browsers)";

const JOIN: Entry = Entry::lower(
    "browser_join_p50_ms",
    "ms",
    "Browsers: from the address of the page until the call is on the screen, median",
    NONE,
);
const JOIN_MAX: Entry = Entry::lower(
    "browser_join_max_ms",
    "ms",
    "Browsers: from the address of the page until the call is on the screen, the slowest",
    NONE,
);
const RECEIVED: Entry = Entry::higher(
    "browser_packets_received",
    "packets",
    "Browsers: packetsReceived of all streams",
    NONE,
);
const SENT: Entry = Entry::neither(
    "browser_packets_sent",
    "packets",
    "Browsers: packetsSent of all streams",
    NONE,
);
const LOST: Entry = Entry::lower(
    "browser_packets_lost",
    "packets",
    "Browsers: packetsLost of all streams",
    NONE,
);
const FRAMES: Entry = Entry::higher(
    "browser_frames_decoded",
    "frames",
    "Browsers: framesDecoded of all streams, so pictures that were decrypted and shown",
    NONE,
);
const FREEZES: Entry = Entry::lower(
    "browser_freezes",
    "count",
    "Browsers: freezeCount of all streams",
    NONE,
);
const FREEZE: Entry = Entry::lower(
    "browser_freeze_s",
    "s",
    "Browsers: totalFreezesDuration of all streams",
    NONE,
);
const CONCEALED: Entry = Entry::lower(
    "browser_sound_concealed_share",
    "ratio",
    "Browsers: concealedSamples of totalSamplesReceived; silence between words is concealed, too",
    "no browser received sound",
);
/// All of them.
pub const ENTRIES: [Entry; 9] = [
    JOIN, JOIN_MAX, RECEIVED, SENT, LOST, FRAMES, FREEZES, FREEZE, CONCEALED,
];

/// Sums over the streams of one page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// `packetsReceived`.
    pub packets_received: u64,
    /// `packetsLost`.
    pub packets_lost: u64,
    /// `packetsSent`.
    pub packets_sent: u64,
    /// `framesDecoded`.
    pub frames_decoded: u64,
    /// `freezeCount`.
    pub freezes: u64,
    /// `totalFreezesDuration` in seconds.
    pub freeze_s: f64,
    /// `totalSamplesReceived`.
    pub samples: u64,
    /// `concealedSamples`.
    pub concealed: u64,
}

/// What all browsers say.
#[derive(Debug, Default)]
pub struct Browsers {
    /// How long they took to join.
    pub join: Durations,
    pages: Mutex<Vec<Seen>>,
}

impl Browsers {
    /// Adds what a page says at its end.
    pub fn add(&self, seen: Seen) {
        if let Ok(mut pages) = self.pages.lock() {
            pages.push(seen);
        }
    }
}

/// Tells the figures.
pub fn tell(browsers: &Browsers, figures: &mut Figures) {
    if let Some(join) = browsers.join.snapshot() {
        figures.set(&JOIN, percentile(&join, 0.5));
        figures.set(&JOIN_MAX, percentile(&join, 1.0));
    }
    let Ok(pages) = browsers.pages.lock() else { return };
    if pages.is_empty() {
        return;
    }
    let sum = |field: fn(&Seen) -> u64| pages.iter().map(field).sum::<u64>();
    figures.count(&RECEIVED, sum(|seen| seen.packets_received));
    figures.count(&SENT, sum(|seen| seen.packets_sent));
    figures.count(&LOST, sum(|seen| seen.packets_lost));
    figures.count(&FRAMES, sum(|seen| seen.frames_decoded));
    figures.count(&FREEZES, sum(|seen| seen.freezes));
    figures.set(&FREEZE, rounded(pages.iter().map(|seen| seen.freeze_s).sum()));
    let samples = sum(|seen| seen.samples);
    if samples > 0 {
        let concealed = sum(|seen| seen.concealed);
        figures.set(&CONCEALED, super::delivery::share(concealed, samples));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_summed_and_without_any_nothing_is_claimed() {
        let browsers = Browsers::default();
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&browsers, &mut figures);
        assert_eq!(figures.value("browser_packets_lost"), None);
        let page = |lost, concealed| Seen {
            packets_received: 100,
            packets_lost: lost,
            samples: 1000,
            concealed,
            freeze_s: 0.25,
            ..Seen::default()
        };
        browsers.add(page(0, 0));
        browsers.add(page(7, 500));
        tell(&browsers, &mut figures);
        for (name, value) in [
            ("browser_packets_received", 200.0),
            ("browser_packets_lost", 7.0),
            ("browser_freeze_s", 0.5),
            ("browser_sound_concealed_share", 0.25),
        ] {
            assert_eq!(figures.value(name), Some(value), "{name}");
        }
    }
}
