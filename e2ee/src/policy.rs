//! What a commit may do in a room, beyond being valid MLS. A pure function of commit, group and room keys.

use std::collections::{HashMap, HashSet};

use openmls::prelude::{LeafNode, Proposal, ProposalOrRefType, QueuedProposal, Sender, StagedCommit};
use openmls::schedule::PreSharedKeyId;
use openmls::schedule::psk::Psk;
use tls_codec::{DeserializeBytes as _, Serialize as _};

use crate::encoding::ClientId;
use crate::group::Mls;
use crate::kid;
use crate::leaf::Leaf;
use crate::message::NackReason;
use crate::secrets::{self, RoomKeys};

/// What an allowed commit changes.
pub(crate) struct CommitFacts {
    /// Who committed.
    pub(crate) committer: ClientId,
    /// Whether the committer came in by this commit.
    pub(crate) external: bool,
    /// Who comes.
    pub(crate) joined: Vec<ClientId>,
    /// The leaves that go.
    pub(crate) removed: Vec<u32>,
    /// Who has which leaf afterwards.
    pub(crate) members: HashMap<u32, ClientId>,
}

/// Whom a lobby lets in.
pub(crate) trait Gate {
    /// Whether the owner of a new leaf may come in now.
    fn lets_in(&self, leaf: &Leaf<'_>, group_id: &[u8]) -> bool;
}

/// Judges a commit.
///
/// # Errors
/// `Admission` when a new leaf's owner does not have the room secret, `Policy` for any other rule.
pub(crate) fn check_commit(
    commit: &StagedCommit,
    sender: &Sender,
    mls: &Mls,
    keys: &RoomKeys,
    gate: &dyn Gate,
) -> Result<CommitFacts, NackReason> {
    let external = match sender {
        Sender::Member(_) => false,
        Sender::NewMemberCommit => true,
        Sender::External(_) | Sender::NewMemberProposal => return Err(NackReason::Policy),
    };
    if !commit
        .queued_proposals()
        .all(|proposal| is_allowed(proposal, external))
    {
        return Err(NackReason::Policy);
    }
    let removed: Vec<u32> = commit
        .remove_proposals()
        .map(|remove| remove.remove_proposal().removed().u32())
        .collect();
    let adds: Vec<&LeafNode> = commit.queued_proposals().filter_map(added_leaf).collect();
    let psks = proposed_psks(commit).ok_or(NackReason::Policy)?;
    check_psks(&psks, external || !adds.is_empty())?;

    let mut members: HashMap<u32, ClientId> = mls.members();
    let mut leaf_keys: HashSet<&[u8]> = HashSet::new();
    for (index, leaf) in mls.leaves() {
        if !removed.contains(&index) {
            leaf_keys.insert(leaf.signature_key().as_slice());
        }
    }
    members.retain(|index, _| !removed.contains(index));

    let newcomers = if external {
        commit.update_path_leaf_node().into_iter().collect()
    } else {
        adds
    };
    if external && newcomers.is_empty() {
        return Err(NackReason::Policy);
    }
    let mut joined = Vec::new();
    for newcomer in newcomers {
        let leaf = Leaf::read(newcomer).ok_or(NackReason::Policy)?;
        // Who comes back to its own leaf was let in before.
        let comes_back = external && !removed.is_empty();
        if !leaf.is_admitted(keys, mls.group_id()) || !(comes_back || gate.lets_in(&leaf, mls.group_id())) {
            return Err(NackReason::Admission);
        }
        if members.values().any(|member| *member == leaf.client_id) || !leaf_keys.insert(leaf.leaf_key) {
            return Err(NackReason::Policy);
        }
        let index = first_free(&members).ok_or(NackReason::Policy)?;
        members.insert(index, leaf.client_id);
        joined.push(leaf.client_id);
    }
    let committer = if external {
        check_own_removal(commit, mls, &removed)?;
        *joined.first().ok_or(NackReason::Policy)?
    } else {
        check_member_path(commit, sender, mls, keys)?
    };
    Ok(CommitFacts {
        committer,
        external,
        joined,
        removed,
        members,
    })
}

/// Who has which leaf after a commit of this session.
pub(crate) fn members_after(commit: &StagedCommit, mls: &Mls) -> HashMap<u32, ClientId> {
    let mut members = mls.members();
    for remove in commit.remove_proposals() {
        members.remove(&remove.remove_proposal().removed().u32());
    }
    for leaf in commit
        .queued_proposals()
        .filter_map(added_leaf)
        .filter_map(Leaf::read)
    {
        if let Some(index) = first_free(&members) {
            members.insert(index, leaf.client_id);
        }
    }
    members
}

/// openmls does not show what a PSK proposal names, but it is its TLS form (RFC 9420 §12.1.4).
fn proposed_psks(commit: &StagedCommit) -> Option<Vec<PreSharedKeyId>> {
    commit
        .psk_proposals()
        .map(|psk| {
            let bytes = psk.psk_proposal().tls_serialize_detached().ok()?;
            PreSharedKeyId::tls_deserialize_exact_bytes(&bytes).ok()
        })
        .collect()
}

/// Exactly the room PSK when `required`, none otherwise.
pub(crate) fn check_psks(psks: &[PreSharedKeyId], required: bool) -> Result<(), NackReason> {
    match psks {
        [] if !required => Ok(()),
        [psk] if required => match psk.psk() {
            Psk::External(external) if external.psk_id() == secrets::psk_id() => Ok(()),
            _ => Err(NackReason::Policy),
        },
        _ => Err(NackReason::Policy),
    }
}

/// Everybody in the tree has the room secret, a pseudonym and a leaf of their own.
pub(crate) fn check_tree(keys: &RoomKeys, mls: &Mls) -> Result<(), NackReason> {
    let mut client_ids = HashSet::new();
    for (index, leaf) in mls.leaves() {
        let leaf = Leaf::read(leaf).ok_or(NackReason::Admission)?;
        if !leaf.is_admitted(keys, mls.group_id()) {
            return Err(NackReason::Admission);
        }
        if index >= kid::MAX_LEAVES || !client_ids.insert(leaf.client_id) {
            return Err(NackReason::Policy);
        }
    }
    Ok(())
}

/// Proposals come by value. Members add and remove; who comes in from outside may remove its own old leaf only.
fn is_allowed(proposal: &QueuedProposal, external: bool) -> bool {
    proposal.proposal_or_ref_type() == ProposalOrRefType::Proposal
        && match proposal.proposal() {
            Proposal::Add(_) => !external,
            Proposal::Remove(_) | Proposal::PreSharedKey(_) => true,
            Proposal::ExternalInit(_) => external,
            _ => false,
        }
}

fn added_leaf(proposal: &QueuedProposal) -> Option<&LeafNode> {
    match proposal.proposal() {
        Proposal::Add(add) => Some(add.key_package().leaf_node()),
        _ => None,
    }
}

/// The leftmost blank leaf, or the one to the right of the tree (RFC 9420 §12.1.1).
fn first_free(members: &HashMap<u32, ClientId>) -> Option<u32> {
    (0..kid::MAX_LEAVES).find(|index| !members.contains_key(index))
}

/// An external commit may remove one leaf: that with its own signature key and credential.
fn check_own_removal(commit: &StagedCommit, mls: &Mls, removed: &[u32]) -> Result<(), NackReason> {
    let new = commit.update_path_leaf_node().ok_or(NackReason::Policy)?;
    match removed {
        [] => Ok(()),
        [index] => {
            let old = mls
                .leaves()
                .find(|(leaf, _)| leaf == index)
                .ok_or(NackReason::Policy)?
                .1;
            let same = old.signature_key() == new.signature_key() && old.credential() == new.credential();
            same.then_some(()).ok_or(NackReason::Policy)
        }
        _ => Err(NackReason::Policy),
    }
}

/// A member's path must not change who it is.
fn check_member_path(
    commit: &StagedCommit,
    sender: &Sender,
    mls: &Mls,
    keys: &RoomKeys,
) -> Result<ClientId, NackReason> {
    let Sender::Member(index) = sender else {
        return Err(NackReason::Policy);
    };
    let old = mls
        .leaves()
        .find(|(leaf, _)| *leaf == index.u32())
        .ok_or(NackReason::Policy)?
        .1;
    let committer = Leaf::read(old).ok_or(NackReason::Policy)?;
    if let Some(new) = commit.update_path_leaf_node() {
        let new_leaf = Leaf::read(new).ok_or(NackReason::Policy)?;
        let same = new.signature_key() == old.signature_key() && new.credential() == old.credential();
        if !same || new_leaf.card != committer.card {
            return Err(NackReason::Policy);
        }
        if !new_leaf.is_admitted(keys, mls.group_id()) {
            return Err(NackReason::Admission);
        }
    }
    Ok(committer.client_id)
}
