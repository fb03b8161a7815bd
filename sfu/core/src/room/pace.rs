//! Sends what waited in pacers, and the packets of probes.

use super::Room;
use crate::forward::Egress;
use crate::sfu::Context;

/// Most packets of a probe sent at once; the rest follows at the next pace.
const MAX_PADDING: u32 = 64;

impl Room {
    /// Whether [`Self::handle_pace`] has something to do.
    pub(crate) const fn is_paced(&self) -> bool {
        !self.paced.is_empty()
    }

    /// Sends what is due of all subscribers for whom something waits.
    pub(crate) fn handle_pace<E: Egress>(&mut self, context: &mut Context<'_, E>) {
        let mut paced = std::mem::take(&mut self.paced);
        paced.retain(|member| {
            self.release(*member, context);
            self.probe(*member, context);
            self.peers.get_mut(*member).is_some_and(|peer| {
                peer.downlink.paced = peer.downlink.is_busy(context.now);
                peer.downlink.paced
            })
        });
        self.paced = paced;
    }

    /// Starts probes where it is time for one.
    pub(super) fn start_probes<E: Egress>(&mut self, context: &Context<'_, E>) {
        let Self { peers, paced, .. } = self;
        for (member, peer) in peers.iter_mut() {
            if peer.may_flow() && peer.probes_with.is_some() {
                peer.downlink.start_probe(context.now);
            }
            if !peer.downlink.paced && peer.downlink.is_busy(context.now) {
                peer.downlink.paced = true;
                paced.push(member);
            }
        }
    }

    fn release<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Self {
            peers,
            tracks,
            subscriptions,
            ..
        } = self;
        let Some(peer) = peers.get_mut(member) else { return };
        if !peer.may_flow() {
            peer.downlink.clear();
        }
        while let Some(waiting) = peer.downlink.release(context.now) {
            let subscription = subscriptions.get(waiting.subscription);
            let Some(subscription) = subscription.filter(|s| s.member == member && s.flows()) else {
                continue;
            };
            let track = subscription.track.and_then(|track| tracks.get(track));
            let kept = track.and_then(|track| {
                let mut encodings = track.encodings.iter();
                let encoding = encodings.find(|encoding| encoding.generation == waiting.generation)?;
                encoding.ring.get(context.now, waiting.sequence)
            });
            let payload = kept.and_then(|kept| kept.payload.get(waiting.descriptor.len()..));
            let Some(payload) = payload else { continue };
            let mut outgoing = subscription.outgoing(waiting.header, payload);
            outgoing.descriptor = waiting.descriptor;
            if let Some(id) = subscription.transport_cc {
                peer.downlink.number(context.now, id, &mut outgoing);
            }
            context.egress.rtp(peer.slot, &outgoing);
            context.counters.video_out += 1;
        }
    }

    /// Sends padding in the numbers of some picture's retransmissions (RFC 4588), as browsers do.
    fn probe<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Self {
            peers, subscriptions, ..
        } = self;
        let Some(peer) = peers.get_mut(member).filter(|peer| peer.may_flow()) else {
            return;
        };
        let subscription = peer.probes_with.and_then(|index| subscriptions.get_mut(index));
        let Some(subscription) = subscription.filter(|s| s.member == member) else {
            return;
        };
        let Some(id) = subscription.transport_cc else {
            return;
        };
        for _ in 0..MAX_PADDING {
            if peer.downlink.probe_due(context.now).is_none_or(|due| due == 0) {
                return;
            }
            let Some(mut padding) = subscription.padding() else {
                return;
            };
            peer.downlink.number(context.now, id, &mut padding);
            context.egress.rtp(peer.slot, &padding);
            context.counters.probe_out += 1;
        }
    }
}
