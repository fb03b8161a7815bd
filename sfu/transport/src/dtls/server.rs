//! The server's end of one DTLS association, from ClientHello to SRTP keys and goodbye.
//!
//! In: datagrams and time. Out: datagrams and at most one [`DtlsEvent`] per input.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;

use super::filter::Filter;
use super::hello::HelloBuffer;
use super::{Certificate, Fingerprint};
use crate::srtp::{Profile, SrtpKeys};

/// The exporter's label (RFC 5764 §4.2).
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// First pause before a flight is sent again; it doubles up to the last.
const FIRST_RESEND: Duration = Duration::from_millis(200);
const LAST_RESEND: Duration = Duration::from_millis(3200);
/// The endpoint multiplexes by address; each of ours has one peer, whose real address may change.
pub(crate) const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
/// A HelloVerifyRequest, which is answered by the client's repeat and never sent again by itself.
const HELLO_VERIFY_REQUEST: u8 = 3;
/// Where a datagram's first record has its handshake type.
const MESSAGE_TYPE_AT: usize = 13;

/// A DTLS datagram that changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unacceptable DTLS datagram")]
pub struct DtlsDrop;

/// What the association has come to.
pub enum DtlsEvent {
    /// The handshake is done with the peer the offer named; here are the keys, this once.
    Connected(Box<SrtpKeys>),
    /// The handshake is done, but with somebody else's certificate.
    FingerprintMismatch,
    /// The handshake is done without anything SRTP could use.
    NoKeys,
    /// The peer said goodbye.
    PeerClosed,
}

/// The server's end of one association.
pub struct DtlsServer {
    certificate: Certificate,
    expected: Fingerprint,
    state: Association,
    filter: Filter,
    outbox: VecDeque<Vec<u8>>,
    /// The flight we wait for an answer to, byte for byte as it was sent.
    flight: Vec<Vec<u8>>,
    resend_at: Option<Instant>,
    resend_pause: Duration,
}

enum Association {
    AwaitingHello(HelloBuffer),
    Handshaking(Box<Endpoint>),
    Established(Box<Endpoint>),
    Closed,
}

impl DtlsServer {
    /// Waits for the ClientHello of the peer whose offer carried `expected`.
    #[must_use]
    pub fn new(certificate: Certificate, expected: Fingerprint) -> Self {
        Self {
            certificate,
            expected,
            state: Association::AwaitingHello(HelloBuffer::default()),
            filter: Filter::new(),
            outbox: VecDeque::new(),
            flight: Vec::new(),
            resend_at: None,
            resend_pause: FIRST_RESEND,
        }
    }

