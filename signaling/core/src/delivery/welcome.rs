//! Splits a Welcome so that each joiner gets its own secret only (RFC 9420 §12.4.3.1).
//!
//! With hundreds of joiners, and post-quantum ciphertexts, the whole Welcome would be sent hundreds of times.

use super::tls::{Reader, put_vector};

const VERSION_MLS10: u16 = 1;
const WIRE_FORMAT_WELCOME: u16 = 3;

/// A parsed Welcome; borrows the upload.
pub(crate) struct SplitWelcome<'a> {
    suite: u16,
    secrets: Vec<(&'a [u8], &'a [u8])>,
    group_info: &'a [u8],
}

impl<'a> SplitWelcome<'a> {
    /// Reads an MLSMessage with a Welcome; `None` for anything else.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u16()? != VERSION_MLS10 || reader.u16()? != WIRE_FORMAT_WELCOME {
            return None;
        }
        let suite = reader.u16()?;
        let all = reader.vector()?;
        let group_info = reader.vector()?;
        if !reader.is_empty() {
            return None;
        }
        let mut secrets = Vec::new();
        let mut rest = Reader::new(all);
        while !rest.is_empty() {
            let start = all.len().checked_sub(rest.remaining())?;
            let key_package_ref = rest.vector()?;
            let _kem_output = rest.vector()?;
            let _ciphertext = rest.vector()?;
            let end = all.len().checked_sub(rest.remaining())?;
            secrets.push((key_package_ref, all.get(start..end)?));
        }
        Some(Self {
            suite,
            secrets,
            group_info,
        })
    }

    /// The suite it was made with.
    pub(crate) fn suite(&self) -> u16 {
        self.suite
    }

    /// How many joiners it has a secret for.
    pub(crate) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// The MLSMessage for the joiner with this KeyPackageRef; `None` if it has no secret, or more than one.
    pub(crate) fn only_for(&self, key_package_ref: &[u8]) -> Option<Vec<u8>> {
        let mut own = self
            .secrets
            .iter()
            .filter(|(joiner, _)| *joiner == key_package_ref);
        let (_, secret) = own.next()?;
        if own.next().is_some() {
            return None;
        }
        let mut out = Vec::with_capacity(secret.len() + self.group_info.len() + 16);
        out.extend_from_slice(&VERSION_MLS10.to_be_bytes());
        out.extend_from_slice(&WIRE_FORMAT_WELCOME.to_be_bytes());
        out.extend_from_slice(&self.suite.to_be_bytes());
        put_vector(&mut out, secret)?;
        put_vector(&mut out, self.group_info)?;
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(refs: &[&[u8]]) -> Vec<u8> {
        let mut secrets = Vec::new();
        for key_package_ref in refs {
            for field in [key_package_ref, &b"kem"[..], &b"ciphertext"[..]] {
                put_vector(&mut secrets, field).unwrap();
            }
        }
        let mut bytes = vec![0, 1, 0, 3, 0, 1];
        put_vector(&mut bytes, &secrets).unwrap();
        put_vector(&mut bytes, b"group info").unwrap();
        bytes
    }

    #[test]
    fn a_joiner_gets_its_own_secret_and_no_other() {
        let bytes = welcome(&[b"first", b"second"]);
        let split = SplitWelcome::parse(&bytes).unwrap();
        assert_eq!(split.len(), 2);
        assert_eq!(split.only_for(b"second"), Some(welcome(&[b"second"])));
        assert_eq!(split.only_for(b"third"), None);
    }

    #[test]
    fn two_secrets_for_one_joiner_are_refused() {
        let bytes = welcome(&[b"first", b"first"]);
        assert_eq!(SplitWelcome::parse(&bytes).unwrap().only_for(b"first"), None);
    }

    #[test]
    fn a_truncated_welcome_is_refused_at_every_length() {
        let bytes = welcome(&[b"first"]);
        for len in 0..bytes.len() {
            assert!(SplitWelcome::parse(&bytes[..len]).is_none(), "length {len}");
        }
    }
}
