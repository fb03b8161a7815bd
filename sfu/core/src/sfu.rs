//! All rooms of one shard: finds the room of an input and hands it on.
//!
//! In: commands, plaintext RTP and RTCP, what transports say, time. Out: packets into an [`Egress`], [`Output`]s.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::IceCredentials;
use conclave_wire::ErrorCode;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{OfferId, PeerId, RoomId, TrackId};
use conclave_wire::media::{Section, Source};

use crate::counters::Counters;
use crate::forward::Egress;
use crate::mirror::{Mirror, Stream};
use crate::negotiation::RemoteTransport;
use crate::pacer::PACE;
use crate::room::{Room, Shed};
use crate::slab::Slab;

/// Most peers of one shard. Beyond it a peer is not added and its offers fail.
pub const MAX_PEERS: usize = 8192;

/// What the answers of a shard say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our certificate's.
    pub fingerprint: Fingerprint,
    /// Our addresses, best first; each takes UDP and TCP.
    pub candidates: Vec<SocketAddr>,
}

/// The index of a peer: small, dense, and used again after the peer's transport was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerSlot(pub usize);

/// What a transport tells the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportState {
    /// ICE and DTLS are done.
    Connected,
    /// It is over.
    Lost,
}

/// What the driver is to do.
pub enum Output {
    /// Tell the signaling service.
    Event(ControlEvent),
    /// Make a transport for this peer, in place of the one it may have.
    OpenTransport {
        /// Whose.
        peer: PeerSlot,
        /// Our credentials.
        credentials: IceCredentials,
        /// The offerer's side.
        remote: RemoteTransport,
    },
    /// Restart ICE on the peer's transport.
    RestartIce {
        /// Whose.
        peer: PeerSlot,
        /// Our new credentials.
        credentials: IceCredentials,
        /// The offerer's new fragment.
        ufrag: String,
    },
    /// Close the peer's transport, if it has one. The slot may be used again afterwards.
    CloseTransport {
        /// Whose.
        peer: PeerSlot,
    },
}

/// What every step of a room may use.
pub(crate) struct Context<'a, E> {
    pub(crate) now: Instant,
    pub(crate) egress: &'a mut E,
    pub(crate) outputs: &'a mut VecDeque<Output>,
    pub(crate) counters: &'a mut Counters,
    /// The last track id given out; unique over all rooms of the shard.
    pub(crate) last_track: &'a mut u32,
}

impl<E> Context<'_, E> {
    pub(crate) fn event(&mut self, event: ControlEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}

#[derive(Clone, Copy)]
struct Place {
    room: usize,
    member: usize,
}

/// The SFU of one shard.
pub struct Sfu {
    config: Config,
    rooms: Slab<Room>,
    room_index: HashMap<RoomId, usize>,
    peers: Slab<Place>,
    peer_index: HashMap<PeerId, PeerSlot>,
    outputs: VecDeque<Output>,
    counters: Counters,
    last_track: u32,
    tick: Option<Instant>,
    ticks: u32,
    /// When rooms with waiting packets are looked at, and which they are.
    pace: Option<Instant>,
    paced: Vec<usize>,
    shed: Shed,
}

