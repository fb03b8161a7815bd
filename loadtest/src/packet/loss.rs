//! Loss of one stream at one receiver, from RTP sequence numbers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::sequence::Unwrapper;

/// What arrives in this time after the first packet is not counted: a stream that has just been switched on.
pub const WARM_UP: Duration = Duration::from_secs(1);

/// Gaps remembered at most; a hole that is larger still counts, but cannot be filled by a late packet.
const MAX_GAPS: usize = 4096;

/// Counts the packets of one SSRC. A packet that comes late (by retransmission) is not lost.
#[derive(Debug, Default)]
pub struct LossCounter {
    started: Option<Instant>,
    line: Unwrapper,
    first: Option<i64>,
    highest: i64,
    missing: BTreeSet<i64>,
    forgotten: u64,
    received: u64,
}

impl LossCounter {
    /// Takes one packet's sequence number.
    pub fn handle(&mut self, now: Instant, sequence: u16) {
        let started = *self.started.get_or_insert(now);
        let position = self.line.unwrap(sequence);
        if now.saturating_duration_since(started) < WARM_UP {
            return;
        }
        if self.first.is_none() {
            self.first = Some(position);
            self.highest = position;
            self.received = 1;
            return;
        }
        if position > self.highest {
            for gap in self.highest + 1..position {
                if self.missing.len() < MAX_GAPS {
                    self.missing.insert(gap);
                } else {
                    self.forgotten += 1;
                }
            }
            self.highest = position;
            self.received += 1;
        } else if self.missing.remove(&position) {
            self.received += 1;
        }
    }

    /// Different packets received after the warm-up.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that never came, between the first and the last one received.
    pub fn lost(&self) -> u64 {
        self.forgotten + u64::try_from(self.missing.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sequences: &[u16]) -> LossCounter {
        let start = Instant::now();
        let mut counter = LossCounter::default();
        counter.handle(start, sequences[0].wrapping_sub(1));
        for sequence in sequences {
            counter.handle(start + WARM_UP, *sequence);
        }
        counter
    }

    #[test]
    fn holes_are_lost_and_late_packets_fill_them() {
        let counter = counted(&[10, 11, 14, 12, 12, 15]);
        assert_eq!(counter.lost(), 1);
        assert_eq!(counter.received(), 5);
    }

    #[test]
    fn a_wrap_is_no_loss() {
        assert_eq!(counted(&[65_534, 65_535, 0, 1]).lost(), 0);
    }

    #[test]
    fn nothing_counts_during_the_warm_up() {
        let start = Instant::now();
        let mut counter = LossCounter::default();
        for sequence in [1, 50, 99] {
            counter.handle(start, sequence);
        }
        assert_eq!((counter.received(), counter.lost()), (0, 0));
    }

    #[test]
    fn a_huge_hole_is_counted_without_being_remembered() {
        let counter = counted(&[0, 20_000]);
        assert_eq!(counter.lost(), 19_999);
    }
}
