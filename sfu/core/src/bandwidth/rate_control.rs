//! Turns what the delay says into a rate: additive or multiplicative up, multiplicative down (GCC's AIMD).

use std::time::{Duration, Instant};

use super::trendline::Usage;
use super::{MAX_BPS, MIN_BPS};

/// What is kept of the rate that arrived when the queue filled.
const BACKOFF: f64 = 0.85;
/// Growth per second while the path's capacity is unknown.
const GROWTH: f64 = 1.08;
/// The rate stays below this multiple of what arrives: beyond it nothing was ever tried.
const UNTRIED: f64 = 1.5;
/// How far the rate grows above the limit a probe showed: probes are not exact.
const ABOVE_LIMIT: f64 = 1.1;
/// Least time between two decreases, and most.
const REACTION: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

/// Where the queue filled before: its mean, and the variance relative to it, in kbit/s.
#[derive(Clone, Copy)]
struct Capacity {
    kbps: f64,
    variance: f64,
}

/// The rate of one path as its delay allows it.
pub(super) struct RateControl {
    bps: f64,
    state: State,
    updated_at: Option<Instant>,
    decreased_at: Option<Instant>,
    capacity: Option<Capacity>,
    /// What the last probe said it does not grow beyond.
    limit: Option<f64>,
}

impl RateControl {
    pub(super) const fn new(bps: f64) -> Self {
        Self {
            bps,
            state: State::Increase,
            updated_at: None,
            decreased_at: None,
            capacity: None,
            limit: None,
        }
    }

    /// Moves the rate after feedback. `arriving` is the measured rate. `true`: it was cut.
    pub(super) fn update(
        &mut self,
        now: Instant,
        usage: Usage,
        arriving: Option<f64>,
        round_trip: Duration,
    ) -> bool {
        let passed = self
            .updated_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.updated_at = Some(now);
        match (usage, self.state) {
            (Usage::Over, _) => {
                self.state = State::Hold;
                return self.decrease(now, arriving, round_trip);
            }
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => self.state = State::Increase,
            (Usage::Normal, State::Increase) => self.increase(passed, arriving, round_trip),
        }
        false
    }

    /// The first probe says where to begin.
    pub(super) const fn begin(&mut self, bps: f64) {
        self.set(bps);
    }

    /// A probe found that this much gets through, and maybe that more does not.
    pub(super) fn probed(&mut self, bps: f64, is_limit: bool) {
        self.limit = is_limit.then_some(bps * ABOVE_LIMIT);
        if bps > self.bps {
            self.set(bps);
            if self.capacity.is_some_and(|capacity| capacity.upper() < bps) {
                self.capacity = None;
            }
        }
    }

    /// Nothing comes back any more.
    pub(super) fn halve(&mut self) {
        self.set(self.bps / 2.0);
        self.state = State::Hold;
    }

    pub(super) const fn bps(&self) -> f64 {
        self.bps
    }

    /// Where the queue filled before, in bits per second.
    pub(super) fn capacity(&self) -> Option<f64> {
        self.capacity.map(|capacity| capacity.kbps * 1000.0)
    }

    fn increase(&mut self, passed: Duration, arriving: Option<f64>, round_trip: Duration) {
        if let (Some(capacity), Some(arriving)) = (self.capacity, arriving)
            && arriving > capacity.upper()
        {
            self.capacity = None;
        }
        let seconds = passed.as_secs_f64().min(1.0);
        let grown = if self.capacity.is_some() {
            // Near the limit: about a packet per time it takes to notice.
            let response = (round_trip + Duration::from_millis(100)).as_secs_f64();
            self.bps + (9600.0 / response).max(4000.0) * seconds
        } else {
            (self.bps * GROWTH.powf(seconds)).max(self.bps + 1000.0 * seconds)
        };
        let limit = arriving.map_or(f64::INFINITY, |arriving| UNTRIED * arriving + 10_000.0);
        // What really arrives knows better than a probe.
        let probed = self.limit.map(|limit| limit.max(arriving.unwrap_or(0.0)));
        let limit = limit.min(probed.unwrap_or(f64::INFINITY));
        if self.bps < limit {
            self.set(grown.min(limit));
        }
    }

