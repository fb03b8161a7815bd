//! Says from how delays grow whether a path's queue fills (draft-ietf-rmcat-gcc-02 §5.1-5.4, with a trendline).
//!
//! Packets are grouped by when they left; the delay between groups is accumulated and smoothed, a line is fitted
//! through the last of it, and its slope is compared with a threshold that adapts to what is usual on the path.

use super::history::Delivery;

/// Packets that leave within this time are one group.
const BURST_US: i64 = 5_000;
/// Packets that come closer to each other than they left belong together too, up to this long.
const MAX_BURST_US: i64 = 100_000;
/// Between neighbours, a clock that jumps further than this is another clock.
const MAX_JUMP_US: i64 = 3_000_000;
/// Points of the line.
const WINDOW: usize = 20;
/// Weight of what was before in the smoothed delay.
const SMOOTHING: f64 = 0.9;
/// The slope is weighed by the number of groups seen, up to this many, and this gain.
const MAX_WEIGHT: f64 = 60.0;
const GAIN: f64 = 4.0;
/// How long the slope must be too steep before it counts, in ms.
const OVERUSE_TIME_MS: f64 = 10.0;
/// How fast the threshold follows down and up, per ms.
const THRESHOLD_DOWN: f64 = 0.039;
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_RANGE: (f64, f64) = (6.0, 600.0);
/// A slope this far above the threshold is a spike that the threshold does not follow.
const SPIKE: f64 = 15.0;

/// What the delay says of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue does not grow.
    Normal,
    /// The queue fills.
    Over,
    /// The queue drains.
    Under,
}

/// Packets that left together.
#[derive(Clone, Copy)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    first_arrival_us: i64,
    last_arrival_us: i64,
}

/// The detector of one path.
pub(super) struct Trendline {
    before: Option<Group>,
    current: Option<Group>,
    /// (arrival in ms since the first, smoothed delay in ms); a ring.
    points: [(f64, f64); WINDOW],
    groups: usize,
    first_arrival_us: i64,
    accumulated_ms: f64,
    smoothed_ms: f64,
    threshold: f64,
    threshold_at_us: Option<i64>,
    over_ms: Option<f64>,
    over_groups: u32,
    slope_before: f64,
    usage: Usage,
}

impl Trendline {
    pub(super) const fn new() -> Self {
        Self {
            before: None,
            current: None,
            points: [(0.0, 0.0); WINDOW],
            groups: 0,
            first_arrival_us: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            threshold: 12.5,
            threshold_at_us: None,
            over_ms: None,
            over_groups: 0,
            slope_before: 0.0,
            usage: Usage::Normal,
        }
    }

