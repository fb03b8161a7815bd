//! Commits that were made in vain because another member's commit of the same epoch came first.

use conclave_wire::client::mls::RejectReason;

use super::Counter;
use crate::report::figure::{Entry, Figures};

const NONE: &str = "no commit was made";

/// Commits made.
pub const MADE: Entry = Entry::neither(
    "commits_made",
    "count",
    "MLS commits that participants uploaded",
    NONE,
);
/// Commits that lost.
pub const LOST: Entry = Entry::lower(
    "commits_lost_to_races",
    "count",
    "MLS commits that were not taken because another one of the same epoch came first",
    NONE,
);
/// Commits refused for another reason.
pub const REFUSED: Entry = Entry::lower(
    "commits_refused",
    "count",
    "MLS commits that were not taken for another reason than a race",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 3] = [MADE, LOST, REFUSED];

/// Commits of all participants.
#[derive(Debug, Default)]
pub struct Races {
    made: Counter,
    lost: Counter,
    refused: Counter,
}

impl Races {
    /// A participant uploads a commit.
    pub fn commit(&self) {
        self.made.increment();
    }

    /// The server did not take a commit.
    pub fn rejected(&self, reason: RejectReason) {
        match reason {
            RejectReason::Lost | RejectReason::WrongEpoch => self.lost.increment(),
            RejectReason::Invalid | RejectReason::Policy => self.refused.increment(),
        }
    }
}

/// Tells the figures.
pub fn tell(races: &Races, figures: &mut Figures) {
    if races.made.value() == 0 {
        return;
    }
    figures.count(&MADE, races.made.value());
    figures.count(&LOST, races.lost.value());
    figures.count(&REFUSED, races.refused.value());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_that_loses_is_one_more() {
        let races = Races::default();
        let told = || {
            let mut figures = Figures::unmeasured(ENTRIES);
            tell(&races, &mut figures);
            ENTRIES.map(|entry| figures.value(entry.name))
        };
        assert_eq!(told(), [None; 3]);
        (0..5).for_each(|_| races.commit());
        assert_eq!(told(), [Some(5.0), Some(0.0), Some(0.0)]);
        races.rejected(RejectReason::Lost);
        races.rejected(RejectReason::WrongEpoch);
        races.rejected(RejectReason::Policy);
        assert_eq!(told(), [Some(5.0), Some(2.0), Some(1.0)]);
    }
}
