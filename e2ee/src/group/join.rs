//! Being added: a key package goes out, a Welcome comes in.

use openmls::prelude::{
    JoinBuilder, KeyPackage, MlsMessageBodyIn, MlsMessageOut, ProcessedWelcome, RatchetTreeIn,
};
use tls_codec::DeserializeBytes as _;

use super::store::Provider;
use super::{Mls, capabilities, contained, join_config, lifetime, parse_message, serialize};
use crate::encoding::Blob;
use crate::error::SessionError;
use crate::identity::Identity;
use crate::leaf::Leaf;
use crate::message::{NackReason, Suite};
use crate::policy;

/// A key package that was sent and the store with its private keys. Single use: opening a Welcome consumes it, whether
/// it succeeds or not (openmls destroys the key package even when the Welcome cannot be opened). Has no Debug.
pub(crate) struct JoinAttempt {
    provider: Provider,
    group_id: Vec<u8>,
    suite: Suite,
}

impl JoinAttempt {
    /// Makes a key package for `group_id`. The room PSK is in the store before any Welcome can come.
    pub(crate) fn new(
        identity: &Identity,
        suite: Suite,
        group_id: Vec<u8>,
    ) -> Result<(Self, Blob), SessionError> {
        let provider = identity.provider()?;
        let ciphersuite = suite.ciphersuite();
        let bundle = KeyPackage::builder()
            .key_package_lifetime(lifetime())
            .leaf_node_capabilities(capabilities(ciphersuite))
            .leaf_node_extensions(identity.leaf_extensions(&provider, &group_id)?)
            .build(ciphersuite, &provider, identity.signer(), identity.credential())
            .map_err(|_| SessionError::Crypto)?;
        let key_package = serialize(&MlsMessageOut::from(bundle.key_package().clone()))?;
        Ok((
            Self {
                provider,
                group_id,
                suite,
            },
            key_package,
        ))
    }

    /// Opens a Welcome and checks the group it leads into.
    pub(crate) fn open(
        self,
        identity: &Identity,
        epoch: u64,
        welcome: &[u8],
        tree: &[u8],
    ) -> Result<Mls, NackReason> {
        contained(|| self.open_inner(identity, epoch, welcome, tree)).unwrap_or(Err(NackReason::Welcome))
    }

    fn open_inner(
        self,
        identity: &Identity,
        epoch: u64,
        welcome: &[u8],
        tree: &[u8],
    ) -> Result<Mls, NackReason> {
        let Self {
            provider,
            group_id,
            suite,
        } = self;
        let Some(MlsMessageBodyIn::Welcome(welcome)) = parse_message(welcome) else {
            return Err(NackReason::Welcome);
        };
        let processed = ProcessedWelcome::new_from_welcome(&provider, &join_config(), welcome)
            .map_err(|_| NackReason::Welcome)?;
        // Without the room PSK the whole group may be the server's.
        policy::check_psks(processed.psks(), true).map_err(|_| NackReason::Welcome)?;
        let info = processed.unverified_group_info();
        if info.group_id().as_slice() != group_id
            || info.epoch().as_u64() != epoch
            || info.ciphersuite() != suite.ciphersuite()
        {
            return Err(NackReason::Welcome);
        }
        let tree = parse_tree(tree).ok_or(NackReason::Tree)?;
        // Leaves are older than their key package's lifetime in a long call: lifetimes are checked when a leaf is added.
        let staged = JoinBuilder::new(&provider, processed)
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .build()
            .map_err(|_| NackReason::Tree)?;
        let group = staged.into_group(&provider).map_err(|_| NackReason::Welcome)?;
        let mls = Mls::new(provider, group);
        check_group(identity, &mls)?;
        Ok(mls)
    }
}

/// What a newcomer demands of a group, however it comes in: a policy it understands, of this room, and nobody in it
/// without the room secret.
pub(crate) fn check_group(identity: &Identity, mls: &Mls) -> Result<(), NackReason> {
    let policy = mls.policy().ok_or(NackReason::Policy)?;
    let other_hosts = identity
        .required_host()
        .is_some_and(|host| policy.host_keys != [host]);
    if !mls.group_id().starts_with(&identity.room_id)
        || policy.lobby != identity.requires_lobby()
        || other_hosts
    {
        return Err(NackReason::Policy);
    }
    policy::check_tree(&identity.keys, mls)?;
    let own = mls
        .group
        .own_leaf_node()
        .and_then(Leaf::read)
        .ok_or(NackReason::Policy)?;
    if own.client_id != identity.client_id || own.leaf_key != identity.leaf_public() {
        return Err(NackReason::Policy);
    }
    Ok(())
}

pub(crate) fn parse_tree(tree: &[u8]) -> Option<RatchetTreeIn> {
    RatchetTreeIn::tls_deserialize_exact_bytes(tree).ok()
}
