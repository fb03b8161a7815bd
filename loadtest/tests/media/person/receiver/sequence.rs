//! What came of one RTP stream and what is missing: extended numbers, NACKs with retries by round trip, report blocks.

use std::collections::{BTreeMap, BTreeSet};

use conclave_transport::rtcp::ReportBlock;

/// As in libwebrtc's NACK requester.
const MAX_TRIES: u8 = 10;
const MAX_MISSING: usize = 1000;
/// Numbers this far behind the newest are forgotten.
const WINDOW: u64 = 2000;

struct Missing {
    tries: u8,
    asked: u64,
}

#[derive(Default)]
pub(crate) struct SequenceLog {
    first: u64,
    highest: Option<u64>,
    seen: BTreeSet<u64>,
    missing: BTreeMap<u64, Missing>,
    received: u64,
    told: (u64, u64),
    /// The middle of the last sender report's NTP time, and when it came.
    last_report: Option<(u32, u64)>,
}

impl SequenceLog {
    /// The extended number of a packet, `None` for one that came before.
    pub(crate) fn record(&mut self, sequence: u16, nack: bool) -> Option<u64> {
        let Some(highest) = self.highest else {
            let extended = (1 << 16) + u64::from(sequence);
            self.first = extended;
            self.highest = Some(extended);
            self.seen.insert(extended);
            self.received = 1;
            return Some(extended);
        };
        let extended = extend(highest, sequence);
        if extended + WINDOW < highest || !self.seen.insert(extended) {
            return None;
        }
        self.received += 1;
        self.missing.remove(&extended);
        if extended > highest {
            for between in highest + 1..extended {
                if nack && self.missing.len() < MAX_MISSING {
                    self.missing.insert(between, Missing { tries: 0, asked: 0 });
                }
            }
            self.highest = Some(extended);
            while self.seen.first().is_some_and(|seen| seen + WINDOW < extended) {
                self.seen.pop_first();
            }
        }
        Some(extended)
    }

    /// The newest number that came.
    pub(crate) fn newest(&self) -> u16 {
        low_bits(self.highest.unwrap_or(0))
    }

    /// The numbers to ask for now. A number that was asked for too often is given up.
    pub(crate) fn due(&mut self, now: u64, round_trip: u64) -> Vec<u16> {
        let mut due = Vec::new();
        for (sequence, missing) in &mut self.missing {
            if missing.tries == 0 || now >= missing.asked + round_trip {
                missing.tries += 1;
                missing.asked = now;
                due.push(low_bits(*sequence));
            }
        }
        self.missing.retain(|_, missing| missing.tries < MAX_TRIES);
        due
    }

    /// What is so far behind the newest is not wanted any more.
    pub(crate) fn forget_behind(&mut self, distance: u64) {
        self.forget_before(self.highest.unwrap_or(0).saturating_sub(distance));
    }

    /// Everything up to here is not wanted any more.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        self.missing = self.missing.split_off(&sequence);
    }

    pub(crate) fn sender_report(&mut self, now: u64, ntp_time: u64) {
        self.last_report = Some((u32::try_from(ntp_time >> 16 & 0xFFFF_FFFF).unwrap(), now));
    }

    /// A block about what came since the last one.
    pub(crate) fn block(&mut self, now: u64, ssrc: u32) -> Option<ReportBlock> {
        let highest = self.highest?;
        let expected = highest - self.first + 1;
        let expected_now = expected.saturating_sub(self.told.0);
        let received_now = self.received.saturating_sub(self.told.1);
        self.told = (expected, self.received);
        let lost = expected_now.saturating_sub(received_now);
        let (last_sr, delay) = self
            .last_report
            .map_or((0, 0), |(last, at)| (last, (now - at) * 65_536 / 1_000_000));
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from((lost * 256).checked_div(expected_now).unwrap_or(0).min(255))
                .unwrap(),
            cumulative_lost: i32::try_from(expected.saturating_sub(self.received)).unwrap(),
            highest_sequence: u32::try_from(highest - (1 << 16)).unwrap(),
            jitter: 0,
            last_sr,
            delay_since_last_sr: u32::try_from(delay).unwrap(),
        })
    }
}

/// The number nearest to `near` with these low 16 bits.
pub(crate) fn extend(near: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(low_bits(near));
    if ahead < 0x8000 {
        near + u64::from(ahead)
    } else {
        (near + u64::from(ahead)).saturating_sub(0x1_0000)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
const fn low_bits(extended: u64) -> u16 {
    extended as u16
}
