//! One track a light peer sends: frames when they are due, sealed end to end, cut into packets, sealed hop by hop.

use std::time::{Duration, Instant};

use conclave_e2ee::Codec;
use conclave_transport::client::ClientTransport;
use conclave_transport::rtcp::SenderReport;
use conclave_transport::rtp::{Extension, RtpHeader};
use conclave_transport::srtp::RTP_OVERHEAD;
use rand::Rng as _;

use super::crypto::{FrameCrypto, Sealed};
use super::datagrams::Datagrams;
use super::source::SendTrack;
use crate::measure::kinds::Kind;
use crate::measure::{Measures, unix_micros};
use crate::packet::packetize::{FramePosition, packetize};

/// Packets of a video track that can be sent again.
const HISTORY: usize = 256;
/// A frame that is later than this is left out: a burst would only make it worse.
const LATEST: Duration = Duration::from_millis(200);
/// Pause before a frame whose keys were in use is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// Room for the RTP header with its extension.
const HEADER_ROOM: usize = 32;
/// Seconds between 1900 and 1970.
const NTP_OFFSET_S: u64 = 2_208_988_800;

/// SSRCs of a track that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssrcs {
    /// Of the media.
    pub media: u32,
    /// Of its retransmissions.
    pub rtx: u32,
}

/// How a track goes onto the wire; from the negotiation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Payload type of the media.
    pub payload_type: u8,
    /// Payload type of retransmissions, if the server takes them.
    pub rtx_payload_type: Option<u8>,
    /// Id of the transport-wide sequence number's extension, if the server takes it.
    pub transport_cc: Option<u8>,
}

/// What happened when a frame was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// When to come back.
    pub(super) next: Instant,
    /// How late it was.
    pub(super) late: Duration,
}

/// A packet as it was before SRTP.
#[derive(Default)]
struct Sent {
    sequence: u16,
    /// Header fields and payload.
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
}

pub(super) struct Sender {
    pub(super) track: SendTrack,
    pub(super) ssrcs: Ssrcs,
    pub(super) wire: Option<Wire>,
    pub(super) muted: bool,
    pub(super) key_wanted: bool,
    next: Instant,
    /// Frames since the last key frame began.
    since_key: u64,
    /// Intervals since the beginning; of a camera also those whose frame was not sent.
    intervals: u64,
    number: u64,
    sequence: u16,
    rtx_sequence: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
    frame: Vec<u8>,
    sealed: Vec<u8>,
    history: Vec<Sent>,
    oldest: usize,
}

impl Sender {
    pub(super) fn new(track: SendTrack, ssrcs: Ssrcs, now: Instant) -> Self {
        let mut random = rand::rng();
        // Cameras and microphones are not in step.
        let next = now + track.source.interval().mul_f64(random.random::<f64>());
        Self {
            next,
            track,
            ssrcs,
            wire: None,
            muted: false,
            key_wanted: false,
            since_key: 0,
            intervals: 0,
            number: 0,
            sequence: random.random(),
            rtx_sequence: random.random(),
            timestamp: random.random(),
            packets: 0,
            octets: 0,
            frame: Vec::new(),
            sealed: Vec::new(),
            history: Vec::new(),
            oldest: 0,
        }
    }

