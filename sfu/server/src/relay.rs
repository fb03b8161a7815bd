//! Carries the packets of a wide room between its shards: each once to every shard that has subscribers.
//!
//! A shard tells the others what its peers publish ([`Mirror`]), which tracks of theirs it wants, and which key frames;
//! packets wanted elsewhere go out in one batch per shard and turn. Everything between two shards goes through the
//! receiver's one bounded queue: media that finds it full is dropped, the rest waits and is bounded by what it describes.

use std::collections::{HashMap, HashSet, VecDeque};

use conclave_sfu_core::{Mirror, PeerSlot, ShardSet, Stream};
use conclave_transport::rtcp::{RtcpEvent, events};
use conclave_wire::control::ControlEvent;
use conclave_wire::id::{PeerId, RoomId, TrackId};
use conclave_wire::media::Source;
use tokio::sync::mpsc;

/// Messages that wait for a shard. A turn of media is one message.
pub(crate) const QUEUE: usize = 1024;
/// Bytes of one batch; further packets of a turn begin another.
const BATCH_BYTES: usize = 64 << 10;
/// Emptied batches that are kept.
const MAX_SPARE: usize = 64;

/// What one shard tells another.
pub(crate) enum Message {
    /// A peer of the sender has come, or is another now.
    Mirror {
        room: RoomId,
        mirror: Box<Mirror>,
        version: u64,
    },
    /// A peer of the sender has left.
    Gone { peer: PeerId },
    /// The sender wants the packets of a track, or no longer.
    Wanted { room: RoomId, track: TrackId, on: bool },
    /// The sender needs these layers, the smallest first.
    Needed {
        peer: PeerId,
        source: Source,
        needed: Vec<bool>,
    },
    /// The sender needs a key frame of a stream.
    Keyframe { peer: PeerId, ssrc: u32 },
    /// Packets of the sender's peers.
    Media(Batch),
}

/// The inbound end of a shard.
pub(crate) type Inbox = mpsc::Receiver<(usize, Message)>;
/// The outbound ends of a shard, one for each shard, its own among them.
pub(crate) type Outboxes = Vec<mpsc::Sender<(usize, Message)>>;

/// The ends of `count` shards.
pub(crate) fn connect(count: usize) -> (Outboxes, Vec<Inbox>) {
    (0..count).map(|_| mpsc::channel(QUEUE)).unzip()
}

/// Packets one behind the other.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    packets: Vec<(PeerId, Option<Stream>, usize)>,
}

impl Batch {
    /// Calls `handle` for each packet, in order.
    pub(crate) fn for_each(&self, mut handle: impl FnMut(PeerId, Option<Stream>, &[u8])) {
        let mut rest = self.bytes.as_slice();
        for (peer, stream, len) in &self.packets {
            let Some((packet, behind)) = rest.split_at_checked(*len) else {
                return;
            };
            rest = behind;
            handle(*peer, *stream, packet);
        }
    }

    fn push(&mut self, peer: PeerId, stream: Option<Stream>, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.packets.push((peer, stream, packet.len()));
    }
}

/// A room that is on several shards.
#[derive(Default)]
struct Wide {
    /// The other shards.
    others: ShardSet,
    /// Tracks of mirrors that were asked for, and where.
    wanted: HashMap<TrackId, usize>,
    version: u64,
}

/// A peer whose transport is on another shard.
struct Mirrored {
    home: usize,
    room: RoomId,
    slot: PeerSlot,
}

/// The relay of one shard.
pub(crate) struct Relay {
    number: usize,
    outboxes: Outboxes,
    /// What found a queue full, by shard.
    waiting: Vec<VecDeque<Message>>,
    /// What goes out at the end of the turn, by shard.
    batches: Vec<Batch>,
    spare: Vec<Batch>,
    rooms: HashMap<RoomId, Wide>,
    mirrored: HashMap<PeerId, Mirrored>,
    slots: HashMap<PeerSlot, PeerId>,
    /// Own peers of wide rooms that are others now.
    changed: HashSet<PeerId>,
    /// The last change of any room's shards that this shard was told of.
    version: u64,
    /// Packets passed on, and those a full queue dropped, since the shard last took the counts.
    pub(crate) relayed: u64,
    pub(crate) dropped: u64,
}

/// What the shard is to do after a change of a room's shards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SpanChange {
    /// Mirrors to remove.
    pub(crate) gone: Vec<PeerId>,
    /// Shards that want nothing of the room any more.
    pub(crate) left: Vec<usize>,
    /// Shards that are to be told of all own peers.
    pub(crate) joined: Vec<usize>,
}

impl Relay {
    pub(crate) fn new(number: usize, outboxes: Outboxes) -> Self {
        let count = outboxes.len();
        Self {
            number,
            outboxes,
            waiting: std::iter::repeat_with(VecDeque::new).take(count).collect(),
            batches: std::iter::repeat_with(Batch::default).take(count).collect(),
            spare: Vec::new(),
            rooms: HashMap::new(),
            mirrored: HashMap::new(),
            slots: HashMap::new(),
            changed: HashSet::new(),
            version: 0,
            relayed: 0,
            dropped: 0,
        }
    }

