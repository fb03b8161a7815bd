//! One participant: the real e2ee session and the little that a browser does around it.

use conclave_e2ee::{HostKey, Incoming, Output, RoomSecret, Session, SessionConfig};
use conclave_signaling_core::SessionKey;
use conclave_wire::bytes::{self, Blob};
use conclave_wire::client::order::Order;
use conclave_wire::client::session::{Hello, HostProof, Ping, Resume};
use conclave_wire::error_code::ErrorCode;
use conclave_wire::id::{ClientId, Epoch, RoomId, SessionToken};
use conclave_wire::{ClientMessage, PROTOCOL_VERSION, ServerMessage, codec};
use rand::Rng as _;

use super::{Event, SECRET, Who, World};

/// How often a client says that it is there, in milliseconds.
const PING_INTERVAL: u64 = 5_000;

/// What became of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It wants to be in the call.
    Wanted,
    /// It left.
    Left,
    /// Its browser died. Its session is kept: somebody may have its memory.
    Crashed,
    /// The server put it out.
    PutOut,
}

pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) id: [u8; 16],
    pub(crate) session: Session,
    pub(crate) session_key: Option<SessionKey>,
    pub(crate) token: Option<SessionToken>,
    pub(crate) fate: Fate,
    pub(crate) last_error: Option<ErrorCode>,
    pub(super) generation: u32,
    next_ping: u64,
    pub(crate) apps: Vec<Vec<u8>>,
    /// What came that is not for the session, and every State and order.
    pub(crate) inbox: Vec<ServerMessage>,
    /// What the session told, apart from messages.
    pub(crate) outputs: Vec<Output>,
    /// The epoch it was seen in last.
    pub(super) last_tag: Option<Vec<u8>>,
    /// When it became a member for the first time.
    pub(crate) admitted_at: Option<u64>,
}

impl Client {
    pub(super) fn new(name: &str, id: [u8; 16], room: RoomId, secret: RoomSecret) -> Self {
        let session = Session::new(SessionConfig {
            room_id: *room.as_bytes(),
            room_secret: secret,
            client_id: id,
            display_name: name.to_owned(),
        });
        let Ok(session) = session else {
            panic!("no session for {name}")
        };
        Self {
            name: name.to_owned(),
            id,
            session,
            session_key: None,
            token: None,
            fate: Fate::Wanted,
            last_error: None,
            generation: 0,
            next_ping: PING_INTERVAL,
            apps: Vec::new(),
            inbox: Vec::new(),
            outputs: Vec::new(),
            last_tag: None,
            admitted_at: None,
        }
    }

    /// Its link names a host key.
    pub(super) fn host(&mut self, room: RoomId, key: HostKey) {
        let config = SessionConfig {
            room_id: *room.as_bytes(),
            room_secret: RoomSecret::new(SECRET),
            client_id: self.id,
            display_name: self.name.clone(),
        };
        let Ok(session) = Session::hosted(config, key) else {
            panic!("no session for {}", self.name)
        };
        self.session = session;
    }

    /// Every order that came.
    pub(crate) fn orders(&self) -> Vec<Order> {
        let orders = self.inbox.iter().filter_map(|message| match message {
            ServerMessage::Order(order) => Some(order.clone()),
            _ => None,
        });
        orders.collect()
    }

    pub(super) fn hello(&self, room: RoomId) -> ClientMessage {
        let resume = self.session.resume().map(|resume| Resume {
            group_id: Blob(resume.group_id.0),
            epoch: Epoch(resume.epoch),
            confirmation_tag: Blob(resume.confirmation_tag.0),
        });
        ClientMessage::Hello(Hello {
            version: PROTOCOL_VERSION,
            room,
            client_id: ClientId::new(self.id),
            token: self.token,
            resume,
            host: self.session.host_proof().map(|proof| HostProof {
                key: Blob(proof.key.0),
                signature: Blob(proof.signature.0),
            }),
        })
    }

