//! Who this session is: pseudonym, keys, and what goes into its leaf.

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{
    BasicCredential, CredentialWithKey, Extension, Extensions, LeafNode, OpenMlsProvider, OpenMlsRand as _,
    SignatureScheme, UnknownExtension,
};
use openmls_traits::signatures::{Signer, SignerError};
use zeroize::Zeroizing;

use crate::card::{self, CardLeaf, LongTerm};
use crate::encoding::ClientId;
use crate::error::SessionError;
use crate::group::store::Provider;
use crate::message::Ticket;
use crate::secrets::{HostKey, RoomKeys};
use crate::session::SessionConfig;
use crate::{admission, secrets, ticket};

/// This session's identity and the room's keys. Has no Debug.
pub(crate) struct Identity {
    pub(crate) client_id: ClientId,
    pub(crate) room_id: [u8; 16],
    pub(crate) keys: RoomKeys,
    display_name: String,
    /// Fresh per session, so that calls cannot be linked; kept for as long as the session, so that it can come back.
    leaf_key: LeafKey,
    long_term: LongTerm,
    /// What the link says of the room's host.
    host_key: Option<HostKey>,
    /// The ticket that lets this session's leaf into a group, with the group's id.
    ticket: Option<(Vec<u8>, Ticket)>,
}

impl Identity {
    /// Takes the name, derives the room keys and draws the leaf key.
    pub(crate) fn new(config: SessionConfig, host_key: Option<HostKey>) -> Result<Self, SessionError> {
        if config.display_name.is_empty() || config.display_name.len() > card::MAX_NAME {
            return Err(SessionError::BadName);
        }
        let random = Provider::default();
        let fresh = || -> Result<SigningKey, SessionError> {
            let seed = random
                .rand()
                .random_array::<32>()
                .map_err(|_| SessionError::Crypto)?;
            Ok(SigningKey::from_bytes(&Zeroizing::new(seed)))
        };
        let leaf_key = LeafKey(fresh()?);
        // Of this session only, until a device says that it is its own.
        let long_term_key = fresh()?;
        let statement = card::statement(&config.room_id, leaf_key.0.verifying_key().as_bytes());
        let long_term = LongTerm {
            public: long_term_key.verifying_key().to_bytes(),
            signature: long_term_key.sign(&statement).to_bytes(),
            remembered: false,
        };
        Ok(Self {
            client_id: ClientId(config.client_id),
            room_id: config.room_id,
            keys: RoomKeys::derive(&config.room_secret, &config.room_id)?,
            display_name: config.display_name,
            leaf_key,
            long_term,
            host_key,
            ticket: None,
        })
    }

    /// What the key of a device signs to be the long-term key of this session.
    pub(crate) fn device_statement(&self) -> Vec<u8> {
        card::statement(&self.room_id, &self.leaf_public())
    }

    /// Makes a device's key the long-term key; `BadDevice` when it did not sign the statement.
    pub(crate) fn set_device(&mut self, public: [u8; 32], signature: [u8; 64]) -> Result<(), SessionError> {
        let device = LongTerm {
            public,
            signature,
            remembered: true,
        };
        if !device.is_signed(&self.device_statement()) {
            return Err(SessionError::BadDevice);
        }
        self.long_term = device;
        Ok(())
    }

    /// The signer of everything this session says in MLS.
    pub(crate) fn signer(&self) -> &LeafKey {
        &self.leaf_key
    }

    /// The leaf's public signature key.
    pub(crate) fn leaf_public(&self) -> [u8; 32] {
        self.leaf_key.0.verifying_key().to_bytes()
    }

    /// The host key a group of this room must have, if its link names one.
    pub(crate) fn required_host(&self) -> Option<[u8; 32]> {
        self.host_key.as_ref().map(HostKey::public)
    }

