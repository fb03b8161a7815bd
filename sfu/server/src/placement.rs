//! Decides which shard a room lives on: the one with the least to do when the room begins.
//!
//! In: who joins and leaves which room, what each shard has forwarded so far, time. Out: shard numbers. One sequence of
//! inputs gives one placement.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use conclave_wire::id::{PeerId, RoomId};

/// What a peer counts for beside the packets its shard is seen to forward, in packets per second: a newcomer has sent
/// nothing yet.
const PEER_LOAD: u64 = 100;
/// Shortest time over which the packets of a shard make a rate.
const SAMPLE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Default)]
struct Shard {
    peers: u64,
    /// Packets forwarded when the last sample was taken.
    forwarded: u64,
    /// Packets per second between the last two samples.
    rate: u64,
}

struct Room {
    shard: usize,
    peers: usize,
}

/// Where rooms and peers are.
pub(crate) struct Placement {
    shards: Vec<Shard>,
    sampled: Instant,
    rooms: HashMap<RoomId, Room>,
    peers: HashMap<PeerId, RoomId>,
}

impl Placement {
    /// Places on shards `0..shards`, which have forwarded nothing yet.
    pub(crate) fn new(now: Instant, shards: usize) -> Self {
        Self {
            shards: vec![Shard::default(); shards],
            sampled: now,
            rooms: HashMap::new(),
            peers: HashMap::new(),
        }
    }

    /// Notes how many packets each shard has forwarded since its start.
    pub(crate) fn sample(&mut self, now: Instant, forwarded: impl Iterator<Item = u64>) {
        let passed = now.saturating_duration_since(self.sampled);
        if passed < SAMPLE {
            return;
        }
        self.sampled = now;
        let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
        for (shard, forwarded) in self.shards.iter_mut().zip(forwarded) {
            let packets = forwarded.saturating_sub(shard.forwarded);
            shard.forwarded = forwarded;
            shard.rate = packets.saturating_mul(1000) / milliseconds;
        }
    }

    /// The shard of a peer that joins a room. A room stays where it is as long as somebody is in it.
    pub(crate) fn add(&mut self, peer: PeerId, room: RoomId) -> Option<usize> {
        if self.peers.contains_key(&peer) {
            return self.shard_of(peer);
        }
        let new = self.least_loaded()?;
        let place = self.rooms.entry(room).or_insert(Room { shard: new, peers: 0 });
        place.peers += 1;
        self.peers.insert(peer, room);
        let at = place.shard;
        if let Some(shard) = self.shards.get_mut(at) {
            shard.peers += 1;
        }
        Some(at)
    }

    /// The shard of a peer that leaves.
    pub(crate) fn remove(&mut self, peer: PeerId) -> Option<usize> {
        let room = self.peers.remove(&peer)?;
        let place = self.rooms.get_mut(&room)?;
        let at = place.shard;
        place.peers -= 1;
        if place.peers == 0 {
            self.rooms.remove(&room);
        }
        if let Some(shard) = self.shards.get_mut(at) {
            shard.peers -= 1;
        }
        Some(at)
    }

    /// Where a peer is; `None` for one nobody added.
    pub(crate) fn shard_of(&self, peer: PeerId) -> Option<usize> {
        self.shard_of_room(*self.peers.get(&peer)?)
    }

    /// Where a room is; `None` for an empty one.
    pub(crate) fn shard_of_room(&self, room: RoomId) -> Option<usize> {
        self.rooms.get(&room).map(|room| room.shard)
    }

    /// The shard with the least to do; of equals the first.
    fn least_loaded(&self) -> Option<usize> {
        let load = |shard: &Shard| shard.rate.saturating_add(shard.peers * PEER_LOAD);
        let mut shards = self.shards.iter().map(load).enumerate();
        let first = shards.next()?;
        let least = shards.fold(first, |least, next| if next.1 < least.1 { next } else { least });
        Some(least.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: u8) -> RoomId {
        RoomId::new([number; 16])
    }

    fn placement(shards: usize) -> (Placement, Instant) {
        let now = Instant::now();
        (Placement::new(now, shards), now)
    }

    #[test]
    fn rooms_go_to_the_shard_with_the_fewest_peers_and_of_equals_to_the_first() {
        let (mut placement, _) = placement(3);
        let joins = [(1, 1), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 1), (8, 6)];
        let places: Vec<_> = joins
            .iter()
            .map(|(peer, to)| placement.add(PeerId(*peer), room(*to)).unwrap())
            .collect();
        // Room 1 has two on shard 0; rooms 2 and 3 one each; 4 ties and takes the first; and so on.
        assert_eq!(places, [0, 0, 1, 2, 1, 2, 0, 1]);
        for (peer, to) in joins {
            assert_eq!(
                placement.shard_of(PeerId(peer)),
                placement.shard_of_room(room(to))
            );
        }
    }

    #[test]
    fn a_room_stays_while_anybody_is_in_it_and_is_placed_anew_after_the_last() {
        let (mut placement, _) = placement(2);
        assert_eq!(placement.add(PeerId(1), room(1)), Some(0));
        assert_eq!(placement.add(PeerId(2), room(2)), Some(1));
        assert_eq!(placement.add(PeerId(3), room(1)), Some(0));
        assert_eq!(placement.remove(PeerId(1)), Some(0));
        assert_eq!(placement.add(PeerId(4), room(1)), Some(0));
        assert_eq!(placement.remove(PeerId(3)), Some(0));
        assert_eq!(placement.remove(PeerId(4)), Some(0));
        assert_eq!(placement.shard_of_room(room(1)), None);
        assert_eq!(placement.add(PeerId(5), room(3)), Some(0));
        assert_eq!(placement.add(PeerId(6), room(3)), Some(0));
        assert_eq!(
            placement.add(PeerId(7), room(1)),
            Some(1),
            "the other is fuller now"
        );
        assert_eq!(placement.remove(PeerId(99)), None);
        assert_eq!(placement.shard_of(PeerId(1)), None);
    }

    #[test]
    fn a_peer_added_twice_counts_once_and_stays() {
        let (mut placement, _) = placement(2);
        assert_eq!(placement.add(PeerId(1), room(1)), Some(0));
        assert_eq!(placement.add(PeerId(1), room(2)), Some(0));
        assert_eq!(placement.shard_of_room(room(2)), None);
        assert_eq!(placement.remove(PeerId(1)), Some(0));
        assert_eq!(placement.shard_of_room(room(1)), None);
    }

    #[test]
    fn a_shard_that_forwards_much_counts_as_full_although_few_are_on_it() {
        let (mut placement, start) = placement(2);
        placement.add(PeerId(1), room(1));
        placement.add(PeerId(2), room(2));
        placement.add(PeerId(3), room(2));
        // Shard 0 has one peer and 50 000 packets a second, shard 1 has two and 100.
        let second = Duration::from_secs(1);
        placement.sample(start + second, [50_000, 100].into_iter());
        assert_eq!(placement.add(PeerId(4), room(3)), Some(1));
        assert_eq!(placement.add(PeerId(5), room(4)), Some(1));
        // A sample that comes too soon says nothing; one in which nothing was forwarded frees the shard.
        placement.sample(start + second + second / 2, [50_000, 1_000_000].into_iter());
        assert_eq!(placement.add(PeerId(6), room(5)), Some(1));
        placement.sample(start + 3 * second, [50_000, 100].into_iter());
        assert_eq!(placement.add(PeerId(7), room(6)), Some(0));
    }
}
