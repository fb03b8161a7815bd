//! Checks an uploaded GroupInfo against the epoch it claims to describe (RFC 9420 §12.4.3).
//!
//! The server cannot compute a confirmation tag, but it can see that the GroupInfo repeats the context and the tag of
//! the commit beside it and is signed by the committer. A stale or foreign one would send every later external
//! commit into a wall.

use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::SignatureScheme;

use super::tls::{Reader, put_vector};

const VERSION_MLS10: u16 = 1;
const WIRE_FORMAT_GROUP_INFO: u16 = 4;
const MESSAGE_HEADER: usize = 4;
const SIGN_LABEL: &[u8] = b"MLS 1.0 GroupInfoTBS";

/// What a GroupInfo must say.
pub(crate) struct Expected<'a> {
    /// The serialized GroupContext of its epoch.
    pub(crate) context: &'a [u8],
    /// The confirmation tag of its epoch.
    pub(crate) tag: &'a [u8],
    /// The leaf that signs it.
    pub(crate) signer: u32,
    /// That leaf's Ed25519 key.
    pub(crate) key: &'a [u8],
}

/// Whether `message` is an MLSMessage with exactly the expected GroupInfo.
pub(crate) fn matches(crypto: &impl OpenMlsCrypto, message: &[u8], expected: &Expected<'_>) -> bool {
    check(crypto, message, expected).is_some()
}

fn check(crypto: &impl OpenMlsCrypto, message: &[u8], expected: &Expected<'_>) -> Option<()> {
    let mut reader = Reader::new(message);
    let is_group_info = reader.u16()? == VERSION_MLS10 && reader.u16()? == WIRE_FORMAT_GROUP_INFO;
    let context = reader.take(expected.context.len())?;
    let _extensions = reader.vector()?;
    let tag = reader.vector()?;
    let signer = reader.u32()?;
    let signed = message.get(MESSAGE_HEADER..message.len().checked_sub(reader.remaining())?)?;
    let signature = reader.vector()?;
    let fits = is_group_info
        && context == expected.context
        && tag == expected.tag
        && signer == expected.signer
        && reader.is_empty();
    if !fits {
        return None;
    }
    // SignContent (RFC 9420 §5.1.2).
    let mut content = Vec::with_capacity(signed.len() + 32);
    put_vector(&mut content, SIGN_LABEL)?;
    put_vector(&mut content, signed)?;
    crypto
        .verify_signature(SignatureScheme::ED25519, &content, expected.key, signature)
        .ok()
}
