//! Estimates the bandwidth towards one subscriber: the least of what delay, loss and silence allow.
//!
//! In: packets sent, transport-cc feedback, receiver reports, time. Out: an estimate, and bytes to probe with. The
//! delay part follows draft-ietf-rmcat-gcc-02 and what libwebrtc made of it. A subscriber without transport-cc is
//! limited by the loss it reports only.

mod acknowledged;
mod history;
mod loss;
mod probe;
mod queue;
mod rate_control;
mod recent_loss;
mod trendline;

#[cfg(test)]
mod simulation;

use std::time::{Duration, Instant};

use conclave_transport::rtcp::TwccFeedback;

use acknowledged::Acknowledged;
use history::{Outcome, SendHistory};
use loss::LossControl;
use probe::Prober;
use queue::{Batch, Queue};
use rate_control::RateControl;
use recent_loss::RecentLoss;
use trendline::{Trendline, Usage};

/// The estimate before anything is known, in bits per second: sound and two small pictures.
const START_BPS: f64 = 600_000.0;
/// No estimate leaves these bounds: below the first not even sound passes, above the second nobody needs more.
const MIN_BPS: f64 = 60_000.0;
const MAX_BPS: f64 = 30_000_000.0;
/// Upgrades must have fitted for this long.
const RECENT: Duration = Duration::from_secs(2);
/// Parts of [`RECENT`] whose least estimate is kept.
const PARTS: usize = 8;
/// Feedback messages read in a second, three times what browsers send under load; further ones are ignored.
const MAX_FEEDBACK: u32 = 100;
/// Packets that are not spoken of for this long mean that nothing arrives.
const SILENCE: Duration = Duration::from_millis(1000);
/// Without any feedback for this long after the first packets, the subscriber does not send any.
const NO_FEEDBACK: Duration = Duration::from_secs(3);
/// How long after the first feedback, or the first after a silence, estimates are used as they come.
const OPENING: Duration = Duration::from_secs(5);
/// How long after the first packet a first finding is waited for.
const GUESS: Duration = Duration::from_millis(1000);
/// The round trip before one was measured.
const ROUND_TRIP: Duration = Duration::from_millis(200);

/// How a subscriber tells what arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Feedback {
    /// By receiver reports only.
    Reports,
    /// transport-cc is negotiated, and no message came yet.
    Expected,
    /// By transport-cc.
    Packets,
}

/// The estimator of one subscriber.
pub(crate) struct Estimator {
    feedback: Feedback,
    history: SendHistory,
    trendline: Trendline,
    queue: Queue,
    acknowledged: Acknowledged,
    rate: RateControl,
    loss: LossControl,
    recent_loss: RecentLoss,
    prober: Prober,
    first_sent: Option<Instant>,
    round_trip: Option<Duration>,
    recent: RecentLeast,
    feedback_second: Option<Instant>,
    feedback_count: u32,
    silent_at: Option<Instant>,
    /// The rate before the silence.
    before_silence: f64,
    /// Until then, or until something limits, what is found may be used at once.
    opening: Option<Instant>,
    /// Nothing was found out about the path so far.
    guessed: bool,
}

