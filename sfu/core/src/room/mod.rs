//! One room: its peers, tracks and subscriptions, and what commands do to them.
//!
//! `negotiate` applies offers, `ingress` takes packets, `egress` forwards them, `allocate` chooses layers, `keyframes`,
//! `replay`, `pace` and `report` send what is due, `paused` tells what is not sent.
//! All state of a room is here and has this one owner.

mod allocate;
mod egress;
mod heard;
mod ingress;
mod keyframes;
mod needed;
mod negotiate;
mod pace;
mod paused;
mod replay;
mod report;
mod wide;

pub use allocate::Shed;

use std::time::{Duration, Instant};

use conclave_wire::client::subscription::View;
use conclave_wire::control::ControlEvent;
use conclave_wire::id::{LeafIndex, PeerId, RoomId};
use conclave_wire::media::{Kind, Source};

use crate::allocator::Row;
use crate::downlink::Downlink;
use crate::forward::Egress;
use crate::forward::keyframe::Wanted;
use crate::forward::rewrite::Generation;
use crate::layer::MAX_SPATIAL;
use crate::peer::Peer;
use crate::sfu::{Context, PeerSlot, TransportState};
use crate::slab::Slab;
use crate::subscription::Subscription;
use crate::track::Track;

/// How often a room looks for what is due.
pub(crate) const TICK: Duration = Duration::from_millis(25);
/// Our SSRC in RTCP we originate.
const SENDER_SSRC: u32 = 1;

/// A room.
pub(crate) struct Room {
    id: RoomId,
    peers: Slab<Peer>,
    tracks: Slab<Track>,
    subscriptions: Slab<Subscription>,
    last_generation: u32,
    /// Scratch for the sequence numbers of one NACK.
    missing: Vec<u16>,
    /// Scratch for the rows of one allocation.
    rows: Vec<Row>,
    /// Members for whom something waits or a probe is under way.
    paced: Vec<usize>,
    /// Whether it is on its core's list of rooms with such members.
    pub(crate) is_listed: bool,
    shed: Shed,
    /// When senders last switched to another epoch.
    switched: Option<Instant>,
    /// The low byte of that epoch.
    epoch: Option<u8>,
}

impl Room {
    pub(crate) const fn new(id: RoomId, shed: Shed) -> Self {
        Self {
            id,
            peers: Slab::new(),
            tracks: Slab::new(),
            subscriptions: Slab::new(),
            last_generation: 0,
            missing: Vec::new(),
            rows: Vec::new(),
            paced: Vec::new(),
            is_listed: false,
            shed,
            switched: None,
            epoch: None,
        }
    }

    pub(crate) fn add(&mut self, now: Instant, peer: PeerId, slot: PeerSlot) -> usize {
        self.peers.insert(Peer::new(now, peer, slot))
    }

    pub(crate) fn admit<E: Egress>(&mut self, member: usize, leaf: LeafIndex, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.admit(context.now, leaf, self.switched);
        self.announce(member, context);
        self.refresh_subscriptions(member, context);
    }

    pub(crate) fn suspend<E: Egress>(
        &mut self,
        member: usize,
        suspended: bool,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        if peer.suspended == suspended {
            return;
        }
        peer.suspended = suspended;
        if !suspended {
            self.restart_tracks(member, context, |_| true);
        }
        self.refresh_subscriptions(member, context);
    }

