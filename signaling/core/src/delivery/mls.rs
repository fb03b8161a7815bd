//! The only door to openmls: public groups, key packages and commits from bytes that nobody vouches for.
//!
//! Every call runs behind [`guarded`]: advisories against MLS libraries were panics of parsers, and a panic here would
//! take down every room of the process instead of one message.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use conclave_wire::bytes::Blob;
use conclave_wire::client::session::Suite;
use conclave_wire::id::{ClientId, Epoch, LeafIndex, RoomId};
use openmls::framing::Sender;
use openmls::group::StagedCommit;
use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize as _};
use openmls::prelude::{
    Ciphersuite, KeyPackageIn, LeafNode, MlsMessageBodyIn, MlsMessageIn, OpenMlsCrypto as _,
    ProcessedMessageContent, Proposal, ProposalStore, ProtocolMessage, ProtocolVersion, PublicGroup,
    RatchetTreeIn,
};
use openmls_rust_crypto::{MemoryStorage, OpenMlsRustCrypto, RustCrypto};
use openmls_traits::OpenMlsProvider as _;
use openmls_traits::types::{AeadType, SignatureScheme};
use sha2::{Digest as _, Sha256};

use super::group_info::{self, Expected};
use super::tls::Reader;

/// The cryptography of this process. It holds no secret of a call: it verifies, hashes, and seals records.
#[derive(Default)]
pub(crate) struct Crypto(OpenMlsRustCrypto);

impl Crypto {
    fn rust(&self) -> &RustCrypto {
        self.0.crypto()
    }

    /// Whether `signature` is Ed25519 by `key` over `content`.
    pub(crate) fn is_signed(&self, key: &[u8], content: &[u8], signature: &[u8]) -> bool {
        guarded(|| {
            self.rust()
                .verify_signature(SignatureScheme::ED25519, content, key, signature)
                .ok()
        })
        .is_some()
    }

    /// ChaCha20-Poly1305 (RFC 8439 §2.8) without associated data. One key must not see a nonce twice.
    pub(crate) fn seal(&self, key: &[u8; 32], nonce: &[u8; 12], text: &[u8]) -> Option<Vec<u8>> {
        self.rust()
            .aead_encrypt(AeadType::ChaCha20Poly1305, key, text, nonce, &[])
            .ok()
    }

    /// Opens what [`Crypto::seal`] made; `None` if it is not that.
    pub(crate) fn open(&self, key: &[u8; 32], nonce: &[u8; 12], ciphertext: &[u8]) -> Option<Vec<u8>> {
        self.rust()
            .aead_decrypt(AeadType::ChaCha20Poly1305, key, ciphertext, nonce, &[])
            .ok()
    }
}

/// Who has which leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    leaves: BTreeMap<LeafIndex, Leaf>,
    clients: BTreeMap<ClientId, LeafIndex>,
}

/// One member of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) client: ClientId,
    pub(crate) key: Vec<u8>,
}

impl Roster {
    /// `None` if a member has no pseudonym or two have the same.
    fn of(group: &PublicGroup) -> Option<Self> {
        let mut roster = Self::default();
        for member in group.members() {
            let client = client_of(member.credential.serialized_content())?;
            let leaf = LeafIndex(member.index.u32());
            if roster.clients.insert(client, leaf).is_some() {
                return None;
            }
            roster.leaves.insert(
                leaf,
                Leaf {
                    client,
                    key: member.signature_key,
                },
            );
        }
        Some(roster)
    }

    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn leaf(&self, leaf: LeafIndex) -> Option<&Leaf> {
        self.leaves.get(&leaf)
    }

    pub(crate) fn leaf_of(&self, client: &ClientId) -> Option<LeafIndex> {
        self.clients.get(client).copied()
    }

    pub(crate) fn has(&self, client: &ClientId) -> bool {
        self.clients.contains_key(client)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeafIndex, &Leaf)> {
        self.leaves.iter().map(|(leaf, member)| (*leaf, member))
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.leaves.values().map(|leaf| leaf.client)
    }

