//! One encoding of a track: the stream of one SSRC as it comes in, with what is kept and checked of it.

use std::time::Instant;

use conclave_wire::media::Kind;

use crate::forward::clock::SenderClock;
use crate::forward::receive_log::ReceiveLog;
use crate::forward::rewrite::Generation;
use crate::forward::ring::Ring;
use crate::guard::Guard;
use crate::header_extension::dependency_descriptor::Descriptors;

/// Bytes and packets kept of sound: more than a second at 128 kbit/s and in packets of 10 ms.
const AUDIO_BYTES: usize = 24 << 10;
const AUDIO_PACKETS: u64 = 128;
/// Bytes kept of a picture by how many larger encodings there are: one second at 4, 1.3 and 0.5 Mbit/s.
const VIDEO_BYTES: [usize; 3] = [512 << 10, 160 << 10, 64 << 10];
const VIDEO_PACKETS: u64 = 1024;

/// The last key frame of an encoding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyFrame {
    /// Number of its first packet.
    pub(crate) sequence: u64,
    /// Low byte of the epoch in which it was encrypted.
    pub(crate) epoch: Option<u8>,
    pub(crate) at: Instant,
}

/// An encoding. Another SSRC is another stream and starts it over.
pub(crate) struct Encoding {
    pub(crate) generation: Generation,
    pub(crate) log: ReceiveLog,
    pub(crate) ring: Ring,
    pub(crate) guard: Guard,
    pub(crate) descriptors: Descriptors,
    pub(crate) key_frame: Option<KeyFrame>,
    /// The publisher's wall clock and this stream's, by its last sender report.
    pub(crate) clock: Option<SenderClock>,
    /// When a sender report was last passed on.
    pub(crate) reported_at: Option<Instant>,
    /// The middle of its NTP time, by which receivers name it.
    pub(crate) reported: u32,
}

impl Encoding {
    /// An encoding below which `larger` others are.
    pub(crate) fn new(kind: Kind, larger: usize, generation: Generation) -> Self {
        let ring = match kind {
            Kind::Audio => Ring::new(AUDIO_BYTES, AUDIO_PACKETS),
            Kind::Video => Ring::new(
                VIDEO_BYTES.get(larger).copied().unwrap_or(AUDIO_BYTES),
                VIDEO_PACKETS,
            ),
        };
        Self {
            generation,
            log: ReceiveLog::new(),
            ring,
            guard: Guard::default(),
            descriptors: Descriptors::default(),
            key_frame: None,
            clock: None,
            reported_at: None,
            reported: 0,
        }
    }

    /// Starts over: the next packet is the first of a new stream.
    pub(crate) fn restart(&mut self, generation: Generation) {
        self.generation = generation;
        self.log = ReceiveLog::new();
        self.ring.clear();
        self.descriptors.clear();
        self.key_frame = None;
        self.clock = None;
    }
}
