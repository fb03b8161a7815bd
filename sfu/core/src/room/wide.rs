//! A room on several shards: describes its own peers to the others, and holds mirrors of theirs.

use conclave_transport::rtp::RtpView;
use conclave_wire::id::{PeerId, TrackId};
use conclave_wire::media::Source;

use super::Room;
use crate::forward::Egress;
use crate::forward::keyframe::Wanted;
use crate::header_extension::ExtensionIds;
use crate::mirror::{Mirror, MirroredAssociation, Stream};
use crate::negotiation::{Plan, Use};
use crate::peer::{Negotiated, Peer};
use crate::sfu::Context;
use crate::track::Track;

impl Room {
    /// A peer of this shard, for the others; `None` for a mirror.
    pub(crate) fn mirror_of(&self, member: usize) -> Option<Mirror> {
        let peer = self.peers.get(member).filter(|peer| !peer.is_mirror)?;
        let association = peer.negotiated.as_ref().map(|negotiated| {
            let mut lines = negotiated.lines.clone();
            for line in &mut lines {
                if let Use::Subscribe(subscription) = &line.role {
                    line.role = Use::Idle(subscription.format);
                }
            }
            let track = |index: Option<usize>| {
                let track = self.tracks.get(index?)?;
                Some((track.id, track.announced))
            };
            MirroredAssociation {
                remote: negotiated.remote.clone(),
                credentials: negotiated.credentials.clone(),
                lines,
                tracks: negotiated.states.iter().map(|state| track(state.track)).collect(),
            }
        });
        Some(Mirror {
            peer: peer.id,
            leaf: peer.leaf,
            suspended: peer.suspended,
            connected: peer.connected,
            association,
        })
    }

