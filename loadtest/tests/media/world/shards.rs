//! The SFU: one shard, or several that hold mirrors of each other's peers and relay what is watched there.
//!
//! As in the server, but for its queues: what shards tell each other arrives at once and in order.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use conclave_sfu_core::{Output, PeerSlot, TransportState};
use conclave_transport::rtcp::{RtcpEvent, events};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{PeerId, RoomId, TrackId};

use super::shard::Shard;

/// Where a peer has its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) shard: usize,
    pub(crate) slot: PeerSlot,
}

pub(crate) struct Shards {
    shards: Vec<Shard>,
    /// The shard of each peer.
    homes: BTreeMap<PeerId, usize>,
    placed: usize,
    room: Option<RoomId>,
    /// Whose mirror is where.
    mirrors: HashMap<(usize, usize), PeerId>,
    /// Which tracks of whom a shard wants of another.
    wanted: BTreeSet<(usize, PeerId, TrackId)>,
    /// Peers may be others now, or be watched elsewhere.
    changed: bool,
    outputs: VecDeque<(usize, Output)>,
}

impl Shards {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            shards: (0..count).map(Shard::new).collect(),
            homes: BTreeMap::new(),
            placed: 0,
            room: None,
            mirrors: HashMap::new(),
            wanted: BTreeSet::new(),
            changed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Carries out a command of the signaling service; peers come to the shards in turns.
    pub(crate) fn command(&mut self, now: Instant, command: ControlCommand) {
        let peer = match &command {
            ControlCommand::AddPeer { peer, room } => {
                self.room = Some(*room);
                self.homes.insert(*peer, self.placed % self.shards.len());
                self.placed += 1;
                *peer
            }
            ControlCommand::Go { .. } => {
                for shard in &mut self.shards {
                    shard.command(now, command.clone());
                }
                self.changed = true;
                return self.settle(now);
            }
            ControlCommand::RemovePeer { peer } => {
                for shard in &mut self.shards {
                    shard.command(now, command.clone());
                }
                self.changed = true;
                self.settle(now);
                self.mirrors.retain(|_, mirrored| mirrored != peer);
                self.homes.remove(peer);
                return;
            }
            ControlCommand::Negotiate { peer, .. }
            | ControlCommand::Admit { peer, .. }
            | ControlCommand::Suspend { peer }
            | ControlCommand::Resume { peer }
            | ControlCommand::Permit { peer, .. }
            | ControlCommand::Views { peer, .. } => *peer,
        };
        if let Some(home) = self.homes.get(&peer) {
            self.shards[*home].command(now, command);
        }
        self.changed = true;
        self.settle(now);
    }

    pub(crate) fn transport(&mut self, now: Instant, seat: Seat, state: TransportState) {
        self.shards[seat.shard].transport(now, seat.slot, state);
        self.changed = true;
        self.settle(now);
    }

