//! The ratchet trees that are being served: the newest ones, and those that a slow joiner may still fetch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_wire::id::TreeHash;

use super::mls::sha256;
use super::{Cx, Effect};

/// How long a tree is served at least.
const KEEP: Duration = Duration::from_secs(60);
/// Most trees per room; beyond, the oldest goes early.
const MAX_TREES: usize = 32;

/// The trees of one group.
#[derive(Default)]
pub(crate) struct TreeShelf(VecDeque<(TreeHash, Instant)>);

impl TreeShelf {
    /// Serves `bytes`; returns their name.
    pub(crate) fn store(&mut self, cx: &mut Cx<'_>, bytes: Vec<u8>) -> TreeHash {
        let hash = TreeHash::new(sha256(&bytes));
        match self.0.iter().position(|(stored, _)| *stored == hash) {
            Some(known) => {
                // Young again.
                self.0.remove(known);
            }
            None => cx.out.push(Effect::Store(hash, Arc::from(bytes))),
        }
        self.0.push_back((hash, cx.now));
        self.expire(cx);
        hash
    }

    /// Drops what nobody needs any more; the newest stays.
    pub(crate) fn expire(&mut self, cx: &mut Cx<'_>) {
        while let Some((hash, since)) = self.0.front().copied() {
            let is_old = cx.now.saturating_duration_since(since) >= KEEP && self.0.len() > 1;
            if !is_old && self.0.len() <= MAX_TREES {
                break;
            }
            self.0.pop_front();
            cx.out.push(Effect::Drop(hash));
        }
    }

    /// Drops all.
    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>) {
        for (hash, _) in self.0.drain(..) {
            cx.out.push(Effect::Drop(hash));
        }
    }
}
