//! The other end of a [`crate::peer::PeerTransport`]: the transport of a client, for tests and load.
//!
//! A controlling ICE agent, a DTLS client, SRTP both ways. The same law: after every
//! `handle_*` drain [`ClientTransport::poll_transmit`] and [`ClientTransport::poll_event`], then sleep until
//! [`ClientTransport::poll_timeout`]. It has no buffers of its own, so that thousands fit into a process.

mod checks;
mod dtls;

#[cfg(test)]
mod tests;

pub use checks::{RemoteCandidate, RemoteIce};

use std::collections::VecDeque;
use std::time::Instant;

use crate::address::TransportAddress;
use crate::classify::{DatagramKind, classify};
use crate::dtls::{Certificate, DtlsEvent, Fingerprint};
use crate::peer::{DropReason, HANDSHAKE_TIMEOUT, LostReason, Received, Transmit};
use crate::route::IceCredentials;
use crate::srtp::{Profile, SealError, SrtpKeys, SrtpReceiver, SrtpSender};

use checks::Checks;
use dtls::DtlsClient;

/// What a client's transport is made from.
pub struct ClientConfig {
    /// Our ICE credentials, which the offer carried.
    pub local: IceCredentials,
    /// Our certificate, whose fingerprint the offer carried. Clients may share one.
    pub certificate: Certificate,
    /// What the answer says about ICE.
    pub remote: RemoteIce,
    /// The `a=fingerprint` of the answer.
    pub remote_fingerprint: Fingerprint,
}

/// What the transport tells its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// This server address answered and is nominated: everything goes there from now on.
    Selected(TransportAddress),
    /// The handshake is done and the fingerprint is the answer's: media can flow.
    Connected {
        /// The SRTP profile that was negotiated.
        profile: Profile,
    },
    /// The transport is over. No event follows.
    Lost(LostReason),
}

/// The transport of one client.
pub struct ClientTransport {
    checks: Checks,
    dtls: DtlsClient,
    media: Media,
    transmits: VecDeque<Transmit>,
    events: VecDeque<ClientEvent>,
}

/// How far media has come.
enum Media {
    /// Keys must be there by `deadline`.
    Connecting {
        deadline: Instant,
    },
    Connected(Box<Srtp>),
    Closed,
}

struct Srtp {
    receiver: SrtpReceiver,
    sender: SrtpSender,
}

