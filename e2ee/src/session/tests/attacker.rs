//! The server as an enemy: it has every public thing, and makes MLS messages of its own.

use openmls::prelude::{
    BasicCredential, CredentialWithKey, Extension, Extensions, KeyPackageIn, LeafNode, LeafNodeParameters,
    MlsGroup, MlsGroupCreateConfig, MlsMessageBodyIn, MlsMessageOut, OpenMlsProvider as _,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, PreSharedKeyProposal, ProtocolVersion, UnknownExtension,
};
use openmls::schedule::PreSharedKeyId;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::world::{ROOM, World};
use crate::group::{capabilities, join_config, parse_message, serialize};
use crate::identity::Identity;
use crate::message::Found;
use crate::{Blob, RoomSecret, SessionConfig, Suite, admission, card, secrets};

pub(super) struct Attacker {
    identity: Identity,
    provider: OpenMlsRustCrypto,
    pub(super) client_id: [u8; 16],
}

impl Attacker {
    pub(super) fn new(client_id: [u8; 16]) -> Self {
        let config = SessionConfig {
            room_id: ROOM,
            room_secret: RoomSecret::new([0xEE; 32]),
            client_id,
            display_name: "Ghost".to_owned(),
        };
        Self {
            identity: Identity::new(config, None).unwrap(),
            provider: OpenMlsRustCrypto::default(),
            client_id,
        }
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.client_id.to_vec()).into(),
            signature_key: self.identity.leaf_public().to_vec().into(),
        }
    }

    /// What an insider could leak to it: an admission MAC for its leaf.
    pub(super) fn leaked_admission(&self, room: &RoomSecret, group_id: &[u8]) -> Vec<u8> {
        let keys = secrets::RoomKeys::derive(room, &ROOM).unwrap();
        admission::create(&keys, group_id, &self.identity.leaf_public()).unwrap()
    }

    fn extensions(admission: Vec<u8>) -> Extensions<LeafNode> {
        Extensions::from_vec(vec![
            Extension::Unknown(admission::EXTENSION, UnknownExtension(admission)),
            Extension::Unknown(card::EXTENSION, UnknownExtension(vec![0; 254])),
        ])
        .unwrap()
    }

    /// An external commit from the GroupInfo that the server has.
    pub(super) fn external_commit(
        &self,
        world: &World,
        psk: Option<[u8; 32]>,
        admission: Vec<u8>,
    ) -> (Blob, Found) {
        let found = world.group.clone().unwrap();
        let Some(MlsMessageBodyIn::GroupInfo(info)) = parse_message(found.group_info.as_slice()) else {
            panic!("not a GroupInfo");
        };
        let suite = world.suite.ciphersuite();
        let tree = crate::group::join::parse_tree(found.ratchet_tree.as_slice()).unwrap();
        let leaf = LeafNodeParameters::builder()
            .with_capabilities(capabilities(suite))
            .with_extensions(Self::extensions(admission))
            .build();
        let mut proposals = Vec::new();
        if let Some(psk) = psk {
            let id = PreSharedKeyId::external(secrets::psk_id(), vec![5; 32]);
            id.store(&self.provider, &psk).unwrap();
            proposals.push(PreSharedKeyProposal::new(id));
        }
        let (group, bundle) = MlsGroup::external_commit_builder()
            .with_ratchet_tree(tree)
            .with_config(join_config())
            .build_group(&self.provider, info, self.credential())
            .unwrap()
            .add_psk_proposals(proposals)
            .leaf_node_parameters(leaf)
            .load_psks(self.provider.storage())
            .unwrap()
            .create_group_info(true)
            .build(
                self.provider.rand(),
                self.provider.crypto(),
                self.identity.signer(),
                |_| true,
            )
            .unwrap()
            .finalize(&self.provider)
            .unwrap();
        let (commit, _, group_info) = bundle.into_contents();
        let found = Found {
            group_info: serialize(&MlsMessageOut::from(group_info.unwrap())).unwrap(),
            ratchet_tree: serialize(&group.export_ratchet_tree()).unwrap(),
        };
        (serialize(&commit).unwrap(), found)
    }

    /// A group of its own for the room, with the newcomer in it: Welcome and tree.
    pub(super) fn fake_group(&self, suite: Suite, group_id: &[u8], key_package: &Blob) -> (Blob, Blob) {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(suite.ciphersuite())
            .capabilities(capabilities(suite.ciphersuite()))
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .with_leaf_node_extensions(Self::extensions(vec![0; 16]))
            .unwrap()
            .build();
        let mut group = MlsGroup::new_with_group_id(
            &self.provider,
            self.identity.signer(),
            &config,
            openmls::prelude::GroupId::from_slice(group_id),
            self.credential(),
        )
        .unwrap();
        let Some(MlsMessageBodyIn::KeyPackage(key_package)) = parse_message(key_package.as_slice()) else {
            panic!("not a key package");
        };
        let key_package: KeyPackageIn = key_package;
        let key_package = key_package
            .validate(self.provider.crypto(), ProtocolVersion::Mls10)
            .unwrap();
        let (_, welcome, _) = group
            .add_members(&self.provider, self.identity.signer(), &[key_package])
            .unwrap();
        group.merge_pending_commit(&self.provider).unwrap();
        (
            serialize(&welcome).unwrap(),
            serialize(&group.export_ratchet_tree()).unwrap(),
        )
    }
}
