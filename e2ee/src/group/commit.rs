//! Building the commit that a CommitCall asks for.

use std::collections::HashSet;

use openmls::prelude::{
    KeyPackage, KeyPackageVerifyError, LeafNodeIndex, MlsMessageBodyIn, MlsMessageOut, OpenMlsProvider as _,
    Proposal, ProtocolVersion,
};

use super::recover::room_psk;
use super::{KEY_PACKAGE_LIFETIME, Mls, contained, parse_message, serialize};
use crate::encoding::ClientId;
use crate::error::SessionError;
use crate::identity::Identity;
use crate::leaf::Leaf;
use crate::message::{CommitCall, CommitUpload, PendingAdd, SkipReason, Skipped};
use crate::policy::Gate;

/// How long openmls backdates a lifetime, plus as much for rounding, in seconds.
const LIFETIME_SLACK: u64 = 2 * 60 * 60;

/// Builds the commit and leaves it pending in the group. `None` when there is nothing this member could commit: it is
/// itself to be removed.
pub(crate) fn build(
    identity: &Identity,
    mls: &mut Mls,
    gate: &dyn Gate,
    call: &CommitCall,
) -> Result<Option<CommitUpload>, SessionError> {
    if call.removes.contains(&mls.own_leaf()) {
        return Ok(None);
    }
    mls.clear_pending_commit()?;
    let (key_packages, skipped) = sort_adds(identity, mls, gate, call);
    let present: HashSet<u32> = mls.leaves().map(|(index, _)| index).collect();
    let removes: Vec<_> = call
        .removes
        .iter()
        .filter(|leaf| present.contains(leaf))
        .copied()
        .collect();
    // A commit without a proposal needs a path (RFC 9420 §12.4); it still carries the skipped adds to the server.
    let forced_path = call.heal || key_packages.is_empty();
    let psk = if key_packages.is_empty() {
        None
    } else {
        Some(room_psk(&mls.provider, mls.group.ciphersuite())?)
    };
    let epoch = mls.epoch();
    let Mls { provider, group, .. } = mls;
    let bundle = group
        .commit_builder()
        .consume_proposal_store(false)
        .force_self_update(forced_path)
        .propose_adds(key_packages)
        .propose_removals(removes.into_iter().map(LeafNodeIndex::new))
        .add_proposals(psk.map(|psk| Proposal::PreSharedKey(Box::new(psk))))
        .load_psks(provider.storage())
        .map_err(|_| SessionError::Crypto)?
        .create_group_info(true)
        .build(provider.rand(), provider.crypto(), identity.signer(), |_| true)
        .map_err(|_| SessionError::Crypto)?
        .stage_commit(provider)
        .map_err(|_| SessionError::Crypto)?;
    let (commit, welcome, group_info) = bundle.into_contents();
    let group_info = group_info.ok_or(SessionError::Crypto)?;
    Ok(Some(CommitUpload {
        epoch,
        commit: serialize(&commit)?,
        welcome: welcome
            .map(|welcome| serialize(&MlsMessageOut::from_welcome(welcome, ProtocolVersion::Mls10)))
            .transpose()?,
        group_info: serialize(&MlsMessageOut::from(group_info))?,
        skipped,
    }))
}

/// Separates the adds this member vouches for from the others.
fn sort_adds(
    identity: &Identity,
    mls: &Mls,
    gate: &dyn Gate,
    call: &CommitCall,
) -> (Vec<KeyPackage>, Vec<Skipped>) {
    let staying = || {
        mls.leaves()
            .filter(|(index, _)| !call.removes.contains(index))
            .map(|(_, leaf)| leaf)
    };
    let mut client_ids: HashSet<ClientId> = staying()
        .filter_map(|leaf| Leaf::read(leaf).map(|leaf| leaf.client_id))
        .collect();
    let mut leaf_keys: HashSet<Vec<u8>> = staying()
        .map(|leaf| leaf.signature_key().as_slice().to_vec())
        .collect();
    let mut key_packages = Vec::new();
    let mut skipped = Vec::new();
    for add in &call.adds {
        let checked = check_add(identity, mls, gate, add).and_then(|key_package| {
            let leaf_key = key_package.leaf_node().signature_key().as_slice().to_vec();
            let fresh = client_ids.insert(add.client_id) && leaf_keys.insert(leaf_key);
            fresh.then_some(key_package).ok_or(SkipReason::Duplicate)
        });
        match checked {
            Ok(key_package) => key_packages.push(key_package),
            Err(reason) => skipped.push(Skipped {
                client_id: add.client_id,
                reason,
            }),
        }
    }
    (key_packages, skipped)
}

fn check_add(
    identity: &Identity,
    mls: &Mls,
    gate: &dyn Gate,
    add: &PendingAdd,
) -> Result<KeyPackage, SkipReason> {
    let Some(MlsMessageBodyIn::KeyPackage(key_package)) = parse_message(add.key_package.as_slice()) else {
        return Err(SkipReason::Invalid);
    };
    let key_package = contained(|| key_package.validate(mls.provider.crypto(), ProtocolVersion::Mls10))
        .ok_or(SkipReason::Invalid)?
        .map_err(|error| match error {
            KeyPackageVerifyError::LifetimeError(_) => SkipReason::Expired,
            _ => SkipReason::Invalid,
        })?;
    let lifetime = key_package.life_time();
    if lifetime.not_after().saturating_sub(lifetime.not_before()) > KEY_PACKAGE_LIFETIME + LIFETIME_SLACK {
        return Err(SkipReason::Expired);
    }
    let leaf = Leaf::read(key_package.leaf_node()).ok_or(SkipReason::Invalid)?;
    if key_package.ciphersuite() != mls.group.ciphersuite()
        || key_package.last_resort()
        || leaf.client_id != add.client_id
    {
        return Err(SkipReason::Invalid);
    }
    if !leaf.is_admitted(&identity.keys, mls.group_id()) || !gate.lets_in(&leaf, mls.group_id()) {
        return Err(SkipReason::Admission);
    }
    Ok(key_package)
}
