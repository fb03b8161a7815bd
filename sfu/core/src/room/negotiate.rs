//! Applies an offer to a room: tracks come and go, subscriptions change hands.

use conclave_transport::route::IceCredentials;
use conclave_wire::id::TrackId;
use conclave_wire::media::Section;

use super::Room;
use crate::forward::Egress;
use crate::forward::rewrite::Generation;
use crate::forward::table::{Route, RouteTable};
use crate::header_extension::ExtensionIds;
use crate::layer::MAX_SPATIAL;
use crate::negotiation::{
    self, AnswerContext, Available, Line, NegotiationError, Plan, Publication, SubscriptionPlan, Use,
};
use crate::peer::{LineState, Negotiated, Peer};
use crate::sfu::{Config, Context, Output};
use crate::subscription::Subscription;
use crate::track::Track;

impl Room {
    /// Answers an offer and applies it. Nothing changes when it is refused.
    pub(crate) fn negotiate<E: Egress>(
        &mut self,
        member: usize,
        sdp: &str,
        sections: &[Section],
        fresh: IceCredentials,
        config: &Config,
        context: &mut Context<'_, E>,
    ) -> Result<String, NegotiationError> {
        let plan = self.plan(member, sdp, sections)?;
        self.settle_transport(member, &plan, fresh, context);
        self.apply(member, &plan, context);
        self.settle_downlink(member, context);
        let peer = self.peers.get_mut(member).ok_or(NegotiationError::Transport)?;
        peer.version += 1;
        let negotiated = peer.negotiated.as_ref().ok_or(NegotiationError::Transport)?;
        let id = peer.id;
        let answer = AnswerContext {
            session_id: id.0,
            version: peer.version,
            credentials: &negotiated.credentials,
            fingerprint: config.fingerprint,
            candidates: &config.candidates,
            ssrcs: &|line| Peer::ssrcs(id, line),
        };
        Ok(negotiation::write_answer(sdp, &plan, &answer))
    }

