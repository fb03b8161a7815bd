//! What one subscriber is sent: numbered for its feedback, spread over time, probed with, and limited.
//!
//! It belongs to the peer and sees packets of all its subscriptions just before they leave.

use std::time::{Duration, Instant};

use conclave_transport::rtcp::TwccFeedback;
use conclave_transport::rtp::RtpHeader;
use conclave_wire::media::Kind;

use crate::bandwidth::Estimator;
use crate::forward::rewrite::Generation;
use crate::forward::{Descriptor, Outgoing};
use crate::pacer::Pacer;

/// Sequence numbers a subscriber may ask for again in a second, over all its subscriptions; the rest of a flood is
/// not even looked up.
const MAX_NACKED: u32 = 2000;
/// The share of the estimate that may be spent on sending again in a second, and what may always, in bits.
const RESENT_SHARE: (u64, u64) = (1, 2);
const MIN_RESENT: u64 = 100_000;
/// Sound that comes later than this is of no use: jitter buffers hold less.
const SOUND_ROUND_TRIP: Duration = Duration::from_millis(150);

/// A packet that waits: where it is kept, and the header it was given.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    /// Index of the subscription in the room.
    pub(crate) subscription: usize,
    pub(crate) generation: Generation,
    /// The publisher's sequence number.
    pub(crate) sequence: u64,
    pub(crate) header: RtpHeader,
    pub(crate) descriptor: Descriptor,
}

/// The way to one subscriber.
pub(crate) struct Downlink {
    estimator: Estimator,
    pacer: Pacer<Waiting>,
    /// What allocation may use, and what upgrades must fit, in bits per second.
    limit: Option<u32>,
    recent: Option<u32>,
    /// What allocation would use without a limit, and what it uses.
    wanted: u32,
    used: u32,
    /// The limit when allocation last looked.
    allocated: Option<u32>,
    /// Whether its room looks at it at every pace.
    pub(crate) paced: bool,
    nacked: u32,
    nacked_since: Option<Instant>,
    /// Bytes sent again in this second.
    resent: u64,
}

