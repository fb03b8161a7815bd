//! How long keys take to change after somebody joins, leaves or is removed.
//!
//! Two moments count. The last member *has the key* when every member that was there has processed the commit: from then on
//! it can read what is sent under the new key. The removed one's key is *useless* when every member encrypts under a newer
//! key: from then on nothing is sent that it could read. Both are of this process' participants; browsers and strangers in
//! the room are not seen.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Instant;

use super::{Durations, percentile};
use crate::report::figure::{Distribution, Entry, Figures};

/// A participant's pseudonym.
pub type Member = [u8; 16];
/// A room.
pub type Room = [u8; 16];

/// Why keys change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Somebody says Hello.
    Join,
    /// Somebody says Bye.
    Leave,
    /// Somebody is removed.
    Kick,
}

const NOBODY_JOINED: &str = "nobody joined a call with others in it";
const NOBODY_LEFT: &str = "nobody left while others stayed";
const NOBODY_KICKED: &str = "nobody was removed from the call";

/// Figures of a change: median and the slowest of each moment.
struct Moment {
    p50: Entry,
    max: Entry,
    distribution: &'static str,
    about: &'static str,
}

const JOIN_KEY: Moment = Moment {
    p50: Entry::lower(
        "rekey_join_p50_ms",
        "ms",
        "From a Hello until the last member has the key of the epoch with the newcomer, median",
        NOBODY_JOINED,
    ),
    max: Entry::lower(
        "rekey_join_max_ms",
        "ms",
        "From a Hello until the last member has the key of the epoch with the newcomer, the slowest",
        NOBODY_JOINED,
    ),
    distribution: "rekey_join",
    about: "From a Hello until the last member has the key",
};
const LEAVE_KEY: Moment = Moment {
    p50: Entry::lower(
        "rekey_leave_p50_ms",
        "ms",
        "From a Bye until the last member has the key of the epoch without the one who left, median",
        NOBODY_LEFT,
    ),
    max: Entry::lower(
        "rekey_leave_max_ms",
        "ms",
        "From a Bye until the last member has the key of the epoch without the one who left, the slowest",
        NOBODY_LEFT,
    ),
    distribution: "rekey_leave",
    about: "From a Bye until the last member has the key",
};
const KICK_KEY: Moment = Moment {
    p50: Entry::lower(
        "rekey_kick_p50_ms",
        "ms",
        "From a removal until the last member has the key of the epoch without the removed one, median",
        NOBODY_KICKED,
    ),
    max: Entry::lower(
        "rekey_kick_max_ms",
        "ms",
        "From a removal until the last member has the key of the epoch without the removed one, the slowest",
        NOBODY_KICKED,
    ),
    distribution: "rekey_kick",
    about: "From a removal until the last member has the key",
};
const LEAVE_USELESS: Moment = Moment {
    p50: Entry::lower(
        "leave_key_useless_p50_ms",
        "ms",
        "From a Bye until nobody sends under a key that the one who left knows, median",
        NOBODY_LEFT,
    ),
    max: Entry::lower(
        "leave_key_useless_max_ms",
        "ms",
        "From a Bye until nobody sends under a key that the one who left knows, the slowest",
        NOBODY_LEFT,
    ),
    distribution: "leave_key_useless",
    about: "From a Bye until nobody sends under a key that the one who left knows",
};
const KICK_USELESS: Moment = Moment {
    p50: Entry::lower(
        "kick_key_useless_p50_ms",
        "ms",
        "From a removal until nobody sends under a key that the removed one knows, median",
        NOBODY_KICKED,
    ),
    max: Entry::lower(
        "kick_key_useless_max_ms",
        "ms",
        "From a removal until nobody sends under a key that the removed one knows, the slowest",
        NOBODY_KICKED,
    ),
    distribution: "kick_key_useless",
    about: "From a removal until nobody sends under a key that the removed one knows",
};
const MOMENTS: [Moment; 5] = [JOIN_KEY, LEAVE_KEY, KICK_KEY, LEAVE_USELESS, KICK_USELESS];

/// Changes that did not come to their end.
pub const UNFINISHED: Entry = Entry::lower(
    "rekeys_unfinished",
    "count",
    "Joins, leaves and removals that some member had not heard of when the run ended",
    "nobody joined or left while others stayed",
);

/// All figures of this measure.
pub fn entries() -> impl Iterator<Item = Entry> {
    MOMENTS
        .into_iter()
        .flat_map(|moment| [moment.p50, moment.max])
        .chain([UNFINISHED])
}

/// Who is where, and which changes are on their way.
#[derive(Debug, Default)]
pub struct Rekeys {
    board: Mutex<Board>,
    join_key: Durations,
    leave_key: Durations,
    kick_key: Durations,
    leave_useless: Durations,
    kick_useless: Durations,
}

#[derive(Debug, Default)]
struct Board {
    members: HashMap<Room, HashSet<Member>>,
    /// By the one it is about.
    changes: HashMap<(Cause, Member), Change>,
    begun: u64,
}

#[derive(Debug)]
struct Change {
    began: Instant,
    /// Members that have not processed the commit.
    without_key: HashSet<Member>,
    /// Members that still send under an older key; only for those who go.
    sending_old: HashSet<Member>,
}

