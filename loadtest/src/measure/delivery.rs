//! Packets and frames: how many were sent, delivered and lost, counted at the receivers after each stream's warm-up.

use super::Measures;
use crate::report::figure::{Entry, Figures};

const NONE: &str = "no packet came after the warm-up";
const COUNT: &str = "nothing was counted";

/// Lost of all that should have come.
pub const LOSS: Entry = Entry::lower(
    "loss",
    "ratio",
    "Packets that never came, of all that should have",
    NONE,
);
/// Packets sent.
pub const SENT: Entry = Entry::neither("packets_sent", "packets", "RTP packets sent", COUNT);
/// Packets delivered.
pub const DELIVERED: Entry = Entry::neither(
    "packets_delivered",
    "packets",
    "Different RTP packets that receivers got after each stream's first second",
    COUNT,
);
/// Packets lost.
pub const LOST: Entry = Entry::lower(
    "packets_lost",
    "packets",
    "RTP packets that never came, after each stream's first second",
    COUNT,
);
/// Packets that the load tester dropped.
pub const OVERRUN: Entry = Entry::lower(
    "packets_overrun",
    "packets",
    "RTP packets the load tester dropped because it was too busy; they count as lost too",
    COUNT,
);
/// Frames sent.
pub const FRAMES_SENT: Entry = Entry::neither("frames_sent", "frames", "Frames encrypted and sent", COUNT);
/// Frames received.
pub const FRAMES_RECEIVED: Entry =
    Entry::neither("frames_received", "frames", "Whole frames received", COUNT);
/// Frames with a hole.
pub const FRAMES_INCOMPLETE: Entry = Entry::lower(
    "frames_incomplete",
    "frames",
    "Frames given up for want of a packet",
    COUNT,
);
/// Sound that is not what was said.
pub const AUDIO_DIFFERENT: Entry = Entry::lower(
    "audio_frames_different",
    "frames",
    "Decoded sound that does not sound like what its bot said",
    COUNT,
);
/// Pictures that are not what was shown.
pub const VIDEO_DIFFERENT: Entry = Entry::lower(
    "video_frames_different",
    "frames",
    "Decrypted pictures that are not those of the clip",
    COUNT,
);
/// Problems.
pub const PROBLEMS: Entry = Entry::lower(
    "problems",
    "count",
    "Things that should not have happened: participants that could not join or were dropped",
    COUNT,
);
/// All of them.
pub const ENTRIES: [Entry; 11] = [
    LOSS,
    SENT,
    DELIVERED,
    LOST,
    OVERRUN,
    FRAMES_SENT,
    FRAMES_RECEIVED,
    FRAMES_INCOMPLETE,
    AUDIO_DIFFERENT,
    VIDEO_DIFFERENT,
    PROBLEMS,
];

/// Tells the figures.
pub fn tell(measures: &Measures, figures: &mut Figures) {
    let (delivered, lost) = (measures.packets_received.value(), measures.packets_lost.value());
    if delivered + lost > 0 {
        figures.set(&LOSS, share(lost, delivered + lost));
    }
    for (entry, count) in [
        (SENT, measures.packets_sent.value()),
        (DELIVERED, delivered),
        (LOST, lost),
        (OVERRUN, measures.packets_overrun.value()),
        (FRAMES_SENT, measures.frames_sent.value()),
        (FRAMES_RECEIVED, measures.frames_received.value()),
        (FRAMES_INCOMPLETE, measures.frames_incomplete.value()),
        (PROBLEMS, measures.problem_count()),
    ] {
        figures.count(&entry, count);
    }
    for (entry, compared, different) in [
        (
            AUDIO_DIFFERENT,
            &measures.audio_compared,
            &measures.audio_different,
        ),
        (
            VIDEO_DIFFERENT,
            &measures.video_compared,
            &measures.video_different,
        ),
    ] {
        if compared.value() > 0 {
            figures.count(&entry, different.value());
        } else {
            figures.lack(&entry, "nothing was compared: it takes two full participants");
        }
    }
}

/// A part of a whole.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio of counts needs no more than 53 bits"
)]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::packet::loss::{LossCounter, WARM_UP};

    /// A stream of 10 000 packets of which every `nth` never comes.
    fn told(nth: Option<u16>) -> Figures {
        let start = Instant::now();
        let mut counter = LossCounter::default();
        counter.handle(start, 0);
        for sequence in 1..=10_000u16 {
            if nth.is_none_or(|nth| sequence == 1 || sequence % nth != 0) {
                counter.handle(start + WARM_UP, sequence);
            }
        }
        let measures = Measures::default();
        measures.packets_received.add(counter.received());
        measures.packets_lost.add(counter.lost());
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&measures, &mut figures);
        figures
    }

    #[test]
    fn the_loss_told_is_the_loss_injected() {
        assert_eq!(told(None).value("loss"), Some(0.0));
        for (nth, injected) in [(100, 0.01), (20, 0.05), (3, 0.333)] {
            let loss = told(Some(nth)).value("loss").unwrap();
            assert!((loss - injected).abs() < 0.001, "{injected}: {loss}");
        }
    }

    #[test]
    fn no_packet_is_no_loss_of_zero() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Measures::default(), &mut figures);
        assert_eq!(figures.value("loss"), None);
        assert_eq!(figures.value("audio_frames_different"), None);
    }
}
