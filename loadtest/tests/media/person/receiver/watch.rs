//! What a person notices of one picture or one voice.

use std::collections::VecDeque;

/// A picture that stands for longer than this, and than three frame intervals, is frozen (as in webrtc-stats).
const FREEZE: u64 = 150_000;
/// Frame intervals that make the average.
const INTERVALS: usize = 30;

/// What was seen of one camera.
#[derive(Default)]
pub(crate) struct Watch {
    /// When it began to be wanted.
    pub(crate) since: u64,
    /// Every picture: when it was shown and its height.
    pub(crate) shown: Vec<(u64, u16)>,
    intervals: VecDeque<u64>,
    /// From when to when it stood.
    pub(crate) freezes: Vec<(u64, u64)>,
    /// Pictures are not expected now.
    hidden: bool,
    last: Option<u64>,
    pub(crate) torn: u32,
    pub(crate) latency: Vec<u64>,
}

impl Watch {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    pub(crate) fn show(&mut self, now: u64, height: u16, captured: u64, torn: bool) {
        self.torn += u32::from(torn);
        if let Some(last) = self.last {
            let gap = now - last;
            if gap > self.longest_interval() {
                self.freezes.push((last, now));
            } else {
                self.intervals.push_back(gap);
                if self.intervals.len() > INTERVALS {
                    self.intervals.pop_front();
                }
            }
        }
        self.last = Some(now);
        self.shown.push((now, height));
        self.latency.push(now - captured);
    }

    /// The tile is hidden or shown again.
    pub(crate) fn hide(&mut self, now: u64, hidden: bool) {
        if hidden && !self.hidden {
            self.stop(now);
        } else if !hidden && self.hidden {
            // Waiting for the first picture of a tile that is shown again is not a freeze until it takes too long.
            self.last = Some(now);
        }
        self.hidden = hidden;
    }

    /// Nothing more is expected.
    pub(crate) fn stop(&mut self, now: u64) {
        if !self.hidden
            && let Some(last) = self.last.take()
            && now - last > self.longest_interval()
        {
            self.freezes.push((last, now));
        }
    }

    fn longest_interval(&self) -> u64 {
        let count = u64::try_from(self.intervals.len()).unwrap();
        let average = self.intervals.iter().sum::<u64>().checked_div(count).unwrap_or(0);
        (3 * average).max(FREEZE)
    }
}

/// What was heard of one microphone.
#[derive(Default)]
pub(crate) struct Listening {
    /// When each gap began, and how long it was.
    pub(crate) gaps: Vec<(u64, u64)>,
    /// Microseconds of sound that should have been heard.
    pub(crate) expected: u64,
    /// When the first sound came.
    pub(crate) first: Option<u64>,
}
