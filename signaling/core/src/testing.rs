//! For tests and fuzz targets: members made of bare openmls, which break any rule on demand, and a desk to drive a
//! service from.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "not part of the product: a test or fuzz target that cannot be set up panics"
)]

mod desk;

use std::time::Instant;

use conclave_wire::ClientMessage;
use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{Ack, CommitUpload, Found, Nack, NackReason};
use conclave_wire::id::{ClientId, Epoch, RoomId};
use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize as _};
use openmls::prelude::*;
use openmls::schedule::PreSharedKeyId;
use openmls::schedule::psk::{ExternalPsk, Psk};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::delivery::mls::sha256;

pub(crate) use desk::Desk;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
pub(crate) const ROOM: RoomId = RoomId::new([9; 16]);
pub(crate) const PSK_ID: &[u8] = b"conclave-room\x01";
const SECRET: [u8; 32] = [7; 32];

/// The start of a test's time.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be made in no other way; time goes on by arguments"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A member of bare openmls: it keeps no rule by itself.
pub(crate) struct Member {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    pub(crate) id: ClientId,
    pub(crate) group: Option<MlsGroup>,
    pub(crate) secret: [u8; 32],
}

/// What a commit shall do.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) adds: Vec<Blob>,
    pub(crate) removes: Vec<u32>,
    pub(crate) psks: Vec<&'static [u8]>,
    pub(crate) path: bool,
    pub(crate) new_key: bool,
    pub(crate) extensions: bool,
}

impl Plan {
    pub(crate) fn add(adds: Vec<Blob>) -> Self {
        Self {
            adds,
            psks: vec![PSK_ID],
            ..Self::default()
        }
    }

    pub(crate) fn remove(removes: Vec<u32>) -> Self {
        Self {
            removes,
            ..Self::default()
        }
    }
}

