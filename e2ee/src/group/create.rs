//! Founding a group: one member, its policy, its host.

use openmls::prelude::PURE_PLAINTEXT_WIRE_FORMAT_POLICY;
use openmls::prelude::{GroupId, MlsGroup, MlsGroupCreateConfig, OpenMlsProvider as _, OpenMlsRand as _};

use super::{
    MAX_PAST_EPOCHS, Mls, PADDING, RESUMPTION_PSKS, capabilities, group_context_extensions, lifetime,
    sender_ratchet,
};
use crate::call_policy::CallPolicy;
use crate::error::SessionError;
use crate::identity::Identity;
use crate::kid;
use crate::message::Policy;

/// Creates the room's group: id `room_id ‖ 16 random bytes`, the host key of the link, or the founder
/// as host.
pub(crate) fn create(identity: &Identity, room: &Policy) -> Result<Mls, SessionError> {
    let provider = identity.provider()?;
    let random: [u8; 16] = provider.rand().random_array().map_err(|_| SessionError::Crypto)?;
    let group_id = GroupId::from_slice(&[identity.room_id, random].concat());
    let ciphersuite = room.suite.ciphersuite();
    let policy = CallPolicy {
        lobby: identity.requires_lobby(),
        host_keys: vec![identity.required_host().unwrap_or_else(|| identity.leaf_public())],
        max_members: u16::try_from(room.max_participants.min(kid::MAX_LEAVES)).unwrap_or(u16::MAX),
    };
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(ciphersuite)
        .capabilities(capabilities(ciphersuite))
        .lifetime(lifetime())
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING)
        .max_past_epochs(MAX_PAST_EPOCHS)
        .number_of_resumption_psks(RESUMPTION_PSKS)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(sender_ratchet())
        .with_group_context_extensions(group_context_extensions(&policy)?)
        .with_leaf_node_extensions(identity.leaf_extensions(&provider, group_id.as_slice())?)
        .map_err(|_| SessionError::Crypto)?
        .build();
    let group = MlsGroup::new_with_group_id(
        &provider,
        identity.signer(),
        &config,
        group_id,
        identity.credential(),
    )
    .map_err(|_| SessionError::Crypto)?;
    Ok(Mls::new(provider, group))
}
