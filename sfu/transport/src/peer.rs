//! One peer's transport: ICE-lite, DTLS and SRTP glued into one sans-IO machine.
//!
//! In: datagrams, time, packets to seal. Out: opened packets, datagrams to send, [`PeerEvent`]s.
//! After every `handle_*` drain [`PeerTransport::poll_transmit`] and [`PeerTransport::poll_event`],
//! then sleep until [`PeerTransport::poll_timeout`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::address::TransportAddress;
use crate::classify::{DatagramKind, classify};
use crate::dtls::{Certificate, DtlsDrop, DtlsEvent, DtlsServer, Fingerprint};
use crate::ice_lite::{IceDrop, IceLite};
use crate::route::IceCredentials;
use crate::srtp::{OpenError, Profile, SealError, SrtpKeys, SrtpReceiver, SrtpSender};

/// How long the handshake may take from the first check on.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

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
    #[error(transparent)]
    Stun(#[from] IceDrop),
    /// From an address no authenticated check has come from.
    #[error("datagram from an unchecked address")]
    UncheckedAddress,
    /// DTLS that makes no sense now.
    #[error(transparent)]
    Dtls(#[from] DtlsDrop),
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
    pub to: TransportAddress,
    /// What.
    pub bytes: Vec<u8>,
}

/// What the transport tells its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// An authenticated check came from this address: datagrams from it belong to this peer.
    AddressAdded(TransportAddress),
    /// This address belongs to this peer no longer.
    AddressRemoved(TransportAddress),
    /// The peer nominated this address or sends its media from there: media goes there from now on.
    Nominated(TransportAddress),
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

/// The transport of one peer.
pub struct PeerTransport {
    ice: IceLite,
    dtls: DtlsServer,
    media: Media,
    transmits: VecDeque<Transmit>,
    events: VecDeque<PeerEvent>,
}

/// How far media has come.
enum Media {
    /// No authenticated check yet: there is no deadline but the first check's own.
    Waiting,
    /// Checks come; the handshake must be done by `deadline`.
    Handshaking { deadline: Instant },
    /// Keys are there.
    Connected(Box<Srtp>),
    /// Over, by a loss or by us.
    Closed,
}

/// The two halves of a connected peer's SRTP.
struct Srtp {
    receiver: SrtpReceiver,
    sender: SrtpSender,
}

impl PeerTransport {
    /// Starts the transport of a peer whose offer has been read; it waits for the first check.
    #[must_use]
    pub fn new(now: Instant, config: PeerConfig) -> Self {
        Self {
            ice: IceLite::new(now, config.local, &config.remote_ufrag),
            dtls: DtlsServer::new(config.certificate, config.remote_fingerprint),
            media: Media::Waiting,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Handles a datagram from `from`. RTP and RTCP are opened in place in `datagram`.
    ///
    /// # Errors
    /// [`DropReason`] when the datagram changes nothing and is not answered.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: TransportAddress,
        datagram: &mut [u8],
    ) -> Result<Received, DropReason> {
        if matches!(self.media, Media::Closed) {
            return Err(DropReason::Closed);
        }
        match classify(datagram) {
            DatagramKind::Rtp => {
                let len = self.receiver(from)?.open_rtp(datagram)?;
                self.follow(from);
                Ok(Received::Rtp { len })
            }
            DatagramKind::Rtcp => {
                let len = self.receiver(from)?.open_rtcp(datagram)?;
                self.follow(from);
                Ok(Received::Rtcp { len })
            }
            DatagramKind::Stun => self.handle_stun(now, from, datagram),
            DatagramKind::Dtls => self.handle_dtls(now, from, datagram),
            DatagramKind::Unknown => Err(DropReason::Unknown),
        }
    }

    /// Moves time forward; call it when [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.media, Media::Closed) {
            return;
        }
        if self.ice.is_lost(now) {
            return self.lose(LostReason::ConsentExpired);
        }
        if let Media::Handshaking { deadline } = self.media
            && now >= deadline
        {
            return self.lose(LostReason::HandshakeFailed);
        }
        while let Some(address) = self.ice.expire_address(now) {
            self.events.push_back(PeerEvent::AddressRemoved(address));
        }
        self.dtls.handle_timeout(now);
        self.take_dtls_transmits();
    }

    /// The connection this address was of is gone: nothing can be sent there. Media goes to the next best address, or
    /// waits for the next check.
    pub fn drop_address(&mut self, address: TransportAddress) {
        if self.ice.remove_address(address) {
            self.events.push_back(PeerEvent::AddressRemoved(address));
        }
    }

    /// Starts an ICE restart: new credentials of ours for the next answer and the new offer's ufrag.
    /// DTLS and SRTP go on; the old credentials work until the first check with the new ones.
    pub fn restart_ice(&mut self, local: IceCredentials, remote_ufrag: &str) {
        self.ice.restart(local, remote_ufrag);
    }

    /// Says goodbye (close_notify) and ends the transport without a [`PeerEvent::Lost`]; drain
    /// [`Self::poll_transmit`] and [`Self::poll_event`] once more afterwards.
    pub fn close(&mut self, now: Instant) {
        if matches!(self.media, Media::Closed) {
            return;
        }
        self.dtls.close(now);
        self.end();
    }

    /// Seals the RTP packet in the first `len` bytes of `buffer`, which must have
    /// [`crate::srtp::RTP_OVERHEAD`] more; returns the sealed length.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        self.sender()?.seal_rtp(buffer, len)
    }

    /// Seals the RTCP packet in the first `len` bytes of `buffer`, which must have
    /// [`crate::srtp::RTCP_OVERHEAD`] more; returns the sealed length.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        self.sender()?.seal_rtcp(buffer, len)
    }

    /// The next datagram to send, if any.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event, if any.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` once the transport is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = match &self.media {
            Media::Closed => return None,
            Media::Handshaking { deadline } => Some(*deadline),
            Media::Waiting | Media::Connected(_) => None,
        };
        [Some(self.ice.poll_timeout()), deadline, self.dtls.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Where sealed packets are to be sent: the nominated address, else the one checked last.
    #[must_use]
    pub fn remote_address(&self) -> Option<TransportAddress> {
        self.ice.remote_address()
    }

    /// Whether media can be sealed and opened now.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.media, Media::Connected(_))
    }

    /// Our current ICE credentials, for the answer.
    #[must_use]
    pub fn local_credentials(&self) -> &IceCredentials {
        self.ice.local()
    }

    fn handle_stun(
        &mut self,
        now: Instant,
        from: TransportAddress,
        datagram: &[u8],
    ) -> Result<Received, DropReason> {
        let answer = self.ice.handle_message(now, from, datagram)?;
        self.transmits.push_back(Transmit {
            to: from,
            bytes: answer.response,
        });
        if matches!(self.media, Media::Waiting) {
            self.media = Media::Handshaking {
                deadline: now + HANDSHAKE_TIMEOUT,
            };
        }
        if let Some(address) = answer.removed {
            self.events.push_back(PeerEvent::AddressRemoved(address));
        }
        if answer.added {
            self.events.push_back(PeerEvent::AddressAdded(from));
        }
        if answer.nominated {
            self.events.push_back(PeerEvent::Nominated(from));
        }
        Ok(Received::Consumed)
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        from: TransportAddress,
        datagram: &[u8],
    ) -> Result<Received, DropReason> {
        if !self.ice.is_checked(from) {
            return Err(DropReason::UncheckedAddress);
        }
        let result = self.dtls.handle_datagram(now, datagram);
        self.take_dtls_transmits();
        match result? {
            None => {}
            Some(DtlsEvent::Connected(keys)) => self.connect(&keys),
            Some(DtlsEvent::FingerprintMismatch) => self.lose(LostReason::FingerprintMismatch),
            Some(DtlsEvent::NoKeys) => self.lose(LostReason::HandshakeFailed),
            Some(DtlsEvent::PeerClosed) => self.lose(LostReason::ClosedByPeer),
        }
        Ok(Received::Consumed)
    }

    /// Media that opened came from `from`: answers to it go there, too.
    fn follow(&mut self, from: TransportAddress) {
        if self.ice.follow(from) {
            self.events.push_back(PeerEvent::Nominated(from));
        }
    }

    fn connect(&mut self, keys: &SrtpKeys) {
        let profile = keys.profile;
        let receiver = SrtpReceiver::new(profile, &keys.client);
        let sender = SrtpSender::new(profile, &keys.server);
        if let (Ok(receiver), Ok(sender)) = (receiver, sender) {
            self.media = Media::Connected(Box::new(Srtp { receiver, sender }));
            self.events.push_back(PeerEvent::Connected { profile });
        } else {
            self.lose(LostReason::HandshakeFailed);
        }
    }

    fn lose(&mut self, reason: LostReason) {
        self.end();
        self.events.push_back(PeerEvent::Lost(reason));
    }

    /// Ends the transport; the SRTP keys go with the state that held them.
    fn end(&mut self) {
        self.take_dtls_transmits();
        self.events
            .extend(self.ice.addresses().map(PeerEvent::AddressRemoved));
        self.media = Media::Closed;
    }

    /// Addresses what DTLS has to say; with nowhere to send it, it is dropped.
    fn take_dtls_transmits(&mut self) {
        let to = self.ice.remote_address();
        while let Some(bytes) = self.dtls.poll_transmit() {
            if let Some(to) = to {
                self.transmits.push_back(Transmit { to, bytes });
            }
        }
    }

    fn receiver(&mut self, from: TransportAddress) -> Result<&mut SrtpReceiver, DropReason> {
        if !self.ice.is_checked(from) {
            return Err(DropReason::UncheckedAddress);
        }
        match &mut self.media {
            Media::Connected(srtp) => Ok(&mut srtp.receiver),
            _ => Err(DropReason::NotConnected),
        }
    }

    fn sender(&mut self) -> Result<&mut SrtpSender, SealError> {
        match &mut self.media {
            Media::Connected(srtp) => Ok(&mut srtp.sender),
            _ => Err(SealError::NotConnected),
        }
    }
}

/// A peer's transport moves between threads with its shard's room.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<PeerTransport>();
};

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
