//! What the shards of a wide room tell each other, so that each can forward what is published on the others.
//!
//! A peer lives on one shard; the others hold a *mirror* of it: its standing, its sections and its tracks, without a
//! transport. Its packets come as they were opened and checked, with the [`Stream`] they belong to, and take the same
//! way as a local publisher's from there on.

use conclave_transport::route::IceCredentials;
use conclave_wire::id::{LeafIndex, PeerId, TrackId};

use crate::forward::table::Route;
use crate::negotiation::{Line, RemoteTransport};

/// A peer as the shards see it that do not have its transport. Only another shard's core reads it.
#[derive(Clone)]
pub struct Mirror {
    pub(crate) peer: PeerId,
    pub(crate) leaf: Option<LeafIndex>,
    pub(crate) suspended: bool,
    pub(crate) connected: bool,
    pub(crate) association: Option<MirroredAssociation>,
}

impl Mirror {
    /// Whose it is.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }
}

/// What the peer negotiated, as far as publishing goes.
#[derive(Clone)]
pub(crate) struct MirroredAssociation {
    pub(crate) remote: RemoteTransport,
    pub(crate) credentials: IceCredentials,
    /// Its sections; those it subscribes with are idle here.
    pub(crate) lines: Vec<Line>,
    /// Of each section the track, and whether it was announced.
    pub(crate) tracks: Vec<Option<(TrackId, bool)>>,
}

/// Which of a peer's streams a relayed packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(pub(crate) Route);

/// A set of shards, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(u64);

impl ShardSet {
    /// Most shards of a wide room: those with numbers below this.
    pub const MAX: usize = 64;

    /// Adds a shard or takes it away.
    pub fn set(&mut self, shard: usize, on: bool) {
        let bit = u32::try_from(shard)
            .ok()
            .and_then(|shard| 1u64.checked_shl(shard))
            .unwrap_or(0);
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }

    /// The shards of both.
    #[must_use]
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its shards.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX).filter(move |shard| self.0 >> shard & 1 == 1)
    }
}