    pub(crate) fn key_is_used(&self, key: &[u8]) -> bool {
        self.leaves.values().any(|leaf| leaf.key == key)
    }
}

/// Everything public of one epoch of a group.
pub(crate) struct PublicState {
    group: PublicGroup,
    storage: MemoryStorage,
}

/// What an upload of a group must fit.
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) suite: Suite,
}

impl PublicState {
    /// Opens a group from an uploaded GroupInfo and ratchet tree; `None` if they are not valid for this room.
    pub(crate) fn open(
        crypto: &Crypto,
        room: &Room,
        group_info: &[u8],
        tree: &[u8],
    ) -> Option<(Self, Roster)> {
        guarded(|| {
            let message = MlsMessageIn::tls_deserialize_exact_bytes(group_info).ok()?;
            let MlsMessageBodyIn::GroupInfo(group_info) = message.extract() else {
                return None;
            };
            // Group ids are the room id and 16 bytes of the founder, so that no group fits two rooms.
            let id = group_info.group_id().as_slice();
            if id.len() != 2 * RoomId::LEN || !id.starts_with(room.id.as_bytes()) {
                return None;
            }
            if group_info.ciphersuite() != ciphersuite(room.suite) {
                return None;
            }
            let tree = RatchetTreeIn::tls_deserialize_exact_bytes(tree).ok()?;
            let storage = MemoryStorage::default();
            let (group, _) =
                PublicGroup::from_external(crypto.rust(), &storage, tree, group_info, ProposalStore::new())
                    .ok()?;
            // The server never proposes (no external senders may be named, not even another server).
            if group.group_context().extensions().external_senders().is_some() {
                return None;
            }
            let roster = Roster::of(&group)?;
            Some((Self { group, storage }, roster))
        })
    }

