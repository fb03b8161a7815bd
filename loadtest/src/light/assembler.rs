//! Packets of one received track to frames: without allocating as long as they come in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conclave_e2ee::Codec;

use crate::packet::{vp8, vp9};

/// How long a hole may stay open for a retransmission.
const PATIENCE: Duration = Duration::from_millis(500);
/// Packets held behind a hole; beyond it the hole is given up.
const MAX_HELD: usize = 512;
/// Largest frame put together, in bytes.
const MAX_FRAME: usize = 1 << 20;

/// Puts the frames of one SSRC together. Positions are sequence numbers without the wrap.
#[derive(Debug)]
pub(super) struct Assembler {
    codec: Codec,
    /// The position that comes next; `None` before the first packet.
    next: Option<i64>,
    frame: Vec<u8>,
    /// RTP timestamp of the frame in `frame`, if one is begun and whole so far.
    begun: Option<u32>,
    held: BTreeMap<i64, Held>,
    hole_since: Option<Instant>,
    /// Whether a frame came out yet: a stream may be joined in the middle of one, which is no loss.
    started: bool,
    /// Frames given up because a packet never came.
    pub(super) incomplete: u64,
    /// Whether what follows can be decoded only from the next key frame on.
    pub(super) broken: bool,
}

#[derive(Debug)]
struct Held {
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

impl Assembler {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            next: None,
            frame: Vec::new(),
            begun: None,
            held: BTreeMap::new(),
            hole_since: None,
            started: false,
            incomplete: 0,
            broken: false,
        }
    }

    /// Takes one packet and calls `whole` with each frame that it completes, and the frame's timestamp.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        position: i64,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
        mut whole: impl FnMut(&[u8], u32),
    ) {
        if self.codec == Codec::Opus {
            // Each packet is a frame, and sound is not sent again: one that waited for another would only come late.
            if !payload.is_empty() {
                whole(payload, timestamp);
            }
            return;
        }
        let next = *self.next.get_or_insert(position);
        if position < next {
            return;
        }
        if position == next {
            self.append(timestamp, marker, payload, &mut whole);
            self.release(now, &mut whole);
            return;
        }
        let held = Held {
            timestamp,
            marker,
            payload: payload.to_vec(),
        };
        self.held.insert(position, held);
        let since = *self.hole_since.get_or_insert(now);
        if self.held.len() > MAX_HELD || now.saturating_duration_since(since) > PATIENCE {
            self.give_up();
            self.release(now, &mut whole);
        }
    }

    /// Gives up a hole that stayed open too long.
    pub(super) fn expire(&mut self, now: Instant, mut whole: impl FnMut(&[u8], u32)) {
        let late = |since: Instant| now.saturating_duration_since(since) > PATIENCE;
        if self.hole_since.is_some_and(late) {
            self.give_up();
            self.release(now, &mut whole);
        }
    }

    /// Appends the packet at `next`.
    fn append(&mut self, timestamp: u32, marker: bool, payload: &[u8], whole: &mut impl FnMut(&[u8], u32)) {
        self.next = self.next.map(|next| next + 1);
        let parsed = match self.codec {
            // It does not come here.
            Codec::Opus => None,
            Codec::Vp8 => vp8::parse(payload),
            Codec::Vp9 => vp9::parse(payload),
        };
        // Padding and what is no payload keep their place in the order, but carry nothing.
        let Some((body, begins)) = parsed.filter(|_| !payload.is_empty()) else {
            return;
        };
        if begins {
            match self.begun {
                // The lower layer of an SVC picture is a frame of its own.
                Some(same) if same == timestamp => whole(&self.frame, timestamp),
                Some(_) => self.lose(),
                None => {}
            }
            self.frame.clear();
            self.begun = Some(timestamp);
        }
        if self.begun != Some(timestamp) || self.frame.len() + body.len() > MAX_FRAME {
            // The head of this frame is missing.
            if self.begun.take().is_some() || marker {
                self.lose();
            }
            return;
        }
        self.frame.extend_from_slice(body);
        if marker {
            self.begun = None;
            self.started = true;
            whole(&self.frame, timestamp);
        }
    }

    /// Appends what was held and follows now.
    fn release(&mut self, now: Instant, whole: &mut impl FnMut(&[u8], u32)) {
        if self.held.is_empty() {
            self.hole_since = None;
            return;
        }
        while let Some(held) = self.next.and_then(|next| self.held.remove(&next)) {
            self.append(held.timestamp, held.marker, &held.payload, whole);
        }
        self.hole_since = (!self.held.is_empty()).then_some(now);
    }

    /// Goes on behind the oldest hole.
    fn give_up(&mut self) {
        if let Some((position, _)) = self.held.first_key_value() {
            self.next = Some(*position);
        }
        if self.begun.take().is_some() {
            self.lose();
        } else {
            self.broken |= self.started;
        }
    }

    fn lose(&mut self) {
        if self.started {
            self.incomplete += 1;
            self.broken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A VP8 packet: whether it begins a frame, and one byte.
    fn packet(begins: bool, byte: u8) -> [u8; 2] {
        [if begins { 0x10 } else { 0 }, byte]
    }

    /// Frames of two packets each, positions 0.. in the given order; the time is given in milliseconds.
    fn frames(packets: &[(i64, u64)]) -> (Vec<Vec<u8>>, Assembler) {
        let start = Instant::now();
        let mut assembler = Assembler::new(Codec::Vp8);
        let mut frames = Vec::new();
        for (position, millis) in packets {
            let first = position.rem_euclid(2) == 0;
            let timestamp = u32::try_from(position / 2).unwrap();
            let now = start + Duration::from_millis(*millis);
            let byte = u8::try_from(*position).unwrap();
            assembler.handle(
                now,
                *position,
                timestamp,
                !first,
                &packet(first, byte),
                |frame, _| frames.push(frame.to_vec()),
            );
        }
        (frames, assembler)
    }

    #[test]
    fn frames_come_out_in_order_though_packets_do_not() {
        let (frames, assembler) = frames(&[(0, 0), (2, 1), (3, 1), (1, 2), (4, 3), (5, 3)]);
        assert_eq!(frames, [[0, 1], [2, 3], [4, 5]]);
        assert_eq!((assembler.incomplete, assembler.broken), (0, false));
    }

    #[test]
    fn a_packet_that_never_comes_costs_its_frame_only() {
        let (frames, assembler) = frames(&[(0, 0), (1, 0), (2, 10), (4, 20), (5, 20), (6, 600), (7, 600)]);
        assert_eq!(frames, [[0, 1], [4, 5], [6, 7]]);
        assert_eq!((assembler.incomplete, assembler.broken), (1, true));
    }

    #[test]
    fn sound_behind_a_hole_comes_at_once() {
        let mut assembler = Assembler::new(Codec::Opus);
        let mut heard = Vec::new();
        for position in [0, 2, 1, 9] {
            let payload = [u8::try_from(position).unwrap()];
            assembler.handle(Instant::now(), position, 0, false, &payload, |frame, _| {
                heard.push(frame[0]);
            });
        }
        assert_eq!(heard, [0, 2, 1, 9]);
    }

    #[test]
    fn a_stream_that_is_joined_in_the_middle_of_a_frame_has_lost_nothing() {
        let (frames, assembler) = frames(&[(1, 0), (2, 0), (3, 0), (3, 1)]);
        assert_eq!(frames, [[2, 3]]);
        assert_eq!((assembler.incomplete, assembler.broken), (0, false));
    }

    #[test]
    fn random_packets_never_panic() {
        use rand::{Rng as _, SeedableRng as _};
        let mut random = rand::rngs::SmallRng::seed_from_u64(11);
        let mut now = Instant::now();
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9] {
            let mut assembler = Assembler::new(codec);
            for _ in 0..20_000 {
                let mut payload = vec![0; random.random_range(0..20)];
                random.fill(payload.as_mut_slice());
                now += Duration::from_millis(random.random_range(0..20));
                let position = random.random_range(-5..2000);
                assembler.handle(
                    now,
                    position,
                    random.random(),
                    random.random(),
                    &payload,
                    |_, _| {},
                );
                assembler.expire(now, |_, _| {});
            }
        }
    }
}
