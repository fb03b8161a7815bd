//! The MLS family of the wire protocol, as JSON: what a session takes in and gives out.
//!
//! The shapes are those of the signaling protocol (docs/PROTOCOL.md). They are repeated here because this crate
//! stands on no other crate of the project; a test of the load tester compares both.

use serde::{Deserialize, Serialize};

use crate::encoding::{Blob, ClientId};

/// A message of the MLS family from the server. Fields that the session does not need are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Incoming {
    /// Where the session stands.
    State(State),
    /// The uploaded group is the room's group.
    FoundOk,
    /// Another client's group is the room's group.
    FoundLost,
    /// Please commit these changes.
    CommitCall(CommitCall),
    /// A commit under vote.
    Commit(Commit),
    /// The uploaded commit lost or broke a rule.
    CommitRejected(CommitRejected),
    /// The receiver was added by the commit under vote.
    Welcome(Welcome),
    /// The commit stands: merge it.
    Final(AtEpoch),
    /// The commit fell: drop it.
    Rollback(AtEpoch),
    /// Encrypt media with this epoch from now on.
    Go(AtEpoch),
    /// An MLS application message.
    App(App),
    /// The GroupInfo of the final epoch, for an external commit.
    GroupInfo(GroupInfo),
    /// What a host decided.
    Order(Order),
    /// Who waits in the lobby.
    Knocks(Knocks),
    /// A host let this session in.
    Admitted(Admitted),
}

impl Incoming {
    /// Whether a server message with this `type` is for the session.
    pub fn is_for_session(message_type: &str) -> bool {
        const TYPES: [&str; 15] = [
            "state",
            "found_ok",
            "found_lost",
            "commit_call",
            "commit",
            "commit_rejected",
            "welcome",
            "final",
            "rollback",
            "go",
            "app",
            "group_info",
            "order",
            "knocks",
            "admitted",
        ];
        TYPES.contains(&message_type)
    }
}

/// Where the session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What to do now.
    pub standing: Standing,
    /// The room's group, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupState>,
    /// The room's policy.
    pub policy: Policy,
    /// What hosts decided and still stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
}

/// What a client should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct GroupState {
    /// MLS group id.
    pub group_id: Blob,
    /// Final epoch.
    pub epoch: u64,
}

/// What a room allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// MLS cipher suite of the group.
    pub suite: Suite,
    /// Most participants at a time.
    pub max_participants: u32,
}

/// MLS cipher suites a room may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// 0x004F MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519.
    #[default]
    PostQuantum,
    /// 0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
    Classic,
}

/// Please commit: wait `delay_ms`, give up when a Commit of this epoch is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCall {
    /// The epoch to commit from.
    pub epoch: u64,
    /// Whom to add.
    pub adds: Vec<PendingAdd>,
    /// Which leaves to remove; every one of them.
    pub removes: Vec<u32>,
    /// The receiver's place in the order of committers, from 0.
    pub rank: u8,
    /// How long to wait before committing, in milliseconds.
    pub delay_ms: u32,
    /// Commit with a path even when there is nothing to add or remove.
    pub heal: bool,
}

/// A participant that asked to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAdd {
    /// Its pseudonym, which is the identity in its key package.
    pub client_id: ClientId,
    /// MLSMessage with its KeyPackage.
    pub key_package: Blob,
}

/// A commit under vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Position in the room's log.
    pub seq: u64,
    /// The epoch it leads to.
    pub epoch: u64,
    /// MLSMessage with the commit.
    pub commit: Blob,
}

/// An uploaded commit was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRejected {
    /// The epoch it would have led to.
    pub epoch: u64,
    /// Why.
    pub reason: RejectReason,
}

/// Why a commit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Another commit of this epoch came first.
    Lost,
    /// It commits from another epoch.
    WrongEpoch,
    /// Not a valid commit for this group.
    Invalid,
    /// Valid MLS, but against the rules of a room.
    Policy,
}

/// The receiver was added by the commit under vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Position of the commit in the room's log.
    pub seq: u64,
    /// The epoch it leads to.
    pub epoch: u64,
    /// MLSMessage with a Welcome that holds the receiver's secret only.
    pub welcome: Blob,
    /// Where the ratchet tree of that epoch is.
    pub tree_hash: String,
}

/// Final, Rollback and Go name an epoch only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtEpoch {
    /// The epoch the commit leads to.
    pub epoch: u64,
}

/// An MLS application message from somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Position in the room's log.
    pub seq: u64,
    /// MLSMessage with a PrivateMessage.
    pub message: Blob,
}

/// The GroupInfo of the final epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupInfo {
    /// The final epoch.
    pub epoch: u64,
    /// MLSMessage with a GroupInfo, without the ratchet tree.
    pub group_info: Blob,
    /// Where the ratchet tree is.
    pub tree_hash: String,
}