    /// When it does something by itself.
    pub(super) fn next_time(&self) -> Option<u64> {
        if self.fate == Fate::Crashed {
            return None;
        }
        let ping = self.session_key.map(|_| self.next_ping);
        [self.session.poll_timeout(), ping].into_iter().flatten().min()
    }

    pub(super) fn summary(&self) -> String {
        let roster: Vec<String> = self
            .session
            .roster()
            .iter()
            .map(|member| bytes::encode(&member.client_id.0)[..4].to_owned())
            .collect();
        let failures: Vec<String> = self
            .outputs
            .iter()
            .filter(|output| matches!(output, Output::Failed { .. } | Output::Removed))
            .map(|output| format!("{output:?}"))
            .collect();
        format!(
            "{} {:?} {:?} epoch {:?} sending {:?} online {} roster {roster:?} {failures:?}",
            self.name,
            &bytes::encode(&self.id)[..4],
            self.fate,
            self.session.epoch(),
            self.session.sending_epoch(),
            self.session_key.is_some(),
        )
    }
}

impl World {
    /// Does something with a session and carries out what it asks for.
    pub(crate) fn with_session(&mut self, who: Who, step: impl FnOnce(&mut Session)) {
        step(&mut self.clients[who].session);
        self.drain_client(who);
    }

    fn drain_client(&mut self, who: Who) {
        while let Some(output) = self.clients[who].session.poll_output() {
            match output {
                Output::Send(message) => {
                    if let Some(session) = self.clients[who].session_key {
                        self.send_up(session, message.to_json());
                    }
                }
                Output::FetchTree { tree_hash: hash } => {
                    let at = self.now + self.rng.random_range(5..60);
                    let generation = self.clients[who].generation;
                    self.at(
                        at,
                        Event::Tree {
                            who,
                            generation,
                            hash,
                        },
                    );
                }
                Output::App { payload, .. } => self.clients[who].apps.push(payload.0),
                other => {
                    self.note(format!("{who} !! {other:?}"));
                    if matches!(other, Output::Admitted { .. }) {
                        self.clients[who].admitted_at.get_or_insert(self.now);
                    }
                    self.clients[who].outputs.push(other);
                }
            }
        }
    }

    pub(super) fn client_receives(&mut self, who: Who, text: &str) {
        if self.clients[who].fate == Fate::Crashed {
            return;
        }
        let message = match codec::decode_server(text) {
            Ok(message) => message,
            Err(error) => self.fail(&format!("the service sent {text:?}: {error}")),
        };
        match &message {
            ServerMessage::State(state) => self.clients[who].token = Some(state.token),
            ServerMessage::Error(error) => self.clients[who].last_error = Some(error.code),
            _ => {}
        }
        let for_session = Incoming::is_for_session(&super::link::message_type(text));
        if !for_session || matches!(message, ServerMessage::State(_) | ServerMessage::Order(_)) {
            self.clients[who].inbox.push(message);
        }
        if for_session {
            let now = self.now;
            let mut result = Ok(());
            self.with_session(who, |session| result = session.handle_message(now, text));
            if let Err(error) = result {
                self.note(format!("{who} ?? {error:?}"));
            }
        }
    }

    /// The same person under another pseudonym, without any state.
    pub(super) fn become_new(&mut self, who: Who) {
        let id = self.rng.random();
        let (name, room) = (self.clients[who].name.clone(), self.room);
        let mut fresh = Client::new(&name, id, room, RoomSecret::new(SECRET));
        fresh.generation = self.clients[who].generation + 1;
        fresh.next_ping = self.now + PING_INTERVAL;
        self.clients[who] = fresh;
    }

    pub(super) fn client_timeout(&mut self, who: Who) {
        let now = self.now;
        if self.clients[who].next_ping <= now {
            self.clients[who].next_ping = now + PING_INTERVAL;
            if let Some(session) = self.clients[who].session_key {
                self.send_up(session, codec::encode(&ClientMessage::Ping(Ping { id: 1 })));
            }
        }
        self.with_session(who, |session| session.handle_timeout(now));
    }
}
