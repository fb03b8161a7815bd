//! One room: its peers, tracks and subscriptions, and what commands do to them.
//!
//! `negotiate` applies offers, `media` forwards packets, `report` sends what is due. All state of a room is here and
//! has this one owner.

mod media;
mod negotiate;
mod report;

use std::time::{Duration, Instant};

use conclave_wire::client::subscription::View;
use conclave_wire::control::ControlEvent;
use conclave_wire::id::{LeafIndex, PeerId, RoomId};
use conclave_wire::media::Kind;

use crate::forward::Egress;
use crate::forward::rewrite::Generation;
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
    last_generation: u64,
    /// Scratch for the sequence numbers of one NACK.
    missing: Vec<u16>,
}

impl Room {
    pub(crate) const fn new(id: RoomId) -> Self {
        Self {
            id,
            peers: Slab::new(),
            tracks: Slab::new(),
            subscriptions: Slab::new(),
            last_generation: 0,
            missing: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, now: Instant, peer: PeerId, slot: PeerSlot) -> usize {
        self.peers.insert(Peer::new(now, peer, slot))
    }

    pub(crate) fn admit<E: Egress>(&mut self, member: usize, leaf: LeafIndex, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.admit(context.now, leaf);
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
            self.restart_tracks(member, context);
        }
        self.refresh_subscriptions(member, context);
    }

    pub(crate) fn remove<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        self.clear_negotiation(member, context);
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
        let peer = peer.id;
        context.event(match state {
            TransportState::Connected => ControlEvent::PeerConnected { peer },
            TransportState::Lost => ControlEvent::PeerLost { peer },
        });
        self.refresh_subscriptions(member, context);
    }

    /// Senders switch to a new epoch: whoever is new needs a key frame of it.
    pub(crate) fn go<E: Egress>(&mut self, context: &mut Context<'_, E>) {
        let Self { peers, tracks, .. } = self;
        for (index, track) in tracks.iter_mut() {
            if track.gate.epoch(context.now) {
                report::ask_keyframe(peers, index, track, context);
            }
        }
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

    pub(crate) fn track_count(&self) -> usize {
        self.tracks.len()
    }

    /// A peer shows its subscriptions differently.
    pub(crate) fn views<E: Egress>(&mut self, member: usize, views: Vec<View>, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.views = views;
        let indices: Vec<usize> = peer
            .states()
            .iter()
            .filter_map(|state| state.subscription)
            .collect();
        for index in indices {
            self.view(member, index, context);
        }
    }

    /// Gives a subscription what its subscriber shows of it.
    fn view<E: Egress>(&mut self, member: usize, index: usize, context: &mut Context<'_, E>) {
        let (Some(peer), Some(subscription)) = (self.peers.get(member), self.subscriptions.get_mut(index))
        else {
            return;
        };
        let Some(track_index) = subscription.track else {
            return;
        };
        let Some(track) = self.tracks.get_mut(track_index) else {
            return;
        };
        subscription.viewed = peer.view_of(track.id);
        let height = subscription.viewed.height;
        let target = (height > 0).then(|| track.layers(context.now).covering(height));
        let resumes = subscription.set_target(target);
        if resumes && subscription.active && track.kind() == Kind::Video && track.gate.want(context.now) {
            report::ask_keyframe(&self.peers, track_index, track, context);
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
            self.refresh_subscription(index, flows, context);
        }
    }

    fn refresh_subscription<E: Egress>(&mut self, index: usize, flows: bool, context: &mut Context<'_, E>) {
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
        subscription.rewriter.resume();
        let Some(track_index) = subscription.track else {
            return;
        };
        let Self { peers, tracks, .. } = self;
        if let Some(track) = tracks
            .get_mut(track_index)
            .filter(|track| track.kind() == Kind::Video)
            && track.gate.subscribed(context.now)
        {
            report::ask_keyframe(peers, track_index, track, context);
        }
    }

    /// A publisher is back: what it sent meanwhile is not missing.
    fn restart_tracks<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get(member) else {
            return;
        };
        let indices: Vec<usize> = peer.states().iter().filter_map(|state| state.track).collect();
        for index in indices {
            let generation = self.next_generation();
            let Self { peers, tracks, .. } = self;
            let Some(track) = tracks.get_mut(index) else {
                continue;
            };
            track.restart(generation);
            if track.kind() == Kind::Video && track.gate.want(context.now) {
                report::ask_keyframe(peers, index, track, context);
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
        owner.routes.remove_track(index);
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
        self.last_generation += 1;
        Generation(self.last_generation)
    }
}
