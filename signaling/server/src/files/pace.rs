//! How fast one participant may move chunks, up and down together.

use std::time::{Duration, Instant};

/// Time in which one more chunk is allowed: 16 MiB a second.
const INTERVAL: Duration = Duration::from_micros(15_625);
/// So many at once: 32 MiB.
const BURST: u32 = 128;

/// One participant's.
#[derive(Default)]
pub(super) struct Pace {
    /// When all of the burst is there again.
    full_at: Option<Instant>,
}

impl Pace {
    /// Takes one chunk; `Err` says how long to wait for the next.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + INTERVAL;
        let most = INTERVAL * BURST;
        let lag = full_at.saturating_duration_since(now);
        if lag > most {
            return Err(lag.saturating_sub(most));
        }
        self.full_at = Some(full_at);
        Ok(())
    }

    /// Forgetting it changes nothing.
    pub(super) fn is_rested(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let begin = Instant::now();
        let mut pace = Pace::default();
        for _ in 0..BURST {
            assert_eq!(pace.take(begin), Ok(()));
        }
        assert_eq!(pace.take(begin), Err(INTERVAL));
        assert!(!pace.is_rested(begin));
        assert_eq!(pace.take(begin + INTERVAL), Ok(()));
        assert!(pace.take(begin + INTERVAL).is_err());
        assert!(pace.is_rested(begin + INTERVAL * (BURST + 1)));
    }
}
