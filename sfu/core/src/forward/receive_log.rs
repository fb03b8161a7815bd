//! What arrived of one stream: extended sequence numbers, duplicates, gaps to NACK, and the figures of a receiver report.

use std::time::{Duration, Instant};

use conclave_transport::rtcp::ReportBlock;

/// Sequence numbers remembered for telling duplicates, and so how late a packet may be. Older ones count as duplicates.
const WINDOW: u64 = 2048;
const WORDS: usize = 32;
/// A jump ahead beyond this is a restart of the stream, not loss (RFC 3550 appendix A.1's MAX_DROPOUT).
const MAX_DROPOUT: u64 = 1024;
/// Missing packets asked for at once. When more are missing, all are given up and a key frame is needed.
const MAX_MISSING: usize = 256;
/// How often one packet is asked for.
const MAX_TRIES: u8 = 8;
/// Between two requests for one packet: about a long round trip.
pub(crate) const RETRY: Duration = Duration::from_millis(80);

/// What a packet is to its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Not seen before; its sequence number without wraps.
    New(u64),
    /// Not seen before, and too many before it are missing to ask for them.
    AfterBreak(u64),
    /// Seen before, or too old to know.
    Duplicate,
}

struct Missing {
    sequence: u64,
    tries: u8,
    due: Instant,
}

/// The log of one stream. The publisher's packets write it.
pub(crate) struct ReceiveLog {
    seen: [u64; WORDS],
    first: u64,
    highest: Option<u64>,
    received: u64,
    missing: Vec<Missing>,
    reported_expected: u64,
    reported_received: u64,
    jitter: f64,
    last_transit: Option<(Instant, u32)>,
    last_sender_report: Option<(u32, Instant)>,
}

impl ReceiveLog {
    pub(crate) fn new() -> Self {
        Self {
            seen: [0; WORDS],
            first: 0,
            highest: None,
            received: 0,
            missing: Vec::new(),
            reported_expected: 0,
            reported_received: 0,
            jitter: 0.0,
            last_transit: None,
            last_sender_report: None,
        }
    }

    /// Logs a packet. `gaps` says whether missing packets will be asked for.
    pub(crate) fn record(&mut self, now: Instant, sequence: u16, gaps: bool) -> Arrival {
        let Some(highest) = self.highest else {
            // One wrap ahead of zero, so that earlier packets have a number too.
            let extended = (1 << 16) + u64::from(sequence);
            self.first = extended;
            self.highest = Some(extended);
            self.received = 1;
            self.mark(extended);
            return Arrival::New(extended);
        };
        let Some(extended) = extend(highest, sequence) else {
            return Arrival::Duplicate;
        };
        if extended > highest {
            return self.advance(now, highest, extended, gaps);
        }
        if highest - extended >= WINDOW || self.is_marked(extended) {
            return Arrival::Duplicate;
        }
        self.mark(extended);
        self.received += 1;
        self.missing.retain(|missing| missing.sequence != extended);
        Arrival::New(extended)
    }

    /// The highest number that came; 0 before the first.
    pub(crate) fn highest(&self) -> u64 {
        self.highest.unwrap_or(0)
    }

    /// Notes the packet's transit time for the jitter (RFC 3550 §6.4.1). Not for retransmissions.
    #[expect(
        clippy::cast_possible_wrap,
        reason = "the difference of two wrapping timestamps is signed by definition"
    )]
    pub(crate) fn time(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        if let Some((then, before)) = self.last_transit {
            let arrival = now.saturating_duration_since(then).as_secs_f64() * f64::from(clock_rate);
            let sent = f64::from(timestamp.wrapping_sub(before) as i32);
            self.jitter += ((arrival - sent).abs() - self.jitter) / 16.0;
        }
        self.last_transit = Some((now, timestamp));
    }

    /// Notes a sender report: the middle 32 bits of its NTP time come back in our report.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the middle 32 bits are what RFC 3550 wants"
    )]
    pub(crate) fn sender_report(&mut self, now: Instant, ntp_time: u64) {
        self.last_sender_report = Some(((ntp_time >> 16) as u32, now));
    }

    /// The missing packets that are due, appended to `out`; they are asked for again after `retry`. `true`: some did not
    /// come however often they were asked for, and are given up.
    #[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
    pub(crate) fn due(&mut self, now: Instant, retry: Duration, out: &mut Vec<u16>) -> bool {
        let known = self.missing.len();
        self.missing
            .retain(|missing| missing.tries < MAX_TRIES || missing.due > now);
        for missing in self.missing.iter_mut().filter(|missing| missing.due <= now) {
            out.push(missing.sequence as u16);
            missing.tries += 1;
            missing.due = now + retry;
        }
        self.missing.len() < known
    }

    /// The report block for a receiver report, and how many packets were lost since the last one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the fields are the low bits of their counters; jitter is never negative"
    )]
    pub(crate) fn report(&mut self, now: Instant, ssrc: u32) -> Option<(ReportBlock, u64)> {
        let highest = self.highest?;
        let expected = highest - self.first + 1;
        let expected_now = expected.saturating_sub(self.reported_expected);
        let received_now = self.received.saturating_sub(self.reported_received);
        self.reported_expected = expected;
        self.reported_received = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255);
        let lost =
            i64::try_from(expected).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(i64::MAX);
        let (last_sr, delay) = self.last_sender_report.map_or((0, 0), |(last, at)| {
            (
                last,
                (now.saturating_duration_since(at).as_secs_f64() * 65_536.0) as u32,
            )
        });
        let block = ReportBlock {
            ssrc,
            fraction_lost: fraction as u8,
            cumulative_lost: i32::try_from(lost).unwrap_or(i32::MAX),
            highest_sequence: (highest - (1 << 16)) as u32,
            jitter: self.jitter as u32,
            last_sr,
            delay_since_last_sr: delay,
        };
        Some((block, lost_now))
    }

    fn advance(&mut self, now: Instant, highest: u64, extended: u64, gaps: bool) -> Arrival {
        let ahead = extended - highest;
        if ahead > MAX_DROPOUT {
            self.seen = [0; WORDS];
            self.missing.clear();
            // What lies between was never sent, so it is not lost.
            self.first += ahead - 1;
        } else {
            for between in highest + 1..extended {
                self.clear(between);
                if gaps && self.missing.len() < MAX_MISSING {
                    self.missing.push(Missing {
                        sequence: between,
                        tries: 0,
                        due: now,
                    });
                }
            }
        }
        let broken = ahead > MAX_DROPOUT || self.missing.len() >= MAX_MISSING;
        if broken {
            self.missing.clear();
        }
        self.highest = Some(extended);
        self.received += 1;
        self.mark(extended);
        if broken {
            Arrival::AfterBreak(extended)
        } else {
            Arrival::New(extended)
        }
    }

    fn mark(&mut self, sequence: u64) {
        if let Some((word, bit)) = self.bit(sequence) {
            *word |= bit;
        }
    }

    fn clear(&mut self, sequence: u64) {
        if let Some((word, bit)) = self.bit(sequence) {
            *word &= !bit;
        }
    }

    fn is_marked(&mut self, sequence: u64) -> bool {
        self.bit(sequence).is_some_and(|(word, bit)| *word & bit != 0)
    }

    fn bit(&mut self, sequence: u64) -> Option<(&mut u64, u64)> {
        let position = sequence % WINDOW;
        let word = usize::try_from(position / 64).ok()?;
        Some((self.seen.get_mut(word)?, 1 << (position % 64)))
    }
}

