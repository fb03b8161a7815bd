//! A simulated call: the real SFU core, the real signaling core, real e2ee sessions, people with browsers and networks.
//!
//! Time is virtual, in microseconds; everything random that decides anything comes from the seed, so one seed is one
//! run. Keys differ from run to run and decide nothing. Signaling and group come from the world of the delivery tests.

pub(crate) mod link;
mod shard;
mod shards;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use conclave_sfu_core::{Output, TransportState};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::TrackId;
use conclave_wire::media::Source;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::person::receiver::audio::FRAME;
use crate::person::sender::camera::FRAME_RATE;
use crate::person::{Person, Setup};
use crate::signaling;
use link::{Conditions, Entry, Link};
pub(crate) use shards::Seat;
use shards::Shards;

/// How often a person looks at what is due, in microseconds.
const TICK: u64 = 10_000;
/// How often signaling is looked at.
const HEARTBEAT: u64 = 1_000;
/// One way between a person and the signaling service, in milliseconds.
const SIGNALING_DELAY: u64 = 20;

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// To the SFU.
    Up,
    /// From the SFU.
    Down,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Heartbeat,
    /// ICE and DTLS are done.
    Connected {
        who: usize,
        shard: usize,
        slot: usize,
    },
    /// A link sent the first datagram of its queue.
    Transmitted {
        who: usize,
        direction: Direction,
    },
    Arrives {
        who: usize,
        direction: Direction,
        datagram: Vec<u8>,
    },
    Tick {
        who: usize,
    },
    Speaks {
        who: usize,
    },
    Films {
        who: usize,
    },
    Paces {
        who: usize,
    },
}

