//! Where openmls keeps what it reads again: key packages, PSKs and the private keys of paths, in memory.
//!
//! It would also write the whole group after every step, tree and secrets, as JSON: in a group of a thousand more than
//! half the work of a commit, and a second copy of every secret. Only `MlsGroup::load` reads that, which nobody calls: a
//! group lives as long as its session.

use openmls_rust_crypto::{MemoryStorage, MemoryStorageError, RustCrypto};
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::traits::{
    ConfirmationTag, EncryptionKey, EpochKey, GroupContext, GroupEpochSecrets, GroupId, GroupState,
    HashReference, HpkeKeyPair, InterimTranscriptHash, KeyPackage, LeafNode, LeafNodeIndex, MessageSecrets,
    MlsGroupJoinConfig, ProposalRef, PskBundle, PskId, QueuedProposal, ResumptionPskStore, SignatureKeyPair,
    SignaturePublicKey, TreeSync,
};
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider};

/// The cryptography of a group and its store. Has no Debug.
#[derive(Default)]
pub(crate) struct Provider {
    crypto: RustCrypto,
    store: Store,
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = Store;

    fn storage(&self) -> &Store {
        &self.store
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &RustCrypto {
        &self.crypto
    }
}

/// The store. Has no Debug.
#[derive(Default)]
pub(crate) struct Store(MemoryStorage);

/// What openmls reads again.
macro_rules! kept {
    ($($name:ident<$($generic:ident: $bound:ident),*>($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name<$($generic: $bound<CURRENT_VERSION>),*>(&self, $($argument: $type),*) -> Result<$result, Self::Error> {
            StorageProvider::$name::<$($generic),*>(&self.0, $($argument),*)
        }
    )*};
}

/// What only a group that is loaded anew would read.
macro_rules! not_kept {
    ($($name:ident<$($generic:ident: $bound:ident),*>($($argument:ident: $type:ty),*) -> ();)*) => {$(
        fn $name<$($generic: $bound<CURRENT_VERSION>),*>(&self, $(_: $type),*) -> Result<(), Self::Error> {
            Ok(())
        }
    )*};
}

impl StorageProvider<CURRENT_VERSION> for Store {
    type Error = MemoryStorageError;

    not_kept! {
        write_mls_join_config<A: GroupId, B: MlsGroupJoinConfig>(group_id: &A, config: &B) -> ();
        append_own_leaf_node<A: GroupId, B: LeafNode>(group_id: &A, leaf_node: &B) -> ();
        write_tree<A: GroupId, B: TreeSync>(group_id: &A, tree: &B) -> ();
        write_interim_transcript_hash<A: GroupId, B: InterimTranscriptHash>(group_id: &A, interim_transcript_hash: &B) -> ();
        write_context<A: GroupId, B: GroupContext>(group_id: &A, group_context: &B) -> ();
        write_confirmation_tag<A: GroupId, B: ConfirmationTag>(group_id: &A, confirmation_tag: &B) -> ();
        write_group_state<A: GroupState, B: GroupId>(group_id: &B, group_state: &A) -> ();
        write_message_secrets<A: GroupId, B: MessageSecrets>(group_id: &A, message_secrets: &B) -> ();
        write_resumption_psk_store<A: GroupId, B: ResumptionPskStore>(group_id: &A, resumption_psk_store: &B) -> ();
        write_own_leaf_index<A: GroupId, B: LeafNodeIndex>(group_id: &A, own_leaf_index: &B) -> ();
        write_group_epoch_secrets<A: GroupId, B: GroupEpochSecrets>(group_id: &A, group_epoch_secrets: &B) -> ();
    }

    kept! {
        queue_proposal<A: GroupId, B: ProposalRef, C: QueuedProposal>(group_id: &A, proposal_ref: &B, proposal: &C) -> ();
        write_signature_key_pair<A: SignaturePublicKey, B: SignatureKeyPair>(public_key: &A, signature_key_pair: &B) -> ();
        write_encryption_key_pair<A: EncryptionKey, B: HpkeKeyPair>(public_key: &A, key_pair: &B) -> ();
        write_encryption_epoch_key_pairs<A: GroupId, B: EpochKey, C: HpkeKeyPair>(group_id: &A, epoch: &B, leaf_index: u32, key_pairs: &[C]) -> ();
        write_key_package<A: HashReference, B: KeyPackage>(hash_ref: &A, key_package: &B) -> ();
        write_psk<A: PskId, B: PskBundle>(psk_id: &A, psk: &B) -> ();
        mls_group_join_config<A: GroupId, B: MlsGroupJoinConfig>(group_id: &A) -> Option<B>;
        own_leaf_nodes<A: GroupId, B: LeafNode>(group_id: &A) -> Vec<B>;
        queued_proposal_refs<A: GroupId, B: ProposalRef>(group_id: &A) -> Vec<B>;
        queued_proposals<A: GroupId, B: ProposalRef, C: QueuedProposal>(group_id: &A) -> Vec<(B, C)>;
        tree<A: GroupId, B: TreeSync>(group_id: &A) -> Option<B>;
        group_context<A: GroupId, B: GroupContext>(group_id: &A) -> Option<B>;
        interim_transcript_hash<A: GroupId, B: InterimTranscriptHash>(group_id: &A) -> Option<B>;
        confirmation_tag<A: GroupId, B: ConfirmationTag>(group_id: &A) -> Option<B>;
        group_state<A: GroupState, B: GroupId>(group_id: &B) -> Option<A>;
        message_secrets<A: GroupId, B: MessageSecrets>(group_id: &A) -> Option<B>;
        resumption_psk_store<A: GroupId, B: ResumptionPskStore>(group_id: &A) -> Option<B>;
        own_leaf_index<A: GroupId, B: LeafNodeIndex>(group_id: &A) -> Option<B>;
        group_epoch_secrets<A: GroupId, B: GroupEpochSecrets>(group_id: &A) -> Option<B>;
        signature_key_pair<A: SignaturePublicKey, B: SignatureKeyPair>(public_key: &A) -> Option<B>;
        encryption_key_pair<A: HpkeKeyPair, B: EncryptionKey>(public_key: &B) -> Option<A>;
        encryption_epoch_key_pairs<A: GroupId, B: EpochKey, C: HpkeKeyPair>(group_id: &A, epoch: &B, leaf_index: u32) -> Vec<C>;
        key_package<A: HashReference, B: KeyPackage>(hash_ref: &A) -> Option<B>;
        psk<A: PskBundle, B: PskId>(psk_id: &B) -> Option<A>;
        remove_proposal<A: GroupId, B: ProposalRef>(group_id: &A, proposal_ref: &B) -> ();
        delete_own_leaf_nodes<A: GroupId>(group_id: &A) -> ();
        delete_group_config<A: GroupId>(group_id: &A) -> ();
        delete_tree<A: GroupId>(group_id: &A) -> ();
        delete_confirmation_tag<A: GroupId>(group_id: &A) -> ();
        delete_group_state<A: GroupId>(group_id: &A) -> ();
        delete_context<A: GroupId>(group_id: &A) -> ();
        delete_interim_transcript_hash<A: GroupId>(group_id: &A) -> ();
        delete_message_secrets<A: GroupId>(group_id: &A) -> ();
        delete_all_resumption_psk_secrets<A: GroupId>(group_id: &A) -> ();
        delete_own_leaf_index<A: GroupId>(group_id: &A) -> ();
        delete_group_epoch_secrets<A: GroupId>(group_id: &A) -> ();
        clear_proposal_queue<A: GroupId, B: ProposalRef>(group_id: &A) -> ();
        delete_signature_key_pair<A: SignaturePublicKey>(public_key: &A) -> ();
        delete_encryption_key_pair<A: EncryptionKey>(public_key: &A) -> ();
        delete_encryption_epoch_key_pairs<A: GroupId, B: EpochKey>(group_id: &A, epoch: &B, leaf_index: u32) -> ();
        delete_key_package<A: HashReference>(hash_ref: &A) -> ();
        delete_psk<A: PskId>(psk_id: &A) -> ();
    }
}
