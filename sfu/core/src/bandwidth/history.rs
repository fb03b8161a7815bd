//! Remembers what was sent under which transport-wide number, and turns feedback into results. Fixed memory.

use std::time::{Duration, Instant};

use conclave_transport::rtcp::TwccFeedback;

/// Packets remembered: 8 KiB. Feedback on older ones says nothing; at 1000 packets a second they are a second old.
pub(super) const ENTRIES: usize = 1024;

/// What became of a packet, as far as the subscriber said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unknown,
    Missing,
    /// Missing, said nobody yet, and sent again: when it arrives says nothing any more.
    Repeated,
    Received,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Microseconds since the start, modulo 2^32: 71 minutes, and an entry lives for seconds.
    sent: u32,
    size: u16,
    cluster: u8,
    fate: Fate,
}

/// A packet the subscriber spoke about for the first time, or found after it had been missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It arrived.
    Received(Delivery),
    /// It did not arrive so far.
    Missing,
    /// It arrived after all; it was counted as missing before.
    Found(Delivery),
}

/// When a packet left and arrived, each on its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Microseconds since this history began.
    pub(super) sent_us: i64,
    /// Microseconds on the subscriber's clock, which begins anywhere.
    pub(super) arrival_us: i64,
    /// Bytes on the wire.
    pub(super) size: u16,
    /// The probe it belonged to; 0 is none.
    pub(super) cluster: u8,
}

/// The packets one subscriber was sent last.
pub(super) struct SendHistory {
    start: Instant,
    /// Takes its memory with the first packet.
    entries: Vec<Entry>,
    /// Packets sent so far; the low 16 bits are the next packet's number.
    sent: u64,
    /// Of them, those feedback has passed: everything before was spoken of, or is too late to be.
    passed: u64,
}

impl SendHistory {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            start: now,
            entries: Vec::new(),
            sent: 0,
            passed: 0,
        }
    }

    /// Notes a packet that leaves now and returns its transport-wide number.
    pub(super) fn record(&mut self, now: Instant, size: usize, cluster: u8) -> u16 {
        if self.entries.is_empty() {
            let blank = Entry {
                sent: 0,
                size: 0,
                cluster: 0,
                fate: Fate::Received,
            };
            self.entries = vec![blank; ENTRIES];
        }
        let entry = Entry {
            sent: low_32(self.elapsed_us(now)),
            size: u16::try_from(size).unwrap_or(u16::MAX),
            cluster,
            fate: Fate::Unknown,
        };
        if let Some(slot) = self.entries.get_mut(slot_of(self.sent)) {
            *slot = entry;
        }
        let number = low_16(self.sent);
        self.sent += 1;
        number
    }

    /// A packet is sent again under its number: it was lost on its first way.
    pub(super) fn repeat(&mut self, number: u16) {
        let Some(index) = self.index_of(number) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(slot_of(index)) {
            entry.fate = match entry.fate {
                Fate::Unknown => Fate::Repeated,
                Fate::Missing | Fate::Received => Fate::Received,
                Fate::Repeated => Fate::Repeated,
            };
        }
    }

    /// Hands each new result of a feedback message to `each`, in order of sending.
    pub(super) fn feedback(
        &mut self,
        now: Instant,
        feedback: &TwccFeedback<'_>,
        mut each: impl FnMut(Outcome),
    ) {
        let now_us = self.elapsed_us(now);
        // A message may claim 65535 numbers; the history knows no more than it holds.
        for packet in feedback.packets().take(ENTRIES) {
            let Some(index) = self.index_of(packet.sequence) else {
                continue;
            };
            self.passed = self.passed.max(index + 1);
            let Some(entry) = self.entries.get_mut(slot_of(index)) else {
                continue;
            };
            let before = entry.fate;
            match packet.arrival_us {
                _ if before == Fate::Repeated => {
                    entry.fate = Fate::Received;
                    each(Outcome::Missing);
                }
                Some(arrival_us) if before != Fate::Received => {
                    entry.fate = Fate::Received;
                    let delivery = Delivery {
                        sent_us: now_us - i64::from(low_32(now_us).wrapping_sub(entry.sent)),
                        arrival_us,
                        size: entry.size,
                        cluster: entry.cluster,
                    };
                    each(if before == Fate::Missing {
                        Outcome::Found(delivery)
                    } else {
                        Outcome::Received(delivery)
                    });
                }
                None if before == Fate::Unknown => {
                    entry.fate = Fate::Missing;
                    each(Outcome::Missing);
                }
                _ => {}
            }
        }
    }

    /// How long ago the oldest packet left that no feedback has come for; `None` when there is none.
    pub(super) fn waiting(&self, now: Instant) -> Option<Duration> {
        let oldest = self.passed.max(self.sent.saturating_sub(to_u64(ENTRIES)));
        if oldest >= self.sent {
            return None;
        }
        let entry = self.entries.get(slot_of(oldest))?;
        let age = low_32(self.elapsed_us(now)).wrapping_sub(entry.sent);
        Some(Duration::from_micros(u64::from(age)))
    }

    /// Microseconds since this history began.
    pub(super) fn elapsed_us(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.start).as_micros()).unwrap_or(i64::MAX)
    }

    /// Counts up which of the remembered packets bears this number.
    fn index_of(&self, number: u16) -> Option<u64> {
        let back = u64::from(low_16(self.sent).wrapping_sub(number));
        let index = self.sent.checked_sub(back)?;
        (back >= 1 && back <= to_u64(ENTRIES)).then_some(index)
    }
}

