//! How soon a speaker is heard who was silent before: from the first frame that is sent to the first that is decrypted.
//!
//! Frames that never come count with the time they would have taken to say.

use std::time::Duration;

use super::audio_gap::HeardFrame;
use super::{Durations, percentile};
use crate::report::figure::{Entry, Figures};

const NONE: &str = "nobody spoke again after a silence";

/// Median.
pub const P50: Entry = Entry::lower(
    "speaker_heard_p50_ms",
    "ms",
    "From the first frame that somebody says after a silence to the first that a receiver decrypts, median",
    NONE,
);
/// 95 of 100.
pub const P95: Entry = Entry::lower(
    "speaker_heard_p95_ms",
    "ms",
    "From the first frame that somebody says after a silence to the first that a receiver decrypts, 95th percentile",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 2] = [P50, P95];

/// A pause that makes what follows a beginning.
const SILENCE: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(20);

/// One receiver of one microphone.
#[derive(Debug, Default)]
pub struct Onset {
    last: Option<HeardFrame>,
}

impl Onset {
    /// A frame is there.
    pub fn heard(&mut self, frame: HeardFrame, onsets: &Durations) {
        let Some(last) = self.last.replace(frame) else {
            return;
        };
        let unheard = frame.number.saturating_sub(last.number).saturating_sub(1);
        let unheard = FRAME * u32::try_from(unheard).unwrap_or(u32::MAX);
        let passed = frame.sent.saturating_sub(last.sent);
        if passed.saturating_sub(unheard) > SILENCE {
            onsets.record(frame.age.saturating_add(unheard));
        }
    }
}

/// Tells the figures.
pub fn tell(onsets: &Durations, figures: &mut Figures) {
    if let Some(onsets) = onsets.snapshot() {
        for (entry, rank) in [(P50, 0.5), (P95, 0.95)] {
            figures.set(&entry, percentile(&onsets, rank));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody says a hundred frames, is silent for `silence`, and says a hundred more of which the first `lost` never come.
    fn told(silence: Duration, lost: u64, age: Duration) -> Option<f64> {
        let (mut onset, onsets) = (Onset::default(), Durations::default());
        for number in (0..100).chain(100 + lost..200) {
            let pause = if number < 100 { Duration::ZERO } else { silence };
            let frame = HeardFrame {
                number,
                sent: pause + FRAME * u32::try_from(number).unwrap(),
                age,
            };
            onset.heard(frame, &onsets);
        }
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&onsets, &mut figures);
        figures.value("speaker_heard_p50_ms")
    }

    #[test]
    fn a_beginning_that_is_lost_or_late_is_heard_as_much_later() {
        let silence = Duration::from_secs(4);
        let usual = told(silence, 0, Duration::from_millis(2)).unwrap();
        assert!((usual - 2.0).abs() < 0.1, "{usual}");
        for (lost, age, later) in [(0, 52, 50.0), (10, 2, 200.0), (10, 52, 250.0)] {
            let told = told(silence, lost, Duration::from_millis(age)).unwrap();
            assert!((told - usual - later).abs() < 0.5, "{lost} {age}: {told}");
        }
    }

    #[test]
    fn who_goes_on_speaking_or_is_lost_for_a_while_does_not_begin() {
        assert_eq!(told(Duration::ZERO, 0, Duration::ZERO), None);
        assert_eq!(told(Duration::ZERO, 90, Duration::ZERO), None);
    }
}
