//! Tickets of a lobby: a host's signature in a leaf, behind the admission MAC, that every member checks.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::encoding::Blob;
use crate::message::Ticket;

const KEY: usize = 32;
const SIGNATURE: usize = 64;

/// What a ticket signs.
pub(crate) fn signed_bytes(group_id: &[u8], leaf_key: &[u8]) -> Vec<u8> {
    [b"conclave ticket".as_slice(), group_id, leaf_key].concat()
}

/// `key (32) ‖ signature (64)`, as it stands in a leaf.
pub(crate) fn encode(ticket: &Ticket) -> Vec<u8> {
    [ticket.key.as_slice(), ticket.signature.as_slice()].concat()
}

/// Reads what stands in a leaf.
pub(crate) fn decode(bytes: &[u8]) -> Option<Ticket> {
    let (key, signature) = bytes.split_at_checked(KEY)?;
    (signature.len() == SIGNATURE).then(|| Ticket {
        key: Blob(key.to_vec()),
        signature: Blob(signature.to_vec()),
    })
}

/// Whether the ticket's own key signed it for this leaf key; whose key that is, is for the caller to judge.
pub(crate) fn is_signed(ticket: &Ticket, group_id: &[u8], leaf_key: &[u8]) -> bool {
    let key = ticket.key.as_slice().try_into().ok();
    let key = key.and_then(|key| VerifyingKey::from_bytes(key).ok());
    let signature = Signature::from_slice(ticket.signature.as_slice()).ok();
    key.zip(signature).is_some_and(|(key, signature)| {
        key.verify_strict(&signed_bytes(group_id, leaf_key), &signature)
            .is_ok()
    })
}