    /// Handles a datagram.
    ///
    /// # Errors
    /// [`DtlsDrop`] when nothing in it is acceptable.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<DtlsEvent>, DtlsDrop> {
        let mut passed = Vec::with_capacity(datagram.len());
        if !self.filter.pass(datagram, &mut passed) {
            return Err(DtlsDrop);
        }
        match &mut self.state {
            Association::AwaitingHello(hello) => {
                let Some((profile, held)) = hello.push(passed) else {
                    return Ok(None);
                };
                let config = self.certificate.config(profile);
                let endpoint = Endpoint::new(PEER, TransportProtocol::UDP, Some(config));
                self.state = Association::Handshaking(Box::new(endpoint));
                let mut event = None;
                for datagram in held {
                    event = self.read(now, &datagram)?.or(event);
                }
                Ok(event)
            }
            Association::Handshaking(_) | Association::Established(_) => self.read(now, &passed),
            Association::Closed => Err(DtlsDrop),
        }
    }

    /// Sends the last flight again when its time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.resend_at.is_none_or(|at| now < at) {
            return;
        }
        // Byte for byte: what the client already has, its replay check drops.
        self.outbox.extend(self.flight.iter().cloned());
        self.resend_pause = (self.resend_pause * 2).min(LAST_RESEND);
        self.resend_at = Some(now + self.resend_pause);
    }

    /// Says goodbye, if there is anybody to say it to.
    pub fn close(&mut self, now: Instant) {
        if let Association::Handshaking(endpoint) | Association::Established(endpoint) = &mut self.state {
            endpoint.stop(now, PEER);
            drain(endpoint, &mut self.outbox);
        }
        self.end();
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.resend_at
    }

    /// Feeds the handshake and takes what it has to say.
    fn read(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<DtlsEvent>, DtlsDrop> {
        let (Association::Handshaking(endpoint) | Association::Established(endpoint)) = &mut self.state
        else {
            return Err(DtlsDrop);
        };
        let result = endpoint.read(now, PEER, None, BytesMut::from(datagram));
        let sent_before = self.outbox.len();
        drain(endpoint, &mut self.outbox);
        let sent: Vec<Vec<u8>> = self.outbox.iter().skip(sent_before).cloned().collect();
        self.note_flight(now, sent);
        let Ok(events) = result else {
            // What the handshake makes of a bad message is its own affair; the deadline ends it.
            return Err(DtlsDrop);
        };
        let mut outcome = None;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => outcome = Some(self.complete(now)),
                EndpointEvent::PeerClosed => {
                    self.end();
                    outcome = Some(DtlsEvent::PeerClosed);
                }
                // There are no data channels.
                _ => {}
            }
        }
        Ok(outcome)
    }

    /// Remembers what was sent as the flight to repeat, unless the client repeats for it.
    fn note_flight(&mut self, now: Instant, sent: Vec<Vec<u8>>) {
        let Some(first) = sent.first() else { return };
        if !matches!(self.state, Association::Handshaking(_)) {
            return;
        }
        if first.get(MESSAGE_TYPE_AT) == Some(&HELLO_VERIFY_REQUEST) {
            self.flight.clear();
            self.resend_at = None;
        } else {
            self.flight = sent;
            self.resend_pause = FIRST_RESEND;
            self.resend_at = Some(now + self.resend_pause);
        }
    }

    /// Checks who the handshake was done with and takes the keys.
    fn complete(&mut self, now: Instant) -> DtlsEvent {
        self.flight.clear();
        self.resend_at = None;
        self.filter.establish();
        let Association::Handshaking(endpoint) = std::mem::replace(&mut self.state, Association::Closed)
        else {
            return DtlsEvent::NoKeys;
        };
        let event = conclude(&endpoint, self.expected);
        self.state = Association::Established(endpoint);
        if !matches!(event, DtlsEvent::Connected(_)) {
            self.close(now);
        }
        event
    }

    fn end(&mut self) {
        self.state = Association::Closed;
        self.flight.clear();
        self.resend_at = None;
    }
}

/// What a finished handshake has come to: the keys, if it was done with the owner of `expected`.
pub(crate) fn conclude(endpoint: &Endpoint, expected: Fingerprint) -> DtlsEvent {
    let state = endpoint.get_connection_state(PEER);
    let presented = state
        .and_then(|state| state.peer_certificates.first())
        .map(|der| Fingerprint::of(der));
    match (presented, state.and_then(export)) {
        (Some(presented), Some(keys)) if presented == expected => DtlsEvent::Connected(Box::new(keys)),
        (Some(presented), _) if presented != expected => DtlsEvent::FingerprintMismatch,
        _ => DtlsEvent::NoKeys,
    }
}

pub(crate) fn drain(endpoint: &mut Endpoint, outbox: &mut VecDeque<Vec<u8>>) {
    while let Some(transmit) = endpoint.poll_transmit() {
        outbox.push_back(transmit.message.to_vec());
    }
}

/// Exports the SRTP keys of a finished handshake.
fn export(state: &State) -> Option<SrtpKeys> {
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmHmacSha1_80,
        _ => return None,
    };
    let material = state
        .export_keying_material(EXPORTER_LABEL, &[], SrtpKeys::exported_len(profile))
        .ok()?;
    SrtpKeys::from_exported(profile, material.as_ref())
}