    /// Takes a packet that arrived, in order of sending.
    pub(super) fn handle(&mut self, packet: &Delivery) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group::of(packet));
            return;
        };
        if packet.sent_us < group.first_sent_us {
            return;
        }
        if group.takes(packet) {
            group.last_sent_us = group.last_sent_us.max(packet.sent_us);
            group.last_arrival_us = group.last_arrival_us.max(packet.arrival_us);
            return;
        }
        let done = *group;
        let before = self.before.replace(done);
        self.current = Some(Group::of(packet));
        let Some(before) = before else { return };
        let sent_us = done.last_sent_us - before.last_sent_us;
        let arrived_us = done.last_arrival_us - before.last_arrival_us;
        if (arrived_us - sent_us).abs() > MAX_JUMP_US {
            *self = Self::new();
            return;
        }
        // Groups that overtook each other say nothing.
        if arrived_us >= 0 {
            self.update(sent_us, arrived_us, done.last_arrival_us);
        }
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    fn update(&mut self, sent_us: i64, arrived_us: i64, at_us: i64) {
        if self.groups == 0 {
            self.first_arrival_us = at_us;
        }
        let sent_ms = ms(sent_us);
        self.accumulated_ms += ms(arrived_us) - sent_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        let place = self.groups % WINDOW;
        if let Some(point) = self.points.get_mut(place) {
            *point = (ms(at_us - self.first_arrival_us), self.smoothed_ms);
        }
        self.groups += 1;
        let slope = if self.groups >= WINDOW {
            slope(&self.points).unwrap_or(self.slope_before)
        } else {
            self.slope_before
        };
        self.detect(slope, sent_ms, at_us);
    }

    fn detect(&mut self, slope: f64, sent_ms: f64, at_us: i64) {
        let weight = f64::from(u32::try_from(self.groups).unwrap_or(u32::MAX)).min(MAX_WEIGHT);
        let steepness = weight * slope * GAIN;
        if steepness > self.threshold {
            let over = self.over_ms.map_or(sent_ms / 2.0, |over| over + sent_ms);
            self.over_ms = Some(over);
            self.over_groups += 1;
            if over > OVERUSE_TIME_MS && self.over_groups > 1 && slope >= self.slope_before {
                self.over_ms = Some(0.0);
                self.over_groups = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_ms = None;
            self.over_groups = 0;
            self.usage = if steepness < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.slope_before = slope;
        self.adapt(steepness.abs(), at_us);
    }

    fn adapt(&mut self, steepness: f64, at_us: i64) {
        let passed = ms(at_us - self.threshold_at_us.unwrap_or(at_us)).clamp(0.0, 100.0);
        self.threshold_at_us = Some(at_us);
        if steepness > self.threshold + SPIKE {
            return;
        }
        let speed = if steepness < self.threshold {
            THRESHOLD_DOWN
        } else {
            THRESHOLD_UP
        };
        self.threshold += speed * (steepness - self.threshold) * passed;
        self.threshold = self.threshold.clamp(THRESHOLD_RANGE.0, THRESHOLD_RANGE.1);
    }
}

impl Group {
    const fn of(packet: &Delivery) -> Self {
        Self {
            first_sent_us: packet.sent_us,
            last_sent_us: packet.sent_us,
            first_arrival_us: packet.arrival_us,
            last_arrival_us: packet.arrival_us,
        }
    }

    const fn takes(&self, packet: &Delivery) -> bool {
        let gap = packet.arrival_us - self.last_arrival_us;
        let closer = gap < packet.sent_us - self.last_sent_us;
        packet.sent_us - self.first_sent_us <= BURST_US
            || (closer && gap <= BURST_US && packet.arrival_us - self.first_arrival_us < MAX_BURST_US)
    }
}

/// The slope of the line with the least squared distance; `None` when all points are at one time.
fn slope(points: &[(f64, f64); WINDOW]) -> Option<f64> {
    let count = f64::from(u32::try_from(WINDOW).unwrap_or(1));
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (over, under) = points.iter().fold((0.0, 0.0), |(over, under), (x, y)| {
        let dx = x - mean_x;
        (over + dx * (y - mean_y), under + dx * dx)
    });
    (under > 0.0).then(|| over / under)
}

/// Milliseconds of a span that is far shorter than what a float holds exactly.
const fn ms(us: i64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets every 10 ms whose delay is what `delay_us` says; what the detector says at the end.
    fn usages(packets: i64, delay_us: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut trendline = Trendline::new();
        (0..packets)
            .map(|index| {
                let sent_us = index * 10_000;
                trendline.handle(&Delivery {
                    sent_us,
                    arrival_us: 77_000_000 + sent_us + delay_us(index),
                    size: 1000,
                    cluster: 0,
                });
                trendline.usage()
            })
            .collect()
    }

    #[test]
    fn a_constant_delay_and_jitter_are_normal() {
        assert!(
            usages(500, |_| 40_000)
                .iter()
                .all(|usage| *usage == Usage::Normal)
        );
        let jitter = |index: i64| 40_000 + (index * 7919 % 13) * 400;
        assert!(usages(500, jitter).iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_queue_that_fills_is_seen_before_it_holds_a_quarter_of_a_second() {
        let usages = usages(300, |index| 20_000 + (index - 100).max(0) * 5_000);
        let seen = usages.iter().position(|usage| *usage == Usage::Over).unwrap();
        assert!((100..150).contains(&seen), "{seen}");
    }

    #[test]
    fn a_queue_that_drains_is_under_used() {
        let usages = usages(300, |index| 400_000 - (index - 100).clamp(0, 80) * 5_000);
        assert!(usages[100..200].contains(&Usage::Under));
        assert_eq!(usages[299], Usage::Normal);
    }

    #[test]
    fn a_clock_that_jumps_starts_over() {
        let usages = usages(300, |index| if index < 150 { 0 } else { 90_000_000 });
        assert!(usages.iter().all(|usage| *usage == Usage::Normal));
    }
}
