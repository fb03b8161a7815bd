//! The MLS delivery service: one totally ordered stream of commits per room (docs/E2EE.md).
//!
//! Every commit is tentative until a member acknowledged it: Commit, then Final or Rollback, then Go.

use serde::{Deserialize, Serialize};

use crate::bytes::Blob;
use crate::id::{ClientId, Epoch, LeafIndex, Seq, TreeHash};

/// Uploads a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Found {
    /// MLSMessage with a GroupInfo, without the ratchet tree.
    pub group_info: Blob,
    /// The serialized ratchet tree (RFC 9420 §12.4.3.3).
    pub ratchet_tree: Blob,
}

/// Asks to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Join {
    /// MLSMessage with a KeyPackage.
    pub key_package: Blob,
}

/// Please commit: the receiver waits `delay_ms` and gives up when it sees a Commit of this epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CommitCall {
    /// The epoch to commit from.
    pub epoch: Epoch,
    /// Whom to add.
    pub adds: Vec<PendingAdd>,
    /// Which leaves to remove; every one of them.
    pub removes: Vec<LeafIndex>,
    /// The receiver's place in the order of committers, from 0.
    pub rank: u8,
    /// How long to wait before committing, in milliseconds.
    pub delay_ms: u32,
    /// Commit with a path even when there is nothing to add or remove.
    pub heal: bool,
}

/// A participant that asked to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct PendingAdd {
    /// Its pseudonym, which is the identity in its key package.
    pub client_id: ClientId,
    /// MLSMessage with its KeyPackage.
    pub key_package: Blob,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CommitUpload {
    /// The epoch it commits from.
    pub epoch: Epoch,
    /// MLSMessage with the commit as PublicMessage.
    pub commit: Blob,
    /// MLSMessage with the Welcome; present exactly when the commit adds somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub welcome: Option<Blob>,
    /// MLSMessage with the GroupInfo of the new epoch, without the ratchet tree.
    pub group_info: Blob,
    /// Adds of the CommitCall that the committer refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<Skipped>>"))]
    pub skipped: Vec<Skipped>,
}

/// An add that a committer refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Skipped {
    /// Whose.
    pub client_id: ClientId,
    /// Why.
    pub reason: SkipReason,
}

/// Why a committer refused an add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
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

/// A commit under vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Commit {
    /// Position in the room's log.
    pub seq: Seq,
    /// The epoch it leads to.
    pub epoch: Epoch,
    /// MLSMessage with the commit.
    pub commit: Blob,
}

/// An uploaded commit was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CommitRejected {
    /// The epoch it would have led to.
    pub epoch: Epoch,
    /// Why.
    pub reason: RejectReason,
}

/// Why a commit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Another commit of this epoch came first.
    Lost,
    /// It commits from another epoch.
    WrongEpoch,
    /// Not a valid commit for this group.
    Invalid,
    /// Valid MLS, but against the rules of a room: other adds, other removes, no PSK, a proposal that is not allowed.
    Policy,
}

/// The receiver was added by the commit under vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Welcome {
    /// Position of the commit in the room's log.
    pub seq: Seq,
    /// The epoch it leads to.
    pub epoch: Epoch,
    /// MLSMessage with a Welcome that holds the receiver's secret only.
    pub welcome: Blob,
    /// Where the ratchet tree of that epoch is: `GET /t/<tree_hash>`.
    pub tree_hash: TreeHash,
}

/// The commit was good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Ack {
    /// The epoch the commit leads to.
    pub epoch: Epoch,
    /// SHA-256 of that epoch's confirmation tag as serialized: a length byte and 32 bytes.
    pub confirmation_hash: Blob,
}

/// The commit was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Nack {
    /// The epoch the commit would lead to.
    pub epoch: Epoch,
    /// Why.
    pub reason: NackReason,
}

/// Why a member refused a commit, or a joiner its Welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
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

/// The commit stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Final {
    /// The epoch it leads to.
    pub epoch: Epoch,
}

/// The commit fell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Rollback {
    /// The epoch it would have led to.
    pub epoch: Epoch,
}

/// Senders switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Go {
    /// The epoch to encrypt with.
    pub epoch: Epoch,
}

/// An MLS application message for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct AppUpload {
    /// MLSMessage with a PrivateMessage.
    pub message: Blob,
}

/// An MLS application message from somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct App {
    /// Position in the room's log.
    pub seq: Seq,
    /// MLSMessage with a PrivateMessage.
    pub message: Blob,
}

/// The GroupInfo of the final epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct GroupInfo {
    /// The final epoch.
    pub epoch: Epoch,
    /// MLSMessage with a GroupInfo, without the ratchet tree.
    pub group_info: Blob,
    /// Where the ratchet tree is: `GET /t/<tree_hash>`.
    pub tree_hash: TreeHash,
}
