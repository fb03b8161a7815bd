//! Knocking: who is new waits in the lobby until a host signs a ticket, which every member checks.

use serde::{Deserialize, Serialize};

use crate::bytes::Blob;
use crate::id::ClientId;

/// Asks to be let in; sent by a client whose standing is `knock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Knock {
    /// The signature key of its leaf, 32 bytes: the ticket is for this key.
    pub leaf_key: Blob,
    /// Its identity card for the room's group: only people with the link can read the name in it.
    pub card: Blob,
}

/// Everybody who waits, for those who may let them in. Replaces what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Knocks {
    /// In no order.
    pub knocks: Vec<KnockOf>,
}

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct KnockOf {
    /// Who.
    pub client_id: ClientId,
    /// From its Knock.
    pub leaf_key: Blob,
    /// From its Knock.
    pub card: Blob,
}

/// Lets somebody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Admit {
    /// Whom; a host that comes in itself names itself.
    pub client_id: ClientId,
    /// The leaf key that the ticket is for.
    pub leaf_key: Blob,
    /// The ticket.
    pub ticket: Ticket,
}

/// Lets somebody not in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Deny {
    /// Whom.
    pub client_id: ClientId,
}

/// The receiver is let in; a State follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Admitted {
    /// Goes into the client's leaf.
    pub ticket: Ticket,
}

/// A host's or co-host's signature that a leaf key may come into a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Ticket {
    /// Who signed it: a host key, or the leaf key of a host or co-host. 32 bytes.
    pub key: Blob,
    /// Ed25519 over `"conclave ticket" ‖ group_id ‖ leaf key`, 64 bytes.
    pub signature: Blob,
}

/// What a ticket signs.
pub fn ticket_bytes(group_id: &[u8], leaf_key: &[u8]) -> Vec<u8> {
    [b"conclave ticket".as_slice(), group_id, leaf_key].concat()
}
