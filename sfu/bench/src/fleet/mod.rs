//! Light clients by the thousand on one thread: ICE, DTLS and SRTP are real, media is mostly counted.

mod client;
mod feedback;
mod play;
mod sockets;
mod streams;
mod traffic;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use conclave_light::Answer;
use conclave_sfu::{Sfu, SfuConfig, SfuHandle, Stats};
use conclave_transport::address::Protocol;
use conclave_transport::dtls::Certificate;
use conclave_transport::route::{IceCredentials, Route};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{Epoch, LeafIndex, PeerId, RoomId, TrackId};
use conclave_wire::media::Kind;
use tokio::sync::mpsc::error::TryRecvError;

pub(crate) use client::Client;
use play::Schedule;
use sockets::{Aggregate, Sockets};
use streams::Streams;
pub(crate) use traffic::Stream;

use crate::clock::{MAX_SHARDS, ShardClocks};
use crate::error::BenchError;

/// The core of the clients; the shard runs on core 0.
const CLIENT_CORE: usize = 1;
/// Between two looks at all clients' timers.
const TIMERS: Duration = Duration::from_millis(10);
/// Clients that connect at the same time, so that the handshakes do not overflow a buffer.
const CONNECTING: usize = 64;
/// Numbers from here on are no clients.
const STRANGERS: usize = 100_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all clients have received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) audio: u64,
    pub(crate) video: u64,
    /// Packets of sound sent to the SFU.
    pub(crate) audio_sent: u64,
    /// Packets that would have been received if each had reached everybody else in its room.
    pub(crate) offered: u64,
    /// Media that did not open.
    pub(crate) broken: u64,
    pub(crate) key_frame_requests: u64,
    /// Transports that ended.
    pub(crate) lost: u64,
    /// Datagrams for addresses that are no client's: the bare loop's.
    pub(crate) strange: u64,
    /// How much too late a frame was sent at most: the clients had too much to do, or their core was taken.
    pub(crate) latest: Duration,
    pub(crate) keep_latencies: bool,
    /// In ns, of the packets that were opened.
    pub(crate) latencies: Vec<u64>,
}

impl Totals {
    pub(crate) const fn packets(&self) -> u64 {
        self.audio + self.video
    }
}

/// A room of the SFU and the tracks in it.
struct Running {
    id: RoomId,
    people: u64,
    tracks: Vec<Published>,
}

#[derive(Clone, Copy)]
struct Published {
    track: TrackId,
    publisher: PeerId,
    kind: Kind,
}

/// A running SFU and its clients.
pub(crate) struct Fleet {
    sfu: SfuHandle,
    sockets: Sockets,
    streams: Streams,
    /// How who only watches reaches the SFU.
    watching: Protocol,
    shards: usize,
    certificate: Certificate,
    pub(crate) clients: Vec<Client>,
    rooms: Vec<Running>,
    room_of: Vec<usize>,
    answers: u64,
    pub(crate) totals: Totals,
    /// What the SFU last said about itself.
    pub(crate) overloaded: bool,
    /// Whether new clients report arrivals.
    feedback: bool,
    /// Whether publishers send by their own intervals.
    is_playing: bool,
    /// The next frame of each publisher that sends: when, and whose. `None` after they were changed.
    schedule: Option<Schedule>,
    start: Instant,
    timers: Instant,
    out: Vec<u8>,
}

/// A room to be filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room<'a> {
    /// People who publish, and what each of them does.
    pub(crate) publishers: usize,
    pub(crate) streams: &'a [Stream],
    /// People who only watch.
    pub(crate) watchers: usize,
}

impl Fleet {
    /// Starts an SFU with one shard on core 0, and no clients yet, on core 1.
    pub(crate) fn start() -> Result<Self, BenchError> {
        Self::start_with(SfuConfig {
            pin: true,
            ..SfuConfig::default()
        })
    }

    /// The same with clients that report no arrivals: what they are sent is neither estimated nor paced.
    pub(crate) fn start_unpaced() -> Result<Self, BenchError> {
        Ok(Self {
            feedback: false,
            ..Self::start()?
        })
    }