pub(crate) struct World {
    /// Microseconds since the start.
    pub(crate) now: u64,
    start: Instant,
    seed: u64,
    signaling: signaling::World,
    /// Commands that the SFU got.
    told: usize,
    /// When members began to send with new keys.
    pub(crate) switches: Vec<u64>,
    sfu: Shards,
    pub(crate) people: Vec<Person>,
    links: Vec<[Link; 2]>,
    /// Through whose downlink everybody's datagrams come.
    via: Vec<usize>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    next_event: u64,
    /// Prints what happens to everybody, once a second.
    trace: bool,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::on_shards(seed, 1)
    }

    /// The same with a room that is on several shards.
    pub(crate) fn on_shards(seed: u64, shards: usize) -> Self {
        let mut signaling = signaling::World::new(seed);
        signaling.weather.delay = (SIGNALING_DELAY, SIGNALING_DELAY);
        let mut world = Self {
            now: 0,
            start: Instant::now(),
            seed,
            signaling,
            told: 0,
            switches: Vec::new(),
            sfu: Shards::new(shards),
            people: Vec::new(),
            links: Vec::new(),
            via: Vec::new(),
            events: BinaryHeap::new(),
            next_event: 0,
            trace: std::env::var_os("CONCLAVE_TRACE").is_some(),
        };
        world.at(HEARTBEAT, Event::Heartbeat);
        world
    }

    /// Somebody opens the page.
    pub(crate) fn enter(&mut self, setup: Setup) -> usize {
        let who = self.signaling.enter(&format!("person {}", self.people.len()));
        let [mut own, person, up, down] = [0, 1, 2, 3].map(|of| dice(self.seed, who, of));
        self.people.push(Person::new(who, &setup, self.trace, person));
        self.links
            .push([Link::new(setup.up, up), Link::new(setup.down, down)]);
        self.via.push(who);
        let first = self.now + own.random_range(0..TICK);
        self.at(first, Event::Tick { who });
        if setup.microphone {
            let first = self.now + own.random_range(0..FRAME);
            self.at(first, Event::Speaks { who });
        }
        if setup.camera.is_some() {
            let first = self.now + own.random_range(0..1_000_000 / FRAME_RATE);
            self.at(first, Event::Films { who });
        }
        who
    }

    /// Several people come at once.
    pub(crate) fn call_of(&mut self, people: &[Setup]) -> Vec<usize> {
        people.iter().map(|setup| self.enter(*setup)).collect()
    }

    /// Leaves by the button.
    pub(crate) fn leave(&mut self, who: usize) {
        self.signaling.leave(who);
        self.people[who].leave(self.now);
    }

    /// Changes somebody's network.
    pub(crate) fn conditions(&mut self, who: usize, direction: Direction, conditions: Conditions) {
        self.links[who][direction as usize].conditions = conditions;
    }

    /// Somebody's datagrams come through the downlink of another, as of two people at one home.
    pub(crate) fn share_downlink(&mut self, who: usize, of: usize) {
        self.via[who] = of;
    }

    pub(crate) fn link(&self, who: usize, direction: Direction) -> &Link {
        &self.links[who][direction as usize]
    }

    /// The track of somebody's camera or microphone as `who` knows it.
    pub(crate) fn track(&self, who: usize, of: usize, source: Source) -> Option<TrackId> {
        let publisher = self.signaling.clients[of].id;
        let known = self.people[who].tracks.values();
        known
            .filter(|track| track.source == source && *track.client_id.as_bytes() == publisher)
            .map(|track| track.track_id)
            .next()
    }

    /// What `who` shows of others' cameras: whose and how high; others are shown large.
    pub(crate) fn show(&mut self, who: usize, tiles: &[(usize, u16)]) {
        let views: Vec<(TrackId, u16)> = tiles
            .iter()
            .filter_map(|(of, height)| Some((self.track(who, *of, Source::Camera)?, *height)))
            .collect();
        self.people[who].show(self.now, &views);
        self.flush(who);
    }

    /// What every packet and report that left the SFU makes, headers only: equal for equal decisions.
    pub(crate) fn decisions(&self) -> Vec<u64> {
        self.sfu.decisions()
    }

    pub(crate) fn run_for(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds * 1000;
        while self.step_before(end) {}
        self.now = end;
    }

    /// Ends the call for everybody who watches.
    pub(crate) fn stop(&mut self) {
        for person in &mut self.people {
            person.stop(self.now);
        }
    }

    /// Whether something was done.
    fn step_before(&mut self, end: u64) -> bool {
        let event = self.events.peek().map(|Reverse((at, ..))| *at);
        let shard = self
            .sfu
            .poll_timeout()
            .map(|at| self.virtual_us(at).max(self.now));
        let Some(next) = [event, shard]
            .into_iter()
            .flatten()
            .min()
            .filter(|next| *next <= end)
        else {
            return false;
        };
        self.now = next;
        if event == Some(next) {
            if let Some(Reverse((_, _, event))) = self.events.pop() {
                self.handle(event);
            }
        } else {
            self.sfu.timeout(self.instant());
            self.drain_sfu();
        }
        true
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Heartbeat => {
                self.signal();
                if self.trace && now.is_multiple_of(1_000_000) {
                    self.note();
                }
                self.at(now + HEARTBEAT, Event::Heartbeat);
            }
            Event::Connected { who, shard, slot } => {
                let seat = self.people[who].seat;
                if let Some(seat) = seat.filter(|seat| (seat.shard, seat.slot.0) == (shard, slot)) {
                    self.people[who].connected = Some(self.now);
                    self.sfu
                        .transport(self.instant(), seat, TransportState::Connected);
                    self.drain_sfu();
                }
            }
            Event::Transmitted { who, direction } => {
                let link = &mut self.links[who][direction as usize];
                let ((to, datagram), arrivals, next) = link.transmitted(now);
                for at in arrivals {
                    let datagram = datagram.clone();
                    self.at(
                        at,
                        Event::Arrives {
                            who: to,
                            direction,
                            datagram,
                        },
                    );
                }
                if let Some(next) = next {
                    self.at(next, Event::Transmitted { who, direction });
                }
            }
            Event::Arrives {
                who,
                direction,
                datagram,
            } => self.arrives(who, direction, &datagram),
            Event::Tick { who } => {
                let session = &mut self.signaling.clients[who].session;
                self.people[who].tick(now, session);
                self.flush(who);
                self.at(now + TICK, Event::Tick { who });
            }
            Event::Speaks { who } => {
                self.people[who].speak(now, &mut self.signaling.clients[who].session);
                self.flush(who);
                self.at(now + FRAME, Event::Speaks { who });
            }
            Event::Films { who } => {
                let session = &mut self.signaling.clients[who].session;
                self.people[who].film(now, session);
                self.flush(who);
                self.at(now + 1_000_000 / FRAME_RATE, Event::Films { who });
            }
            Event::Paces { who } => {
                self.people[who].pace(now);
                self.flush(who);
            }
        }
    }

    fn arrives(&mut self, who: usize, direction: Direction, datagram: &[u8]) {
        // RFC 7983 and RFC 5761 §4.
        let is_rtcp = datagram.get(1).is_some_and(|kind| (192..=223).contains(kind));
        let now = self.now;
        let person = &mut self.people[who];
        match direction {
            Direction::Up => {
                if let Some(seat) = person.seat.filter(|_| person.connected.is_some()) {
                    self.sfu.datagram(self.instant(), seat, is_rtcp, datagram);
                    self.drain_sfu();
                }
            }
            Direction::Down => {
                if is_rtcp {
                    person.receive_rtcp(now, datagram);
                } else {
                    person.receive_rtp(now, datagram, &mut self.signaling.clients[who].session);
                }
                self.flush(who);
            }
        }
    }

    /// Lets signaling catch up, and carries its messages to the SFU and to people.
    fn signal(&mut self) {
        let behind = (self.now / 1000).saturating_sub(self.signaling.now);
        self.signaling.run_for(behind);
        self.tell_sfu();
        for who in 0..self.people.len() {
            let client = &mut self.signaling.clients[who];
            let person = &mut self.people[who];
            if person.admitted.is_none()
                && let Some(epoch) = client.session.sending_epoch()
            {
                person.admitted = Some((self.now, epoch));
            }
            for message in std::mem::take(&mut client.inbox) {
                person.message(self.now, message);
            }
            self.flush(who);
        }
    }

    /// Everybody's last second.
    fn note(&self) {
        let end = self.now / 1000;
        for (who, person) in self.people.iter().enumerate() {
            let [up, down] = &self.links[who];
            println!(
                "{:>3} s  {who}: up {:>5} kbit/s ({:>5.0} estimated)  down {:>5} kbit/s, waiting {:>3} ms  {}",
                end / 1000,
                up.kilobits(end - 1000, end),
                person.uplink.rate() / 1000.0,
                down.kilobits(end - 1000, end),
                down.waiting() / 1000,
                person.last_second(self.now),
            );
        }
    }

    fn tell_sfu(&mut self) {
        while let Some(command) = self.signaling.commands.get(self.told).cloned() {
            self.told += 1;
            if matches!(command, ControlCommand::Go { .. }) {
                self.switches.push(self.now);
                if self.trace {
                    println!("{:>7} ms  members switch keys", self.now / 1000);
                }
            }
            self.sfu.command(self.instant(), command);
            self.drain_sfu();
        }
    }

    fn drain_sfu(&mut self) {
        while let Some((shard, output)) = self.sfu.poll_output() {
            match output {
                Output::Event(event) => self.signaling.tell_service(event),
                Output::OpenTransport { peer, remote, .. } => {
                    let who: usize = remote.ufrag.trim_start_matches("user").parse().unwrap();
                    self.people[who].seat = Some(Seat { shard, slot: peer });
                    let [up, down] = &self.links[who];
                    // The answer, then one round trip of ICE and two of DTLS.
                    let round_trip = up.conditions.delay + down.conditions.delay;
                    let at = self.now + SIGNALING_DELAY * 1000 + 3 * round_trip;
                    let slot = peer.0;
                    self.at(at, Event::Connected { who, shard, slot });
                }
                Output::CloseTransport { peer } => {
                    let seat = Seat { shard, slot: peer };
                    for person in self.people.iter_mut().filter(|person| person.seat == Some(seat)) {
                        person.seat = None;
                        person.connected = None;
                    }
                }
                Output::RestartIce { .. } => {}
            }
        }
        for (to, datagram) in self.sfu.take() {
            if let Some(who) = self.people.iter().position(|person| person.seat == Some(to)) {
                self.send(who, Direction::Down, datagram);
            }
        }
    }

    /// Puts what a person wants to send on its way.
    fn flush(&mut self, who: usize) {
        for datagram in std::mem::take(&mut self.people[who].datagrams) {
            self.send(who, Direction::Up, datagram);
        }
        for message in std::mem::take(&mut self.people[who].messages) {
            self.signaling.forge(who, &message);
        }
        if let Some(at) = self.people[who].paces_at() {
            self.at(at.max(self.now + 1), Event::Paces { who });
        }
    }

    fn send(&mut self, who: usize, direction: Direction, datagram: Vec<u8>) {
        let via = if direction == Direction::Down {
            self.via[who]
        } else {
            who
        };
        if let Entry::Transmits(at) = self.links[via][direction as usize].enter(self.now, who, datagram) {
            self.at(at, Event::Transmitted { who: via, direction });
        }
    }

    fn at(&mut self, time: u64, event: Event) {
        self.events.push(Reverse((time, self.next_event, event)));
        self.next_event += 1;
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_micros(self.now)
    }

    fn virtual_us(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        u64::try_from(since.as_nanos().div_ceil(1000)).unwrap()
    }
}

/// The dice of one thing of one person: each has its own, so that nothing others do changes what it throws.
fn dice(seed: u64, who: usize, of: u64) -> StdRng {
    StdRng::seed_from_u64(seed << 32 | u64::try_from(who).unwrap() << 2 | of)
}
