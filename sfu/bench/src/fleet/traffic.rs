//! What the clients send: frames of VP8 and packets of Opus that look end-to-end encrypted, with the time inside.

use std::time::{Duration, Instant};

use conclave_light::{extension, payload_type};
use conclave_transport::client::ClientTransport;
use conclave_transport::rtp::{Extension, RtpHeader};
use conclave_transport::srtp::RTP_OVERHEAD;
use conclave_wire::media::{Codec, Kind, Source};

/// What one source sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) source: Source,
    /// Packets of one frame, sent at once.
    pub(crate) packets: u16,
    /// Length of the datagrams' payload, in bytes.
    pub(crate) payload: usize,
    /// Between two frames.
    pub(crate) interval: Duration,
}

impl Stream {
    /// A camera whose frames have this many packets of 1200 bytes, headers and tag included.
    pub(crate) const fn camera(packets: u16, interval: Duration) -> Self {
        Self {
            source: Source::Camera,
            packets,
            payload: 1200 - 20 - RTP_OVERHEAD,
            interval,
        }
    }

    /// A microphone: 50 packets a second of 64 kbit/s.
    pub(crate) const fn microphone() -> Self {
        Self {
            source: Source::Microphone,
            packets: 1,
            payload: 180,
            interval: Duration::from_millis(20),
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        match self.source.kind() {
            Kind::Video => Codec::Vp8,
            Kind::Audio => Codec::Opus,
        }
    }
}

/// A source that sends.
pub(crate) struct Publisher {
    pub(crate) stream: Stream,
    pub(crate) ssrc: u32,
    /// When the next frame is due.
    pub(crate) next: Instant,
    /// Set by key frame requests.
    pub(crate) key_wanted: bool,
    /// Whether it sends nothing for now.
    pub(crate) muted: bool,
    /// Low byte of the epoch whose keys it encrypts with.
    pub(crate) epoch: u8,
    leaf: u32,
    sequence: u16,
    timestamp: u32,
    frame: u16,
}

/// Where the time lies in a payload: behind descriptor, clear bytes and SFrame header of any frame.
const STAMP_AT: usize = 32;
const STAMP_LEN: usize = 8;

impl Publisher {
    pub(crate) fn new(stream: Stream, ssrc: u32, leaf: u32, next: Instant) -> Self {
        Self {
            stream,
            ssrc,
            next,
            key_wanted: true,
            muted: false,
            epoch: 1,
            leaf,
            sequence: 1,
            timestamp: 1,
            frame: 0,
        }
    }

    /// Seals the next frame into `out`, its datagrams one behind the other, and returns the length of each.
    /// `stamp` is the time in ns; `number` counts the packets of the client.
    pub(crate) fn frame(
        &mut self,
        transport: &mut ClientTransport,
        number: &mut u16,
        stamp: u64,
        out: &mut Vec<u8>,
    ) -> usize {
        out.clear();
        let key = std::mem::take(&mut self.key_wanted);
        self.frame = self.frame.wrapping_add(1);
        let clock = if self.stream.codec() == Codec::Opus {
            48
        } else {
            90
        };
        let step = u64::try_from(self.stream.interval.as_micros()).unwrap_or(0) * clock / 1000;
        self.timestamp = self.timestamp.wrapping_add(u32::try_from(step).unwrap_or(0));
        let mut datagram = 0;
        for index in 0..self.stream.packets {
            let start = out.len();
            let header = RtpHeader {
                marker: index + 1 == self.stream.packets,
                payload_type: payload_type::of(self.stream.codec()),
                sequence_number: self.sequence,
                timestamp: self.timestamp,
                ssrc: self.ssrc,
            };
            self.sequence = self.sequence.wrapping_add(1);
            *number = number.wrapping_add(1);
            let transport_cc = Extension {
                id: extension::TRANSPORT_CC,
                data: &number.to_be_bytes(),
            };
            out.resize(start + 64 + self.stream.payload + RTP_OVERHEAD, 0);
            let room = out.get_mut(start..).unwrap_or_default();
            let len = header.write(&[transport_cc], room).unwrap_or(0);
            let payload = room.get_mut(len..len + self.stream.payload).unwrap_or_default();
            self.payload(payload, index == 0, key, stamp);
            let len = len + self.stream.payload;
            let sealed = transport.seal_rtp(room, len).unwrap_or(0);
            out.truncate(start + sealed);
            datagram = sealed;
        }
        datagram
    }

    fn payload(&self, payload: &mut [u8], first: bool, key: bool, stamp: u64) {
        payload.fill(0x5A);
        let mut start = Vec::with_capacity(STAMP_AT);
        if self.stream.codec() == Codec::Vp8 {
            // X and perhaps S; a picture id of 15 bits (RFC 7741 §4.2).
            let [high, low] = self.frame.to_be_bytes();
            start.extend([0x80 | u8::from(first) << 4, 0x80, 0x80 | high, low]);
            if first {
                // Clear bytes: 10 of a key frame, whose first has bit 0 cleared, else 1.
                start.extend(if key { &[0; 10][..] } else { &[1][..] });
            }
        }
        if first {
            let kid =
                (u32::from(self.stream.source.context()) << 20 | self.leaf << 8 | u32::from(self.epoch))
                    .to_be_bytes();
            start.push(0x80 | 2 << 4 | 0x08 | 3);
            start.extend(kid.iter().skip(1));
            start.extend(u32::from(self.frame).to_be_bytes());
        }
        for (byte, from) in payload.iter_mut().zip(&start) {
            *byte = *from;
        }
        if let Some(place) = payload.get_mut(STAMP_AT..STAMP_AT + STAMP_LEN) {
            place.copy_from_slice(&stamp.to_be_bytes());
        }
    }
}

/// The time a payload was sent, in ns.
pub(crate) fn stamp_of(payload: &[u8]) -> Option<u64> {
    let bytes = payload.get(STAMP_AT..STAMP_AT + STAMP_LEN)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}
