//! Tells the server which of its packets arrived and when (transport-cc), from what stays readable outside SRTP.

use std::time::{Duration, Instant};

use conclave_transport::rtcp::{RtcpWriter, TwccPacket};

/// Between two reports, as browsers do.
const INTERVAL: Duration = Duration::from_millis(100);
/// Packets of one report; a peer that receives more reports earlier.
const FULL: usize = 400;

/// The arrivals of one peer since its last report.
pub(super) struct Feedback {
    /// When the peer's clock began.
    start: Instant,
    packets: Vec<TwccPacket>,
    reported_at: Option<Instant>,
    count: u8,
}

impl Feedback {
    pub(super) const fn new(start: Instant) -> Self {
        Self {
            start,
            packets: Vec::new(),
            reported_at: None,
            count: 0,
        }
    }

    /// Notes a packet. One that comes late fills its place if that was not reported yet.
    pub(super) fn record(&mut self, now: Instant, sequence: u16) {
        let arrival_us = i64::try_from(now.saturating_duration_since(self.start).as_micros()).ok();
        let next = self
            .packets
            .last()
            .map_or(sequence, |last| last.sequence.wrapping_add(1));
        let skipped = sequence.wrapping_sub(next);
        if usize::from(skipped) > FULL {
            let back = usize::from(next.wrapping_sub(sequence));
            let place = self.packets.len().checked_sub(back);
            if let Some(packet) = place.and_then(|place| self.packets.get_mut(place)) {
                packet.arrival_us = packet.arrival_us.or(arrival_us);
            }
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
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let waited = self
            .reported_at
            .is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
        !self.packets.is_empty() && (waited || self.packets.len() >= FULL)
    }

    /// Writes a report.
    pub(super) fn write(&mut self, now: Instant, reporter: u32, writer: &mut RtcpWriter<'_>) {
        self.reported_at = Some(now);
        // The media SSRC may be any of the server's.
        match writer.twcc(reporter, 1, self.count, &self.packets) {
            Ok(told) => drop(self.packets.drain(..told.min(self.packets.len()))),
            Err(_) => self.packets.clear(),
        }
        self.count = self.count.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use conclave_transport::rtcp::{RtcpEvent, events};

    use super::*;

    #[test]
    fn what_is_missing_is_reported_as_missing_unless_it_came_late() {
        let start = Instant::now();
        let mut feedback = Feedback::new(start);
        for (millis, sequence) in [(1, 65_534u16), (2, 65_535), (3, 2), (4, 0)] {
            feedback.record(start + Duration::from_millis(millis), sequence);
        }
        assert!(feedback.is_due(start));
        let mut report = [0; 200];
        let mut writer = RtcpWriter::new(&mut report);
        feedback.write(start, 9, &mut writer);
        let len = writer.len();
        let Some(Ok(RtcpEvent::Twcc(twcc))) = events(&report[..len]).next() else {
            panic!("no feedback");
        };
        assert_eq!((twcc.base_sequence, twcc.status_count), (65_534, 5));
        let arrived: Vec<bool> = twcc.packets().map(|packet| packet.arrival_us.is_some()).collect();
        assert_eq!(arrived, [true, true, true, false, true]);
        assert!(!feedback.is_due(start + Duration::from_secs(1)));
    }
}
