//! Measures what each layer of a track costs, over the last second.

use std::time::{Duration, Instant};

use crate::layer::{Layer, MAX_SPATIAL, MAX_TEMPORAL};

/// Slots of the window and their length: a layer that stops is out of it after a second.
const SLOTS: usize = 4;
const SLOT: Duration = Duration::from_millis(250);

type Bytes = [[u32; MAX_TEMPORAL]; MAX_SPATIAL];

/// Bytes per layer. Counting is an addition; time is looked at when a slot ends and when somebody asks.
pub(crate) struct LayerMeter {
    slots: [Bytes; SLOTS],
    current: usize,
    /// When the current slot began.
    began: Option<Instant>,
    /// When each spatial layer came (again), so that a fresh one is not taken for a small one.
    since: [Option<Instant>; MAX_SPATIAL],
}

impl LayerMeter {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [[[0; MAX_TEMPORAL]; MAX_SPATIAL]; SLOTS],
            current: 0,
            began: None,
            since: [None; MAX_SPATIAL],
        }
    }

    /// Counts a packet of `bytes` payload bytes.
    pub(crate) fn count(&mut self, now: Instant, layer: Layer, bytes: usize) {
        self.advance(now);
        if let Some(since @ None) = self.since.get_mut(usize::from(layer.spatial)) {
            *since = Some(now);
        }
        let slot = self.slots.get_mut(self.current);
        let spatial = slot.and_then(|slot| slot.get_mut(usize::from(layer.spatial)));
        if let Some(counted) = spatial.and_then(|spatial| spatial.get_mut(usize::from(layer.temporal))) {
            *counted = counted.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Bits per second of each layer by itself; `None` for one of which nothing came within the window.
    pub(crate) fn bitrates(&mut self, now: Instant) -> [[Option<u32>; MAX_TEMPORAL]; MAX_SPATIAL] {
        self.advance(now);
        let mut rates = [[None; MAX_TEMPORAL]; MAX_SPATIAL];
        let Some(began) = self.began else { return rates };
        let full = SLOT * u32::try_from(SLOTS - 1).unwrap_or(0) + now.saturating_duration_since(began);
        for (spatial, rates) in rates.iter_mut().enumerate() {
            let since = self.since.get(spatial).copied().flatten();
            let Some(since) = since else { continue };
            let window = full.min(now.saturating_duration_since(since).max(SLOT));
            for (temporal, rate) in rates.iter_mut().enumerate() {
                let bytes = self.total(spatial, temporal);
                *rate = (bytes > 0).then(|| bits_per_second(bytes, window));
            }
        }
        rates
    }

    fn total(&self, spatial: usize, temporal: usize) -> u64 {
        let slots = self.slots.iter();
        slots
            .filter_map(|slot| slot.get(spatial)?.get(temporal))
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
                    *slot = Bytes::default();
                }
            }
        }
        self.began = Some(began);
        for spatial in 0..MAX_SPATIAL {
            let silent = (0..MAX_TEMPORAL).all(|temporal| self.total(spatial, temporal) == 0);
            if let Some(since) = self.since.get_mut(spatial).filter(|_| silent) {
                *since = None;
            }
        }
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
            meter.count(from + Duration::from_millis(at), layer, bytes);
        }
    }

    #[test]
    fn a_steady_layer_measures_what_it_sends() {
        let start = crate::virtual_clock::epoch();
        let mut meter = LayerMeter::new();
        run(&mut meter, start, 5000, SMALL, 1000);
        let rate = meter.bitrates(start + Duration::from_secs(5))[0][0].unwrap();
        assert!((760_000..=840_000).contains(&rate), "{rate}");
        assert_eq!(
            meter.bitrates(start + Duration::from_secs(5))[2],
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
        let rate = meter.bitrates(later + Duration::from_millis(400))[2][1].unwrap();
        assert!((760_000..=840_000).contains(&rate), "{rate}");
    }

    #[test]
    fn a_layer_that_stops_is_gone_after_a_second() {
        let start = crate::virtual_clock::epoch();
        let mut meter = LayerMeter::new();
        run(&mut meter, start, 2000, SMALL, 1000);
        run(&mut meter, start + Duration::from_secs(2), 1100, LARGE, 10);
        let end = start + Duration::from_millis(3100);
        assert_eq!(meter.bitrates(end)[0], [None; MAX_TEMPORAL]);
        assert!(meter.bitrates(end)[2][1].is_some());
        assert_eq!(
            meter.bitrates(end + Duration::from_secs(60)),
            [[None; MAX_TEMPORAL]; MAX_SPATIAL]
        );
    }
}
