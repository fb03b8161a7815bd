//! A simulated world: one service, any number of participants, links with delays, faults on demand.
//!
//! Time is virtual and everything random comes from the seed, so one seed is one run.

mod checks;
mod client;
mod link;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use conclave_e2ee::{HostKey, RoomSecret};
use conclave_signaling_core::{Output, Record, RoomHash, Service, ServiceConfig, SessionKey};
use conclave_wire::client::session::{Policy, Suite};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{LeafIndex, PeerId, RoomId};
use conclave_wire::{ClientMessage, codec};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

pub(crate) use client::{Client, Fate};
pub(crate) use link::{Direction, Filter, Verdict};

/// A participant's number in the world.
pub(crate) type Who = usize;

/// The secret in the room's link.
pub(crate) const SECRET: [u8; 32] = [42; 32];

/// How the network behaves.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    /// One way, in milliseconds.
    pub(crate) delay: (u64, u64),
    /// Probability that a message comes twice.
    pub(crate) duplicate: f64,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            delay: (5, 40),
            duplicate: 0.0,
        }
    }
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) now: u64,
    start: Instant,
    pub(crate) rng: StdRng,
    pub(crate) weather: Weather,
    pub(crate) service: Service,
    service_config: ServiceConfig,
    pub(crate) room: RoomId,
    pub(crate) clients: Vec<Client>,
    connections: HashMap<SessionKey, link::Connection>,
    next_session: u64,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    pending: HashMap<u64, Event>,
    next_event: u64,
    trees: HashMap<String, Vec<u8>>,
    /// What the service wants to be handed when it starts again, and until when.
    records: HashMap<RoomHash, (Record, Instant)>,
    filters: Vec<Filter>,
    /// What the SFU was told, in order.
    pub(crate) commands: Vec<ControlCommand>,
    /// Confirmation tags by group and epoch that somebody came into since the service started: one each, or the group
    /// forked.
    tags: BTreeMap<(Vec<u8>, u64), Vec<u8>>,
    pub(crate) trace: Vec<String>,
}

/// What every clock shows when a world begins, in seconds since 1970.
pub(crate) const NOON: u64 = 1_800_000_000;

enum Event {
    /// A text frame arrives at the service.
    Up { session: SessionKey, text: String },
    /// A text frame arrives at a client.
    Down { session: SessionKey, text: String },
    /// The service notices that a connection is gone.
    ServerNotices { session: SessionKey },
    /// A client notices that its connection is gone.
    ClientNotices { session: SessionKey },
    /// A client connects (again).
    Connect { who: Who },
    /// A tree arrives.
    Tree { who: Who, generation: u32, hash: String },
}

