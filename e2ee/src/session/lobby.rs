//! The lobby: knocking, and letting in who knocks.

use super::Session;
use crate::card::{self, CardLeaf};
use crate::encoding::{Blob, ClientId};
use crate::error::SessionError;
use crate::message::{Admit, Admitted, Deny, Knock, Knocks, Outgoing, Ticket};
use crate::output::{Output, Waiting};
use crate::ticket;

/// Most people that are shown as waiting.
const MAX_KNOCKS: usize = 500;

impl Session {
    /// Asks to be let in. A host lets itself in, and whoever was let in before shows its ticket again.
    pub(super) fn knock(&mut self, group_id: &[u8]) -> Result<(), SessionError> {
        self.outputs.push_back(Output::Knocking);
        self.sign_own_ticket(group_id);
        let leaf_key = Blob(self.identity.leaf_public().to_vec());
        if let Some(ticket) = self.identity.ticket_for(group_id).cloned() {
            let client_id = self.identity.client_id;
            self.send(Outgoing::Admit(Admit {
                client_id,
                leaf_key,
                ticket,
            }));
            return Ok(());
        }
        let card = Blob(self.identity.card(&self.identity.provider()?, group_id)?);
        self.knocked_at = group_id.to_vec();
        self.send(Outgoing::Knock(Knock { leaf_key, card }));
        Ok(())
    }

    /// A host needs nobody else's signature.
    pub(super) fn sign_own_ticket(&mut self, group_id: &[u8]) {
        if self.identity.is_room_host() && self.identity.ticket_for(group_id).is_none() {
            let ticket = self.sign_ticket(group_id, &self.identity.leaf_public());
            self.identity.keep_ticket(group_id.to_vec(), ticket);
        }
    }

    pub(super) fn handle_admitted(&mut self, admitted: Admitted) -> Result<(), SessionError> {
        // Whose ticket it is the members judge; a wrong one keeps out nobody but ourselves.
        let group_id = std::mem::take(&mut self.knocked_at);
        if !group_id.is_empty()
            && ticket::is_signed(&admitted.ticket, &group_id, &self.identity.leaf_public())
        {
            self.identity.keep_ticket(group_id, admitted.ticket);
        }
        Ok(())
    }

    pub(super) fn handle_knocks(&mut self, knocks: Knocks) -> Result<(), SessionError> {
        let Some(mls) = &self.current else { return Ok(()) };
        let Knocks { mut knocks } = knocks;
        knocks.truncate(MAX_KNOCKS);
        let waiting = knocks
            .iter()
            .map(|knock| {
                let leaf = CardLeaf {
                    group_id: mls.group_id(),
                    leaf_key: knock.leaf_key.as_slice(),
                };
                let card = card::open(
                    openmls::prelude::OpenMlsProvider::crypto(&mls.provider),
                    &self.identity.keys,
                    leaf,
                    knock.card.as_slice(),
                );
                Waiting {
                    client_id: knock.client_id,
                    display_name: card.map(|card| card.display_name),
                }
            })
            .collect();
        self.hosting.knocks = knocks;
        self.outputs.push_back(Output::Knocks { waiting });
        Ok(())
    }

    /// Signs a ticket for somebody who waits (hosts and co-hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`, `NoSuchMember`.
    pub fn admit(&mut self, client_id: &[u8; 16]) -> Result<(), SessionError> {
        self.require_moderator()?;
        let client_id = ClientId(*client_id);
        let knock = self
            .hosting
            .knocks
            .iter()
            .find(|knock| knock.client_id == client_id);
        let leaf_key = knock.ok_or(SessionError::NoSuchMember)?.leaf_key.clone();
        let mls = self.current.as_ref().ok_or(SessionError::NotMember)?;
        let ticket = self.sign_ticket(mls.group_id(), leaf_key.as_slice());
        self.send(Outgoing::Admit(Admit {
            client_id,
            leaf_key,
            ticket,
        }));
        Ok(())
    }

    /// Sends somebody who waits away (hosts and co-hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn deny(&mut self, client_id: &[u8; 16]) -> Result<(), SessionError> {
        self.require_moderator()?;
        let client_id = ClientId(*client_id);
        self.send(Outgoing::Deny(Deny { client_id }));
        Ok(())
    }

    fn sign_ticket(&self, group_id: &[u8], leaf_key: &[u8]) -> Ticket {
        let (key, signature) = self
            .identity
            .sign_as_host(&ticket::signed_bytes(group_id, leaf_key));
        Ticket {
            key: Blob(key.to_vec()),
            signature: Blob(signature.to_vec()),
        }
    }
}
