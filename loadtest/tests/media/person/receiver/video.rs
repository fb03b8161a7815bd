//! Receives one camera: packets, retransmissions, frames, decryption, references, decoder, screen.

use conclave_e2ee::{Codec, Context, DropReason, Session};
use conclave_transport::rtp::RtpView;
use conclave_wire::id::TrackId;

use super::Inbound;
use super::assembler::{Assembler, Frame};
use super::decoder::Decoder;
use super::playout::Playout;
use super::references::{Plain, ReferenceFinder};
use super::sequence::SequenceLog;
use super::watch::Watch;
use crate::person::sender::camera::prefix_len;
use crate::truth::Truth;

/// libwebrtc asks for a key frame after so long without a picture, and so often while it waits for its first.
const STUCK: u64 = 3_000_000;
const FIRST_KEY: u64 = 200_000;
/// How long frames wait for a key, and how many (docs/E2EE.md).
const KEY_WAIT: u64 = 1_000_000;
const KEY_FRAMES: usize = 64;

pub(crate) struct VideoReceiver {
    pub(crate) track: TrackId,
    pub(crate) inbound: Inbound,
    pub(crate) log: SequenceLog,
    assembler: Assembler,
    /// Frames without a key yet.
    keyless: Vec<(u64, Frame)>,
    finder: ReferenceFinder,
    decoder: Decoder,
    playout: Playout,
    pub(crate) watch: Watch,
    pub(crate) hidden: bool,
    /// Its track is gone.
    pub(crate) gone: bool,
    first_packet: Option<u64>,
    last_packet: u64,
    last_picture: Option<u64>,
    asked: u64,
    /// Frames of an epoch this person was in that could not be opened.
    pub(crate) undecryptable: Vec<DropReason>,
    /// Key frame requests sent.
    pub(crate) requests: u32,
}

impl VideoReceiver {
    pub(crate) fn new(now: u64, track: TrackId, inbound: Inbound) -> Self {
        Self {
            track,
            inbound,
            log: SequenceLog::default(),
            assembler: Assembler::default(),
            keyless: Vec::new(),
            finder: ReferenceFinder::default(),
            decoder: Decoder::default(),
            playout: Playout::new(90_000),
            watch: Watch::new(now),
            hidden: false,
            gone: false,
            first_packet: None,
            last_packet: 0,
            last_picture: None,
            asked: 0,
            undecryptable: Vec::new(),
            requests: 0,
        }
    }

    /// A packet of media or a retransmission of one.
    pub(crate) fn packet(&mut self, now: u64, view: &RtpView<'_>, session: &mut Session, first_epoch: u64) {
        let retransmitted = view.ssrc() == self.inbound.rtx_ssrc;
        let (sequence, payload) = if retransmitted {
            let Some((original, payload)) = view.payload().split_first_chunk::<2>() else {
                // Padding that probes.
                return;
            };
            (u16::from_be_bytes(*original), payload)
        } else {
            (view.sequence_number(), view.payload())
        };
        self.first_packet.get_or_insert(now);
        self.last_packet = now;
        let Some(sequence) = self.log.record(sequence, self.inbound.nack) else {
            return;
        };
        if payload.is_empty() {
            self.finder.padding(sequence);
            return;
        }
        let codec = self.inbound.codec;
        let frame = self
            .assembler
            .insert(sequence, view.timestamp(), view.marker(), codec, payload);
        if let Some(frame) = frame {
            self.frame(now, now, frame, session, first_epoch);
        }
    }

    fn frame(&mut self, now: u64, since: u64, frame: Frame, session: &mut Session, first_epoch: u64) {
        let mut plain = Vec::new();
        let codec = self.inbound.codec;
        match session.decrypt(now / 1000, Context::Camera, codec, &frame.bytes, &mut plain) {
            Ok(_) => {
                let prefix = match codec {
                    Codec::Vp8 => prefix_len(plain[0] & 1 == 0),
                    Codec::Vp9 | Codec::Opus => 0,
                };
                let truth = Truth::decode(&plain[prefix..]);
                self.playout.arrived(now, frame.timestamp);
                for decodable in self.finder.insert(Plain { frame, truth }) {
                    self.decoder.insert(decodable);
                }
            }
            Err(DropReason::NoKey) if now < since + KEY_WAIT && self.keyless.len() < KEY_FRAMES => {
                self.keyless.push((since, frame));
            }
            Err(reason) => {
                if !is_foreign(reason, codec, &frame.bytes, first_epoch) {
                    self.undecryptable.push(reason);
                }
            }
        }
    }

    /// Retries frames without a key and shows what is due.
    pub(crate) fn tick(&mut self, now: u64, session: &mut Session, first_epoch: u64) {
        for (since, frame) in std::mem::take(&mut self.keyless) {
            self.frame(now, since, frame, session, first_epoch);
        }
        while let Some((picture, timestamp)) = self.decoder.next() {
            if self.playout.due(timestamp) > now {
                break;
            }
            let Some(decoded) = self.decoder.decode(&picture) else {
                break;
            };
            if decoded.key {
                self.log.forget_before(decoded.last_sequence);
            }
            self.last_picture = Some(now);
            if !self.hidden && !self.gone {
                self.watch
                    .show(now, decoded.height, decoded.captured, decoded.torn);
            }
        }
    }

    /// Whether to ask for a key frame now.
    pub(crate) fn wants_key_frame(&mut self, now: u64) -> bool {
        let Some(first) = self.first_packet else {
            return false;
        };
        // As a browser: only for a stream that flows.
        let flows = self.last_packet + STUCK > now;
        let (since, patience) = match self.last_picture {
            Some(at) => (at, STUCK),
            None => (first, FIRST_KEY),
        };
        let ask = flows && now >= since.max(self.asked) + patience;
        if ask {
            self.asked = now;
            self.requests += 1;
        }
        ask
    }

    /// What the screen says of the tile.
    pub(crate) fn show(&mut self, now: u64, hidden: bool) {
        self.watch.hide(now, hidden);
        self.hidden = hidden;
    }
}

/// Whether a frame could not be opened because it was encrypted in an epoch before this person's first, by the low
/// byte in its KID.
pub(crate) fn is_foreign(reason: DropReason, codec: Codec, frame: &[u8], first_epoch: u64) -> bool {
    if !matches!(reason, DropReason::NoKey | DropReason::EpochRetired) {
        return false;
    }
    let prefix = match codec {
        Codec::Vp8 => prefix_len(frame[0] & 1 == 0),
        Codec::Vp9 | Codec::Opus => 0,
    };
    // A KID of more than one byte ends in the epoch's low byte (RFC 9605 §4.3).
    let config = frame[prefix];
    let low = if config & 0x80 == 0 {
        config >> 4 & 7
    } else {
        frame[prefix + 1 + usize::from(config >> 4 & 7)]
    };
    let behind = first_epoch.to_be_bytes()[7].wrapping_sub(low);
    (1..128).contains(&behind)
}