    /// The peers of this shard.
    pub(crate) fn own_peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers
            .iter()
            .filter(|(_, peer)| !peer.is_mirror)
            .map(|(_, peer)| peer.id)
    }

    /// Makes a mirror what its own shard says it is.
    pub(crate) fn set_mirror<E: Egress>(
        &mut self,
        member: usize,
        mirror: &Mirror,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.is_mirror = true;
        let before = peer
            .negotiated
            .as_ref()
            .map(|negotiated| negotiated.remote.fingerprint);
        let now = mirror
            .association
            .as_ref()
            .map(|association| association.remote.fingerprint);
        if before.is_some() && before != now {
            // Another connection, whose sections begin anew.
            self.clear_negotiation(member, context);
        }
        if let Some(peer) = self.peers.get_mut(member) {
            if let Some(leaf) = mirror.leaf.filter(|leaf| peer.leaf != Some(*leaf)) {
                peer.admit(context.now, leaf, self.switched);
            }
            peer.connected = mirror.connected;
        }
        if let Some(association) = &mirror.association {
            self.set_association(member, association, context);
        }
        self.suspend(member, mirror.suspended, context);
    }

    fn set_association<E: Egress>(
        &mut self,
        member: usize,
        association: &MirroredAssociation,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        if peer.negotiated.is_none() {
            peer.negotiated = Some(Negotiated {
                remote: association.remote.clone(),
                credentials: association.credentials.clone(),
                lines: Vec::new(),
                states: Vec::new(),
                extensions: ExtensionIds::default(),
            });
        }
        // Tracks that have ended, and those whose sections carry another one now.
        let states = peer.states().to_vec();
        for (line, state) in states.iter().enumerate() {
            let Some(index) = state.track else { continue };
            let wanted = association.tracks.get(line).copied().flatten();
            let is_same = self.tracks.get(index).map(|track| track.id) == wanted.map(|(id, _)| id);
            if !is_same {
                self.remove_track(index, context);
            }
        }
        for (line, wanted) in association.tracks.iter().enumerate() {
            if let Some(state) = self.state_mut(member, line) {
                state.closed = wanted.is_none();
            }
        }
        let plan = Plan {
            remote: association.remote.clone(),
            lines: association.lines.clone(),
        };
        self.apply(member, &plan, context);
        for (line, wanted) in association.tracks.iter().enumerate() {
            let Some(index) = self.state_mut(member, line).and_then(|state| state.track) else {
                continue;
            };
            match (wanted, self.tracks.get_mut(index)) {
                (Some((id, announced)), Some(track)) => {
                    track.id = *id;
                    track.announced = *announced;
                }
                // The guard of its own shard has closed it.
                _ => self.remove_track(index, context),
            }
        }
    }

    /// Forwards a packet of a mirror.
    pub(crate) fn handle_relayed<E: Egress>(
        &mut self,
        member: usize,
        stream: Stream,
        packet: &[u8],
        context: &mut Context<'_, E>,
    ) {
        let (Ok(view), Some(peer)) = (RtpView::parse(packet), self.peers.get(member)) else {
            context.counters.unusable += 1;
            return;
        };
        if !peer.is_mirror || !peer.may_flow() {
            return;
        }
        if self.learn(member, stream.0, view.ssrc()).is_some() {
            self.ingress(member, stream.0, &view, context);
        }
    }

    /// The tracks of mirrors that somebody on this shard is shown.
    pub(crate) fn watched_mirrors(&self) -> impl Iterator<Item = (PeerId, TrackId)> {
        self.tracks.iter().filter_map(|(_, track)| {
            let owner = self.peers.get(track.owner).filter(|owner| owner.is_mirror)?;
            let mut subscriptions = track.subscriptions.iter();
            let watched = subscriptions.any(|index| {
                let subscription = self.subscriptions.get(*index);
                subscription.is_some_and(|subscription| subscription.active && subscription.viewed.height > 0)
            });
            watched.then_some((owner.id, track.id))
        })
    }

    /// Another shard wants the packets of a track, or no longer; without a track, of none of them.
    pub(crate) fn set_relayed(&mut self, track: Option<TrackId>, shard: usize, on: bool) {
        for (_, known) in self.tracks.iter_mut() {
            if track.is_none_or(|track| known.id == track) {
                known.relayed_to.set(shard, on);
                // What is needed of a track that was hidden, its shard takes back by itself.
                if !on && track.is_none() {
                    for needed in &mut known.needed_on {
                        needed.set(shard, false);
                    }
                }
            }
        }
    }

    /// Another shard needs these layers of a peer's track.
    pub(crate) fn set_needed(&mut self, member: usize, source: Source, shard: usize, needed: &[bool]) {
        let of_peer = |track: &&mut Track| track.owner == member && track.publication.source == source;
        let mut tracks = self.tracks.iter_mut().map(|(_, track)| track);
        if let Some(track) = tracks.find(of_peer) {
            for (shards, needed) in track.needed_on.iter_mut().zip(needed) {
                shards.set(shard, *needed);
            }
        }
    }

    /// Another shard needs a key frame of a peer's stream.
    pub(crate) fn relay_keyframe<E: Egress>(
        &mut self,
        member: usize,
        ssrc: u32,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get(member).filter(|peer| !peer.is_mirror) else {
            return;
        };
        let Some(route) = peer.routes.find(ssrc) else {
            return;
        };
        let Some(index) = peer.states().get(route.line).and_then(|state| state.track) else {
            return;
        };
        if let Some(track) = self.tracks.get_mut(index) {
            track.gate.want(Wanted::one(route.encoding));
            self.ask_keyframes(index, context);
        }
    }

    /// Passes a packet that was checked on to the shards that want it.
    pub(super) fn relay<E: Egress>(
        &self,
        index: usize,
        stream: Stream,
        view: &RtpView<'_>,
        context: &mut Context<'_, E>,
    ) {
        let Some(track) = self
            .tracks
            .get(index)
            .filter(|track| !track.relayed_to.is_empty())
        else {
            return;
        };
        if let Some(owner) = self.peers.get(track.owner).map(|owner: &Peer| owner.id) {
            context
                .egress
                .relay(owner, Some(stream), track.relayed_to, view.as_bytes());
        }
    }

    /// Passes a publisher's reports on to the shards that want any of its tracks.
    pub(super) fn relay_reports<E: Egress>(
        &self,
        member: usize,
        packet: &[u8],
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get(member).filter(|peer| !peer.is_mirror) else {
            return;
        };
        let tracks = peer
            .states()
            .iter()
            .filter_map(|state| self.tracks.get(state.track?));
        let shards = tracks.fold(crate::mirror::ShardSet::default(), |all, track| {
            all.union(track.relayed_to)
        });
        if !shards.is_empty() {
            context.egress.relay(peer.id, None, shards, packet);
        }
    }
}
