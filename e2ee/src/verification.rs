//! The call code that people compare: everybody in the same epoch of the same group has the same one.

use pbkdf2::pbkdf2_hmac;
use sha2::Sha512;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Rounds of PBKDF2.
const ROUNDS: u32 = 131_072;
/// Groups of five digits.
const GROUPS: usize = 6;

/// What the call code of an epoch is made of. Has no Debug.
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

    /// The code: 30 digits in six groups of five. Slow on purpose (131072 rounds of PBKDF2, some 100 ms): not on a
    /// media thread.
    pub fn derive(&self) -> String {
        let salt = [b"conclave code".as_slice(), &self.group_id].concat();
        let mut bytes = [0; GROUPS * 5];
        pbkdf2_hmac::<Sha512>(&self.epoch_authenticator, &salt, ROUNDS, &mut bytes);
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
    use super::*;

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
