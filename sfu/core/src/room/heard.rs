//! How much of a publisher's sound its subscribers miss, so that its encoder protects the sound (Opus in-band FEC).
//!
//! An encoder adds redundancy by the loss that receiver reports tell it of, and the SFU is its only receiver: so our
//! reports on sound tell of the worse half of the way too. Pictures are sent again instead.

use crate::peer::Peer;
use crate::slab::Slab;
use crate::subscription::Subscription;
use crate::track::Track;

/// Most loss that is passed on, in 1/256: with more, redundancy costs all of the sound its quality.
const MAX_LOSS: u8 = 51;
/// One subscriber of so many may have it worse than what is passed on.
const LEFT_OUT: usize = 10;

/// The loss that nine of ten subscribers of a track stay within, in 1/256.
///
/// A browser reports on sound every five seconds only, while transport-cc tells within one what its whole path loses.
pub(super) fn loss(track: &Track, subscriptions: &Slab<Subscription>, peers: &Slab<Peer>) -> u8 {
    let mut counts = [0usize; MAX_LOSS as usize + 1];
    let mut heard = 0usize;
    for index in &track.subscriptions {
        let Some(subscription) = subscriptions.get(*index).filter(|s| s.flows()) else {
            continue;
        };
        heard += 1;
        let of_path = peers
            .get(subscription.member)
            .map_or(0, |peer| peer.downlink.recent_loss());
        let loss = usize::from(subscription.loss.max(of_path).min(MAX_LOSS));
        if let Some(count) = counts.get_mut(loss) {
            *count += 1;
        }
    }
    let mut worse = heard / LEFT_OUT;
    for (loss, count) in (0..=MAX_LOSS).zip(counts).rev() {
        match worse.checked_sub(count) {
            _ if count == 0 => {}
            Some(fewer) => worse = fewer,
            None => return loss,
        }
    }
    0
}