    /// Forgets all that a peer negotiated: its tracks and its subscriptions.
    pub(super) fn clear_negotiation<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get(member) else {
            return;
        };
        let states = peer.states().to_vec();
        for state in states {
            if let Some(track) = state.track {
                self.remove_track(track, context);
            }
            if let Some(subscription) = state.subscription {
                self.detach(subscription);
                self.subscriptions.remove(subscription);
            }
        }
        if let Some(peer) = self.peers.get_mut(member) {
            peer.negotiated = None;
            peer.routes = RouteTable::default();
            peer.connected = false;
            peer.lost = false;
        }
    }

    fn plan(&self, member: usize, sdp: &str, sections: &[Section]) -> Result<Plan, NegotiationError> {
        let peer = self.peers.get(member).ok_or(NegotiationError::Transport)?;
        let lookup = |id: TrackId| {
            // Its own track and one that nobody was told of are none to it.
            let (_, track) = self.tracks.iter().find(|(_, track)| track.id == id)?;
            let owner = self
                .peers
                .get(track.owner)
                .filter(|_| track.announced && track.owner != member)?;
            Some(Available {
                codec: track.publication.format.codec,
                stream: owner.id.0,
            })
        };
        let previous: &[Line] = peer
            .negotiated
            .as_ref()
            .map_or(&[], |negotiated| &negotiated.lines);
        let fresh_plan = || negotiation::plan(sdp, sections, &[], lookup);
        match negotiation::plan(sdp, sections, previous, lookup) {
            // Another certificate is another connection, whose sections begin anew.
            Ok(plan) if Self::is_same_association(peer, &plan) => Ok(plan),
            Ok(_) => fresh_plan(),
            Err(NegotiationError::Discontinuous) => match fresh_plan() {
                Ok(plan) if !Self::is_same_association(peer, &plan) => Ok(plan),
                Ok(_) => Err(NegotiationError::Discontinuous),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Whether the plan continues the DTLS association the peer has.
    fn is_same_association(peer: &Peer, plan: &Plan) -> bool {
        let before = peer
            .negotiated
            .as_ref()
            .map(|negotiated| negotiated.remote.fingerprint);
        before == Some(plan.remote.fingerprint) && !peer.lost
    }

    fn settle_transport<E: Egress>(
        &mut self,
        member: usize,
        plan: &Plan,
        fresh: IceCredentials,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        let slot = peer.slot;
        let remote = plan.remote.clone();
        if Self::is_same_association(peer, plan) {
            if let Some(negotiated) = &mut peer.negotiated
                && negotiated.remote.ufrag != remote.ufrag
            {
                // RFC 8839 §4.4.1.1.1: another fragment is an ICE restart, which takes new credentials of ours.
                negotiated.credentials = fresh.clone();
                negotiated.remote = remote.clone();
                context.outputs.push_back(Output::RestartIce {
                    peer: slot,
                    credentials: fresh,
                    ufrag: remote.ufrag,
                });
            }
            return;
        }
        self.clear_negotiation(member, context);
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        peer.negotiated = Some(Negotiated {
            remote: remote.clone(),
            credentials: fresh.clone(),
            lines: Vec::new(),
            states: Vec::new(),
            extensions: ExtensionIds::default(),
        });
        context.outputs.push_back(Output::OpenTransport {
            peer: slot,
            credentials: fresh,
            remote,
        });
    }

    pub(super) fn apply<E: Egress>(&mut self, member: usize, plan: &Plan, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        let flows = peer.may_flow();
        if let Some(negotiated) = &mut peer.negotiated {
            for (line, (before, now)) in negotiated.lines.iter().zip(&plan.lines).enumerate() {
                if before.mid != now.mid {
                    peer.routes.remove_line(line);
                }
            }
            negotiated
                .states
                .resize_with(plan.lines.len(), LineState::default);
            negotiated.extensions = shared_extensions(&plan.lines);
            negotiated.lines.clone_from(&plan.lines);
        }
        // What ends goes first, so that a source may move to another section.
        for (line, planned) in plan.lines.iter().enumerate() {
            self.end_uses(member, line, &planned.role, context);
        }
        for (line, planned) in plan.lines.iter().enumerate() {
            match &planned.role {
                Use::Publish(publication) => self.publish(member, line, *publication, context),
                Use::Subscribe(subscription) => {
                    self.subscribe(member, line, &planned.mid, subscription, flows, context)
                }
                Use::Idle(_) | Use::Rejected => {}
            }
        }
    }

    fn end_uses<E: Egress>(&mut self, member: usize, line: usize, role: &Use, context: &mut Context<'_, E>) {
        let Some(state) = self.state_mut(member, line) else {
            return;
        };
        if !matches!(role, Use::Publish(_)) {
            state.closed = false;
        }
        let (track, subscription) = (state.track, state.subscription);
        if let Some(index) = track {
            let continues = matches!((role, self.tracks.get(index)), (Use::Publish(publication), Some(track))
                if publication.source == track.publication.source);
            if !continues {
                self.remove_track(index, context);
            }
        }
        if let Some(index) = subscription {
            let before = self
                .subscriptions
                .get(index)
                .and_then(|subscription| subscription.track);
            let before = before
                .and_then(|track| self.tracks.get(track))
                .map(|track| track.id);
            let continues = matches!(role, Use::Subscribe(plan) if Some(plan.track_id) == before);
            if !continues {
                self.detach(index);
            }
        }
    }

    fn publish<E: Egress>(
        &mut self,
        member: usize,
        line: usize,
        publication: Publication,
        context: &mut Context<'_, E>,
    ) {
        let Some(state) = self.state_mut(member, line).copied() else {
            return;
        };
        if state.closed {
            return;
        }
        let generations: [Generation; MAX_SPATIAL] = std::array::from_fn(|_| self.next_generation());
        let index = match state.track {
            Some(index) => index,
            None => {
                *context.last_track = context.last_track.wrapping_add(1);
                let id = TrackId(*context.last_track);
                let track = Track::new(
                    context.now,
                    id,
                    member,
                    line,
                    publication,
                    generations.into_iter(),
                );
                let index = self.tracks.insert(track);
                if let Some(state) = self.state_mut(member, line) {
                    state.track = Some(index);
                }
                index
            }
        };
        let (Some(track), Some(peer)) = (self.tracks.get_mut(index), self.peers.get_mut(member)) else {
            return;
        };
        if track.publication.rids != publication.rids {
            // The encodings it had are others now, and so is the way to choose between them.
            let renewed = Track::new(
                context.now,
                track.id,
                member,
                line,
                publication,
                generations.into_iter(),
            );
            track.encodings = renewed.encodings;
            peer.routes.remove_line(line);
            for subscription in &track.subscriptions {
                if let Some(subscription) = self.subscriptions.get_mut(*subscription) {
                    subscription.attach(index, track);
                }
            }
        }
        track.publication = publication;
        let media = Route {
            line,
            encoding: 0,
            rtx: false,
        };
        if let Some(ssrc) = publication
            .ssrc
            .filter(|ssrc| peer.routes.ssrc_of(media) != Some(*ssrc))
        {
            peer.routes.insert(ssrc, media);
            if let (Some(encoding), [generation, ..]) = (track.encodings.first_mut(), generations) {
                encoding.restart(generation);
            }
        }
        if let Some(rtx_ssrc) = publication.rtx_ssrc {
            peer.routes.insert(rtx_ssrc, Route { rtx: true, ..media });
        }
    }

    fn subscribe<E: Egress>(
        &mut self,
        member: usize,
        line: usize,
        mid: &str,
        plan: &SubscriptionPlan,
        flows: bool,
        context: &mut Context<'_, E>,
    ) {
        let known = self.state_mut(member, line).and_then(|state| state.subscription);
        let found = self.tracks.iter().find(|(_, track)| track.id == plan.track_id);
        let (Some((track_index, track)), Some(peer)) = (found, self.peers.get_mut(member)) else {
            return;
        };
        let (slot, ssrcs) = (peer.slot, Peer::ssrcs(peer.id, line));
        let index = known.unwrap_or_else(|| {
            self.subscriptions
                .insert(Subscription::new(slot, member, ssrcs, track))
        });
        if let Some(state) = peer.states_mut().get_mut(line) {
            state.subscription = Some(index);
        }
        let Some(subscription) = self.subscriptions.get_mut(index) else {
            return;
        };
        subscription.negotiate(mid, plan);
        if subscription.track.is_none()
            && let Some(track) = self.tracks.get_mut(track_index)
        {
            subscription.attach(track_index, track);
            track.subscriptions.push(index);
        }
        self.refresh_subscription(member, index, flows, context);
    }

    /// Takes a subscription off its track; its numbers stay.
    fn detach(&mut self, index: usize) {
        let Some(subscription) = self.subscriptions.get_mut(index) else {
            return;
        };
        subscription.active = false;
        let Some(track) = subscription.track.take() else {
            return;
        };
        if let Some(track) = self.tracks.get_mut(track) {
            track.subscriptions.retain(|known| *known != index);
        }
    }

    pub(super) fn state_mut(&mut self, member: usize, line: usize) -> Option<&mut LineState> {
        self.peers.get_mut(member)?.states_mut().get_mut(line)
    }
}

/// The extension ids of all published sections: within a bundle they mean the same (RFC 8285 §5).
fn shared_extensions(lines: &[Line]) -> ExtensionIds {
    let mut shared = ExtensionIds::default();
    for line in lines {
        if let Use::Publish(publication) = &line.role {
            shared.merge(&publication.extensions);
        }
    }
    shared
}
