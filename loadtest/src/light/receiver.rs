//! One track a light peer receives: what came, what did not, what it asks the server for, and the frames inside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use conclave_e2ee::{Codec, Context, DropReason};
use conclave_transport::rtcp::ReportBlock;

use super::assembler::Assembler;
use super::crypto::{FrameCrypto, Opened};
use super::stats::TrackStats;
use crate::measure::audio_gap::{Ear, HeardFrame};
use crate::measure::freeze::Watcher;
use crate::measure::jitter::Jitter;
use crate::measure::kinds::Kind;
use crate::measure::onset::Onset;
use crate::measure::{Measures, unix_micros};
use crate::packet::loss::LossCounter;
use crate::packet::sequence::Unwrapper;
use crate::participant::{codecs, kid};
use crate::source::stamp;

/// Frames without a key that wait for one, and for how long.
const MAX_WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(1);
/// Missing packets asked for at most, how often, and the pause between.
const MAX_MISSING: usize = 256;
const MAX_ASKS: u8 = 8;
const ASK_AGAIN: Duration = Duration::from_millis(60);
/// Pause between requests for a key frame.
const KEY_PAUSE: Duration = Duration::from_millis(500);
/// A stamp that is older is of another clock.
const OLDEST: Duration = Duration::from_secs(60);

/// Which frames are decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decrypt {
    /// Every one.
    All,
    /// One of so many; the packets of the others are counted, but not even their SRTP is opened.
    Sample(u32),
}

/// What a track that is received is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveTrack {
    /// SSRC of its media.
    pub ssrc: u32,
    /// SSRC of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Its SFrame context.
    pub context: Context,
    /// Its codec.
    pub codec: Codec,
}

/// A packet after SRTP.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    /// When it reached the socket.
    pub(super) now: Instant,
    /// How long it lay there because the engine rested.
    pub(super) rested: Duration,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: &'a [u8],
}

/// What a receiver needs from its peer.
pub(super) struct Ears<'a> {
    pub(super) crypto: &'a mut dyn FrameCrypto,
    pub(super) measures: &'a Measures,
    pub(super) plain: &'a mut Vec<u8>,
}

/// A frame that cannot be opened yet.
struct Waiting {
    /// Since when its key is known to be missing; `None` while nobody could look, because the session was at work.
    keyless_since: Option<Instant>,
    frame: Vec<u8>,
}

struct Missing {
    position: i64,
    sequence: u16,
    ask_at: Instant,
    asks: u8,
}

pub(super) struct Receiver {
    pub(super) track: ReceiveTrack,
    /// Whether only some frames are looked into; all are then counted by what is readable outside SRTP.
    sampled: bool,
    assembler: Assembler,
    loss: LossCounter,
    line: Unwrapper,
    highest: Option<i64>,
    missing: VecDeque<Missing>,
    waiting: VecDeque<Waiting>,
    key_asked: Option<Instant>,
    packets: u64,
    bytes: u64,
    jitter: Jitter,
    ear: Ear,
    onset: Onset,
    watcher: Watcher,
    frames: u64,
    opened: u64,
    /// Packets received and expected at the last report.
    reported: (u64, u64),
}

impl Receiver {
    pub(super) fn new(track: ReceiveTrack, decrypt: Decrypt) -> Self {
        Self {
            track,
            sampled: decrypt != Decrypt::All,
            assembler: Assembler::new(track.codec),
            loss: LossCounter::default(),
            line: Unwrapper::default(),
            highest: None,
            missing: VecDeque::new(),
            waiting: VecDeque::new(),
            key_asked: None,
            packets: 0,
            bytes: 0,
            jitter: Jitter::new(codecs::clock_rate(track.codec)),
            ear: Ear::default(),
            onset: Onset::default(),
            watcher: Watcher::default(),
            frames: 0,
            opened: 0,
            reported: (0, 0),
        }
    }

    /// Counts a packet of `len` bytes by what is readable outside SRTP; says where it is on the line.
    pub(super) fn count(&mut self, packet: Packet<'_>, len: usize, measures: &Measures) -> i64 {
        let Packet { now, timestamp, .. } = packet;
        self.packets += 1;
        measures.packets_arrived.increment();
        measures.kinds.of(Kind::Light).packets.increment();
        self.bytes += u64::try_from(len).unwrap_or_default();
        self.loss.handle(now, packet.sequence);
        let position = self.line.unwrap(packet.sequence);
        self.note_missing(now, position, packet.sequence);
        if self.sampled && (packet.marker || self.track.codec == Codec::Opus) {
            self.frames += 1;
            measures.frames_received.increment();
            self.notice(now, measures);
        }
        self.jitter.handle(now, timestamp, &measures.jitter);
        position
    }

