//! Who commits next: a different order every epoch, the same for everybody who computes it.
//!
//! Rotation spreads the load and heals the tree by the way; a fixed committer could also starve somebody for good.

use conclave_wire::id::{Epoch, LeafIndex};
use sha2::{Digest as _, Sha256};

/// How many members one call asks.
pub(crate) const RANKS_PER_CALL: usize = 8;

/// `candidates` in the order of SHA-256("conclave rank" ‖ group_id ‖ epoch ‖ leaf), numbers big endian.
pub(crate) fn order(
    group_id: &[u8],
    epoch: Epoch,
    candidates: impl IntoIterator<Item = LeafIndex>,
) -> Vec<LeafIndex> {
    let mut ranked: Vec<([u8; 32], LeafIndex)> = candidates
        .into_iter()
        .map(|leaf| (key(group_id, epoch, leaf), leaf))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, leaf)| leaf).collect()
}

fn key(group_id: &[u8], epoch: Epoch, leaf: LeafIndex) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"conclave rank");
    hash.update(group_id);
    hash.update(epoch.0.to_be_bytes());
    hash.update(leaf.0.to_be_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_same_whatever_the_input_order_and_changes_with_the_epoch() {
        let leaves = || (0..20).map(LeafIndex);
        let forward = order(b"group", Epoch(1), leaves());
        assert_eq!(forward, order(b"group", Epoch(1), leaves().rev()));
        assert_ne!(forward, order(b"group", Epoch(2), leaves()));
        assert_eq!(forward.len(), 20);
    }

    #[test]
    fn over_many_epochs_everybody_is_first_about_equally_often() {
        let mut first = [0_usize; 8];
        for epoch in 0..800 {
            let order = order(b"group", Epoch(epoch), (0..8).map(LeafIndex));
            first[order[0].0 as usize] += 1;
        }
        assert!(first.iter().all(|count| (60..140).contains(count)), "{first:?}");
    }
}
