//! What a participant sends: sound every 20 ms, pictures at the clip's rate, encrypted and packetized.

use std::sync::Arc;

use bytes::Bytes;
use conclave_e2ee::{Codec, Context};
use rand::Rng as _;
use webrtc::media_stream::track_local::TrackLocal as _;

use super::codecs;
use super::connection::Sending;
use super::session::SharedSession;
use crate::measure::kinds::Kind;
use crate::measure::{Measures, unix_micros};
use crate::packet::packetize::{FramePosition, packetize};
use crate::source::clip::{Clip, Player};
use crate::source::microphone::Microphone;
use crate::source::stamp::{self, Stamp};
use crate::source::voice::{FRAME_SAMPLES, Voice};

/// Puts encrypted frames of one source onto one SSRC.
struct Stream {
    sending: Sending,
    context: Context,
    codec: Codec,
    sequence: u16,
    timestamp: u32,
    ticks_per_frame: u32,
    frames: u64,
    encrypted: Vec<u8>,
}

impl Stream {
    fn new(sending: Sending, context: Context, codec: Codec, ticks_per_frame: u32) -> Self {
        let mut random = rand::rng();
        Self {
            sending,
            context,
            codec,
            sequence: random.random(),
            timestamp: random.random(),
            ticks_per_frame,
            frames: 0,
            encrypted: Vec::new(),
        }
    }

    /// Encrypts and sends a frame; says whether it could. Without a key nothing leaves.
    async fn send(
        &mut self,
        session: &SharedSession,
        frame: &[u8],
        key: bool,
        size: (u16, u16),
        measures: &Measures,
    ) -> bool {
        self.timestamp = self.timestamp.wrapping_add(self.ticks_per_frame);
        let sealed = session.with(|state| {
            state
                .session
                .encrypt(self.context, self.codec, frame, &mut self.encrypted)
        });
        if sealed.is_err() {
            return false;
        }
        let position = FramePosition {
            number: self.frames,
            key,
            size,
        };
        self.frames += 1;
        for payload in packetize(self.codec, &self.encrypted, position) {
            let packet = rtc::rtp::Packet {
                header: rtc::rtp::header::Header {
                    version: 2,
                    marker: payload.marker,
                    payload_type: codecs::payload_type(self.codec),
                    sequence_number: self.sequence,
                    timestamp: self.timestamp,
                    ssrc: self.sending.ssrc,
                    ..Default::default()
                },
                payload: Bytes::from(payload.bytes),
            };
            self.sequence = self.sequence.wrapping_add(1);
            if self.sending.track.write_rtp(packet).await.is_ok() {
                measures.packets_sent.increment();
                measures.kinds.of(Kind::Full).packets.increment();
            }
        }
        measures.frames_sent.increment();
        true
    }
}

/// Sends a voice.
pub struct Speaking {
    stream: Stream,
    microphone: Microphone,
    measures: Arc<Measures>,
}

impl Speaking {
    /// Begins to speak with `voice`.
    pub fn new(sending: Sending, voice: Voice, measures: Arc<Measures>) -> Result<Self, opus::Error> {
        let ticks = u32::try_from(FRAME_SAMPLES).unwrap_or_default();
        let stream = Stream::new(sending, Context::Microphone, Codec::Opus, ticks);
        Ok(Self {
            stream,
            microphone: Microphone::new(voice)?,
            measures,
        })
    }

    /// Sends the next 20 ms.
    pub async fn tick(&mut self, session: &SharedSession) -> Result<(), opus::Error> {
        let packet = self.microphone.next_packet()?;
        let voice = u8::try_from(self.microphone.voice().0).unwrap_or(u8::MAX);
        let stamp = Stamp {
            sent_us: unix_micros(),
            frame: packet.frame,
            voice,
        };
        let bytes = stamp::write(&packet.bytes, stamp).unwrap_or(packet.bytes);
        self.stream
            .send(session, &bytes, true, (0, 0), &self.measures)
            .await;
        Ok(())
    }
}

/// Shows a clip.
pub struct Showing {
    stream: Stream,
    player: Player,
    measures: Arc<Measures>,
}

impl Showing {
    /// Begins to show `clip`.
    pub fn new(sending: Sending, clip: Arc<Clip>, measures: Arc<Measures>) -> Self {
        let ticks = codecs::clock_rate(clip.codec) / clip.fps;
        let stream = Stream::new(sending, Context::Camera, clip.codec, ticks);
        Self {
            stream,
            player: Player::new(clip),
            measures,
        }
    }

    /// Sends the next picture; the clip's first one when a key frame is wanted.
    pub async fn tick(&mut self, session: &SharedSession, key_frame_wanted: bool) {
        if key_frame_wanted {
            self.measures.key_frame_requests.increment();
            self.player.restart();
        }
        let size = self.player.clip().size;
        let sent = match self.player.next_frame() {
            Some(frame) => {
                self.stream
                    .send(session, &frame.bytes, frame.key, size, &self.measures)
                    .await
            }
            None => false,
        };
        if !sent {
            // What follows a frame that was not sent cannot be decoded.
            self.player.restart();
        }
    }
}
