//! Asks publishers for the key frames their subscribers wait for.

use conclave_transport::rtcp::RtcpWriter;
use conclave_wire::media::Kind;

use super::{Room, SENDER_SSRC};
use crate::forward::Egress;
use crate::forward::keyframe::Wanted;
use crate::forward::table::Route;
use crate::peer::Peer;
use crate::room::report::send;
use crate::sfu::Context;
use crate::slab::Slab;
use crate::track::Track;

impl Room {
    /// A subscription begins to flow.
    pub(super) fn watch<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        let Some(subscription) = self.subscriptions.get(index).filter(|s| s.flows()) else {
            return;
        };
        let Some(track_index) = subscription.track else {
            return;
        };
        let Some(track) = self
            .tracks
            .get_mut(track_index)
            .filter(|track| track.kind() == Kind::Video)
        else {
            return;
        };
        track.unsettled = true;
        if !subscription.is_fresh(context.now) {
            let watched = subscription.watched(track.view().live);
            if self.replay(index, watched, context) {
                return;
            }
            if let Some(track) = self.tracks.get_mut(track_index) {
                track.gate.join(Wanted::one(watched));
                self.ask_keyframes(track_index, context);
            }
        }
    }

    /// Senders switch to a new epoch: whoever is new needs a key frame of it.
    pub(crate) fn go<E: Egress>(&mut self, epoch: u8, context: &mut Context<'_, E>) {
        self.switched = Some(context.now);
        self.epoch = Some(epoch);
        for (_, peer) in self.peers.iter_mut() {
            peer.switch_epoch();
        }
        for index in 0..self.tracks.slots() {
            let Some(track) = self.tracks.get_mut(index) else {
                continue;
            };
            let live = track.view().live;
            let mut wanted = Wanted::NONE;
            for subscription in &track.subscriptions {
                let Some(subscription) = self.subscriptions.get_mut(*subscription) else {
                    continue;
                };
                subscription.fresh_until = None;
                if std::mem::take(&mut subscription.new) && subscription.flows() {
                    wanted = wanted.with(Wanted::one(subscription.watched(live)));
                }
            }
            if track.kind() == Kind::Video {
                track.gate.switch_epoch(epoch, wanted);
                self.ask_keyframes(index, context);
            }
        }
    }

    /// Sees which subscriptions of a track still wait for a key frame, and asks for what is due.
    pub(super) fn settle<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        let Self {
            tracks,
            subscriptions,
            ..
        } = self;
        let Some(track) = tracks.get_mut(index).filter(|track| track.unsettled) else {
            return;
        };
        let live = track.view().live;
        let mut waiting = false;
        for subscription in &track.subscriptions {
            let Some(subscription) = subscriptions.get(*subscription).filter(|s| s.flows()) else {
                continue;
            };
            let Some(encoding) = subscription.awaits(live) else {
                continue;
            };
            waiting = true;
            if !subscription.is_fresh(context.now) {
                track.gate.want(Wanted::one(encoding));
            }
        }
        track.unsettled = waiting;
    }

    /// Asks the publisher of a track for the key frames that are due.
    pub(super) fn ask_keyframes<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        if let Some(track) = self.tracks.get_mut(index) {
            ask(&self.peers, track, context);
        }
    }
}

fn ask<E: Egress>(peers: &Slab<Peer>, track: &mut Track, context: &mut Context<'_, E>) {
    let Some(owner) = peers.get(track.owner).filter(|owner| owner.may_flow()) else {
        return;
    };
    let ssrc = |encoding| {
        owner.routes.ssrc_of(Route {
            line: track.line,
            encoding,
            rtx: false,
        })
    };
    // Before the first packet of an encoding nobody knows whom to ask, and that one is a key frame anyway.
    let known = (0u8..)
        .take(track.encodings.len())
        .any(|encoding| ssrc(encoding).is_some());
    if !known {
        return;
    }
    let Some(due) = track.gate.due(context.now) else {
        return;
    };
    context.counters.keyframe_out += 1;
    let feedback = track.publication.format.feedback;
    let by_fir = feedback.fir && !feedback.pli;
    track.fir_sequence = track.fir_sequence.wrapping_add(u8::from(by_fir));
    let sequence = track.fir_sequence;
    send(owner, context, |writer: &mut RtcpWriter<'_>| {
        let asked = (0u8..)
            .take(track.encodings.len())
            .filter(|encoding| due.contains(*encoding))
            .filter_map(ssrc);
        let mut written = 0;
        for ssrc in asked {
            let result = if by_fir {
                writer.fir(SENDER_SSRC, ssrc, sequence)
            } else {
                writer.pli(SENDER_SSRC, ssrc)
            };
            written += usize::from(result.is_ok());
        }
        written > 0
    });
}
