//! Whether newcomers are turned away is one answer for all shards: only when none of them has room.

use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all shards; each says when it changes its own mind.
#[derive(Clone)]
pub(crate) struct Overload {
    shards: usize,
    /// How many of them are overloaded.
    overloaded: Arc<Mutex<usize>>,
}

impl Overload {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards,
            overloaded: Arc::new(Mutex::new(0)),
        }
    }

    /// A shard became overloaded, or is no longer. Calls `tell` if that changes the answer, and so that answers are
    /// told in the order in which they became true.
    pub(crate) fn change(&self, overloaded: bool, tell: impl FnOnce(bool)) {
        // A count is whole whoever panicked.
        let mut count = self.overloaded.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *count == self.shards;
        *count = if overloaded {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        let now = *count == self.shards;
        if before != now {
            tell(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_are_turned_away_only_while_no_shard_has_room() {
        let overload = Overload::new(2);
        let mut told = Vec::new();
        for change in [true, true, false, true, false, false] {
            overload.clone().change(change, |now| told.push(now));
        }
        assert_eq!(told, [true, false, true, false]);
    }
}