    /// The same with people who watch over TCP.
    pub(crate) fn start_over_tcp() -> Result<Self, BenchError> {
        Ok(Self {
            watching: Protocol::Tcp,
            ..Self::start_unpaced()?
        })
    }

    /// The same with all shards whose clocks can be read, on any core, and no more than `spread` people of a room on
    /// one of them.
    pub(crate) fn start_sharded(spread: NonZeroUsize) -> Result<Self, BenchError> {
        let fleet = Self::start_with(SfuConfig {
            shards: NonZeroUsize::new(MAX_SHARDS).unwrap_or(NonZeroUsize::MIN),
            spread,
            ..SfuConfig::default()
        })?;
        Ok(Self {
            feedback: false,
            ..fleet
        })
    }

    fn start_with(config: SfuConfig) -> Result<Self, BenchError> {
        crate::allocations::exclude_this_thread();
        // The SFU's threads inherit where this one may run.
        crate::clock::unpin();
        let config = SfuConfig {
            media: vec![([127, 0, 0, 1], 0).into()],
            ..config
        };
        let sfu = Sfu::start(&config)?;
        crate::clock::pin(CLIENT_CORE);
        let now = Instant::now();
        Ok(Self {
            sfu,
            sockets: Sockets::bind()?,
            streams: Streams::new(),
            watching: Protocol::Udp,
            shards: config.shards.get(),
            certificate: Certificate::generate().map_err(|_| BenchError::Client("certificate"))?,
            clients: Vec::new(),
            rooms: Vec::new(),
            room_of: Vec::new(),
            answers: 0,
            totals: Totals::default(),
            overloaded: false,
            feedback: true,
            is_playing: false,
            schedule: None,
            start: now,
            timers: now,
            out: Vec::new(),
        })
    }

    /// The CPU time of its shards.
    pub(crate) fn shard_clocks(&self) -> Result<ShardClocks, BenchError> {
        ShardClocks::find(self.shards)
    }

    /// Fills a room: everybody connects, and subscribes what all others publish. Returns its number and its clients.
    pub(crate) fn fill(&mut self, room: Room<'_>) -> Result<(usize, std::ops::Range<usize>), BenchError> {
        self.schedule = None;
        let number = self.rooms.len();
        let id = RoomId::new(u128::try_from(number).unwrap_or(0).to_be_bytes());
        self.rooms.push(Running {
            id,
            people: 0,
            tracks: Vec::new(),
        });
        let first = self.clients.len();
        let members = first..first + room.publishers + room.watchers;
        for client in members.clone() {
            let leaf = u32::try_from(client - first).unwrap_or(0);
            self.add(number, leaf)?;
            if client >= first + room.publishers {
                let protocol = self.watching;
                if let Some(client) = self.clients.get_mut(client) {
                    client.protocol = protocol;
                }
            } else {
                let now = Instant::now();
                if let Some(client) = self.clients.get_mut(client) {
                    room.streams
                        .iter()
                        .for_each(|stream| client.publish(*stream, leaf, now));
                }
            }
        }
        let publishers = first..first + room.publishers;
        self.connect(publishers, |_, _| {})?;
        let tracks = room.publishers * room.streams.len();
        self.until("the tracks", |fleet| {
            fleet
                .rooms
                .get(number)
                .is_some_and(|room| room.tracks.len() == tracks)
        })?;
        let (known, feedback) = (self.tracks_of(number), self.feedback);
        self.connect(members.clone(), |client, id| {
            for other in known.iter().filter(|other| other.publisher != id) {
                client.subscribe(other.track, other.kind, feedback);
            }
        })?;
        self.switch_epoch(number, 1)?;
        Ok((number, members))
    }

    /// Members of a room, and with them the SFU, begin another epoch.
    pub(crate) fn switch_epoch(&mut self, room: usize, epoch: u8) -> Result<(), BenchError> {
        let id = self.rooms.get(room).map(|room| room.id).ok_or(BenchError::Gone)?;
        for (client, of) in self.clients.iter_mut().zip(&self.room_of) {
            if *of == room {
                client
                    .publishers
                    .iter_mut()
                    .for_each(|publisher| publisher.epoch = epoch);
            }
        }
        self.tell(ControlCommand::Go {
            room: id,
            epoch: Epoch(epoch.into()),
        })
    }

