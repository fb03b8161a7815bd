//! The admission MAC in a leaf: proof that its owner has the room secret (extension 0xF0A1).

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::SessionError;
use crate::secrets::RoomKeys;

/// Type of the leaf extension.
pub(crate) const EXTENSION: u16 = 0xF0A1;
/// Length of the MAC in bytes.
const LENGTH: usize = 16;

/// `HMAC-SHA256(admission key, "conclave adm" ‖ group_id ‖ leaf signature key)`, the first 16 bytes.
pub(crate) fn create(keys: &RoomKeys, group_id: &[u8], leaf_key: &[u8]) -> Result<Vec<u8>, SessionError> {
    let mac = mac(keys, group_id, leaf_key)?;
    Ok(mac.finalize().into_bytes().iter().take(LENGTH).copied().collect())
}

/// The MAC and what stands behind it in a leaf: nothing, or a lobby ticket.
pub(crate) fn split(extension: &[u8]) -> (&[u8], &[u8]) {
    extension.split_at_checked(LENGTH).unwrap_or_default()
}

/// Compares in constant time.
pub(crate) fn verify(keys: &RoomKeys, group_id: &[u8], leaf_key: &[u8], admission: &[u8]) -> bool {
    let (admission, ticket) = split(admission);
    (ticket.is_empty() || crate::ticket::decode(ticket).is_some())
        && mac(keys, group_id, leaf_key).is_ok_and(|mac| mac.verify_truncated_left(admission).is_ok())
}

fn mac(keys: &RoomKeys, group_id: &[u8], leaf_key: &[u8]) -> Result<Hmac<Sha256>, SessionError> {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(keys.admission()).map_err(|_| SessionError::Crypto)?;
    mac.update(b"conclave adm");
    mac.update(group_id);
    mac.update(leaf_key);
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::RoomSecret;

    #[test]
    fn it_holds_for_its_room_group_and_leaf_only() {
        let keys = RoomKeys::derive(&RoomSecret::new([1; 32]), &[2; 16]).unwrap();
        let stranger = RoomKeys::derive(&RoomSecret::new([9; 32]), &[2; 16]).unwrap();
        let admission = create(&keys, b"group", &[3; 32]).unwrap();
        assert!(verify(&keys, b"group", &[3; 32], &admission));
        assert!(!verify(&stranger, b"group", &[3; 32], &admission));
        assert!(!verify(&keys, b"other", &[3; 32], &admission));
        assert!(!verify(&keys, b"group", &[4; 32], &admission));
        assert!(
            !verify(&keys, b"group", &[3; 32], &admission[..8]),
            "a shorter MAC is no MAC"
        );
        assert!(!verify(&keys, b"group", &[3; 32], &[]));
    }
}