    fn decrease(&mut self, now: Instant, arriving: Option<f64>, round_trip: Duration) -> bool {
        let recently = self
            .decreased_at
            .is_some_and(|at| now.saturating_duration_since(at) < round_trip.clamp(REACTION.0, REACTION.1));
        let far_off = arriving.is_some_and(|arriving| arriving < 0.5 * self.bps);
        if recently && !far_off {
            return false;
        }
        let arriving = arriving.unwrap_or(self.bps);
        let mut target = BACKOFF * arriving;
        if target > self.bps
            && let Some(capacity) = self.capacity
        {
            target = BACKOFF * capacity.kbps * 1000.0;
        }
        if self.capacity.is_some_and(|capacity| arriving < capacity.lower()) {
            self.capacity = None;
        }
        let sample = arriving / 1000.0;
        self.capacity = Some(
            self.capacity
                .map_or(Capacity::new(sample), |capacity| capacity.update(sample)),
        );
        self.decreased_at = Some(now);
        self.set(target.min(self.bps));
        true
    }

    const fn set(&mut self, bps: f64) {
        self.bps = bps.clamp(MIN_BPS, MAX_BPS);
    }
}

impl Capacity {
    const fn new(kbps: f64) -> Self {
        Self { kbps, variance: 0.4 }
    }

    fn update(self, sample: f64) -> Self {
        const WEIGHT: f64 = 0.05;
        let kbps = (1.0 - WEIGHT) * self.kbps + WEIGHT * sample;
        let error = kbps - sample;
        let variance = (1.0 - WEIGHT) * self.variance + WEIGHT * error * error / kbps.max(1.0);
        Self {
            kbps,
            variance: variance.clamp(0.4, 2.5),
        }
    }

    /// In bits per second.
    fn upper(self) -> f64 {
        (self.kbps + 3.0 * (self.variance * self.kbps).sqrt()) * 1000.0
    }

    fn lower(self) -> f64 {
        (self.kbps - 3.0 * (self.variance * self.kbps).sqrt()).max(0.0) * 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn run(control: &mut RateControl, from: Instant, seconds: u32, usage: Usage, arriving: f64) -> Instant {
        let mut now = from;
        for _ in 0..seconds * 20 {
            now += Duration::from_millis(50);
            control.update(now, usage, Some(arriving), ROUND_TRIP);
        }
        now
    }

    #[test]
    fn it_grows_by_eight_percent_a_second_but_not_beyond_what_was_tried() {
        let start = crate::virtual_clock::epoch();
        let mut control = RateControl::new(1e6);
        let now = run(&mut control, start, 5, Usage::Normal, 1e6);
        assert!((1.4e6..1.51e6).contains(&control.bps()), "{}", control.bps());
        run(&mut control, now, 20, Usage::Normal, 1e6);
        assert!(control.bps() <= 1.51e6, "{}", control.bps());
    }

    #[test]
    fn a_filling_queue_cuts_below_what_arrives_and_then_growth_is_slow() {
        let start = crate::virtual_clock::epoch();
        let mut control = RateControl::new(4e6);
        assert!(control.update(start, Usage::Over, Some(1e6), ROUND_TRIP));
        assert!((control.bps() - 0.85e6).abs() < 1.0);
        let soon = start + Duration::from_millis(20);
        assert!(
            !control.update(soon, Usage::Over, Some(1e6), ROUND_TRIP),
            "too soon to see the effect"
        );
        run(&mut control, soon, 1, Usage::Normal, 0.9e6);
        assert!((0.87e6..0.95e6).contains(&control.bps()), "{}", control.bps());
    }

    #[test]
    fn a_probe_raises_and_never_lowers() {
        let mut control = RateControl::new(1e6);
        control.probed(3e6, false);
        control.probed(2e6, false);
        assert!((control.bps() - 3e6).abs() < 1.0);
        control.probed(1e12, false);
        assert!(control.bps() <= MAX_BPS);
    }

    #[test]
    fn it_stays_near_a_limit_that_a_probe_showed_unless_more_arrives() {
        let start = crate::virtual_clock::epoch();
        let mut control = RateControl::new(0.9e6);
        control.probed(1e6, true);
        let now = run(&mut control, start, 20, Usage::Normal, 0.9e6);
        assert!(control.bps() <= 1.11e6, "{}", control.bps());
        let now = run(&mut control, now, 10, Usage::Normal, 1.3e6);
        assert!((1.2e6..1.4e6).contains(&control.bps()), "{}", control.bps());
        control.probed(1.4e6, false);
        run(&mut control, now, 10, Usage::Normal, 1.3e6);
        assert!(control.bps() > 1.6e6, "{}", control.bps());
    }

    #[test]
    fn it_never_falls_below_the_minimum() {
        let start = crate::virtual_clock::epoch();
        let mut control = RateControl::new(1e6);
        run(&mut control, start, 10, Usage::Over, 1000.0);
        assert!((control.bps() - MIN_BPS).abs() < 1.0);
    }
}
