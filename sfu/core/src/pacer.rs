//! Spreads the bursts of one subscriber's pictures over time, so that they do not fill the queue of a narrow path.
//!
//! What waits are references; packets stay in their track's ring. Sound and retransmissions go straight through and
//! are only charged for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often waiting packets are looked at.
pub(crate) const PACE: Duration = Duration::from_millis(2);
/// References that wait: a large key frame. Packets that come on top are dropped, and asked for again.
const MAX_WAITING: usize = 512;
/// Pictures are sent at most this much faster than the estimate: a key frame should not take long, and what is sent
/// faster than it gets through delays the sound.
const SPEED: (u64, u64) = (3, 2);
/// What may leave at once, as time at that speed, and at least, in bytes: a packet.
const BURST: Duration = Duration::from_millis(4);
const MIN_BURST: i64 = 1500;

/// The pacer of one subscriber.
pub(crate) struct Pacer<T> {
    waiting: VecDeque<(T, u16)>,
    /// Bytes that may be sent now; negative after sound or a packet larger than what was left.
    credit: i64,
    at: Option<Instant>,
}

impl<T> Pacer<T> {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            credit: MIN_BURST,
            at: None,
        }
    }

    /// Whether a packet of `size` bytes goes out now. If not, it has to [`Self::wait`].
    pub(crate) fn admit(&mut self, now: Instant, estimate: Option<u32>, size: usize) -> bool {
        let Some(estimate) = estimate else {
            return self.waiting.is_empty();
        };
        self.earn(now, estimate);
        if !self.waiting.is_empty() || self.credit <= 0 {
            return false;
        }
        self.spend(size);
        true
    }

    /// A packet leaves whatever the credit: sound, or a retransmission.
    pub(crate) fn charge(&mut self, size: usize) {
        self.spend(size);
        // However much of it there is, pictures do not stop for longer than a burst.
        self.credit = self.credit.max(-4 * MIN_BURST);
    }

    /// Queues a reference to a packet of `size` bytes; `false` when there is no room.
    pub(crate) fn wait(&mut self, reference: T, size: usize) -> bool {
        let room = self.waiting.len() < MAX_WAITING;
        if room {
            self.waiting
                .push_back((reference, u16::try_from(size).unwrap_or(u16::MAX)));
        }
        room
    }

    /// The next packet whose time has come.
    pub(crate) fn release(&mut self, now: Instant, estimate: Option<u32>) -> Option<T> {
        if let Some(estimate) = estimate {
            self.earn(now, estimate);
            if self.credit <= 0 {
                return None;
            }
        }
        let (reference, size) = self.waiting.pop_front()?;
        self.spend(usize::from(size));
        Some(reference)
    }

    /// The bytes that may come on top of what waits and leave within a time with it.
    pub(crate) fn room_within(&self, estimate: u32, time: Duration) -> usize {
        let waiting = self.waiting.iter().map(|(_, size)| usize::from(*size)).sum();
        let room = usize::try_from(bytes_in(estimate, time)).unwrap_or(0);
        room.saturating_sub(waiting)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    fn earn(&mut self, now: Instant, estimate: u32) {
        // The packets of a batch come at the same time.
        if self.at == Some(now) {
            return;
        }
        let passed = now.saturating_duration_since(*self.at.get_or_insert(now));
        let earned = bytes_in(estimate, passed);
        // Less than a byte would be lost: let the time add up.
        if earned > 0 {
            self.at = Some(now);
            let burst = bytes_in(estimate, BURST).max(MIN_BURST);
            self.credit = self.credit.saturating_add(earned).min(burst);
        }
    }

    fn spend(&mut self, size: usize) {
        self.credit = self
            .credit
            .saturating_sub(i64::try_from(size).unwrap_or(i64::MAX));
    }
}

/// What leaves within a time, in bytes.
fn bytes_in(estimate: u32, time: Duration) -> i64 {
    let speed = u64::from(estimate) * SPEED.0 / SPEED.1 / 8;
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    i64::try_from(speed.saturating_mul(micros) / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `count` packets of 1200 bytes that come at once leaves, in ms.
    fn departures(estimate: Option<u32>, count: u32) -> Vec<u128> {
        let start = crate::virtual_clock::epoch();
        let mut pacer = Pacer::new();
        let mut left = Vec::new();
        for number in 0..count {
            if pacer.admit(start, estimate, 1200) {
                left.push(0);
            } else {
                assert!(pacer.wait(number, 1200));
            }
        }
        let mut now = start;
        while !pacer.is_empty() {
            now += PACE;
            while pacer.release(now, estimate).is_some() {
                left.push((now - start).as_millis());
            }
        }
        left
    }

    #[test]
    fn a_burst_is_spread_at_one_and_a_half_times_the_estimate() {
        let left = departures(Some(1_000_000), 50);
        assert_eq!(left.len(), 50);
        let last = *left.last().unwrap();
        // 60 kB at 1.5 Mbit/s take 320 ms.
        assert!((300..=330).contains(&last), "{last}");
        let at_once = left.iter().filter(|at| **at == 0).count();
        assert!(at_once <= 2, "{at_once}");
    }

    #[test]
    fn a_fast_path_and_one_without_estimate_do_not_wait() {
        assert_eq!(departures(None, 500), [0; 500]);
        assert_eq!(departures(Some(30_000_000), 1), [0]);
        let last = *departures(Some(30_000_000), 20).last().unwrap();
        assert!(last <= 6, "{last}");
    }

    #[test]
    fn packets_leave_in_order_behind_those_that_wait() {
        let start = crate::virtual_clock::epoch();
        let mut pacer = Pacer::new();
        let estimate = Some(100_000);
        assert!(pacer.admit(start, estimate, 1500));
        assert!(!pacer.admit(start, estimate, 100));
        assert!(pacer.wait(1, 100));
        let later = start + Duration::from_secs(1);
        assert!(!pacer.admit(later, estimate, 100), "one waits before it");
        assert!(pacer.wait(2, 100));
        assert_eq!(pacer.release(later, estimate), Some(1));
        assert_eq!(pacer.release(later, estimate), Some(2));
        assert!(pacer.admit(later, estimate, 100));
    }

    #[test]
    fn sound_is_charged_and_the_queue_is_bounded() {
        let start = crate::virtual_clock::epoch();
        let mut pacer = Pacer::new();
        pacer.charge(1_000_000);
        assert!(!pacer.admit(start, Some(1_000_000), 100));
        assert!(
            pacer.admit(start + Duration::from_millis(50), Some(1_000_000), 100),
            "a flood of sound delays pictures by no more than this"
        );
        let taken = (0..2 * MAX_WAITING).filter(|n| pacer.wait(*n, 100)).count();
        assert_eq!(taken, MAX_WAITING);
        pacer.clear();
        assert!(pacer.is_empty());
    }
}
