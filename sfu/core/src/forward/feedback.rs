//! Records when a publisher's packets arrived and tells it so, for its bandwidth estimate (transport-cc).

use std::time::Instant;

use conclave_transport::rtcp::{RtcpWriter, TwccPacket};

use super::receive_log::extend;

/// Packets of one report. A publisher that sends more within a report's interval loses the oldest from it.
const CAPACITY: usize = 512;

/// The arrivals of one publisher since the last report.
pub(crate) struct ArrivalRecorder {
    start: Instant,
    /// Extended number of the first entry of `packets`.
    base: Option<u64>,
    packets: Vec<TwccPacket>,
    feedback_count: u8,
    /// SSRC of the last packet: browsers take a report only if it names one of theirs.
    last_ssrc: u32,
}

impl ArrivalRecorder {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            start: now,
            base: None,
            packets: Vec::new(),
            feedback_count: 0,
            last_ssrc: 0,
        }
    }

    /// Notes a packet. A number that was reported already is ignored.
    pub(crate) fn record(&mut self, now: Instant, ssrc: u32, sequence: u16) {
        self.last_ssrc = ssrc;
        let arrival = i64::try_from(now.saturating_duration_since(self.start).as_micros()).ok();
        let base = *self.base.get_or_insert((1 << 16) + u64::from(sequence));
        let Some(extended) = extend(base, sequence) else {
            return;
        };
        let Some(index) = extended
            .checked_sub(base)
            .and_then(|index| usize::try_from(index).ok())
        else {
            return;
        };
        if index >= CAPACITY {
            // Report from here on; what was not told counts as lost at the sender.
            self.packets.clear();
            self.base = Some(extended);
            self.packets.push(TwccPacket {
                sequence,
                arrival_us: arrival,
            });
            return;
        }
        while self.packets.len() <= index {
            let next = base + u64::try_from(self.packets.len()).unwrap_or(0);
            self.packets.push(TwccPacket {
                sequence: low_bits(next),
                arrival_us: None,
            });
        }
        if let Some(packet) = self.packets.get_mut(index)
            && packet.arrival_us.is_none()
        {
            packet.arrival_us = arrival;
        }
    }

    /// Writes a report about what was not reported yet; `false` when there is nothing to tell.
    pub(crate) fn write(&mut self, writer: &mut RtcpWriter<'_>, sender: u32) -> bool {
        let Some(base) = self.base else { return false };
        if self.packets.is_empty() {
            return false;
        }
        let Ok(told) = writer.twcc(sender, self.last_ssrc, self.feedback_count, &self.packets) else {
            self.packets.clear();
            self.base = None;
            return false;
        };
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.packets.drain(..told.min(self.packets.len()));
        self.base = Some(base + u64::try_from(told).unwrap_or(0));
        true
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
const fn low_bits(extended: u64) -> u16 {
    extended as u16
}
