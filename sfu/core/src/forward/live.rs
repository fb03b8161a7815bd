//! Which encodings or spatial layers of a track are being sent: one falls silent when the others go on without it.

use std::time::{Duration, Instant};

use crate::layer::MAX_SPATIAL;
use crate::selector::Live;

/// Frames of other layers without one of its own after which a layer is silent.
const MISSED: u16 = 12;
/// And no sooner than this: the frames of a picture come in a burst.
const SILENCE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Default)]
struct Pulse {
    last: Option<Instant>,
    missed: u16,
}

/// The pulses of a track's layers.
#[derive(Default)]
pub(crate) struct Pulses {
    layers: [Pulse; MAX_SPATIAL],
    live: Live,
}

impl Pulses {
    /// A frame of a layer begins.
    pub(crate) fn beat(&mut self, now: Instant, spatial: u8) {
        for pulse in &mut self.layers {
            pulse.missed = pulse.missed.saturating_add(1);
        }
        if let Some(pulse) = self.layers.get_mut(usize::from(spatial)) {
            pulse.missed = 0;
            pulse.last = Some(now);
            self.live.insert(spatial);
        }
    }

    /// The publisher announces so many layers: the others have ended.
    pub(crate) fn announce(&mut self, now: Instant, layers: u8) {
        for (spatial, pulse) in (0u8..).zip(&mut self.layers) {
            if spatial >= layers {
                self.live.remove(spatial);
            } else if !self.live.contains(spatial) {
                self.live.insert(spatial);
                *pulse = Pulse {
                    last: Some(now),
                    missed: 0,
                };
            }
        }
    }

    /// Looks for layers that fell silent.
    pub(crate) fn check(&mut self, now: Instant) {
        for (spatial, pulse) in (0u8..).zip(&self.layers) {
            let long = pulse
                .last
                .is_some_and(|last| now.saturating_duration_since(last) >= SILENCE);
            if long && pulse.missed >= MISSED {
                self.live.remove(spatial);
            }
        }
    }

    pub(crate) const fn live(&self) -> Live {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pulses: &Pulses) -> [bool; 3] {
        [0, 1, 2].map(|spatial| pulses.live().contains(spatial))
    }

    #[test]
    fn a_layer_is_silent_when_the_others_go_on_without_it() {
        let start = crate::virtual_clock::epoch();
        let mut pulses = Pulses::default();
        for spatial in [0, 1, 2] {
            pulses.beat(start, spatial);
        }
        pulses.check(start + SILENCE * 100);
        assert_eq!(
            sent(&pulses),
            [true; 3],
            "nothing comes: a still picture is not a fault"
        );
        for frame in 1..=10 {
            let now = start + Duration::from_millis(33) * frame;
            pulses.beat(now, 0);
            pulses.beat(now, 1);
            pulses.check(now);
        }
        assert_eq!(sent(&pulses), [true, true, false]);
        pulses.beat(start + SILENCE * 2, 2);
        assert_eq!(sent(&pulses), [true; 3]);
        pulses.announce(start, 1);
        assert_eq!(sent(&pulses), [true, false, false]);
        pulses.announce(start, 3);
        assert_eq!(sent(&pulses), [true; 3], "they begin in this picture");
    }
}