    /// Writes the datagrams of the frame that is due to `out`, which is replaced.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        transport: &mut ClientTransport,
        crypto: &mut dyn FrameCrypto,
        number: &mut u16,
        measures: &Measures,
        out: &mut Datagrams,
    ) -> Turn {
        out.clear();
        let late = now.saturating_duration_since(self.next);
        let Some(wire) = self.wire.filter(|_| !self.muted && transport.is_connected()) else {
            return self.rest(now);
        };
        if late > LATEST {
            measures.packets_overrun.increment();
            self.since_key = 0;
            self.skip_to(now);
            return Turn {
                next: self.next,
                late,
            };
        }
        let is_video = self.track.source.codec() != Codec::Opus;
        if is_video && std::mem::take(&mut self.key_wanted) {
            measures.key_frame_requests.increment();
            self.since_key = 0;
        }
        let frame = self
            .track
            .source
            .write(self.intervals, self.since_key, &mut self.frame);
        let codec = self.track.source.codec();
        match crypto.seal(self.track.context, codec, &self.frame, &mut self.sealed) {
            Sealed::Done => {}
            Sealed::Busy => {
                return Turn {
                    next: now + RETRY,
                    late,
                };
            }
            Sealed::NoKey => {
                // What follows a frame that was not sent cannot be decoded.
                self.since_key = 0;
                return self.rest(now);
            }
        }
        self.since_key += 1;
        self.intervals += 1;
        self.timestamp = self.timestamp.wrapping_add(self.track.source.ticks());
        self.next += self.track.source.interval();
        self.packets(frame.key, wire, transport, number, measures, out);
        measures.frames_sent.increment();
        Turn {
            next: self.next,
            late,
        }
    }

    /// Leaves out what is due, for there is no way to send it; nothing is late by that.
    pub(super) fn rest(&mut self, now: Instant) -> Turn {
        self.skip_to(now);
        Turn {
            next: self.next,
            late: Duration::ZERO,
        }
    }

    /// Writes a packet that was sent before again, as RTX (RFC 4588 §4), to `out`, which is replaced.
    pub(super) fn again(
        &mut self,
        sequence: u16,
        transport: &mut ClientTransport,
        number: &mut u16,
        out: &mut Datagrams,
    ) -> Option<()> {
        let wire = self.wire?;
        let payload_type = wire.rtx_payload_type?;
        let sent = self.history.iter().find(|sent| sent.sequence == sequence)?;
        let header = RtpHeader {
            marker: sent.marker,
            payload_type,
            sequence_number: self.rtx_sequence,
            timestamp: sent.timestamp,
            ssrc: self.ssrcs.rtx,
        };
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        out.clear();
        seal(
            header,
            wire,
            &[&sequence.to_be_bytes(), &sent.payload],
            transport,
            number,
            out,
        )
    }

    /// What a sender report says about the track; `None` before its first packet.
    pub(super) fn report(&self) -> Option<SenderReport> {
        let micros = unix_micros();
        let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
        (self.packets > 0).then(|| SenderReport {
            ssrc: self.ssrcs.media,
            ntp_time: ((micros / 1_000_000 + NTP_OFFSET_S) << 32) | fraction,
            rtp_timestamp: self.timestamp,
            packet_count: self.packets,
            octet_count: self.octets,
        })
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Leaves out the frames that are due. A voice goes on later with what it has not said, so that receivers can tell what
    /// was lost from what was never sent.
    fn skip_to(&mut self, now: Instant) {
        let interval = self.track.source.interval();
        let missed = now.saturating_duration_since(self.next).as_micros() / interval.as_micros().max(1) + 1;
        let missed = u32::try_from(missed).unwrap_or(u32::MAX);
        if self.track.source.codec() != Codec::Opus {
            self.intervals += u64::from(missed);
        }
        self.next += interval.saturating_mul(missed);
        let ticks = self.track.source.ticks().wrapping_mul(missed);
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }

    fn packets(
        &mut self,
        key: bool,
        wire: Wire,
        transport: &mut ClientTransport,
        number: &mut u16,
        measures: &Measures,
        out: &mut Datagrams,
    ) {
        let codec = self.track.source.codec();
        let position = FramePosition {
            number: self.number,
            key,
            size: self.track.source.size(),
        };
        self.number += 1;
        for payload in packetize(codec, &self.sealed, position) {
            let header = RtpHeader {
                marker: payload.marker,
                payload_type: wire.payload_type,
                sequence_number: self.sequence,
                timestamp: self.timestamp,
                ssrc: self.ssrcs.media,
            };
            if seal(header, wire, &[&payload.bytes], transport, number, out).is_none() {
                return;
            }
            self.packets = self.packets.wrapping_add(1);
            let octets = u32::try_from(payload.bytes.len()).unwrap_or_default();
            self.octets = self.octets.wrapping_add(octets);
            measures.packets_sent.increment();
            measures.kinds.of(Kind::Light).packets.increment();
            if codec != Codec::Opus && wire.rtx_payload_type.is_some() {
                self.remember(header, payload.bytes);
            }
            self.sequence = self.sequence.wrapping_add(1);
        }
    }

    fn remember(&mut self, header: RtpHeader, payload: Vec<u8>) {
        let sent = Sent {
            sequence: header.sequence_number,
            marker: header.marker,
            timestamp: header.timestamp,
            payload,
        };
        if self.history.len() < HISTORY {
            self.history.push(sent);
        } else if let Some(oldest) = self.history.get_mut(self.oldest) {
            *oldest = sent;
            self.oldest = (self.oldest + 1) % HISTORY;
        }
    }
}

/// Appends one sealed packet to `out`; `None` leaves it as it was.
fn seal(
    header: RtpHeader,
    wire: Wire,
    payload: &[&[u8]],
    transport: &mut ClientTransport,
    number: &mut u16,
    out: &mut Datagrams,
) -> Option<()> {
    let payload_len: usize = payload.iter().map(|part| part.len()).sum();
    *number = number.wrapping_add(1);
    let data = number.to_be_bytes();
    let extension = wire.transport_cc.map(|id| Extension { id, data: &data });
    let sealed = out.push(HEADER_ROOM + payload_len + RTP_OVERHEAD, |room| {
        let mut len = header.write(extension.as_slice(), room).ok()?;
        for part in payload {
            room.get_mut(len..len + part.len())?.copy_from_slice(part);
            len += part.len();
        }
        transport.seal_rtp(room, len).ok()
    });
    sealed.map(|_| ())
}