impl Sfu {
    /// An SFU without rooms.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            rooms: Slab::new(),
            room_index: HashMap::new(),
            peers: Slab::new(),
            peer_index: HashMap::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            last_track: 0,
            tick: None,
            ticks: 0,
            pace: None,
            paced: Vec::new(),
            shed: Shed::default(),
        }
    }

    /// The same with track ids that no other shard gives out: a wide room has tracks of several.
    #[must_use]
    pub fn for_shard(config: Config, shard: u8) -> Self {
        Self {
            last_track: u32::from(shard) << 24,
            ..Self::new(config)
        }
    }

    /// Handles a command. `credentials` makes fresh ICE credentials for a peer; it is called for offers only.
    pub fn handle_command<E: Egress>(
        &mut self,
        now: Instant,
        command: ControlCommand,
        credentials: impl FnOnce(PeerSlot) -> Option<IceCredentials>,
        egress: &mut E,
    ) {
        match command {
            ControlCommand::AddPeer { peer, room } => self.add_peer(now, peer, room),
            ControlCommand::Negotiate {
                peer,
                offer_id,
                sdp,
                sections,
            } => {
                self.negotiate(now, peer, offer_id, &sdp, &sections, credentials, egress);
            }
            ControlCommand::Admit { peer, leaf } => {
                self.with_member(now, peer, egress, |room, member, context| {
                    room.admit(member, leaf, context)
                });
            }
            ControlCommand::Suspend { peer } => {
                self.with_member(now, peer, egress, |room, member, context| {
                    room.suspend(member, true, context)
                });
            }
            ControlCommand::Resume { peer } => {
                self.with_member(now, peer, egress, |room, member, context| {
                    room.suspend(member, false, context)
                });
            }
            ControlCommand::Permit { peer, sources } => {
                self.with_member(now, peer, egress, |room, member, context| {
                    room.permit(member, sources, context)
                });
            }
            ControlCommand::Views { peer, views } => {
                self.with_member(now, peer, egress, |room, member, context| {
                    room.views(member, views, context)
                });
            }
            ControlCommand::RemovePeer { peer } => self.remove_peer(now, peer, egress),
            ControlCommand::Go { room, epoch } => {
                if let Some(index) = self.room_index.get(&room).copied() {
                    self.with_room(now, index, egress, |room, context| {
                        // Frames name only the low byte of their epoch (docs/E2EE.md).
                        room.go(epoch.0.to_le_bytes()[0], context);
                    });
                }
            }
        }
        self.schedule(now);
    }

    /// Handles a plaintext RTP packet of a peer.
    pub fn handle_rtp<E: Egress>(&mut self, now: Instant, from: PeerSlot, packet: &[u8], egress: &mut E) {
        if let Some(place) = self.peers.get(from.0).copied() {
            self.with_room(now, place.room, egress, |room, context| {
                room.handle_rtp(place.member, packet, context)
            });
        }
    }

    /// Handles a plaintext compound RTCP packet of a peer.
    pub fn handle_rtcp<E: Egress>(&mut self, now: Instant, from: PeerSlot, packet: &[u8], egress: &mut E) {
        if let Some(place) = self.peers.get(from.0).copied() {
            self.with_room(now, place.room, egress, |room, context| {
                room.handle_rtcp(place.member, packet, context)
            });
        }
    }

    /// Makes the mirror of another shard's peer, or brings it up to date. It ends with `RemovePeer`, as a peer does.
    pub fn set_mirror<E: Egress>(
        &mut self,
        now: Instant,
        room: RoomId,
        mirror: &Mirror,
        egress: &mut E,
    ) -> Option<PeerSlot> {
        let peer = mirror.peer();
        self.add_peer(now, peer, room);
        self.with_member(now, peer, egress, |room, member, context| {
            room.set_mirror(member, mirror, context);
        });
        self.schedule(now);
        self.peer_index.get(&peer).copied()
    }

    /// A peer of this shard, for the other shards of its room.
    #[must_use]
    pub fn mirror_of(&self, peer: PeerId) -> Option<(RoomId, Mirror)> {
        let place = self.peers.get(self.peer_index.get(&peer)?.0)?;
        let room = self.rooms.get(place.room)?;
        Some((room.id(), room.mirror_of(place.member)?))
    }

    /// The peers of a room that have their transport on this shard.
    #[must_use]
    pub fn own_peers(&self, room: RoomId) -> Vec<PeerId> {
        let room = self.room(room);
        room.map_or(Vec::new(), |room| room.own_peers().collect())
    }

    /// The tracks of mirrors in a room that somebody on this shard is shown, with their peers.
    #[must_use]
    pub fn watched_mirrors(&self, room: RoomId) -> Vec<(PeerId, TrackId)> {
        let room = self.room(room);
        room.map_or(Vec::new(), |room| room.watched_mirrors().collect())
    }

    /// Another shard wants the packets of a track of a room, or no longer; without a track, of none.
    pub fn set_relayed(&mut self, room: RoomId, track: Option<TrackId>, shard: usize, on: bool) {
        let index = self.room_index.get(&room).copied();
        if let Some(room) = index.and_then(|index| self.rooms.get_mut(index)) {
            room.set_relayed(track, shard, on);
        }
    }

    /// Handles a plaintext packet of a mirror: RTP of a stream, or a compound RTCP packet.
    pub fn handle_relayed<E: Egress>(
        &mut self,
        now: Instant,
        peer: PeerId,
        stream: Option<Stream>,
        packet: &[u8],
        egress: &mut E,
    ) {
        self.with_member(now, peer, egress, |room, member, context| match stream {
            Some(stream) => room.handle_relayed(member, stream, packet, context),
            None => room.handle_rtcp(member, packet, context),
        });
    }

    /// Another shard needs these layers of what a peer on this one publishes, the smallest first.
    pub fn set_needed(&mut self, peer: PeerId, source: Source, shard: usize, needed: &[bool]) {
        let place = self.peer_index.get(&peer).and_then(|slot| self.peers.get(slot.0));
        let Some(Place { room, member }) = place.copied() else {
            return;
        };
        if let Some(room) = self.rooms.get_mut(room) {
            room.set_needed(member, source, shard, needed);
        }
    }

    /// Another shard needs a key frame of a stream of a peer on this one.
    pub fn relay_keyframe<E: Egress>(&mut self, now: Instant, peer: PeerId, ssrc: u32, egress: &mut E) {
        self.with_member(now, peer, egress, |room, member, context| {
            room.relay_keyframe(member, ssrc, context);
        });
    }

    /// Handles what a peer's transport says.
    pub fn handle_transport<E: Egress>(
        &mut self,
        now: Instant,
        peer: PeerSlot,
        state: TransportState,
        egress: &mut E,
    ) {
        if let Some(place) = self.peers.get(peer.0).copied() {
            self.with_room(now, place.room, egress, |room, context| {
                room.handle_transport(place.member, state, context);
            });
        }
        self.schedule(now);
    }

    /// The server has more to do than it can, or less again: pictures are thinned out by this much from now on.
    pub fn handle_shed<E: Egress>(&mut self, now: Instant, shed: Shed, egress: &mut E) {
        let overloaded = |shed: Shed| shed >= Shed::OVERLOADED;
        let before = std::mem::replace(&mut self.shed, shed);
        if before == shed {
            return;
        }
        if overloaded(before) != overloaded(shed) {
            let event = ControlEvent::Overloaded {
                overloaded: overloaded(shed),
            };
            self.outputs.push_back(Output::Event(event));
        }
        let rooms: Vec<usize> = self.rooms.iter().map(|(index, _)| index).collect();
        for room in rooms {
            self.with_room(now, room, egress, |room, context| room.shed(shed, context));
        }
    }

    /// Moves time forward.
    pub fn handle_timeout<E: Egress>(&mut self, now: Instant, egress: &mut E) {
        if self.pace.is_some_and(|pace| now >= pace) {
            self.handle_pace(now, egress);
        }
        if self.tick.is_some_and(|tick| now >= tick) {
            self.handle_tick(now, egress);
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.tick, self.pace) {
            (Some(tick), Some(pace)) => Some(tick.min(pace)),
            (tick, pace) => tick.or(pace),
        }
    }

    /// What was counted since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// Peers that exist now, mirrors among them.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Published tracks that exist now, without those of mirrors.
    #[must_use]
    pub fn track_count(&self) -> usize {
        self.rooms.iter().map(|(_, room)| room.track_count()).sum()
    }

    /// How much load is shed now.
    #[must_use]
    pub const fn shed(&self) -> Shed {
        self.shed
    }

    /// The sum of the subscribers' estimates in bits per second, and how many have one.
    #[must_use]
    pub fn estimates(&self) -> (u64, u64) {
        let rooms = self.rooms.iter().flat_map(|(_, room)| room.estimates());
        rooms.fold((0, 0), |(sum, count), estimate| {
            (sum + u64::from(estimate), count + 1)
        })
    }

    /// Sends what waited in rooms.
    fn handle_pace<E: Egress>(&mut self, now: Instant, egress: &mut E) {
        self.pace = None;
        let mut place = 0;
        while let Some(room) = self.paced.get(place).copied() {
            self.with_room(now, room, egress, |room, context| room.handle_pace(context));
            let found = self.rooms.get_mut(room);
            if found.as_ref().is_some_and(|room| room.is_paced()) {
                self.pace = Some(now + PACE);
                place += 1;
            } else {
                if let Some(room) = found {
                    room.is_listed = false;
                }
                self.paced.swap_remove(place);
            }
        }
    }

    fn handle_tick<E: Egress>(&mut self, now: Instant, egress: &mut E) {
        self.tick = None;
        self.ticks = self.ticks.wrapping_add(1);
        let ticks = self.ticks;
        for index in 0..self.rooms.slots() {
            self.with_room(now, index, egress, |room, context| {
                room.handle_tick(ticks, context)
            });
        }
        self.schedule(now);
    }

    fn room(&self, room: RoomId) -> Option<&Room> {
        self.rooms.get(*self.room_index.get(&room)?)
    }

    fn add_peer(&mut self, now: Instant, peer: PeerId, room: RoomId) {
        if self.peer_index.contains_key(&peer) || self.peers.len() >= MAX_PEERS {
            return;
        }
        let room_index = *self
            .room_index
            .entry(room)
            .or_insert_with(|| self.rooms.insert(Room::new(room, self.shed)));
        let slot = PeerSlot(self.peers.insert(Place {
            room: room_index,
            member: 0,
        }));
        let Some(room) = self.rooms.get_mut(room_index) else {
            return;
        };
        let member = room.add(now, peer, slot);
        if let Some(place) = self.peers.get_mut(slot.0) {
            place.member = member;
        }
        self.peer_index.insert(peer, slot);
    }

    fn remove_peer<E: Egress>(&mut self, now: Instant, peer: PeerId, egress: &mut E) {
        let Some(slot) = self.peer_index.remove(&peer) else {
            return;
        };
        let Some(place) = self.peers.remove(slot.0) else {
            return;
        };
        self.with_room(now, place.room, egress, |room, context| {
            room.remove(place.member, context)
        });
        self.outputs.push_back(Output::CloseTransport { peer: slot });
        if self.rooms.get(place.room).is_some_and(Room::is_empty)
            && let Some(room) = self.rooms.remove(place.room)
        {
            self.room_index.remove(&room.id());
            self.paced.retain(|paced| *paced != place.room);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of one command, borrowed apart"
    )]
    fn negotiate<E: Egress>(
        &mut self,
        now: Instant,
        peer: PeerId,
        offer_id: OfferId,
        sdp: &str,
        sections: &[Section],
        credentials: impl FnOnce(PeerSlot) -> Option<IceCredentials>,
        egress: &mut E,
    ) {
        let found = self
            .peer_index
            .get(&peer)
            .and_then(|slot| Some((*slot, self.peers.get(slot.0).copied()?)));
        let fresh = found.and_then(|(slot, place)| Some((place, credentials(slot)?)));
        let Some((place, fresh)) = fresh else {
            let failed = ControlEvent::NegotiationFailed {
                peer,
                offer_id,
                code: ErrorCode::MediaUnavailable,
            };
            self.outputs.push_back(Output::Event(failed));
            return;
        };
        let Self {
            config,
            rooms,
            outputs,
            counters,
            last_track,
            ..
        } = self;
        let Some(room) = rooms.get_mut(place.room) else {
            return;
        };
        let context = &mut Context {
            now,
            egress,
            outputs,
            counters,
            last_track,
        };
        let event = match room.negotiate(place.member, sdp, sections, fresh, config, context) {
            Ok(sdp) => ControlEvent::Answered { peer, offer_id, sdp },
            Err(error) => ControlEvent::NegotiationFailed {
                peer,
                offer_id,
                code: error.code(),
            },
        };
        context.event(event);
        if let Some(room) = rooms.get_mut(place.room) {
            room.announce(
                place.member,
                &mut Context {
                    now,
                    egress,
                    outputs,
                    counters,
                    last_track,
                },
            );
        }
    }

    fn with_member<E: Egress>(
        &mut self,
        now: Instant,
        peer: PeerId,
        egress: &mut E,
        step: impl FnOnce(&mut Room, usize, &mut Context<'_, E>),
    ) {
        let place = self
            .peer_index
            .get(&peer)
            .and_then(|slot| self.peers.get(slot.0))
            .copied();
        if let Some(place) = place {
            self.with_room(now, place.room, egress, |room, context| {
                step(room, place.member, context)
            });
        }
    }

    fn with_room<E: Egress>(
        &mut self,
        now: Instant,
        index: usize,
        egress: &mut E,
        step: impl FnOnce(&mut Room, &mut Context<'_, E>),
    ) {
        let Self {
            rooms,
            outputs,
            counters,
            last_track,
            pace,
            paced,
            ..
        } = self;
        if let Some(room) = rooms.get_mut(index) {
            step(
                room,
                &mut Context {
                    now,
                    egress,
                    outputs,
                    counters,
                    last_track,
                },
            );
            if room.is_paced() && !std::mem::replace(&mut room.is_listed, true) {
                paced.push(index);
                pace.get_or_insert(now + PACE);
            }
        }
    }

    /// Ticks while there is anything to report on.
    fn schedule(&mut self, now: Instant) {
        if self.tick.is_none() && self.rooms.iter().any(|(_, room)| room.has_tracks()) {
            self.tick = Some(now + crate::room::TICK);
        }
    }
}