    /// Takes the inside of a packet that was counted; without a payload it only keeps its place.
    pub(super) fn handle(&mut self, position: i64, packet: Packet<'_>, ears: &mut Ears<'_>) {
        let mut inside = Inside {
            track: self.track,
            sampled: self.sampled,
            waiting: &mut self.waiting,
            ear: &mut self.ear,
            onset: &mut self.onset,
            watcher: &mut self.watcher,
            frames: &mut self.frames,
            opened: &mut self.opened,
            ears,
        };
        self.assembler.handle(
            packet.now,
            position,
            packet.timestamp,
            packet.marker,
            packet.payload,
            |frame, _| inside.frame(packet.now, packet.rested, frame),
        );
    }

    /// Tries again the frames that wait, gives up what waited too long.
    pub(super) fn tick(&mut self, now: Instant, ears: &mut Ears<'_>) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut inside = Inside {
            track: self.track,
            sampled: self.sampled,
            waiting: &mut self.waiting,
            ear: &mut self.ear,
            onset: &mut self.onset,
            watcher: &mut self.watcher,
            frames: &mut self.frames,
            opened: &mut self.opened,
            ears,
        };
        while let Some(frame) = waiting.pop_front() {
            inside.again(now, frame);
        }
        self.assembler
            .expire(now, |frame, _| inside.frame(now, Duration::ZERO, frame));
    }

    /// Sequence numbers to ask for now, into `out`.
    pub(super) fn asks(&mut self, now: Instant, out: &mut Vec<u16>) {
        out.clear();
        self.missing.retain_mut(|missing| {
            if now < missing.ask_at {
                return true;
            }
            out.push(missing.sequence);
            missing.asks += 1;
            missing.ask_at = now + ASK_AGAIN;
            missing.asks < MAX_ASKS
        });
    }

    /// Whether to ask for a key frame now.
    pub(super) fn wants_key(&mut self, now: Instant) -> bool {
        let rested = self
            .key_asked
            .is_none_or(|at| now.saturating_duration_since(at) >= KEY_PAUSE);
        if self.track.codec == Codec::Opus || !self.assembler.broken || !rested {
            return false;
        }
        self.key_asked = Some(now);
        self.assembler.broken = false;
        true
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.missing.is_empty() || !self.waiting.is_empty() || self.assembler.broken
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// The report block about what came since the last one (RFC 3550 §6.4.1).
    pub(super) fn report(&mut self) -> Option<ReportBlock> {
        let highest = self.highest?;
        let (received, lost) = (self.loss.received(), self.loss.lost());
        let (had, had_lost) = std::mem::replace(&mut self.reported, (received, lost));
        let (new, new_lost) = (received.saturating_sub(had), lost.saturating_sub(had_lost));
        let fraction = (new_lost * 256).checked_div(new + new_lost).unwrap_or_default();
        Some(ReportBlock {
            ssrc: self.track.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(lost).unwrap_or(i32::MAX),
            highest_sequence: u32::try_from(highest.rem_euclid(1 << 32)).unwrap_or_default(),
            ..ReportBlock::default()
        })
    }

    /// Packets that are missing, after the first second.
    pub(super) fn lost(&self) -> u64 {
        self.loss.lost()
    }

    pub(super) fn stats(&self) -> TrackStats {
        TrackStats {
            context: self.track.context,
            codec: self.track.codec,
            packets: self.packets,
            counted: self.loss.received(),
            lost: self.loss.lost(),
            bytes: self.bytes,
            frames: self.frames,
            opened: self.opened,
            incomplete: self.assembler.incomplete,
        }
    }

    /// A frame is there, as far as can be told without looking into it.
    fn notice(&mut self, now: Instant, measures: &Measures) {
        if self.track.codec != Codec::Opus {
            self.watcher.shown(now, &measures.freezes);
        }
    }

    /// The track is over.
    pub(super) fn finish(self, measures: &Measures) {
        measures.packets_received.add(self.loss.received());
        measures.packets_lost.add(self.loss.lost());
        measures.frames_incomplete.add(self.assembler.incomplete);
        self.ear.finish(&measures.audio_gaps);
    }

    fn note_missing(&mut self, now: Instant, position: i64, sequence: u16) {
        let Some(highest) = self.highest else {
            self.highest = Some(position);
            return;
        };
        if position <= highest {
            self.missing.retain(|missing| missing.position != position);
            return;
        }
        self.highest = Some(position);
        let gap = position - highest - 1;
        // Sound is not asked for again: it would come too late.
        if gap == 0 || self.track.codec == Codec::Opus {
            return;
        }
        for back in (1..=gap.min(64)).rev() {
            if self.missing.len() == MAX_MISSING {
                self.missing.pop_front();
            }
            let behind = u16::try_from(back).unwrap_or_default();
            self.missing.push_back(Missing {
                position: position - back,
                sequence: sequence.wrapping_sub(behind),
                // A moment of patience: packets of a burst may overtake each other.
                ask_at: now + Duration::from_millis(5),
                asks: 0,
            });
        }
    }
}

