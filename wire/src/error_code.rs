//! The stable list of error codes that a peer may see. Detail stays in logs.

use serde::{Deserialize, Serialize};

/// Why the server refused something. Stable: codes are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame was not a message of this protocol.
    BadMessage,
    /// The frame was larger than the limit.
    MessageTooLarge,
    /// Hello named a version this server does not speak.
    UnsupportedVersion,
    /// The first message was not Hello, or Hello came twice.
    OutOfOrder,
    /// No such room, and the server does not open rooms by link.
    RoomNotFound,
    /// The room holds as many participants as its policy allows.
    RoomFull,
    /// Too many connections from this address.
    TooManyConnections,
    /// Too many messages in too short a time.
    RateLimited,
    /// This participant may not do that.
    NotAllowed,
    /// The pseudonym is in use by another session of this room.
    ClientIdTaken,
    /// Another connection continued this session; this one is over.
    SessionReplaced,
    /// The participant was removed from the call.
    Removed,
    /// A host removed the participant and lets nobody from its address come back during this call.
    Banned,
    /// A host locked the call: nobody new comes in.
    RoomLocked,
    /// A host did not let the participant in.
    Denied,
    /// A host ended the call for everybody.
    Ended,
    /// A host burnt the room: it will not be opened again.
    RoomBurnt,
    /// The host's date for the link is over: nobody new comes in.
    LinkExpired,
    /// The link let in as many people as the host said.
    LinkUsedUp,
    /// Nothing was heard from the client for too long.
    TimedOut,
    /// The key package, commit or GroupInfo was refused.
    BadMls,
    /// The session description was refused.
    BadSdp,
    /// A media section asks for something this server does not forward.
    UnsupportedMedia,
    /// A track does not exist or may not be subscribed.
    TrackNotFound,
    /// A publisher's frames were not SFrame, or carried another member's KID.
    NotEndToEndEncrypted,
    /// The SFU is not reachable from the signaling service.
    MediaUnavailable,
    /// The server carries as many people as it can; try again later.
    Overloaded,
    /// The server is shutting down; reconnect after a moment.
    ShuttingDown,
    /// The server failed; the fault is not yours.
    Internal,
}
