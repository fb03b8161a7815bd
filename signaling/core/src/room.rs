//! One room: its participants, their tracks, and its delivery service.
//!
//! The handlers of client messages are in `handler/`, by message family; here is what several of them need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use conclave_wire::client::membership::{Presence, PresenceKind, TrackUnpublished};
use conclave_wire::client::session::{ErrorMessage, Policy, Standing, State};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{ClientId, RoomId, SessionToken, TrackId};
use conclave_wire::media::{Source, Track};
use conclave_wire::{ErrorCode, ServerMessage};

use crate::config::Limits;
use crate::delivery::mls::{self, Crypto};
use crate::delivery::{Cx, Delivery, Departure, Effect};
use crate::outbox::Outbox;
use crate::peers::Peers;
use crate::people::{Link, Participant, People};
use crate::service::{SessionKey, Stats};
use crate::session::Origin;

/// How many sources there are: whoever may publish them all need not be told.
const EVERYTHING: usize = 4;
/// Most people whose connection was lost that a room remembers.
const MAX_LOST: usize = 1_024;

/// What a room may use of the service around it.
pub(crate) struct Env<'a> {
    pub(crate) now: Instant,
    pub(crate) limits: &'a Limits,
    pub(crate) crypto: &'a Crypto,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) peers: &'a mut Peers,
    pub(crate) stats: &'a mut Stats,
    /// Sessions the room closed; the service forgets them.
    pub(crate) closed: &'a mut Vec<SessionKey>,
    /// Seconds since 1970, if the driver said what time it is.
    pub(crate) unix: Option<u64>,
    /// Set when a host burnt the room; the service forgets it then.
    pub(crate) burnt: &'a mut bool,
    /// For a participant that enters.
    pub(crate) fresh_token: SessionToken,
}

/// A room.
pub(crate) struct Room {
    facts: mls::Room,
    policy: Policy,
    pub(crate) people: People,
    pub(crate) tracks: BTreeMap<TrackId, Track>,
    pub(crate) delivery: Delivery,
    empty_since: Option<Instant>,
    /// Tokens of people whose connection was lost for too long: a lock is not against them.
    pub(crate) lost: VecDeque<SessionToken>,
    /// Where nobody new may come from during this call.
    pub(crate) banned: BTreeSet<Origin>,
    /// Nobody asked for it but a link: it needs no memory when it is empty.
    by_link: bool,
}

impl Room {
    pub(crate) fn new(now: Instant, id: RoomId, policy: Policy, by_link: bool) -> Self {
        Self {
            facts: mls::Room {
                id,
                suite: policy.suite,
            },
            policy,
            people: People::default(),
            tracks: BTreeMap::new(),
            delivery: Delivery::default(),
            empty_since: Some(now),
            lost: VecDeque::new(),
            banned: BTreeSet::new(),
            by_link,
        }
    }