    /// Lets so many people join a room that runs, and waits until all of them have received something.
    pub(crate) fn join(&mut self, room: usize, people: usize) -> Result<std::ops::Range<usize>, BenchError> {
        let first = self.clients.len();
        for leaf in 0..people {
            self.add(room, u32::try_from(1000 + leaf).unwrap_or(0))?;
        }
        let members = first..first + people;
        let (known, feedback) = (self.tracks_of(room), self.feedback);
        self.connect(members.clone(), |client, _| {
            for other in &known {
                client.subscribe(other.track, other.kind, feedback);
            }
        })?;
        let all = members.clone();
        self.until("a first packet", |fleet| {
            all.clone()
                .all(|index| fleet.clients.get(index).is_some_and(|client| client.packets > 0))
        })?;
        Ok(members)
    }

    /// Adds a client to a room; it neither publishes nor subscribes yet.
    pub(crate) fn add(&mut self, room: usize, leaf: u32) -> Result<usize, BenchError> {
        let index = self.clients.len();
        let peer = PeerId(u64::try_from(index).unwrap_or(0) + 1);
        let room_id = self.rooms.get_mut(room).map(|room| {
            room.people += 1;
            room.id
        });
        let room_id = room_id.ok_or(BenchError::Gone)?;
        let credentials = IceCredentials::generate(Route { shard: 0, peer: 0 })
            .map_err(|_| BenchError::Client("credentials"))?;
        self.clients.push(Client::new(peer, credentials));
        self.room_of.push(room);
        self.tell(ControlCommand::AddPeer { peer, room: room_id })?;
        self.tell(ControlCommand::Admit {
            peer,
            leaf: LeafIndex(leaf),
        })?;
        Ok(index)
    }

    /// Lets clients change their sections and negotiate, a few at a time, until all are connected.
    pub(crate) fn connect(
        &mut self,
        clients: std::ops::Range<usize>,
        mut change: impl FnMut(&mut Client, PeerId),
    ) -> Result<(), BenchError> {
        let mut rest = clients;
        while !rest.is_empty() {
            let some = rest.start..rest.end.min(rest.start + CONNECTING);
            rest.start = some.end;
            let answers = self.answers + u64::try_from(some.len()).unwrap_or(0);
            for index in some.clone() {
                let Some(client) = self.clients.get_mut(index) else {
                    continue;
                };
                change(client, client.id);
                let offer = client.offer(&self.certificate);
                self.tell(offer)?;
            }
            self.until("transports", |fleet| {
                fleet.answers >= answers
                    && some
                        .clone()
                        .all(|index| fleet.clients.get(index).is_some_and(Client::is_connected))
            })?;
        }
        Ok(())
    }

    /// Removes clients from their rooms.
    pub(crate) fn remove(&mut self, clients: std::ops::Range<usize>) -> Result<(), BenchError> {
        self.schedule = None;
        for index in clients {
            if let Some(client) = self.clients.get_mut(index) {
                client.transport = None;
                client.publishers.clear();
                let peer = client.id;
                self.tell(ControlCommand::RemovePeer { peer })?;
            }
        }
        Ok(())
    }

    pub(crate) fn tell(&mut self, command: ControlCommand) -> Result<(), BenchError> {
        self.sfu
            .commands
            .blocking_send(command)
            .map_err(|_| BenchError::Gone)
    }

