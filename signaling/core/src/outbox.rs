//! Collects what the service asks its driver to do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use conclave_wire::control::ControlCommand;
use conclave_wire::id::TreeHash;
use conclave_wire::{ErrorCode, ServerMessage, codec};

use crate::output::{Frame, Output};
use crate::records::{Record, RoomHash};
use crate::service::SessionKey;

/// Outputs in order. Not bounded: the driver empties it after every input, and each input adds at most a few messages
/// per participant of one room.
#[derive(Default)]
pub(crate) struct Outbox(VecDeque<Output>);

impl Outbox {
    pub(crate) fn send(&mut self, session: SessionKey, message: &ServerMessage) {
        self.broadcast([session], message);
    }

    /// Encodes once for all.
    pub(crate) fn broadcast(
        &mut self,
        sessions: impl IntoIterator<Item = SessionKey>,
        message: &ServerMessage,
    ) {
        let mut frame = None;
        for session in sessions {
            let frame = frame.get_or_insert_with(|| Frame::new(codec::encode(message)));
            self.0.push_back(Output::Send {
                session,
                frame: frame.clone(),
            });
        }
    }

    pub(crate) fn control(&mut self, command: ControlCommand) {
        self.0.push_back(Output::Control(command));
    }

    pub(crate) fn store_tree(&mut self, hash: TreeHash, bytes: Arc<[u8]>) {
        self.0.push_back(Output::StoreTree { hash, bytes });
    }

    pub(crate) fn drop_tree(&mut self, hash: TreeHash) {
        self.0.push_back(Output::DropTree { hash });
    }

    pub(crate) fn remember(&mut self, room: RoomHash, record: Record, keep: Duration) {
        self.0.push_back(Output::Remember { room, record, keep });
    }

    pub(crate) fn forget(&mut self, room: RoomHash) {
        self.0.push_back(Output::Forget { room });
    }

    pub(crate) fn close(&mut self, session: SessionKey, code: ErrorCode) {
        self.0.push_back(Output::Close { session, code });
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}
