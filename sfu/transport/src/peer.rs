//! One peer's transport: ICE-lite, DTLS and SRTP glued into one sans-IO machine.
//!
//! In: datagrams, time, packets to seal. Out: opened packets, datagrams to send, [`PeerEvent`]s.
//! After every `handle_*` drain [`PeerTransport::poll_transmit`] and [`PeerTransport::poll_event`],
//! then sleep until [`PeerTransport::poll_timeout`].

use std::net::SocketAddr;
use std::time::Instant;

use crate::dtls::{Certificate, Fingerprint};
use crate::route::IceCredentials;
use crate::srtp::{OpenError, Profile, SealError};

/// What a peer's transport is made from.
pub struct PeerConfig {
    /// Our ICE credentials, which the answer carries.
    pub local: IceCredentials,
    /// The `a=ice-ufrag` of the peer's offer.
    pub remote_ufrag: String,
    /// The `a=fingerprint` of the peer's offer.
    pub remote_fingerprint: Fingerprint,
    /// Our certificate, whose fingerprint the answer carries.
    pub certificate: Certificate,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The buffer's first `len` bytes are now a plaintext RTP packet.
    Rtp {
        /// Length of the plaintext packet.
        len: usize,
    },
    /// The buffer's first `len` bytes are now a plaintext compound RTCP packet.
    Rtcp {
        /// Length of the plaintext packet.
        len: usize,
    },
    /// STUN or DTLS; it was dealt with inside.
    Consumed,
}

/// Why a datagram was dropped. To be counted; nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// Not a protocol of this port.
    #[error("unknown datagram")]
    Unknown,
    /// STUN that is malformed, not a Binding request, for somebody else or not authentic.
    #[error("unacceptable STUN message")]
    Stun,
    /// From an address no authenticated check has come from.
    #[error("datagram from an unchecked address")]
    UncheckedAddress,
    /// DTLS that makes no sense now.
    #[error("unacceptable DTLS datagram")]
    Dtls,
    /// Media before the handshake has finished.
    #[error("media before the handshake")]
    NotConnected,
    /// SRTP that does not open.
    #[error(transparent)]
    Srtp(#[from] OpenError),
    /// The transport is lost or closed.
    #[error("the transport is closed")]
    Closed,
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// What the transport tells its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// An authenticated check came from this address: datagrams from it belong to this peer.
    AddressAdded(SocketAddr),
    /// This address belongs to this peer no longer.
    AddressRemoved(SocketAddr),
    /// The peer nominated this address: media goes there from now on.
    Nominated(SocketAddr),
    /// The handshake is done and the fingerprint is the offer's: media can flow.
    Connected {
        /// The SRTP profile that was negotiated.
        profile: Profile,
    },
    /// The transport is over. No event follows.
    Lost(LostReason),
}

/// Why a transport is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostReason {
    /// No authenticated check for 30 s (RFC 7675 §5.1), or none ever.
    ConsentExpired,
    /// The handshake failed or did not finish in time.
    HandshakeFailed,
    /// The peer's certificate is not the one in its offer.
    FingerprintMismatch,
    /// The peer said goodbye.
    ClosedByPeer,
}

/// The transport could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer's transport could not be set up")]
pub struct PeerError;

/// The transport of one peer.
pub struct PeerTransport {
    config: PeerConfig,
}

impl PeerTransport {
    /// Starts the transport of a peer whose offer has been read; it waits for the first check.
    ///
    /// # Errors
    /// [`PeerError`] when DTLS refuses the certificate.
    pub fn new(now: Instant, config: PeerConfig) -> Result<Self, PeerError> {
        let _ = now;
        Ok(Self { config })
    }

    /// Handles a datagram from `from`. RTP and RTCP are opened in place in `datagram`.
    ///
    /// # Errors
    /// [`DropReason`] when the datagram changes nothing and is not answered.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) -> Result<Received, DropReason> {
        let _ = (now, from, datagram);
        Err(DropReason::Unknown)
    }

    /// Moves time forward; call it when [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Starts an ICE restart: new credentials of ours for the next answer and the new offer's ufrag.
    /// DTLS and SRTP go on; the old credentials work until the first check with the new ones.
    pub fn restart_ice(&mut self, local: IceCredentials, remote_ufrag: String) {
        self.config.local = local;
        self.config.remote_ufrag = remote_ufrag;
    }

    /// Says goodbye (close_notify); drain [`Self::poll_transmit`] afterwards.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
    }

    /// Seals the RTP packet in the first `len` bytes of `buffer`, which must have
    /// [`crate::srtp::RTP_OVERHEAD`] more; returns the sealed length.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        let _ = (buffer, len);
        Err(SealError::NotConnected)
    }

    /// Seals the RTCP packet in the first `len` bytes of `buffer`, which must have
    /// [`crate::srtp::RTCP_OVERHEAD`] more; returns the sealed length.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        let _ = (buffer, len);
        Err(SealError::NotConnected)
    }

    /// The next datagram to send, if any.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// The next event, if any.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        None
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` once the transport is lost.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The nominated address, where sealed packets are to be sent.
    #[must_use]
    pub fn remote_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Whether media can be sealed and opened now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        false
    }

    /// Our current ICE credentials, for the answer.
    #[must_use]
    pub fn local_credentials(&self) -> &IceCredentials {
        &self.config.local
    }
}
