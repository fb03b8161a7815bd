//! Drives a [`Service`] without any network.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_wire::client::mls::Join;
use conclave_wire::client::session::{Hello, Policy, Standing, State, Suite};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{ClientId, SessionToken, TreeHash};
use conclave_wire::{ClientMessage, ErrorCode, PROTOCOL_VERSION, ServerMessage, codec};

use super::{Member, Plan, ROOM, start};
use crate::{Output, Service, ServiceConfig, SessionKey};

/// Drives a service without any network: whatever it says is in an inbox at once.
pub(crate) struct Desk {
    pub(crate) service: Service,
    pub(crate) now: Instant,
    inboxes: BTreeMap<SessionKey, Vec<ServerMessage>>,
    pub(crate) closed: BTreeMap<SessionKey, ErrorCode>,
    pub(crate) commands: Vec<ControlCommand>,
    pub(crate) trees: HashMap<TreeHash, Arc<[u8]>>,
    next_session: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(ServiceConfig {
            default_policy: Policy {
                suite: Suite::Classic,
                max_participants: 20,
            },
            ..ServiceConfig::default()
        })
    }

    pub(crate) fn with(config: ServiceConfig) -> Self {
        let mut desk = Self {
            service: Service::new(config, [1; 32]),
            now: start(),
            inboxes: BTreeMap::new(),
            closed: BTreeMap::new(),
            commands: Vec::new(),
            trees: HashMap::new(),
            next_session: 1,
        };
        desk.control(ControlEvent::Ready {
            version: String::new(),
            candidates: Vec::new(),
        });
        desk
    }

    pub(crate) fn connect(&mut self) -> SessionKey {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub(crate) fn connect_from(&mut self, address: IpAddr) -> SessionKey {
        let session = SessionKey(self.next_session);
        self.next_session += 1;
        self.service.handle_connect(self.now, session, address);
        self.drain();
        session
    }

    pub(crate) fn hello(&mut self, session: SessionKey, id: ClientId, token: Option<SessionToken>) {
        let hello = Hello {
            version: PROTOCOL_VERSION,
            room: ROOM,
            client_id: id,
            token,
            resume: None,
            host: None,
        };
        self.send(session, ClientMessage::Hello(hello));
    }

    /// Connects and says Hello.
    pub(crate) fn enter(&mut self, id: ClientId) -> SessionKey {
        let session = self.connect();
        self.hello(session, id, None);
        session
    }

    pub(crate) fn send(&mut self, session: SessionKey, message: ClientMessage) {
        self.service.handle_message(self.now, session, message);
        self.drain();
    }

    pub(crate) fn disconnect(&mut self, session: SessionKey) {
        self.service.handle_disconnect(self.now, session);
        self.drain();
    }

    pub(crate) fn control(&mut self, event: ControlEvent) {
        self.service.handle_control(self.now, event);
        self.drain();
    }

    /// Lets time pass, with everything that falls due in it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.service.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.service.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn pass_ms(&mut self, milliseconds: u64) {
        self.pass(Duration::from_millis(milliseconds));
    }

    fn drain(&mut self) {
        while let Some(output) = self.service.poll_output() {
            match output {
                Output::Send { session, frame } => {
                    let message = codec::decode_server(frame.as_str()).unwrap();
                    self.inboxes.entry(session).or_default().push(message);
                }
                Output::Control(command) => self.commands.push(command),
                Output::StoreTree { hash, bytes } => {
                    self.trees.insert(hash, bytes);
                }
                Output::DropTree { hash } => {
                    self.trees.remove(&hash);
                }
                Output::Remember { .. } | Output::Forget { .. } => {}
                Output::Close { session, code } => {
                    self.closed.insert(session, code);
                }
            }
        }
    }

    /// Empties an inbox.
    pub(crate) fn take(&mut self, session: SessionKey) -> Vec<ServerMessage> {
        self.inboxes.remove(&session).unwrap_or_default()
    }

    /// The last State, without emptying the inbox.
    pub(crate) fn state(&self, session: SessionKey) -> State {
        let messages = self.inboxes.get(&session).map(Vec::as_slice).unwrap_or_default();
        let state = messages.iter().rev().find_map(|message| match message {
            ServerMessage::State(state) => Some(state.clone()),
            _ => None,
        });
        state.expect("a State")
    }

    pub(crate) fn standing(&self, session: SessionKey) -> Standing {
        self.state(session).standing
    }

    /// A room with its group: these members, added one after the other, the first of them the founder.
    pub(crate) fn call(&mut self, names: &[u8]) -> Vec<(Member, SessionKey)> {
        let mut call: Vec<(Member, SessionKey)> = Vec::new();
        for name in names {
            let mut member = Member::new(*name);
            let session = self.enter(member.id);
            if call.is_empty() {
                let found = member.found(ROOM);
                self.send(session, ClientMessage::Found(found));
                call.push((member, session));
                continue;
            }
            let key_package = member.key_package();
            self.send(
                session,
                ClientMessage::Join(Join {
                    key_package: key_package.clone(),
                }),
            );
            self.pass_ms(60);
            let upload = call[0].0.commit(Plan::add(vec![key_package]));
            let commit = upload.commit.clone();
            self.send(call[0].1, ClientMessage::Commit(upload));
            let (welcome, hash) = self
                .take(session)
                .into_iter()
                .find_map(|message| match message {
                    ServerMessage::Welcome(welcome) => Some((welcome.welcome, welcome.tree_hash)),
                    _ => None,
                })
                .expect("a Welcome");
            let tree = self.trees[&hash].clone();
            assert!(member.welcome(&welcome, &tree));
            call[0].0.merge_own();
            for (other, _) in &mut call[1..] {
                assert!(other.merge(&commit));
            }
            call.push((member, session));
            for (member, session) in &call {
                let ack = member.ack();
                self.send(*session, ack);
            }
            self.pass_ms(400);
        }
        for (_, session) in &call {
            self.take(*session);
        }
        call
    }
}
