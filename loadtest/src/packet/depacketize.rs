//! RTP payloads back to encrypted frames, in order, with room for packets that come late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conclave_e2ee::Codec;

use super::sequence::Unwrapper;
use super::{vp8, vp9};

/// How long a hole may stay open for a retransmission before the frames around it are given up.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// Packets held at most; beyond it the oldest hole is given up at once.
const MAX_HELD: usize = 512;
/// Largest frame put together, in bytes.
const MAX_FRAME: usize = 1 << 20;

/// A whole (encrypted) frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// SFrame ciphertext, with the codec's clear prefix if it has one.
    pub bytes: Vec<u8>,
    /// RTP timestamp.
    pub timestamp: u32,
}

/// Puts the frames of one SSRC together.
#[derive(Debug)]
pub struct Depacketizer {
    codec: Codec,
    line: Unwrapper,
    /// The next position a frame may begin at; `None` before the first packet.
    next: Option<i64>,
    held: BTreeMap<i64, Held>,
    waiting_since: Option<Instant>,
    /// Whether a frame came out yet: a stream may be joined in the middle of one, which is no loss.
    begun: bool,
    incomplete: u64,
}

#[derive(Debug)]
struct Held {
    body: Vec<u8>,
    begins: bool,
    ends: bool,
    timestamp: u32,
}

impl Depacketizer {
    /// For a stream of `codec`.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            line: Unwrapper::default(),
            next: None,
            held: BTreeMap::new(),
            waiting_since: None,
            begun: false,
            incomplete: 0,
        }
    }

    /// Takes one packet; drain [`Self::poll_frame`] after it. Payloads that are no payload of the codec, and padding,
    /// keep their place in the order but carry nothing.
    pub fn handle(&mut self, now: Instant, sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) {
        let position = self.line.unwrap(sequence);
        if self.codec == Codec::Opus {
            // Each packet is a frame, and sound is not sent again: one that waited for another would only come late.
            self.next = Some(position);
        }
        let next = *self.next.get_or_insert(position);
        if position < next {
            return;
        }
        let parsed = match self.codec {
            Codec::Opus => Some((payload, true)),
            Codec::Vp8 => vp8::parse(payload),
            Codec::Vp9 => vp9::parse(payload),
        };
        let held = match parsed {
            Some((body, begins)) if !payload.is_empty() => {
                let ends = marker || self.codec == Codec::Opus;
                Held {
                    body: body.to_vec(),
                    begins,
                    ends,
                    timestamp,
                }
            }
            _ => Held {
                body: Vec::new(),
                begins: true,
                ends: true,
                timestamp,
            },
        };
        self.held.insert(position, held);
        self.give_up_old(now);
    }

    /// The next whole frame, if its packets and all before it are there.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame> {
        loop {
            let (frame, after) = self.assemble()?;
            for position in self.next.unwrap_or(after)..after {
                self.held.remove(&position);
            }
            self.next = Some(after);
            self.waiting_since = if self.held.is_empty() { None } else { Some(now) };
            match frame {
                Some(frame) if !frame.bytes.is_empty() => {
                    self.begun = true;
                    return Some(frame);
                }
                Some(_) => {}
                None => self.incomplete += u64::from(self.begun),
            }
        }
    }

    /// Frames given up because a packet never came.
    pub fn incomplete(&self) -> u64 {
        self.incomplete
    }

    /// The frame at `next` and the position after it; an inner `None` is a tail of a frame whose head is missing.
    fn assemble(&self) -> Option<(Option<Frame>, i64)> {
        let start = self.next?;
        let first = self.held.get(&start)?;
        let mut bytes = Vec::new();
        for (offset, position) in (start..).enumerate() {
            let held = self.held.get(&position)?;
            if offset > 0 && held.begins || held.timestamp != first.timestamp {
                // The marker got lost with its packet, or the head did.
                return Some((None, position));
            }
            bytes.extend_from_slice(&held.body);
            if held.ends {
                let whole = first.begins && bytes.len() <= MAX_FRAME;
                let frame = Frame {
                    bytes,
                    timestamp: first.timestamp,
                };
                return Some((whole.then_some(frame), position + 1));
            }
        }
        None
    }

    fn give_up_old(&mut self, now: Instant) {
        let since = *self.waiting_since.get_or_insert(now);
        let late = now.saturating_duration_since(since) > PATIENCE;
        if !late && self.held.len() <= MAX_HELD {
            return;
        }
        let Some(next) = self.next else { return };
        // Skip to the first packet behind the oldest hole that begins a frame.
        let hole = (next..).find(|position| !self.held.contains_key(position));
        let Some(hole) = hole else { return };
        let start = self
            .held
            .range(hole..)
            .find(|(_, held)| held.begins)
            .map(|(position, _)| *position);
        match start {
            Some(start) => {
                self.held.retain(|position, _| *position >= start);
                self.next = Some(start);
            }
            // Nothing to begin with: forget what is held, for it would pile up.
            None => {
                self.next = self.held.keys().next_back().map(|last| last + 1);
                self.held.clear();
            }
        }
        self.waiting_since = Some(now);
        self.incomplete += 1;
    }
}

#[cfg(test)]
#[path = "depacketize_tests.rs"]
mod tests;