    /// Runs a step of the delivery service and carries out what it asks for.
    pub(crate) fn deliver<T>(
        &mut self,
        env: &mut Env<'_>,
        step: impl FnOnce(&mut Delivery, &mut Cx<'_>) -> T,
    ) -> T {
        let mut effects = Vec::new();
        let result = self.step(env, &mut effects, step);
        self.carry_out(env, effects);
        result
    }

    /// Runs a step of the delivery service; its effects wait in `effects`.
    pub(crate) fn step<T>(
        &mut self,
        env: &Env<'_>,
        effects: &mut Vec<Effect>,
        step: impl FnOnce(&mut Delivery, &mut Cx<'_>) -> T,
    ) -> T {
        let mut cx = Cx {
            now: env.now,
            room: &self.facts,
            crypto: env.crypto,
            people: &self.people,
            out: effects,
        };
        step(&mut self.delivery, &mut cx)
    }

    pub(crate) fn carry_out(&mut self, env: &mut Env<'_>, effects: Vec<Effect>) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            let mut more = Vec::new();
            self.carry_out_one(env, effect, &mut more);
            queue.extend(more);
        }
    }

    fn carry_out_one(&mut self, env: &mut Env<'_>, effect: Effect, more: &mut Vec<Effect>) {
        match effect {
            Effect::Tell(clients, message) => {
                let sessions = clients
                    .iter()
                    .filter_map(|client| self.people.get(client))
                    .filter_map(Participant::session);
                env.outbox.broadcast(sessions, &message);
            }
            Effect::Restate(client, standing) => {
                if self.people.is_online(&client) && !self.is_waiting(&client) {
                    let (standing, follow) =
                        self.step(env, more, |delivery, cx| delivery.restate(cx, client, standing));
                    self.send_state(env, &client, standing, &follow);
                }
            }
            Effect::Store(hash, bytes) => env.outbox.store_tree(hash, bytes),
            Effect::Drop(hash) => env.outbox.drop_tree(hash),
            Effect::Admit(client, leaf) => {
                // What it may not publish must be known before it may publish.
                if let Some(sources) = self.delivery.permitted(&client) {
                    self.permit(env, &client, sources);
                }
                let is_new = |known: &Participant| known.admitted.is_none() && !known.returned;
                if self.people.get(&client).is_some_and(is_new) {
                    self.delivery.note_use(&client);
                }
                if let Some(participant) = self.people.get_mut(&client) {
                    participant.admitted = Some(leaf);
                    env.peers.tell(
                        env.outbox,
                        ControlCommand::Admit {
                            peer: participant.peer,
                            leaf,
                        },
                    );
                }
            }
            Effect::Permit(client, sources) => self.permit(env, &client, sources),
            Effect::Go(epoch) => {
                env.peers.tell(
                    env.outbox,
                    ControlCommand::Go {
                        room: self.facts.id,
                        epoch,
                    },
                );
            }
            Effect::Expel(client) => self.expel(env, &client, ErrorCode::Removed, more),
            Effect::Unresponsive(client) => {
                if let Some(session) = self.people.get(&client).and_then(Participant::session) {
                    close(env, session, ErrorCode::TimedOut);
                    self.suspend(env, &client, more);
                }
            }
            Effect::Founded => self.gather_lobby(env),
            Effect::Finalized => env.stats.finals += 1,
            Effect::RolledBack => env.stats.rollbacks += 1,
        }
    }

    fn permit(&mut self, env: &mut Env<'_>, client: &ClientId, sources: Vec<Source>) {
        let Some(participant) = self.people.get_mut(client) else {
            return;
        };
        if participant.permitted.as_ref().map_or(EVERYTHING, Vec::len) == sources.len()
            && participant
                .permitted
                .as_ref()
                .is_none_or(|before| *before == sources)
        {
            return;
        }
        participant.permitted = Some(sources.clone());
        let peer = participant.peer;
        env.peers
            .tell(env.outbox, ControlCommand::Permit { peer, sources });
    }

    /// A host ended the call, or the room: everybody goes, and nobody brings this group back.
    pub(crate) fn end(&mut self, env: &mut Env<'_>, code: ErrorCode) {
        let mut effects = Vec::new();
        let everybody: Vec<ClientId> = self.people.iter().map(|(client, _)| *client).collect();
        for client in everybody {
            self.expel(env, &client, code, &mut effects);
        }
        self.lost.clear();
        self.banned.clear();
        self.carry_out(env, effects);
    }

    /// Sends a participant its State and what belongs to it.
    pub(crate) fn send_state(
        &self,
        env: &mut Env<'_>,
        client: &ClientId,
        standing: Standing,
        follow: &[ServerMessage],
    ) {
        let Some(participant) = self.people.get(client) else {
            return;
        };
        let Some(session) = participant.session() else {
            return;
        };
        // Who waits in the lobby is told nothing of who is there.
        let is_inside = participant.waiting.is_none();
        let others = self
            .people
            .iter()
            .filter(|(other, participant)| *other != client && is_inside && participant.waiting.is_none());
        let state = State {
            token: participant.token,
            standing,
            group: self.delivery.state(),
            policy: self.policy.clone(),
            participants: others
                .map(|(other, participant)| Presence {
                    client_id: *other,
                    presence: participant.presence(),
                })
                .collect(),
            tracks: self
                .tracks
                .values()
                .filter(|track| is_inside && track.client_id != *client)
                .cloned()
                .collect(),
            orders: if is_inside {
                self.delivery.orders()
            } else {
                Vec::new()
            },
            idle_timeout_ms: u32::try_from(env.limits.idle_timeout.as_millis()).unwrap_or(u32::MAX),
        };
        env.outbox.send(session, &ServerMessage::State(state));
        for message in follow {
            env.outbox.send(session, message);
        }
    }

    /// A connection was lost: nothing is forwarded any more, and the grace period begins.
    pub(crate) fn handle_disconnect(&mut self, env: &mut Env<'_>, client: &ClientId, session: SessionKey) {
        // The participant may have come back by another connection already.
        if self.people.get(client).and_then(Participant::session) != Some(session) {
            return;
        }
        let mut effects = Vec::new();
        self.suspend(env, client, &mut effects);
        self.carry_out(env, effects);
    }

    fn suspend(&mut self, env: &mut Env<'_>, client: &ClientId, effects: &mut Vec<Effect>) {
        let Some(participant) = self.people.get_mut(client) else {
            return;
        };
        participant.link = Link::Suspended {
            until: env.now + env.limits.grace,
        };
        env.peers.tell(
            env.outbox,
            ControlCommand::Suspend {
                peer: participant.peer,
            },
        );
        self.announce(env, client, PresenceKind::Suspended);
        self.step(env, effects, |delivery, cx| delivery.handle_offline(cx, client));
    }

    /// Takes a participant out and closes its session.
    pub(crate) fn expel(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        code: ErrorCode,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(session) = self.people.get(client).and_then(Participant::session) {
            close(env, session, code);
        }
        self.remove(env, client, Departure::Gone, effects);
    }

    /// A participant is gone for good.
    pub(crate) fn remove(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        departure: Departure,
        effects: &mut Vec<Effect>,
    ) {
        let Some(participant) = self.people.remove(client) else {
            return;
        };
        env.peers.forget(participant.peer);
        env.peers.tell(
            env.outbox,
            ControlCommand::RemovePeer {
                peer: participant.peer,
            },
        );
        let gone: Vec<TrackId> = self
            .tracks
            .values()
            .filter(|track| track.client_id == *client)
            .map(|track| track.track_id)
            .collect();
        for track in gone {
            self.unpublish(env, track);
        }
        if participant.waiting.is_some() {
            self.tell_knocks(env);
        } else {
            self.announce(env, client, PresenceKind::Gone);
            self.step(env, effects, |delivery, cx| {
                delivery.handle_gone(cx, client, departure)
            });
        }
        // Without anybody inside there is nobody who could let them in, and no call to come into.
        if self.people.iter().all(|(_, other)| other.waiting.is_some()) {
            let waiting: Vec<ClientId> = self.people.iter().map(|(client, _)| *client).collect();
            for client in waiting {
                self.expel(env, &client, ErrorCode::Ended, effects);
            }
        }
        if self.people.is_empty() {
            self.step(env, effects, |delivery, cx| delivery.clear(cx));
            self.lost.clear();
            self.banned.clear();
            self.empty_since = Some(env.now);
        }
    }

    pub(crate) fn unpublish(&mut self, env: &mut Env<'_>, track_id: TrackId) {
        if let Some(track) = self.tracks.remove(&track_id) {
            if let Some(publisher) = self.people.get_mut(&track.client_id) {
                publisher.needed.remove(&track.source);
            }
            let message = ServerMessage::TrackUnpublished(TrackUnpublished { track_id });
            self.tell_others(env, &track.client_id, &message);
        }
    }

    pub(crate) fn announce(&self, env: &mut Env<'_>, client: &ClientId, presence: PresenceKind) {
        if self
            .people
            .get(client)
            .is_some_and(|participant| participant.waiting.is_some())
        {
            return;
        }
        self.tell_others(
            env,
            client,
            &ServerMessage::Presence(Presence {
                client_id: *client,
                presence,
            }),
        );
    }

    /// Sends to everybody who is online but `client`.
    pub(crate) fn tell_others(&self, env: &mut Env<'_>, client: &ClientId, message: &ServerMessage) {
        let others = self
            .people
            .iter()
            .filter(|(other, participant)| *other != client && participant.waiting.is_none());
        let sessions = others.filter_map(|(_, participant)| participant.session());
        env.outbox.broadcast(sessions, message);
    }

    pub(crate) fn tell(&self, env: &mut Env<'_>, client: &ClientId, message: &ServerMessage) {
        if let Some(session) = self.people.get(client).and_then(Participant::session) {
            env.outbox.send(session, message);
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, env: &mut Env<'_>) {
        let mut effects = Vec::new();
        for client in self.people.overdue(env.now) {
            if let Some(participant) = self.people.get(&client) {
                self.lost.push_back(participant.token);
            }
            if self.lost.len() > MAX_LOST {
                self.lost.pop_front();
            }
            self.remove(env, &client, Departure::Gone, &mut effects);
        }
        self.carry_out(env, effects);
        self.deliver(env, |delivery, cx| delivery.handle_timeout(cx));
    }

    /// When [`Room::handle_timeout`], or the end of an empty room, is due.
    pub(crate) fn poll_timeout(&self, ttl: Duration) -> Option<Instant> {
        let end = self.empty_since.map(|since| since + ttl);
        [self.people.next_grace_end(), self.delivery.poll_timeout(), end]
            .into_iter()
            .flatten()
            .min()
    }

    /// Somebody entered.
    pub(crate) fn note_entry(&mut self) {
        self.empty_since = None;
    }

    /// Empty for so long that it can be forgotten.
    pub(crate) fn is_over(&self, now: Instant, ttl: Duration) -> bool {
        self.empty_since
            .is_some_and(|since| now.saturating_duration_since(since) >= ttl)
    }

    /// Empty, and its link alone would open it again.
    pub(crate) fn is_dispensable(&self) -> bool {
        self.by_link && self.empty_since.is_some()
    }

    pub(crate) fn id(&self) -> RoomId {
        self.facts.id
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Tells a session why and closes it.
pub(crate) fn close(env: &mut Env<'_>, session: SessionKey, code: ErrorCode) {
    let error = ErrorMessage {
        code,
        fatal: true,
        retry_after_ms: None,
    };
    env.outbox.send(session, &ServerMessage::Error(error));
    env.outbox.close(session, code);
    env.closed.push(session);
}
