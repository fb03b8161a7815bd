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

    /// The last second in words.
    pub(crate) fn last_second(&self, now: u64) -> String {
        let shown = self.shown.iter().rev().take_while(|(at, _)| at + 1_000_000 > now);
        let height = self.shown.last().map_or(0, |(_, height)| *height);
        let frozen: u64 = self.freezes.iter().map(|(from, to)| to - from).sum();
        format!(
            "| {height:>3} lines {:>2}/s, frozen {:>5} ms ",
            shown.count(),
            frozen / 1000
        )
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

impl Listening {
    /// How long nothing was heard.
    pub(crate) fn gap(&self) -> u64 {
        self.gaps.iter().map(|(_, length)| *length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures at these milliseconds; the freezes until the last of `times`, which shows nothing.
    fn freezes(times: &[u64]) -> Vec<(u64, u64)> {
        let mut watch = Watch::new(0);
        let (end, times) = times.split_last().unwrap();
        for time in times {
            watch.show(time * 1000, 720, 0, false);
        }
        watch.stop(end * 1000);
        watch
            .freezes
            .iter()
            .map(|(from, to)| (from / 1000, to / 1000))
            .collect()
    }

    #[test]
    fn a_picture_that_stands_for_long_is_frozen() {
        assert_eq!(freezes(&[0, 33, 66, 100, 133, 166]), []);
        assert_eq!(freezes(&[0, 33, 66, 200, 233, 266]), [], "shorter than 150 ms");
        assert_eq!(freezes(&[0, 33, 66, 300, 333, 366]), [(66, 300)]);
        assert_eq!(freezes(&[0, 33, 66, 2_000]), [(66, 2_000)], "until the end");
    }

    #[test]
    fn few_pictures_a_second_are_no_freeze() {
        assert_eq!(freezes(&[0, 130, 260, 390, 700, 830]), []);
        assert_eq!(freezes(&[0, 130, 260, 390, 800, 930]), [(390, 800)]);
    }

    #[test]
    fn a_hidden_tile_does_not_freeze() {
        let mut watch = Watch::new(0);
        watch.show(0, 720, 0, false);
        watch.hide(50_000, true);
        watch.hide(5_000_000, false);
        watch.show(5_100_000, 720, 0, false);
        assert!(watch.freezes.is_empty());
        watch.show(9_000_000, 720, 0, false);
        assert_eq!(watch.freezes.len(), 1);
    }
}
