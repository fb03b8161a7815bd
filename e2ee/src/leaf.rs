//! What this protocol reads in an MLS leaf.

use openmls::prelude::{BasicCredential, LeafNode};

use crate::encoding::ClientId;
use crate::message::Ticket;
use crate::secrets::RoomKeys;
use crate::{admission, card, ticket};

/// The parts of a leaf that matter here. Reading it proves nothing yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf<'a> {
    pub(crate) client_id: ClientId,
    pub(crate) leaf_key: &'a [u8],
    pub(crate) admission: &'a [u8],
    pub(crate) card: &'a [u8],
}

impl<'a> Leaf<'a> {
    /// `None` for a leaf without a pseudonym of 16 bytes or without an admission MAC.
    pub(crate) fn read(leaf: &'a LeafNode) -> Option<Self> {
        let credential = BasicCredential::try_from(leaf.credential().clone()).ok()?;
        let extension = |id| {
            leaf.extensions()
                .unknown(id)
                .map(|extension| extension.0.as_slice())
        };
        Some(Self {
            client_id: ClientId::from_slice(credential.identity())?,
            leaf_key: leaf.signature_key().as_slice(),
            admission: extension(admission::EXTENSION)?,
            card: extension(card::EXTENSION).unwrap_or_default(),
        })
    }

    /// The lobby ticket in the leaf, if its own key signed it for this leaf and group.
    pub(crate) fn ticket(&self, group_id: &[u8]) -> Option<Ticket> {
        let ticket = ticket::decode(admission::split(self.admission).1)?;
        ticket::is_signed(&ticket, group_id, self.leaf_key).then_some(ticket)
    }

    /// Whether the leaf's owner has the room secret.
    pub(crate) fn is_admitted(&self, keys: &RoomKeys, group_id: &[u8]) -> bool {
        admission::verify(keys, group_id, self.leaf_key, self.admission)
    }
}