fn slot_of(index: u64) -> usize {
    usize::try_from(index % to_u64(ENTRIES)).unwrap_or(0)
}

const fn to_u64(count: usize) -> u64 {
    count as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
const fn low_16(count: u64) -> u16 {
    count as u16
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "entries keep time modulo 2^32 microseconds"
)]
const fn low_32(us: i64) -> u32 {
    us as u32
}

#[cfg(test)]
mod tests {
    use conclave_transport::rtcp::{RtcpEvent, RtcpWriter, TwccPacket, events};

    use super::*;

    fn outcomes(history: &mut SendHistory, now: Instant, packets: &[TwccPacket]) -> Vec<Outcome> {
        let mut buffer = [0; 1200];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.twcc(1, 2, 0, packets).unwrap();
        let len = writer.len();
        let Some(Ok(RtcpEvent::Twcc(feedback))) = events(&buffer[..len]).next() else {
            panic!("not feedback")
        };
        let mut outcomes = Vec::new();
        history.feedback(now, &feedback, |outcome| outcomes.push(outcome));
        outcomes
    }

    fn told(sequence: u16, arrival_us: Option<i64>) -> TwccPacket {
        TwccPacket { sequence, arrival_us }
    }

    #[test]
    fn each_packet_is_reported_once_and_a_late_one_is_found() {
        let start = crate::virtual_clock::epoch();
        let mut history = SendHistory::new(start);
        for step in 0..3u64 {
            let number = history.record(start + Duration::from_millis(10 * step), 1000, 7);
            assert_eq!(u64::from(number), step);
        }
        let now = start + Duration::from_millis(50);
        let delivery = |sent_us, arrival_us| Delivery {
            sent_us,
            arrival_us,
            size: 1000,
            cluster: 7,
        };
        let first = [told(0, Some(500_000)), told(1, None)];
        assert_eq!(
            outcomes(&mut history, now, &first),
            [Outcome::Received(delivery(0, 500_000)), Outcome::Missing]
        );
        assert_eq!(history.waiting(now), Some(Duration::from_millis(30)));
        let again = [
            told(0, Some(500_000)),
            told(1, Some(530_000)),
            told(2, Some(520_000)),
        ];
        assert_eq!(
            outcomes(&mut history, now, &again),
            [
                Outcome::Found(delivery(10_000, 530_000)),
                Outcome::Received(delivery(20_000, 520_000))
            ]
        );
        assert_eq!(history.waiting(now), None);
    }

    #[test]
    fn a_packet_that_is_sent_again_counts_as_missing_once_and_its_arrival_says_nothing() {
        let start = crate::virtual_clock::epoch();
        let mut history = SendHistory::new(start);
        for _ in 0..2 {
            history.record(start, 100, 0);
        }
        assert_eq!(
            outcomes(&mut history, start, &[told(0, None)]),
            [Outcome::Missing]
        );
        history.repeat(0);
        history.repeat(1);
        history.repeat(1);
        let arrived = [told(0, Some(90_000)), told(1, Some(95_000))];
        assert_eq!(outcomes(&mut history, start, &arrived), [Outcome::Missing]);
        assert_eq!(outcomes(&mut history, start, &arrived), []);
    }

    #[test]
    fn numbers_that_were_never_sent_or_are_forgotten_say_nothing() {
        let start = crate::virtual_clock::epoch();
        let mut history = SendHistory::new(start);
        assert_eq!(outcomes(&mut history, start, &[told(0, Some(1000))]), []);
        for _ in 0..70_000 {
            history.record(start, 100, 0);
        }
        // 70 000 modulo 2^16 is 4464: that number is the next one.
        for sequence in [4464, 4465, 3439, 0] {
            assert_eq!(outcomes(&mut history, start, &[told(sequence, Some(1000))]), []);
        }
        assert_eq!(outcomes(&mut history, start, &[told(3440, Some(1000))]).len(), 1);
        assert_eq!(outcomes(&mut history, start, &[told(4463, Some(1000))]).len(), 1);
    }
}
