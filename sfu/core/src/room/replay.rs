//! Gives who begins to watch the key frame that has just come, and what followed it, instead of asking for another.

use std::time::{Duration, Instant};

use conclave_wire::media::Kind;

use super::Room;
use super::egress::{Way, kept};
use crate::encoding::{Encoding, KeyFrame};
use crate::forward::Egress;
use crate::layer::Layer;
use crate::selector::CatchUp;
use crate::sfu::Context;
use crate::track::Track;

/// An older key frame is not given: what is shown of it would lag behind the sound for too long.
const MAX_AGE: Duration = Duration::from_millis(500);
/// What waits and what is given must leave within this time at the pace of pictures: a key frame that is asked for is
/// hardly slower.
const MAX_TIME: Duration = Duration::from_millis(400);
/// Nor is more given than this, in bytes, to whom nothing limits.
const MAX_BYTES: usize = 128 << 10;

impl Room {
    /// Begins a subscription, to which nothing was sent so far, with the last key frame of `encoding` and what came
    /// since; `false` if there is none that it can open and that is worth it.
    pub(super) fn replay<E: Egress>(
        &mut self,
        index: usize,
        encoding: u8,
        context: &mut Context<'_, E>,
    ) -> bool {
        let Self {
            peers,
            tracks,
            subscriptions,
            paced,
            epoch,
            ..
        } = self;
        let Some(subscription) = subscriptions.get_mut(index).filter(|s| s.packets == 0) else {
            return false;
        };
        let (track, peer) = (
            subscription.track.and_then(|track| tracks.get(track)),
            peers.get_mut(subscription.member),
        );
        let (Some(track), Some(peer), Some(target)) = (track, peer, subscription.target()) else {
            return false;
        };
        let readable = |key_frame: &KeyFrame| epoch.is_some() && key_frame.epoch == *epoch;
        let from = track.encodings.get(usize::from(encoding)).and_then(|kept| {
            let key_frame = kept.key_frame.filter(readable)?;
            let most = peer
                .downlink
                .room_within(MAX_TIME)
                .map_or(MAX_BYTES, |bytes| bytes.min(MAX_BYTES));
            let cost = cost(track, kept, encoding, &key_frame, target, context.now)?;
            (cost <= most).then_some(key_frame.sequence)
        });
        let Some(from) = from.filter(|_| track.kind() == Kind::Video) else {
            return false;
        };
        let view = track.view();
        let mut way = Way {
            index,
            subscription,
            downlink: &mut peer.downlink,
            paced,
        };
        way.catch_up(track, &view, CatchUp { encoding, from }, context);
        way.subscription.packets > 0
    }
}

/// What a key frame and all that came since take as far as `target` needs it, in bytes; `None` if it is too long ago or
/// some of it is missing.
fn cost(
    track: &Track,
    encoding: &Encoding,
    index: u8,
    key_frame: &KeyFrame,
    target: Layer,
    now: Instant,
) -> Option<usize> {
    if now.saturating_duration_since(key_frame.at) > MAX_AGE {
        return None;
    }
    let codec = track.publication.format.codec;
    let mut cost = 0;
    for sequence in key_frame.sequence..=encoding.log.highest() {
        let packet = kept(encoding, index, codec, sequence, now)?;
        let facts = packet.layered.facts;
        if facts.key || (facts.spatial <= target.spatial && facts.temporal <= target.temporal) {
            cost += packet.payload.len();
        }
    }
    Some(cost)
}