    pub(crate) fn datagram(&mut self, now: Instant, from: Seat, is_rtcp: bool, datagram: &[u8]) {
        self.shards[from.shard].datagram(now, from.slot, is_rtcp, datagram);
        self.settle(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let times = self.shards.iter().filter_map(|shard| shard.sfu.poll_timeout());
        times.min()
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        for shard in &mut self.shards {
            if shard.sfu.poll_timeout().is_some_and(|at| at <= now) {
                shard.timeout(now);
            }
        }
        self.settle(now);
    }

    /// The next thing to do, and for which shard.
    pub(crate) fn poll_output(&mut self) -> Option<(usize, Output)> {
        if self.shards.len() == 1 {
            return Some((0, self.shards[0].sfu.poll_output()?));
        }
        self.outputs.pop_front()
    }

    /// What left since the last call, in order.
    pub(crate) fn take(&mut self) -> Vec<(Seat, Vec<u8>)> {
        let shards = self.shards.iter_mut().enumerate();
        let left = shards.flat_map(|(number, shard)| {
            let seat = move |slot| Seat { shard: number, slot };
            shard
                .take()
                .into_iter()
                .map(move |(slot, datagram)| (seat(slot), datagram))
        });
        left.collect()
    }

    /// Equal for equal decisions.
    pub(crate) fn decisions(&self) -> Vec<u64> {
        self.shards.iter().map(Shard::decisions).collect()
    }

    /// Lets every shard know what the others' peers are now, and which of their tracks are watched where.
    fn tell(&mut self, now: Instant) {
        let Some(room) = self.room else { return };
        for (peer, home) in &self.homes {
            let Some((room, mirror)) = self.shards[*home].sfu.mirror_of(*peer) else {
                continue;
            };
            for (number, shard) in self.shards.iter_mut().enumerate() {
                if number != *home
                    && let Some(slot) = shard.mirror(now, room, &mirror)
                {
                    self.mirrors.insert((number, slot.0), *peer);
                }
            }
        }
        let shards = self.shards.iter().enumerate();
        let wanted: BTreeSet<_> = shards
            .flat_map(|(far, shard)| {
                let watched = shard.sfu.watched_mirrors(room).into_iter();
                watched.map(move |(peer, track)| (far, peer, track))
            })
            .collect();
        let before = std::mem::replace(&mut self.wanted, wanted.clone());
        for (far, peer, track) in before.symmetric_difference(&wanted) {
            if let Some(home) = self.homes.get(peer) {
                let on = wanted.contains(&(*far, *peer, *track));
                self.shards[*home].sfu.set_relayed(room, Some(*track), *far, on);
            }
        }
    }

    /// Until nobody has anything to tell.
    fn settle(&mut self, now: Instant) {
        if self.shards.len() == 1 {
            return;
        }
        self.cross(now);
        while std::mem::take(&mut self.changed) {
            self.tell(now);
            self.cross(now);
        }
    }

    /// Brings what shards have for each other to where it belongs, until nothing is left.
    fn cross(&mut self, now: Instant) {
        loop {
            let mut moved = false;
            for number in 0..self.shards.len() {
                for (peer, stream, to, packet) in self.shards[number].take_relayed() {
                    moved = true;
                    for far in to.iter() {
                        self.shards[far].relayed(now, peer, stream, &packet);
                    }
                }
                moved |= self.requests(now, number);
                while let Some(output) = self.shards[number].sfu.poll_output() {
                    moved = true;
                    self.output(number, output);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Key frames a shard asks its mirrors for: their homes ask for them.
    fn requests(&mut self, now: Instant, number: usize) -> bool {
        let mut asked = Vec::new();
        let mirrors = &self.mirrors;
        self.shards[number].retain(|slot, packet| {
            let Some(peer) = mirrors.get(&(number, slot.0)) else {
                return true;
            };
            for event in events(packet) {
                if let Ok(RtcpEvent::Pli { media_ssrc, .. } | RtcpEvent::Fir { media_ssrc, .. }) = event {
                    asked.push((*peer, media_ssrc));
                }
            }
            false
        });
        for (peer, ssrc) in &asked {
            if let Some(home) = self.homes.get(peer) {
                self.shards[*home].keyframe(now, *peer, *ssrc);
            }
        }
        !asked.is_empty()
    }

    /// What is said of a mirror, its home has said already, but for the layers that are needed here.
    fn output(&mut self, number: usize, output: Output) {
        let peer = match &output {
            Output::Event(
                ControlEvent::TrackPublished { peer, .. }
                | ControlEvent::TrackUnpublished { peer, .. }
                | ControlEvent::ProducerClosed { peer, .. }
                | ControlEvent::PeerConnected { peer }
                | ControlEvent::PeerLost { peer }
                | ControlEvent::EncodingsNeeded { peer, .. },
            ) => Some(*peer),
            _ => None,
        };
        let home = peer.and_then(|peer| self.homes.get(&peer)).copied();
        match output {
            Output::Event(ControlEvent::EncodingsNeeded { peer, source, needed })
                if home.is_some_and(|home| home != number) =>
            {
                let home = &mut self.shards[home.unwrap_or(number)];
                home.sfu.set_needed(peer, source, number, &needed);
            }
            _ if home.is_some_and(|home| home != number) => {}
            output => {
                self.changed = true;
                self.outputs.push_back((number, output));
            }
        }
    }
}