    /// A room is on these shards now.
    pub(crate) fn span(&mut self, room: RoomId, shards: &[usize], version: u64) -> SpanChange {
        self.version = version;
        let mut others = ShardSet::default();
        if shards.contains(&self.number) {
            for shard in shards.iter().filter(|shard| **shard != self.number) {
                others.set(*shard, true);
            }
        }
        let before = self.rooms.get(&room).map(|wide| wide.others).unwrap_or_default();
        let is_among = |set: ShardSet, wanted: usize| set.iter().any(|shard| shard == wanted);
        let change = SpanChange {
            gone: self
                .mirrored
                .iter()
                .filter(|(_, mirrored)| mirrored.room == room && !is_among(others, mirrored.home))
                .map(|(peer, _)| *peer)
                .collect(),
            left: before.iter().filter(|shard| !is_among(others, *shard)).collect(),
            joined: others.iter().filter(|shard| !is_among(before, *shard)).collect(),
        };
        if others.is_empty() {
            self.rooms.remove(&room);
        } else {
            let wide = self.rooms.entry(room).or_default();
            wide.others = others;
            wide.version = version;
        }
        change
    }

    /// Whether a message of another shard about a mirror is of a room this shard has left.
    pub(crate) fn is_stale(&self, from: usize, room: RoomId, version: u64) -> bool {
        match self.rooms.get(&room) {
            Some(wide) => !wide.others.iter().any(|shard| shard == from) && version <= self.version,
            None => version <= self.version,
        }
    }

    /// Whether another shard is one of a room's.
    pub(crate) fn is_other(&self, from: usize, room: RoomId) -> bool {
        let wide = self.rooms.get(&room);
        wide.is_some_and(|wide| wide.others.iter().any(|shard| shard == from))
    }

    /// Notes a mirror and the slot it has.
    pub(crate) fn add_mirror(&mut self, peer: PeerId, home: usize, room: RoomId, slot: PeerSlot) {
        self.slots.insert(slot, peer);
        self.mirrored.insert(peer, Mirrored { home, room, slot });
    }

    /// Forgets a mirror.
    pub(crate) fn remove_mirror(&mut self, peer: PeerId) {
        if let Some(mirrored) = self.mirrored.remove(&peer) {
            self.slots.remove(&mirrored.slot);
        }
    }

    /// Notes that an own peer may be another now.
    pub(crate) fn note(&mut self, peer: PeerId) {
        if !self.rooms.is_empty() && !self.mirrored.contains_key(&peer) {
            self.changed.insert(peer);
        }
    }

    /// Takes the own peers that may be others now.
    pub(crate) fn take_changed(&mut self) -> Vec<PeerId> {
        self.changed.drain().collect()
    }

    /// Tells the other shards of a room, or one of them, what an own peer is now.
    pub(crate) fn tell_mirror(&mut self, room: RoomId, mirror: &Mirror, to: Option<usize>) {
        let Some(wide) = self.rooms.get(&room) else { return };
        let version = wide.version;
        for shard in wide
            .others
            .iter()
            .filter(|shard| to.is_none_or(|to| to == *shard))
        {
            let mirror = Box::new(mirror.clone());
            self.send(
                shard,
                Message::Mirror {
                    room,
                    mirror,
                    version,
                },
            );
        }
    }

    /// Tells the other shards of a room that an own peer has left.
    pub(crate) fn tell_gone(&mut self, room: RoomId, peer: PeerId) {
        self.changed.remove(&peer);
        let Some(wide) = self.rooms.get(&room) else { return };
        for shard in wide.others.iter() {
            self.send(shard, Message::Gone { peer });
        }
    }

    /// Tells the homes of a room's mirrors which of their tracks are wanted here: these and no others.
    pub(crate) fn tell_wanted(&mut self, room: RoomId, watched: &[(PeerId, TrackId)]) {
        let Some(wide) = self.rooms.get_mut(&room) else {
            return;
        };
        let homes = watched.iter().filter_map(|(peer, track)| {
            let home = self.mirrored.get(peer)?.home;
            Some((*track, home))
        });
        let wanted: HashMap<TrackId, usize> = homes.collect();
        let before = std::mem::replace(&mut wide.wanted, wanted.clone());
        let begun = wanted.iter().filter(|(track, _)| !before.contains_key(track));
        let ended = before.iter().filter(|(track, _)| !wanted.contains_key(track));
        let changes: Vec<_> = begun
            .map(|(track, home)| (*track, *home, true))
            .chain(ended.map(|(track, home)| (*track, *home, false)))
            .collect();
        for (track, home, on) in changes {
            self.send(home, Message::Wanted { room, track, on });
        }
    }

