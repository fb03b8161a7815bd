//! Measures the bitrate that arrives, from feedback (the throughput estimator of GCC).

/// Bytes are summed over this long for the first value, in us, and over the second for later ones.
const FIRST_WINDOW_US: i64 = 500_000;
const WINDOW_US: i64 = 150_000;
/// How much a sample is doubted by how far it is from the estimate.
const DOUBT: f64 = 10.0;
/// What may have changed between two samples, in (kbit/s)^2.
const DRIFT: f64 = 5.0;

/// The bitrate that arrives at one subscriber.
pub(super) struct Acknowledged {
    /// On the subscriber's clock.
    last_us: Option<i64>,
    window_us: i64,
    bytes: u32,
    kbps: Option<f64>,
    variance: f64,
}

impl Acknowledged {
    pub(super) const fn new() -> Self {
        Self {
            last_us: None,
            window_us: 0,
            bytes: 0,
            kbps: None,
            variance: 50.0,
        }
    }

    /// Takes a packet of `size` bytes that arrived at `arrival_us` on the subscriber's clock.
    pub(super) fn handle(&mut self, arrival_us: i64, size: u16) {
        let window = if self.kbps.is_some() {
            WINDOW_US
        } else {
            FIRST_WINDOW_US
        };
        let passed = self.last_us.map_or(0, |last| arrival_us - last);
        self.last_us = Some(arrival_us);
        if passed < 0 || passed > 10 * window {
            // Out of order by a little is common, by more another clock: either way no time has passed here.
            self.restart(size, passed < -window || passed > 0);
            return;
        }
        self.window_us += passed;
        if self.window_us >= window {
            self.sample(f64::from(self.bytes) * 8_000.0 / micros(self.window_us));
            self.window_us = 0;
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(u32::from(size));
    }

    /// In bits per second; `None` before half a second was measured.
    pub(super) fn bps(&self) -> Option<f64> {
        self.kbps.map(|kbps| kbps * 1000.0)
    }

    const fn restart(&mut self, size: u16, broken: bool) {
        if broken {
            self.window_us = 0;
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(size as u32);
    }

    fn sample(&mut self, sample: f64) {
        let Some(kbps) = self.kbps else {
            self.kbps = Some(sample);
            return;
        };
        let doubt = DOUBT * (kbps - sample).abs() / kbps.max(1.0);
        let (sample_variance, variance) = (doubt * doubt, self.variance + DRIFT);
        let whole = sample_variance + variance;
        self.kbps = Some((sample_variance * kbps + variance * sample) / whole);
        self.variance = sample_variance * variance / whole;
    }
}

const fn micros(us: i64) -> f64 {
    us as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1250 bytes every `interval_us`, for a second; returns the clock afterwards.
    fn feed(acknowledged: &mut Acknowledged, mut at_us: i64, interval_us: i64) -> i64 {
        let end = at_us + 1_000_000;
        while at_us < end {
            acknowledged.handle(at_us, 1250);
            at_us += interval_us;
        }
        at_us
    }

    #[test]
    fn it_follows_the_rate_within_a_second() {
        let mut acknowledged = Acknowledged::new();
        acknowledged.handle(5, 1250);
        assert_eq!(acknowledged.bps(), None);
        let mut at = 5;
        for (interval_us, expected) in [(10_000, 1e6), (2_500, 4e6), (10_000, 1e6)] {
            at = feed(&mut acknowledged, at, interval_us);
            at = feed(&mut acknowledged, at, interval_us);
            let bps = acknowledged.bps().unwrap();
            assert!((bps / expected - 1.0).abs() < 0.15, "{bps} for {expected}");
        }
    }

    #[test]
    fn a_pause_and_a_jumping_clock_change_nothing_by_themselves() {
        let mut acknowledged = Acknowledged::new();
        let at = feed(&mut acknowledged, 0, 10_000);
        let before = acknowledged.bps().unwrap();
        acknowledged.handle(at + 60_000_000, 1250);
        acknowledged.handle(at - 60_000_000, 1250);
        assert!((acknowledged.bps().unwrap() - before).abs() < 1.0);
    }
}