    /// Goes on until `done`. Once media has begun, it goes on too.
    pub(crate) fn until(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), BenchError> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            let now = Instant::now();
            if now > deadline {
                return Err(BenchError::Patience(what));
            }
            if self.is_playing {
                self.send_due(now);
            }
            self.step(Duration::from_millis(1))?;
        }
        Ok(())
    }

    /// Receives what is there, and if there is nothing, waits for it at most this long.
    pub(crate) fn step(&mut self, at_most: Duration) -> Result<(), BenchError> {
        if !self.receive() {
            self.sockets.wait(self.streams.fds(), at_most);
            self.receive();
        }
        self.events()?;
        let now = Instant::now();
        if now.saturating_duration_since(self.timers) >= TIMERS {
            self.timers = now;
            for index in 0..self.clients.len() {
                self.tick(index, now);
            }
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.sfu.stats
    }

    /// Goes on until nothing has come for a while.
    pub(crate) fn until_quiet(&mut self, quiet: Duration) -> Result<(), BenchError> {
        self.is_playing = false;
        let (mut seen, mut since) = (0, Instant::now());
        while since.elapsed() < quiet {
            self.step(Duration::from_millis(1))?;
            let now = self.totals.packets() + self.totals.strange;
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Addresses that the clients' sockets receive for and that are no client's.
    pub(crate) fn strangers(&self, count: usize) -> Result<Vec<SocketAddr>, BenchError> {
        let addresses: Option<Vec<_>> = (0..count)
            .map(|index| self.sockets.local(STRANGERS + index))
            .collect();
        addresses.ok_or(BenchError::Gone)
    }

    fn tracks_of(&self, room: usize) -> Vec<Published> {
        self.rooms
            .get(room)
            .map(|room| room.tracks.clone())
            .unwrap_or_default()
    }

    fn receive(&mut self) -> bool {
        let Self {
            sockets,
            streams,
            clients,
            totals,
            start,
            ..
        } = self;
        let now = Instant::now();
        let mut touched = Vec::new();
        let mut handle = |index: usize, aggregate: Aggregate<'_>| {
            if index >= STRANGERS {
                let datagrams = aggregate.bytes.len().div_ceil(aggregate.stride);
                totals.strange += u64::try_from(datagrams).unwrap_or(0);
            } else if let Some(client) = clients.get_mut(index) {
                client.receive(*start, aggregate, totals);
                if !client.is_connected() {
                    touched.push(index);
                }
            }
        };
        let any = sockets.receive(&mut handle);
        let any = streams.receive(&mut handle) || any;
        for index in touched {
            self.tick(index, now);
        }
        any
    }

    fn tick(&mut self, index: usize, now: Instant) {
        let Self {
            clients,
            sockets,
            streams,
            totals,
            ..
        } = self;
        if let Some(client) = clients.get_mut(index) {
            client.tick(now, totals, |to, bytes, len| match to.protocol {
                Protocol::Udp => sockets.send(index, to.socket, bytes, len),
                Protocol::Tcp => streams.send(index, to.socket, bytes),
            });
        }
    }

    fn events(&mut self) -> Result<(), BenchError> {
        loop {
            match self.sfu.events.try_recv() {
                Ok(event) => self.event(event)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(BenchError::Gone),
            }
        }
    }

    fn event(&mut self, event: ControlEvent) -> Result<(), BenchError> {
        let now = Instant::now();
        match event {
            ControlEvent::Answered { peer, sdp, .. } => {
                let answer = Answer::parse(&sdp)?;
                self.answers += 1;
                let index = index_of(peer);
                if let Some(client) = self.clients.get_mut(index) {
                    client.answered(now, &answer, &self.certificate);
                }
                self.tick(index, now);
            }
            ControlEvent::NegotiationFailed { code, .. } => return Err(BenchError::Refused(code)),
            ControlEvent::TrackPublished {
                peer,
                track_id,
                source,
                ..
            } => {
                let room = self.room_of.get(index_of(peer)).copied();
                if let Some(room) = room.and_then(|room| self.rooms.get_mut(room)) {
                    room.tracks.push(Published {
                        track: track_id,
                        publisher: peer,
                        kind: source.kind(),
                    });
                }
            }
            ControlEvent::Overloaded { overloaded } => self.overloaded = overloaded,
            _ => {}
        }
        Ok(())
    }
}

fn index_of(peer: PeerId) -> usize {
    usize::try_from(peer.0.saturating_sub(1)).unwrap_or(usize::MAX)
}