impl Estimator {
    /// For a subscriber that is to be sent packets from now on.
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            feedback: Feedback::Reports,
            history: SendHistory::new(now),
            trendline: Trendline::new(),
            queue: Queue::new(),
            acknowledged: Acknowledged::new(),
            rate: RateControl::new(START_BPS),
            loss: LossControl::new(),
            recent_loss: RecentLoss::new(),
            prober: Prober::new(),
            first_sent: None,
            round_trip: None,
            recent: RecentLeast::new(now),
            feedback_second: None,
            feedback_count: 0,
            silent_at: None,
            before_silence: 0.0,
            opening: None,
            guessed: true,
        }
    }

    /// Says whether transport-cc is negotiated.
    pub(crate) fn negotiate(&mut self, transport_cc: bool) {
        self.feedback = match (transport_cc, self.feedback) {
            (false, _) => Feedback::Reports,
            (true, Feedback::Reports) => Feedback::Expected,
            (true, known) => known,
        };
    }

    /// Notes a packet of `size` bytes that leaves now; returns its transport-wide number.
    pub(crate) fn record(&mut self, now: Instant, size: usize) -> u16 {
        self.first_sent.get_or_insert(now);
        let cluster = self.prober.sending();
        if cluster != 0 {
            self.prober.record(now, size);
        }
        self.history.record(now, size, cluster)
    }

    /// Notes that a packet is sent again under its number.
    pub(crate) fn repeat(&mut self, number: u16) {
        self.history.repeat(number);
    }

    /// Reads a feedback message. `true`: the estimate may have changed.
    pub(crate) fn handle_feedback(&mut self, now: Instant, feedback: &TwccFeedback<'_>) -> bool {
        if self.feedback == Feedback::Reports || !self.may_read(now) {
            return false;
        }
        let Self {
            history,
            trendline,
            queue,
            acknowledged,
            loss,
            recent_loss,
            prober,
            ..
        } = self;
        let mut newest_us = None;
        let mut batch = Batch::new(queue, acknowledged.bps());
        history.feedback(now, feedback, |outcome| match outcome {
            Outcome::Received(packet) => {
                loss.count(1, 0);
                recent_loss.count(1, 0);
                acknowledged.handle(packet.arrival_us, packet.size);
                batch.add(&packet);
                newest_us = newest_us.max(Some(packet.sent_us));
                if packet.cluster == 0 {
                    trendline.handle(&packet);
                } else {
                    prober.arrived(&packet);
                }
            }
            Outcome::Found(_) => {
                loss.found();
                recent_loss.found();
            }
            Outcome::Missing => {
                loss.count(0, 1);
                recent_loss.count(0, 1);
            }
        });
        self.recent_loss.update(now);
        let Some(newest_us) = newest_us else {
            return false;
        };
        let begins = self.feedback != Feedback::Packets;
        self.feedback = Feedback::Packets;
        if self.silent_at.take().is_some() {
            // Half of what was: the path may be another one, and a probe follows.
            self.rate.begin((self.before_silence / 2.0).max(START_BPS));
            self.recent = RecentLeast::new(now);
            self.opening = Some(now + OPENING);
        } else if begins {
            self.opening = Some(now + OPENING);
        }
        self.answered(self.history.elapsed_us(now) - newest_us);
        self.update(now, &batch);
        true
    }

    /// Reads the loss of a report block, in 1/256, while `sent` bits per second are sent. With transport-cc it says
    /// nothing new.
    pub(crate) fn handle_report(&mut self, now: Instant, fraction_lost: u8, sent: u32) {
        if self.feedback != Feedback::Reports {
            return;
        }
        let missing = u32::from(fraction_lost);
        self.loss.count(256 - missing, missing);
        let round_trip = self.round_trip();
        let bps = self
            .loss
            .cap()
            .unwrap_or(MAX_BPS)
            .min(f64::from(sent))
            .max(MIN_BPS);
        self.loss.update(now, bps, round_trip);
        self.loss.settle(MAX_BPS);
        self.note(now);
    }

    /// A round trip measured by a sender report and its answer.
    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(
            self.round_trip
                .map_or(round_trip, |before| (before * 7 + round_trip) / 8),
        );
    }

    /// Moves time forward: silence, and the window of recent estimates. `true`: the estimate may have changed.
    pub(crate) fn handle_tick(&mut self, now: Instant) -> bool {
        self.note(now);
        let overdue = self
            .history
            .waiting(now)
            .is_some_and(|age| age > SILENCE + self.round_trip());
        let halved_lately = self
            .silent_at
            .is_some_and(|at| now.saturating_duration_since(at) < SILENCE / 2);
        if self.feedback != Feedback::Packets || !overdue || halved_lately {
            return false;
        }
        if self.silent_at.is_none() {
            // What comes after a silence is measured from scratch.
            self.trendline = Trendline::new();
            self.queue = Queue::new();
            self.acknowledged = Acknowledged::new();
            self.prober.restart();
            self.before_silence = self.rate.bps();
        }
        self.silent_at = Some(now);
        self.rate.halve();
        self.note(now);
        true
    }

    /// Starts a probe if it is time for one. `wanted` is the rate that allocation could use, in bits per second.
    pub(crate) fn start_probe(&mut self, now: Instant, wanted: u32) {
        if self.feedback != Feedback::Reports && self.silent_at.is_none() && self.limits(now) {
            self.prober.start(now, self.bps(), f64::from(wanted));
        }
    }

    /// Bytes to send now for the probe under way, beside media; `None` when there is no probe.
    pub(crate) fn probe_due(&self, now: Instant) -> Option<u32> {
        self.prober.due(now)
    }

    /// The estimate in bits per second; `None`: nothing is known that limits.
    pub(crate) fn estimate(&self, now: Instant) -> Option<u32> {
        match self.feedback {
            Feedback::Reports => self.loss.cap().map(whole),
            _ if self.limits(now) => Some(whole(self.bps())),
            _ => None,
        }
    }

    /// What gets through, though less is sent for a moment so that a queue empties.
    pub(crate) fn sustained(&self, now: Instant) -> Option<u32> {
        let cap = self.loss.cap().unwrap_or(MAX_BPS);
        let rate = whole(self.rate.bps().min(cap).clamp(MIN_BPS, MAX_BPS));
        self.estimate(now).map(|estimate| estimate.max(rate))
    }

    /// What an upgrade must fit: the least estimate of the last two seconds, or while nothing limited yet, the latest.
    pub(crate) fn recent_least(&self, now: Instant) -> Option<u32> {
        let opening = self.is_opening(now);
        let now = self.estimate(now)?;
        if opening {
            return Some(now);
        }
        Some(self.recent.least().map_or(now, |least| least.min(now)))
    }

    /// Whether estimates are still found out, and nothing limited so far.
    pub(crate) fn is_opening(&self, now: Instant) -> bool {
        self.opening.is_some_and(|until| now < until)
    }

    /// Whether the estimate is where it begins, and no more than a guess.
    pub(crate) fn is_guess(&self, now: Instant) -> bool {
        let lately = |first| now.saturating_duration_since(first) < GUESS;
        self.guessed && self.limits(now) && self.first_sent.is_none_or(lately)
    }

    /// The measured round trip, or a guess.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(ROUND_TRIP)
    }

    /// The worst loss of the last seconds, in 1/256.
    pub(crate) const fn recent_loss(&self) -> u8 {
        self.recent_loss.share()
    }

    /// Whether transport-wide numbers mean anything to this subscriber.
    fn limits(&self, now: Instant) -> bool {
        let unanswered = || {
            self.first_sent
                .is_some_and(|first| now.saturating_duration_since(first) > NO_FEEDBACK)
        };
        self.feedback == Feedback::Packets || (self.feedback == Feedback::Expected && !unanswered())
    }

    fn bps(&self) -> f64 {
        let cap = self.loss.cap().unwrap_or(MAX_BPS);
        let rate = self.rate.bps() * self.queue.share();
        rate.min(cap).clamp(MIN_BPS, MAX_BPS)
    }

    fn update(&mut self, now: Instant, batch: &Batch) {
        let round_trip = self.round_trip();
        let mut usage = self.trendline.usage();
        let mut arriving = self.acknowledged.bps();
        if let Some(bps) = self.queue.handle(now, batch) {
            usage = Usage::Over;
            arriving = Some(bps);
        } else if usage == Usage::Over {
            if self.queue.is_short() {
                // A key frame or the first packets of a larger layer, and gone again.
                usage = Usage::Under;
            }
            // The measured rate lags behind one that has just risen.
            arriving = match (arriving, batch.bps()) {
                (Some(measured), Some(now)) => Some(measured.max(now)),
                (measured, now) => measured.or(now),
            };
        }
        let first = self.prober.is_first();
        let probed = self.prober.result(now, self.rate.capacity());
        if self.rate.update(now, usage, arriving, round_trip) {
            self.prober.hold(now);
            self.opening = None;
        }
        if let Some(found) = probed.filter(|_| usage != Usage::Over) {
            if first {
                self.rate.begin(found.bps);
            }
            self.rate.probed(found.bps, found.is_limit);
            self.loss.raise(found.bps.min(2.0 * self.bps()));
        }
        self.guessed &= probed.is_none() && usage != Usage::Over;
        self.loss.update(now, self.bps(), round_trip);
        self.loss.settle(self.rate.bps());
        self.note(now);
    }

    fn note(&mut self, now: Instant) {
        if self.feedback == Feedback::Packets || self.loss.cap().is_some() {
            let bps = whole(self.bps());
            self.recent.note(now, bps);
        }
    }

    /// The age of the newest packet of a message bounds the round trip from above; the least of it is close.
    fn answered(&mut self, age_us: i64) {
        let age = Duration::from_micros(u64::try_from(age_us).unwrap_or(0));
        self.round_trip = Some(self.round_trip.map_or(age, |before| {
            if age < before {
                age
            } else {
                (before * 31 + age) / 32
            }
        }));
    }

    fn may_read(&mut self, now: Instant) -> bool {
        let in_second = self
            .feedback_second
            .is_some_and(|since| now.saturating_duration_since(since) < Duration::from_secs(1));
        if !in_second {
            self.feedback_second = Some(now);
            self.feedback_count = 0;
        }
        self.feedback_count += 1;
        self.feedback_count <= MAX_FEEDBACK
    }
}

/// The least of the estimates of the last [`RECENT`].
struct RecentLeast {
    start: Instant,
    /// (part since the start, least estimate in it); a ring.
    parts: [Option<(u128, u32)>; PARTS],
}

impl RecentLeast {
    const fn new(now: Instant) -> Self {
        Self {
            start: now,
            parts: [None; PARTS],
        }
    }

    fn note(&mut self, now: Instant, bps: u32) {
        let part_ms = RECENT.as_millis() / 8;
        let part = now.saturating_duration_since(self.start).as_millis() / part_ms;
        let slot = usize::try_from(part % 8).unwrap_or(0);
        if let Some(slot) = self.parts.get_mut(slot) {
            let least = slot
                .filter(|(known, _)| *known == part)
                .map_or(bps, |(_, least)| least.min(bps));
            *slot = Some((part, least));
        }
        for slot in &mut self.parts {
            if slot.is_some_and(|(known, _)| part.saturating_sub(known) >= 8) {
                *slot = None;
            }
        }
    }

    fn least(&self) -> Option<u32> {
        self.parts.iter().flatten().map(|(_, least)| *least).min()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "estimates are clamped to MIN_BPS and MAX_BPS"
)]
const fn whole(bps: f64) -> u32 {
    bps as u32
}