/// A message of the MLS family to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outgoing {
    /// Uploads a group.
    Found(Found),
    /// Asks to be added.
    Join(Join),
    /// Answers a CommitCall, or is an external commit.
    Commit(CommitUpload),
    /// The commit was good.
    Ack(Ack),
    /// The commit was refused.
    Nack(Nack),
    /// An MLS application message for everybody.
    App(AppUpload),
    /// Asks for the GroupInfo, for an external commit.
    GroupInfoRequest,
    /// A host removes a member.
    Kick(Kick),
    /// What a host decided.
    Order(Order),
    /// Asks to be let in.
    Knock(Knock),
    /// Lets somebody in.
    Admit(Admit),
    /// Lets somebody not in.
    Deny(Deny),
}

impl Outgoing {
    /// The JSON text for the WebSocket.
    pub fn to_json(&self) -> String {
        #[expect(
            clippy::expect_used,
            reason = "no map with non-string keys and no failing Serialize in this module"
        )]
        serde_json::to_string(self).expect("messages of this crate are JSON")
    }
}

/// Uploads a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// MLSMessage with a GroupInfo, without the ratchet tree.
    pub group_info: Blob,
    /// The serialized ratchet tree (RFC 9420 §12.4.3.3).
    pub ratchet_tree: Blob,
}

/// Asks to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// MLSMessage with a KeyPackage.
    pub key_package: Blob,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitUpload {
    /// The epoch it commits from.
    pub epoch: u64,
    /// MLSMessage with the commit as PublicMessage.
    pub commit: Blob,
    /// MLSMessage with the Welcome; present exactly when the commit adds somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<Blob>,
    /// MLSMessage with the GroupInfo of the new epoch, without the ratchet tree.
    pub group_info: Blob,
    /// Adds of the CommitCall that the committer refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

/// An add that a committer refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Whose.
    pub client_id: ClientId,
    /// Why.
    pub reason: SkipReason,
}

/// Why a committer refused an add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Not a valid key package of the group's suite.
    Invalid,
    /// Outside its lifetime.
    Expired,
    /// The admission MAC is wrong: the joiner does not have the room secret.
    Admission,
    /// A member has that pseudonym or signature key.
    Duplicate,
}

/// The commit was good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The epoch the commit leads to.
    pub epoch: u64,
    /// SHA-256 of that epoch's confirmation tag.
    pub confirmation_hash: Blob,
}

/// The commit was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack {
    /// The epoch the commit would lead to.
    pub epoch: u64,
    /// Why.
    pub reason: NackReason,
}

/// Why a member refused a commit, or a joiner its Welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NackReason {
    /// MLS processing failed; a wrong PSK shows here.
    Invalid,
    /// Valid MLS, but against the rules of a room.
    Policy,
    /// A new leaf's admission MAC is wrong.
    Admission,
    /// The Welcome could not be opened or lacked the room PSK.
    Welcome,
    /// The ratchet tree could not be fetched or did not fit.
    Tree,
}

/// An MLS application message for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppUpload {
    /// MLSMessage with a PrivateMessage.
    pub message: Blob,
}

/// A host removes a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kick {
    /// Whom.
    pub leaf: u32,
    /// The epoch the host saw that leaf in.
    pub epoch: u64,
    /// Whether nobody from its address comes in again during this call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ban: bool,
    /// Ed25519 by a host key or a co-host's leaf key over `"conclave kick" ‖ group_id ‖ epoch (8 B) ‖ leaf (4 B)`, with
    /// `"conclave ban"` for a ban, 64 bytes.
    pub signature: Blob,
}

/// A signed decision of a host or co-host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is decided, as JSON, exactly as it was signed.
    pub text: String,
    /// Who signed it: a host key of the group, or the leaf key of a co-host.
    pub key: Blob,
    /// Ed25519 over `"conclave order" ‖ text`, 64 bytes.
    pub signature: Blob,
}

/// Asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knock {
    /// The signature key of its leaf.
    pub leaf_key: Blob,
    /// Its identity card for the room's group.
    pub card: Blob,
}

/// Everybody who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knocks {
    /// In no order.
    pub knocks: Vec<KnockOf>,
}

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnockOf {
    /// Who.
    pub client_id: ClientId,
    /// From its Knock.
    pub leaf_key: Blob,
    /// From its Knock.
    pub card: Blob,
}

/// Lets somebody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admit {
    /// Whom.
    pub client_id: ClientId,
    /// The leaf key that the ticket is for.
    pub leaf_key: Blob,
    /// The ticket.
    pub ticket: Ticket,
}

/// Lets somebody not in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deny {
    /// Whom.
    pub client_id: ClientId,
}

/// This session is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// Goes into its leaf.
    pub ticket: Ticket,
}

/// A signature that a leaf key may come into a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Who signed it: a host key, or the leaf key of a host or co-host.
    pub key: Blob,
    /// Ed25519 over `"conclave ticket" ‖ group_id ‖ leaf key`, 64 bytes.
    pub signature: Blob,
}
