//! Measures what each layer of a track costs, over the last second.

use std::time::{Duration, Instant};

use crate::layer::{Layer, MAX_SPATIAL, MAX_TEMPORAL};

/// Slots of the window and their length: a layer that stops is out of it after a second.
const SLOTS: usize = 4;
const SLOT: Duration = Duration::from_millis(250);

type PerLayer<T> = [[T; MAX_TEMPORAL]; MAX_SPATIAL];

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Bytes of each layer by itself.
    own: PerLayer<u32>,
    /// Those of them that larger layers refer to.
    shared: PerLayer<u32>,
}

/// Bytes per layer. Counting is an addition; time is looked at when a slot ends and when somebody asks.
pub(crate) struct LayerMeter {
    slots: [Slot; SLOTS],
    current: usize,
    /// When the current slot began.
    began: Option<Instant>,
    /// When each spatial layer came (again), so that a fresh one is not taken for a small one.
    since: [Option<Instant>; MAX_SPATIAL],
}

impl LayerMeter {
    pub(crate) fn new() -> Self {
        Self {
            slots: [Slot::default(); SLOTS],
            current: 0,
            began: None,
            since: [None; MAX_SPATIAL],
        }
    }

    /// Counts a packet of `bytes` payload bytes; `shared`: whoever gets a larger layer gets it too.
    pub(crate) fn count(&mut self, now: Instant, layer: Layer, bytes: usize, shared: bool) {
        self.advance(now);
        if let Some(since @ None) = self.since.get_mut(usize::from(layer.spatial)) {
            *since = Some(now);
        }
        let Some(slot) = self.slots.get_mut(self.current) else {
            return;
        };
        add(&mut slot.own, layer, bytes);
        if shared {
            add(&mut slot.shared, layer, bytes);
        }
    }

    /// Bits per second it takes to receive each layer; `None` for one of which nothing came within the window.
    pub(crate) fn costs(&mut self, now: Instant) -> PerLayer<Option<u32>> {
        let own = self.rates(now, |slot| &slot.own);
        let shared = self.rates(now, |slot| &slot.shared);
        let mut costs = own;
        for (spatial, costs) in costs.iter_mut().enumerate() {
            let mut sum = 0u32;
            for (temporal, cost) in costs.iter_mut().enumerate() {
                let below = shared
                    .iter()
                    .take(spatial)
                    .filter_map(|rates| *rates.get(temporal)?);
                let below = below.fold(0, u32::saturating_add);
                sum = sum.saturating_add(cost.unwrap_or(0)).saturating_add(below);
                *cost = cost.map(|_| sum);
            }
        }
        costs
    }

    /// Bits per second of what `of` picks.
    fn rates(&mut self, now: Instant, of: impl Fn(&Slot) -> &PerLayer<u32> + Copy) -> PerLayer<Option<u32>> {
        self.advance(now);
        let mut rates = [[None; MAX_TEMPORAL]; MAX_SPATIAL];
        let Some(began) = self.began else { return rates };
        let full = SLOT * u32::try_from(SLOTS - 1).unwrap_or(0) + now.saturating_duration_since(began);
        for (spatial, rates) in rates.iter_mut().enumerate() {
            let since = self.since.get(spatial).copied().flatten();
            let Some(since) = since else { continue };
            let window = full.min(now.saturating_duration_since(since).max(SLOT));
            for (temporal, rate) in rates.iter_mut().enumerate() {
                let bytes = self.total(of, spatial, temporal);
                *rate = (bytes > 0).then(|| bits_per_second(bytes, window));
            }
        }
        rates
    }

    fn total(&self, of: impl Fn(&Slot) -> &PerLayer<u32>, spatial: usize, temporal: usize) -> u64 {
        let slots = self.slots.iter();
        slots
            .filter_map(|slot| of(slot).get(spatial)?.get(temporal))
            .map(|bytes| u64::from(*bytes))
            .sum()
    }