    pub(crate) fn group_id(&self) -> Blob {
        Blob::from(self.group.group_id().as_slice())
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.group.group_context().epoch().as_u64())
    }

    pub(crate) fn suite(&self) -> Ciphersuite {
        self.group.ciphersuite()
    }

    /// The confirmation tag as it is serialized: a length byte and the MAC.
    pub(crate) fn tag(&self) -> Option<Vec<u8>> {
        self.group.confirmation_tag().tls_serialize_detached().ok()
    }

    /// The ratchet tree as clients fetch it.
    pub(crate) fn tree(&self) -> Option<Vec<u8>> {
        self.group.export_ratchet_tree().tls_serialize_detached().ok()
    }

    /// The content of a group context extension.
    pub(crate) fn extension(&self, extension_type: u16) -> Option<&[u8]> {
        self.group
            .group_context()
            .extensions()
            .unknown(extension_type)
            .map(|unknown| unknown.0.as_slice())
    }

    /// Reads and verifies a commit, as far as somebody without the group's secrets can.
    pub(crate) fn process(&self, crypto: &Crypto, commit: &[u8]) -> Result<Candidate, ProcessError> {
        guarded(|| Some(self.process_unguarded(crypto, commit))).unwrap_or(Err(ProcessError::Invalid))
    }

    fn process_unguarded(&self, crypto: &Crypto, commit: &[u8]) -> Result<Candidate, ProcessError> {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(commit).map_err(|_| ProcessError::Invalid)?;
        let Ok(ProtocolMessage::PublicMessage(message)) = message.try_into_protocol_message() else {
            return Err(ProcessError::Invalid);
        };
        if message.group_id() != self.group.group_id() {
            return Err(ProcessError::Invalid);
        }
        if message.epoch() != self.group.group_context().epoch() {
            return Err(ProcessError::WrongEpoch);
        }
        let tag = message
            .confirmation_tag()
            .and_then(|tag| tag.tls_serialize_detached().ok())
            .ok_or(ProcessError::Invalid)?;
        let processed = self
            .group
            .process_message(crypto.rust(), ProtocolMessage::PublicMessage(message))
            .map_err(|_| ProcessError::Invalid)?;
        let sender = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(ProcessError::Invalid);
        };
        let author = match sender {
            Sender::Member(leaf) => Author::Member(LeafIndex(leaf.u32())),
            Sender::NewMemberCommit => {
                let leaf = self
                    .group
                    .ext_commit_sender_index(&staged)
                    .map_err(|_| ProcessError::Invalid)?;
                Author::External(LeafIndex(leaf.u32()))
            }
            Sender::External(_) | Sender::NewMemberProposal => return Err(ProcessError::Invalid),
        };
        Ok(Candidate { author, staged, tag })
    }

    /// The epoch after `candidate`, beside this one: a commit is tentative until a member confirmed it.
    pub(crate) fn after(&self, candidate: Candidate) -> Option<(Self, Roster)> {
        guarded(|| {
            // PublicGroup is not Clone; its storage is, and a group loaded from it is equal.
            let values = self.storage.values.read().ok()?.clone();
            let storage = MemoryStorage {
                values: values.into(),
            };
            let mut group = PublicGroup::load(&storage, self.group.group_id()).ok()??;
            group.merge_commit(&storage, *candidate.staged).ok()?;
            let roster = Roster::of(&group)?;
            Some((Self { group, storage }, roster))
        })
    }

    /// Whether `message` is the GroupInfo of this epoch, signed by `signer`.
    pub(crate) fn is_described_by(
        &self,
        crypto: &Crypto,
        message: &[u8],
        signer: LeafIndex,
        key: &[u8],
    ) -> bool {
        let check = || {
            let context = self.group.group_context().tls_serialize_detached().ok()?;
            let tag = self.tag()?;
            let tag = Reader::new(&tag).vector()?;
            let expected = Expected {
                context: &context,
                tag,
                signer: signer.0,
                key,
            };
            group_info::matches(crypto.rust(), message, &expected).then_some(())
        };
        guarded(check).is_some()
    }
}

/// Who made a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// A member with this leaf.
    Member(LeafIndex),
    /// Somebody who adds itself and will have this leaf.
    External(LeafIndex),
}

/// A commit that is valid MLS.
pub(crate) struct Candidate {
    pub(crate) author: Author,
    /// As [`PublicState::tag`].
    pub(crate) tag: Vec<u8>,
    staged: Box<StagedCommit>,
}

/// Why a commit is no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessError {
    WrongEpoch,
    Invalid,
}

/// What a commit does, in this crate's words.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// KeyPackageRefs.
    pub(crate) adds: Vec<Vec<u8>>,
    pub(crate) removes: Vec<LeafIndex>,
    /// Ids of external PSKs.
    pub(crate) psks: Vec<Vec<u8>>,
    /// Resumption PSKs.
    pub(crate) resumptions: usize,
    /// Proposals of any other type; ExternalInit is not counted for an external commit.
    pub(crate) others: usize,
    /// The author's leaf in the update path.
    pub(crate) path: Option<PathLeaf>,
}

/// The leaf that an update path puts in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathLeaf {
    pub(crate) client: Option<ClientId>,
    pub(crate) key: Vec<u8>,
}

impl Candidate {
    /// Lists what it changes; `None` if openmls fails on it.
    pub(crate) fn changes(&self, crypto: &Crypto) -> Option<Changes> {
        guarded(|| {
            let mut changes = Changes {
                path: self.staged.update_path_leaf_node().map(path_leaf),
                ..Changes::default()
            };
            for queued in self.staged.queued_proposals() {
                match queued.proposal() {
                    Proposal::Add(add) => {
                        let reference = add.key_package().hash_ref(crypto.rust()).ok()?;
                        changes.adds.push(reference.as_slice().to_vec());
                    }
                    Proposal::Remove(remove) => changes.removes.push(LeafIndex(remove.removed().u32())),
                    Proposal::PreSharedKey(psk) => match psk_id(&psk.tls_serialize_detached().ok()?)? {
                        PskId::External(id) => changes.psks.push(id),
                        PskId::Resumption => changes.resumptions += 1,
                    },
                    Proposal::ExternalInit(_) if matches!(self.author, Author::External(_)) => {}
                    _ => changes.others += 1,
                }
            }
            Some(changes)
        })
    }
}

