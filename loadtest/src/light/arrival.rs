//! When a datagram came: the system's receive time on the thread's own clock, and how long it was left lying on purpose.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A receive time that is further back is of a clock that was set anew.
const OLDEST: Duration = Duration::from_secs(10);

/// When a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// When it reached the socket.
    pub(super) at: Instant,
    /// How long it lay there only because the thread rested; this says nothing about server or network.
    pub(super) rested: Duration,
}

/// The moment a turn began on both clocks, and the rest before it.
pub(super) struct Clock {
    instant: Instant,
    unix: Duration,
    rest: Option<(Instant, Duration)>,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self {
            instant: Instant::now(),
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            rest: None,
        }
    }

    /// The thread rests from `began` for `length`. What it oversleeps is no rest.
    pub(super) const fn rested(&mut self, began: Instant, length: Duration) {
        self.rest = Some((began, length));
    }

    /// A turn begins.
    pub(super) fn turn(&mut self) {
        *self = Self {
            rest: self.rest,
            ..Self::now()
        };
    }

    /// The arrival of a datagram whose receive time since 1970 is this; without one it comes now.
    pub(super) fn arrival(&self, received: Option<Duration>) -> Arrival {
        let age = received.and_then(|received| self.unix.checked_sub(received));
        let age = age.filter(|age| *age < OLDEST).unwrap_or_default();
        let at = self.instant.checked_sub(age).unwrap_or(self.instant);
        let rested = self.rest.map_or(Duration::ZERO, |(began, length)| {
            (began + length)
                .min(self.instant)
                .saturating_duration_since(at.max(began))
        });
        Arrival { at, rested }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn clock() -> Clock {
        Clock {
            instant: Instant::now() + 100 * MS,
            unix: 1000 * MS,
            rest: None,
        }
    }

    #[test]
    fn what_came_earlier_is_dated_back_and_nothing_was_rested() {
        let clock = clock();
        let arrival = clock.arrival(Some(997 * MS));
        assert_eq!(clock.instant - arrival.at, 3 * MS);
        assert_eq!(arrival.rested, Duration::ZERO);
        // Received after the turn began, by a system that says nothing, or by a clock that was set anew.
        for received in [Some(1001 * MS), None] {
            assert_eq!(clock.arrival(received).at, clock.instant);
        }
        let late = Clock {
            unix: 3600 * 1000 * MS,
            ..clock
        };
        assert_eq!(late.arrival(Some(1000 * MS)).at, late.instant);
    }

    #[test]
    fn only_the_intended_part_of_the_wait_is_rest() {
        let mut clock = clock();
        // It rested from 10 ms to 6 ms before the turn began, and overslept by 6 ms.
        clock.rested(clock.instant - 10 * MS, 4 * MS);
        let rested = |age: u32| clock.arrival(Some(1000 * MS - age * MS)).rested;
        assert_eq!(rested(12), 4 * MS, "before the rest it waited for other reasons");
        assert_eq!(rested(10), 4 * MS);
        assert_eq!(rested(7), MS);
        assert_eq!(rested(5), Duration::ZERO);
    }
}
