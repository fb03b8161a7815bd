//! SRTP and SRTCP in place: opening what a peer sent and sealing what goes to it.
//!
//! RFC 3711, with AEAD_AES_128_GCM (RFC 7714) and AES128_CM_HMAC_SHA1_80 as the fallback. A packet
//! index is claimed before it is sealed and a claim cannot be copied, so that no (key, SSRC, index) is
//! ever used for two different packets.

mod cipher;
mod index;
mod open;
mod seal;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the values are small or meant to wrap"
)]
mod tests;

pub use open::SrtpReceiver;
pub use seal::SrtpSender;

use zeroize::ZeroizeOnDrop;

/// Bytes a sealed RTP packet may be longer than its plaintext.
pub const RTP_OVERHEAD: usize = 16;
/// Bytes a sealed RTCP packet may be longer than its plaintext: tag and index word.
pub const RTCP_OVERHEAD: usize = 20;
/// How far behind the newest packet of a source a late one may be, in packets. The usual 64 is too
/// small for retransmissions.
pub const REPLAY_WINDOW: u64 = 1024;

/// A protection profile (RFC 7714 §12, RFC 5764 §4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// AEAD_AES_128_GCM, 0x0007.
    AeadAes128Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80, 0x0001: the fallback.
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// Length of the master key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        16
    }

    /// Length of the master salt in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 12,
            Self::Aes128CmHmacSha1_80 => 14,
        }
    }
}

/// Master key and salt of one direction. No `Debug`.
#[derive(ZeroizeOnDrop)]
pub struct MasterKey {
    key: [u8; 16],
    /// A 12-byte salt is followed by two zero bytes, as its key derivation wants (RFC 7714 §11).
    salt: [u8; 14],
}

impl MasterKey {
    /// Takes key and salt in the lengths `profile` asks for; `None` for any other length.
    #[must_use]
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Self> {
        if salt.len() != profile.salt_len() {
            return None;
        }
        let mut padded = [0u8; 14];
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Self {
            key: key.try_into().ok()?,
            salt: padded,
        })
    }
}

/// The keys of both directions, from the server's end.
pub struct SrtpKeys {
    /// The profile they are for.
    pub profile: Profile,
    /// What the client seals with.
    pub client: MasterKey,
    /// What the server seals with.
    pub server: MasterKey,
}

impl SrtpKeys {
    /// How much keying material `profile` takes from the exporter, in bytes (RFC 5764 §4.2).
    #[must_use]
    pub const fn exported_len(profile: Profile) -> usize {
        2 * (profile.key_len() + profile.salt_len())
    }

    /// Splits the exporter's output: client key, server key, client salt, server salt. `None` when it
    /// has another length than [`Self::exported_len`].
    #[must_use]
    pub fn from_exported(profile: Profile, material: &[u8]) -> Option<Self> {
        let (client_key, rest) = material.split_at_checked(profile.key_len())?;
        let (server_key, rest) = rest.split_at_checked(profile.key_len())?;
        let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len())?;
        Some(Self {
            profile,
            client: MasterKey::new(profile, client_key, client_salt)?,
            server: MasterKey::new(profile, server_key, server_salt)?,
        })
    }
}

/// Keys that the crypto library does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SRTP keys could not be set up")]
pub struct KeyError;

/// Why a packet was not opened. To be counted and dropped; says nothing to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not an RTP or RTCP packet, or too short to carry a tag.
    #[error("malformed SRTP packet")]
    Malformed,
    /// The tag does not verify.
    #[error("SRTP authentication failed")]
    Authentication,
    /// Seen before, or older than the replay window.
    #[error("replayed SRTP packet")]
    Replay,
    /// More sources than a peer may have.
    #[error("too many SRTP sources")]
    TooManySources,
    /// An SRTCP packet that is not encrypted.
    #[error("unencrypted SRTCP packet")]
    Unencrypted,
}

/// Why a packet was not sealed. The caller's fault, except `Exhausted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not an RTP or RTCP packet.
    #[error("malformed packet to seal")]
    Malformed,
    /// The buffer has no room for the tag.
    #[error("no room for the SRTP tag")]
    NoRoom,
    /// This index was sealed before, or is too old to know: sealing it again would reuse a nonce.
    #[error("SRTP index was already used")]
    IndexReused,
    /// More sources than a peer may be sent.
    #[error("too many SRTP sources")]
    TooManySources,
    /// The index space of the key is used up.
    #[error("SRTP key is exhausted")]
    Exhausted,
    /// The cipher refused.
    #[error("SRTP cipher failed")]
    Cipher,
    /// No keys yet: the handshake has not finished.
    #[error("the peer is not connected")]
    NotConnected,
}