    /// The rooms that are on several shards.
    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.keys().copied().collect()
    }

    /// Takes RTCP for a mirror: its requests for key frames go to its home, where everything else is known already.
    pub(crate) fn feedback(&mut self, to: PeerSlot, packet: &[u8]) {
        let Some(peer) = self.slots.get(&to).copied() else {
            return;
        };
        let Some(home) = self.mirrored.get(&peer).map(|mirrored| mirrored.home) else {
            return;
        };
        for event in events(packet) {
            if let Ok(RtcpEvent::Pli { media_ssrc, .. } | RtcpEvent::Fir { media_ssrc, .. }) = event {
                let ssrc = media_ssrc;
                // A full queue may lose it: it is asked for again until the picture comes.
                let _ = self.try_send(home, Message::Keyframe { peer, ssrc });
            }
        }
    }

    /// Takes a packet of an own peer for other shards.
    pub(crate) fn push(&mut self, from: PeerId, stream: Option<Stream>, to: ShardSet, packet: &[u8]) {
        for shard in to.iter() {
            let full = |batch: &Batch| batch.bytes.len() + packet.len() > BATCH_BYTES;
            if self.batches.get(shard).is_some_and(full) {
                self.flush_batch(shard);
            }
            if let Some(batch) = self.batches.get_mut(shard) {
                batch.push(from, stream, packet);
                self.relayed += 1;
            }
        }
    }

    /// Takes a batch back whose packets were handled.
    pub(crate) fn recycle(&mut self, mut batch: Batch) {
        if self.spare.len() < MAX_SPARE {
            batch.bytes.clear();
            batch.packets.clear();
            self.spare.push(batch);
        }
    }

    /// Sends what the turn has left.
    pub(crate) fn flush(&mut self) {
        for shard in 0..self.outboxes.len() {
            while let Some(message) = self.waiting.get_mut(shard).and_then(VecDeque::pop_front) {
                if let Err(message) = self.try_send(shard, message) {
                    if let Some(waiting) = self.waiting.get_mut(shard) {
                        waiting.push_front(message);
                    }
                    break;
                }
            }
            self.flush_batch(shard);
        }
    }

    /// Takes the events of mirrors, which the signaling service hears from their own shards; the rest comes back. Which
    /// layers are needed here, a mirror's home is told.
    pub(crate) fn filter(&mut self, event: ControlEvent) -> Option<ControlEvent> {
        let Some(home) = peer_of(&event).and_then(|peer| Some(self.mirrored.get(&peer)?.home)) else {
            return Some(event);
        };
        if let ControlEvent::EncodingsNeeded { peer, source, needed } = event {
            self.send(home, Message::Needed { peer, source, needed });
        }
        None
    }

    /// How many peers of this shard's core are mirrors.
    pub(crate) fn mirror_count(&self) -> usize {
        self.mirrored.len()
    }

    /// Whether something waits for room in a queue.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.iter().any(|waiting| !waiting.is_empty())
    }

    fn flush_batch(&mut self, shard: usize) {
        let Some(batch) = self
            .batches
            .get_mut(shard)
            .filter(|batch| !batch.packets.is_empty())
        else {
            return;
        };
        let batch = std::mem::replace(batch, self.spare.pop().unwrap_or_default());
        let packets = batch.packets.len();
        if let Err(Message::Media(batch)) = self.try_send(shard, Message::Media(batch)) {
            self.dropped += u64::try_from(packets).unwrap_or(0);
            self.recycle(batch);
        }
    }

    /// Sends in order what must not be lost.
    fn send(&mut self, shard: usize, message: Message) {
        // A peer's packets come before what is said of it later.
        self.flush_batch(shard);
        let waits = self.waiting.get(shard).is_some_and(|waiting| !waiting.is_empty());
        let unsent = if waits {
            Some(message)
        } else {
            self.try_send(shard, message).err()
        };
        if let (Some(message), Some(waiting)) = (unsent, self.waiting.get_mut(shard)) {
            waiting.push_back(message);
        }
    }

    fn try_send(&self, shard: usize, message: Message) -> Result<(), Message> {
        let Some(outbox) = self.outboxes.get(shard) else {
            return Ok(());
        };
        match outbox.try_send((self.number, message)) {
            Err(mpsc::error::TrySendError::Full((_, message))) => Err(message),
            // A shard that has ended wants nothing any more.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

/// The peer an event is about.
pub(crate) const fn peer_of(event: &ControlEvent) -> Option<PeerId> {
    match event {
        ControlEvent::PeerConnected { peer }
        | ControlEvent::PeerLost { peer }
        | ControlEvent::TrackPublished { peer, .. }
        | ControlEvent::TrackUnpublished { peer, .. }
        | ControlEvent::ProducerClosed { peer, .. }
        | ControlEvent::Answered { peer, .. }
        | ControlEvent::NegotiationFailed { peer, .. }
        | ControlEvent::EncodingsNeeded { peer, .. }
        | ControlEvent::PicturesPaused { peer, .. } => Some(*peer),
        _ => None,
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
