//! Hands each command to the shard of its peer, and tells the shards of a wide room of each other.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use conclave_wire::ErrorCode;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::RoomId;
use tokio::sync::mpsc;

use crate::placement::{Placed, Placement};

/// What a shard is told.
#[derive(Clone, Debug)]
pub(crate) enum ShardCommand {
    /// By the signaling service.
    Control(ControlCommand),
    /// By the dispatcher: which shards a room is on now. Fewer than two are no wide room.
    Span {
        room: RoomId,
        shards: Vec<usize>,
        /// Grows with every change of any room's shards.
        version: u64,
    },
}

/// A shard as the dispatcher knows it.
pub(crate) struct ShardLink {
    pub(crate) commands: mpsc::Sender<ShardCommand>,
    /// Packets it has forwarded since its start; the shard writes it.
    pub(crate) forwarded: Arc<AtomicU64>,
}

/// Starts the dispatcher's thread. It ends when all senders of `commands` are gone, and the shards with it.
pub(crate) fn start(
    mut commands: mpsc::Receiver<ControlCommand>,
    shards: Vec<ShardLink>,
    spread: NonZeroUsize,
    events: mpsc::Sender<ControlEvent>,
) -> io::Result<()> {
    let dispatch = move || {
        let mut placement = Placement::new(Instant::now(), shards.len(), spread.get());
        while let Some(command) = commands.blocking_recv() {
            let forwarded = shards.iter().map(|shard| shard.forwarded.load(Ordering::Relaxed));
            placement.sample(Instant::now(), forwarded);
            let unknown = match &command {
                ControlCommand::Negotiate { peer, offer_id, .. } => Some((*peer, *offer_id)),
                _ => None,
            };
            let sent = route(&mut placement, command);
            if let Some((peer, offer_id)) = unknown.filter(|_| sent.is_empty()) {
                let code = ErrorCode::MediaUnavailable;
                // Nobody listens any more when this fails.
                let _ = events.blocking_send(ControlEvent::NegotiationFailed { peer, offer_id, code });
            }
            for (shard, command) in sent {
                let link = shards.get(shard);
                if link.is_some_and(|link| link.commands.blocking_send(command).is_err()) {
                    return;
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("sfu-dispatch".to_owned())
        .spawn(dispatch)
        .map(|_| ())
}

/// Which shards are told what: nobody of a peer nobody added, and of an empty room.
pub(crate) fn route(placement: &mut Placement, command: ControlCommand) -> Vec<(usize, ShardCommand)> {
    let shards = match &command {
        ControlCommand::AddPeer { peer, room } => {
            let placed = placement.add(*peer, *room);
            return step(placed, *room, command, Vec::new(), placement.version());
        }
        ControlCommand::RemovePeer { peer } => {
            let Some(room) = placement.room_of(*peer) else {
                return Vec::new();
            };
            let before = placement.span(room);
            let placed = placement.remove(*peer);
            return step(placed, room, command, before, placement.version());
        }
        ControlCommand::Negotiate { peer, .. }
        | ControlCommand::Admit { peer, .. }
        | ControlCommand::Permit { peer, .. }
        | ControlCommand::Views { peer, .. }
        | ControlCommand::Suspend { peer }
        | ControlCommand::Resume { peer } => placement.shard_of(*peer).into_iter().collect(),
        ControlCommand::Go { room, .. } => placement.span(*room),
    };
    let to = |shard| (shard, ShardCommand::Control(command.clone()));
    shards.into_iter().map(to).collect()
}

/// The command of a peer that comes or goes, and what its room's shards are told when these are others now.
fn step(
    placed: Option<Placed>,
    room: RoomId,
    command: ControlCommand,
    before: Vec<usize>,
    version: u64,
) -> Vec<(usize, ShardCommand)> {
    let Some(Placed { shard, span }) = placed else {
        return Vec::new();
    };
    let mut sent = vec![(shard, ShardCommand::Control(command))];
    let Some(span) = span else { return sent };
    if span.len().max(before.len()) < 2 {
        return sent;
    }
    // A shard that is left is told, too.
    let left = before.into_iter().filter(|shard| !span.contains(shard));
    let told: Vec<usize> = span.iter().copied().chain(left).collect();
    sent.extend(told.into_iter().map(|shard| {
        let shards = span.clone();
        (
            shard,
            ShardCommand::Span {
                room,
                shards,
                version,
            },
        )
    }));
    sent
}

#[cfg(test)]
mod tests {
    use conclave_wire::id::{Epoch, PeerId};

    use super::*;

    const ROOM: RoomId = RoomId::new([1; 16]);

    fn shards(sent: &[(usize, ShardCommand)]) -> Vec<usize> {
        sent.iter().map(|(shard, _)| *shard).collect()
    }

    fn spans(sent: &[(usize, ShardCommand)]) -> Vec<(usize, Vec<usize>)> {
        let spans = sent.iter().filter_map(|(shard, command)| match command {
            ShardCommand::Span { shards, .. } => Some((*shard, shards.clone())),
            ShardCommand::Control(_) => None,
        });
        spans.collect()
    }

    #[test]
    fn all_commands_of_a_room_go_to_one_shard() {
        let mut placement = Placement::new(Instant::now(), 4, 100);
        for number in 0..50u8 {
            let room = RoomId::new([number; 16]);
            let peer = PeerId(u64::from(number));
            let shard = shards(&route(&mut placement, ControlCommand::AddPeer { peer, room }));
            assert!(matches!(shard[..], [0..4]));
            let epoch = Epoch(1);
            let mut of = |command| shards(&route(&mut placement, command));
            assert_eq!(of(ControlCommand::Go { room, epoch }), shard);
            assert_eq!(of(ControlCommand::Suspend { peer }), shard);
            assert_eq!(of(ControlCommand::RemovePeer { peer }), shard);
            assert!(of(ControlCommand::Resume { peer }).is_empty());
            assert!(of(ControlCommand::Go { room, epoch }).is_empty());
        }
    }

    #[test]
    fn the_shards_of_a_wide_room_are_told_of_each_other_and_when_one_is_left() {
        let mut placement = Placement::new(Instant::now(), 3, 1);
        let mut told = |command| route(&mut placement, command);
        let room = ROOM;
        let add = |peer| ControlCommand::AddPeer {
            peer: PeerId(peer),
            room,
        };
        assert_eq!(spans(&told(add(1))), [], "one shard is no wide room");
        let second = told(add(2));
        assert_eq!(shards(&second), [1, 0, 1], "the peer first");
        assert_eq!(spans(&second), [(0, vec![0, 1]), (1, vec![0, 1])]);
        let go = ControlCommand::Go {
            room,
            epoch: Epoch(1),
        };
        assert_eq!(shards(&told(go)), [0, 1]);
        assert_eq!(spans(&told(add(3))).len(), 3);
        let left = told(ControlCommand::RemovePeer { peer: PeerId(1) });
        assert_eq!(shards(&left)[0], 0);
        assert_eq!(spans(&left), [(1, vec![1, 2]), (2, vec![1, 2]), (0, vec![1, 2])]);
        told(ControlCommand::RemovePeer { peer: PeerId(2) });
        assert_eq!(spans(&told(ControlCommand::RemovePeer { peer: PeerId(3) })), []);
    }
}
