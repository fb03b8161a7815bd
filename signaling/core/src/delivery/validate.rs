//! The rules a commit must keep beyond being valid MLS (docs/E2EE.md, "Acceptance of a commit").
//!
//! Pure: what the commit does, what the room asked for, and who sent it go in; a verdict comes out.

use conclave_wire::client::mls::{RejectReason, Skipped};
use conclave_wire::id::{ClientId, LeafIndex};

use super::key_packages::PendingAdds;
use super::mls::{Author, Changes, Roster};

/// Prefix of the id of the one PSK that carries the room secret; a version follows.
pub(crate) const ROOM_PSK_PREFIX: &[u8] = b"conclave-room";

/// What the room asked for.
pub(crate) struct Wanted<'a> {
    /// Members of the final epoch.
    pub(crate) roster: &'a Roster,
    /// Whom a commit may add.
    pub(crate) pending_adds: &'a PendingAdds,
    /// Adds of the last call: each must be added or skipped.
    pub(crate) called_adds: &'a [Vec<u8>],
    /// Leaves a member's commit may remove.
    pub(crate) pending_removes: &'a [LeafIndex],
    /// Leaves it must remove: those of the last call.
    pub(crate) called_removes: &'a [LeafIndex],
    /// Who was asked for a commit that changes nobody.
    pub(crate) healer: Option<LeafIndex>,
}

/// A commit that keeps the rules.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lawful {
    /// KeyPackageRefs of the joiners.
    pub(crate) adds: Vec<Vec<u8>>,
    /// Leaves that go.
    pub(crate) removes: Vec<LeafIndex>,
    /// Came by an external commit.
    pub(crate) external: bool,
}

/// The rule a commit broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// The author's leaf is not the session's.
    ForeignAuthor,
    /// It adds somebody who is not waiting.
    UnknownAdd,
    /// Somebody it was asked to add is neither added nor skipped.
    MissingAdd,
    /// It removes somebody who is to stay, or keeps somebody who is to go.
    WrongRemoves,
    /// Not exactly the one PSK of the room where one is due, or one where none is.
    WrongPsk,
    /// A proposal of another type.
    ForbiddenProposal,
    /// The author's credential or signature key would change (DAVE audit, TOB-DISCE2EE-2).
    ChangedIdentity,
    /// No path where one is due.
    MissingPath,
    /// A path where none is due: it would make the room pay for nothing.
    NeedlessPath,
    /// It changes nothing and nobody asked for it.
    Needless,
}

impl Breach {
    /// What the author is told.
    pub(crate) fn reason(self) -> RejectReason {
        RejectReason::Policy
    }
}

/// Decides on a commit that `sender` uploaded.
pub(crate) fn check(
    author: Author,
    changes: &Changes,
    skipped: &[Skipped],
    sender: &ClientId,
    wanted: &Wanted<'_>,
) -> Result<Lawful, Breach> {
    if changes.others > 0 {
        return Err(Breach::ForbiddenProposal);
    }
    match author {
        Author::Member(leaf) => check_member(leaf, changes, skipped, sender, wanted),
        Author::External(_) => check_external(changes, sender, wanted),
    }
}

fn check_member(
    leaf: LeafIndex,
    changes: &Changes,
    skipped: &[Skipped],
    sender: &ClientId,
    wanted: &Wanted<'_>,
) -> Result<Lawful, Breach> {
    let own = wanted
        .roster
        .leaf(leaf)
        .filter(|own| own.client == *sender)
        .ok_or(Breach::ForeignAuthor)?;
    // Who refuses everybody it was asked to add says so with a commit that changes nobody.
    let refusing = !wanted.called_adds.is_empty() && !skipped.is_empty();
    let refreshing = wanted.healer == Some(leaf) || (changes.adds.is_empty() && refusing);
    if changes.adds.is_empty() && changes.removes.is_empty() && !refreshing {
        return Err(Breach::Needless);
    }
    check_adds(changes, skipped, wanted)?;
    let allowed = changes
        .removes
        .iter()
        .all(|leaf| wanted.pending_removes.contains(leaf));
    let complete = wanted
        .called_removes
        .iter()
        .all(|leaf| changes.removes.contains(leaf));
    if !allowed || !complete || has_repeats(&changes.removes) {
        return Err(Breach::WrongRemoves);
    }
    let psks = if changes.adds.is_empty() { 0 } else { 1 };
    if changes.resumptions > 0 || changes.psks.len() != psks || !changes.psks.iter().all(|id| is_room_psk(id))
    {
        return Err(Breach::WrongPsk);
    }
    match &changes.path {
        Some(path) if path.client != Some(own.client) || path.key != own.key => Err(Breach::ChangedIdentity),
        Some(_) if changes.removes.is_empty() && !refreshing => Err(Breach::NeedlessPath),
        None if !changes.removes.is_empty() || refreshing => Err(Breach::MissingPath),
        Some(_) | None => Ok(Lawful {
            adds: changes.adds.clone(),
            removes: changes.removes.clone(),
            external: false,
        }),
    }
}

fn check_adds(changes: &Changes, skipped: &[Skipped], wanted: &Wanted<'_>) -> Result<(), Breach> {
    if has_repeats(&changes.adds)
        || changes
            .adds
            .iter()
            .any(|add| wanted.pending_adds.by_reference(add).is_none())
    {
        return Err(Breach::UnknownAdd);
    }
    let is_settled = |called: &Vec<u8>| {
        changes.adds.contains(called)
            // Somebody who left meanwhile need not be named.
            || wanted
                .pending_adds
                .by_reference(called)
                .is_none_or(|add| skipped.iter().any(|skip| skip.client_id == add.client))
    };
    if wanted.called_adds.iter().all(is_settled) {
        Ok(())
    } else {
        Err(Breach::MissingAdd)
    }
}

fn check_external(changes: &Changes, sender: &ClientId, wanted: &Wanted<'_>) -> Result<Lawful, Breach> {
    let path = changes.path.as_ref().ok_or(Breach::MissingPath)?;
    if path.client != Some(*sender) {
        return Err(Breach::ForeignAuthor);
    }
    if !changes.adds.is_empty() {
        return Err(Breach::UnknownAdd);
    }
    if changes.resumptions > 0 || changes.psks.len() != 1 || !changes.psks.iter().all(|id| is_room_psk(id)) {
        return Err(Breach::WrongPsk);
    }
    // Nothing but its own old leaf, recognized by key and pseudonym; and that one must go, or it would be there twice.
    let old = wanted.roster.leaf_of(sender);
    let own_key = old
        .and_then(|leaf| wanted.roster.leaf(leaf))
        .is_none_or(|leaf| leaf.key == path.key);
    if changes.removes.as_slice() != old.as_slice() {
        return Err(Breach::WrongRemoves);
    }
    if !own_key {
        return Err(Breach::ChangedIdentity);
    }
    Ok(Lawful {
        adds: Vec::new(),
        removes: changes.removes.clone(),
        external: true,
    })
}

fn is_room_psk(id: &[u8]) -> bool {
    id.starts_with(ROOM_PSK_PREFIX)
}

fn has_repeats<T: Ord>(items: &[T]) -> bool {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}
