//! Hands each command to the shard its room is pinned to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use conclave_wire::ErrorCode;
use conclave_wire::control::{ControlCommand, ControlEvent};
use tokio::sync::mpsc;

use crate::placement::Placement;

/// A shard as the dispatcher knows it.
pub(crate) struct ShardLink {
    pub(crate) commands: mpsc::Sender<ControlCommand>,
    /// Packets it has forwarded since its start; the shard writes it.
    pub(crate) forwarded: Arc<AtomicU64>,
}

/// Starts the dispatcher's thread. It ends when all senders of `commands` are gone, and the shards with it.
pub(crate) fn start(
    mut commands: mpsc::Receiver<ControlCommand>,
    shards: Vec<ShardLink>,
    events: mpsc::Sender<ControlEvent>,
) -> io::Result<()> {
    let dispatch = move || {
        let mut placement = Placement::new(Instant::now(), shards.len());
        while let Some(command) = commands.blocking_recv() {
            let forwarded = shards.iter().map(|shard| shard.forwarded.load(Ordering::Relaxed));
            placement.sample(Instant::now(), forwarded);
            let shard = shard_of(&mut placement, &command).and_then(|shard| shards.get(shard));
            if let Some(shard) = shard {
                if shard.commands.blocking_send(command).is_err() {
                    return;
                }
            } else if let ControlCommand::Negotiate { peer, offer_id, .. } = command {
                let code = ErrorCode::MediaUnavailable;
                // Nobody listens any more when this fails.
                let _ = events.blocking_send(ControlEvent::NegotiationFailed { peer, offer_id, code });
            }
        }
    };
    std::thread::Builder::new()
        .name("sfu-dispatch".to_owned())
        .spawn(dispatch)
        .map(|_| ())
}

/// The shard of a command; `None` for a peer nobody added and for an empty room.
fn shard_of(placement: &mut Placement, command: &ControlCommand) -> Option<usize> {
    match command {
        ControlCommand::AddPeer { peer, room } => placement.add(*peer, *room),
        ControlCommand::RemovePeer { peer } => placement.remove(*peer),
        ControlCommand::Negotiate { peer, .. }
        | ControlCommand::Admit { peer, .. }
        | ControlCommand::Views { peer, .. }
        | ControlCommand::Suspend { peer }
        | ControlCommand::Resume { peer } => placement.shard_of(*peer),
        ControlCommand::Go { room, .. } => placement.shard_of_room(*room),
    }
}

#[cfg(test)]
mod tests {
    use conclave_wire::id::{Epoch, PeerId, RoomId};

    use super::*;

    #[test]
    fn all_commands_of_a_room_go_to_one_shard() {
        let mut placement = Placement::new(Instant::now(), 4);
        for number in 0..50u8 {
            let room = RoomId::new([number; 16]);
            let peer = PeerId(u64::from(number));
            let shard = shard_of(&mut placement, &ControlCommand::AddPeer { peer, room });
            assert!(shard.is_some_and(|shard| shard < 4));
            let epoch = Epoch(1);
            let mut of = |command| shard_of(&mut placement, &command);
            assert_eq!(of(ControlCommand::Go { room, epoch }), shard);
            assert_eq!(of(ControlCommand::Suspend { peer }), shard);
            assert_eq!(of(ControlCommand::RemovePeer { peer }), shard);
            assert_eq!(of(ControlCommand::Resume { peer }), None);
            assert_eq!(of(ControlCommand::Go { room, epoch }), None);
        }
    }
}
