//! Hello, Ping, Bye: opening, keeping and ending a session.

use std::collections::BTreeMap;

use conclave_wire::client::membership::PresenceKind;
use conclave_wire::client::session::{Hello, Ping, Pong, Standing, host_proof_bytes};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{ClientId, SessionToken};
use conclave_wire::{ErrorCode, ServerMessage};

use crate::delivery::Departure;
use crate::people::{Link, Participant, Waiting};
use crate::room::{Env, Room, close};
use crate::service::SessionKey;
use crate::session::{Origin, Place};

/// Confirmation tags are SHA-256 MACs in every suite of this protocol.
const MAX_TAG: usize = 64;
/// Group ids are twice a room id.
const MAX_GROUP_ID: usize = 64;

impl Room {
    /// The first message of a connection; an error closes it.
    pub(crate) fn handle_hello(
        &mut self,
        env: &mut Env<'_>,
        session: SessionKey,
        origin: Origin,
        hello: Hello,
    ) -> Result<ClientId, ErrorCode> {
        let client = hello.client_id;
        if let Some(resume) = &hello.resume
            && (resume.group_id.0.len() > MAX_GROUP_ID || resume.confirmation_tag.0.len() > MAX_TAG)
        {
            return Err(ErrorCode::BadMessage);
        }
        match self.people.get(&client).map(|participant| participant.token) {
            Some(token) if hello.token.is_some_and(|given| is_same(&given, &token)) => {
                self.continue_session(env, session, hello);
            }
            Some(_) => return Err(ErrorCode::ClientIdTaken),
            None => self.enter(env, session, origin, hello)?,
        }
        if self.is_waiting(&client) {
            self.send_state(env, &client, Standing::Knock, &[]);
            return Ok(client);
        }
        let (standing, follow) = self.deliver(env, |delivery, cx| delivery.handle_online(cx, client));
        self.send_state(env, &client, standing, &follow);
        self.tell_knocks_to(env, &client);
        self.repeat_flow(env, &client);
        self.announce(env, &client, PresenceKind::Online);
        Ok(client)
    }

    /// Whether a Hello is of somebody who is here, or was until the tab was reloaded.
    pub(crate) fn knows(&self, hello: &Hello) -> bool {
        self.people.has(&hello.client_id)
            || hello
                .token
                .is_some_and(|token| self.people.by_token(&token).is_some())
    }

    fn continue_session(&mut self, env: &mut Env<'_>, session: SessionKey, hello: Hello) {
        let Some(participant) = self.people.get_mut(&hello.client_id) else {
            return;
        };
        let before = participant.link;
        participant.link = Link::Online(session);
        participant.last_heard = env.now;
        participant.resume = hello.resume;
        let peer = participant.peer;
        match before {
            Link::Online(old) => close(env, old, ErrorCode::SessionReplaced),
            Link::Suspended { .. } => env.peers.tell(env.outbox, ControlCommand::Resume { peer }),
        }
    }

    /// What keeps somebody new out.
    fn check_entry(&self, env: &Env<'_>, origin: &Origin, hello: &Hello) -> Result<(), ErrorCode> {
        let resumed = hello.resume.as_ref().map(|resume| &resume.group_id);
        if resumed.is_some_and(|group| self.delivery.was_ended_by_host(group)) {
            return Err(ErrorCode::Ended);
        }
        if self.came_back(hello) {
            return Ok(());
        }
        if self.banned.contains(origin) {
            return Err(ErrorCode::Banned);
        }
        // Into a call the hosts still come, by a ticket of their own.
        match self.link_refusal(env) {
            Some(code) if !self.delivery.has_group() && !self.is_host(env, hello) => Err(code),
            _ => Ok(()),
        }
    }

    /// Whether it is proven to be the host who said what the link is good for.
    fn is_host(&self, env: &Env<'_>, hello: &Hello) -> bool {
        let signed = host_proof_bytes(&self.id(), &hello.client_id);
        hello.host.as_ref().is_some_and(|proof| {
            let key = proof.key.as_slice();
            self.delivery.has_terms_of(key) && env.crypto.is_signed(key, &signed, proof.signature.as_slice())
        })
    }

