//! Audio gaps: stretches of sound that were not there when they should have been played.
//!
//! A frame is in time when it is no more than the playout delay older than the fastest frame of its stream was. Opus
//! conceals two missing frames of 20 ms well; three in a row are a gap that a person hears.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{Counter, unix_micros};
use crate::report::figure::{Entry, Figures};
use crate::source::stamp::Stamp;

const NONE: &str = "no sound was received for a second";

/// How often.
pub const COUNT: Entry = Entry::lower(
    "audio_gaps",
    "count",
    "Stretches of 60 ms or more of sound that were not there in time, of all receivers",
    NONE,
);
/// How long of all.
pub const SHARE: Entry = Entry::lower(
    "audio_gap_share",
    "ratio",
    "Sound in gaps, of all sound that should have been heard",
    NONE,
);
/// The longest.
pub const LONGEST: Entry = Entry::lower("audio_gap_max_ms", "ms", "The longest gap", NONE);
/// All of them.
pub const ENTRIES: [Entry; 3] = [COUNT, SHARE, LONGEST];

/// A receiver waits this long for a frame, as a browser's jitter buffer does on a fair network.
pub const PLAYOUT_DELAY: Duration = Duration::from_millis(100);
const FRAME_MS: u64 = 20;
/// Missing frames in a row that a person hears.
const AUDIBLE: u64 = 3;
/// Frames after which nothing earlier can come in time any more.
const SETTLED: i64 = 50;

/// Gaps of all receivers.
#[derive(Debug, Default)]
pub struct AudioGaps {
    count: Counter,
    missing: Counter,
    heard: Counter,
    longest: Mutex<u64>,
}

/// Frames in time that are not settled: the first, and bit n for the one n behind it. A tree would cost more than all
/// else that is measured of a packet.
#[derive(Clone, Copy, Debug, Default)]
struct InTime {
    first: i64,
    frames: u128,
}

impl InTime {
    fn first(self) -> Option<i64> {
        (self.frames != 0).then_some(self.first)
    }

    /// Takes a frame that is at most [`SETTLED`] behind the first. One so far ahead of it that there is no room for both
    /// comes seconds late.
    fn insert(&mut self, number: i64) {
        if self.frames == 0 {
            self.first = number;
        }
        let ahead = u32::try_from(self.first - number).unwrap_or_default();
        if ahead > self.frames.leading_zeros() {
            return;
        }
        if ahead > 0 {
            self.frames = self.frames.checked_shl(ahead).unwrap_or_default();
            self.first = number;
        }
        let behind = u32::try_from(number - self.first).unwrap_or(u32::MAX);
        self.frames |= 1u128.checked_shl(behind).unwrap_or_default();
    }

    fn pop_first(&mut self) -> Option<i64> {
        let first = self.first()?;
        let rest = self.frames & !1;
        let step = rest.trailing_zeros();
        self.frames = rest.checked_shr(step).unwrap_or_default();
        self.first += i64::from(step);
        Some(first)
    }
}

/// A decrypted frame of 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct HeardFrame {
    /// How many its sender had sent before it.
    pub number: u64,
    /// When it was sent, by the sender's clock.
    pub sent: Duration,
    /// How old it was when it arrived; a constant error of the clocks does not matter.
    pub age: Duration,
}

impl HeardFrame {
    /// Of a stamp that arrived then.
    pub fn new(stamp: Stamp, arrived: Instant) -> Self {
        let age = Duration::from_micros(unix_micros().saturating_sub(stamp.sent_us));
        Self {
            number: stamp.frame,
            sent: Duration::from_micros(stamp.sent_us),
            age: age.saturating_sub(arrived.elapsed()),
        }
    }
}

/// One receiver of one microphone.
#[derive(Debug, Default)]
pub struct Ear {
    /// The age of the frame that was fastest, in seconds.
    fastest: Option<f64>,
    in_time: InTime,
    /// The last frame that is settled and was in time.
    last: Option<i64>,
}

impl Ear {
    /// A frame is there. A sender that pauses, or is late itself, makes no gap: frames count, and their age.
    pub fn heard(&mut self, frame: HeardFrame, gaps: &AudioGaps) {
        let number = i64::try_from(frame.number).unwrap_or(i64::MAX);
        let age = frame.age.as_secs_f64();
        let fastest = self.fastest.map_or(age, |fastest| fastest.min(age));
        self.fastest = Some(fastest);
        while let Some(first) = self.in_time.first()
            && number - first > SETTLED
        {
            self.settle(gaps);
        }
        if age - fastest <= PLAYOUT_DELAY.as_secs_f64() && self.last.is_none_or(|last| number > last) {
            self.in_time.insert(number);
        }
    }

    /// The stream is over.
    pub fn finish(mut self, gaps: &AudioGaps) {
        while self.in_time.first().is_some() {
            self.settle(gaps);
        }
    }

