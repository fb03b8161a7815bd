//! Opening, continuing and ending a session.

use serde::{Deserialize, Serialize};

use super::membership::Presence;
use super::order::Order;
use crate::bytes::Blob;
use crate::error_code::ErrorCode;
use crate::id::{ClientId, Epoch, RoomId, SessionToken};
use crate::media::Track;

/// The first message of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`].
    pub version: u16,
    /// The room to enter.
    pub room: RoomId,
    /// The participant's pseudonym: fresh for a new participant, the same for a continued one.
    pub client_id: ClientId,
    /// Proves that this continues an earlier session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub token: Option<SessionToken>,
    /// The MLS state the client still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub resume: Option<Resume>,
    /// Proves that this is the room's host, who may open a call by a link that is good for nobody else any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub host: Option<HostProof>,
}

/// A host's signature that a participant is the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HostProof {
    /// The room's host key, 32 bytes.
    pub key: Blob,
    /// Ed25519 over `"conclave host" ‖ room ‖ client_id`, 64 bytes.
    pub signature: Blob,
}

/// What a [`HostProof`] signs.
pub fn host_proof_bytes(room: &RoomId, client: &ClientId) -> Vec<u8> {
    [b"conclave host".as_slice(), room.as_bytes(), client.as_bytes()].concat()
}

/// The MLS state a returning client holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Resume {
    /// MLS group id.
    pub group_id: Blob,
    /// Last merged epoch.
    pub epoch: Epoch,
    /// Confirmation tag of that epoch (RFC 9420 §8.1), as serialized: a length byte and 32 bytes.
    pub confirmation_tag: Blob,
}

/// Where the session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct State {
    /// Continues this session after a lost connection.
    pub token: SessionToken,
    /// What the client should do now.
    pub standing: Standing,
    /// The room's group, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub group: Option<GroupState>,
    /// The room's policy.
    pub policy: Policy,
    /// Everybody else the server knows of. A hint: the roster is the MLS tree.
    pub participants: Vec<Presence>,
    /// Every track of the others.
    pub tracks: Vec<Track>,
    /// What hosts decided and still stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<Order>>"))]
    pub orders: Vec<Order>,
    /// After how long without any message the server counts the connection as lost, in milliseconds.
    pub idle_timeout_ms: u32,
}

/// What a client should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The room has no group: create one and send Found.
    Found,
    /// Somebody else is creating or restoring the group: wait for the next State.
    Wait,
    /// Send Join with a fresh key package.
    Join,
    /// A host has to let the client in: send Knock and wait; a host sends Admit for itself.
    Knock,
    /// The client's state fits; the commits it missed follow as Commit, Final and Go.
    Resume,
    /// The client's state does not fit; GroupInfo follows: come back by an external commit.
    Resync,
    /// The server lost its memory and this client has the newest state: send Found with it.
    Restore,
}

/// The group of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct GroupState {
    /// MLS group id.
    pub group_id: Blob,
    /// Final epoch.
    pub epoch: Epoch,
}

/// What a room allows. Fixed when the room is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Policy {
    /// MLS cipher suite of the group.
    pub suite: Suite,
    /// Most participants at a time.
    pub max_participants: u32,
}

/// MLS cipher suites a room may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// 0x004F MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519.
    #[default]
    PostQuantum,
    /// 0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
    Classic,
}

/// Shows that the connection lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Ping {
    /// Comes back in the Pong.
    pub id: u32,
}

/// The answer to a Ping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Pong {
    /// From the Ping.
    pub id: u32,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ErrorMessage {
    /// What was wrong.
    pub code: ErrorCode,
    /// The connection closes after this message.
    pub fatal: bool,
    /// When trying again makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub retry_after_ms: Option<u32>,
}
