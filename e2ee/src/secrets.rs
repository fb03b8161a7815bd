//! The secret in the link and the keys derived from it.

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::encoding;
use crate::error::SessionError;

/// The secret in the link: 32 bytes, never sent. Has no Debug.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RoomSecret([u8; 32]);

impl RoomSecret {
    /// Wraps raw bytes.
    pub fn new(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// Reads the base64url text in a link's fragment.
    pub fn parse(text: &str) -> Option<Self> {
        encoding::decode_array(text).map(Self)
    }
}

/// The key that decides in a room, as its link names it; whoever made the room has the secret half. Has no Debug.
pub struct HostKey {
    public: [u8; 32],
    signing: Option<SigningKey>,
    lobby: bool,
}

impl HostKey {
    /// Somebody else's: the public key in a link (RFC 8032 §5.1.5).
    pub fn of_link(public: [u8; 32]) -> Self {
        Self {
            public,
            signing: None,
            lobby: false,
        }
    }

    /// One's own, from its seed.
    pub fn own(seed: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&Zeroizing::new(seed));
        Self {
            public: signing.verifying_key().to_bytes(),
            signing: Some(signing),
            lobby: false,
        }
    }

    /// The same for a link that says whether the room has a lobby: whoever is new then needs a host's ticket.
    #[must_use]
    pub fn with_lobby(self, lobby: bool) -> Self {
        Self { lobby, ..self }
    }

    pub(crate) fn lobby(&self) -> bool {
        self.lobby
    }

    /// The public half, for the link.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    pub(crate) fn signing(&self) -> Option<&SigningKey> {
        self.signing.as_ref()
    }
}

/// Which room secret a room uses; raised when the secret is changed.
pub(crate) const ROOM_SECRET_VERSION: u8 = 1;

/// What everybody with the link can derive. Has no Debug.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct RoomKeys {
    psk: [u8; 32],
    admission: [u8; 32],
    card: [u8; 32],
}

impl RoomKeys {
    /// `HKDF-Expand(HKDF-Extract("conclave/1", room_secret), label ‖ room_id ‖ version, 32)`.
    pub(crate) fn derive(secret: &RoomSecret, room_id: &[u8; 16]) -> Result<Self, SessionError> {
        let prk = Hkdf::<Sha256>::new(Some(b"conclave/1"), &secret.0);
        let expand = |label: &[u8]| {
            let mut key = [0; 32];
            prk.expand_multi_info(&[label, room_id, &[ROOM_SECRET_VERSION]], &mut key)
                .map(|()| key)
                .map_err(|_| SessionError::Crypto)
        };
        Ok(Self {
            psk: expand(b"mls psk")?,
            admission: expand(b"admission")?,
            card: expand(b"card")?,
        })
    }

    /// The pre-shared key of every adding and external commit.
    pub(crate) fn psk(&self) -> &[u8; 32] {
        &self.psk
    }

    /// The key of admission MACs.
    pub(crate) fn admission(&self) -> &[u8; 32] {
        &self.admission
    }

    /// The key of identity cards.
    pub(crate) fn card(&self) -> &[u8; 32] {
        &self.card
    }
}

/// The MLS id of the room PSK: `"conclave-room" ‖ version`.
pub(crate) fn psk_id() -> Vec<u8> {
    let mut id = b"conclave-room".to_vec();
    id.push(ROOM_SECRET_VERSION);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_room_and_secret_gives_another_key() {
        let keys = RoomKeys::derive(&RoomSecret::new([1; 32]), &[2; 16]).unwrap();
        assert_ne!(keys.psk, keys.admission);
        assert_ne!(keys.psk, keys.card);
        let other_room = RoomKeys::derive(&RoomSecret::new([1; 32]), &[3; 16]).unwrap();
        assert_ne!(keys.psk, other_room.psk);
        let other_secret = RoomKeys::derive(&RoomSecret::new([4; 32]), &[2; 16]).unwrap();
        assert_ne!(keys.psk, other_secret.psk);
    }

    #[test]
    fn a_room_secret_of_another_length_is_refused() {
        assert!(RoomSecret::parse(&encoding::encode(&[1; 32])).is_some());
        assert!(RoomSecret::parse(&encoding::encode(&[1; 31])).is_none());
        assert!(RoomSecret::parse("").is_none());
    }
}
