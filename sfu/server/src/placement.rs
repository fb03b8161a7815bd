//! Decides which shards a room lives on: the one with the least to do when it begins, and further ones as it grows.
//!
//! In: who joins and leaves which room, what each shard has forwarded so far, time. Out: [`Placed`]. One sequence of
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

/// The shards of a room with their peers, in the order in which they were taken.
#[derive(Default)]
struct Room {
    seats: Vec<Seats>,
}

struct Seats {
    shard: usize,
    peers: usize,
}

/// What a step of one peer means for its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The peer's shard.
    pub(crate) shard: usize,
    /// All shards of the room, if these are others now.
    pub(crate) span: Option<Vec<usize>>,
}

/// Where rooms and peers are.
pub(crate) struct Placement {
    shards: Vec<Shard>,
    /// Peers of one room on a shard before further ones go to another.
    spread: usize,
    sampled: Instant,
    version: u64,
    rooms: HashMap<RoomId, Room>,
    peers: HashMap<PeerId, (RoomId, usize)>,
}

impl Placement {
    /// Places on shards `0..shards`, which have forwarded nothing yet.
    pub(crate) fn new(now: Instant, shards: usize, spread: usize) -> Self {
        Self {
            shards: vec![Shard::default(); shards],
            spread,
            sampled: now,
            version: 0,
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

    /// Places a peer that joins a room. A room keeps its shards as long as somebody is on them, and takes another when
    /// all are full.
    pub(crate) fn add(&mut self, peer: PeerId, room: RoomId) -> Option<Placed> {
        if let Some((_, shard)) = self.peers.get(&peer) {
            return Some(Placed {
                shard: *shard,
                span: None,
            });
        }
        let (shard, is_new) = self.choose(room)?;
        let place = self.rooms.entry(room).or_default();
        if is_new {
            place.seats.push(Seats { shard, peers: 0 });
        }
        if let Some(seats) = place.seats.iter_mut().find(|seats| seats.shard == shard) {
            seats.peers += 1;
        }
        let span = is_new.then(|| self.changed_span(room));
        self.peers.insert(peer, (room, shard));
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.peers += 1;
        }
        Some(Placed { shard, span })
    }

    /// Takes away a peer that leaves.
    pub(crate) fn remove(&mut self, peer: PeerId) -> Option<Placed> {
        let (room, shard) = self.peers.remove(&peer)?;
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.peers -= 1;
        }
        let place = self.rooms.get_mut(&room)?;
        let seats = place.seats.iter_mut().find(|seats| seats.shard == shard)?;
        seats.peers -= 1;
        let is_last = seats.peers == 0;
        place.seats.retain(|seats| seats.peers > 0);
        if place.seats.is_empty() {
            self.rooms.remove(&room);
        }
        Some(Placed {
            shard,
            span: is_last.then(|| self.changed_span(room)),
        })
    }

    /// Where a peer is; `None` for one nobody added.
    pub(crate) fn shard_of(&self, peer: PeerId) -> Option<usize> {
        self.peers.get(&peer).map(|(_, shard)| *shard)
    }

    /// The room a peer is in.
    pub(crate) fn room_of(&self, peer: PeerId) -> Option<RoomId> {
        self.peers.get(&peer).map(|(room, _)| *room)
    }

    /// The shards of a room.
    pub(crate) fn span(&self, room: RoomId) -> Vec<usize> {
        let seats = self.rooms.get(&room).map_or(&[][..], |room| &room.seats);
        seats.iter().map(|seats| seats.shard).collect()
    }