impl World {
    /// A world with the fast suite; the protocol is the same.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_suite(seed, Suite::Classic)
    }

    pub(crate) fn with_suite(seed: u64, suite: Suite) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let service_config = ServiceConfig {
            default_policy: Policy {
                suite,
                max_participants: 100,
            },
            ..ServiceConfig::default()
        };
        let room = RoomId::new(rng.random());
        let mut world = Self {
            seed,
            now: 0,
            start: Instant::now(),
            service: Service::new(service_config.clone(), rng.random()),
            rng,
            weather: Weather::default(),
            service_config,
            room,
            clients: Vec::new(),
            connections: HashMap::new(),
            next_session: 1,
            events: BinaryHeap::new(),
            pending: HashMap::new(),
            next_event: 0,
            trees: HashMap::new(),
            records: HashMap::new(),
            filters: Vec::new(),
            commands: Vec::new(),
            tags: BTreeMap::new(),
            trace: Vec::new(),
        };
        world.sfu_is_ready();
        world
    }

    /// A participant with the link's secret opens the page.
    pub(crate) fn enter(&mut self, name: &str) -> Who {
        self.enter_with(name, RoomSecret::new(SECRET))
    }

    /// The same by a link that names a host key.
    pub(crate) fn enter_hosted(&mut self, name: &str, key: HostKey) -> Who {
        let who = self.enter(name);
        self.clients[who].host(self.room, key);
        who
    }

    pub(crate) fn enter_with(&mut self, name: &str, secret: RoomSecret) -> Who {
        let who = self.clients.len();
        let client_id = self.rng.random();
        self.clients.push(Client::new(name, client_id, self.room, secret));
        self.note(format!("{name} ({who}) enters"));
        self.at(self.now, Event::Connect { who });
        who
    }

    /// Several people, all in.
    pub(crate) fn call_of(&mut self, people: usize) -> Vec<Who> {
        let everybody: Vec<Who> = (0..people)
            .map(|number| self.enter(&format!("person {number}")))
            .collect();
        self.settle();
        everybody
    }

    /// Leaves by the button.
    pub(crate) fn leave(&mut self, who: Who) {
        self.note(format!("{who} leaves"));
        self.clients[who].fate = Fate::Left;
        if let Some(session) = self.clients[who].session_key {
            self.send_up(session, codec::encode(&ClientMessage::Bye));
        }
    }

    /// The browser dies; the server notices after `notice_after` milliseconds, or only by silence.
    pub(crate) fn crash(&mut self, who: Who, notice_after: Option<u64>) {
        self.note(format!("{who} crashes"));
        self.clients[who].fate = Fate::Crashed;
        if let Some(session) = self.clients[who].session_key.take() {
            self.cut_link(session, notice_after);
        }
    }

    /// The connection breaks; the client comes back after `back_after` milliseconds.
    pub(crate) fn cut(&mut self, who: Who, notice_after: Option<u64>, back_after: u64) {
        self.note(format!("{who} loses its connection for {back_after} ms"));
        let Some(session) = self.clients[who].session_key.take() else {
            return;
        };
        self.cut_link(session, notice_after);
        let now = self.now;
        self.with_session(who, |session| session.handle_connection_lost(now));
        self.at(self.now + back_after, Event::Connect { who });
    }

    /// The tab is loaded again: the state is lost, the token is kept.
    pub(crate) fn reload(&mut self, who: Who, notice_after: Option<u64>) -> Who {
        self.note(format!("{who} reloads"));
        let (name, token) = (self.clients[who].name.clone(), self.clients[who].token);
        self.clients[who].fate = Fate::Crashed;
        if let Some(session) = self.clients[who].session_key.take() {
            self.cut_link(session, notice_after);
        }
        let new = self.enter(&name);
        self.clients[new].token = token;
        new
    }

    /// The server process dies and another one takes its place; clients come back one by one.
    pub(crate) fn restart_service(&mut self, down: u64) {
        self.note("the service restarts".to_owned());
        self.service = Service::new(self.service_config.clone(), self.rng.random());
        self.trees.clear();
        self.connections.clear();
        // The SFU was in the same process.
        self.commands.clear();
        // What was not back in time to restore the group counts no more: the same epoch comes again.
        self.tags.clear();
        self.sfu_is_ready();
        for who in 0..self.clients.len() {
            if self.clients[who].session_key.take().is_some() && self.clients[who].fate == Fate::Wanted {
                let now = self.now;
                self.with_session(who, |session| session.handle_connection_lost(now));
                let back = self.now + down + self.rng.random_range(50..700);
                self.at(back, Event::Connect { who });
            }
        }
    }

    /// The same, with the records of the process that died.
    pub(crate) fn restart_service_with_records(&mut self, down: u64) {
        self.restart_service(down);
        let now = self.instant();
        for (room, (record, end)) in &self.records {
            let left = end.saturating_duration_since(now);
            self.service.restore(now, *room, record.clone(), left);
        }
    }

    /// Lets `filter` decide on every message that arrives from now on.
    pub(crate) fn intercept(&mut self, filter: Filter) {
        self.filters.push(filter);
    }

    pub(crate) fn stop_intercepting(&mut self) {
        self.filters.clear();
    }

    /// A message of `who` that its session did not make.
    pub(crate) fn forge(&mut self, who: Who, message: &ClientMessage) {
        if let Some(session) = self.clients[who].session_key {
            self.send_up(session, codec::encode(message));
        }
    }

    /// Runs until the network is quiet and nothing but keep-alives is planned.
    pub(crate) fn settle(&mut self) {
        self.run_for(12_000);
    }

    pub(crate) fn run_for(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.step_before(end) {}
        self.now = end;
    }

    /// Runs until `done`; panics after `at_most` milliseconds.
    pub(crate) fn run_until(&mut self, at_most: u64, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + at_most;
        while !done(self) {
            if !self.step_before(end) {
                self.fail(&format!("{what} did not happen within {at_most} ms"));
            }
        }
    }

    /// Whether something was done.
    fn step_before(&mut self, end: u64) -> bool {
        let service = self
            .service
            .poll_timeout()
            .map(|at| self.virtual_ms(at).max(self.now));
        let client = (0..self.clients.len())
            .filter_map(|who| self.clients[who].next_time().map(|at| (at.max(self.now), who)))
            .min();
        let event = self.events.peek().map(|Reverse((at, _))| *at);
        let next = [service, client.map(|(at, _)| at), event]
            .into_iter()
            .flatten()
            .min();
        let Some(next) = next.filter(|next| *next <= end) else {
            return false;
        };
        self.now = next;
        if event == Some(next) {
            if let Some(Reverse((_, number))) = self.events.pop()
                && let Some(event) = self.pending.remove(&number)
            {
                self.handle(event);
            }
        } else if service == Some(next) {
            let now = self.instant();
            self.service.handle_timeout(now);
            self.drain_service();
        } else if let Some((_, who)) = client {
            self.client_timeout(who);
        }
        self.check_epochs();
        true
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Up { session, text } => self.handle_up(session, &text),
            Event::Down { session, text } => self.handle_down(session, &text),
            Event::ServerNotices { session } => {
                let now = self.instant();
                self.connections.remove(&session);
                self.service.handle_disconnect(now, session);
                self.drain_service();
            }
            Event::ClientNotices { session } => self.handle_client_notices(session),
            Event::Connect { who } => self.connect(who),
            Event::Tree {
                who,
                generation,
                hash,
            } => {
                if self.clients[who].generation == generation {
                    let tree = self.trees.get(&hash).cloned();
                    let now = self.now;
                    self.with_session(who, |session| {
                        let _ = session.handle_tree(now, &hash, tree.as_deref());
                    });
                }
            }
        }
    }

    fn connect(&mut self, who: Who) {
        if self.clients[who].fate != Fate::Wanted || self.clients[who].session_key.is_some() {
            return;
        }
        let session = SessionKey(self.next_session);
        self.next_session += 1;
        self.connections
            .insert(session, link::Connection::new(who, self.now));
        self.clients[who].session_key = Some(session);
        let now = self.instant();
        let unix = NOON + self.now / 1_000;
        self.service.handle_clock(now, unix);
        self.clients[who].session.handle_clock(self.now, unix);
        self.service
            .handle_connect(now, session, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        let hello = self.clients[who].hello(self.room);
        self.send_up(session, codec::encode(&hello));
        self.drain_service();
    }

    fn drain_service(&mut self) {
        while let Some(output) = self.service.poll_output() {
            match output {
                Output::Send { session, frame } => self.send_down(session, frame.as_str().to_owned()),
                Output::Control(command) => {
                    self.commands.push(command);
                }
                Output::StoreTree { hash, bytes } => {
                    self.trees.insert(hash.to_text(), bytes.to_vec());
                }
                Output::DropTree { hash } => {
                    self.trees.remove(&hash.to_text());
                }
                Output::Remember { room, record, keep } => {
                    self.records.insert(room, (record, self.instant() + keep));
                }
                Output::Forget { room } => {
                    self.records.remove(&room);
                }
                Output::Close { session, .. } => self.close_down(session),
            }
        }
    }

    /// The SFU says that it is there.
    pub(crate) fn sfu_is_ready(&mut self) {
        self.tell_service(ControlEvent::Ready {
            version: "test".to_owned(),
            candidates: Vec::new(),
        });
    }

    /// The SFU says something.
    pub(crate) fn tell_service(&mut self, event: ControlEvent) {
        let now = self.instant();
        self.service.handle_control(now, event);
        self.drain_service();
    }

    /// Which leaf the SFU believes each peer to have, of those it forwards to.
    pub(crate) fn admitted(&self) -> BTreeMap<PeerId, LeafIndex> {
        let mut admitted = BTreeMap::new();
        for command in &self.commands {
            match command {
                ControlCommand::Admit { peer, leaf } => {
                    admitted.insert(*peer, *leaf);
                }
                ControlCommand::RemovePeer { peer } => {
                    admitted.remove(peer);
                }
                _ => {}
            }
        }
        admitted
    }

    fn at(&mut self, time: u64, event: Event) {
        self.events.push(Reverse((time, self.next_event)));
        self.pending.insert(self.next_event, event);
        self.next_event += 1;
    }

    pub(crate) fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn virtual_ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        u64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap()
    }

    pub(crate) fn note(&mut self, what: String) {
        self.trace.push(format!("{:>7} {what}", self.now));
    }

    /// Ends the test with the seed and what happened.
    pub(crate) fn fail(&self, why: &str) -> ! {
        let first = self.trace.len().saturating_sub(3_000);
        for line in &self.trace[first..] {
            println!("{line}");
        }
        for (who, client) in self.clients.iter().enumerate() {
            println!("{who}: {}", client.summary());
        }
        panic!("seed {}: at {} ms: {why}", self.seed, self.now);
    }
}