    /// Ends slots whose time has passed.
    fn advance(&mut self, now: Instant) {
        let Some(mut began) = self.began else {
            self.began = Some(now);
            return;
        };
        let passed = now.saturating_duration_since(began);
        if passed < SLOT {
            return;
        }
        if passed >= SLOT * u32::try_from(SLOTS).unwrap_or(0) {
            // Nothing of the window is left.
            self.slots = Self::new().slots;
            began = now;
        } else {
            while now.saturating_duration_since(began) >= SLOT {
                began += SLOT;
                self.current = (self.current + 1) % SLOTS;
                if let Some(slot) = self.slots.get_mut(self.current) {
                    *slot = Slot::default();
                }
            }
        }
        self.began = Some(began);
        for spatial in 0..MAX_SPATIAL {
            let silent =
                (0..MAX_TEMPORAL).all(|temporal| self.total(|slot| &slot.own, spatial, temporal) == 0);
            if let Some(since) = self.since.get_mut(spatial).filter(|_| silent) {
                *since = None;
            }
        }
    }
}

fn add(bytes_of: &mut PerLayer<u32>, layer: Layer, bytes: usize) {
    let spatial = bytes_of.get_mut(usize::from(layer.spatial));
    if let Some(counted) = spatial.and_then(|spatial| spatial.get_mut(usize::from(layer.temporal))) {
        *counted = counted.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

fn bits_per_second(bytes: u64, window: Duration) -> u32 {
    let micros = window.as_micros().max(1);
    u32::try_from(u128::from(bytes) * 8_000_000 / micros).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Layer = Layer {
        spatial: 0,
        temporal: 0,
    };
    const LARGE: Layer = Layer {
        spatial: 2,
        temporal: 1,
    };

    /// Every 10 ms one packet for this many milliseconds.
    fn run(meter: &mut LayerMeter, from: Instant, ms: u64, layer: Layer, bytes: usize) {
        for at in (0..ms).step_by(10) {
            meter.count(from + Duration::from_millis(at), layer, bytes, false);
        }
    }

    #[test]
    fn a_steady_layer_measures_what_it_sends() {
        let start = crate::virtual_clock::epoch();
        let mut meter = LayerMeter::new();
        run(&mut meter, start, 5000, SMALL, 1000);
        let rate = meter.costs(start + Duration::from_secs(5))[0][0].unwrap();
        assert!((760_000..=840_000).contains(&rate), "{rate}");
        assert_eq!(
            meter.costs(start + Duration::from_secs(5))[2],
            [None; MAX_TEMPORAL]
        );
    }

    #[test]
    fn a_fresh_layer_is_measured_by_the_time_it_is_there() {
        let start = crate::virtual_clock::epoch();
        let mut meter = LayerMeter::new();
        run(&mut meter, start, 2000, SMALL, 1000);
        let later = start + Duration::from_secs(2);
        run(&mut meter, later, 400, LARGE, 1000);
        let rate = meter.costs(later + Duration::from_millis(400))[2][1].unwrap();
        assert!((760_000..=840_000).contains(&rate), "{rate}");
    }

    #[test]
    fn a_layer_costs_what_it_needs_of_smaller_ones_too() {
        let start = crate::virtual_clock::epoch();
        let mut meter = LayerMeter::new();
        for at in (0..3000).step_by(10) {
            let now = start + Duration::from_millis(at);
            meter.count(now, SMALL, 100, true);
            meter.count(now, Layer { temporal: 1, ..SMALL }, 100, false);
            meter.count(now, Layer { temporal: 0, ..LARGE }, 400, true);
            meter.count(now, LARGE, 400, true);
        }
        let costs = meter.costs(start + Duration::from_secs(3));
        let about = |cost: Option<u32>, expected: u32| {
            let cost = cost.unwrap();
            assert!(cost.abs_diff(expected) < expected / 10, "{cost}, not {expected}");
        };
        about(costs[0][0], 80_000);
        about(costs[0][1], 160_000);
        about(costs[2][0], 400_000);
        about(costs[2][1], 720_000);
    }

    #[test]
    fn a_layer_that_stops_is_gone_after_a_second() {
        let start = crate::virtual_clock::epoch();
        let mut meter = LayerMeter::new();
        run(&mut meter, start, 2000, SMALL, 1000);
        run(&mut meter, start + Duration::from_secs(2), 1100, LARGE, 10);
        let end = start + Duration::from_millis(3100);
        assert_eq!(meter.costs(end)[0], [None; MAX_TEMPORAL]);
        assert!(meter.costs(end)[2][1].is_some());
        assert_eq!(
            meter.costs(end + Duration::from_secs(60)),
            [[None; MAX_TEMPORAL]; MAX_SPATIAL]
        );
    }
}
