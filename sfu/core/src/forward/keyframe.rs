//! Coalesces the wishes for key frames of one source: at most one a second, four while somebody joins.

use std::time::{Duration, Instant};

/// Least time between two requests to one source, outside joins.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long after a new subscriber came a join lasts: its first key frame may get lost or come too early for it.
const JOIN: Duration = Duration::from_secs(2);
/// Least time between two requests while somebody joins.
const JOIN_INTERVAL: Duration = Duration::from_millis(250);

/// The gate of one video source.
pub(crate) struct KeyframeGate {
    last: Option<Instant>,
    joined: Option<Instant>,
    wanted: bool,
    new_subscriber: bool,
}

impl KeyframeGate {
    pub(crate) const fn new() -> Self {
        Self {
            last: None,
            joined: None,
            wanted: false,
            new_subscriber: false,
        }
    }

    /// Somebody cannot go on without a key frame. `true`: ask for one now; else [`Self::due`] will say so later.
    pub(crate) fn want(&mut self, now: Instant) -> bool {
        self.wanted = true;
        self.due(now)
    }

    /// Somebody new watches: like [`Self::want`], and once more at the next epoch.
    pub(crate) fn subscribed(&mut self, now: Instant) -> bool {
        self.new_subscriber = true;
        self.joined = Some(now);
        self.want(now)
    }

    /// Senders switch to a new epoch. `true` if somebody new watches, who cannot use a key frame of the old one.
    pub(crate) fn epoch(&mut self, now: Instant) -> bool {
        let ask = std::mem::take(&mut self.new_subscriber);
        if ask {
            self.last = Some(now);
            self.wanted = false;
        }
        ask
    }

    /// Whether a wish that had to wait may go out now.
    pub(crate) fn due(&mut self, now: Instant) -> bool {
        let passed = |since: Option<Instant>| since.map(|since| now.saturating_duration_since(since));
        let joining = passed(self.joined).is_some_and(|passed| passed < JOIN);
        let interval = if joining { JOIN_INTERVAL } else { INTERVAL };
        let ask = self.wanted && passed(self.last).is_none_or(|passed| passed >= interval);
        if ask {
            self.last = Some(now);
            self.wanted = false;
        }
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_become_one_request_a_second() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::new();
        let mut asked = 0;
        for ms in 0..3000 {
            let now = start + Duration::from_millis(ms);
            asked += u32::from(gate.want(now)) + u32::from(gate.due(now));
        }
        assert_eq!(asked, 3);
    }

    #[test]
    fn a_wish_that_came_too_early_is_not_forgotten() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::new();
        assert!(gate.want(start));
        assert!(!gate.want(start + INTERVAL / 2));
        assert!(gate.due(start + INTERVAL));
        assert!(!gate.due(start + INTERVAL * 2));
    }

    #[test]
    fn a_hundred_joins_in_a_second_cost_four_requests() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::new();
        let asked: u32 = (0..100)
            .map(|step| u32::from(gate.subscribed(start + Duration::from_millis(10 * step))))
            .sum();
        assert_eq!(asked, 4);
    }

    #[test]
    fn an_epoch_asks_once_and_only_for_new_subscribers() {
        let now = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::new();
        assert!(!gate.epoch(now));
        assert!(gate.subscribed(now));
        assert!(!gate.subscribed(now));
        assert!(gate.epoch(now), "the one from before the switch is of no use");
        assert!(!gate.epoch(now));
        assert!(
            !gate.due(now + INTERVAL),
            "and it served the waiting ones as well"
        );
    }
}
