//! Sound that is sent again under its own number, since browsers take no retransmission format for it.
//!
//! Sealing refuses other bytes than before (RFC 7714 §8.2: an index belongs to one packet), so a repeated packet has to
//! be the same to the last bit. All of it follows from what is kept anyway, but the transport-wide number it left with.

use std::time::{Duration, Instant};

/// Packets that can be repeated, as many as the sealer knows: two thirds of a second.
const PACKETS: u16 = 32;
/// Asked for again sooner than this, a packet is still on its way.
const LEAST_APART: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
struct Sent {
    sequence: u16,
    transport_cc: u16,
    /// When it was last repeated, in milliseconds since the first packet, plus one; 0: never.
    repeated: u32,
}

/// What is known of the last packets of sound one subscription was sent.
pub(crate) struct Repeats {
    start: Instant,
    sent: [Sent; PACKETS as usize],
}

impl Repeats {
    pub(crate) fn new(now: Instant) -> Self {
        let mut sent = [Sent {
            sequence: 0,
            transport_cc: 0,
            repeated: 0,
        }; PACKETS as usize];
        // No packet of this number belongs here.
        for (place, sequence) in sent.iter_mut().zip(1..) {
            place.sequence = sequence;
        }
        Self { start: now, sent }
    }

    /// Notes a packet that leaves for the first time.
    pub(crate) fn note(&mut self, sequence: u16, transport_cc: u16) {
        if let Some(place) = self.sent.get_mut(usize::from(sequence % PACKETS)) {
            *place = Sent {
                sequence,
                transport_cc,
                repeated: 0,
            };
        }
    }

    /// The transport-wide number of a packet that is to be repeated now; `None`: it is not known any more, or may still
    /// be on its way.
    pub(crate) fn repeat(&mut self, now: Instant, sequence: u16, round_trip: Duration) -> Option<u16> {
        let since_start = now.saturating_duration_since(self.start).as_millis();
        let time = u32::try_from(since_start).ok()?.checked_add(1)?;
        let place = self.sent.get_mut(usize::from(sequence % PACKETS))?;
        let apart = round_trip.max(LEAST_APART).as_millis();
        let waits = place.repeated != 0 && u128::from(time.saturating_sub(place.repeated)) < apart;
        if place.sequence != sequence || waits {
            return None;
        }
        place.repeated = time;
        Some(place.transport_cc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_repeated_once_in_a_round_trip_until_it_is_forgotten() {
        let start = crate::virtual_clock::epoch();
        let round_trip = Duration::from_millis(60);
        let at = |ms| start + Duration::from_millis(ms);
        let mut repeats = Repeats::new(start);
        for sequence in 0..PACKETS {
            assert_eq!(repeats.repeat(start, sequence, round_trip), None, "never sent");
        }
        for sequence in 65_530..=65_535u16 {
            repeats.note(sequence, sequence / 2);
        }
        repeats.note(0, 9);
        assert_eq!(repeats.repeat(at(10), 65_533, round_trip), Some(32_766));
        assert_eq!(repeats.repeat(at(69), 65_533, round_trip), None);
        assert_eq!(repeats.repeat(at(70), 65_533, round_trip), Some(32_766));
        assert_eq!(repeats.repeat(at(71), 0, Duration::ZERO), Some(9));
        assert_eq!(repeats.repeat(at(80), 0, Duration::ZERO), None);
        for sequence in 1..PACKETS {
            repeats.note(sequence, 1);
        }
        assert_eq!(repeats.repeat(at(500), 65_533, round_trip), None);
        assert_eq!(repeats.repeat(at(500), 0, round_trip), Some(9));
        repeats.note(PACKETS, 1);
        assert_eq!(repeats.repeat(at(600), 0, round_trip), None);
    }
}