    fn settle(&mut self, gaps: &AudioGaps) {
        let Some(first) = self.in_time.pop_first() else {
            return;
        };
        gaps.heard.increment();
        let missing = self.last.map_or(0, |last| first - last - 1);
        self.last = Some(first);
        let missing = u64::try_from(missing).unwrap_or_default();
        gaps.heard.add(missing);
        if missing >= AUDIBLE {
            gaps.add(missing);
        }
    }
}

impl AudioGaps {
    fn add(&self, frames: u64) {
        self.count.increment();
        self.missing.add(frames);
        if let Ok(mut longest) = self.longest.lock() {
            *longest = (*longest).max(frames);
        }
    }
}

/// Tells the figures.
pub fn tell(gaps: &AudioGaps, figures: &mut Figures) {
    let heard = gaps.heard.value();
    if heard * FRAME_MS < 1000 {
        return;
    }
    figures.count(&COUNT, gaps.count.value());
    figures.set(&SHARE, super::delivery::share(gaps.missing.value(), heard));
    let longest = gaps.longest.lock().map(|longest| *longest).unwrap_or_default();
    figures.count(&LONGEST, longest * FRAME_MS);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(FRAME_MS);

    /// 20 s of sound of which `lost` says which frames never come, and `late` how late others do.
    fn told(lost: impl Fn(u16) -> bool, late: impl Fn(u16) -> u64) -> Figures {
        told_with_pauses(lost, late, |_| Duration::ZERO)
    }

    /// The same from a sender that has paused for so long before a frame.
    fn told_with_pauses(
        lost: impl Fn(u16) -> bool,
        late: impl Fn(u16) -> u64,
        pause: impl Fn(u16) -> Duration,
    ) -> Figures {
        let gaps = AudioGaps::default();
        let mut ear = Ear::default();
        let mut arrivals: Vec<(Duration, Duration, u16)> = (0..1000)
            .filter(|number| !lost(*number))
            .map(|number| {
                let sent = pause(number) + FRAME * u32::from(number);
                (sent + Duration::from_millis(late(number)), sent, number)
            })
            .collect();
        arrivals.sort();
        for (arrived, sent, number) in arrivals {
            let frame = HeardFrame {
                number: number.into(),
                sent,
                age: arrived - sent,
            };
            ear.heard(frame, &gaps);
        }
        ear.finish(&gaps);
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&gaps, &mut figures);
        figures
    }

    #[test]
    fn lost_frames_in_a_row_are_a_gap_as_long_as_they_are() {
        assert_eq!(told(|_| false, |_| 0).value("audio_gaps"), Some(0.0));
        // Two in a row are concealed.
        assert_eq!(
            told(|number| number % 100 < 2, |_| 0).value("audio_gaps"),
            Some(0.0)
        );
        let figures = told(|number| number % 100 >= 90 && number < 900, |_| 0);
        assert_eq!(figures.value("audio_gaps"), Some(9.0));
        assert_eq!(figures.value("audio_gap_max_ms"), Some(200.0));
        let share = figures.value("audio_gap_share").unwrap();
        assert!((share - 0.09).abs() < 0.001, "{share}");
    }

    #[test]
    fn what_comes_too_late_to_be_played_is_a_gap_and_what_is_only_late_is_not() {
        let late = |by: u64| move |number: u16| if (500..510).contains(&number) { by } else { 0 };
        assert_eq!(told(|_| false, late(90)).value("audio_gaps"), Some(0.0));
        let figures = told(|_| false, late(400));
        assert_eq!(figures.value("audio_gaps"), Some(1.0));
        assert_eq!(figures.value("audio_gap_max_ms"), Some(200.0));
    }

    #[test]
    fn frames_in_time_come_out_in_order_however_they_came() {
        let mut in_time = InTime::default();
        for number in [100, 140, 60, 61, 100, 130, 13, 12] {
            in_time.insert(number);
        }
        // 12 does not fit beside 140.
        let order: Vec<_> = std::iter::from_fn(|| in_time.pop_first()).collect();
        assert_eq!(order, [13, 60, 61, 100, 130, 140]);
        in_time.insert(7000);
        assert_eq!((in_time.pop_first(), in_time.pop_first()), (Some(7000), None));
    }

    #[test]
    fn a_sender_that_pauses_makes_no_gap_and_hides_none() {
        let pause = |number: u16| Duration::from_millis(if number >= 500 { 7_000 } else { 0 });
        assert_eq!(
            told_with_pauses(|_| false, |_| 0, pause).value("audio_gaps"),
            Some(0.0)
        );
        let lost = |number: u16| (600..610).contains(&number);
        assert_eq!(
            told_with_pauses(lost, |_| 0, pause).value("audio_gaps"),
            Some(1.0)
        );
    }

    #[test]
    fn a_delay_of_everything_is_no_gap() {
        assert_eq!(told(|_| false, |_| 300).value("audio_gaps"), Some(0.0));
    }
}
