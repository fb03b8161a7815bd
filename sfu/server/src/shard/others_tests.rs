//! Whatever the order in which shards hear from the dispatcher and from each other: in the end each knows whom it must.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use conclave_transport::dtls::Certificate;
use conclave_wire::control::ControlEvent;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;

use super::*;
use crate::SfuConfig;
use crate::bind::Ports;
use crate::dispatch::{ShardCommand, route};
use crate::overload::Overload;
use crate::placement::Placement;
use crate::relay::connect;
use crate::shard::ShardConfig;
use crate::stats::Stats;

const SHARDS: usize = 3;
const ROOMS: u8 = 2;
/// People of one room on a shard before the next go to another.
const SPREAD: usize = 1;
/// Most people at one time.
const PEOPLE: usize = 6;

/// A command, and the people whoever caused it knew to be on other shards.
struct Told {
    command: ShardCommand,
    known: Vec<PeerId>,
}

/// Shards that are driven step by step, and what they have yet to be told.
struct House {
    placement: Placement,
    shards: Vec<Shard>,
    commands: Vec<VecDeque<Told>>,
    events: mpsc::Receiver<ControlEvent>,
    people: BTreeMap<PeerId, RoomId>,
    last: u64,
}

impl House {
    fn new() -> Self {
        let config = SfuConfig {
            media: vec!["127.0.0.1:0".parse().unwrap()],
            shards: NonZeroUsize::new(SHARDS).unwrap(),
            ..SfuConfig::default()
        };
        let certificate = Certificate::generate().unwrap();
        let (event_tx, events) = mpsc::channel(64);
        let (outboxes, inboxes) = connect(SHARDS);
        let overload = Overload::new(SHARDS);
        let shard = |(number, inbox)| {
            let (_, commands) = mpsc::channel(1);
            let config = ShardConfig {
                number: u8::try_from(number).unwrap(),
                ports: Ports::bind(&config, number, &[]).unwrap(),
                certificate: certificate.clone(),
                commands,
                events: event_tx.clone(),
                stats: Stats::default(),
                forwarded: Arc::new(AtomicU64::new(0)),
                pin: false,
                overload: overload.clone(),
                outboxes: outboxes.clone(),
                inbox,
            };
            Shard::new(config).unwrap().0
        };
        Self {
            placement: Placement::new(Instant::now(), SHARDS, SPREAD),
            shards: inboxes.into_iter().enumerate().map(shard).collect(),
            commands: std::iter::repeat_with(VecDeque::new).take(SHARDS).collect(),
            events,
            people: BTreeMap::new(),
            last: 0,
        }
    }

    /// Somebody comes, goes or looks at the others.
    fn step(&mut self, dice: &mut StdRng) {
        let peer = self.people.keys().nth(dice.random_range(0..PEOPLE)).copied();
        let (command, known) = match peer {
            Some(peer) if dice.random() => {
                let room = self.people.remove(&peer);
                assert!(room.is_some());
                (ControlCommand::RemovePeer { peer }, Vec::new())
            }
            Some(peer) => (
                ControlCommand::Views {
                    peer,
                    views: Vec::new(),
                },
                self.seen_by(peer),
            ),
            None => {
                self.last += 1;
                let (peer, room) = (PeerId(self.last), RoomId::new([dice.random_range(0..ROOMS); 16]));
                self.people.insert(peer, room);
                (ControlCommand::AddPeer { peer, room }, Vec::new())
            }
        };
        for (shard, command) in route(&mut self.placement, command) {
            let known = known.clone();
            self.commands[shard].push_back(Told { command, known });
        }
    }

    /// Those of a room on other shards than this person: what they do can be known once their shards have them.
    fn seen_by(&self, viewer: PeerId) -> Vec<PeerId> {
        let (room, home) = (self.people[&viewer], self.placement.shard_of(viewer));
        let others = self.people.iter().filter(|(peer, of)| {
            let shard = self.placement.shard_of(**peer);
            **of == room && shard != home && self.is_at_home(**peer)
        });
        others.map(|(peer, _)| *peer).collect()
    }

    fn is_at_home(&self, peer: PeerId) -> bool {
        let home = self.people.get(&peer).zip(self.placement.shard_of(peer));
        home.is_some_and(|(room, shard)| self.shards[shard].core.own_peers(*room).contains(&peer))
    }

    /// A shard takes one command, or hears one word of another; whether it could.
    fn turn(&mut self, number: usize, is_command: bool) -> bool {
        let shard = &mut self.shards[number];
        if is_command {
            let waiting = &mut self.commands[number];
            let Some(told) = shard.takes_commands().then(|| waiting.pop_front()).flatten() else {
                return false;
            };
            shard.command(told.command);
            for peer in told.known {
                let is_here = self.is_at_home(peer);
                assert!(
                    !is_here || self.is_mirror(number, peer),
                    "{peer:?} is not known yet"
                );
            }
        } else {
            let Ok((from, message)) = shard.inbox.try_recv() else {
                return false;
            };
            shard.message(from, message);
        }
        self.shards[number].settle();
        while self.events.try_recv().is_ok() {}
        true
    }

    fn is_mirror(&mut self, shard: usize, peer: PeerId) -> bool {
        // Only of mirrors nothing is told to the signaling service.
        let lost = ControlEvent::PeerLost { peer };
        self.shards[shard].sessions.relay.filter(lost).is_none()
    }

    /// Everybody hears everything.
    fn settle(&mut self) {
        let turns = |house: &mut Self| {
            (0..SHARDS)
                .flat_map(|shard| [(shard, true), (shard, false)])
                .map(|(shard, is_command)| house.turn(shard, is_command))
                .fold(false, |any, has_happened| any | has_happened)
        };
        while turns(self) {}
        let left: Vec<usize> = self.commands.iter().map(VecDeque::len).collect();
        assert_eq!(left, [0; SHARDS], "shards wait for each other");
    }

    /// Each shard has its own people, and mirrors of those of its rooms who are on others.
    fn check(&mut self) {
        let mut mirrors = [0; SHARDS];
        for (peer, room) in self.people.clone() {
            let home = self.placement.shard_of(peer).unwrap();
            assert!(self.is_at_home(peer), "{peer:?}");
            for shard in (0..SHARDS).filter(|shard| *shard != home) {
                let is_wanted = self.placement.span(room).contains(&shard);
                assert_eq!(
                    self.is_mirror(shard, peer),
                    is_wanted,
                    "{peer:?} on shard {shard}"
                );
                mirrors[shard] += usize::from(is_wanted);
            }
        }
        let known: Vec<usize> = self
            .shards
            .iter()
            .map(|shard| shard.sessions.relay.mirror_count())
            .collect();
        assert_eq!(known, mirrors, "of people who are there");
    }
}

#[tokio::test]
async fn however_late_a_shard_hears_it_ends_up_with_the_people_it_must_know() {
    let mut house = House::new();
    for seed in 0..3000 {
        let mut dice = StdRng::seed_from_u64(seed);
        for _ in 0..dice.random_range(1..12) {
            house.step(&mut dice);
            for _ in 0..dice.random_range(0..10) {
                house.turn(dice.random_range(0..SHARDS), dice.random());
            }
        }
        house.settle();
        house.check();
    }
}
