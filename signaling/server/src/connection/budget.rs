//! How many bytes one connection may send. The core counts messages by kind; what they weigh is known here.

use std::time::{Duration, Instant};

/// Bytes at once: three of the largest commits.
const BURST: u64 = 12 << 20;
/// Bytes per second after that.
const PER_SECOND: u64 = 1 << 20;

/// What is left.
pub(super) struct Budget {
    left: u64,
    at: Instant,
}

impl Budget {
    pub(super) fn full(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// Takes the bytes of one message; false when there are not enough left.
    pub(super) fn spend(&mut self, now: Instant, bytes: usize) -> bool {
        let elapsed = now.saturating_duration_since(self.at);
        // Shorter refills would round to nothing again and again.
        if elapsed >= Duration::from_millis(1) {
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let refill = elapsed_ms.saturating_mul(PER_SECOND) / 1_000;
            self.left = self.left.saturating_add(refill).min(BURST);
            self.at = now;
        }
        match self.left.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_the_rate_after_it() {
        let start = Instant::now();
        let mut budget = Budget::full(start);
        assert!((0..3).all(|_| budget.spend(start, 4 << 20)));
        assert!(!budget.spend(start, 1));
        let later = start + Duration::from_secs(1);
        assert!(budget.spend(later, 1 << 20));
        assert!(!budget.spend(later, 1));
    }
}