fn path_leaf(leaf: &LeafNode) -> PathLeaf {
    PathLeaf {
        client: client_of(leaf.credential().serialized_content()),
        key: leaf.signature_key().as_slice().to_vec(),
    }
}

enum PskId {
    External(Vec<u8>),
    Resumption,
}

/// Reads the front of a PreSharedKeyID (RFC 9420 §8.4); openmls has no accessor for a proposal's.
fn psk_id(bytes: &[u8]) -> Option<PskId> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        1 => reader.vector().map(|id| PskId::External(id.to_vec())),
        2 => Some(PskId::Resumption),
        _ => None,
    }
}

/// A key package that is valid MLS.
pub(crate) struct ValidKeyPackage {
    pub(crate) reference: Vec<u8>,
    pub(crate) client: ClientId,
    pub(crate) key: Vec<u8>,
    /// Seconds between the ends of its lifetime.
    pub(crate) lifetime_s: u64,
}

impl ValidKeyPackage {
    /// Reads and verifies an MLSMessage with a KeyPackage of this suite; `None` for anything else.
    pub(crate) fn parse(crypto: &Crypto, suite: Ciphersuite, bytes: &[u8]) -> Option<Self> {
        guarded(|| {
            let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).ok()?;
            let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else {
                return None;
            };
            let key_package =
                KeyPackageIn::validate(key_package, crypto.rust(), ProtocolVersion::Mls10).ok()?;
            if key_package.ciphersuite() != suite || key_package.last_resort() {
                return None;
            }
            let lifetime = key_package.life_time();
            Some(Self {
                reference: key_package.hash_ref(crypto.rust()).ok()?.as_slice().to_vec(),
                client: client_of(key_package.leaf_node().credential().serialized_content())?,
                key: key_package.leaf_node().signature_key().as_slice().to_vec(),
                lifetime_s: lifetime.not_after().saturating_sub(lifetime.not_before()),
            })
        })
    }
}

/// Whether `bytes` are an MLSMessage with an application message of this group, and of which epoch.
pub(crate) fn application_epoch(group_id: &Blob, bytes: &[u8]) -> Option<Epoch> {
    guarded(|| {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).ok()?;
        let message = message.try_into_protocol_message().ok()?;
        let is_application =
            matches!(message, ProtocolMessage::PrivateMessage(_)) && !message.is_handshake_message();
        (is_application && message.group_id().as_slice() == group_id.as_slice())
            .then(|| Epoch(message.epoch().as_u64()))
    })
}

/// Whether `bytes` are an MLSMessage with a commit of somebody who adds itself.
pub(crate) fn is_external(bytes: &Blob) -> bool {
    let read = || {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes.as_slice()).ok()?;
        message
            .try_into_protocol_message()
            .ok()?
            .is_external()
            .then_some(())
    };
    guarded(read).is_some()
}

/// The suite a policy names.
pub(crate) fn ciphersuite(suite: Suite) -> Ciphersuite {
    match suite {
        Suite::PostQuantum => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
        Suite::Classic => Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn client_of(identity: &[u8]) -> Option<ClientId> {
    identity.try_into().ok().map(ClientId::new)
}

/// Runs openmls on hostile input; a panic counts as a refusal.
fn guarded<T>(step: impl FnOnce() -> Option<T>) -> Option<T> {
    // What is reachable from `step` is either read only or dropped on a panic.
    catch_unwind(AssertUnwindSafe(step)).ok().flatten()
}
