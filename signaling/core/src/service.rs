//! The service: sessions and rooms behind one set of inputs and outputs.
//!
//! Inputs: connections, client messages, SFU events, time. Outputs: [`Output`].

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use conclave_wire::client::session::{ErrorMessage, Hello, Policy};
use conclave_wire::client::subscription::PicturesPaused;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{ClientId, PeerId, RoomId, SessionToken};
use conclave_wire::media::Track;
use conclave_wire::{ClientMessage, ErrorCode, PROTOCOL_VERSION, ServerMessage};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use thiserror::Error;

use crate::config::ServiceConfig;
use crate::delivery::mls::Crypto;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::peers::Peers;
use crate::rate::Rates;
use crate::records::{Record, Records, RoomHash};
use crate::room::{Env, Room};
use crate::session::{Origin, Place, Session, Stage};

/// When somebody who was turned away for overload may ask again: an overload that passes does so within seconds.
const OVERLOADED_RETRY_MS: u32 = 5_000;

/// One connection, named by the driver; never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub u64);

/// What anybody who knows a room's id may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// Its policy.
    pub policy: Policy,
    /// How many participants it holds now.
    pub participants: usize,
}

/// Why a room was not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateRoomError {
    /// As many rooms as the limits allow.
    #[error("too many rooms")]
    TooManyRooms,
    /// `max_participants` is zero or above the limit.
    #[error("max_participants must be 1..={0}")]
    MaxParticipants(u32),
}

/// Counters for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Open connections.
    pub sessions: usize,
    /// Rooms remembered, empty ones too.
    pub rooms: usize,
    /// Participants in all rooms.
    pub participants: usize,
    /// Client messages handled.
    pub messages: u64,
    /// Epochs made final.
    pub finals: u64,
    /// Epochs rolled back.
    pub rollbacks: u64,
    /// Requests refused with an error.
    pub refused: u64,
    /// Whether new participants are turned away, because the SFU carries as many as it can.
    pub overloaded: bool,
}

/// Every room and session of this process.
pub struct Service {
    config: ServiceConfig,
    rng: StdRng,
    crypto: Crypto,
    sessions: HashMap<SessionKey, Session>,
    /// Connections per origin.
    origins: HashMap<Origin, usize>,
    rooms: HashMap<RoomId, Room>,
    records: Records,
    /// A moment, and the seconds since 1970 of it.
    clock: Option<(Instant, u64)>,
    peers: Peers,
    session_timers: BTreeSet<(Instant, SessionKey)>,
    room_timers: BTreeSet<(Instant, RoomId)>,
    /// Where each room stands in `room_timers`.
    room_due: HashMap<RoomId, Instant>,
    outbox: Outbox,
    /// The SFU takes no more participants for now.
    overloaded: bool,
    stats: Stats,
}

impl Service {
    /// A service without rooms. `seed` must come from a CSPRNG: session tokens and room ids are drawn from it.
    pub fn new(config: ServiceConfig, seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let peers = Peers::new(rng.random());
        Self {
            config,
            rng,
            crypto: Crypto::default(),
            sessions: HashMap::new(),
            origins: HashMap::new(),
            rooms: HashMap::new(),
            records: Records::default(),
            clock: None,
            peers,
            session_timers: BTreeSet::new(),
            room_timers: BTreeSet::new(),
            room_due: HashMap::new(),
            outbox: Outbox::default(),
            overloaded: false,
            stats: Stats::default(),
        }
    }

    /// A connection opened. It may be refused at once with an Error and a Close.
    pub fn handle_connect(&mut self, now: Instant, session: SessionKey, remote: IpAddr) {
        let origin = Origin::of(remote);
        let limits = &self.config.limits;
        let of_origin = self.origins.get(&origin).copied().unwrap_or(0);
        if self.sessions.len() >= limits.max_sessions || of_origin >= limits.max_sessions_per_ip {
            self.refuse(session, ErrorCode::TooManyConnections);
            return;
        }
        let until = now + limits.hello_timeout;
        let fresh = Session {
            origin,
            rates: Rates::new(now),
            last_heard: now,
            stage: Stage::Fresh { until },
        };
        if self.sessions.insert(session, fresh).is_none() {
            *self.origins.entry(origin).or_default() += 1;
        }
        self.session_timers.insert((until, session));
    }

