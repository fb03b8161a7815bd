//! Identity cards: a member's name and long-term key, readable with the room secret only (extension 0xF0A2).

use ed25519_dalek::{Signature, VerifyingKey};
use openmls::prelude::{AeadType, OpenMlsCrypto};

use crate::error::SessionError;
use crate::secrets::RoomKeys;

/// Type of the leaf extension.
pub(crate) const EXTENSION: u16 = 0xF0A2;
/// Longest display name in bytes. Cards are padded to it, so that their length tells nothing.
pub(crate) const MAX_NAME: usize = 128;

const VERSION: u8 = 2;
const NONCE: usize = 12;
const PLAINTEXT: usize = 3 + MAX_NAME + 32 + 64;
const TAG: usize = 16;
const ROOM_ID: usize = 16;

/// The long-term key is that of a device which keeps it for later calls; otherwise it is of this session only.
const FLAG_REMEMBERED: u8 = 1;

/// An opened card.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) display_name: String,
    pub(crate) long_term_key: [u8; 32],
    pub(crate) remembered: bool,
}

/// A long-term key's word for a leaf key. The signature is made once for a session, so that a key can make it that gives
/// nothing but signatures, and those in its own time.
#[derive(Clone)]
pub(crate) struct LongTerm {
    pub(crate) public: [u8; 32],
    pub(crate) signature: [u8; 64],
    /// Whether the key stays for later calls.
    pub(crate) remembered: bool,
}

impl LongTerm {
    /// Whether the key signed [`statement`].
    pub(crate) fn is_signed(&self, statement: &[u8]) -> bool {
        VerifyingKey::from_bytes(&self.public)
            .and_then(|key| key.verify_strict(statement, &Signature::from_bytes(&self.signature)))
            .is_ok()
    }
}

/// What a long-term key signs: `"conclave device" ‖ room_id ‖ leaf signature key`.
pub(crate) fn statement(room_id: &[u8], leaf_key: &[u8]) -> Vec<u8> {
    [b"conclave device".as_slice(), room_id, leaf_key].concat()
}

/// The leaf a card belongs to.
#[derive(Clone, Copy)]
pub(crate) struct CardLeaf<'a> {
    pub(crate) group_id: &'a [u8],
    pub(crate) leaf_key: &'a [u8],
}

impl CardLeaf<'_> {
    /// `"conclave card" ‖ group_id ‖ leaf signature key`: the AEAD's additional data.
    fn binding(&self) -> Vec<u8> {
        [b"conclave card".as_slice(), self.group_id, self.leaf_key].concat()
    }

    /// What the long-term key signed; a group id begins with its room's.
    fn statement(&self) -> Vec<u8> {
        let room_id = self.group_id.first_chunk::<ROOM_ID>();
        statement(room_id.map_or(self.group_id, |room_id| room_id), self.leaf_key)
    }
}

/// `nonce ‖ AES-256-GCM(card key, version ‖ flags ‖ length ‖ name padded to 128 ‖ long-term key ‖ its signature)`.
pub(crate) fn seal(
    crypto: &impl OpenMlsCrypto,
    keys: &RoomKeys,
    nonce: [u8; NONCE],
    leaf: CardLeaf<'_>,
    display_name: &str,
    long_term: &LongTerm,
) -> Result<Vec<u8>, SessionError> {
    let name = display_name.as_bytes();
    let length = u8::try_from(name.len()).map_err(|_| SessionError::BadName)?;
    let padding = MAX_NAME.checked_sub(name.len()).ok_or(SessionError::BadName)?;
    let binding = leaf.binding();
    let mut plaintext = Vec::with_capacity(PLAINTEXT);
    let flags = if long_term.remembered { FLAG_REMEMBERED } else { 0 };
    plaintext.extend([VERSION, flags, length]);
    plaintext.extend(name);
    plaintext.resize(plaintext.len() + padding, 0);
    plaintext.extend(long_term.public);
    plaintext.extend(long_term.signature);
    let sealed = crypto
        .aead_encrypt(AeadType::Aes256Gcm, keys.card(), &plaintext, &nonce, &binding)
        .map_err(|_| SessionError::Crypto)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens a card and checks the long-term key's signature over the leaf; `None` when anything is wrong.
pub(crate) fn open(
    crypto: &impl OpenMlsCrypto,
    keys: &RoomKeys,
    leaf: CardLeaf<'_>,
    sealed: &[u8],
) -> Option<Card> {
    if sealed.len() != NONCE + PLAINTEXT + TAG {
        return None;
    }
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE)?;
    let binding = leaf.binding();
    let plaintext = crypto
        .aead_decrypt(AeadType::Aes256Gcm, keys.card(), ciphertext, nonce, &binding)
        .ok()?;
    parse(&plaintext, &leaf.statement())
}

