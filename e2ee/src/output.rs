//! What a session tells its driver: messages to send, facts to show.

use serde::{Serialize, Serializer};

use crate::encoding::{Blob, ClientId};
use crate::frame::Context;
use crate::message::{Outgoing, Suite};
use crate::moderation::Role;

/// One thing to do or to show, from [`crate::Session::poll_output`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Output {
    /// Put this message on the WebSocket ([`Outgoing::to_json`]). As JSON: `{"type":"send","message":{..}}`.
    Send(#[serde(serialize_with = "nested")] Outgoing),
    /// Fetch `GET /t/<tree_hash>` and answer with [`crate::Session::handle_tree`].
    FetchTree {
        /// The name of the tree.
        tree_hash: String,
    },
    /// The session is a member of the group now (founded, added or back by an external commit).
    Admitted {
        /// The final epoch it is in.
        epoch: u64,
    },
    /// [`crate::Session::roster`] changed.
    RosterChanged,
    /// Keys of another epoch can be used to decrypt: retry buffered frames.
    KeysChanged,
    /// Frames are encrypted with this epoch from now on; the call code changed with the roster's epoch.
    EpochChanged {
        /// The epoch.
        epoch: u64,
    },
    /// An application message of a member, authenticated by its leaf signature.
    App {
        /// Who sent it.
        from: ClientId,
        /// As given to [`crate::Session::send_app`].
        payload: Blob,
    },
    /// After coming back by an external commit a session is not secured until a member confirmed the epoch
    /// under encryption; show "waiting" while it is not.
    Secured {
        /// Whether it is.
        secured: bool,
    },
    /// A commit changed the keys, and maybe who has them; keep and show every entry.
    Log(Change),
    /// [`crate::Session::moderation`] changed.
    ModerationChanged,
    /// The session waits for a host to let it in.
    Knocking,
    /// Who waits to be let in, for a host or co-host; replaces what was said before.
    Knocks {
        /// In no order.
        waiting: Vec<Waiting>,
    },
    /// A host ended the call for everybody. Checked: no server can say so by itself.
    Ended,
    /// A host burnt the room: every key is gone. Checked as well.
    Burnt {
        /// SHA-256 of the host's signed order: the same for everybody who was there.
        receipt: Blob,
    },
    /// The session was removed from the group: it holds no key of the next epoch and does not come back by itself.
    Removed,
    /// The session could not do what the server asked; it goes on.
    Failed {
        /// What went wrong.
        reason: FailReason,
    },
}

#[derive(Serialize)]
struct Nested<'a> {
    message: &'a Outgoing,
}

fn nested<S: Serializer>(message: &Outgoing, serializer: S) -> Result<S::Ok, S::Error> {
    Nested { message }.serialize(serializer)
}

/// What one commit changed: the keys always, the member list where somebody came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The epoch the commit led to.
    pub epoch: u64,
    /// Who committed it; for an external commit, the member that came by it.
    pub committer: Option<ClientId>,
    /// Whether the members came by an external commit.
    pub external: bool,
    /// Who came.
    pub joined: Vec<Person>,
    /// Who went.
    pub left: Vec<Person>,
}

/// Somebody who waits to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its pseudonym.
    pub client_id: ClientId,
    /// Its name; none when it does not have the link.
    pub display_name: Option<String>,
}

/// A member in a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Its pseudonym.
    pub client_id: ClientId,
    /// Its name, if its identity card could be opened.
    pub display_name: Option<String>,
}

/// How a member came into the group, as far as this session saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinedBy {
    /// It created the group (leaf 0 of epoch 0).
    Founder,
    /// A member added it.
    Added,
    /// It came by itself with the room PSK (external commit).
    External,
    /// It was there before this session.
    Before,
}

/// A leaf of the MLS tree: one device that can decrypt the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its leaf index, which is in the KID of its frames.
    pub leaf: u32,
    /// Its pseudonym.
    pub client_id: ClientId,
    /// Its name, if its identity card could be opened and its signature is right.
    pub display_name: Option<String>,
    /// Its long-term Ed25519 public key, under the same condition.
    pub long_term_key: Option<Blob>,
    /// Whether that key is one which its device keeps for later calls.
    pub remembered: bool,
    /// Whether it is this session.
    pub is_self: bool,
    /// What it is, as the hosts signed it.
    pub role: Role,
    /// What it may publish.
    pub permitted: Vec<Context>,
    /// Whether it proved that it has the room secret.
    pub admission_ok: bool,
    /// How it came.
    pub joined: JoinedBy,
}

/// The MLS state of a session, for Hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// MLS group id.
    pub group_id: Blob,
    /// Last merged epoch.
    pub epoch: u64,
    /// Confirmation tag of that epoch.
    pub confirmation_tag: Blob,
}

/// A host's signature that this session is the host, for Hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostProof {
    /// The room's host key.
    pub key: Blob,
    /// Ed25519 over `"conclave host" ‖ room ‖ client_id`.
    pub signature: Blob,
}

/// What went wrong. The driver shows or counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// A commit was refused: MLS processing failed.
    CommitInvalid,
    /// A commit was refused: against the rules of a room.
    CommitPolicy,
    /// A commit was refused: a newcomer does not have the room secret.
    CommitAdmission,
    /// A Welcome could not be opened; a fresh key package was sent.
    Welcome,
    /// A Welcome led into a group without the room PSK, of another room or with other rules.
    WelcomePolicy,
    /// A ratchet tree could not be fetched or did not fit.
    Tree,
    /// The server finalized a commit this session refused or never saw; it comes back by an external commit.
    Desynchronized,
    /// The group could not be created or a commit could not be built.
    Internal,
    /// An application message could not be opened.
    App,
    /// A member confirmed another state of the same epoch: the group is forked.
    Fork,
    /// An order came that no host of the group signed.
    Order,
}

/// Cipher suite and size of the group, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GroupFacts {
    /// Suite of the group.
    pub suite: Suite,
    /// Final epoch.
    pub epoch: u64,
    /// Leaves that are not blank.
    pub members: usize,
}
