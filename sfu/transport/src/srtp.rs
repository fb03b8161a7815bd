//! SRTP and SRTCP in place: opening what a peer sent and sealing what goes to it.

use zeroize::ZeroizeOnDrop;

/// Bytes a sealed RTP packet may be longer than its plaintext.
pub const RTP_OVERHEAD: usize = 16;
/// Bytes a sealed RTCP packet may be longer than its plaintext: tag and index word.
pub const RTCP_OVERHEAD: usize = 20;

/// A protection profile (RFC 7714 §12, RFC 5764 §4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// AEAD_AES_128_GCM, 0x0007.
    AeadAes128Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80, 0x0001: the fallback.
    Aes128CmHmacSha1_80,
}

/// Master key and salt of one direction. No `Debug`.
#[derive(ZeroizeOnDrop)]
pub struct MasterKey {
    key: [u8; 16],
    salt: [u8; 14],
}

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