impl ClientTransport {
    /// Starts checking the candidates of an answer.
    #[must_use]
    pub fn new(now: Instant, config: ClientConfig) -> Self {
        let mut transport = Self {
            checks: Checks::new(now, &config.local, config.remote),
            dtls: DtlsClient::new(config.certificate, config.remote_fingerprint),
            media: Media::Connecting {
                deadline: now + HANDSHAKE_TIMEOUT,
            },
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        transport.take_checks();
        transport
    }

    /// Handles a datagram from `from`. RTP and RTCP are opened in place in `datagram`.
    ///
    /// # Errors
    /// [`DropReason`] when the datagram changes nothing.
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
                Ok(Received::Rtp { len })
            }
            DatagramKind::Rtcp => {
                let len = self.receiver(from)?.open_rtcp(datagram)?;
                Ok(Received::Rtcp { len })
            }
            DatagramKind::Stun => {
                let selected = self.checks.handle_message(now, from, datagram)?;
                self.take_checks();
                if let Some(selected) = selected {
                    self.events.push_back(ClientEvent::Selected(selected));
                    self.dtls.start(now).map_err(DropReason::Dtls)?;
                    self.take_dtls_transmits();
                }
                Ok(Received::Consumed)
            }
            DatagramKind::Dtls => self.handle_dtls(now, from, datagram),
            DatagramKind::Unknown => Err(DropReason::Unknown),
        }
    }

    /// Moves time forward; call it when [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.media {
            Media::Closed => return,
            Media::Connecting { deadline } if now >= deadline => {
                return self.lose(LostReason::HandshakeFailed);
            }
            Media::Connecting { .. } | Media::Connected(_) => {}
        }
        if self.checks.is_lost(now) {
            return self.lose(LostReason::ConsentExpired);
        }
        self.checks.handle_timeout(now);
        self.take_checks();
        self.dtls.handle_timeout(now);
        self.take_dtls_transmits();
    }

    /// Our address has changed: all candidates are checked anew, and the server's media follows the nomination. DTLS
    /// and SRTP go on.
    pub fn recheck(&mut self, now: Instant) {
        self.checks.recheck(now);
        self.take_checks();
    }

    /// An ICE restart (RFC 8445 §9): the credentials of a new offer and what its answer says. DTLS and SRTP go on.
    pub fn restart_ice(&mut self, now: Instant, local: &IceCredentials, remote: RemoteIce) {
        self.checks.restart(now, local, remote);
        self.take_checks();
    }

    /// Says goodbye (close_notify) and ends the transport; drain [`Self::poll_transmit`] once more afterwards.
    pub fn close(&mut self, now: Instant) {
        if matches!(self.media, Media::Closed) {
            return;
        }
        self.dtls.close(now);
        self.end();
    }

    /// Seals the RTP packet in the first `len` bytes of `buffer`, which must have [`crate::srtp::RTP_OVERHEAD`] more;
    /// returns the sealed length.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        self.sender()?.seal_rtp(buffer, len)
    }

    /// Seals the RTCP packet in the first `len` bytes of `buffer`, which must have [`crate::srtp::RTCP_OVERHEAD`] more;
    /// returns the sealed length.
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
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` once the transport is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = match &self.media {
            Media::Closed => return None,
            Media::Connecting { deadline } => Some(*deadline),
            Media::Connected(_) => None,
        };
        [
            Some(self.checks.poll_timeout()),
            deadline,
            self.dtls.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The server address sealed packets are to be sent to.
    #[must_use]
    pub fn remote_address(&self) -> Option<TransportAddress> {
        self.checks.selected()
    }

    /// Whether the selected address has answered the last check: the server sends there now.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.checks.is_settled()
    }

    /// Whether media can be sealed and opened now.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.media, Media::Connected(_))
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        from: TransportAddress,
        datagram: &[u8],
    ) -> Result<Received, DropReason> {
        if !self.checks.is_candidate(from) {
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

    fn connect(&mut self, keys: &SrtpKeys) {
        let profile = keys.profile;
        let receiver = SrtpReceiver::new(profile, &keys.server);
        let sender = SrtpSender::new(profile, &keys.client);
        if let (Ok(receiver), Ok(sender)) = (receiver, sender) {
            self.media = Media::Connected(Box::new(Srtp { receiver, sender }));
            self.events.push_back(ClientEvent::Connected { profile });
        } else {
            self.lose(LostReason::HandshakeFailed);
        }
    }

    fn lose(&mut self, reason: LostReason) {
        self.end();
        self.events.push_back(ClientEvent::Lost(reason));
    }

    /// Ends the transport; the SRTP keys go with the state that held them.
    fn end(&mut self) {
        self.take_dtls_transmits();
        self.media = Media::Closed;
    }

    fn take_checks(&mut self) {
        while let Some(transmit) = self.checks.poll_transmit() {
            self.transmits.push_back(transmit);
        }
    }

    fn take_dtls_transmits(&mut self) {
        let to = self.checks.selected();
        while let Some(bytes) = self.dtls.poll_transmit() {
            if let Some(to) = to {
                self.transmits.push_back(Transmit { to, bytes });
            }
        }
    }

    fn receiver(&mut self, from: TransportAddress) -> Result<&mut SrtpReceiver, DropReason> {
        if !self.checks.is_candidate(from) {
            return Err(DropReason::UncheckedAddress);
        }
        match &mut self.media {
            Media::Connected(srtp) => Ok(&mut srtp.receiver),
            Media::Connecting { .. } | Media::Closed => Err(DropReason::NotConnected),
        }
    }

    fn sender(&mut self) -> Result<&mut SrtpSender, SealError> {
        match &mut self.media {
            Media::Connected(srtp) => Ok(&mut srtp.sender),
            Media::Connecting { .. } | Media::Closed => Err(SealError::NotConnected),
        }
    }
}

/// A client's transport may move between threads.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<ClientTransport>();
};
