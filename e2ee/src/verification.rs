//! The call code that people compare: everybody in the same epoch of the same group has the same one.

use pbkdf2::pbkdf2_hmac;
use sha2::Sha512;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Groups of five digits.
const GROUPS: usize = 6;

/// What the call code of an epoch is made of: the parameters of a PBKDF2-HMAC-SHA512. Has no Debug.
///
/// Whoever has a faster PBKDF2, or one on another thread, derives [`Self::LENGTH`] bytes with it and has
/// [`Self::format`] write them down.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CodeMaterial {
    epoch_authenticator: Vec<u8>,
    group_id: Vec<u8>,
}

impl CodeMaterial {
    pub(crate) fn new(epoch_authenticator: &[u8], group_id: &[u8]) -> Self {
        Self {
            epoch_authenticator: epoch_authenticator.to_vec(),
            group_id: group_id.to_vec(),
        }
    }

    /// Rounds of PBKDF2.
    pub const ROUNDS: u32 = 131_072;
    /// Bytes to derive.
    pub const LENGTH: usize = GROUPS * 5;

    /// PBKDF2's password: the epoch authenticator. It opens no frame and no message.
    pub fn password(&self) -> &[u8] {
        &self.epoch_authenticator
    }

    /// PBKDF2's salt.
    pub fn salt(&self) -> Vec<u8> {
        [b"conclave code".as_slice(), &self.group_id].concat()
    }

    /// The code: 30 digits in six groups of five. Slow on purpose (131072 rounds of PBKDF2, some 100 ms): not on a
    /// media thread.
    pub fn derive(&self) -> String {
        let mut bytes = [0; Self::LENGTH];
        pbkdf2_hmac::<Sha512>(self.password(), &self.salt(), Self::ROUNDS, &mut bytes);
        Self::format(&bytes)
    }

    /// The code of derived bytes.
    pub fn format(bytes: &[u8; Self::LENGTH]) -> String {
        let (groups, _) = bytes.as_chunks::<5>();
        let groups: Vec<String> = groups.iter().map(digits).collect();
        groups.join(" ")
    }
}

/// 40 bits, big endian, modulo 10^5.
fn digits(bytes: &[u8; 5]) -> String {
    let value = bytes
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    format!("{:05}", value % 100_000)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The browser's tests read the same file.
    const VECTOR: &str = include_str!("../../docs/vectors/call-code.json");

    fn unhex(text: &Value) -> Vec<u8> {
        let (pairs, _) = text.as_str().unwrap().as_bytes().as_chunks::<2>();
        pairs
            .iter()
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn the_code_is_that_of_the_published_vector() {
        let vector: Value = serde_json::from_str(VECTOR).unwrap();
        let material = CodeMaterial::new(
            &unhex(&vector["epoch_authenticator"]),
            &unhex(&vector["group_id"]),
        );
        assert_eq!(material.password(), unhex(&vector["epoch_authenticator"]));
        assert_eq!(material.salt(), unhex(&vector["salt"]));
        assert_eq!(vector["rounds"], CodeMaterial::ROUNDS);
        let bytes = unhex(&vector["bytes"]).try_into().unwrap();
        assert_eq!(vector["code"], CodeMaterial::format(&bytes));
        assert_eq!(vector["code"], material.derive());
    }

    #[test]
    fn the_code_is_thirty_digits_and_depends_on_epoch_and_group() {
        let code = CodeMaterial::new(&[1; 32], b"group").derive();
        assert_eq!(code.len(), 35);
        assert!(
            code.split(' ')
                .all(|group| group.len() == 5 && group.bytes().all(|b| b.is_ascii_digit()))
        );
        assert_eq!(code.split(' ').count(), 6);
        assert_eq!(code, CodeMaterial::new(&[1; 32], b"group").derive());
        assert_ne!(code, CodeMaterial::new(&[2; 32], b"group").derive());
        assert_ne!(code, CodeMaterial::new(&[1; 32], b"other").derive());
    }

    #[test]
    fn a_group_of_digits_keeps_its_leading_zeros() {
        assert_eq!(digits(&[0, 0, 0, 0, 7]), "00007");
        assert_eq!(digits(&[0xFF; 5]), "27775");
    }
}