pub(crate) fn parse(plaintext: &[u8], statement: &[u8]) -> Option<Card> {
    let (&[version, flags, length], rest) = plaintext.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(MAX_NAME)?;
    let (public, signature) = rest.split_first_chunk::<32>()?;
    if version != VERSION || flags & !FLAG_REMEMBERED != 0 {
        return None;
    }
    let (name, padding) = name.split_at_checked(usize::from(length))?;
    if padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    let display_name = std::str::from_utf8(name).ok()?;
    let long_term = LongTerm {
        public: *public,
        signature: signature.try_into().ok()?,
        remembered: flags == FLAG_REMEMBERED,
    };
    long_term.is_signed(statement).then(|| Card {
        display_name: display_name.to_owned(),
        long_term_key: long_term.public,
        remembered: long_term.remembered,
    })
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use openmls::prelude::OpenMlsProvider as _;
    use openmls_rust_crypto::OpenMlsRustCrypto;

    use super::*;
    use crate::secrets::RoomSecret;

    const LEAF: CardLeaf<'_> = CardLeaf {
        group_id: b"group",
        leaf_key: &[5; 32],
    };

    /// A remembered key's word for a leaf.
    fn signed(leaf: &CardLeaf<'_>) -> LongTerm {
        let key = SigningKey::from_bytes(&[7; 32]);
        LongTerm {
            public: key.verifying_key().to_bytes(),
            signature: key.sign(&leaf.statement()).to_bytes(),
            remembered: true,
        }
    }

    fn sealed(name: &str) -> (OpenMlsRustCrypto, RoomKeys, Vec<u8>) {
        let provider = OpenMlsRustCrypto::default();
        let keys = RoomKeys::derive(&RoomSecret::new([1; 32]), &[2; 16]).unwrap();
        let long_term = signed(&LEAF);
        let sealed = seal(provider.crypto(), &keys, [9; NONCE], LEAF, name, &long_term).unwrap();
        (provider, keys, sealed)
    }

    #[test]
    fn the_room_reads_the_name_and_nobody_else_does() {
        let (provider, keys, sealed) = sealed("Ada Lovelace");
        let card = open(provider.crypto(), &keys, LEAF, &sealed).unwrap();
        assert_eq!(card.display_name, "Ada Lovelace");
        assert_eq!(
            card.long_term_key,
            SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes()
        );
        assert!(card.remembered);
        assert!(!sealed.windows(3).any(|window| window == b"Ada"));
        let stranger = RoomKeys::derive(&RoomSecret::new([8; 32]), &[2; 16]).unwrap();
        assert!(open(provider.crypto(), &stranger, LEAF, &sealed).is_none());
    }

    #[test]
    fn a_long_term_key_speaks_for_its_own_leaf_only() {
        let provider = OpenMlsRustCrypto::default();
        let keys = RoomKeys::derive(&RoomSecret::new([1; 32]), &[2; 16]).unwrap();
        let other_leaf = CardLeaf {
            leaf_key: &[6; 32],
            ..LEAF
        };
        let other_room = CardLeaf {
            group_id: b"another room",
            ..LEAF
        };
        for (stolen, opens) in [(LEAF, true), (other_leaf, false), (other_room, false)] {
            // Somebody with the room secret seals another's signature into a card for a leaf of their own.
            let sealed = seal(
                provider.crypto(),
                &keys,
                [9; NONCE],
                LEAF,
                "Ada",
                &signed(&stolen),
            )
            .unwrap();
            assert_eq!(open(provider.crypto(), &keys, LEAF, &sealed).is_some(), opens);
        }
    }

    #[test]
    fn a_card_moved_to_another_leaf_or_group_does_not_open() {
        let (provider, keys, sealed) = sealed("Ada");
        let other_leaf = CardLeaf {
            leaf_key: &[6; 32],
            ..LEAF
        };
        let other_group = CardLeaf {
            group_id: b"other",
            ..LEAF
        };
        assert!(open(provider.crypto(), &keys, other_leaf, &sealed).is_none());
        assert!(open(provider.crypto(), &keys, other_group, &sealed).is_none());
    }

    #[test]
    fn the_length_of_a_card_does_not_tell_the_length_of_the_name() {
        assert_eq!(sealed("A").2.len(), sealed(&"long name ".repeat(12)).2.len());
    }

    #[test]
    fn a_changed_card_does_not_open() {
        let (provider, keys, sealed) = sealed("Ada");
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(open(provider.crypto(), &keys, LEAF, &changed).is_none());
        }
    }
}