impl Member {
    pub(crate) fn new(name: u8) -> Self {
        let provider = OpenMlsRustCrypto::default();
        let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).unwrap();
        Self {
            provider,
            signer,
            id: ClientId::new([name; 16]),
            group: None,
            secret: SECRET,
        }
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.id.as_bytes().to_vec()).into(),
            signature_key: self.signer.to_public_vec().into(),
        }
    }

    /// Creates the room's group.
    pub(crate) fn found(&mut self, room: RoomId) -> Found {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .capabilities(capabilities())
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        let id = GroupId::from_slice(&[*room.as_bytes(), [3; 16]].concat());
        let group = MlsGroup::new_with_group_id(&self.provider, &self.signer, &config, id, self.credential())
            .unwrap();
        self.group = Some(group);
        Found {
            group_info: self.group_info(),
            ratchet_tree: self.tree(),
        }
    }

    pub(crate) fn group_info(&self) -> Blob {
        let group = self.group.as_ref().unwrap();
        let info = group
            .export_group_info(self.provider.crypto(), &self.signer, false)
            .unwrap();
        Blob(info.tls_serialize_detached().unwrap())
    }

    pub(crate) fn tree(&self) -> Blob {
        Blob(
            self.group
                .as_ref()
                .unwrap()
                .export_ratchet_tree()
                .tls_serialize_detached()
                .unwrap(),
        )
    }

    pub(crate) fn key_package(&self) -> Blob {
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(capabilities())
            .key_package_lifetime(Lifetime::new(7_200))
            .build(SUITE, &self.provider, &self.signer, self.credential())
            .unwrap();
        Blob(
            MlsMessageOut::from(bundle.key_package().clone())
                .tls_serialize_detached()
                .unwrap(),
        )
    }

    fn psk(&self, id: &[u8]) -> PreSharedKeyProposal {
        let psk = Psk::External(ExternalPsk::new(id.to_vec()));
        let id = PreSharedKeyId::new(SUITE, self.provider.rand(), psk).unwrap();
        id.store(&self.provider, &self.secret).unwrap();
        PreSharedKeyProposal::new(id)
    }

    /// Builds a commit as planned; it stays pending.
    pub(crate) fn commit(&mut self, plan: Plan) -> CommitUpload {
        let mut proposals: Vec<Proposal> = plan
            .psks
            .iter()
            .map(|id| Proposal::PreSharedKey(Box::new(self.psk(id))))
            .collect();
        let adds: Vec<KeyPackage> = plan.adds.iter().map(read_key_package).collect();
        let group = self.group.as_mut().unwrap();
        group.clear_pending_commit(self.provider.storage()).unwrap();
        let epoch = Epoch(group.epoch().as_u64());
        let removes = plan.removes.iter().map(|leaf| LeafNodeIndex::new(*leaf));
        let mut builder = group
            .commit_builder()
            .consume_proposal_store(false)
            .force_self_update(plan.path)
            .propose_adds(adds)
            .propose_removals(removes)
            .add_proposals(proposals.drain(..));
        if plan.extensions {
            builder = builder
                .propose_group_context_extensions(Extensions::empty())
                .unwrap();
        }
        let loaded = builder
            .load_psks(self.provider.storage())
            .unwrap()
            .create_group_info(true);
        let (rand, crypto) = (self.provider.rand(), self.provider.crypto());
        let built = if plan.new_key {
            let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).unwrap();
            let credential_with_key = CredentialWithKey {
                credential: BasicCredential::new(self.id.as_bytes().to_vec()).into(),
                signature_key: signer.to_public_vec().into(),
            };
            let new = NewSignerBundle {
                signer: &signer,
                credential_with_key,
            };
            loaded
                .build_with_new_signer(rand, crypto, &self.signer, new, |_| true)
                .unwrap()
        } else {
            loaded.build(rand, crypto, &self.signer, |_| true).unwrap()
        };
        upload(epoch, built.stage_commit(&self.provider).unwrap())
    }

    /// Builds an external commit; the group it leads into is kept.
    pub(crate) fn external(&mut self, group_info: &Blob, tree: &Blob, psks: &[&[u8]]) -> CommitUpload {
        let MlsMessageBodyIn::GroupInfo(info) = parse(group_info).extract() else {
            panic!("no GroupInfo")
        };
        let epoch = Epoch(info.epoch().as_u64());
        let tree = RatchetTreeIn::tls_deserialize_exact_bytes(tree.as_slice()).unwrap();
        let psks: Vec<PreSharedKeyProposal> = psks.iter().map(|id| self.psk(id)).collect();
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        let parameters = LeafNodeParameters::builder()
            .with_capabilities(capabilities())
            .build();
        let (group, bundle) = MlsGroup::external_commit_builder()
            .with_ratchet_tree(tree)
            .with_config(config)
            .build_group(&self.provider, info, self.credential())
            .unwrap()
            .add_psk_proposals(psks)
            .leaf_node_parameters(parameters)
            .load_psks(self.provider.storage())
            .unwrap()
            .create_group_info(true)
            .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| {
                true
            })
            .unwrap()
            .finalize(&self.provider)
            .unwrap();
        self.group = Some(group);
        upload(epoch, bundle)
    }

    /// Takes and merges a commit of somebody else.
    pub(crate) fn merge(&mut self, commit: &Blob) -> bool {
        self.psk(PSK_ID);
        let group = self.group.as_mut().unwrap();
        let message = parse(commit).try_into_protocol_message().unwrap();
        let Ok(processed) = group.process_message(&self.provider, message) else {
            return false;
        };
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return false;
        };
        group.merge_staged_commit(&self.provider, *staged).unwrap();
        true
    }

    pub(crate) fn merge_own(&mut self) {
        self.group
            .as_mut()
            .unwrap()
            .merge_pending_commit(&self.provider)
            .unwrap();
    }

    /// Opens a Welcome.
    pub(crate) fn welcome(&mut self, welcome: &Blob, tree: &[u8]) -> bool {
        self.psk(PSK_ID);
        let MlsMessageBodyIn::Welcome(welcome) = parse(welcome).extract() else {
            return false;
        };
        let tree = RatchetTreeIn::tls_deserialize_exact_bytes(tree).unwrap();
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        let staged = StagedWelcome::new_from_welcome(&self.provider, &config, welcome, Some(tree));
        let Ok(staged) = staged else { return false };
        self.group = Some(staged.into_group(&self.provider).unwrap());
        true
    }

    /// The vote for the epoch it is in.
    pub(crate) fn ack(&self) -> ClientMessage {
        let group = self.group.as_ref().unwrap();
        let tag = group.confirmation_tag().tls_serialize_detached().unwrap();
        ClientMessage::Ack(Ack {
            epoch: Epoch(group.epoch().as_u64()),
            confirmation_hash: Blob(sha256(&tag).to_vec()),
        })
    }

    pub(crate) fn app(&mut self, payload: &[u8]) -> Blob {
        let message = self
            .group
            .as_mut()
            .unwrap()
            .create_message(&self.provider, &self.signer, payload);
        Blob(message.unwrap().tls_serialize_detached().unwrap())
    }

    pub(crate) fn leaf(&self) -> u32 {
        self.group.as_ref().unwrap().own_leaf_index().u32()
    }
}

pub(crate) fn nack(epoch: u64) -> ClientMessage {
    ClientMessage::Nack(Nack {
        epoch: Epoch(epoch),
        reason: NackReason::Invalid,
    })
}

fn capabilities() -> Capabilities {
    Capabilities::new(None, Some(&[SUITE]), None, None, None)
}

fn parse(bytes: &Blob) -> MlsMessageIn {
    MlsMessageIn::tls_deserialize_exact_bytes(bytes.as_slice()).unwrap()
}

fn read_key_package(bytes: &Blob) -> KeyPackage {
    let MlsMessageBodyIn::KeyPackage(key_package) = parse(bytes).extract() else {
        panic!("no key package")
    };
    key_package
        .validate(OpenMlsRustCrypto::default().crypto(), ProtocolVersion::Mls10)
        .unwrap()
}

fn upload(epoch: Epoch, bundle: CommitMessageBundle) -> CommitUpload {
    let (commit, welcome, group_info) = bundle.into_messages();
    let bytes = |message: MlsMessageOut| Blob(message.tls_serialize_detached().unwrap());
    CommitUpload {
        epoch,
        commit: bytes(commit),
        welcome: welcome.map(bytes),
        group_info: bytes(group_info.unwrap()),
        skipped: Vec::new(),
    }
}