    /// The key this session signs orders with: the room's host key if it has it, else that of its leaf.
    pub(crate) fn host_public(&self) -> [u8; 32] {
        let own = self.host_key.as_ref().filter(|key| key.signing().is_some());
        own.map_or_else(|| self.leaf_public(), HostKey::public)
    }

    /// Signs raw bytes with the key of [`Self::host_public`], and says which it is.
    pub(crate) fn sign_as_host(&self, payload: &[u8]) -> ([u8; 32], [u8; 64]) {
        let signing = self.host_key.as_ref().and_then(HostKey::signing);
        let signature = signing.map_or_else(
            || self.leaf_key.sign_raw(payload),
            |key| key.sign(payload).to_bytes(),
        );
        (self.host_public(), signature)
    }

    /// The MLS credential: the pseudonym, nothing else.
    pub(crate) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.client_id.0.to_vec()).into(),
            signature_key: self.leaf_public().to_vec().into(),
        }
    }

    /// Admission MAC and identity card for a leaf in `group_id`.
    pub(crate) fn leaf_extensions(
        &self,
        provider: &Provider,
        group_id: &[u8],
    ) -> Result<Extensions<LeafNode>, SessionError> {
        let leaf_key = self.leaf_public();
        let mut admission = admission::create(&self.keys, group_id, &leaf_key)?;
        if let Some(ticket) = self.ticket_for(group_id) {
            admission.extend(ticket::encode(ticket));
        }
        let card = self.card(provider, group_id)?;
        Extensions::from_vec(vec![
            Extension::Unknown(admission::EXTENSION, UnknownExtension(admission)),
            Extension::Unknown(card::EXTENSION, UnknownExtension(card)),
        ])
        .map_err(|_| SessionError::Crypto)
    }

    /// The identity card for a leaf in `group_id`.
    pub(crate) fn card(&self, provider: &Provider, group_id: &[u8]) -> Result<Vec<u8>, SessionError> {
        let nonce = provider.rand().random_array().map_err(|_| SessionError::Crypto)?;
        let leaf = CardLeaf {
            group_id,
            leaf_key: &self.leaf_public(),
        };
        card::seal(
            provider.crypto(),
            &self.keys,
            nonce,
            leaf,
            &self.display_name,
            &self.long_term,
        )
    }

    /// Keeps a ticket for this session's leaf in `group_id`.
    pub(crate) fn keep_ticket(&mut self, group_id: Vec<u8>, ticket: Ticket) {
        self.ticket = Some((group_id, ticket));
    }

    /// The ticket for `group_id`.
    pub(crate) fn ticket_for(&self, group_id: &[u8]) -> Option<&Ticket> {
        let (_, ticket) = self.ticket.as_ref().filter(|(group, _)| group == group_id)?;
        Some(ticket)
    }

    /// Whether the link says that the room has a lobby.
    pub(crate) fn requires_lobby(&self) -> bool {
        self.host_key.as_ref().is_some_and(HostKey::lobby)
    }

    /// Whether this session has the secret half of the room's host key.
    pub(crate) fn is_room_host(&self) -> bool {
        self.host_key.as_ref().is_some_and(|key| key.signing().is_some())
    }

    /// A new crypto provider whose store holds the room PSK. One per group object: dropping it forgets everything.
    pub(crate) fn provider(&self) -> Result<Provider, SessionError> {
        use openmls::schedule::PreSharedKeyId;
        let provider = Provider::default();
        PreSharedKeyId::external(secrets::psk_id(), Vec::new())
            .store(&provider, self.keys.psk())
            .map_err(|_| SessionError::Crypto)?;
        Ok(provider)
    }
}

/// The leaf's Ed25519 key, zeroized on drop. Has no Debug.
pub(crate) struct LeafKey(SigningKey);

impl LeafKey {
    /// Signs raw bytes (decisions of a host without a key of its own).
    pub(crate) fn sign_raw(&self, payload: &[u8]) -> [u8; 64] {
        self.0.sign(payload).to_bytes()
    }
}

impl Signer for LeafKey {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.sign_raw(payload).to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
