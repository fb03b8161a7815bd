//! What clients show goes to the SFU; what it needs of a publisher and what it does not send a subscriber comes back.

use conclave_wire::client::subscription::{EncodingsNeeded, PicturesPaused, Views};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::ClientId;
use conclave_wire::limits::MAX_SECTIONS;
use conclave_wire::media::Source;
use conclave_wire::{ErrorCode, ServerMessage};

use crate::room::{Env, Room};

impl Room {
    pub(super) fn handle_views(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        views: Views,
    ) -> Result<(), ErrorCode> {
        let Views { views } = views;
        if views.len() > MAX_SECTIONS {
            return Err(ErrorCode::BadMessage);
        }
        if let Some(peer) = self.people.get(client).map(|participant| participant.peer) {
            env.peers.tell(env.outbox, ControlCommand::Views { peer, views });
        }
        Ok(())
    }

    /// The SFU needs other encodings of one of the client's tracks than before.
    pub(crate) fn handle_encodings_needed(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        source: Source,
        needed: Vec<bool>,
    ) {
        if let Some(participant) = self.people.get_mut(client) {
            participant.needed.insert(source, needed.clone());
        }
        let message = ServerMessage::EncodingsNeeded(EncodingsNeeded { source, needed });
        self.tell(env, client, &message);
    }

    /// The SFU sends a client other pictures of those it shows than before.
    pub(crate) fn handle_pictures_paused(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        paused: PicturesPaused,
    ) {
        if let Some(participant) = self.people.get_mut(client) {
            participant.paused = Some(paused.clone());
        }
        self.tell(env, client, &ServerMessage::PicturesPaused(paused));
    }

    /// Says again what is needed and paused, to a client that may have missed it while its connection was lost.
    pub(super) fn repeat_flow(&self, env: &mut Env<'_>, client: &ClientId) {
        let Some(participant) = self.people.get(client) else {
            return;
        };
        for (source, needed) in &participant.needed {
            let message = EncodingsNeeded {
                source: *source,
                needed: needed.clone(),
            };
            self.tell(env, client, &ServerMessage::EncodingsNeeded(message));
        }
        if let Some(paused) = &participant.paused {
            self.tell(env, client, &ServerMessage::PicturesPaused(paused.clone()));
        }
    }
}
