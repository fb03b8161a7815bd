//! The numbers a subscriber sees: one continuous stream, whoever publishes into it.

use std::time::Instant;

use super::receive_log::extend;

/// First sequence number of a subscription, one wrap ahead of zero so that earlier ones have a number too.
const FIRST_SEQUENCE: u64 = (1 << 16) + 1;

/// What identifies an unbroken stream of a publisher: another generation starts its numbers anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(pub(crate) u64);

/// A packet's numbers for the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
}

#[derive(Clone, Copy)]
struct Source {
    generation: Generation,
    /// The first packet of this run; earlier ones belong to numbers that are taken.
    first: u64,
    /// Ours minus the publisher's, modulo 2^64.
    sequence_offset: u64,
    /// Ours minus the publisher's, modulo 2^32.
    timestamp_offset: u32,
}

/// The numbering of one subscription. It lives as long as the section, over changes of its track.
pub(crate) struct Rewriter {
    source: Option<Source>,
    /// Set after a pause: the next packet follows the last one without a gap.
    resume: bool,
    last_sequence: u64,
    last_timestamp: u32,
    last_at: Option<Instant>,
}

impl Rewriter {
    pub(crate) const fn new() -> Self {
        Self {
            source: None,
            resume: false,
            last_sequence: FIRST_SEQUENCE - 1,
            last_timestamp: 0,
            last_at: None,
        }
    }

    /// What was not forwarded meanwhile leaves no gap.
    pub(crate) const fn resume(&mut self) {
        self.resume = true;
    }

    /// Numbers a packet; `None` for one that is older than this run.
    pub(crate) fn rewrite(
        &mut self,
        now: Instant,
        generation: Generation,
        clock_rate: u32,
        sequence: u64,
        timestamp: u32,
    ) -> Option<Rewritten> {
        let source = match self.source {
            Some(source) if source.generation == generation && !self.resume => source,
            before => {
                let same_clock = before.filter(|source| source.generation == generation);
                let source = Source {
                    generation,
                    first: sequence,
                    sequence_offset: (self.last_sequence + 1).wrapping_sub(sequence),
                    timestamp_offset: same_clock.map_or_else(
                        || {
                            self.next_timestamp(now, clock_rate, timestamp)
                                .wrapping_sub(timestamp)
                        },
                        |source| source.timestamp_offset,
                    ),
                };
                self.source = Some(source);
                self.resume = false;
                source
            }
        };
        if sequence < source.first {
            return None;
        }
        let rewritten = Rewritten {
            sequence: sequence.wrapping_add(source.sequence_offset),
            timestamp: timestamp.wrapping_add(source.timestamp_offset),
        };
        if rewritten.sequence > self.last_sequence {
            self.last_sequence = rewritten.sequence;
            self.last_timestamp = rewritten.timestamp;
            self.last_at = Some(now);
        }
        Some(rewritten)
    }

    /// The publisher's number of a packet the subscriber names; `None` if it belongs to an earlier run.
    pub(crate) fn original(&self, generation: Generation, sequence: u16) -> Option<u64> {
        let source = self.source.filter(|source| source.generation == generation)?;
        let ours = extend(self.last_sequence, sequence).filter(|ours| *ours <= self.last_sequence)?;
        Some(ours.wrapping_sub(source.sequence_offset)).filter(|original| *original >= source.first)
    }

    /// The publisher's timestamp on the subscriber's clock.
    pub(crate) fn timestamp(&self, generation: Generation, timestamp: u32) -> Option<u32> {
        let source = self.source.filter(|source| source.generation == generation)?;
        Some(timestamp.wrapping_add(source.timestamp_offset))
    }

    /// Where a new publisher's clock starts: as much later as time has passed.
    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
    fn next_timestamp(&self, now: Instant, clock_rate: u32, timestamp: u32) -> u32 {
        let Some(last_at) = self.last_at else {
            return timestamp;
        };
        let passed = now.saturating_duration_since(last_at).as_micros() * u128::from(clock_rate) / 1_000_000;
        self.last_timestamp.wrapping_add((passed as u32).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: Generation = Generation(1);
    const B: Generation = Generation(2);

    #[test]
    fn a_new_publisher_continues_numbers_and_clock() {
        let now = crate::virtual_clock::epoch();
        let mut rewriter = Rewriter::new();
        let first = rewriter.rewrite(now, A, 90_000, 70_000, 1000).unwrap();
        assert_eq!(
            first,
            Rewritten {
                sequence: FIRST_SEQUENCE,
                timestamp: 1000
            }
        );
        let second = rewriter.rewrite(now, A, 90_000, 70_003, 4000).unwrap();
        assert_eq!(
            second,
            Rewritten {
                sequence: FIRST_SEQUENCE + 3,
                timestamp: 4000
            }
        );
        let later = now + Duration::from_millis(100);
        let switched = rewriter.rewrite(later, B, 90_000, 100_000, 77).unwrap();
        assert_eq!(
            switched,
            Rewritten {
                sequence: FIRST_SEQUENCE + 4,
                timestamp: 13_000
            }
        );
        let next = rewriter.rewrite(later, B, 90_000, 100_001, 3077).unwrap();
        assert_eq!(
            next,
            Rewritten {
                sequence: FIRST_SEQUENCE + 5,
                timestamp: 16_000
            }
        );
    }

    #[test]
    fn a_pause_leaves_no_gap_in_the_numbers_and_keeps_the_clock() {
        let now = crate::virtual_clock::epoch();
        let mut rewriter = Rewriter::new();
        rewriter.rewrite(now, A, 48_000, 70_000, 0);
        rewriter.resume();
        let after = rewriter.rewrite(now, A, 48_000, 70_500, 480_000).unwrap();
        assert_eq!(
            after,
            Rewritten {
                sequence: FIRST_SEQUENCE + 1,
                timestamp: 480_000
            }
        );
        assert_eq!(
            rewriter.rewrite(now, A, 48_000, 70_499, 479_040),
            None,
            "its number is taken"
        );
    }

    #[test]
    fn a_subscribers_number_leads_back_to_the_publishers() {
        let now = crate::virtual_clock::epoch();
        let mut rewriter = Rewriter::new();
        for sequence in 70_000..70_010 {
            rewriter.rewrite(now, A, 90_000, sequence, 0);
        }
        assert_eq!(rewriter.original(A, 1), Some(70_000));
        assert_eq!(rewriter.original(A, 10), Some(70_009));
        assert_eq!(rewriter.original(A, 11), None, "not sent yet");
        assert_eq!(rewriter.original(A, 0), None, "before the first");
        assert_eq!(rewriter.original(B, 1), None);
        rewriter.rewrite(now, B, 90_000, 90_000, 0);
        assert_eq!(rewriter.original(B, 10), None, "an earlier run's number");
        assert_eq!(rewriter.original(B, 11), Some(90_000));
    }

    #[test]
    fn reordered_packets_keep_their_distance() {
        let now = crate::virtual_clock::epoch();
        let mut rewriter = Rewriter::new();
        rewriter.rewrite(now, A, 90_000, 70_000, 0);
        let late = rewriter.rewrite(now, A, 90_000, 70_005, 0).unwrap().sequence;
        let early = rewriter.rewrite(now, A, 90_000, 70_002, 0).unwrap().sequence;
        assert_eq!(late - early, 3);
    }
}
