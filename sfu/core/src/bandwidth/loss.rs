//! Caps the rate by what gets lost, leaving alone loss that is there at any rate.

use std::time::{Duration, Instant};

/// Packets and time that make a measurement.
const MIN_PACKETS: u32 = 20;
const MIN_TIME: Duration = Duration::from_millis(200);
/// Less loss than this lets the cap grow.
const LOW: f64 = 0.02;
/// Loss that is taken for the path's own: this share at high rates, and more at low ones, where sending less
/// helps nobody. As in libwebrtc's bound on inherent loss.
const TOLERATED: f64 = 0.05;
const TOLERATED_BPS: f64 = 75_000.0;
/// Growth of the cap per second.
const GROWTH: f64 = 1.08;
/// A cut takes a round trip and this long to show.
const SETTLE: Duration = Duration::from_millis(300);

/// Packets after a cut that show whether it helped.
const TRIAL_PACKETS: u32 = 150;
/// If this share of the loss is still there, it does not come from the rate.
const UNCHANGED: f64 = 0.85;
/// How far above the path's own loss more of it is tolerated, and as what share of it.
const OWN_MARGIN: f64 = 0.03;
const OWN_SHARE: f64 = 1.3;
/// Per measurement, the path's own loss follows less loss by this weight.
const FORGET: f64 = 0.1;

/// A cut whose effect is being watched.
#[derive(Clone, Copy)]
struct Trial {
    /// The loss that led to it.
    before: f64,
    received: u32,
    missing: u32,
}

/// The loss one subscriber tells of.
pub(super) struct LossControl {
    received: u32,
    missing: u32,
    since: Option<Instant>,
    cut_at: Option<Instant>,
    cap: Option<f64>,
    trial: Option<Trial>,
    /// Loss that stayed when less was sent.
    own: f64,
}

impl LossControl {
    pub(super) const fn new() -> Self {
        Self {
            received: 0,
            missing: 0,
            since: None,
            cut_at: None,
            cap: None,
            trial: None,
            own: 0.0,
        }
    }

    pub(super) const fn count(&mut self, received: u32, missing: u32) {
        self.received = self.received.saturating_add(received);
        self.missing = self.missing.saturating_add(missing);
    }

    /// A packet counted as missing arrived.
    pub(super) const fn found(&mut self) {
        self.missing = self.missing.saturating_sub(1);
        self.received = self.received.saturating_add(1);
    }

    /// Moves the cap once enough was counted. `bps` is the rate that led to this loss.
    pub(super) fn update(&mut self, now: Instant, bps: f64, round_trip: Duration) {
        let passed = now.saturating_duration_since(*self.since.get_or_insert(now));
        let packets = self.received.saturating_add(self.missing);
        if packets < MIN_PACKETS || passed < MIN_TIME {
            return;
        }
        let share = f64::from(self.missing) / f64::from(packets);
        let settled = self
            .cut_at
            .is_none_or(|at| now.saturating_duration_since(at) >= round_trip + SETTLE);
        if settled {
            self.watch();
        }
        self.received = 0;
        self.missing = 0;
        self.since = Some(now);
        if share < self.own {
            self.own += FORGET * (share - self.own);
        }
        if share > self.tolerated(bps) {
            if settled && self.trial.is_none() {
                self.cap = Some(bps * (1.0 - 0.5 * share));
                self.cut_at = Some(now);
                self.trial = Some(Trial {
                    before: share,
                    received: 0,
                    missing: 0,
                });
            }
        } else if share < LOW + self.own * OWN_SHARE
            && let Some(cap) = &mut self.cap
        {
            *cap = *cap * GROWTH.powf(passed.as_secs_f64().min(1.0)) + 1000.0;
        }
    }

    /// Something else allows this much, and it got through: a lower cap has no reason any more.
    pub(super) fn raise(&mut self, bps: f64) {
        if let Some(cap) = &mut self.cap {
            *cap = cap.max(bps);
        }
    }

    /// The most to send, if loss says anything.
    pub(super) const fn cap(&self) -> Option<f64> {
        self.cap
    }

    /// Forgets a cap above what other parts allow.
    pub(super) fn settle(&mut self, others: f64) {
        if self.cap.is_some_and(|cap| cap >= others) {
            self.cap = None;
        }
    }

    /// Adds what was counted to the trial under way, and ends it when that is enough.
    fn watch(&mut self) {
        let Some(trial) = &mut self.trial else { return };
        trial.received += self.received;
        trial.missing += self.missing;
        let packets = trial.received + trial.missing;
        if packets < TRIAL_PACKETS {
            return;
        }
        let share = f64::from(trial.missing) / f64::from(packets);
        if share >= UNCHANGED * trial.before {
            self.own = share;
        }
        self.trial = None;
    }

    /// The share of packets that may get lost at a rate before it is cut.
    fn tolerated(&self, bps: f64) -> f64 {
        let usual = TOLERATED + TOLERATED_BPS / bps.max(1.0);
        usual.max(if self.own > 0.01 {
            self.own * OWN_SHARE + OWN_MARGIN
        } else {
            0.0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate after `seconds` on a path that loses this share at a rate.
    fn settled(start_bps: f64, seconds: u64, loss: impl Fn(f64) -> f64) -> f64 {
        let start = crate::virtual_clock::epoch();
        let mut control = LossControl::new();
        let mut bps = start_bps;
        for step in 0..seconds * 10 {
            let missing = (loss(bps) * 1000.0).round();
            let missing = (0..1000).filter(|n| f64::from(*n) < missing).count();
            let missing = u32::try_from(missing).unwrap();
            control.count(1000 - missing, missing);
            let now = start + Duration::from_millis(100 * step);
            control.update(now, bps, Duration::from_millis(50));
            bps = control.cap().unwrap_or(start_bps).min(start_bps);
            control.settle(start_bps);
        }
        bps
    }

    #[test]
    fn the_paths_own_loss_does_not_starve_a_picture() {
        let rows = [
            (0.0, 3e6, 3e6),
            (0.05, 3e6, 3e6),
            (0.1, 2.9e6, 3e6),
            (0.2, 2.9e6, 3e6),
            (0.3, 2.9e6, 3e6),
        ];
        for (loss, low, high) in rows {
            let bps = settled(3e6, 60, |_| loss);
            assert!((low..=high).contains(&bps), "{loss}: {bps}");
        }
    }

    #[test]
    fn a_short_queue_that_overflows_brings_the_rate_down_to_it() {
        let bps = settled(3e6, 60, |bps| (1.0 - 1e6 / bps).max(0.0));
        assert!((0.8e6..1.2e6).contains(&bps), "{bps}");
    }

    #[test]
    fn after_the_loss_the_cap_grows_and_goes() {
        let start = crate::virtual_clock::epoch();
        let mut control = LossControl::new();
        control.count(50, 50);
        control.update(start, 1e6, Duration::ZERO);
        control.update(start + MIN_TIME, 1e6, Duration::ZERO);
        assert!(control.cap().is_some_and(|cap| (cap - 0.75e6).abs() < 1.0));
        control.found();
        for step in 1..60 {
            control.count(100, 0);
            control.update(start + MIN_TIME * (step + 1), 1e6, Duration::ZERO);
            control.settle(1e6);
        }
        assert_eq!(control.cap(), None);
    }
}
