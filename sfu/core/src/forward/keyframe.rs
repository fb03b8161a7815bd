//! Coalesces the wishes for key frames of one source: one request a second, and one for everybody who joined in an epoch.

use std::time::{Duration, Instant};

/// Least time between two requests to one source.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same when somebody new watches and what was asked for before has come already.
const JOIN_INTERVAL: Duration = Duration::from_millis(250);
/// How often one wish is asked for while nothing comes: requests get lost, and an encoding may have ended.
const MAX_ASKS: u8 = 4;

/// A set of encodings, by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Wanted(u8);

impl Wanted {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn one(encoding: u8) -> Self {
        Self(1u8.checked_shl(u32::from(encoding)).unwrap_or(0))
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, encoding: u8) -> bool {
        !Self::one(encoding).is_empty() && Self::one(encoding).without(self).is_empty()
    }
}

/// The gate of one video source.
#[derive(Default)]
pub(crate) struct KeyframeGate {
    last: Option<Instant>,
    wanted: Wanted,
    /// Those of them that somebody waits for who has just begun to watch.
    joined: Wanted,
    /// Asked for and not come yet.
    outstanding: Wanted,
    /// How often what is outstanding was asked for.
    asks: u8,
    /// The epoch of which key frames were asked for, and which.
    epoch: Option<(u8, Wanted)>,
}

impl KeyframeGate {
    /// Somebody cannot go on without key frames of these encodings.
    pub(crate) const fn want(&mut self, encodings: Wanted) {
        self.wanted = self.wanted.with(encodings);
    }

    /// Somebody new watches.
    pub(crate) const fn join(&mut self, encodings: Wanted) {
        self.want(encodings);
        self.joined = self.joined.with(encodings);
    }

    /// Senders switch to a new epoch, and these encodings have new subscribers, who cannot use anything older.
    pub(crate) const fn switch_epoch(&mut self, epoch: u8, encodings: Wanted) {
        if !encodings.is_empty() {
            self.want(encodings);
            self.epoch = Some((epoch, encodings));
            self.last = None;
        }
    }

    /// A key frame comes in, of the epoch its frame header names.
    pub(crate) fn arrived(&mut self, encoding: u8, epoch: Option<u8>) {
        let arrived = Wanted::one(encoding);
        // It serves whoever wished for one before.
        self.outstanding = self.outstanding.without(arrived);
        self.wanted = self.wanted.without(arrived);
        self.joined = self.joined.without(arrived);
        let Some((expected, encodings)) = self.epoch.filter(|(_, encodings)| encodings.contains(encoding))
        else {
            return;
        };
        self.epoch = Some((expected, encodings.without(arrived))).filter(|(_, left)| !left.is_empty());
        if epoch.is_some_and(|epoch| epoch != expected) {
            // The request overtook the switch; nobody new can read this one.
            self.want(arrived);
            self.last = None;
        }
    }

    /// The encodings to ask for now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Wanted> {
        let new = !self.joined.without(self.outstanding).is_empty();
        let interval = if new { JOIN_INTERVAL } else { INTERVAL };
        let waited = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= interval);
        let unanswered = if self.asks < MAX_ASKS {
            self.outstanding
        } else {
            Wanted::NONE
        };
        let due = self.wanted.with(unanswered);
        if due.is_empty() || !waited {
            return None;
        }
        self.asks = if self.wanted.is_empty() { self.asks + 1 } else { 1 };
        self.last = Some(now);
        self.joined = Wanted::NONE;
        self.outstanding = due;
        self.wanted = Wanted::NONE;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: u8 = 0;
    const HIGH: u8 = 2;

    fn low() -> Wanted {
        Wanted::one(LOW)
    }

    #[test]
    fn many_wishes_become_one_request_a_second() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        let mut asked = 0;
        for ms in 0..3000 {
            gate.want(low());
            asked += u32::from(gate.due(start + Duration::from_millis(ms)).is_some());
        }
        assert_eq!(asked, 3);
    }

    #[test]
    fn a_wish_that_came_too_early_is_not_forgotten() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        gate.want(low());
        assert_eq!(gate.due(start), Some(low()));
        gate.want(Wanted::one(HIGH));
        gate.arrived(LOW, None);
        assert_eq!(gate.due(start + INTERVAL / 2), None);
        assert_eq!(gate.due(start + INTERVAL), Some(Wanted::one(HIGH)));
        gate.arrived(HIGH, None);
        assert_eq!(gate.due(start + INTERVAL * 2), None);
    }

    #[test]
    fn what_does_not_come_is_asked_for_again_but_not_for_ever() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        gate.want(low());
        let asked = |gate: &mut KeyframeGate, second| gate.due(start + INTERVAL * second);
        assert_eq!(asked(&mut gate, 0), Some(low()));
        assert_eq!(asked(&mut gate, 1), Some(low()), "the request may be lost");
        gate.arrived(LOW, None);
        assert_eq!(asked(&mut gate, 2), None);
        gate.want(Wanted::one(HIGH));
        let again = (3..20)
            .filter(|second| asked(&mut gate, *second).is_some())
            .count();
        assert_eq!(
            again,
            usize::from(MAX_ASKS),
            "an encoding that ended never answers"
        );
    }

    #[test]
    fn who_joins_while_a_key_frame_is_on_its_way_waits_for_that_one() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        gate.join(low());
        assert_eq!(gate.due(start), Some(low()));
        gate.join(low());
        assert_eq!(gate.due(start + JOIN_INTERVAL), None);
        gate.arrived(LOW, None);
        assert_eq!(gate.due(start + INTERVAL), None, "it serves both");
        gate.join(low());
        assert_eq!(
            gate.due(start + JOIN_INTERVAL),
            Some(low()),
            "it came before this one"
        );
    }

    #[test]
    fn who_has_begun_to_watch_and_wants_more_waits_as_everybody() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        gate.join(low());
        assert_eq!(gate.due(start), Some(low()));
        gate.join(low());
        gate.arrived(LOW, None);
        gate.want(Wanted::one(HIGH));
        assert_eq!(
            gate.due(start + JOIN_INTERVAL),
            None,
            "a larger picture, not a first one"
        );
        assert_eq!(gate.due(start + INTERVAL), Some(Wanted::one(HIGH)));
    }

    #[test]
    fn a_burst_of_joins_in_an_epoch_costs_one_request() {
        let start = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        let mut asked = 0;
        gate.switch_epoch(7, low());
        for ms in 0..1000 {
            let now = start + Duration::from_millis(ms);
            asked += u32::from(gate.due(now).is_some());
            gate.want(low());
            if ms == 40 {
                gate.arrived(LOW, Some(7));
            }
        }
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_key_frame_of_the_epoch_before_is_asked_for_again_once() {
        let now = crate::virtual_clock::epoch();
        let mut gate = KeyframeGate::default();
        gate.switch_epoch(7, low());
        assert_eq!(gate.due(now), Some(low()));
        gate.arrived(HIGH, Some(6));
        assert_eq!(gate.due(now), None);
        gate.arrived(LOW, Some(6));
        assert_eq!(gate.due(now), Some(low()));
        gate.arrived(LOW, Some(6));
        assert_eq!(gate.due(now), None);
    }
}
