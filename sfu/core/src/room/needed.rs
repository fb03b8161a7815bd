//! Tells publishers which of their layers anybody needs.

use conclave_wire::control::ControlEvent;
use conclave_wire::media::Kind;

use super::Room;
use crate::forward::Egress;
use crate::layer::MAX_SPATIAL;
use crate::sfu::Context;

impl Room {
    /// Looks at what is wanted of a track.
    pub(super) fn need<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        let Self {
            peers,
            tracks,
            subscriptions,
            ..
        } = self;
        let Some(track) = tracks
            .get_mut(index)
            .filter(|track| track.announced && track.kind() == Kind::Video)
        else {
            return;
        };
        let live = track.live();
        let count = track.spatial_count();
        let mut wanted = [false; MAX_SPATIAL];
        for subscription in &track.subscriptions {
            let Some(subscription) = subscriptions.get(*subscription).filter(|s| s.flows()) else {
                continue;
            };
            let Some(target) = subscription.target() else {
                continue;
            };
            // While anybody watches, the smallest picture is there to fall back to.
            let filled = track.ladder().covering(subscription.viewed.height).spatial;
            for (spatial, wanted) in (0u8..).zip(&mut wanted) {
                let sent = spatial == target.spatial || (!track.is_simulcast() && spatial < target.spatial);
                let hoped = spatial <= filled && track.demand.is_withheld(context.now, spatial, live);
                *wanted |= spatial == 0 || sent || hoped;
            }
        }
        // Whoever joins will want to see something in a moment.
        let joins = peers
            .iter()
            .any(|(member, peer)| member != track.owner && peer.leaf.is_none());
        if let Some(smallest) = wanted.first_mut() {
            *smallest |= joins;
        }
        for (wanted, shards) in wanted.iter_mut().zip(&track.needed_on) {
            *wanted |= !shards.is_empty();
        }
        let wanted = wanted.get(..count).unwrap_or_default();
        let Some(needed) = track.demand.update(context.now, wanted, live) else {
            return;
        };
        let Some(owner) = peers.get(track.owner) else {
            return;
        };
        let event = ControlEvent::EncodingsNeeded {
            peer: owner.id,
            source: track.publication.source,
            needed,
        };
        context.event(event);
    }
}
