//! Receives one microphone: a sound is heard when it, or the in-band repair in the one after it, is there in time.

use conclave_e2ee::{Codec, Context, DropReason, Session};
use conclave_transport::rtp::RtpView;
use conclave_wire::id::TrackId;

use super::Inbound;
use super::playout::Playout;
use super::sequence::SequenceLog;
use super::video::is_foreign;
use super::watch::Listening;

/// Length of one sound in microseconds.
pub(crate) const FRAME: u64 = 20_000;
/// Steps of the RTP clock of one sound.
const STEP: u32 = 960;
/// A gap of this many sounds is a pause and not a loss.
const PAUSE: u32 = 50 * 60;
/// Missing sounds this far behind the newest one are not asked for any more.
const WORTH_ASKING: u64 = 10;

pub(crate) struct AudioReceiver {
    pub(crate) track: TrackId,
    pub(crate) inbound: Inbound,
    pub(crate) log: SequenceLog,
    playout: Playout,
    pub(crate) listening: Listening,
    /// The next sound to be heard.
    next: Option<u32>,
    /// Sounds that are there, by timestamp.
    there: Vec<u32>,
    /// Its track is gone.
    pub(crate) gone: bool,
    pub(crate) undecryptable: Vec<DropReason>,
}

impl AudioReceiver {
    pub(crate) fn new(track: TrackId, inbound: Inbound) -> Self {
        Self {
            track,
            inbound,
            log: SequenceLog::default(),
            playout: Playout::new(48_000),
            listening: Listening::default(),
            next: None,
            there: Vec::new(),
            gone: false,
            undecryptable: Vec::new(),
        }
    }

    pub(crate) fn packet(&mut self, now: u64, view: &RtpView<'_>, session: &mut Session, first_epoch: u64) {
        if view.ssrc() != self.inbound.ssrc
            || self
                .log
                .record(view.sequence_number(), self.inbound.nack)
                .is_none()
        {
            return;
        }
        let mut plain = Vec::new();
        match session.decrypt(
            now / 1000,
            Context::Microphone,
            Codec::Opus,
            view.payload(),
            &mut plain,
        ) {
            Ok(_) => {
                let timestamp = view.timestamp();
                self.playout.arrived(now, timestamp);
                self.next.get_or_insert(timestamp);
                self.listening.first.get_or_insert(now);
                self.there.push(timestamp);
            }
            Err(reason) => {
                if !is_foreign(reason, Codec::Opus, view.payload(), first_epoch) {
                    self.undecryptable.push(reason);
                }
            }
        }
    }

    /// The numbers to ask for now: what a jitter buffer may still wait for.
    pub(crate) fn due(&mut self, now: u64, round_trip: u64) -> Vec<u16> {
        self.log.forget_behind(WORTH_ASKING);
        self.log.due(now, round_trip)
    }

    /// Plays what is due.
    pub(crate) fn tick(&mut self, now: u64) {
        while let Some(next) = self.next {
            if self.playout.due(next) > now {
                break;
            }
            let has = |timestamp: u32| self.there.contains(&timestamp);
            let heard = has(next) || has(next.wrapping_add(STEP));
            self.listening.expected += FRAME;
            if !heard && !self.gone {
                self.gap(now);
            }
            self.there
                .retain(|there| there.wrapping_sub(next).cast_signed() > 0);
            self.next = Some(self.after(next));
        }
    }

    /// The sound after this one; behind a pause, the first one that is there.
    fn after(&self, timestamp: u32) -> u32 {
        let first = self
            .there
            .iter()
            .min_by_key(|there| there.wrapping_sub(timestamp))
            .copied();
        match first {
            Some(first) if first.wrapping_sub(timestamp) > PAUSE * STEP => first,
            _ => timestamp.wrapping_add(STEP),
        }
    }

    fn gap(&mut self, now: u64) {
        match self.listening.gaps.last_mut() {
            Some((since, length)) if *since + *length + FRAME >= now => *length += FRAME,
            _ => self.listening.gaps.push((now, FRAME)),
        }
    }
}
