//! What hosts can decide, as it is signed, wished for and shown. `orders` judges and keeps it.

use serde::{Deserialize, Serialize};

use crate::encoding::Blob;
use crate::frame::Context;

/// What the text of an [`crate::message::Order`] says (the shapes are those of the signaling protocol).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum Decision {
    Roles(Roles),
    Rules(Rules),
    Terms(Terms),
    End(End),
    Burn(Burn),
}

/// Who is what. Signed by a host key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roles {
    pub(crate) group: Blob,
    pub(crate) version: u64,
    pub(crate) people: Vec<RoleOf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoleOf {
    pub(crate) key: Blob,
    pub(crate) role: Role,
    /// Whose long-term key it is, by a MAC under a key from the link: they keep the role when they come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<Blob>,
}

/// What somebody is in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Who may do what. Signed by a host key or by a co-host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) group: Blob,
    pub(crate) version: u64,
    pub(crate) sources: Vec<Context>,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) locked: bool,
    pub(crate) lobby: bool,
    /// Rules that do not say it allow it.
    #[serde(default = "allowed")]
    pub(crate) recording: bool,
}

const fn allowed() -> bool {
    true
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exception {
    pub(crate) key: Blob,
    pub(crate) stopped: Vec<Context>,
    /// As in [`RoleOf`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<Blob>,
}

/// What the link is good for and how long messages stay, whatever group the room has. Signed by a host key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) room: Blob,
    pub(crate) version: u64,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_uses: Option<u32>,
    pub(crate) used: u32,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lifetime: Option<u32>,
    pub(crate) burn: bool,
}

impl Terms {
    pub(crate) fn link(&self) -> LinkTerms {
        LinkTerms {
            expires: self.expires,
            max_uses: self.max_uses,
        }
    }
}

/// The room is gone for good. Signed by a host key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Burn {
    pub(crate) room: Blob,
    pub(crate) group: Blob,
}

/// The call is over. Signed by a host key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) group: Blob,
    pub(crate) epoch: u64,
}

/// A wish of this session's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Role(Somebody, Role),
    Rules(RulesWish),
    Terms(TermsWish),
}

/// A leaf key and the mark of the person that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Somebody {
    pub(crate) key: Vec<u8>,
    pub(crate) person: Option<Blob>,
}

impl Somebody {
    pub(crate) fn is(&self, key: &Blob, person: Option<&Blob>) -> bool {
        key.as_slice() == self.key || (person.is_some() && person == self.person.as_ref())
    }
}

/// A change of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TermsWish {
    Link(LinkTerms),
    Messages {
        lifetime: Option<u32>,
        burn: bool,
    },
    /// So many came in by now.
    Used(u32),
}

/// What the link is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTerms {
    /// When it stops letting anybody new in, in seconds since 1970.
    pub expires: Option<u64>,
    /// How many people beside the hosts it lets in.
    pub max_uses: Option<u32>,
}

/// A change of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RulesWish {
    /// What members may publish.
    Sources(Vec<Context>),
    /// What the owner of this leaf key may not.
    Stop(Somebody, Vec<Context>),
    Locked(bool),
    Lobby(bool),
    Recording(bool),
    /// The same again under the key of whoever signs now.
    Again,
}

/// What is decided, for the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moderation {
    /// What this session is.
    pub role: Role,
    /// What this session may publish.
    pub permitted: Vec<Context>,
    /// What members may publish.
    pub sources: Vec<Context>,
    /// Nobody new comes in.
    pub locked: bool,
    /// Whoever is new needs a host's ticket.
    pub lobby: bool,
    /// Members may record; hosts and co-hosts always may.
    pub recording: bool,
    /// What the link is good for.
    pub link: LinkTerms,
    /// How many people beside the hosts it has let in, as far as this session knows.
    pub used: u32,
    /// The longest that a message may stay, in seconds.
    pub lifetime: Option<u32>,
    /// Whether messages go when they were read.
    pub burn: bool,
}

/// What is signed.
pub(crate) fn signed_bytes(text: &str) -> Vec<u8> {
    [b"conclave order".as_slice(), text.as_bytes()].concat()
}
