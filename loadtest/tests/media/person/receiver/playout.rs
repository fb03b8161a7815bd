//! When a picture or a sound is due: a jitter buffer whose delay follows what arrived late in the last seconds.

use std::collections::VecDeque;

/// How long the past is looked at, in microseconds.
const MEMORY: u64 = 4_000_000;
/// Bounds of what is waited beyond the fastest packet.
const LEAST: i64 = 10_000;
const MOST: i64 = 1_000_000;

pub(crate) struct Playout {
    clock_rate: i64,
    /// Unwrapped timestamp of the last packet.
    last: Option<i64>,
    /// When it came, and how much later than its timestamp says.
    transits: VecDeque<(u64, i64)>,
    delay: i64,
    base: i64,
}

impl Playout {
    pub(crate) const fn new(clock_rate: i64) -> Self {
        Self {
            clock_rate,
            last: None,
            transits: VecDeque::new(),
            delay: LEAST,
            base: 0,
        }
    }

    /// Something is complete.
    pub(crate) fn arrived(&mut self, now: u64, timestamp: u32) {
        let media = self.media(timestamp);
        self.transits
            .push_back((now, i64::try_from(now).unwrap() - media));
        while self.transits.front().is_some_and(|(at, _)| at + MEMORY < now) {
            self.transits.pop_front();
        }
        let mut transits: Vec<i64> = self.transits.iter().map(|(_, transit)| *transit).collect();
        transits.sort_unstable();
        self.base = transits[0];
        let late = transits[(transits.len() - 1) * 95 / 100];
        self.delay = (late - self.base + LEAST).clamp(LEAST, MOST);
    }

    /// When what has this timestamp is due.
    pub(crate) fn due(&mut self, timestamp: u32) -> u64 {
        let due = self.media(timestamp) + self.base + self.delay;
        u64::try_from(due).unwrap_or(0)
    }

    /// The timestamp in microseconds since its zero, unwrapped.
    fn media(&mut self, timestamp: u32) -> i64 {
        let near = self.last.unwrap_or_else(|| i64::from(timestamp));
        let difference = i64::from(timestamp.wrapping_sub(low_bits(near)).cast_signed());
        let unwrapped = near + difference;
        self.last = Some(unwrapped);
        unwrapped * 1_000_000 / self.clock_rate
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "RTP timestamps are modulo 2^32"
)]
const fn low_bits(value: i64) -> u32 {
    value as u32
}