impl Rekeys {
    /// Somebody says Hello, says Bye or is removed now. Whoever is a member of the room must hear of it.
    pub fn begin(&self, cause: Cause, room: Room, about: Member, now: Instant) {
        let Ok(mut board) = self.board.lock() else {
            return;
        };
        let board = &mut *board;
        let members = board.members.entry(room).or_default();
        if cause != Cause::Join {
            members.remove(&about);
        }
        let waiting: HashSet<Member> = members
            .iter()
            .copied()
            .filter(|member| *member != about)
            .collect();
        if cause != Cause::Join {
            self.forget(board, about, now);
        }
        if waiting.is_empty() {
            return;
        }
        board.begun += 1;
        let change = Change {
            began: now,
            sending_old: if cause == Cause::Join {
                HashSet::new()
            } else {
                waiting.clone()
            },
            without_key: waiting,
        };
        board.changes.insert((cause, about), change);
    }

    /// Somebody became a member.
    pub fn admitted(&self, room: Room, member: Member) {
        if let Ok(mut board) = self.board.lock() {
            board.members.entry(room).or_default().insert(member);
        }
    }

    /// A member broke off without a Bye: nobody waits for it any more.
    pub fn lost(&self, room: Room, member: Member, now: Instant) {
        let Ok(mut board) = self.board.lock() else {
            return;
        };
        if let Some(members) = board.members.get_mut(&room) {
            members.remove(&member);
        }
        self.forget(&mut board, member, now);
    }

    /// `member` has processed the commit by which `about` came.
    pub fn heard_of_join(&self, member: Member, about: Member, now: Instant) {
        if let Ok(mut board) = self.board.lock() {
            self.tick(&mut board, Cause::Join, about, now, |change| {
                change.without_key.remove(&member)
            });
        }
    }

    /// `member` has processed the commit by which `about` went.
    pub fn heard_of_going(&self, member: Member, about: Member, now: Instant) {
        if let Ok(mut board) = self.board.lock() {
            for cause in [Cause::Leave, Cause::Kick] {
                self.tick(&mut board, cause, about, now, |change| {
                    change.without_key.remove(&member)
                });
            }
        }
    }

    /// `member` encrypts under a key now that `about`, who went, does not know.
    pub fn sends_without(&self, member: Member, about: Member, now: Instant) {
        if let Ok(mut board) = self.board.lock() {
            for cause in [Cause::Leave, Cause::Kick] {
                self.tick(&mut board, cause, about, now, |change| {
                    change.sending_old.remove(&member)
                });
            }
        }
    }

    /// How many changes some member has not heard of yet.
    pub fn on_their_way(&self) -> usize {
        self.board.lock().map_or(0, |board| board.changes.len())
    }

    /// Nobody waits for a member that is gone.
    fn forget(&self, board: &mut Board, gone: Member, now: Instant) {
        let about: Vec<(Cause, Member)> = board.changes.keys().copied().collect();
        for (cause, about) in about {
            self.tick(board, cause, about, now, |change| {
                change.without_key.remove(&gone)
            });
            self.tick(board, cause, about, now, |change| {
                change.sending_old.remove(&gone)
            });
        }
    }

    /// Takes one member off a change; the last one ends it.
    fn tick(
        &self,
        board: &mut Board,
        cause: Cause,
        about: Member,
        now: Instant,
        off: impl FnOnce(&mut Change) -> bool,
    ) {
        let Some(change) = board.changes.get_mut(&(cause, about)) else {
            return;
        };
        let before = (change.without_key.is_empty(), change.sending_old.is_empty());
        if !off(change) {
            return;
        }
        let took = now.saturating_duration_since(change.began);
        if change.without_key.is_empty() && !before.0 {
            match cause {
                Cause::Join => self.join_key.record(took),
                Cause::Leave => self.leave_key.record(took),
                Cause::Kick => self.kick_key.record(took),
            }
        }
        if change.sending_old.is_empty() && !before.1 {
            match cause {
                Cause::Join => {}
                Cause::Leave => self.leave_useless.record(took),
                Cause::Kick => self.kick_useless.record(took),
            }
        }
        if change.without_key.is_empty() && change.sending_old.is_empty() {
            board.changes.remove(&(cause, about));
        }
    }

    fn durations(&self) -> [&Durations; 5] {
        [
            &self.join_key,
            &self.leave_key,
            &self.kick_key,
            &self.leave_useless,
            &self.kick_useless,
        ]
    }
}

/// Tells the figures.
pub fn tell(rekeys: &Rekeys, figures: &mut Figures) {
    for (moment, durations) in MOMENTS.iter().zip(rekeys.durations()) {
        if let Some(told) = durations.snapshot() {
            figures.set(&moment.p50, percentile(&told, 0.5));
            figures.set(&moment.max, percentile(&told, 1.0));
        }
    }
    if let Ok(board) = rekeys.board.lock()
        && board.begun > 0
    {
        figures.count(
            &UNFINISHED,
            u64::try_from(board.changes.len()).unwrap_or(u64::MAX),
        );
    }
}

/// How the durations are spread.
pub fn distributions(rekeys: &Rekeys) -> impl Iterator<Item = (String, Distribution)> {
    MOMENTS
        .iter()
        .zip(rekeys.durations())
        .filter_map(|(moment, durations)| {
            let told = Distribution::of_micros(moment.about, &durations.snapshot()?)?;
            Some((moment.distribution.to_owned(), told))
        })
}

#[cfg(test)]
#[path = "rekey_tests.rs"]
mod tests;
