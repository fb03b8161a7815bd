//! Carries the packets of a wide room between its shards: each once to every shard that has subscribers.
//!
//! A shard tells the others what its peers publish ([`Mirror`]), which tracks of theirs it wants, and which key frames;
//! packets wanted elsewhere go out in one batch per shard and turn. Everything between two shards goes through the
//! receiver's one bounded queue: media that finds it full is dropped, the rest waits and is bounded by what it describes.
//!
//! A shard may leave a room and be on it again before another was told of either. So each word about a mirror carries
//! the version at which its two shards met in the room: a word of an earlier meeting is stale, one of a later is kept.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

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
        met: u64,
    },
    /// The receiver knows all peers of the sender in a room where the two have met.
    AllTold { room: RoomId, met: u64 },
    /// A peer of the sender has left.
    Gone { peer: PeerId },
    /// The sender wants the packets of a track, or no longer.
    Wanted {
        room: RoomId,
        track: TrackId,
        met: u64,
        on: bool,
    },
    /// The sender needs these layers, the smallest first.
    Needed {
        peer: PeerId,
        source: Source,
        met: u64,
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
    /// The other shards, each with the version at which it and this one met.
    others: BTreeMap<usize, u64>,
    /// Tracks of mirrors that were asked for, and where.
    wanted: HashMap<TrackId, Home>,
}

/// The shard of a peer, and when this one met it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Home {
    shard: usize,
    met: u64,
}

/// Where and when this shard and another came to be in one room.
#[derive(PartialEq, Eq, Hash)]
struct Meeting {
    room: RoomId,
    other: usize,
    met: u64,
}

/// A peer whose transport is on another shard.
struct Mirrored {
    home: Home,
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
    /// Meetings this shard knows of, whose other shard has not told all yet.
    awaited: HashSet<Meeting>,
    /// Meetings whose other shard has told all before this one knew of them.
    early: HashSet<Meeting>,
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
            awaited: HashSet::new(),
            early: HashSet::new(),
            relayed: 0,
            dropped: 0,
        }
    }

    /// A room is on these shards now.
    pub(crate) fn span(&mut self, room: RoomId, shards: &[usize], version: u64) -> SpanChange {
        self.version = version;
        let before = self.rooms.get(&room).map(|wide| wide.others.clone());
        let before = before.unwrap_or_default();
        let is_here = shards.contains(&self.number);
        let others: BTreeMap<usize, u64> = shards
            .iter()
            .filter(|shard| is_here && **shard != self.number)
            .map(|shard| (*shard, before.get(shard).copied().unwrap_or(version)))
            .collect();
        // A mirror of a later meeting belongs to a change that is still under way to this shard.
        let is_over = |home: Home| home.met <= version && others.get(&home.shard) != Some(&home.met);
        let ended = self
            .mirrored
            .iter()
            .filter(|(_, mirrored)| mirrored.room == room && is_over(mirrored.home));
        let change = SpanChange {
            gone: ended.map(|(peer, _)| *peer).collect(),
            left: before
                .keys()
                .filter(|shard| !others.contains_key(shard))
                .copied()
                .collect(),
            joined: others
                .keys()
                .filter(|shard| !before.contains_key(shard))
                .copied()
                .collect(),
        };
        for other in change.joined.iter().copied() {
            let meeting = Meeting {
                room,
                other,
                met: version,
            };
            if !self.early.remove(&meeting) {
                self.awaited.insert(meeting);
            }
        }
        if others.is_empty() {
            self.rooms.remove(&room);
        } else {
            self.rooms.entry(room).or_default().others = others;
        }
        change
    }

    /// Whether another shard's word of a mirror is of a meeting that is over. One of a meeting this shard has yet to be
    /// told of is not.
    pub(crate) fn is_stale(&self, from: usize, room: RoomId, met: u64) -> bool {
        met <= self.version && !self.has_met(from, room, met)
    }

    /// Whether another shard is one of a room's, and has been since then.
    pub(crate) fn has_met(&self, other: usize, room: RoomId, met: u64) -> bool {
        let wide = self.rooms.get(&room);
        wide.is_some_and(|wide| wide.others.get(&other) == Some(&met))
    }

    /// Notes a mirror, the shard it is of and when that was met, and the slot it has.
    pub(crate) fn add_mirror(&mut self, peer: PeerId, from: usize, met: u64, room: RoomId, slot: PeerSlot) {
        let home = Home { shard: from, met };
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
        let told = |shard: &usize| to.is_none_or(|to| to == *shard);
        let others: Vec<_> = wide
            .others
            .iter()
            .filter(|(shard, _)| told(shard))
            .map(|(shard, met)| (*shard, *met))
            .collect();
        for (shard, met) in others {
            let mirror = Box::new(mirror.clone());
            self.send(shard, Message::Mirror { room, mirror, met });
        }
    }

    /// Tells another shard of a room that it knows all own peers.
    pub(crate) fn tell_all_told(&mut self, room: RoomId, to: usize) {
        let met = self.rooms.get(&room).and_then(|wide| wide.others.get(&to));
        if let Some(met) = met.copied() {
            self.send(to, Message::AllTold { room, met });
        }
    }

    /// Notes that another shard of a room has told of all its peers.
    pub(crate) fn all_told(&mut self, from: usize, room: RoomId, met: u64) {
        let meeting = Meeting {
            room,
            other: from,
            met,
        };
        if !self.awaited.remove(&meeting) {
            self.early.insert(meeting);
        }
    }

    /// Whether another shard has yet to tell who is in a room it and this one are on. Until then somebody could
    /// subscribe a track in vain, so no command is taken. The commands come to all shards in one order, so of those
    /// that wait the one with the oldest change waits for one that does not.
    pub(crate) fn is_awaiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Tells the other shards of a room that an own peer has left.
    pub(crate) fn tell_gone(&mut self, room: RoomId, peer: PeerId) {
        self.changed.remove(&peer);
        let Some(wide) = self.rooms.get(&room) else { return };
        let others: Vec<usize> = wide.others.keys().copied().collect();
        for shard in others {
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
        let wanted: HashMap<TrackId, Home> = homes.collect();
        let before = std::mem::replace(&mut wide.wanted, wanted.clone());
        let begun = wanted.iter().filter(|(track, _)| !before.contains_key(track));
        let ended = before.iter().filter(|(track, _)| !wanted.contains_key(track));
        let changes: Vec<_> = begun
            .map(|(track, home)| (*track, *home, true))
            .chain(ended.map(|(track, home)| (*track, *home, false)))
            .collect();
        for (track, Home { shard, met }, on) in changes {
            self.send(shard, Message::Wanted { room, track, met, on });
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
        let Some(home) = self.mirrored.get(&peer).map(|mirrored| mirrored.home.shard) else {
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
            let Home { shard, met } = home;
            self.send(
                shard,
                Message::Needed {
                    peer,
                    source,
                    met,
                    needed,
                },
            );
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
