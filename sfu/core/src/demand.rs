//! Which of a track's layers anybody needs, as its publisher is told: at once when one is, late when none is any more.

use std::time::{Duration, Instant};

use crate::layer::{MAX_SPATIAL, MAX_TEMPORAL};
use crate::selector::Live;

/// How long a layer nobody needs is kept: a glance at another page must not stop an encoder.
const RELEASE: Duration = Duration::from_secs(3);
/// How long a layer that is needed may take to come before it counts as not to be had.
const DELIVERY: Duration = Duration::from_secs(3);
/// The same before the publisher is told for the first time, although not all is known yet.
const FIRST_DELIVERY: Duration = Duration::from_millis(250);
/// Bits per second of layers that were not measured yet, from the largest: what browsers are told to send at most.
const ASSUMED: [u32; MAX_SPATIAL] = [1_700_000, 500_000, 150_000];
/// The share of them that each temporal layer takes with those below, in percent.
const ASSUMED_TEMPORAL: [u32; MAX_TEMPORAL - 1] = [60, 80, 100];

type Costs = [Option<u32>; MAX_TEMPORAL];

#[derive(Clone, Copy, Default)]
struct Wish {
    /// `None`: nobody needed it so far.
    needed: Option<bool>,
    /// When it was last sent, or began to be needed.
    lacking_since: Option<Instant>,
    wanted_at: Option<Instant>,
    /// What it cost when it was sent.
    costs: Option<Costs>,
}

/// The demand for one picture's layers.
pub(crate) struct Demand {
    since: Instant,
    layers: [Wish; MAX_SPATIAL],
    told: Option<[bool; MAX_SPATIAL]>,
}

impl Demand {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            layers: [Wish::default(); MAX_SPATIAL],
            told: None,
        }
    }

    /// Takes what is wanted of the layers the track can have, and returns what its publisher has to be told.
    pub(crate) fn update(&mut self, now: Instant, wanted: &[bool], live: Live) -> Option<Vec<bool>> {
        let mut known = true;
        let mut missing = false;
        let mut needed = [false; MAX_SPATIAL];
        let layers = (0u8..).zip(&mut self.layers).zip(&mut needed);
        for (((spatial, wish), needed), wanted) in layers.zip(wanted) {
            if *wanted {
                wish.wanted_at = Some(now);
                if wish.needed != Some(true) {
                    wish.needed = Some(true);
                    wish.lacking_since = Some(now);
                }
            } else if now.saturating_duration_since(wish.wanted_at.unwrap_or(self.since)) >= RELEASE {
                wish.needed = Some(false);
            }
            if live.contains(spatial) {
                wish.lacking_since = Some(now);
            }
            known &= wish.needed.is_some();
            missing |= wish.is_late(now, live.contains(spatial), FIRST_DELIVERY);
            *needed = wish.needed.unwrap_or(live.contains(spatial));
        }
        // A publisher that sends nothing yet has not begun to guess.
        missing &= live != Live::default();
        let news = self.told != Some(needed) && (self.told.is_some() || known || missing);
        if !news {
            return None;
        }
        self.told = Some(needed);
        needed.get(..wanted.len()).map(Vec::from)
    }

    /// Whether a layer is needed, and its publisher does not send it all the same.
    pub(crate) fn is_withheld(&self, now: Instant, spatial: u8, live: Live) -> bool {
        let wish = self.layers.get(usize::from(spatial));
        wish.is_some_and(|wish| wish.is_late(now, live.contains(spatial), DELIVERY))
    }

    /// What a layer costs: as measured, else as it did last, else as is to be expected with `larger` layers above it.
    pub(crate) fn costs(&mut self, spatial: usize, larger: usize, measured: Costs) -> Costs {
        let Some(wish) = self.layers.get_mut(spatial) else {
            return measured;
        };
        if measured.iter().any(Option::is_some) {
            wish.costs = Some(measured);
            return measured;
        }
        wish.costs.unwrap_or_else(|| {
            let whole = ASSUMED.get(larger).copied().unwrap_or(0);
            let mut costs = [None; MAX_TEMPORAL];
            for (cost, share) in costs.iter_mut().zip(ASSUMED_TEMPORAL) {
                *cost = Some(whole / 100 * share);
            }
            costs
        })
    }
}

impl Wish {
    fn is_late(&self, now: Instant, live: bool, patience: Duration) -> bool {
        let waited = self
            .lacking_since
            .is_some_and(|since| now.saturating_duration_since(since) >= patience);
        self.needed == Some(true) && !live && waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(layers: &[u8]) -> Live {
        let mut live = Live::default();
        for layer in layers {
            live.insert(*layer);
        }
        live
    }

    #[test]
    fn a_layer_is_needed_at_once_and_released_late() {
        let start = crate::virtual_clock::epoch();
        let at = |ms| start + Duration::from_millis(ms);
        let mut demand = Demand::new(start);
        let all = live(&[0, 1, 2]);
        // (time, wanted, told)
        let rows: [(u64, [bool; 3], Option<[bool; 3]>); 9] = [
            (0, [true, false, false], None),
            (2900, [true, false, false], None),
            (3000, [true, false, false], Some([true, false, false])),
            (3100, [true, false, true], Some([true, false, true])),
            (3200, [true, true, false], Some([true, true, true])),
            (5000, [true, true, false], None),
            (6100, [true, true, false], Some([true, true, false])),
            (6200, [false, false, false], None),
            (9300, [false, false, false], Some([false, false, false])),
        ];
        for (ms, wanted, told) in rows {
            let news = demand.update(at(ms), &wanted, all);
            assert_eq!(news, told.map(Vec::from), "at {ms} ms");
        }
    }

    #[test]
    fn a_publisher_that_guessed_too_low_is_told_early() {
        let start = crate::virtual_clock::epoch();
        let mut demand = Demand::new(start);
        let lowest = live(&[0]);
        let wanted = [true, false, true];
        assert_eq!(demand.update(start, &wanted, lowest), None);
        let told = demand.update(start + FIRST_DELIVERY, &wanted, lowest);
        assert_eq!(
            told,
            Some(vec![true, false, true]),
            "what is not known yet stays as it is"
        );
    }

    #[test]
    fn what_is_needed_and_does_not_come_is_withheld_until_it_comes() {
        let start = crate::virtual_clock::epoch();
        let mut demand = Demand::new(start);
        let wanted = [true, true, true];
        demand.update(start, &wanted, live(&[0, 1]));
        assert!(!demand.is_withheld(start + DELIVERY / 2, 2, live(&[0, 1])));
        assert!(demand.is_withheld(start + DELIVERY, 2, live(&[0, 1])));
        assert!(!demand.is_withheld(start + DELIVERY, 2, live(&[0, 1, 2])));
        assert!(!demand.is_withheld(start + DELIVERY, 1, live(&[0, 1])));
    }

    #[test]
    fn a_layer_that_is_not_sent_costs_what_it_did() {
        let mut demand = Demand::new(crate::virtual_clock::epoch());
        assert_eq!(
            demand.costs(2, 0, [None; 4]),
            [Some(1_020_000), Some(1_360_000), Some(1_700_000), None]
        );
        let measured = [Some(400_000), None, None, None];
        assert_eq!(demand.costs(2, 0, measured), measured);
        assert_eq!(demand.costs(2, 0, [None; 4]), measured);
    }
}
