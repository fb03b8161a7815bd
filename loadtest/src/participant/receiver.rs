//! What a participant receives on one SSRC: packets to frames, decryption, comparison with what was sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_e2ee::{Codec, Context, DropReason, Session};
use conclave_wire::media::Track;

use super::light::{codec_of, context_of};
use super::listener::Listener;
use super::{codecs, kid};
use crate::light::SCREEN;
use crate::measure::Measures;
use crate::measure::freeze::Watcher;
use crate::measure::jitter::Jitter;
use crate::measure::kinds::Kind;
use crate::packet::depacketize::{Depacketizer, Frame};
use crate::packet::loss::LossCounter;
use crate::source::clip::Clips;

/// Frames without a key that wait for one, and for how long.
const MAX_WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of the session that a frame is judged by.
pub struct Reader<'a> {
    /// Decrypts.
    pub session: &'a mut Session,
    /// Monotonic milliseconds for the session.
    pub now_ms: u64,
    /// The epoch the session came in; `None` before that.
    pub first_epoch: Option<u64>,
}

/// One received track.
pub struct Receiving {
    context: Context,
    codec: Codec,
    depacketizer: Depacketizer,
    loss: LossCounter,
    waiting: VecDeque<(Instant, Frame)>,
    listener: Option<Listener>,
    watcher: Watcher,
    jitter: Jitter,
    /// Missing packets as last told for progress and charts.
    missing: i64,
    plain: Vec<u8>,
    measures: Arc<Measures>,
    decrypted: u64,
}

impl Receiving {
    /// Prepares for a track.
    pub fn new(track: &Track, measures: Arc<Measures>) -> Result<Self, opus::Error> {
        let codec = codec_of(track.codec);
        Ok(Self {
            context: context_of(track.source),
            codec,
            depacketizer: Depacketizer::new(codec),
            loss: LossCounter::default(),
            waiting: VecDeque::new(),
            listener: if codec == Codec::Opus {
                Some(Listener::new()?)
            } else {
                None
            },
            watcher: Watcher::default(),
            jitter: Jitter::new(codecs::clock_rate(codec)),
            missing: 0,
            plain: Vec::new(),
            measures,
            decrypted: 0,
        })
    }

    /// Takes a packet.
    pub fn handle_packet(&mut self, arrived: Instant, packet: &rtc::rtp::Packet, reader: &mut Reader<'_>) {
        let header = &packet.header;
        self.loss.handle(arrived, header.sequence_number);
        self.measures.packets_arrived.increment();
        self.measures.kinds.of(Kind::Full).packets.increment();
        self.jitter
            .handle(arrived, header.timestamp, &self.measures.jitter);
        self.depacketizer.handle(
            arrived,
            header.sequence_number,
            header.timestamp,
            header.marker,
            &packet.payload,
        );
        while let Some(frame) = self.depacketizer.poll_frame(arrived) {
            self.measures.frames_received.increment();
            self.read(arrived, frame, reader);
        }
    }

    /// Tries the frames that wait for a key again.
    pub fn retry(&mut self, reader: &mut Reader<'_>) {
        for (arrived, frame) in std::mem::take(&mut self.waiting) {
            self.read(arrived, frame, reader);
        }
    }

    /// Gives up the frames that waited too long.
    pub fn expire(&mut self, now: Instant, first_epoch: Option<u64>) {
        let missing = i64::try_from(self.loss.lost()).unwrap_or(i64::MAX);
        self.measures.missing_changed(missing - self.missing);
        self.missing = missing;
        while let Some((arrived, _)) = self.waiting.front()
            && now.saturating_duration_since(*arrived) > PATIENCE
        {
            if let Some((_, frame)) = self.waiting.pop_front() {
                self.failed(&frame, DropReason::UnknownKidExpired, first_epoch);
            }
        }
    }

    /// Adds what only the end shows to the measures. Frames that still wait for a key are neither good nor bad.
    pub fn finish(self) {
        if let Some(listener) = self.listener {
            listener.finish(&self.measures);
        }
        self.measures.packets_received.add(self.loss.received());
        self.measures.packets_lost.add(self.loss.lost());
        self.measures
            .frames_incomplete
            .add(self.depacketizer.incomplete());
    }

    /// Frames decrypted so far.
    pub fn decrypted(&self) -> u64 {
        self.decrypted
    }

    fn read(&mut self, arrived: Instant, frame: Frame, reader: &mut Reader<'_>) {
        let result = reader.session.decrypt(
            reader.now_ms,
            self.context,
            self.codec,
            &frame.bytes,
            &mut self.plain,
        );
        match result {
            Ok(decrypted) => {
                self.decrypted += 1;
                self.measures.frames_decrypted.increment();
                self.compare(arrived, &decrypted.member.0);
            }
            Err(DropReason::NoKey) => {
                if self.waiting.len() == MAX_WAITING
                    && let Some((_, oldest)) = self.waiting.pop_front()
                {
                    self.failed(&oldest, DropReason::NoKey, reader.first_epoch);
                }
                self.waiting.push_back((arrived, frame));
            }
            Err(reason) => self.failed(&frame, reason, reader.first_epoch),
        }
    }

    fn failed(&self, frame: &Frame, reason: DropReason, first_epoch: Option<u64>) {
        let keyless = matches!(
            reason,
            DropReason::NoKey | DropReason::UnknownKidExpired | DropReason::EpochRetired
        );
        if keyless && kid::is_from_before(self.codec, &frame.bytes, first_epoch) {
            self.measures.frames_before_join.increment();
        } else {
            self.measures.decrypt_failed(reason);
        }
    }

    fn compare(&mut self, arrived: Instant, sender: &[u8; 16]) {
        let is_bot = self.measures.is_bot(sender);
        if let Some(listener) = &mut self.listener {
            listener.hear(arrived, &self.plain, is_bot, &self.measures);
            return;
        }
        self.watcher.shown(arrived, &self.measures.freezes);
        if is_bot {
            self.measures.video_compared.increment();
            let known = match self.context {
                Context::ScreenVideo => SCREEN.made(&self.plain),
                _ => Clips::built_in().contain(&self.plain),
            };
            if !known {
                self.measures.video_different.increment();
            }
        }
    }
}
