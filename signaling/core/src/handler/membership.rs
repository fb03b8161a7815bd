//! What hosts decide, and what the SFU says of tracks and peers.

use conclave_wire::client::membership::{Kick, TrackPublished};
use conclave_wire::client::order::Order;
use conclave_wire::client::session::ErrorMessage;
use conclave_wire::id::{ClientId, TrackId};
use conclave_wire::limits::MAX_TRACKS_PER_PARTICIPANT;
use conclave_wire::media::Track;
use conclave_wire::{ErrorCode, ServerMessage};

use crate::delivery::{Departure, Over};
use crate::room::{Env, Room};

impl Room {
    pub(super) fn handle_kick(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        kick: &Kick,
    ) -> Result<(), ErrorCode> {
        let mut effects = Vec::new();
        let target = self.step(env, &mut effects, |delivery, cx| {
            delivery.check_kick(cx, client, kick)
        })?;
        if let Some(participant) = self.people.get(&target) {
            let code = if kick.ban {
                self.banned.insert(participant.origin);
                ErrorCode::Banned
            } else {
                ErrorCode::Removed
            };
            self.expel(env, &target, code, &mut effects);
        } else {
            // A member that was not seen since the server lost its memory.
            self.step(env, &mut effects, |delivery, cx| {
                delivery.handle_gone(cx, &target, Departure::Gone)
            });
        }
        self.carry_out(env, effects);
        Ok(())
    }

    pub(super) fn handle_order(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        order: Order,
    ) -> Result<(), ErrorCode> {
        match self.deliver(env, |delivery, cx| delivery.handle_order(cx, client, order))? {
            Some(Over::Call(_)) => self.end(env, ErrorCode::Ended),
            Some(Over::Room) => {
                *env.burnt = true;
                self.end(env, ErrorCode::RoomBurnt);
            }
            // Somebody may be a co-host now.
            None => self.tell_knocks(env),
        }
        Ok(())
    }

    /// A track can be subscribed; more than a participant may have are left out.
    pub(crate) fn handle_track_published(&mut self, env: &mut Env<'_>, track: Track) {
        let own = self
            .tracks
            .values()
            .filter(|other| other.client_id == track.client_id)
            .count();
        if own >= MAX_TRACKS_PER_PARTICIPANT && !self.tracks.contains_key(&track.track_id) {
            return;
        }
        self.tracks.insert(track.track_id, track.clone());
        let publisher = track.client_id;
        self.tell_others(
            env,
            &publisher,
            &ServerMessage::TrackPublished(TrackPublished { track }),
        );
    }

    /// A publisher's track was closed because its frames were not end-to-end encrypted.
    pub(crate) fn handle_producer_closed(&mut self, env: &mut Env<'_>, client: &ClientId, track_id: TrackId) {
        self.unpublish(env, track_id);
        let error = ErrorMessage {
            code: ErrorCode::NotEndToEndEncrypted,
            fatal: false,
            retry_after_ms: None,
        };
        self.tell(env, client, &ServerMessage::Error(error));
    }
}