/// The part of a receiver that looks into frames.
struct Inside<'a, 'b> {
    track: ReceiveTrack,
    sampled: bool,
    waiting: &'a mut VecDeque<Waiting>,
    ear: &'a mut Ear,
    onset: &'a mut Onset,
    watcher: &'a mut Watcher,
    frames: &'a mut u64,
    opened: &'a mut u64,
    ears: &'a mut Ears<'b>,
}

impl Inside<'_, '_> {
    fn frame(&mut self, now: Instant, rested: Duration, frame: &[u8]) {
        if !self.sampled {
            *self.frames += 1;
            self.ears.measures.frames_received.increment();
            if self.track.codec != Codec::Opus {
                self.watcher.shown(now, &self.ears.measures.freezes);
            }
        }
        match self.open(frame) {
            Opened::Frame => self.good(Some((now, rested))),
            Opened::Later(reason) => {
                if self.waiting.len() == MAX_WAITING
                    && let Some(oldest) = self.waiting.pop_front()
                {
                    let known = oldest.keyless_since.is_some();
                    let reason = if known {
                        DropReason::NoKey
                    } else {
                        DropReason::TransformNotRunning
                    };
                    self.bad(&oldest.frame, reason);
                }
                self.waiting.push_back(Waiting {
                    keyless_since: (reason == DropReason::NoKey).then_some(now),
                    frame: frame.to_vec(),
                });
            }
            Opened::Failed(reason) => self.bad(frame, reason),
        }
    }

    /// As in a browser, whose transform stands still while its session is at work: only time in which the key was looked
    /// for and missing counts.
    fn again(&mut self, now: Instant, mut waiting: Waiting) {
        match self.open(&waiting.frame) {
            Opened::Frame => self.good(None),
            Opened::Later(DropReason::NoKey) => {
                let since = *waiting.keyless_since.get_or_insert(now);
                if now.saturating_duration_since(since) > PATIENCE {
                    self.bad(&waiting.frame, DropReason::UnknownKidExpired);
                } else {
                    self.waiting.push_back(waiting);
                }
            }
            Opened::Later(_) => self.waiting.push_back(waiting),
            Opened::Failed(reason) => self.bad(&waiting.frame, reason),
        }
    }

    fn open(&mut self, frame: &[u8]) -> Opened {
        let Ears { crypto, plain, .. } = &mut *self.ears;
        crypto.open(self.track.context, self.track.codec, frame, plain)
    }

    /// `arrived`: when it did and how long it was left lying, unless it waited for a key, so that its age is not the
    /// network's.
    fn good(&mut self, arrived: Option<(Instant, Duration)>) {
        *self.opened += 1;
        let measures = self.ears.measures;
        measures.frames_decrypted.increment();
        let (Codec::Opus, Some((arrived, rested))) = (self.track.codec, arrived) else {
            return;
        };
        let Some(stamp) = stamp::read(self.ears.plain) else {
            return;
        };
        let age = Duration::from_micros(unix_micros().saturating_sub(stamp.sent_us));
        if age < OLDEST {
            measures.latency.record(age.saturating_sub(rested));
            measures
                .forwarding
                .through
                .record(age.saturating_sub(arrived.elapsed()));
        }
        if !self.sampled {
            let frame = HeardFrame::new(stamp, arrived);
            self.ear.heard(frame, &measures.audio_gaps);
            self.onset.heard(frame, &measures.onsets);
        }
    }

    fn bad(&mut self, frame: &[u8], reason: DropReason) {
        let keyless = matches!(
            reason,
            DropReason::NoKey | DropReason::UnknownKidExpired | DropReason::EpochRetired
        );
        let first = self.ears.crypto.first_epoch();
        if keyless && kid::is_from_before(self.track.codec, frame, first) {
            self.ears.measures.frames_before_join.increment();
        } else {
            self.ears.measures.decrypt_failed(reason);
        }
    }
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