    pub(crate) fn remove<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        self.clear_negotiation(member, context);
        self.paced.retain(|paced| *paced != member);
        self.peers.remove(member);
    }

    pub(crate) fn handle_transport<E: Egress>(
        &mut self,
        member: usize,
        state: TransportState,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.connected = state == TransportState::Connected;
        peer.lost = state == TransportState::Lost;
        if peer.connected {
            peer.downlink = Downlink::new(context.now);
            self.paced.retain(|paced| *paced != member);
        }
        let peer = peer.id;
        context.event(match state {
            TransportState::Connected => ControlEvent::PeerConnected { peer },
            TransportState::Lost => ControlEvent::PeerLost { peer },
        });
        self.refresh_subscriptions(member, context);
    }

    /// Tells of the peer's tracks, once it is admitted.
    pub(crate) fn announce<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get(member).filter(|peer| peer.leaf.is_some()) else {
            return;
        };
        for index in peer.states().iter().filter_map(|state| state.track) {
            let Some(track) = self.tracks.get_mut(index).filter(|track| !track.announced) else {
                continue;
            };
            track.announced = true;
            context.event(ControlEvent::TrackPublished {
                peer: peer.id,
                track_id: track.id,
                source: track.publication.source,
                codec: track.publication.format.codec,
            });
        }
    }

    pub(crate) const fn id(&self) -> RoomId {
        self.id
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peers.len() == 0
    }

    pub(crate) fn has_tracks(&self) -> bool {
        self.tracks.len() > 0
    }

    /// Tracks of this shard's own peers.
    pub(crate) fn track_count(&self) -> usize {
        let is_own = |track: &Track| self.peers.get(track.owner).is_some_and(|owner| !owner.is_mirror);
        self.tracks.iter().filter(|(_, track)| is_own(track)).count()
    }

    /// The estimates of its subscribers, in bits per second.
    pub(crate) fn estimates(&self) -> impl Iterator<Item = u32> {
        self.peers.iter().filter_map(|(_, peer)| peer.downlink.limit())
    }

    /// A peer shows its subscriptions differently.
    /// What the member may publish. What is allowed anew starts over, as after a suspension.
    pub(crate) fn permit<E: Egress>(
        &mut self,
        member: usize,
        sources: Vec<Source>,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        let before = peer.permitted.replace(sources);
        let after = peer.permitted.clone().unwrap_or_default();
        self.restart_tracks(member, context, |source| {
            after.contains(&source) && before.as_ref().is_some_and(|before| !before.contains(&source))
        });
    }

    pub(crate) fn views<E: Egress>(&mut self, member: usize, views: Vec<View>, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.views = views;
        self.show(member);
        self.allocate(member, context);
    }

    /// The server sheds load, or less of it.
    pub(crate) fn shed<E: Egress>(&mut self, shed: Shed, context: &mut Context<'_, E>) {
        self.shed = shed;
        let members: Vec<usize> = self.peers.iter().map(|(member, _)| member).collect();
        for member in members {
            self.allocate(member, context);
        }
    }

    /// After sections came and went: who is sent what, and how it is measured.
    fn settle_downlink<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Self {
            peers, subscriptions, ..
        } = self;
        let Some(peer) = peers.get_mut(member) else { return };
        let own = |state: &crate::peer::LineState| {
            let index = state.subscription?;
            Some((index, subscriptions.get(index)?))
        };
        let mut numbered = peer.states().iter().filter_map(own);
        let transport_cc = numbered.any(|(_, subscription)| subscription.transport_cc.is_some());
        let mut probing = peer.states().iter().filter_map(own);
        peer.probes_with = probing
            .find(|(_, subscription)| subscription.may_probe())
            .map(|(index, _)| index);
        peer.downlink.negotiate(context.now, transport_cc);
        self.show(member);
        self.allocate(member, context);
    }

    /// Notes at each subscription how it is shown.
    fn show(&mut self, member: usize) {
        let Some(peer) = self.peers.get(member) else {
            return;
        };
        for index in peer.states().iter().filter_map(|state| state.subscription) {
            let Some(subscription) = self.subscriptions.get_mut(index) else {
                continue;
            };
            if let Some(track) = subscription.track.and_then(|track| self.tracks.get(track)) {
                subscription.viewed = peer.view_of(track.id);
            }
        }
    }

    /// Recomputes for each subscription of a peer whether packets flow.
    fn refresh_subscriptions<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get(member) else {
            return;
        };
        let flows = peer.may_flow();
        let indices: Vec<usize> = peer
            .states()
            .iter()
            .filter_map(|state| state.subscription)
            .collect();
        for index in indices {
            self.refresh_subscription(member, index, flows, context);
        }
        self.settle_downlink(member, context);
    }

    fn refresh_subscription<E: Egress>(
        &mut self,
        member: usize,
        index: usize,
        flows: bool,
        context: &mut Context<'_, E>,
    ) {
        let Some(subscription) = self.subscriptions.get_mut(index) else {
            return;
        };
        let active = flows && subscription.track.is_some();
        if active == subscription.active {
            return;
        }
        subscription.active = active;
        if !active {
            return;
        }
        subscription.pause();
        subscription.new = true;
        subscription.fresh_until = self.peers.get(member).and_then(Peer::fresh_until);
        self.watch(index, context);
    }

    /// A publisher is back with some of its sources: what it sent meanwhile is not missing.
    fn restart_tracks<E: Egress>(
        &mut self,
        member: usize,
        context: &mut Context<'_, E>,
        which: impl Fn(Source) -> bool,
    ) {
        let Some(peer) = self.peers.get(member) else {
            return;
        };
        let indices: Vec<usize> = peer.states().iter().filter_map(|state| state.track).collect();
        for index in indices {
            let generations: [Generation; MAX_SPATIAL] = std::array::from_fn(|_| self.next_generation());
            let Some(track) = self.tracks.get_mut(index) else {
                continue;
            };
            if !which(track.publication.source) {
                continue;
            }
            for (encoding, generation) in track.encodings.iter_mut().zip(generations) {
                encoding.restart(generation);
            }
            track.unsettled = true;
            if track.kind() == Kind::Video {
                track.gate.want(Wanted::one(0));
                self.ask_keyframes(index, context);
            }
        }
    }

    /// Takes a track away from its publisher and its subscribers.
    fn remove_track<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        let Some(track) = self.tracks.remove(index) else {
            return;
        };
        for subscription in &track.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(*subscription) {
                subscription.track = None;
                subscription.active = false;
            }
        }
        let Some(owner) = self.peers.get_mut(track.owner) else {
            return;
        };
        for state in owner
            .states_mut()
            .iter_mut()
            .filter(|state| state.track == Some(index))
        {
            state.track = None;
        }
        if track.announced {
            context.event(ControlEvent::TrackUnpublished {
                peer: owner.id,
                track_id: track.id,
            });
        }
    }

    const fn next_generation(&mut self) -> Generation {
        self.last_generation = self.last_generation.wrapping_add(1);
        Generation(self.last_generation)
    }
}
