//! Coming in by an external commit: after losing step with the group, or when nobody adds us.

use openmls::messages::group_info::VerifiableGroupInfo;
use openmls::prelude::{
    Ciphersuite, LeafNodeParameters, MlsGroup, MlsMessageBodyIn, MlsMessageOut, OpenMlsProvider as _,
    PreSharedKeyProposal,
};
use openmls::schedule::PreSharedKeyId;
use openmls::schedule::psk::{ExternalPsk, Psk};

use super::join::{check_group, parse_tree};
use super::store::Provider;
use super::{Mls, capabilities, contained, join_config, parse_message, serialize};
use crate::error::SessionError;
use crate::identity::Identity;
use crate::message::{CommitUpload, NackReason};
use crate::secrets;

/// A group joined by an own external commit that the delivery service has not finalized. openmls merges such a commit
/// at once, so the whole object is held aside and dropped when the commit falls. Has no Debug.
pub(crate) struct ExternalAttempt {
    pub(crate) mls: Mls,
    pub(crate) upload: CommitUpload,
}

/// Builds `{ExternalInit, room PSK, Remove(own old leaf)}` on a GroupInfo. openmls adds the Remove when a leaf has our
/// signature key.
pub(crate) fn external_commit(
    identity: &Identity,
    group_info: &[u8],
    tree: &[u8],
) -> Result<ExternalAttempt, NackReason> {
    contained(|| build(identity, group_info, tree)).unwrap_or(Err(NackReason::Invalid))
}

fn build(identity: &Identity, group_info: &[u8], tree: &[u8]) -> Result<ExternalAttempt, NackReason> {
    let Some(MlsMessageBodyIn::GroupInfo(info)) = parse_message(group_info) else {
        return Err(NackReason::Invalid);
    };
    if !info.group_id().as_slice().starts_with(&identity.room_id) {
        return Err(NackReason::Policy);
    }
    let tree = parse_tree(tree).ok_or(NackReason::Tree)?;
    let epoch = info.epoch().as_u64();
    let provider = identity.provider().map_err(|_| NackReason::Invalid)?;
    let (group, commit, group_info) = finalize(identity, &provider, info, tree)?;
    let mls = Mls::new(provider, group);
    // The GroupInfo came from the server: come back only into a group of people with the room secret.
    check_group(identity, &mls)?;
    let serialized = |message: &MlsMessageOut| serialize(message).map_err(|_| NackReason::Invalid);
    let upload = CommitUpload {
        epoch,
        commit: serialized(&commit)?,
        welcome: None,
        group_info: serialized(&group_info)?,
        skipped: Vec::new(),
    };
    Ok(ExternalAttempt { mls, upload })
}

fn finalize(
    identity: &Identity,
    provider: &Provider,
    info: VerifiableGroupInfo,
    tree: openmls::prelude::RatchetTreeIn,
) -> Result<(MlsGroup, MlsMessageOut, MlsMessageOut), NackReason> {
    let invalid = NackReason::Invalid;
    let ciphersuite = info.ciphersuite();
    let extensions = identity
        .leaf_extensions(provider, info.group_id().as_slice())
        .map_err(|_| invalid)?;
    let leaf = LeafNodeParameters::builder()
        .with_capabilities(capabilities(ciphersuite))
        .with_extensions(extensions)
        .build();
    let psk = room_psk(provider, ciphersuite).map_err(|_| invalid)?;
    let (group, bundle) = MlsGroup::external_commit_builder()
        .with_ratchet_tree(tree)
        .with_config(join_config())
        .skip_lifetime_validation()
        .build_group(provider, info, identity.credential())
        .map_err(|_| NackReason::Tree)?
        .add_psk_proposal(psk)
        .leaf_node_parameters(leaf)
        .load_psks(provider.storage())
        .map_err(|_| invalid)?
        .create_group_info(true)
        .build(provider.rand(), provider.crypto(), identity.signer(), |_| true)
        .map_err(|_| invalid)?
        .finalize(provider)
        .map_err(|_| invalid)?;
    let (commit, _, group_info) = bundle.into_contents();
    Ok((group, commit, MlsMessageOut::from(group_info.ok_or(invalid)?)))
}

/// A proposal of the room PSK with a fresh nonce.
pub(crate) fn room_psk(
    provider: &Provider,
    ciphersuite: Ciphersuite,
) -> Result<PreSharedKeyProposal, SessionError> {
    let psk = Psk::External(ExternalPsk::new(secrets::psk_id()));
    PreSharedKeyId::new(ciphersuite, provider.rand(), psk)
        .map(PreSharedKeyProposal::new)
        .map_err(|_| SessionError::Crypto)
}
