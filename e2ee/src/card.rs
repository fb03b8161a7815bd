//! Identity cards: a member's name and long-term key, readable with the room secret only (extension 0xF0A2).

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use openmls::prelude::{AeadType, OpenMlsCrypto};

use crate::error::SessionError;
use crate::secrets::RoomKeys;

/// Type of the leaf extension.
pub(crate) const EXTENSION: u16 = 0xF0A2;
/// Longest display name in bytes. Cards are padded to it, so that their length tells nothing.
pub(crate) const MAX_NAME: usize = 128;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const PLAINTEXT: usize = 2 + MAX_NAME + 32 + 64;
const TAG: usize = 16;

/// An opened card.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) display_name: String,
    pub(crate) long_term_key: [u8; 32],
}

/// The leaf a card belongs to.
#[derive(Clone, Copy)]
pub(crate) struct CardLeaf<'a> {
    pub(crate) group_id: &'a [u8],
    pub(crate) leaf_key: &'a [u8],
}

impl CardLeaf<'_> {
    /// `"conclave card" ‖ group_id ‖ leaf signature key`: signed by the long-term key, and the AEAD's additional data.
    fn binding(&self) -> Vec<u8> {
        [b"conclave card".as_slice(), self.group_id, self.leaf_key].concat()
    }
}

/// `nonce ‖ AES-256-GCM(card key, version ‖ length ‖ name padded to 128 ‖ long-term key ‖ its signature)`.
pub(crate) fn seal(
    crypto: &impl OpenMlsCrypto,
    keys: &RoomKeys,
    nonce: [u8; NONCE],
    leaf: CardLeaf<'_>,
    display_name: &str,
    long_term: &SigningKey,
) -> Result<Vec<u8>, SessionError> {
    let name = display_name.as_bytes();
    let length = u8::try_from(name.len()).map_err(|_| SessionError::BadName)?;
    let padding = MAX_NAME.checked_sub(name.len()).ok_or(SessionError::BadName)?;
    let binding = leaf.binding();
    let mut plaintext = Vec::with_capacity(PLAINTEXT);
    plaintext.extend([VERSION, length]);
    plaintext.extend(name);
    plaintext.resize(plaintext.len() + padding, 0);
    plaintext.extend(long_term.verifying_key().as_bytes());
    plaintext.extend(long_term.sign(&binding).to_bytes());
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
    parse(&plaintext, &binding)
}

pub(crate) fn parse(plaintext: &[u8], binding: &[u8]) -> Option<Card> {
    let (&[version, length], rest) = plaintext.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(MAX_NAME)?;
    let (long_term, signature) = rest.split_first_chunk::<32>()?;
    if version != VERSION {
        return None;
    }
    let (name, padding) = name.split_at_checked(usize::from(length))?;
    if padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    let display_name = std::str::from_utf8(name).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    VerifyingKey::from_bytes(long_term)
        .ok()?
        .verify_strict(binding, &signature)
        .ok()?;
    Some(Card {
        display_name: display_name.to_owned(),
        long_term_key: *long_term,
    })
}

#[cfg(test)]
mod tests {
    use openmls::prelude::OpenMlsProvider as _;
    use openmls_rust_crypto::OpenMlsRustCrypto;

    use super::*;
    use crate::secrets::RoomSecret;

    const LEAF: CardLeaf<'_> = CardLeaf {
        group_id: b"group",
        leaf_key: &[5; 32],
    };

    fn sealed(name: &str) -> (OpenMlsRustCrypto, RoomKeys, Vec<u8>) {
        let provider = OpenMlsRustCrypto::default();
        let keys = RoomKeys::derive(&RoomSecret::new([1; 32]), &[2; 16]).unwrap();
        let long_term = SigningKey::from_bytes(&[7; 32]);
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
        assert!(!sealed.windows(3).any(|window| window == b"Ada"));
        let stranger = RoomKeys::derive(&RoomSecret::new([8; 32]), &[2; 16]).unwrap();
        assert!(open(provider.crypto(), &stranger, LEAF, &sealed).is_none());
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
