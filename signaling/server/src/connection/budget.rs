//! How much one connection may send: two token buckets, messages and bytes.

use std::time::{Duration, Instant};

/// Messages at once, and per second: a vote on every commit, an offer for every new track, states of one's own.
const MESSAGES: Rate = Rate {
    burst: 500,
    per_second: 50,
};
/// Bytes at once, and per second: three of the largest commits, and one every four seconds after that.
const BYTES: Rate = Rate {
    burst: 12 << 20,
    per_second: 1 << 20,
};

#[derive(Clone, Copy)]
struct Rate {
    burst: u64,
    per_second: u64,
}

impl Rate {
    fn refill(self, left: u64, elapsed: Duration) -> u64 {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        left.saturating_add(elapsed_ms.saturating_mul(self.per_second) / 1_000)
            .min(self.burst)
    }
}

/// What is left.
pub(super) struct Budget {
    messages: u64,
    bytes: u64,
    at: Instant,
}

impl Budget {
    pub(super) fn full(now: Instant) -> Self {
        Self {
            messages: MESSAGES.burst,
            bytes: BYTES.burst,
            at: now,
        }
    }

    /// Takes one message of so many bytes; false when there is not enough left.
    pub(super) fn spend(&mut self, now: Instant, bytes: usize) -> bool {
        let elapsed = now.saturating_duration_since(self.at);
        // Shorter refills would round to nothing again and again.
        if elapsed >= Duration::from_millis(100) {
            self.messages = MESSAGES.refill(self.messages, elapsed);
            self.bytes = BYTES.refill(self.bytes, elapsed);
            self.at = now;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match (self.messages.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(messages), Some(bytes)) => {
                (self.messages, self.bytes) = (messages, bytes);
                true
            }
            _ => false,
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
        assert!((0..MESSAGES.burst).all(|_| budget.spend(start, 10)));
        assert!(!budget.spend(start, 10));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| budget.spend(later, 10)).count(), 50);
    }

    #[test]
    fn bytes_are_counted_too() {
        let start = Instant::now();
        let mut budget = Budget::full(start);
        assert!((0..3).all(|_| budget.spend(start, 4 << 20)));
        assert!(!budget.spend(start, 1));
        assert!(budget.spend(start + Duration::from_secs(1), 1 << 20));
    }
}
