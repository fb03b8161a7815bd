//! One MLS group object together with the store that holds its private keys.

pub(crate) mod commit;
pub(crate) mod committer;
pub(crate) mod create;
pub(crate) mod join;
pub(crate) mod process;
pub(crate) mod recover;
pub(crate) mod store;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use openmls::prelude::{
    Capabilities, Ciphersuite, CredentialType, Extension, ExtensionType, Extensions, GroupContext, LeafNode,
    Lifetime, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider as _,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, RequiredCapabilitiesExtension, SenderRatchetConfiguration,
    UnknownExtension,
};
use tls_codec::{DeserializeBytes as _, Serialize as _};

use crate::call_policy::CallPolicy;
use crate::encoding::{Blob, ClientId};
use crate::error::SessionError;
use crate::group::store::Provider;
use crate::identity::Identity;
use crate::key_schedule::BaseKey;
use crate::keyring::NewEpoch;
use crate::leaf::Leaf;
use crate::message::Found;
use crate::verification::CodeMaterial;
use crate::{admission, call_policy, card};

/// Validity of a key package, in seconds. openmls backdates it by an hour for clocks that are late.
pub(crate) const KEY_PACKAGE_LIFETIME: u64 = 2 * 60 * 60;
/// Past epochs whose application messages can still be read (openmls' default is none).
const MAX_PAST_EPOCHS: usize = 8;
/// Past epochs whose resumption PSK is kept.
const RESUMPTION_PSKS: usize = 8;
/// Application messages are padded to a multiple of this, in bytes.
const PADDING: usize = 128;
/// Out-of-order tolerance and largest gap of application messages per sender.
const RATCHET_WINDOW: (u32, u32) = (64, 1000);

/// A group object and its store. Dropping it forgets its secrets. Has no Debug.
pub(crate) struct Mls {
    pub(crate) provider: Provider,
    pub(crate) group: MlsGroup,
    /// The epoch it came in with; what was said before is not for it.
    pub(crate) entered: u64,
}

impl Mls {
    pub(crate) fn new(provider: Provider, group: MlsGroup) -> Self {
        let entered = group.epoch().as_u64();
        Self {
            provider,
            group,
            entered,
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    pub(crate) fn group_id(&self) -> &[u8] {
        self.group.group_id().as_slice()
    }

    pub(crate) fn own_leaf(&self) -> u32 {
        self.group.own_leaf_index().u32()
    }

    /// The TLS form of the confirmation tag.
    pub(crate) fn confirmation_tag(&self) -> Result<Vec<u8>, SessionError> {
        self.group
            .confirmation_tag()
            .tls_serialize_detached()
            .map_err(|_| SessionError::Crypto)
    }

    /// The call policy; `None` if this implementation does not understand it.
    pub(crate) fn policy(&self) -> Option<CallPolicy> {
        let extension = self.group.extensions().unknown(call_policy::EXTENSION)?;
        CallPolicy::decode(&extension.0)
    }

    /// Every leaf that is not blank, by index.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (u32, &LeafNode)> {
        self.group
            .treesync()
            .full_leaves()
            .map(|(index, leaf)| (index.u32(), leaf))
    }

    /// Who has which leaf.
    pub(crate) fn members(&self) -> HashMap<u32, ClientId> {
        self.leaves()
            .filter_map(|(index, leaf)| Some((index, Leaf::read(leaf)?.client_id)))
            .collect()
    }

    /// The frame keys of the current epoch.
    pub(crate) fn frame_keys(&self) -> Result<NewEpoch, SessionError> {
        Ok(NewEpoch {
            epoch: self.epoch(),
            base_key: BaseKey::of_group(&self.provider, &self.group)?,
            own_leaf: self.own_leaf(),
            members: self.members(),
        })
    }

    pub(crate) fn code_material(&self) -> CodeMaterial {
        CodeMaterial::new(self.group.epoch_authenticator().as_slice(), self.group_id())
    }

    /// GroupInfo and tree of the current epoch, for the delivery service.
    pub(crate) fn export(&self, identity: &Identity) -> Result<Found, SessionError> {
        let group_info = self
            .group
            .export_group_info(self.provider.crypto(), identity.signer(), false)
            .map_err(|_| SessionError::Crypto)?;
        Ok(Found {
            group_info: serialize(&group_info)?,
            ratchet_tree: serialize(&self.group.export_ratchet_tree())?,
        })
    }

    /// Forgets an own commit that was not taken.
    pub(crate) fn clear_pending_commit(&mut self) -> Result<(), SessionError> {
        self.group
            .clear_pending_commit(self.provider.storage())
            .map_err(|_| SessionError::Crypto)
    }
}

/// How every group of this protocol is configured.
pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING)
        .max_past_epochs(MAX_PAST_EPOCHS)
        .number_of_resumption_psks(RESUMPTION_PSKS)
        .use_ratchet_tree_extension(false)
        .sender_ratchet_configuration(sender_ratchet())
        .build()
}

fn sender_ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(RATCHET_WINDOW.0, RATCHET_WINDOW.1)
}

fn lifetime() -> Lifetime {
    Lifetime::new(KEY_PACKAGE_LIFETIME)
}

fn extension_types() -> [ExtensionType; 3] {
    [call_policy::EXTENSION, admission::EXTENSION, card::EXTENSION].map(ExtensionType::Unknown)
}

/// What every leaf of this protocol can do.
pub(crate) fn capabilities(ciphersuite: Ciphersuite) -> Capabilities {
    Capabilities::new(
        None,
        Some(&[ciphersuite]),
        Some(&extension_types()),
        None,
        Some(&[CredentialType::Basic]),
    )
}

fn group_context_extensions(policy: &CallPolicy) -> Result<Extensions<GroupContext>, SessionError> {
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(
            &extension_types(),
            &[],
            &[CredentialType::Basic],
        )),
        Extension::Unknown(call_policy::EXTENSION, UnknownExtension(policy.encode())),
    ])
    .map_err(|_| SessionError::Crypto)
}

/// Parses an MLSMessage.
pub(crate) fn parse_message(bytes: &[u8]) -> Option<MlsMessageBodyIn> {
    contained(|| {
        MlsMessageIn::tls_deserialize_exact_bytes(bytes)
            .ok()
            .map(MlsMessageIn::extract)
    })
    .flatten()
}

pub(crate) fn serialize(message: &impl tls_codec::Serialize) -> Result<Blob, SessionError> {
    message
        .tls_serialize_detached()
        .map(Blob)
        .map_err(|_| SessionError::Crypto)
}

/// Runs code of the MLS library on bytes from the network. A panic in it becomes `None` where panics unwind (natively);
/// in a browser it ends the worker.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
