//! Freezes: pictures that stand still for longer than a person takes for motion.
//!
//! A freeze is an interval between two shown frames that is longer than three times the usual one, and at least 150 ms longer
//! than it: `freezeCount` and `totalFreezesDuration` of W3C webrtc-stats. The usual interval is the mean of the last 30.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Counter;
use crate::report::figure::{Entry, Figures};

const NONE: &str = "no camera was received for a second";
const ON_PURPOSE: &str = "cameras are switched off on purpose in this scenario, and look the same";

/// How often.
pub const COUNT: Entry = Entry::lower(
    "video_freezes",
    "count",
    "Pictures that stood still noticeably (W3C freezeCount), of all receivers",
    NONE,
);
/// How long of all.
pub const SHARE: Entry = Entry::lower(
    "video_freeze_share",
    "ratio",
    "Time that pictures stood still, of all time they were watched",
    NONE,
);
/// The longest.
pub const LONGEST: Entry = Entry::lower("video_freeze_max_ms", "ms", "The longest freeze", NONE);
/// All of them.
pub const ENTRIES: [Entry; 3] = [COUNT, SHARE, LONGEST];

/// Intervals that make the usual one.
const WINDOW: usize = 30;
/// Fewer than this say nothing about what is usual.
const MIN_WINDOW: usize = 5;
const EXTRA: Duration = Duration::from_millis(150);

/// Freezes of all receivers.
#[derive(Debug, Default)]
pub struct Freezes {
    count: Counter,
    frozen_us: Counter,
    watched_us: Counter,
    longest: Mutex<Duration>,
    /// Set by a scenario that switches cameras off, which a receiver cannot tell from a freeze.
    pub on_purpose: AtomicBool,
}

/// One receiver of one camera.
#[derive(Debug, Default)]
pub struct Watcher {
    last: Option<Instant>,
    usual: VecDeque<Duration>,
    /// Of `usual`.
    sum: Duration,
}

impl Watcher {
    /// A picture is shown.
    pub fn shown(&mut self, now: Instant, freezes: &Freezes) {
        let Some(before) = self.last.replace(now) else {
            return;
        };
        let interval = now.saturating_duration_since(before);
        freezes.watched_us.add(micros(interval));
        let known = u32::try_from(self.usual.len()).unwrap_or(u32::MAX);
        if self.usual.len() >= MIN_WINDOW {
            let usual = self.sum / known;
            if interval > (usual * 3).max(usual + EXTRA) {
                freezes.add(interval);
                // What is no usual interval does not make the next freeze look usual.
                return;
            }
        }
        if self.usual.len() == WINDOW
            && let Some(oldest) = self.usual.pop_front()
        {
            self.sum = self.sum.saturating_sub(oldest);
        }
        self.usual.push_back(interval);
        self.sum += interval;
    }
}

impl Freezes {
    fn add(&self, frozen: Duration) {
        self.count.increment();
        self.frozen_us.add(micros(frozen));
        if let Ok(mut longest) = self.longest.lock() {
            *longest = (*longest).max(frozen);
        }
    }

    /// Freezes so far.
    pub fn count(&self) -> u64 {
        self.count.value()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Tells the figures.
pub fn tell(freezes: &Freezes, figures: &mut Figures) {
    if freezes.on_purpose.load(Ordering::Relaxed) {
        for entry in ENTRIES {
            figures.lack(&entry, ON_PURPOSE);
        }
        return;
    }
    let watched = freezes.watched_us.value();
    if watched < 1_000_000 {
        return;
    }
    figures.count(&COUNT, freezes.count.value());
    figures.set(&SHARE, super::delivery::share(freezes.frozen_us.value(), watched));
    let longest = freezes.longest.lock().map(|longest| *longest).unwrap_or_default();
    figures.set(&LONGEST, longest.as_secs_f64() * 1000.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 s at 25 pictures per second that stands still for `still` after every 5 s.
    fn told(still: Duration) -> Figures {
        let start = Instant::now();
        let freezes = Freezes::default();
        let mut watcher = Watcher::default();
        let mut at = start;
        for picture in 0..500 {
            at += Duration::from_millis(40);
            if picture % 125 == 124 {
                at += still;
            }
            watcher.shown(at, &freezes);
        }
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&freezes, &mut figures);
        figures
    }

    #[test]
    fn freezes_are_counted_and_as_long_as_they_were_injected() {
        for still in [Duration::ZERO, Duration::from_millis(140)] {
            assert_eq!(told(still).value("video_freezes"), Some(0.0), "{still:?}");
        }
        let figures = told(Duration::from_millis(1000));
        assert_eq!(figures.value("video_freezes"), Some(4.0));
        assert_eq!(figures.value("video_freeze_max_ms"), Some(1040.0));
        let share = figures.value("video_freeze_share").unwrap();
        assert!((share - 4.0 * 1.04 / 24.0).abs() < 0.001, "{share}");
    }

    #[test]
    fn where_cameras_are_switched_off_on_purpose_and_where_there_is_none_nothing_is_measured() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Freezes::default(), &mut figures);
        assert_eq!(figures.value("video_freezes"), None);
        let freezes = Freezes::default();
        freezes.watched_us.add(5_000_000);
        freezes.on_purpose.store(true, Ordering::Relaxed);
        tell(&freezes, &mut figures);
        let told = figures.find("video_freezes").unwrap();
        assert!(
            told.value.is_none() && told.reason.as_ref().unwrap().contains("on purpose"),
            "{told:?}"
        );
    }
}
