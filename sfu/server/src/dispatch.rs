//! Hands each command to the shard its room is pinned to.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;

use conclave_wire::ErrorCode;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{PeerId, RoomId};
use tokio::sync::mpsc;

/// Starts the dispatcher's thread. It ends when all senders of `commands` are gone, and the shards with it.
pub(crate) fn start(
    mut commands: mpsc::Receiver<ControlCommand>,
    shards: Vec<mpsc::Sender<ControlCommand>>,
    events: mpsc::Sender<ControlEvent>,
) -> io::Result<()> {
    let dispatch = move || {
        let mut dispatcher = Dispatcher {
            peers: HashMap::new(),
            shards: shards.len(),
            hasher: RandomState::new(),
        };
        while let Some(command) = commands.blocking_recv() {
            let unknown = match &command {
                ControlCommand::Negotiate { peer, offer_id, .. } => Some((*peer, *offer_id)),
                _ => None,
            };
            match dispatcher.shard_of(&command).and_then(|shard| shards.get(shard)) {
                Some(shard) => {
                    if shard.blocking_send(command).is_err() {
                        return;
                    }
                }
                None => {
                    if let Some((peer, offer_id)) = unknown {
                        let code = ErrorCode::MediaUnavailable;
                        // Nobody listens any more when this fails.
                        let _ =
                            events.blocking_send(ControlEvent::NegotiationFailed { peer, offer_id, code });
                    }
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("sfu-dispatch".to_owned())
        .spawn(dispatch)
        .map(|_| ())
}

struct Dispatcher {
    peers: HashMap<PeerId, usize>,
    shards: usize,
    hasher: RandomState,
}

impl Dispatcher {
    /// The shard of a command; `None` for a peer nobody added.
    fn shard_of(&mut self, command: &ControlCommand) -> Option<usize> {
        match command {
            ControlCommand::AddPeer { peer, room } => {
                let shard = self.shard_of_room(*room);
                Some(*self.peers.entry(*peer).or_insert(shard))
            }
            ControlCommand::RemovePeer { peer } => self.peers.remove(peer),
            ControlCommand::Negotiate { peer, .. }
            | ControlCommand::Admit { peer, .. }
            | ControlCommand::Views { peer, .. }
            | ControlCommand::Suspend { peer }
            | ControlCommand::Resume { peer } => self.peers.get(peer).copied(),
            ControlCommand::Go { room, .. } => Some(self.shard_of_room(*room)),
        }
    }

    fn shard_of_room(&self, room: RoomId) -> usize {
        let shards = u64::try_from(self.shards).unwrap_or(1).max(1);
        usize::try_from(self.hasher.hash_one(room) % shards).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_commands_of_a_room_go_to_one_shard() {
        let mut dispatcher = Dispatcher {
            peers: HashMap::new(),
            shards: 4,
            hasher: RandomState::new(),
        };
        for number in 0..50u8 {
            let room = RoomId::new([number; 16]);
            let peer = PeerId(u64::from(number));
            let shard = dispatcher.shard_of(&ControlCommand::AddPeer { peer, room });
            assert!(shard.is_some_and(|shard| shard < 4));
            let go = ControlCommand::Go {
                room,
                epoch: conclave_wire::id::Epoch(1),
            };
            assert_eq!(dispatcher.shard_of(&go), shard);
            assert_eq!(dispatcher.shard_of(&ControlCommand::Suspend { peer }), shard);
            assert_eq!(dispatcher.shard_of(&ControlCommand::RemovePeer { peer }), shard);
            assert_eq!(dispatcher.shard_of(&ControlCommand::Resume { peer }), None);
        }
    }
}
