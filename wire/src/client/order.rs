//! What a host or co-host decides: signed texts that the server obeys and every member checks by itself.

use serde::{Deserialize, Serialize};

use crate::bytes::Blob;
use crate::id::Epoch;
use crate::media::Source;

/// A signed decision. The newest of each kind stands; anybody may hand it on, for nobody can change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Order {
    /// A [`Decision`] as JSON, exactly as it was signed.
    pub text: String,
    /// The Ed25519 key that signed it: a host key of the group, or the leaf key of a co-host. 32 bytes.
    pub key: Blob,
    /// Ed25519 over `"conclave order" ‖ text`, 64 bytes.
    pub signature: Blob,
}

/// What the text of an [`Order`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Decision {
    /// Who is what. Signed by a host key.
    Roles(Roles),
    /// Who may do what. Signed by a host key or a co-host.
    Rules(Rules),
    /// What the link is good for, and how long messages stay. Signed by a host key.
    Terms(Terms),
    /// The call is over for everybody. Signed by a host key.
    End(End),
    /// The room is gone for good. Signed by a host key.
    Burn(Burn),
}

/// Who is what; who is not named is a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// MLS group id.
    pub group: Blob,
    /// Higher than that of every earlier one.
    pub version: u64,
    /// One entry per leaf key.
    pub people: Vec<RoleOf>,
}

/// The role of one leaf key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleOf {
    /// The leaf's signature key.
    pub key: Blob,
    /// What its owner is.
    pub role: Role,
    /// By what members know the same person with another leaf key; it tells the server nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Blob>,
}

/// What somebody is in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides everything.
    Host,
    /// Decides everything but roles and the end of the call.
    CoHost,
    /// Publishes what the rules allow.
    #[default]
    Member,
    /// Publishes nothing.
    Viewer,
}

impl Role {
    /// Whether it moderates, and is itself free of the rules.
    pub const fn moderates(self) -> bool {
        matches!(self, Self::Host | Self::CoHost)
    }
}

/// What members may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// MLS group id.
    pub group: Blob,
    /// Higher than that of every earlier one.
    pub version: u64,
    /// What members may publish.
    pub sources: Vec<Source>,
    /// Who of them may publish less.
    pub exceptions: Vec<Exception>,
    /// Nobody new comes in.
    pub locked: bool,
    /// Whoever is new needs a host's ticket.
    pub lobby: bool,
    /// Members may record. Rules that do not say it allow it.
    #[serde(default = "allowed")]
    pub recording: bool,
}

const fn allowed() -> bool {
    true
}

/// What one member may not publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The leaf's signature key.
    pub key: Blob,
    /// What is not forwarded.
    pub stopped: Vec<Source>,
    /// As in [`RoleOf`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Blob>,
}

/// What holds for the room, whatever group it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The room.
    pub room: Blob,
    /// Higher than that of every earlier one.
    pub version: u64,
    /// When the link stops letting anybody new in, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// How many people beside the hosts it lets in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// How many it has let in already.
    pub used: u32,
    /// The longest that a message may stay, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u32>,
    /// Whether messages go when they were read.
    pub burn: bool,
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// MLS group id.
    pub group: Blob,
    /// The epoch it was decided in.
    pub epoch: Epoch,
}

/// The end of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burn {
    /// The room.
    pub room: Blob,
    /// MLS group id of the last call.
    pub group: Blob,
}

impl Order {
    /// What its text says; `None` for one that says nothing this version understands.
    pub fn decision(&self) -> Option<Decision> {
        serde_json::from_str(&self.text).ok()
    }
}

/// What is signed.
pub fn signed_bytes(text: &str) -> Vec<u8> {
    [b"conclave order".as_slice(), text.as_bytes()].concat()
}
