//! A DTLS client as a browser has one, in memory, for the tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;

use super::Fingerprint;
use crate::srtp::{Profile, SrtpKeys};

pub(crate) const GCM: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
pub(crate) const SHA1: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;

pub(crate) struct TestClient {
    endpoint: Endpoint,
    server: SocketAddr,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) completed: bool,
    pub(crate) closed: bool,
}

impl TestClient {
    /// A client that offers `profiles` and begins its handshake at `now`.
    pub(crate) fn new(now: Instant, profiles: &[SrtpProtectionProfile]) -> Self {
        Self::with(now, profiles, true, 1200)
    }

    pub(crate) fn with(
        now: Instant,
        profiles: &[SrtpProtectionProfile],
        with_certificate: bool,
        mtu: usize,
    ) -> Self {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(AwsLcRsProvider::new());
        let certificate =
            Certificate::generate_self_signed(vec!["client".to_owned()], provider.crypto()).unwrap();
        let fingerprint = Fingerprint::of(&certificate.certificate[0]);
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(if with_certificate {
                vec![certificate]
            } else {
                vec![]
            })
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_insecure_skip_verify(true)
            .with_mtu(mtu)
            .build(true, None)
            .unwrap();
        let server = SocketAddr::from(([198, 51, 100, 1], 3478));
        let mut endpoint = Endpoint::new(SocketAddr::from(([0, 0, 0, 0], 0)), TransportProtocol::UDP, None);
        endpoint.connect(now, server, Arc::new(config), None).unwrap();
        Self {
            endpoint,
            server,
            fingerprint,
            completed: false,
            closed: false,
        }
    }

    /// Takes a datagram; damage is the client's to survive.
    pub(crate) fn read(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(events) = self
            .endpoint
            .read(now, self.server, None, BytesMut::from(datagram))
        else {
            return;
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.completed = true,
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.endpoint
            .poll_transmit()
            .map(|transmit| transmit.message.to_vec())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&self.server)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let _ = self.endpoint.handle_timeout(self.server, now);
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.endpoint.close(now).unwrap();
    }

    /// The keys as the client exports them.
    pub(crate) fn keys(&self) -> SrtpKeys {
        let state = self.endpoint.get_connection_state(self.server).unwrap();
        let profile = if state.srtp_protection_profile() == GCM {
            Profile::AeadAes128Gcm
        } else {
            assert_eq!(state.srtp_protection_profile(), SHA1);
            Profile::Aes128CmHmacSha1_80
        };
        let len = SrtpKeys::exported_len(profile);
        let material = state
            .export_keying_material("EXTRACTOR-dtls_srtp", &[], len)
            .unwrap();
        SrtpKeys::from_exported(profile, material.as_ref()).unwrap()
    }
}

/// Longer than any handshake of a test may take in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
