//! Tells the SFU which of its packets arrived and when (transport-cc), from what stays readable outside SRTP.

use std::time::{Duration, Instant};

use conclave_transport::rtcp::{RtcpWriter, TwccPacket};

/// Between two reports, as browsers do.
const INTERVAL: Duration = Duration::from_millis(100);
/// Packets of one report; a client that receives more reports earlier.
const FULL: usize = 400;

/// The arrivals of one client since its last report.
pub(crate) struct Feedback {
    packets: Vec<TwccPacket>,
    reported_at: Option<Instant>,
    count: u8,
}

impl Feedback {
    pub(crate) const fn new() -> Self {
        Self {
            packets: Vec::new(),
            reported_at: None,
            count: 0,
        }
    }

    /// Notes a packet. Loopback keeps the order; what comes early or late again is left out.
    pub(crate) fn record(&mut self, start: Instant, now: Instant, sequence: u16) {
        let arrival_us = i64::try_from(now.saturating_duration_since(start).as_micros()).ok();
        let next = self
            .packets
            .last()
            .map_or(sequence, |last| last.sequence.wrapping_add(1));
        let skipped = sequence.wrapping_sub(next);
        if usize::from(skipped) > FULL {
            return;
        }
        for gap in 0..skipped {
            self.packets.push(TwccPacket {
                sequence: next.wrapping_add(gap),
                arrival_us: None,
            });
        }
        self.packets.push(TwccPacket { sequence, arrival_us });
    }

    /// Whether a report is due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let waited = self
            .reported_at
            .is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
        !self.packets.is_empty() && (waited || self.packets.len() >= FULL)
    }

    /// Writes a report to the front of `out` and returns its length.
    pub(crate) fn write(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.reported_at = Some(now);
        let mut writer = RtcpWriter::new(out);
        // The first SSRC may be any of the receiver's.
        let told = writer.twcc(1, 1, self.count, &self.packets);
        self.count = self.count.wrapping_add(1);
        let Ok(told) = told else {
            self.packets.clear();
            return None;
        };
        self.packets.drain(..told.min(self.packets.len()));
        Some(writer.len())
    }
}
