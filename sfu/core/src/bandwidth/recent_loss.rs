//! The worst loss of the last seconds, for encoders that protect against it: up at once, down slowly.

use std::time::{Duration, Instant};

/// Packets and time that make a measurement: what tells 2 % from 10 %.
const MIN_PACKETS: u32 = 40;
const MIN_TIME: Duration = Duration::from_millis(500);
/// What is left of a higher loss after each measurement: half after five of them.
const KEPT: (u32, u32) = (7, 8);

/// Counts what one subscriber gets and misses.
pub(super) struct RecentLoss {
    received: u32,
    missing: u32,
    since: Option<Instant>,
    /// In 1/256.
    share: u8,
}

impl RecentLoss {
    pub(super) const fn new() -> Self {
        Self {
            received: 0,
            missing: 0,
            since: None,
            share: 0,
        }
    }

    pub(super) const fn count(&mut self, received: u32, missing: u32) {
        self.received = self.received.saturating_add(received);
        self.missing = self.missing.saturating_add(missing);
    }

    /// A packet counted as missing arrived.
    pub(super) const fn found(&mut self) {
        self.missing = self.missing.saturating_sub(1);
        self.received = self.received.saturating_add(1);
    }

    /// Ends a measurement if there is enough for one.
    pub(super) fn update(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let packets = self.received.saturating_add(self.missing);
        if packets < MIN_PACKETS || now.saturating_duration_since(since) < MIN_TIME {
            return;
        }
        let measured = u64::from(self.missing) * 256 / u64::from(packets);
        let left = u32::from(self.share) * KEPT.0 / KEPT.1;
        let share = u32::try_from(measured).unwrap_or(u32::MAX).max(left);
        self.share = u8::try_from(share).unwrap_or(u8::MAX);
        self.received = 0;
        self.missing = 0;
        self.since = Some(now);
    }

    /// In 1/256.
    pub(super) const fn share(&self) -> u8 {
        self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_known_within_a_second_and_forgotten_within_ten() {
        let start = crate::virtual_clock::epoch();
        let mut loss = RecentLoss::new();
        let mut shares = Vec::new();
        for tick in 0..240u32 {
            // 100 packets a second, one in ten of them lost from the third to the sixth second.
            let missing = u32::from((60..120).contains(&tick) && tick % 4 == 0);
            loss.count(5 - missing * 2, missing * 2);
            loss.update(start + Duration::from_millis(100) * tick / 2);
            shares.push(loss.share());
        }
        assert!(shares[..60].iter().all(|share| *share == 0));
        assert!(
            shares[80..120].iter().all(|share| (20..=34).contains(share)),
            "{shares:?}"
        );
        assert!(shares[130] > 15, "a moment without loss is no proof");
        assert!(shares[239] < 8, "{shares:?}");
    }
}
