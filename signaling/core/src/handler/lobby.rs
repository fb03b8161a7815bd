//! The lobby: who is new knocks, and a host lets it in with a ticket, or not.

use conclave_wire::client::lobby::{Admit, Admitted, Deny, Knock, KnockOf, Knocks};
use conclave_wire::client::membership::PresenceKind;
use conclave_wire::client::session::Standing;
use conclave_wire::id::ClientId;
use conclave_wire::limits::MAX_CARD;
use conclave_wire::{ErrorCode, ServerMessage};

use crate::people::Waiting;
use crate::room::{Env, Room};

const KEY: usize = 32;

impl Room {
    /// Whether somebody is in the lobby.
    pub(crate) fn is_waiting(&self, client: &ClientId) -> bool {
        self.people
            .get(client)
            .is_some_and(|participant| participant.waiting.is_some())
    }

    /// Whoever is here without being a member waits from now on, if the group that was founded has a lobby.
    pub(crate) fn gather_lobby(&mut self, env: &mut Env<'_>) {
        if !self.delivery.has_lobby() {
            return;
        }
        let outside: Vec<ClientId> = self
            .people
            .iter()
            .map(|(client, _)| *client)
            .filter(|client| !self.delivery.is_member(client))
            .collect();
        for client in outside {
            if let Some(participant) = self.people.get_mut(&client) {
                participant.waiting = Some(Waiting::default());
                self.send_state(env, &client, Standing::Knock, &[]);
            }
        }
    }

    pub(super) fn handle_knock(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        knock: Knock,
    ) -> Result<(), ErrorCode> {
        if knock.leaf_key.0.len() != KEY || knock.card.0.len() > MAX_CARD {
            return Err(ErrorCode::BadMessage);
        }
        let is_locked = self.delivery.is_locked();
        let refusal = is_locked
            .then_some(ErrorCode::RoomLocked)
            .or_else(|| self.link_refusal(env));
        if let Some(code) = refusal {
            let mut effects = Vec::new();
            self.expel(env, client, code, &mut effects);
            self.carry_out(env, effects);
            return Ok(());
        }
        let Some(waiting) = self
            .people
            .get_mut(client)
            .and_then(|participant| participant.waiting.as_mut())
        else {
            return Err(ErrorCode::NotAllowed);
        };
        waiting.knock = Some(knock);
        self.tell_knocks(env);
        Ok(())
    }

    /// A host lets somebody in, maybe itself.
    pub(super) fn handle_admit(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        admit: Admit,
    ) -> Result<(), ErrorCode> {
        let Admit {
            client_id: target,
            leaf_key,
            ticket,
        } = admit;
        let may = target == *client || self.delivery.moderates(client);
        let Some(waiting) = self
            .people
            .get(&target)
            .and_then(|participant| participant.waiting.as_ref())
        else {
            // It is in already, or gone.
            return Ok(());
        };
        let is_other = waiting
            .knock
            .as_ref()
            .is_some_and(|knock| knock.leaf_key != leaf_key);
        if !may || is_other || !self.delivery.is_ticket(env.crypto, leaf_key.as_slice(), &ticket) {
            return Err(ErrorCode::NotAllowed);
        }
        if let Some(participant) = self.people.get_mut(&target) {
            participant.waiting = None;
        }
        self.tell(env, &target, &ServerMessage::Admitted(Admitted { ticket }));
        if self.people.is_online(&target) {
            let (standing, follow) = self.deliver(env, |delivery, cx| delivery.handle_online(cx, target));
            self.send_state(env, &target, standing, &follow);
            self.announce(env, &target, PresenceKind::Online);
        }
        self.tell_knocks(env);
        Ok(())
    }

    pub(super) fn handle_deny(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        deny: &Deny,
    ) -> Result<(), ErrorCode> {
        if !self.delivery.moderates(client) || !self.is_waiting(&deny.client_id) {
            return Err(ErrorCode::NotAllowed);
        }
        let mut effects = Vec::new();
        self.expel(env, &deny.client_id, ErrorCode::Denied, &mut effects);
        self.carry_out(env, effects);
        Ok(())
    }

    /// Tells everybody who may let people in who waits.
    pub(crate) fn tell_knocks(&self, env: &mut Env<'_>) {
        let moderators: Vec<ClientId> = self
            .people
            .inside()
            .filter(|client| self.delivery.moderates(client))
            .collect();
        let message = ServerMessage::Knocks(self.knocks());
        for client in moderators {
            self.tell(env, &client, &message);
        }
    }

    /// The same to one who has just come, if there is something to tell.
    pub(crate) fn tell_knocks_to(&self, env: &mut Env<'_>, client: &ClientId) {
        let knocks = self.knocks();
        if !knocks.knocks.is_empty() && self.delivery.moderates(client) {
            self.tell(env, client, &ServerMessage::Knocks(knocks));
        }
    }

    fn knocks(&self) -> Knocks {
        let waiting = self.people.iter().filter_map(|(client, participant)| {
            let knock = participant.waiting.as_ref()?.knock.as_ref()?;
            Some(KnockOf {
                client_id: *client,
                leaf_key: knock.leaf_key.clone(),
                card: knock.card.clone(),
            })
        });
        Knocks {
            knocks: waiting.collect(),
        }
    }
}