    /// How often any room's shards have changed.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    fn changed_span(&mut self, room: RoomId) -> Vec<usize> {
        self.version += 1;
        self.span(room)
    }

    /// The shard for one more peer of a room, and whether the room has not been on it.
    fn choose(&self, room: RoomId) -> Option<(usize, bool)> {
        let seats = self.rooms.get(&room).map_or(&[][..], |room| &room.seats);
        if let Some(free) = seats.iter().find(|seats| seats.peers < self.spread) {
            return Some((free.shard, false));
        }
        if let Some(new) = self.least_loaded(|shard| !seats.iter().any(|seats| seats.shard == shard)) {
            return Some((new, true));
        }
        let emptiest = seats.iter().min_by_key(|seats| seats.peers)?;
        Some((emptiest.shard, false))
    }

    /// The shard with the least to do among those that qualify; of equals the first.
    fn least_loaded(&self, qualifies: impl Fn(usize) -> bool) -> Option<usize> {
        let load = |shard: &Shard| shard.rate.saturating_add(shard.peers * PEER_LOAD);
        let shards = self.shards.iter().map(load).enumerate();
        shards
            .filter(|(shard, _)| qualifies(*shard))
            .min_by_key(|(_, load)| *load)
            .map(|(shard, _)| shard)
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
        (Placement::new(now, shards, 100), now)
    }

    /// Only where the peer is.
    fn add(placement: &mut Placement, peer: u64, to: RoomId) -> usize {
        placement.add(PeerId(peer), to).unwrap().shard
    }

    fn remove(placement: &mut Placement, peer: u64) -> Option<usize> {
        placement.remove(PeerId(peer)).map(|placed| placed.shard)
    }

    #[test]
    fn rooms_go_to_the_shard_with_the_fewest_peers_and_of_equals_to_the_first() {
        let (mut placement, _) = placement(3);
        let joins = [(1, 1), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 1), (8, 6)];
        let places: Vec<_> = joins
            .iter()
            .map(|(peer, to)| add(&mut placement, *peer, room(*to)))
            .collect();
        // Room 1 has two on shard 0; rooms 2 and 3 one each; 4 ties and takes the first; and so on.
        assert_eq!(places, [0, 0, 1, 2, 1, 2, 0, 1]);
        for (peer, to) in joins {
            let at = placement.shard_of(PeerId(peer)).unwrap();
            assert_eq!(placement.span(room(to)), [at]);
        }
    }

    #[test]
    fn a_room_stays_while_anybody_is_in_it_and_is_placed_anew_after_the_last() {
        let (mut placement, _) = placement(2);
        assert_eq!(add(&mut placement, 1, room(1)), 0);
        assert_eq!(add(&mut placement, 2, room(2)), 1);
        assert_eq!(add(&mut placement, 3, room(1)), 0);
        assert_eq!(remove(&mut placement, 1), Some(0));
        assert_eq!(add(&mut placement, 4, room(1)), 0);
        assert_eq!(remove(&mut placement, 3), Some(0));
        assert_eq!(remove(&mut placement, 4), Some(0));
        assert!(placement.span(room(1)).is_empty());
        assert_eq!(add(&mut placement, 5, room(3)), 0);
        assert_eq!(add(&mut placement, 6, room(3)), 0);
        assert_eq!(add(&mut placement, 7, room(1)), 1, "the other is fuller now");
        assert_eq!(remove(&mut placement, 99), None);
        assert_eq!(placement.shard_of(PeerId(1)), None);
    }

    #[test]
    fn a_peer_added_twice_counts_once_and_stays() {
        let (mut placement, _) = placement(2);
        assert_eq!(add(&mut placement, 1, room(1)), 0);
        assert_eq!(add(&mut placement, 1, room(2)), 0);
        assert!(placement.span(room(2)).is_empty());
        assert_eq!(remove(&mut placement, 1), Some(0));
        assert!(placement.span(room(1)).is_empty());
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
        assert_eq!(add(&mut placement, 4, room(3)), 1);
        assert_eq!(add(&mut placement, 5, room(4)), 1);
        // A sample that comes too soon says nothing; one in which nothing was forwarded frees the shard.
        placement.sample(start + second + second / 2, [50_000, 1_000_000].into_iter());
        assert_eq!(add(&mut placement, 6, room(5)), 1);
        placement.sample(start + 3 * second, [50_000, 100].into_iter());
        assert_eq!(add(&mut placement, 7, room(6)), 0);
    }

    #[test]
    fn a_room_that_outgrows_its_shards_takes_the_emptiest_other_and_gives_it_back() {
        let now = Instant::now();
        let mut placement = Placement::new(now, 3, 2);
        let placed = |shard, span: Option<&[usize]>| Placed {
            shard,
            span: span.map(<[usize]>::to_vec),
        };
        // Somebody else makes shard 1 the fuller one.
        for peer in [90, 91] {
            placement.add(PeerId(peer), room(9)).unwrap();
        }
        let joins: Vec<Placed> = (1..=8)
            .map(|peer| placement.add(PeerId(peer), room(1)).unwrap())
            .collect();
        let expected = [
            placed(1, Some(&[1])),
            placed(1, None),
            placed(2, Some(&[1, 2])),
            placed(2, None),
            placed(0, Some(&[1, 2, 0])),
            placed(0, None),
            // All are full: the emptiest of them, of equals the first that was taken.
            placed(1, None),
            placed(2, None),
        ];
        assert_eq!(joins, expected);
        assert_eq!(placement.remove(PeerId(3)), Some(placed(2, None)));
        assert_eq!(placement.remove(PeerId(4)), Some(placed(2, None)));
        assert_eq!(placement.remove(PeerId(8)), Some(placed(2, Some(&[1, 0]))));
        assert_eq!(placement.remove(PeerId(1)), Some(placed(1, None)));
        assert_eq!(placement.remove(PeerId(2)), Some(placed(1, None)));
        // Room for one more where the room is already.
        assert_eq!(placement.add(PeerId(10), room(1)), Some(placed(1, None)));
    }
}