    /// Tells the time of day, in seconds since 1970: links may have a date. To be told again when the clock was set.
    pub fn handle_clock(&mut self, now: Instant, unix: u64) {
        self.clock = Some((now, unix));
    }

    /// A message came. Size limits and JSON are the driver's part ([`conclave_wire::codec`]); for a frame that does not
    /// decode it calls [`Service::handle_bad_frame`].
    pub fn handle_message(&mut self, now: Instant, session: SessionKey, message: ClientMessage) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        self.stats.messages += 1;
        known.last_heard = now;
        if known.rates.any.take(now).is_err() {
            self.close(now, session, ErrorCode::RateLimited);
            return;
        }
        match (known.stage, message) {
            (Stage::Fresh { .. }, ClientMessage::Hello(hello)) => {
                if let Err(code) = self.handle_hello(now, session, hello) {
                    self.close(now, session, code);
                }
            }
            (Stage::Fresh { .. }, _) | (Stage::Joined(_), ClientMessage::Hello(_)) => {
                self.close(now, session, ErrorCode::OutOfOrder);
            }
            (Stage::Joined(place), message) => match known.rates.take(now, &message) {
                Ok(()) => self.in_room(now, place.room, |room, env| {
                    if let Some(participant) = room.people.get_mut(&place.client) {
                        participant.last_heard = env.now;
                    }
                    room.handle_message(env, place.client, message);
                }),
                Err(wait) => self.refuse_for_now(session, wait),
            },
        }
    }

    /// A frame came that is no message: the session is told `code` and closed.
    pub fn handle_bad_frame(&mut self, now: Instant, session: SessionKey, code: ErrorCode) {
        if self.sessions.contains_key(&session) {
            self.close(now, session, code);
        }
    }

    /// A connection closed. Its participant is suspended and has the grace period to come back.
    pub fn handle_disconnect(&mut self, now: Instant, session: SessionKey) {
        if let Some(Stage::Joined(place)) = self.forget_session(session) {
            self.in_room(now, place.room, |room, env| {
                room.handle_disconnect(env, &place.client, session)
            });
        }
    }

    /// The SFU said something. `Ready` is also the sign that a new SFU is there: peers are announced to it again.
    pub fn handle_control(&mut self, now: Instant, event: ControlEvent) {
        match event {
            ControlEvent::Ready { .. } => self.handle_sfu_ready(now),
            ControlEvent::Answered { peer, offer_id, sdp } => self.at_peer(now, peer, |room, env, place| {
                room.handle_answered(env, &place.client, offer_id, sdp);
            }),
            ControlEvent::NegotiationFailed { peer, offer_id, code } => {
                self.at_peer(now, peer, |room, env, place| {
                    room.reject_offer(env, &place.client, offer_id, code)
                });
            }
            ControlEvent::TrackPublished {
                peer,
                track_id,
                source,
                codec,
            } => {
                self.at_peer(now, peer, |room, env, place| {
                    room.handle_track_published(
                        env,
                        Track {
                            track_id,
                            client_id: place.client,
                            source,
                            codec,
                        },
                    );
                });
            }
            ControlEvent::TrackUnpublished { peer, track_id } => {
                self.at_peer(now, peer, |room, env, _| room.unpublish(env, track_id));
            }
            ControlEvent::ProducerClosed { peer, track_id } => self.at_peer(now, peer, |room, env, place| {
                room.handle_producer_closed(env, &place.client, track_id);
            }),
            ControlEvent::EncodingsNeeded { peer, source, needed } => {
                self.at_peer(now, peer, |room, env, place| {
                    room.handle_encodings_needed(env, &place.client, source, needed);
                });
            }
            ControlEvent::PicturesPaused { peer, tracks, cause } => {
                let paused = PicturesPaused { tracks, cause };
                self.at_peer(now, peer, |room, env, place| {
                    room.handle_pictures_paused(env, &place.client, paused);
                });
            }
            ControlEvent::Overloaded { overloaded } => self.overloaded = overloaded,
            // The browser sees the state of its own transport, and offers again when it fails.
            ControlEvent::PeerConnected { .. } | ControlEvent::PeerLost { .. } => {}
        }
    }

    fn handle_sfu_ready(&mut self, now: Instant) {
        self.overloaded = false;
        self.peers.set_ready(true);
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in rooms {
            self.in_room(now, id, |room, env| {
                let tracks: Vec<_> = room.tracks.keys().copied().collect();
                for track in tracks {
                    room.unpublish(env, track);
                }
                for (_, participant) in room.people.iter() {
                    let peer = participant.peer;
                    env.peers
                        .tell(env.outbox, ControlCommand::AddPeer { peer, room: id });
                    if let Some(sources) = participant.permitted.clone() {
                        env.peers
                            .tell(env.outbox, ControlCommand::Permit { peer, sources });
                    }
                    if let Some(leaf) = participant.admitted {
                        env.peers.tell(env.outbox, ControlCommand::Admit { peer, leaf });
                    }
                    if !participant.is_online() {
                        env.peers.tell(env.outbox, ControlCommand::Suspend { peer });
                    }
                }
            });
        }
    }

    /// The link to the SFU is lost; until `Ready`, offers are refused with `media_unavailable`.
    pub fn handle_control_lost(&mut self, _now: Instant) {
        self.overloaded = false;
        self.peers.set_ready(false);
    }

    /// The server is going down: everybody is told `shutting_down` and closed. Clients come back to the next process
    /// with their state, so nobody is removed from a group for it.
    pub fn handle_shutdown(&mut self, _now: Instant) {
        let mut sessions: Vec<SessionKey> = self.sessions.keys().copied().collect();
        sessions.sort_unstable();
        for session in sessions {
            self.forget_session(session);
            self.refuse(session, ErrorCode::ShuttingDown);
        }
    }

    /// The time of [`Service::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, session)) = self.session_timers.first().copied()
            && at <= now
        {
            self.session_timers.pop_first();
            self.check_session(now, session);
        }
        while let Some((at, id)) = self.room_timers.first().copied()
            && at <= now
        {
            self.room_timers.pop_first();
            self.room_due.remove(&id);
            self.in_room(now, id, Room::handle_timeout);
            // Whatever a room wants again at once waits for the next call, so that no room starves the others.
            if self.room_due.get(&id).is_some_and(|due| *due <= now) {
                break;
            }
        }
    }

    /// Closes a connection that said nothing for too long.
    fn check_session(&mut self, now: Instant, session: SessionKey) {
        let Some(known) = self.sessions.get(&session) else {
            return;
        };
        let until = match known.stage {
            Stage::Fresh { until } => until,
            Stage::Joined(_) => known.last_heard + self.config.limits.idle_timeout,
        };
        if until > now {
            self.session_timers.insert((until, session));
        } else {
            self.close(now, session, ErrorCode::TimedOut);
        }
    }

    /// Opens a room with this policy.
    pub fn create_room(&mut self, now: Instant, policy: Policy) -> Result<RoomId, CreateRoomError> {
        let most = self.config.limits.max_participants;
        if policy.max_participants == 0 || policy.max_participants > most {
            return Err(CreateRoomError::MaxParticipants(most));
        }
        let id = RoomId::new(self.rng.random());
        if self.open_room(now, id, policy, false) {
            Ok(id)
        } else {
            Err(CreateRoomError::TooManyRooms)
        }
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// When [`Service::handle_timeout`] is due; `None` when nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.session_timers.first().map(|(at, _)| *at);
        let room = self.room_timers.first().map(|(at, _)| *at);
        [session, room].into_iter().flatten().min()
    }

    /// Takes back what an earlier process was told to keep; `left` is how long it still counts.
    pub fn restore(&mut self, now: Instant, room: RoomHash, record: Record, left: Duration) {
        self.records.restore(now, room, record, left);
    }

    /// Whether a host burnt this room.
    pub fn is_burnt(&mut self, now: Instant, id: &RoomId) -> bool {
        self.records.is_burnt(now, &mut self.outbox, id)
    }

    /// What may be known of a room.
    pub fn room(&self, id: &RoomId) -> Option<RoomInfo> {
        self.rooms.get(id).map(|room| RoomInfo {
            policy: room.policy().clone(),
            participants: room.people.len(),
        })
    }

    /// The member of the room's group whose session has this token: what else it does here is in its name.
    pub fn member(&self, room: &RoomId, token: &SessionToken) -> Option<ClientId> {
        let people = &self.rooms.get(room)?.people;
        let client = people.by_token(token)?;
        people
            .get(&client)
            .is_some_and(|participant| participant.admitted.is_some())
            .then_some(client)
    }

    /// Who is in the room, suspended participants too.
    pub fn present(&self, room: &RoomId) -> impl Iterator<Item = ClientId> {
        self.rooms
            .get(room)
            .into_iter()
            .flat_map(|room| room.people.iter())
            .map(|(client, _)| *client)
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        Stats {
            sessions: self.sessions.len(),
            rooms: self.rooms.len(),
            participants: self.rooms.values().map(|room| room.people.len()).sum(),
            overloaded: self.overloaded,
            ..self.stats
        }
    }

    fn handle_hello(&mut self, now: Instant, session: SessionKey, hello: Hello) -> Result<(), ErrorCode> {
        if hello.version != PROTOCOL_VERSION {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let room = hello.room;
        if self.is_burnt(now, &room) {
            return Err(ErrorCode::RoomBurnt);
        }
        if self.overloaded && !self.continues(&hello) {
            return Err(ErrorCode::Overloaded);
        }
        if !self.rooms.contains_key(&room) {
            if !self.config.open_by_link {
                return Err(ErrorCode::RoomNotFound);
            }
            if !self.open_room(now, room, self.config.default_policy.clone(), true) {
                return Err(ErrorCode::RateLimited);
            }
        }
        let Some(origin) = self.sessions.get(&session).map(|known| known.origin) else {
            return Err(ErrorCode::Internal);
        };
        let mut entered = Err(ErrorCode::Internal);
        self.in_room(now, room, |room, env| {
            entered = room.handle_hello(env, session, origin, hello)
        });
        let client = entered?;
        if let Some(known) = self.sessions.get_mut(&session) {
            known.stage = Stage::Joined(Place { room, client });
            self.session_timers
                .insert((now + self.config.limits.idle_timeout, session));
        }
        Ok(())
    }

    /// Whether this comes from somebody who is in a call: a known participant, or one who still has the group's state.
    fn continues(&self, hello: &Hello) -> bool {
        hello.resume.is_some() || self.rooms.get(&hello.room).is_some_and(|room| room.knows(hello))
    }

    /// Whether there is a room with this id now.
    fn open_room(&mut self, now: Instant, id: RoomId, policy: Policy, by_link: bool) -> bool {
        if self.rooms.len() >= self.config.limits.max_rooms {
            let Some(dispensable) = self
                .rooms
                .values()
                .find(|room| room.is_dispensable())
                .map(Room::id)
            else {
                return false;
            };
            self.forget_room(&dispensable);
        }
        let mut room = Room::new(now, id, policy, by_link);
        if let Some(kept) = self.records.terms(&self.crypto, &id) {
            room.delivery.restore_link(kept);
        }
        self.rooms.insert(id, room);
        self.plan(id);
        true
    }

    /// Runs a step of a room and plans its next timeout.
    fn in_room(&mut self, now: Instant, id: RoomId, step: impl FnOnce(&mut Room, &mut Env<'_>)) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        let mut closed = Vec::new();
        let mut burnt = false;
        let unix = self
            .clock
            .map(|(at, unix)| unix.saturating_add(now.saturating_duration_since(at).as_secs()));
        let mut env = Env {
            now,
            limits: &self.config.limits,
            crypto: &self.crypto,
            outbox: &mut self.outbox,
            peers: &mut self.peers,
            stats: &mut self.stats,
            closed: &mut closed,
            unix,
            burnt: &mut burnt,
            fresh_token: SessionToken::new(self.rng.random()),
        };
        step(room, &mut env);
        let is_over = room.is_over(now, self.config.limits.empty_room_ttl);
        if burnt {
            self.records.burn(now, &mut self.outbox, &id);
        } else if let Some(kept) = room.delivery.take_link_change() {
            let expires = kept.terms().and_then(|terms| terms.expires);
            let left = expires
                .zip(unix)
                .map_or(0, |(expires, unix)| expires.saturating_sub(unix));
            if let Some(sealed) = kept.seal(&self.crypto, &id, self.rng.random()) {
                self.records
                    .keep_terms(now, &mut self.outbox, &id, sealed, Duration::from_secs(left));
            }
        }
        for session in closed {
            self.forget_session(session);
        }
        if is_over || burnt {
            self.forget_room(&id);
        } else {
            self.plan(id);
        }
    }

    fn at_peer(&mut self, now: Instant, peer: PeerId, step: impl FnOnce(&mut Room, &mut Env<'_>, Place)) {
        if let Some(place) = self.peers.place(peer) {
            self.in_room(now, place.room, |room, env| step(room, env, place));
        }
    }

    fn plan(&mut self, id: RoomId) {
        let due = self
            .rooms
            .get(&id)
            .and_then(|room| room.poll_timeout(self.config.limits.empty_room_ttl));
        if self.room_due.get(&id).copied() == due {
            return;
        }
        if let Some(old) = self.room_due.remove(&id) {
            self.room_timers.remove(&(old, id));
        }
        if let Some(due) = due {
            self.room_due.insert(id, due);
            self.room_timers.insert((due, id));
        }
    }

    fn forget_room(&mut self, id: &RoomId) {
        self.rooms.remove(id);
        if let Some(due) = self.room_due.remove(id) {
            self.room_timers.remove(&(due, *id));
        }
    }

    /// Tells a session why, closes it, and treats its participant as disconnected.
    fn close(&mut self, now: Instant, session: SessionKey, code: ErrorCode) {
        let stage = self.forget_session(session);
        self.refuse(session, code);
        if let Some(Stage::Joined(place)) = stage {
            self.in_room(now, place.room, |room, env| {
                room.handle_disconnect(env, &place.client, session)
            });
        }
    }

    fn refuse(&mut self, session: SessionKey, code: ErrorCode) {
        self.stats.refused += 1;
        let retry_after_ms = (code == ErrorCode::Overloaded).then_some(OVERLOADED_RETRY_MS);
        let error = ErrorMessage {
            code,
            fatal: true,
            retry_after_ms,
        };
        self.outbox.send(session, &ServerMessage::Error(error));
        self.outbox.close(session, code);
    }

    fn refuse_for_now(&mut self, session: SessionKey, wait: Duration) {
        self.stats.refused += 1;
        let retry_after_ms = Some(
            u32::try_from(wait.as_millis())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        );
        let error = ErrorMessage {
            code: ErrorCode::RateLimited,
            fatal: false,
            retry_after_ms,
        };
        self.outbox.send(session, &ServerMessage::Error(error));
    }

    fn forget_session(&mut self, session: SessionKey) -> Option<Stage> {
        let known = self.sessions.remove(&session)?;
        if let Some(count) = self.origins.get_mut(&known.origin) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.origins.remove(&known.origin);
            }
        }
        Some(known.stage)
    }
}
