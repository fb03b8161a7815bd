//! What the service asks its driver to do.

use std::sync::Arc;
use std::time::Duration;

use conclave_wire::ErrorCode;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::TreeHash;

use crate::records::{Record, RoomHash};
use crate::service::SessionKey;

/// One thing to do. Outputs are in order; the driver must keep the order per session.
#[derive(Clone, Debug)]
pub enum Output {
    /// Put this text frame on the session's WebSocket. A broadcast is one Send per receiver that share one [`Frame`]:
    /// the message was encoded once.
    Send {
        /// To whom.
        session: SessionKey,
        /// The encoded [`conclave_wire::ServerMessage`].
        frame: Frame,
    },
    /// Send this to the SFU.
    Control(ControlCommand),
    /// Serve these bytes at `GET /t/<hash>` until the DropTree of the same hash.
    StoreTree {
        /// SHA-256 of `bytes`.
        hash: TreeHash,
        /// A serialized ratchet tree.
        bytes: Arc<[u8]>,
    },
    /// The tree is of no use any more.
    DropTree {
        /// Its name.
        hash: TreeHash,
    },
    /// Keep this until the time is over or something newer is to be kept of the same room, and hand it to
    /// [`crate::Service::restore`] when the process starts again.
    Remember {
        /// Of which room.
        room: RoomHash,
        /// What.
        record: Record,
        /// For how long from now on.
        keep: Duration,
    },
    /// What is kept of this room is of no use any more.
    Forget {
        /// Which.
        room: RoomHash,
    },
    /// Close the connection after what was sent to it before. The core has forgotten the session already: no
    /// `handle_disconnect` is needed, and one that comes is ignored.
    Close {
        /// Which.
        session: SessionKey,
        /// Why; the peer was told with a fatal Error, unless it said Bye (`removed`).
        code: ErrorCode,
    },
}

/// An encoded server message, cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<str>);

impl Frame {
    /// Wraps an encoded message.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lets a driver share the bytes with its sockets (`bytes::Bytes::from_owner`).
impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} B)", self.0.len())
    }
}