    /// Whether who is new has to wait for a host: in the lobby, where whoever was let in before shows its ticket again,
    /// or because the call is locked, or the link good for nobody any more, and it may be a host itself.
    fn must_wait(&self, env: &Env<'_>, hello: &Hello) -> bool {
        // Where there is no call yet nobody could let the host in who opens it.
        let is_shut =
            self.delivery.has_group() && (self.delivery.is_locked() || self.link_refusal(env).is_some());
        self.delivery.has_lobby() || (is_shut && !self.came_back(hello))
    }

    /// Whether its connection was lost for too long, and now it is here again.
    fn came_back(&self, hello: &Hello) -> bool {
        hello
            .token
            .is_some_and(|token| self.lost.iter().any(|lost| is_same(lost, &token)))
    }

    /// Why the link lets nobody new in.
    pub(crate) fn link_refusal(&self, env: &Env<'_>) -> Option<ErrorCode> {
        let coming = self
            .people
            .iter()
            .filter(|(_, other)| other.admitted.is_none() && other.waiting.is_none() && !other.returned);
        self.delivery.link_refusal(env.unix, coming.count())
    }

    fn enter(
        &mut self,
        env: &mut Env<'_>,
        session: SessionKey,
        origin: Origin,
        hello: Hello,
    ) -> Result<(), ErrorCode> {
        // A reloaded tab: a new participant that proves to be an old one, whose leaf goes with the same commit.
        let reloaded = hello.token.and_then(|token| self.people.by_token(&token));
        if reloaded.is_none() {
            self.check_entry(env, &origin, &hello)?;
        }
        let waits = reloaded.is_none() && self.must_wait(env, &hello);
        let returned = reloaded.is_some() || self.came_back(&hello);
        let limit = usize::try_from(self.policy().max_participants).unwrap_or(usize::MAX);
        if reloaded.is_none() && self.people.len() >= limit {
            return Err(ErrorCode::RoomFull);
        }
        let place = Place {
            room: self.id(),
            client: hello.client_id,
        };
        let peer = env.peers.name(place);
        self.people.insert(
            hello.client_id,
            Participant {
                token: env.fresh_token,
                peer,
                link: Link::Online(session),
                resume: hello.resume,
                last_heard: env.now,
                admitted: None,
                waiting: waits.then(Waiting::default),
                permitted: None,
                returned,
                origin,
                needed: BTreeMap::new(),
                paused: None,
            },
        );
        self.note_entry();
        env.peers.tell(
            env.outbox,
            ControlCommand::AddPeer {
                peer,
                room: place.room,
            },
        );
        if let Some(old) = reloaded {
            let mut effects = Vec::new();
            if let Some(session) = self.people.get(&old).and_then(Participant::session) {
                close(env, session, ErrorCode::SessionReplaced);
            }
            self.remove(env, &old, Departure::Reloaded, &mut effects);
            self.carry_out(env, effects);
        }
        Ok(())
    }

    pub(super) fn handle_ping(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        ping: &Ping,
    ) -> Result<(), ErrorCode> {
        self.tell(env, client, &ServerMessage::Pong(Pong { id: ping.id }));
        Ok(())
    }

    pub(super) fn handle_bye(&mut self, env: &mut Env<'_>, client: &ClientId) -> Result<(), ErrorCode> {
        if let Some(session) = self.people.get(client).and_then(Participant::session) {
            env.outbox.close(session, ErrorCode::Removed);
            env.closed.push(session);
        }
        let mut effects = Vec::new();
        self.remove(env, client, Departure::Gone, &mut effects);
        self.carry_out(env, effects);
        Ok(())
    }
}

/// Compares in constant time: the token is a secret.
fn is_same(a: &SessionToken, b: &SessionToken) -> bool {
    a.as_bytes()
        .iter()
        .zip(b.as_bytes())
        .fold(0, |difference, (a, b)| difference | (a ^ b))
        == 0
}
