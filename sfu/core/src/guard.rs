//! Checks at ingress that a publisher's frames are SFrame under its own leaf, and says when to close the producer.
//!
//! It reads the payload descriptor and the SFrame header at the start of a frame and nothing else (RFC 9605 §4.3).
//! Protects people from a broken client of their own; receivers do not rely on it.

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::payload_descriptor::vp9::Vp9Descriptor;
use conclave_wire::id::LeafIndex;
use conclave_wire::media::{Codec, Source};

/// Refused frames in a row after which the producer is closed.
pub const MAX_REFUSED: u8 = 8;
/// Timestamps of refused frames that are remembered, so that the rest of the frame is dropped too.
const REMEMBERED: usize = 4;
/// Clear bytes before the SFrame header of a VP8 key frame and of any other (docs/E2EE.md).
const VP8_CLEAR: (usize, usize) = (10, 1);

/// What the guard says about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Forward it.
    Pass,
    /// It belongs to a frame that is not to be forwarded.
    Drop,
    /// As above, and it was one too many.
    Close,
}

/// Whose frames may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) codec: Codec,
    pub(crate) source: Source,
    pub(crate) leaf: LeafIndex,
    /// The leaf before a rejoin: such frames may still be under way. They are dropped and not held against the client.
    pub(crate) former: Option<LeafIndex>,
}

/// The guard of one published track.
#[derive(Default)]
pub(crate) struct Guard {
    refused: u8,
    /// Low byte of the epoch of the last frame that passed.
    epoch: Option<u8>,
    timestamps: [Option<u32>; REMEMBERED],
    next: usize,
}

impl Guard {
    /// Judges a packet by its RTP payload. `payload` is without padding and may be empty.
    pub(crate) fn judge(&mut self, expected: Expected, timestamp: u32, payload: &[u8]) -> Verdict {
        if payload.is_empty() {
            return Verdict::Pass;
        }
        match frame_start(expected.codec, payload) {
            Ok(None) if self.timestamps.contains(&Some(timestamp)) => Verdict::Drop,
            Ok(None) => Verdict::Pass,
            Ok(Some(frame)) => self.judge_frame(expected, timestamp, sframe_kid(frame)),
            Err(NoFrame) => self.refuse(timestamp),
        }
    }

    /// Low byte of the epoch of the last frame that passed.
    pub(crate) const fn epoch(&self) -> Option<u8> {
        self.epoch
    }

    fn judge_frame(&mut self, expected: Expected, timestamp: u32, kid: Option<u64>) -> Verdict {
        let Some(kid) = kid.map(Kid) else {
            return self.refuse(timestamp);
        };
        if kid.context() != u64::from(expected.source.context()) {
            return self.refuse(timestamp);
        }
        if kid.leaf() == u64::from(expected.leaf.0) {
            self.refused = 0;
            self.epoch = Some(kid.epoch());
            return Verdict::Pass;
        }
        if expected
            .former
            .is_some_and(|former| kid.leaf() == u64::from(former.0))
        {
            self.remember(timestamp);
            return Verdict::Drop;
        }
        self.refuse(timestamp)
    }

    fn refuse(&mut self, timestamp: u32) -> Verdict {
        self.remember(timestamp);
        self.refused = self.refused.saturating_add(1);
        if self.refused >= MAX_REFUSED {
            Verdict::Close
        } else {
            Verdict::Drop
        }
    }

    fn remember(&mut self, timestamp: u32) {
        if let Some(slot) = self.timestamps.get_mut(self.next) {
            *slot = Some(timestamp);
        }
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// KID = context << 20 | leaf << 8 | low byte of the epoch.
struct Kid(u64);

impl Kid {
    const fn context(&self) -> u64 {
        self.0 >> 20
    }

    const fn leaf(&self) -> u64 {
        self.0 >> 8 & 0xFFF
    }

    const fn epoch(&self) -> u8 {
        self.0.to_le_bytes()[0]
    }
}

struct NoFrame;

/// Where the SFrame header must begin, if the packet begins a frame.
fn frame_start(codec: Codec, payload: &[u8]) -> Result<Option<&[u8]>, NoFrame> {
    match codec {
        Codec::Opus => Ok(Some(payload)),
        Codec::Vp9 => {
            let descriptor = Vp9Descriptor::parse(payload).map_err(|_| NoFrame)?;
            let frame = payload.get(descriptor.len..).ok_or(NoFrame)?;
            Ok(descriptor.start_of_frame.then_some(frame))
        }
        Codec::Vp8 => {
            let descriptor = Vp8Descriptor::parse(payload).map_err(|_| NoFrame)?;
            if !descriptor.is_frame_start() {
                return Ok(None);
            }
            let (key, other) = VP8_CLEAR;
            let clear = if descriptor.is_key_frame_start(payload) {
                key
            } else {
                other
            };
            payload.get(descriptor.len + clear..).ok_or(NoFrame).map(Some)
        }
    }
}

/// The KID of an SFrame header, if the bytes hold a whole one (RFC 9605 §4.3).
fn sframe_kid(frame: &[u8]) -> Option<u64> {
    let (config, rest) = frame.split_first()?;
    let (kid_extended, kid_bits) = (config & 0x80 != 0, usize::from(config >> 4 & 7));
    let (ctr_extended, ctr_bits) = (config & 0x08 != 0, usize::from(config & 7));
    let (kid, rest) = if kid_extended {
        let (bytes, rest) = rest.split_at_checked(kid_bits + 1)?;
        (
            bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
            rest,
        )
    } else {
        (u64::try_from(kid_bits).ok()?, rest)
    };
    let ctr_len = if ctr_extended { ctr_bits + 1 } else { 0 };
    (rest.len() >= ctr_len).then_some(kid)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
