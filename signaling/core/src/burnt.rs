//! Rooms that a host burnt: nothing of them is kept but a hash of the id, for a while.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use conclave_wire::id::RoomId;
use sha2::{Digest as _, Sha256};

/// How long a burnt room is known as one.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Most of them; the oldest are forgotten.
const MAX: usize = 100_000;

/// The ids that are gone, as hashes.
#[derive(Default)]
pub(crate) struct Burnt {
    hashes: HashSet<[u8; 32]>,
    /// In the order in which they are forgotten.
    ends: VecDeque<(Instant, [u8; 32])>,
}

impl Burnt {
    pub(crate) fn insert(&mut self, now: Instant, room: &RoomId) {
        self.forget(now);
        let hash = hash(room);
        if self.hashes.insert(hash) {
            self.ends.push_back((now + KEEP, hash));
        }
        if self.ends.len() > MAX
            && let Some((_, oldest)) = self.ends.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }

    pub(crate) fn has(&mut self, now: Instant, room: &RoomId) -> bool {
        self.forget(now);
        self.hashes.contains(&hash(room))
    }

    fn forget(&mut self, now: Instant) {
        while let Some((end, hash)) = self.ends.front().copied()
            && end <= now
        {
            self.ends.pop_front();
            self.hashes.remove(&hash);
        }
    }
}

fn hash(room: &RoomId) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"conclave burnt")
        .chain_update(room.as_bytes())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burnt_room_is_known_for_a_month_and_no_longer() {
        let mut burnt = Burnt::default();
        let start = crate::testing::start();
        let room = RoomId::new([7; 16]);
        burnt.insert(start, &room);
        burnt.insert(start, &room);
        assert!(burnt.has(start + KEEP - Duration::from_secs(1), &room));
        assert!(!burnt.has(start, &RoomId::new([8; 16])));
        assert!(!burnt.has(start + KEEP, &room));
        assert!(burnt.ends.is_empty() && burnt.hashes.is_empty());
    }
}