/// The extended number nearest to `highest` with these low 16 bits; `None` before the beginning.
pub(crate) fn extend(highest: u64, sequence: u16) -> Option<u64> {
    let base = highest & !0xFFFF;
    let same = base + u64::from(sequence);
    if same > highest + 0x8000 {
        same.checked_sub(1 << 16)
    } else if same + 0x8000 < highest {
        Some(same + (1 << 16))
    } else {
        Some(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> (Instant, Duration) {
        (crate::virtual_clock::epoch(), Duration::from_millis(ms))
    }

    #[test]
    fn a_gap_is_asked_for_until_it_is_filled() {
        let (now, later) = at(100);
        let mut log = ReceiveLog::new();
        assert_eq!(log.record(now, 10, true), Arrival::New(65_546));
        assert_eq!(log.record(now, 13, true), Arrival::New(65_549));
        let mut due = Vec::new();
        log.due(now, RETRY, &mut due);
        assert_eq!(due, [11, 12]);
        due.clear();
        log.due(now, RETRY, &mut due);
        assert!(due.is_empty(), "not again at once");
        assert_eq!(log.record(now, 12, true), Arrival::New(65_548));
        log.due(now + later, RETRY, &mut due);
        assert_eq!(due, [11]);
        assert_eq!(log.record(now, 12, true), Arrival::Duplicate);
    }

    #[test]
    fn a_packet_is_given_up_after_some_tries() {
        let now = crate::virtual_clock::epoch();
        let mut log = ReceiveLog::new();
        log.record(now, 0, true);
        log.record(now, 2, true);
        let (mut asked, mut given_up) = (0, 0);
        for step in 0..100 {
            let mut due = Vec::new();
            given_up += u32::from(log.due(now + RETRY * step, RETRY, &mut due));
            asked += due.len();
        }
        assert_eq!((asked, given_up), (usize::from(MAX_TRIES), 1));
    }

    #[test]
    fn numbers_continue_over_the_wrap_in_both_directions() {
        let now = crate::virtual_clock::epoch();
        let mut log = ReceiveLog::new();
        assert_eq!(log.record(now, 65_534, true), Arrival::New(131_070));
        assert_eq!(log.record(now, 1, true), Arrival::New(131_073));
        assert_eq!(log.record(now, 65_535, true), Arrival::New(131_071));
        assert_eq!(log.record(now, 65_535, true), Arrival::Duplicate);
    }

    #[test]
    fn a_restart_of_the_numbers_is_a_break_and_not_loss() {
        let now = crate::virtual_clock::epoch();
        let mut log = ReceiveLog::new();
        log.record(now, 0, true);
        assert!(matches!(log.record(now, 20_000, true), Arrival::AfterBreak(_)));
        let mut due = Vec::new();
        log.due(now, RETRY, &mut due);
        assert!(due.is_empty());
        let (_, lost) = log.report(now, 1).unwrap();
        assert_eq!(lost, 0);
    }

    #[test]
    fn a_report_counts_loss_since_the_last_one() {
        let now = crate::virtual_clock::epoch();
        let mut log = ReceiveLog::new();
        for sequence in (0..100u16).filter(|sequence| sequence % 4 != 1) {
            log.record(now, sequence, true);
        }
        let (block, lost) = log.report(now, 7).unwrap();
        assert_eq!(
            (block.ssrc, block.fraction_lost, block.cumulative_lost, lost),
            (7, 64, 25, 25)
        );
        assert_eq!(block.highest_sequence, 99);
        log.record(now, 100, true);
        let (block, lost) = log.report(now, 7).unwrap();
        assert_eq!((block.fraction_lost, block.cumulative_lost, lost), (0, 25, 0));
    }
}
