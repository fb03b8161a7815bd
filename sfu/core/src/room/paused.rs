//! Tells subscribers which of the pictures they show they are not sent.

use std::time::Duration;

use conclave_wire::client::subscription::PauseCause;
use conclave_wire::control::ControlEvent;
use conclave_wire::id::TrackId;

use super::{Room, Shed};
use crate::forward::Egress;
use crate::sfu::Context;

/// A picture that goes on before this long has passed was late, not paused.
const PAUSED_AFTER: Duration = Duration::from_secs(1);

impl Room {
    /// Says so when other pictures are paused than the subscriber was told: at most once a second of each, at once when one
    /// goes on.
    pub(super) fn tell_paused<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let Self {
            peers,
            tracks,
            subscriptions,
            shed,
            ..
        } = self;
        let Some(peer) = peers.get_mut(member) else { return };
        let is_paused = |index: usize| -> Option<TrackId> {
            let subscription = subscriptions.get(index)?;
            let since = subscription.unserved_since?;
            let track = tracks.get(subscription.track?)?;
            (context.now.saturating_duration_since(since) >= PAUSED_AFTER).then_some(track.id)
        };
        let indices = peer.states().iter().filter_map(|state| state.subscription);
        let paused = indices.filter_map(is_paused);
        if paused.clone().eq(peer.paused.iter().copied()) {
            return;
        }
        let paused: Vec<TrackId> = paused.collect();
        peer.paused.clone_from(&paused);
        let cause = if *shed > Shed::OVERLOADED {
            PauseCause::Load
        } else {
            PauseCause::Downlink
        };
        context.event(ControlEvent::PicturesPaused {
            peer: peer.id,
            tracks: paused,
            cause,
        });
    }
}
