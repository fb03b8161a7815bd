//! The DTLS-SRTP server: our certificate, the peer's fingerprint, and the handshake that yields SRTP keys.
//!
//! The handshake itself is `rtc-dtls`'s. Around it stand what it lacks for a server that talks to
//! strangers: a choice of SRTP profile that prefers GCM whatever order the client lists ([`hello`]), a
//! filter that lets only sane records through and bounds their number ([`filter`]), and retransmission
//! that goes on after a duplicated flight ([`server`]).

mod filter;
mod hello;
pub(crate) mod server;

#[cfg(test)]
pub(crate) mod test_client;
#[cfg(test)]
mod tests;

pub use server::{DtlsDrop, DtlsEvent, DtlsServer};

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate as RtcCertificate;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use crate::srtp::Profile;

/// The SHA-256 digest of a certificate, as `a=fingerprint` carries it (RFC 8122 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a DER-encoded certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0u8; 32];
        for (byte, from) in bytes.iter_mut().zip(digest(&SHA256, certificate).as_ref()) {
            *byte = *from;
        }
        Self(bytes)
    }
}

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
            let is_hex = |part: &&str| part.len() == 2 && part.bytes().all(|char| char.is_ascii_hexdigit());
            let part = parts.next().filter(is_hex).ok_or(FingerprintError)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| FingerprintError)?;
        }
        if parts.next().is_some() {
            Err(FingerprintError)
        } else {
            Ok(Self(digest))
        }
    }
}

/// Our DTLS certificate: ECDSA P-256, self-signed, made at start and shared by all peers. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    configs: Arc<Configs>,
    fingerprint: Fingerprint,
}

/// The handshake's configuration for each SRTP profile: `rtc-dtls` follows the client's order, so it is
/// given no choice.
struct Configs {
    gcm: Arc<HandshakeConfig>,
    sha1: Arc<HandshakeConfig>,
    #[cfg(any(test, feature = "client"))]
    client: Arc<HandshakeConfig>,
}

/// The certificate could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DTLS certificate could not be generated")]
pub struct CertificateError;

impl Certificate {
    /// Makes a fresh certificate.
    ///
    /// # Errors
    /// [`CertificateError`] when the crypto library cannot make a key.
    pub fn generate() -> Result<Self, CertificateError> {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(AwsLcRsProvider::new());
        let certificate =
            RtcCertificate::generate_self_signed(vec!["conclave".to_owned()], provider.crypto())
                .map_err(|_| CertificateError)?;
        let der = certificate.certificate.first().ok_or(CertificateError)?;
        let fingerprint = Fingerprint::of(der);
        let config = |profile| config(&provider, &certificate, profile);
        let configs = Configs {
            gcm: config(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?,
            sha1: config(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?,
            #[cfg(any(test, feature = "client"))]
            client: client_config(&provider, &certificate)?,
        };
        Ok(Self {
            configs: Arc::new(configs),
            fingerprint,
        })
    }

    /// Its fingerprint, for the answer's `a=fingerprint`.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The configuration of a client's handshake.
    #[cfg(any(test, feature = "client"))]
    pub(crate) fn client_config(&self) -> &Arc<HandshakeConfig> {
        &self.configs.client
    }

    fn config(&self, profile: Profile) -> Arc<HandshakeConfig> {
        match profile {
            Profile::AeadAes128Gcm => Arc::clone(&self.configs.gcm),
            Profile::Aes128CmHmacSha1_80 => Arc::clone(&self.configs.sha1),
        }
    }
}

/// A server's handshake.
fn config(
    provider: &Arc<dyn RTCCryptoProvider>,
    certificate: &RtcCertificate,
    profile: SrtpProtectionProfile,
) -> Result<Arc<HandshakeConfig>, CertificateError> {
    let config = common_config(provider, certificate, profile)
        // The client must prove that it owns its certificate; which one it must be, the offer says, and
        // `DtlsServer` compares.
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // Retransmission is `DtlsServer`'s: theirs stops for good after a duplicated flight.
        .with_flight_interval(NEVER)
        .build(false, None)
        .map_err(|_| CertificateError)?;
    Ok(Arc::new(config))
}

#[cfg(any(test, feature = "client"))]
fn client_config(
    provider: &Arc<dyn RTCCryptoProvider>,
    certificate: &RtcCertificate,
) -> Result<Arc<HandshakeConfig>, CertificateError> {
    let config = common_config(
        provider,
        certificate,
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    )
    // Certificates are self-signed: the fingerprint of the answer says whose they are.
    .with_insecure_skip_verify(true)
    .with_flight_interval(CLIENT_FLIGHT_INTERVAL)
    .build(true, None)
    .map_err(|_| CertificateError)?;
    Ok(Arc::new(config))
}

/// What both ends of a handshake ask for.
fn common_config(
    provider: &Arc<dyn RTCCryptoProvider>,
    certificate: &RtcCertificate,
    profile: SrtpProtectionProfile,
) -> ConfigBuilder {
    let suites = vec![
        CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
        CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
    ];
    ConfigBuilder::default()
        .with_crypto_provider(Arc::clone(provider))
        .with_certificates(vec![certificate.clone()])
        .with_cipher_suites(suites)
        .with_srtp_protection_profiles(vec![profile])
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_mtu(MTU)
}

/// Pause before a client repeats a flight.
#[cfg(any(test, feature = "client"))]
const CLIENT_FLIGHT_INTERVAL: Duration = Duration::from_millis(400);

/// Size handshake messages are fragmented to, in bytes: fits any path a call works on.
const MTU: usize = 1150;
/// Longer than any handshake may take.
const NEVER: Duration = Duration::from_secs(24 * 3600);