impl Downlink {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            estimator: Estimator::new(now),
            pacer: Pacer::new(),
            limit: None,
            recent: None,
            wanted: 0,
            used: 0,
            allocated: None,
            paced: false,
            nacked: 0,
            nacked_since: None,
            resent: 0,
        }
    }

    /// Says whether the subscriber numbers packets for us (transport-cc).
    pub(crate) fn negotiate(&mut self, now: Instant, transport_cc: bool) {
        self.estimator.negotiate(transport_cc);
        self.refresh(now);
    }

    /// Whether a packet goes out now; else it has to [`Self::wait`].
    pub(crate) fn admit(&mut self, now: Instant, packet: &Outgoing<'_>) -> bool {
        if packet.kind == Kind::Audio {
            self.pacer.charge(packet.size());
            return true;
        }
        self.pacer.admit(now, self.limit, packet.size())
    }

    /// Notes a retransmission, which leaves whatever waits.
    pub(crate) fn charge(&mut self, packet: &Outgoing<'_>) {
        self.pacer.charge(packet.size());
        let size = u64::try_from(packet.size()).unwrap_or(0);
        self.resent = self.resent.saturating_add(size);
    }

    /// Queues a packet; `false` when too many wait already.
    pub(crate) fn wait(&mut self, waiting: Waiting, packet: &Outgoing<'_>) -> bool {
        self.pacer.wait(waiting, packet.size())
    }

    /// The next packet whose time has come.
    pub(crate) fn release(&mut self, now: Instant) -> Option<Waiting> {
        self.pacer.release(now, self.limit)
    }

    /// The bytes that may be added to what waits and leave within a time; `None`: nothing has to wait.
    pub(crate) fn room_within(&self, time: Duration) -> Option<usize> {
        Some(self.pacer.room_within(self.limit?, time))
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.pacer.clear();
    }

    /// Gives a packet that leaves now its number, under the subscriber's extension id.
    pub(crate) fn number(&mut self, now: Instant, id: u8, packet: &mut Outgoing<'_>) {
        packet.transport_cc = Some((id, self.estimator.record(now, packet.size())));
    }

    /// Notes a packet that leaves again under the numbers it had.
    pub(crate) fn repeat(&mut self, number: u16) {
        self.estimator.repeat(number);
    }

    /// Reads transport-cc feedback. `true`: allocation should look at once.
    pub(crate) fn handle_feedback(&mut self, now: Instant, feedback: &TwccFeedback<'_>) -> bool {
        self.estimator.handle_feedback(now, feedback) && self.refresh(now)
    }

    /// Reads the loss of a report block, in 1/256. `true`: allocation should look at once.
    pub(crate) fn handle_report(&mut self, now: Instant, fraction_lost: u8) -> bool {
        self.estimator.handle_report(now, fraction_lost, self.used);
        self.refresh(now)
    }

    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration) {
        self.estimator.handle_round_trip(round_trip);
    }

    /// Moves time forward. `true`: allocation should look at once.
    pub(crate) fn handle_tick(&mut self, now: Instant) -> bool {
        self.estimator.handle_tick(now);
        self.refresh(now)
    }

    /// Starts a probe if it is time for one.
    pub(crate) fn start_probe(&mut self, now: Instant) {
        self.estimator.start_probe(now, self.wanted);
    }

    /// Bytes to send now for the probe under way; `None` when there is none.
    pub(crate) fn probe_due(&self, now: Instant) -> Option<u32> {
        self.estimator.probe_due(now)
    }

    /// Whether there is something to do at the next pace.
    pub(crate) fn is_busy(&self, now: Instant) -> bool {
        !self.pacer.is_empty() || self.estimator.probe_due(now).is_some()
    }

    /// What allocation did, in bits per second.
    pub(crate) const fn allocated(&mut self, wanted: u32, used: u32) {
        self.allocated = self.limit;
        self.wanted = wanted;
        self.used = used;
    }

    /// The estimate in bits per second; `None`: nothing is known that limits.
    pub(crate) const fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// What gets through, though the estimate may be less while a queue empties.
    pub(crate) fn sustained(&self, now: Instant) -> Option<u32> {
        self.estimator.sustained(now)
    }

    /// Its least value of the last seconds.
    pub(crate) const fn recent(&self) -> Option<u32> {
        self.recent
    }

    /// The round trip to the subscriber, measured or guessed.
    pub(crate) fn round_trip(&self) -> Duration {
        self.estimator.round_trip()
    }

    /// The worst loss of the last seconds, in 1/256.
    pub(crate) const fn recent_loss(&self) -> u8 {
        self.estimator.recent_loss()
    }

    /// Whether the path is still found out, and nothing limited so far.
    pub(crate) fn is_opening(&self, now: Instant) -> bool {
        self.estimator.is_opening(now)
    }

    /// Whether nothing is known of the path yet but a limit to begin with.
    pub(crate) fn is_guess(&self, now: Instant) -> bool {
        self.estimator.is_guess(now)
    }

    /// Whether a packet asked for again is to be looked up.
    pub(crate) fn may_resend(&mut self, now: Instant, kind: Kind) -> bool {
        let in_second = self
            .nacked_since
            .is_some_and(|since| now.saturating_duration_since(since) < Duration::from_secs(1));
        if !in_second {
            self.nacked_since = Some(now);
            self.nacked = 0;
            self.resent = 0;
        }
        self.nacked = self.nacked.saturating_add(1);
        let useful = kind == Kind::Video || self.estimator.round_trip() <= SOUND_ROUND_TRIP;
        let room = self.limit.is_none_or(|limit| {
            self.resent * 8 <= MIN_RESENT.max(u64::from(limit) * RESENT_SHARE.0 / RESENT_SHARE.1)
        });
        useful && room && self.nacked <= MAX_NACKED
    }

    fn refresh(&mut self, now: Instant) -> bool {
        self.limit = self.estimator.estimate(now);
        self.recent = self.estimator.recent_least(now);
        let Some(limit) = self.limit else {
            return self.allocated.is_some();
        };
        let risen =
            self.used < self.wanted && self.allocated.is_some_and(|allocated| limit > allocated / 4 * 5);
        limit < self.used || risen
    }
}
