//! After the server lost its memory: which returning member restores the group.
//!
//! Members claim a group, an epoch and its confirmation tag. One liar must not win against honest members, so claims
//! count by group first; then the highest epoch counts, because members merge only what was final.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use conclave_wire::bytes::Blob;
use conclave_wire::id::{ClientId, Epoch};

use super::{Cx, is_group_of};

/// What a member says it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) group_id: Blob,
    pub(crate) epoch: Epoch,
    pub(crate) tag: Blob,
}

/// The claim in a participant's last Hello, if it can be of this room.
pub(crate) fn claim_of(cx: &Cx<'_>, client: &ClientId) -> Option<Claim> {
    let resume = cx.people.get(client)?.resume.as_ref()?;
    let claim = Claim {
        group_id: resume.group_id.clone(),
        epoch: resume.epoch,
        tag: resume.confirmation_tag.clone(),
    };
    is_group_of(&cx.room.id, &claim.group_id).then_some(claim)
}

/// Who is asked next to restore the group, and which state it has to upload.
pub(crate) fn choose(
    cx: &Cx<'_>,
    tried: &BTreeSet<ClientId>,
    ended: &VecDeque<Blob>,
) -> Option<(ClientId, Claim)> {
    let claims: Vec<(ClientId, Claim)> = cx
        .people
        .online()
        .filter_map(|client| claim_of(cx, &client).map(|claim| (client, claim)))
        .filter(|(_, claim)| !ended.contains(&claim.group_id))
        .collect();
    choose_among(&claims, tried)
}

fn choose_among(claims: &[(ClientId, Claim)], tried: &BTreeSet<ClientId>) -> Option<(ClientId, Claim)> {
    let untried = || claims.iter().filter(|(client, _)| !tried.contains(client));
    let groups = count(untried().map(|(_, claim)| claim.group_id.as_slice()));
    let group = groups
        .iter()
        .max_by_key(|(_, votes)| **votes)
        .map(|(group, _)| *group)?;
    let of_group = || untried().filter(|(_, claim)| claim.group_id.as_slice() == group);
    let epoch = of_group().map(|(_, claim)| claim.epoch).max()?;
    let of_epoch = || of_group().filter(|(_, claim)| claim.epoch == epoch);
    let tags = count(of_epoch().map(|(_, claim)| claim.tag.as_slice()));
    let tag = tags
        .iter()
        .max_by_key(|(_, votes)| **votes)
        .map(|(tag, _)| *tag)?;
    of_epoch().find(|(_, claim)| claim.tag.as_slice() == tag).cloned()
}

fn count<'a>(items: impl Iterator<Item = &'a [u8]>) -> BTreeMap<&'a [u8], usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(client: u8, group: u8, epoch: u64, tag: u8) -> (ClientId, Claim) {
        let claim = Claim {
            group_id: Blob(vec![group; 32]),
            epoch: Epoch(epoch),
            tag: Blob(vec![tag; 32]),
        };
        (ClientId::new([client; 16]), claim)
    }

    fn chosen(claims: &[(ClientId, Claim)], tried: &[u8]) -> Option<(u8, u64)> {
        let tried = tried.iter().map(|client| ClientId::new([*client; 16])).collect();
        choose_among(claims, &tried).map(|(client, claim)| (client.as_bytes()[0], claim.epoch.0))
    }

    #[test]
    fn the_highest_epoch_wins() {
        assert_eq!(
            chosen(&[claim(1, 1, 4, 4), claim(2, 1, 5, 5), claim(3, 1, 4, 4)], &[]),
            Some((2, 5))
        );
    }

    #[test]
    fn the_tag_that_most_members_have_wins_within_an_epoch() {
        assert_eq!(
            chosen(&[claim(1, 1, 5, 9), claim(2, 1, 5, 5), claim(3, 1, 5, 5)], &[]),
            Some((2, 5))
        );
    }

    #[test]
    fn a_lone_foreign_group_with_a_huge_epoch_loses_against_the_members() {
        assert_eq!(
            chosen(
                &[claim(1, 7, u64::MAX, 1), claim(2, 1, 5, 5), claim(3, 1, 5, 5)],
                &[]
            ),
            Some((2, 5))
        );
    }

    #[test]
    fn who_was_asked_in_vain_is_not_asked_again() {
        assert_eq!(
            chosen(&[claim(1, 1, 5, 5), claim(2, 1, 4, 4)], &[1]),
            Some((2, 4))
        );
        assert_eq!(chosen(&[claim(1, 1, 5, 5)], &[1]), None);
    }
}
